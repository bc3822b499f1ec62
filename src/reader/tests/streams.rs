use axum::body::BodyDataStream;
use futures::{FutureExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{
    connections::{self, ConnectionConfig, Limits},
    http::headers::Headers,
    metrics::ConnectionMetrics,
};

const WATCH: &str = "/api/v1/watch?config=prod/shop/application&config=prod/shop/mail";

/// An open stream, read block by block.
struct Events {
    stream: BodyDataStream,
    read: String,
}

impl Events {
    async fn open(ask: Ask) -> Self {
        let response = ask.open().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Self { stream: response.into_body().into_data_stream(), read: String::new() };
        assert!(events.block().await.unwrap().starts_with("retry: "));
        events
    }

    /// Returns the text before the next blank line. `None` at the end.
    async fn block(&mut self) -> Option<String> {
        while !self.read.contains("\n\n") {
            self.read += std::str::from_utf8(&self.stream.next().await?.unwrap()).unwrap();
        }
        let (block, rest) = self.read.split_once("\n\n").map(|(b, r)| (b.to_owned(), r.to_owned())).unwrap();
        self.read = rest;
        Some(block)
    }

    /// Returns the id, namespace and release of the next event.
    async fn event(&mut self) -> (String, String, u64) {
        let block = self.block().await.unwrap();
        let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap();
        assert_eq!(field("event"), "config");
        let data: Value = serde_json::from_str(field("data")).unwrap();
        (field("id").into(), data["namespace"].as_str().unwrap().into(), data["release"].as_u64().unwrap())
    }

    fn is_quiet(&mut self) -> bool {
        self.read.is_empty() && self.stream.next().now_or_never().is_none()
    }
}

#[tokio::test]
async fn a_stream_begins_with_the_present_state_then_sends_newer_releases() {
    let test = TestReader::new();
    let mut events = Events::open(test.get(WATCH)).await;
    assert_eq!(events.event().await.2, 1);
    assert!(events.is_quiet());
    for seq in 2..5 {
        test.publish("prod/shop/application", seq);
        assert_eq!(events.event().await.2, seq);
    }
    test.publish("prod/shop/other", 1);
    test.publish("prod/shop/application", 3);
    assert!(events.is_quiet());
    test.publish("prod/shop/mail", 1);
    let (_, namespace, release) = events.event().await;
    assert_eq!((namespace.as_str(), release), ("mail", 1));
}

#[tokio::test]
async fn a_resumed_stream_sends_only_newer_releases() {
    let test = TestReader::new();
    test.publish("prod/shop/mail", 3);
    let mut events = Events::open(test.get(WATCH)).await;
    let (first, ..) = events.event().await;
    let (second, ..) = events.event().await;
    drop(events);

    let mut events = Events::open(test.get(WATCH).header("last-event-id", &first)).await;
    assert_eq!(events.event().await.1, "mail");
    assert!(events.is_quiet());
    let mut events = Events::open(test.get(WATCH).header("last-event-id", &second)).await;
    assert!(events.is_quiet());
    test.publish("prod/shop/application", 2);
    assert_eq!(events.event().await.2, 2);

    let other = "/api/v1/watch?config=prod/shop/mail&config=prod/shop/application";
    let mut events = Events::open(test.get(other).header("last-event-id", &second)).await;
    assert_eq!(events.event().await.1, "mail", "an id of other configs resumes nothing");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_ahead_gets_the_latest_release() {
    let mark = |id: &str| id.split_once('-').unwrap().0.to_owned();
    let test = TestReader::new();
    test.publish("prod/shop/mail", 3);
    let mut events = Events::open(test.get(WATCH)).await;
    let mark = mark(&events.event().await.0);

    let mut events = Events::open(test.get(WATCH).header("last-event-id", &format!("{mark}-9.3"))).await;
    assert!(events.is_quiet(), "this node may lag behind");
    let (id, namespace, release) = events.event().await;
    assert_eq!((id, namespace.as_str(), release), (format!("{mark}-1.3"), "application", 1));
    assert!(events.is_quiet());
    test.publish("prod/shop/application", 2);
    assert_eq!(events.event().await.2, 2, "the client continues from the lower number");
}

#[tokio::test]
async fn a_stream_of_a_disconnected_node_sends_no_older_release() {
    let settings = ReaderSettings { lag: Duration::ZERO, ping: Duration::from_millis(10), ..ReaderSettings::default() };
    let test = TestReader::with(&settings);
    let (id, ..) = Events::open(test.get(WATCH)).await.event().await;
    test.reader.store.set_stale(Some(now()));
    let mut events = Events::open(test.get(WATCH).header("last-event-id", &id.replace("-1.", "-9."))).await;
    assert!(events.block().await.unwrap().starts_with(':'));
    test.reader.store.set_stale(None);
    let block = loop {
        match events.block().await.unwrap() {
            sign if sign.starts_with(':') => {}
            block => break block,
        }
    };
    assert!(block.contains("\"release\":1,"), "{block}");
}

#[tokio::test]
async fn the_events_of_a_batch_come_together() {
    let test = TestReader::new();
    let mut events = Events::open(test.get(WATCH)).await;
    events.event().await;
    test.reader.store.apply(vec![entry("prod/shop/application", 2, "{}"), entry("prod/shop/mail", 1, "{}")]);
    let (first, second) = (events.event().await, events.event().await);
    assert_eq!((first.1.as_str(), second.1.as_str()), ("application", "mail"));
    assert!(first.0.ends_with("-2.0") && second.0.ends_with("-2.1"), "{first:?} {second:?}");
}

#[tokio::test]
async fn a_slow_client_skips_to_the_latest_release() {
    let test = TestReader::new();
    let mut events = Events::open(test.get(WATCH)).await;
    events.event().await;
    for seq in 2..100 {
        test.publish("prod/shop/application", seq);
    }
    assert_eq!(events.event().await.2, 99);
    assert!(events.is_quiet());
}

#[tokio::test]
async fn a_quiet_stream_sends_keep_alive_comments() {
    let test = TestReader::with(&ReaderSettings { ping: Duration::from_millis(10), ..ReaderSettings::default() });
    let mut events = Events::open(test.get(WATCH)).await;
    events.event().await;
    for _ in 0..2 {
        assert!(events.block().await.unwrap().starts_with(':'));
    }
}

#[tokio::test]
async fn a_revoked_token_ends_its_streams() {
    let test = TestReader::new();
    let mut events = Events::open(test.get(WATCH)).await;
    events.event().await;
    assert!(events.is_quiet());
    test.revoke();
    assert_eq!(events.block().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_ends_its_streams() {
    let test = TestReader::with(&ReaderSettings { ping: Duration::from_secs(7200), ..ReaderSettings::default() });
    test.expire_in(Duration::from_secs(3600));
    let mut events = Events::open(test.get(WATCH)).await;
    events.event().await;
    assert!(events.is_quiet());
    assert_eq!(events.block().await, None);
}

#[tokio::test]
async fn a_stopping_server_sends_a_reconnect_delay() {
    let test = TestReader::new();
    let mut events = Events::open(test.get(WATCH)).await;
    events.event().await;
    assert!(events.is_quiet());
    test.stop.cancel();
    assert!(events.block().await.unwrap().starts_with("retry: "));
    assert_eq!(events.block().await, None);
}

#[tokio::test]
async fn a_listening_instance_is_recorded_with_the_release_that_was_sent() {
    let test = TestReader::new();
    let mut events = Events::open(test.get(WATCH).header("x-instance", "shop-1")).await;
    events.event().await;
    test.publish("prod/shop/application", 2);
    events.event().await;
    let seen = test.reader.instances.of_config(&"prod/shop/application".parse().unwrap(), now());
    assert_eq!((seen[0].name.as_str(), seen[0].release), ("shop-1", 2));
}

/// Starts a real server for clients on sockets.
async fn served(test: &TestReader) -> std::net::SocketAddr {
    served_with(test, Limits::of_this_process(&[])).await
}

async fn served_with(test: &TestReader, limits: Limits) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let front = in_front(Arc::clone(&test.reader), Router::new());
    let headers = Headers::of("http://localhost");
    let config = ConnectionConfig { limits, headers, health_paths: &[], meter: ConnectionMetrics::default() };
    tokio::spawn(connections::serve(listener, front, config, test.stop.clone()));
    address
}

async fn dial(test: &TestReader, address: std::net::SocketAddr, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let token = &test.token;
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

async fn until(socket: &mut TcpStream, end: &str) -> String {
    let (mut read, mut piece) = (String::new(), [0; 4096]);
    while !read.contains(end) {
        let n = tokio::time::timeout(Duration::from_secs(20), socket.read(&mut piece)).await;
        let n = n.unwrap_or_else(|_| panic!("silent after {read}")).unwrap();
        assert_ne!(n, 0, "closed after {read}");
        read += std::str::from_utf8(&piece[..n]).unwrap();
    }
    read
}

#[tokio::test]
async fn streams_and_polls_live_on_real_connections() {
    let test = TestReader::new();
    let address = served(&test).await;
    let mut stream = dial(&test, address, WATCH).await;
    let head = until(&mut stream, "\"release\":1,").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("transfer-encoding: chunked"), "{head}");
    let mut poll = dial(&test, address, &format!("{SHOP}?after=1&wait=90")).await;
    // Both wait now: a poll takes its slot as soon as its request is read.
    while test.reader.waiter_slots.available_permits() > ReaderSettings::default().waiters - 2 {
        tokio::task::yield_now().await;
    }

    test.publish("prod/shop/application", 2);
    until(&mut stream, "\"release\":2,").await;
    let answer = until(&mut poll, "\"release\":2,").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("x-config-release: 2"), "{answer}");
    let seen = test.reader.instances.of_config(&"prod/shop/application".parse().unwrap(), now());
    assert_eq!((seen[0].name.as_str(), seen[0].release), ("127.0.0.1", 2));

    test.revoke();
    until(&mut stream, "0\r\n\r\n").await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped_without_a_backlog() {
    let test = TestReader::new();
    let address =
        served_with(&test, Limits { stall_timeout: Duration::from_millis(300), ..Limits::of_this_process(&[]) }).await;
    let sleeper = dial(&test, address, WATCH).await;
    let places = || test.reader.waiter_slots.available_permits();
    while places() == ReaderSettings::default().waiters {
        tokio::task::yield_now().await;
    }
    let large = "x".repeat(1 << 20);
    let document = |seq: u64| format!(r#"{{"n":"{seq}{large}"}}"#);
    let dropped = async {
        for seq in 2.. {
            if places() == ReaderSettings::default().waiters {
                return seq;
            }
            test.reader.store.apply(vec![entry("prod/shop/application", seq, &document(seq))]);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        0
    };
    let seq = tokio::time::timeout(Duration::from_secs(20), dropped).await.expect("the connection is dropped");
    // Only the latest release is in memory: the others were skipped, not queued.
    let snapshot = test.reader.store.get("prod/shop/application").unwrap();
    assert_eq!(snapshot.seq(), seq - 1);
    assert!(Arc::strong_count(&snapshot) <= 2, "{}", Arc::strong_count(&snapshot));
    drop(sleeper);
}
