//! Requests that both servers get, and the differences that are intended.

/// An intended difference from `axum::serve`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Intended {
    Unreadable,
    Host,
    Http2,
}

impl Intended {
    /// Returns why it is intended.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unreadable => "An unreadable head gets a problem document with our headers, as every refusal does.",
            Self::Host => {
                "A request must name exactly one host. Otherwise a proxy and this server could choose different hosts."
            }
            Self::Http2 => "HTTP/1.1 alone is served. axum's features decide whether it serves HTTP/2.",
        }
    }

    /// Returns the properties that may differ.
    pub fn differences(self) -> &'static [&'static str] {
        match self {
            Self::Unreadable => &["body", "header content-type", "header content-length"],
            Self::Host => &[
                "status",
                "body",
                "header content-type",
                "header content-length",
                "header x-request-id",
                "header transfer-encoding",
                // The body is not read.
                "whether it stays open",
            ],
            Self::Http2 => &["number of answers", "an answer that is cut off", "whether it stays open"],
        }
    }
}

/// Step of a client.
pub(super) enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Lets the server answer.
    Pause,
    /// Closes its direction.
    CloseWrite,
}

pub(super) struct Case {
    pub name: &'static str,
    pub steps: Vec<Step>,
    /// The answers are to `HEAD` and have no bodies.
    pub is_head: bool,
    pub intended: Option<Intended>,
}

impl Case {
    fn intended(mut self, intended: Intended) -> Self {
        self.intended = Some(intended);
        self
    }

    fn head(mut self) -> Self {
        self.is_head = true;
        self
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn send(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(Step::Send(bytes.into()))
    }

    fn pause(self) -> Self {
        self.then(Step::Pause)
    }

    fn close_write(self) -> Self {
        self.then(Step::CloseWrite)
    }
}

fn case(name: &'static str, bytes: impl Into<Vec<u8>>) -> Case {
    Case { name, steps: vec![Step::Send(bytes.into())], is_head: false, intended: None }
}

/// A request with a `Host` and further lines.
fn request(line: &str, lines: &[&str], body: &str) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{line}\r\nHost: x\r\n{lines}\r\n{body}")
}

fn get(path: &str) -> String {
    request(&format!("GET {path} HTTP/1.1"), &[], "")
}

fn echo(lines: &[&str], body: &str) -> String {
    request("POST /echo HTTP/1.1", lines, body)
}

const CHUNKED: &str = "Transfer-Encoding: chunked";

pub(super) fn cases() -> Vec<Case> {
    let mut all = methods_and_versions();
    all.extend(connections());
    all.extend(bodies());
    all.extend(odd_heads());
    all.extend(unreadable_heads());
    all.extend(hosts());
    all.extend(late_answers());
    all
}

fn methods_and_versions() -> Vec<Case> {
    let one = |line: &str| request(line, &[], "");
    vec![
        case("GET", get("/")),
        case("GET with a query", get("/?a=b&c=%20")),
        case("GET of a missing page", get("/nowhere")),
        case("GET of a large answer", get("/large")),
        case("GET of an empty answer", get("/empty")),
        case("GET of a stream", get("/stream")),
        case("GET of events", get("/events")),
        case("GET of 204", get("/no-content")),
        case("GET of 304", get("/not-modified")),
        case("GET of 404 with a body", get("/missing")),
        case("GET of an answer that closes", get("/close")),
        case("GET of a header twice", get("/two-values")),
        case("GET of an answer with a date", get("/dated")),
        case("GET of a body that breaks", get("/broken")),
        case("HEAD", one("HEAD / HTTP/1.1")).head(),
        case("HEAD of a large answer", one("HEAD /large HTTP/1.1")).head(),
        case("HEAD of a stream", one("HEAD /stream HTTP/1.1")).head(),
        case("HEAD of a late answer", one("HEAD /late/text HTTP/1.1")).head(),
        case("OPTIONS", one("OPTIONS / HTTP/1.1")),
        case("OPTIONS *", one("OPTIONS * HTTP/1.1")),
        case("DELETE that is not allowed", one("DELETE / HTTP/1.1")),
        case("TRACE", one("TRACE / HTTP/1.1")),
        case("CONNECT", one("CONNECT x:80 HTTP/1.1")),
        case("unknown method", one("BREW / HTTP/1.1")),
        case("lower-case method", one("get / HTTP/1.1")),
        case("absolute form", one("GET http://x/text HTTP/1.1")),
        case("HTTP/1.0", one("GET / HTTP/1.0")),
        case("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n"),
        case("HTTP/1.0 of a stream", one("GET /stream HTTP/1.0")),
        case("HTTP/1.0 of a late answer", one("GET /late/text HTTP/1.0")),
        case("HTTP/1.0 with keep-alive", request("GET / HTTP/1.0", &["Connection: keep-alive"], "")),
        case("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0").intended(Intended::Http2),
    ]
}

