//! Slots, timeouts and the end of the server.

use std::net::IpAddr;

use super::*;
use crate::connections::slots::HEALTH_SLOTS;

const HALF_A_HEAD: &str = "POST /echo HTTP/1.1\r\nhost: x\r\n";
const HALF_A_BODY: &str = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf";

#[tokio::test(start_paused = true)]
async fn idle_connections_make_room() {
    let server = Server::start(|limits| limits.connections = 20);
    let mut idle = Vec::new();
    for n in 0..60 {
        idle.push(server.send(if n % 2 == 0 { "" } else { HALF_A_HEAD }).await);
    }
    assert!(server.get().await.ends_with("at once"));
    assert_eq!(rest(&mut idle[0]).await, "");
}

#[tokio::test(start_paused = true)]
async fn active_connections_keep_their_slots() {
    let server = Server::start(|limits| limits.connections = 2);
    let mut active = [server.send(&ask("/never")).await, server.send(&ask("/never")).await];
    server.wait_reached(2).await;
    let refused = server.get().await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("\r\nretry-after: 2\r\n"), "{refused}");
    assert!(has_headers(&refused), "{refused}");
    server.closing.cancel();
    for one in &mut active {
        assert!(rest(one).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test(start_paused = true)]
async fn freed_slot_is_used_again() {
    let mut server = Server::start(|limits| limits.connections = 1);
    let active = server.send(&ask("/late-never")).await;
    server.wait_reached(1).await;
    assert!(server.get().await.starts_with("HTTP/1.1 503"));
    drop(active);
    server.dropped.recv().await.unwrap();
    assert!(server.get().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn health_is_answered_when_all_slots_are_active() {
    let server = Server::start(|limits| limits.connections = 2);
    let _active = [server.send(&ask("/never")).await, server.send(&ask("/never")).await];
    server.wait_reached(2).await;
    // More than there are health slots: idle ones make room.
    let mut idle = Vec::new();
    for _ in 0..HEALTH_SLOTS + 4 {
        idle.push(server.send("").await);
    }
    let health = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = rest(&mut server.send(health).await).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = server.get().await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn half_a_body_makes_room_after_its_grace() {
    let server = Server::start(|limits| limits.connections = 1);
    let mut half = server.send(HALF_A_BODY).await;
    sleep(Duration::from_millis(10)).await;
    assert!(server.get().await.starts_with("HTTP/1.1 503"));
    sleep(Duration::from_secs(2)).await;
    assert!(server.get().await.ends_with("at once"));
    assert!(!rest(&mut half).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn half_a_request_and_an_idle_connection_end() {
    for (half, answer) in [(HALF_A_HEAD, ""), (HALF_A_BODY, "HTTP/1.1 4"), ("", "")] {
        let server = Server::start(|_| {});
        let got = rest(&mut server.send(half).await).await;
        assert!(got.starts_with(answer), "{half:?}: {got}");
    }
    let server = Server::start(|limits| limits.head_timeout = Duration::from_secs(3600));
    assert!(rest(&mut server.send(&ask("/")).await).await.ends_with("at once"));
}

#[tokio::test(start_paused = true)]
async fn drips_do_not_extend_the_head_timeout() {
    let server = Server::start(|_| {});
    let mut stream = server.send(HALF_A_HEAD).await;
    // Each one arrives before the timeout.
    let dripping = async {
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    };
    timeout(Duration::from_secs(60), dripping).await.expect("the connection stays open");
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_answers_alone() {
    let server = Server::start(|_| {});
    let mut halves = [server.send("").await, server.send(HALF_A_HEAD).await, server.send(HALF_A_BODY).await];
    let mut late = server.send(&ask("/late/events")).await;
    let mut slow = server.send(&ask("/slow")).await;
    let mut never = server.send(&ask("/never")).await;
    server.wait_reached(1).await;
    server.closing.cancel();
    for half in &mut halves {
        rest(half).await;
    }
    assert!(rest(&mut slow).await.starts_with("HTTP/1.1 200"));
    assert!(rest(&mut never).await.ends_with("the end"));
    assert!(rest(&mut late).await.ends_with("\r\n0\r\n\r\n"));
    server.serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropped_server_closes_active_connections() {
    let server = Server::start(|_| {});
    let mut active = [server.send(&ask("/never")).await, server.send(&ask("/late-never")).await];
    server.wait_reached(2).await;
    server.serving.abort();
    for one in &mut active {
        assert_eq!(rest(one).await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn proxy_names_its_client() {
    let asked = "GET /peer HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: 6.6.6.6, 192.0.2.7\r\n\r\n";
    for (proxies, peer) in [(vec![], "127.0.0.1"), (vec![IpAddr::from([127, 0, 0, 1])], "192.0.2.7")] {
        let server = Server::start(|limits| limits.proxies = proxies.into());
        let got = rest(&mut server.send(asked).await).await;
        assert!(got.ends_with(peer), "{got}");
    }
}

/// The only test over TCP: that connections are accepted and the port is closed.
#[tokio::test]
async fn tcp_connections_are_served() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, closing) = (listener.local_addr().unwrap(), CancellationToken::new());
    let app = Router::new().route("/", get(async || "at once"));
    let limits = Limits::of_files(1024, &[]);
    let serving = tokio::spawn(crate::connections::serve(listener, app, config(limits), closing.clone()));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("at once") && has_headers(&text), "{text}");
    closing.cancel();
    serving.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
