import java.net.URI;
import java.net.http.*;
import java.time.Duration;

class Follow {
    public static void main(String[] args) throws Exception {
        var client = HttpClient.newHttpClient();
        var host = System.getenv().getOrDefault("HOSTNAME", "");
        for (long after = 0; ; ) {
            var uri = URI.create(System.getenv("CONFIG_URL") + "/raw?wait=60&after=" + after);
            var request = HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(75))
                .header("Authorization", "Bearer " + System.getenv("TOKEN")).header("X-Instance", host).build();
            try {
                var answer = client.send(request, HttpResponse.BodyHandlers.ofString());
                if (answer.statusCode() == 200) {
                    after = Long.parseLong(answer.headers().firstValue("X-Config-Release").orElseThrow());
                    System.out.println(answer.body());
                } else if (answer.statusCode() != 304) {
                    Thread.sleep(2000);
                }
            } catch (java.io.IOException e) {
                Thread.sleep(2000);
            }
        }
    }
}