fn connections() -> Vec<Case> {
    let with = |line: &str| request("GET / HTTP/1.1", &[line], "");
    let upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: eA==", "Sec-WebSocket-Version: 13"];
    let h2c = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"];
    let ignored = request("POST /ignore HTTP/1.1", &["Content-Length: 4"], "body");
    vec![
        case("Connection: close", with("Connection: close")),
        case("Connection: keep-alive", with("Connection: keep-alive")),
        case("Connection: keep-alive, close", with("Connection: Keep-Alive, Close")),
        case("Connection: of another header", with("Connection: x-closed")),
        case("two requests one after the other", get("/")).pause().send(get("/text")),
        case("two pipelined requests", get("/") + &get("/text")),
        case("pipelined behind a body", echo(&["Content-Length: 4"], "body") + &get("/text")),
        case("pipelined behind a chunked body", echo(&[CHUNKED], "4\r\nbody\r\n0\r\n\r\n") + &get("/text")),
        case("pipelined behind an ignored body", ignored.clone() + &get("/text")),
        case("pipelined behind a late answer", get("/late/text") + &get("/") + &get("/late/stream")),
        case("pipelined behind close", with("Connection: close") + &get("/text")),
        case("pipelined behind an answer that closes", get("/close") + &get("/text")),
        case("twenty pipelined requests", get("/text").repeat(20)),
        case("pipelined large answers", get("/large").repeat(3)),
        case("pipelined behind ignored bodies and large answers", {
            request("POST /ignore-large HTTP/1.1", &["Content-Length: 4"], "body").repeat(3) + &get("/text")
        }),
        case("unreadable behind an answer", get("/") + "nonsense\r\n\r\n").intended(Intended::Unreadable),
        case("unreadable behind a late answer", get("/late/text") + "nonsense\r\n\r\n").intended(Intended::Unreadable),
        case("unreadable behind an ignored body", ignored + "nonsense\r\n\r\n").intended(Intended::Unreadable),
        case("unreadable behind an ignored body and a large answer", {
            request("POST /ignore-large HTTP/1.1", &["Content-Length: 4"], "body") + "nonsense\r\n\r\n"
        })
        .intended(Intended::Unreadable),
        case("upgrade to a web socket", request("GET / HTTP/1.1", &upgrade, "")),
        case("upgrade of a late answer", request("GET /late/text HTTP/1.1", &upgrade, "") + &get("/")),
        case("upgrade to h2c", request("GET / HTTP/1.1", &h2c, "")),
        case("end before a request", "").close_write(),
        case("end in a head", "GET / HTTP/1.1\r\nHos").close_write(),
        case("end in a body", echo(&["Content-Length: 9"], "half")).close_write(),
        case("end in a chunked body", echo(&[CHUNKED], "4\r\nha")).close_write(),
        case("end behind a request", get("/")).close_write(),
        case("end behind an answer", get("/")).pause().close_write(),
        case("end before a slow answer", get("/slow")).close_write(),
        case("end before a late answer", get("/late/text")).close_write(),
        case("end during a stream", get("/stream")).pause().close_write(),
        case("end during a late stream", get("/late/stream")).pause().close_write(),
    ]
}

