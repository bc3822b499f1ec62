//! Requests and answers of one connection.

use super::*;
use crate::connections::long_poll;

#[tokio::test(start_paused = true)]
async fn answers_come_in_the_order_of_requests() {
    let server = Server::start(|_| {});
    let asked = [ask("/"), ask("/late/text"), ask("/late/text"), ask("/late/stream"), ask("/")].concat();
    let mut stream = server.send(&asked).await;
    let got = until(&mut stream, "at once").await + &until(&mut stream, "at once").await;
    let bodies: Vec<_> = got.split("HTTP/1.1 200 OK\r\n").map(|one| one.split_once("\r\n\r\n").unzip().1).collect();
    let pieces = "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n";
    assert_eq!(bodies[1..], ["at once", "text", "text", pieces, "at once"].map(Some));
    assert_eq!(got.matches("\r\ncontent-length: 4\r\n").count(), 2, "{got}");
    assert_eq!(got.matches("\r\ntransfer-encoding: chunked\r\n").count(), 1, "{got}");
    assert_eq!(got.matches("\r\ndate: ").count(), 5, "{got}");
    assert!(has_headers(&got), "{got}");
    stream.write_all(ask("/late/text").as_bytes()).await.unwrap();
    until(&mut stream, "text").await;
}

#[tokio::test(start_paused = true)]
async fn answer_of_a_client_that_leaves_is_dropped() {
    let mut server = Server::start(|_| {});
    for path in ["/never", "/late-never"] {
        let stream = server.send(&ask(path)).await;
        server.wait_reached(1).await;
        assert!(server.dropped.try_recv().is_err());
        drop(stream);
        server.dropped.recv().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn late_answer_comes_when_the_server_closes() {
    let server = Server::start(|_| {});
    let mut stream = server.send(&ask("/late-never")).await;
    server.wait_reached(1).await;
    server.closing.cancel();
    let got = rest(&mut stream).await;
    assert!(got.contains("\r\nconnection: close\r\n") && got.ends_with("the end"), "{got}");
}

#[tokio::test(start_paused = true)]
async fn unreadable_head_gets_an_answer_with_all_headers() {
    let server = Server::start(|_| {});
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(600_000));
    for (sent, status) in [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost x\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400),
        ("GET /\u{1} HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (long.as_str(), 431),
    ] {
        let mut stream = server.send("").await;
        let (mut read, mut write) = tokio::io::split(&mut stream);
        let mut got = String::new();
        // The rest of a head that is too long is not read to its end.
        let (_, read) = tokio::join!(write.write_all(sent.as_bytes()), read.read_to_string(&mut got));
        read.unwrap();
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {got}");
        assert!(has_headers(&got) && got.contains("\r\ncontent-type: application/problem+json\r\n"), "{got}");
        assert!(got.contains(&format!("\"status\":{status}")), "{got}");
    }
    // After an answer, on the same connection.
    let mut stream = server.send(&(ask("/") + "nonsense\r\n\r\n")).await;
    let got = rest(&mut stream).await;
    assert!(got.starts_with("HTTP/1.1 200") && got.contains("HTTP/1.1 400 Bad Request\r\n"), "{got}");
    assert!(has_headers(&got), "{got}");
}

/// hyper parses a head while the previous answer is blocked, if it drains an ignored body at that moment. It does so
/// when the client expected `100 Continue` and did not wait for it.
#[tokio::test(start_paused = true)]
async fn unreadable_head_behind_a_blocked_answer_has_all_headers() {
    let expect = "expect: 100-continue\r\ncontent-length: 4\r\n\r\nbody";
    let ignored = |path| format!("POST {path} HTTP/1.1\r\nhost: x\r\n{expect}");
    for (next, answers) in [
        (String::new(), 1),
        (ignored("/ignore"), 2),
        (ignored("/ignore-large"), 2),
        (ask("/late/text"), 2),
        (ignored("/ignore") + &ask("/late/text") + &ignored("/ignore-large"), 4),
    ] {
        let server = Server::start(|_| {});
        let mut stream = server.send(&(ignored("/ignore-large") + &next + "nonsense\r\n\r\n")).await;
        // The first answer is blocked now.
        sleep(DELAY).await;
        let got = rest(&mut stream).await;
        let text = got.replace(&"x".repeat(1000), "");
        assert_eq!(got.matches("HTTP/1.1 200").count(), answers, "{text}");
        assert!(has_headers(&got) && got.ends_with('}') && got.contains("\"status\":400"), "{text}");
        let (parsed, rest) = parse(got.as_bytes(), false);
        assert!(parsed.len() == answers + 1 && rest.is_empty(), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn request_without_exactly_one_host_is_refused() {
    let server = Server::start(|_| {});
    for path in ["/", "/late/text", "/late/stream", "/late-never", "/nothing", "http://x/"] {
        for hosts in ["", "host: x\r\nhost: x\r\n", "host: x\r\nHost: y\r\n", "host: x, y\r\n", "host:\r\n"] {
            let asked = format!("GET {path} HTTP/1.1\r\n{hosts}\r\n");
            let mut stream = server.send(&(asked.clone() + &ask("/"))).await;
            let got = until(&mut stream, "at once").await;
            let (refused, next) = got.split_once("}HTTP/1.1 ").unwrap_or_else(|| panic!("{asked}: {got}"));
            assert!(refused.starts_with("HTTP/1.1 400") && next.starts_with("200"), "{asked}: {got}");
            assert!(refused.contains("\r\ncontent-type: application/problem+json\r\n"), "{got}");
            assert!(refused.contains("\r\ncontent-security-policy: "), "{got}");
        }
    }
    for (asked, end) in [
        ("GET http://x/ HTTP/1.1\r\nhost: x\r\n\r\n", "at once"),
        ("GET / HTTP/1.0\r\n\r\n", "at once"),
        (&ask("/late/text"), "text"),
    ] {
        let got = until(&mut server.send(asked).await, end).await;
        assert!(got.contains(" 200 OK\r\n"), "{asked}: {got}");
    }
}

#[test]
fn only_plain_requests_are_taken_out_of_hyper() {
    let can_answer = |change: fn(axum::http::request::Builder) -> axum::http::request::Builder| {
        long_poll::can_answer(&change(Request::builder()).body(Body::empty()).unwrap())
    };
    assert!(can_answer(|r| r.header("connection", "keep-alive")));
    assert!(!can_answer(|r| r.header("connection", "Keep-Alive, Close")) && !can_answer(|r| r.method("HEAD")));
    assert!(!can_answer(|r| r.version(axum::http::Version::HTTP_10)));
    assert!(!long_poll::can_answer(&Request::new("body".into())));
}
