import http.client, json, os, socket, time, urllib.error, urllib.request

def follow(url, token, after=0):
    headers = {"Authorization": f"Bearer {token}", "X-Instance": socket.gethostname()}
    while True:
        request = urllib.request.Request(f"{url}?after={after}&wait=60", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=75) as answer:
                config = json.load(answer)
                after = config["release"]
                yield config["content"]
        except urllib.error.HTTPError as error:
            if error.code != 304:
                time.sleep(float(error.headers.get("Retry-After", 2)))
        except (OSError, ValueError, http.client.HTTPException):
            time.sleep(2)

for content in follow(os.environ["CONFIG_URL"], os.environ["TOKEN"]):
    print(content, flush=True)