fn bodies() -> Vec<Case> {
    let length = |n: usize| format!("Content-Length: {n}");
    let large = "x".repeat(300_000);
    let expect =
        |path: &str| request(&format!("POST {path} HTTP/1.1"), &["Expect: 100-continue", "Content-Length: 4"], "");
    vec![
        case("body", echo(&["Content-Length: 4"], "body")),
        case("empty body", echo(&["Content-Length: 0"], "")),
        case("no length", echo(&[], "")),
        case("large body", echo(&[&length(large.len())], &large)),
        case("chunked body", echo(&[CHUNKED], "4\r\nbody\r\n3;a=b\r\nand\r\n0\r\n\r\n")),
        case("chunked body with trailers", echo(&[CHUNKED, "Trailer: a"], "4\r\nbody\r\n0\r\na: b\r\n\r\n")),
        case("chunked body without chunks", echo(&[CHUNKED], "0\r\n\r\n")),
        case("chunk size in capitals", echo(&[CHUNKED], "A\r\n0123456789\r\n0\r\n\r\n")),
        case("chunk size with zeros", echo(&[CHUNKED], "0004\r\nbody\r\n0\r\n\r\n")),
        case("chunk size that is no number", echo(&[CHUNKED], "z\r\nbody\r\n0\r\n\r\n")),
        case("chunk size that is negative", echo(&[CHUNKED], "-4\r\nbody\r\n0\r\n\r\n")),
        case("chunk size that is empty", echo(&[CHUNKED], "\r\nbody\r\n0\r\n\r\n")),
        case("chunk size above 64 bits", echo(&[CHUNKED], "11111111111111111\r\nbody\r\n0\r\n\r\n")),
        case("chunk without its end", echo(&[CHUNKED], "4\r\nbodyX\r\n0\r\n\r\n")),
        case("chunk size with a lone LF", echo(&[CHUNKED], "4\nbody\r\n0\r\n\r\n")),
        case("chunked twice", echo(&["Transfer-Encoding: chunked, chunked"], "4\r\nbody\r\n0\r\n\r\n")),
        case("gzip, chunked", echo(&["Transfer-Encoding: gzip, chunked"], "4\r\nbody\r\n0\r\n\r\n")),
        case("chunked, gzip", echo(&["Transfer-Encoding: chunked, gzip"], "4\r\nbody\r\n0\r\n\r\n"))
            .intended(Intended::Unreadable),
        case("another transfer encoding", echo(&["Transfer-Encoding: identity"], "body"))
            .intended(Intended::Unreadable),
        case("chunked in HTTP/1.0", request("POST /echo HTTP/1.0", &[CHUNKED], "4\r\nbody\r\n0\r\n\r\n"))
            .intended(Intended::Unreadable),
        case("length and chunked", echo(&["Content-Length: 4", CHUNKED], "4\r\nbody\r\n0\r\n\r\n")),
        case("chunked and length", echo(&[CHUNKED, "Content-Length: 4"], "4\r\nbody\r\n0\r\n\r\n")),
        case("length twice, the same", echo(&["Content-Length: 4", "Content-Length: 4"], "body")),
        case("length twice, different", echo(&["Content-Length: 4", "Content-Length: 5"], "body"))
            .intended(Intended::Unreadable),
        case("length as a list", echo(&["Content-Length: 4, 4"], "body")).intended(Intended::Unreadable),
        case("length with a sign", echo(&["Content-Length: +4"], "body")).intended(Intended::Unreadable),
        case("length that is negative", echo(&["Content-Length: -4"], "body")).intended(Intended::Unreadable),
        case("length that is no number", echo(&["Content-Length: 4x"], "body")).intended(Intended::Unreadable),
        case("length above 64 bits", echo(&["Content-Length: 99999999999999999999"], "body"))
            .intended(Intended::Unreadable),
        case("body of GET", request("GET / HTTP/1.1", &["Content-Length: 4"], "body") + &get("/text")),
        case("body of a late GET", request("GET /late/text HTTP/1.1", &["Content-Length: 4"], "body") + &get("/text")),
        case("ignored body", request("POST /ignore HTTP/1.1", &["Content-Length: 4"], "body")),
        case("ignored large body", request("POST /ignore HTTP/1.1", &[&length(large.len())], &large)),
        case("ignored body that arrives later", request("POST /ignore HTTP/1.1", &["Content-Length: 4"], ""))
            .pause()
            .send("body".to_owned() + &get("/text")),
        case("100-continue", expect("/echo")).pause().send("body"),
        case("100-continue without waiting", expect("/echo") + "body"),
        case("100-continue, ignored", expect("/ignore")).pause().send("body".to_owned() + &get("/text")),
        case("100-continue without a body", request("GET / HTTP/1.1", &["Expect: 100-continue"], "")),
        case("100-continue in HTTP/1.0", {
            request("POST /echo HTTP/1.0", &["Expect: 100-continue", "Content-Length: 4"], "body")
        }),
        case("another expectation", echo(&["Expect: tea", "Content-Length: 4"], "body")),
    ]
}

fn odd_heads() -> Vec<Case> {
    let with = |line: &str| request("GET / HTTP/1.1", &[line], "");
    let many: Vec<String> = (0..90).map(|n| format!("a{n}: b")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    vec![
        case("spaces around a value", with("a:  \t b \t ")),
        case("no space before a value", with("a:b")),
        case("empty value", with("a:")),
        case("empty line before a request", format!("\r\n{}", get("/"))),
        case("many empty lines before a request", format!("\r\n\n\r\n{}", get("/"))),
        case("empty lines between requests", get("/") + "\r\n\r\n" + &get("/text")),
        case("lone LF", "GET / HTTP/1.1\nHost: x\n\n"),
        case("lone LF behind the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n"),
        case(
            "bytes above 127 in a value",
            [&b"GET / HTTP/1.1\r\nHost: x\r\na: "[..], &[0xe4, 0xff], b"\r\n\r\n"].concat(),
        ),
        case("bytes above 127 in a path", [&b"GET /"[..], &[0xc3, 0xa4], b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat()),
        case("path with a fragment", get("/#a")),
        case("ninety headers", request("GET / HTTP/1.1", &many, "")),
        case("header of 100 KB", with(&format!("a: {}", "b".repeat(100_000)))),
        case("path of 50 KB", get(&format!("/{}", "a".repeat(50_000)))),
        case("query with odd characters", get("/?a=!$&'()*,;:@/?~")),
        case("path that is a host", "GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n"),
    ]
}

fn unreadable_heads() -> Vec<Case> {
    let with = |line: &str| request("GET / HTTP/1.1", &[line], "");
    let many: Vec<String> = (0..200).map(|n| format!("a{n}: b")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let all = [
        case("nonsense", "nonsense\r\n\r\n"),
        case("HTTP/0.9", "GET /\r\n\r\n"),
        case("HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n"),
        case("HTTP/9.9", "GET / HTTP/9.9\r\nHost: x\r\n\r\n"),
        case("TLS", &b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"[..]),
        case("two spaces in the request line", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"),
        case("space before the request line", " GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        case("no path", "GET HTTP/1.1\r\nHost: x\r\n\r\n"),
        case("control byte in a path", "GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n"),
        case("control byte in a value", with("a: \u{1}")),
        case("zero byte in a value", with("a: \0")),
        case("header without a colon", with("a b")),
        case("header without a name", with(": b")),
        case("space before a colon", with("a : b")),
        case("bad character in a name", with("a(b): c")),
        case("obsolete folding", with("a: b\r\n c")),
        case("space before the first header", "GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
        case("lone CR in a value", with("a: b\rc")),
        case("query that is no URI", get("/?a=\"<>[]^`{|}")),
        case("two hundred headers", request("GET / HTTP/1.1", &many, "")),
        case("header of 600 KB", with(&format!("a: {}", "b".repeat(600_000)))),
        case("path of 70 KB", get(&format!("/{}", "a".repeat(70_000)))),
    ];
    all.into_iter().map(|case| case.intended(Intended::Unreadable)).collect()
}

fn hosts() -> Vec<Case> {
    let with = |lines: &str| format!("GET / HTTP/1.1\r\n{lines}\r\n");
    let all = [
        case("no Host", with("")),
        case("Host twice", with("Host: x\r\nHost: x\r\n")),
        case("two hosts", with("Host: x, y\r\n")),
        case("empty Host", with("Host:\r\n")),
        case("Host with a path", with("Host: x/y\r\n")),
        case("no Host before another request", with("") + &get("/text")),
        case("no Host of a late answer", "GET /late/text HTTP/1.1\r\n\r\n"),
        case("no Host of a stream", "GET /stream HTTP/1.1\r\n\r\n"),
        case("no Host with a body", "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"),
    ];
    all.into_iter().map(|case| case.intended(Intended::Host)).collect()
}

fn late_answers() -> Vec<Case> {
    vec![
        case("late text", get("/late/text")),
        case("late text before another request", get("/late/text")).pause().send(get("/")),
        case("late text twice", get("/late/text") + &get("/late/text")),
        case("late text with close", request("GET /late/text HTTP/1.1", &["Connection: close"], "")),
        case("late answer that is empty", get("/late/empty") + &get("/")),
        case("late answer that is large", get("/late/large") + &get("/")),
        case("late stream", get("/late/stream") + &get("/")),
        case("late events", get("/late/events") + &get("/")),
        case("late 204", get("/late/no-content") + &get("/")),
        case("late 304", get("/late/not-modified") + &get("/")),
        case("late 404", get("/late/missing") + &get("/")),
        case("late answer that closes", get("/late/close") + &get("/")),
        case("late answer with a header twice", get("/late/two-values") + &get("/")),
        case("late answer with a date", get("/late/dated") + &get("/")),
        case("late body that breaks", get("/late/broken") + &get("/")),
        case("late answer, then an empty line", get("/late/text")).pause().send("\r\n".to_owned() + &get("/")),
    ]
}
