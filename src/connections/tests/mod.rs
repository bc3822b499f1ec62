//! Connections over streams in memory, so that the clock can be paused.

mod compare;
mod fuzz;
mod http1;
mod slots;

use std::{
    fmt,
    future::pending,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{any, get, post},
    serve::Listener,
};
use futures::{Stream, StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use super::{ConnectionConfig, DelayHint, Limits, listener::serve_listener};
use crate::{http::headers::Headers, metrics::ConnectionMetrics};

/// Capacity of each direction of a stream in memory.
const BUFFER_BYTES: usize = 64 * 1024;
/// Delay of a late answer.
const DELAY: Duration = Duration::from_millis(100);
/// Length of a large answer.
const LARGE_BYTES: usize = 1 << 20;

/// A listener whose clients connect in memory.
struct MemoryListener(mpsc::UnboundedReceiver<DuplexStream>);

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

impl Listener for MemoryListener {
    type Io = DuplexStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (DuplexStream, SocketAddr) {
        match self.0.recv().await {
            Some(stream) => (stream, PEER),
            None => pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(PEER)
    }
}

/// The client's side of a [`MemoryListener`].
#[derive(Clone)]
struct Dialer(mpsc::UnboundedSender<DuplexStream>);

impl Dialer {
    fn new() -> (Self, MemoryListener) {
        let (dial, accept) = mpsc::unbounded_channel();
        (Self(dial), MemoryListener(accept))
    }

    /// Connects, and sends `text`.
    async fn send(&self, text: &str) -> DuplexStream {
        let (mut client, server) = duplex(BUFFER_BYTES);
        self.0.send(server).expect("the listener is gone");
        client.write_all(text.as_bytes()).await.expect("the connection is closed");
        client
    }
}

fn config(limits: Limits) -> ConnectionConfig {
    let headers = Headers::of("https://config.example");
    ConnectionConfig { limits, headers, health_paths: &["/healthz"], meter: ConnectionMetrics::default() }
}

/// A server of [`app`].
struct Server {
    dialer: Dialer,
    closing: CancellationToken,
    serving: JoinHandle<()>,
    /// A permit for each request to `/never`.
    reached: Arc<Semaphore>,
    /// Receives a message when a request to `/never` is dropped.
    dropped: mpsc::UnboundedReceiver<()>,
}

impl Server {
    fn start(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::of_files(1024, &[]);
        change(&mut limits);
        let (dialer, listener) = Dialer::new();
        let (closing, reached) = (CancellationToken::new(), Arc::new(Semaphore::new(0)));
        let (drops, dropped) = mpsc::unbounded_channel();
        let app = app(reached.clone(), drops, closing.clone());
        let serving = tokio::spawn(serve_listener(listener, app, config(limits), closing.clone()));
        Self { dialer, closing, serving, reached, dropped }
    }

    async fn send(&self, text: &str) -> DuplexStream {
        self.dialer.send(text).await
    }

    /// Returns the answer to a request for `/` on a connection of its own.
    async fn get(&self) -> String {
        rest(&mut self.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await).await
    }

    /// Waits until `n` more requests have reached `/never`.
    async fn wait_reached(&self, n: u32) {
        self.reached.acquire_many(n).await.unwrap().forget();
    }
}

/// Sends a message when it is dropped.
struct NotifyDrop(mpsc::UnboundedSender<()>);

impl Drop for NotifyDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// An application with answers of all kinds. Paths that begin with `/late` announce that they are late.
fn app(
    reached: Arc<Semaphore>,
    drops: mpsc::UnboundedSender<()>,
    closing: CancellationToken,
) -> impl Service<Request, Response = axum::response::Response, Error = std::convert::Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let never = async move || {
        let _drop = NotifyDrop(drops);
        reached.add_permits(1);
        closing.cancelled().await;
        "the end"
    };
    let peer = async |request: Request| match crate::http::bearer::client_address(request.extensions()) {
        Some(address) => address.to_string(),
        None => format!("{:?}", request.extensions().get::<ConnectInfo<SocketAddr>>()),
    };
    let routes = Router::new()
        .route("/", get(async || "at once"))
        .route("/healthz", get(async || "ok"))
        .route("/peer", get(peer))
        .route("/echo", post(async |body: Bytes| body))
        .route("/ignore", any(async || "ignored"))
        .route("/ignore-large", any(async || "x".repeat(LARGE_BYTES)))
        .route("/slow", get(async || sleep(2 * DELAY).await))
        .route("/never", get(never.clone()))
        .route("/late-never", get(never));
    // Each answer exists twice, at once and late.
    let (at_once, late) = (answers("", Duration::ZERO), answers("/late", DELAY));
    routes.merge(at_once).merge(late).map_request(announce)
}

fn announce(request: Request) -> Request {
    if request.uri().path().starts_with("/late")
        && let Some(hint) = request.extensions().get::<DelayHint>()
    {
        hint.announce();
    }
    request
}

fn answers(prefix: &str, delay: Duration) -> Router {
    let path = |name: &str| format!("{prefix}/{name}");
    let answer = move |response: fn() -> axum::response::Response| {
        get(async move || {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            response()
        })
    };
    Router::new()
        .route(&path("text"), answer(|| "text".into_response()))
        .route(&path("empty"), answer(|| "".into_response()))
        .route(&path("large"), answer(|| "x".repeat(LARGE_BYTES).into_response()))
        .route(&path("stream"), answer(|| Body::from_stream(pieces(["one", "", "two", "three"])).into_response()))
        .route(&path("no-content"), answer(|| StatusCode::NO_CONTENT.into_response()))
        .route(&path("not-modified"), answer(|| (StatusCode::NOT_MODIFIED, [("etag", "\"1\"")]).into_response()))
        .route(&path("missing"), answer(|| (StatusCode::NOT_FOUND, "missing").into_response()))
        .route(&path("close"), answer(|| ([(header::CONNECTION, "close")], "close").into_response()))
        .route(&path("two-values"), answer(|| axum::response::AppendHeaders([("a", "1"), ("a", "2")]).into_response()))
        .route(&path("dated"), answer(|| ([(header::DATE, "Thu, 01 Jan 1970 00:00:00 GMT")], "dated").into_response()))
        .route(
            &path("events"),
            answer(|| {
                let events = pieces(["retry: 1\n\n", "data: 1\n\n", "data: 2\n\n"]);
                ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
            }),
        )
        .route(
            &path("broken"),
            answer(|| {
                let broken = stream::once(async { Err(std::io::Error::other("broken")) });
                Body::from_stream(pieces(["one"]).chain(broken)).into_response()
            }),
        )
}

/// A body whose pieces arrive one after another.
fn pieces<const N: usize>(pieces: [&'static str; N]) -> impl Stream<Item = std::io::Result<&'static str>> {
    stream::iter(pieces).then(async |piece| {
        sleep(DELAY).await;
        Ok(piece)
    })
}

fn ask(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}

/// Reads until the text ends with `end`.
async fn until(stream: &mut DuplexStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut buffer = [0; 1024];
        let n = timeout(Duration::from_secs(300), stream.read(&mut buffer)).await.expect(&text).unwrap();
        assert!(n > 0, "{text}");
        text += std::str::from_utf8(&buffer[..n]).unwrap();
    }
    text
}

/// Reads until the connection ends.
async fn rest(stream: &mut DuplexStream) -> String {
    let mut text = Vec::new();
    timeout(Duration::from_secs(300), stream.read_to_end(&mut text)).await.expect("the connection stays open").unwrap();
    String::from_utf8(text).unwrap()
}

/// Returns whether each answer in `text` has the security headers.
fn has_headers(text: &str) -> bool {
    let all = ["x-content-type-options: nosniff", "strict-transport-security: ", "content-security-policy: "];
    all.iter().all(|header| text.matches(&format!("\r\n{header}")).count() == text.matches("HTTP/1.1 ").count())
}

/// An answer as a client reads it.
struct Answer {
    status: u16,
    /// The minor version of HTTP/1.
    version: u8,
    /// Sorted by name.
    headers: Vec<(String, Vec<u8>)>,
    /// Decoded, if it was chunked.
    body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = self.own_headers();
        let headers = headers.iter().map(|(name, value)| format!("{name}: {}", value.escape_ascii()));
        let (headers, body) = (headers.collect::<Vec<_>>(), &self.body[..self.body.len().min(100)]);
        write!(f, "{} {headers:?} {} {}", self.status, self.body.len(), body.escape_ascii())
    }
}

impl Answer {
    fn has(&self, name: &str) -> bool {
        self.values(name).count() > 0
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, value)| &value[..])
    }

    fn has_security_headers(&self) -> bool {
        let has_once = |name: &&str| self.values(name).count() == 1;
        SECURITY_HEADERS.iter().all(has_once) && (is_content(self.status) || has_once(&"cache-control"))
    }

    /// Returns all headers but those that this server adds to every answer, and the date.
    fn own_headers(&self) -> Vec<(String, Vec<u8>)> {
        let is_ours = |name: &str| {
            SECURITY_HEADERS.contains(&name) || name == "date" || name == "cache-control" && !is_content(self.status)
        };
        self.headers.iter().filter(|(name, _)| !is_ours(name)).cloned().collect()
    }
}

const SECURITY_HEADERS: [&str; 7] = [
    "content-security-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "referrer-policy",
    "strict-transport-security",
    "x-content-type-options",
];

fn is_content(status: u16) -> bool {
    StatusCode::from_u16(status).is_ok_and(crate::http::headers::is_cacheable)
}

/// Parses the answers in `bytes`, of which none has a body if `is_head`. Returns the rest, which is no whole answer.
fn parse(mut bytes: &[u8], is_head: bool) -> (Vec<Answer>, &[u8]) {
    let mut answers = Vec::new();
    while let Some((answer, rest)) = parse_answer(bytes, is_head) {
        answers.push(answer);
        bytes = rest;
    }
    (answers, bytes)
}

fn parse_answer(bytes: &[u8], is_head: bool) -> Option<(Answer, &[u8])> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = head.parse(bytes) else { return None };
    let headers = head.headers.iter().map(|h| (h.name.to_ascii_lowercase(), h.value.to_vec()));
    let mut answer =
        Answer { status: head.code?, version: head.version?, headers: headers.collect(), body: Vec::new() };
    answer.headers.sort();
    let rest = &bytes[length..];
    let length = answer.values("content-length").next().map(|n| std::str::from_utf8(n).unwrap().parse().unwrap());
    assert!(answer.values("content-length").count() + answer.values("transfer-encoding").count() < 2, "{answer:?}");
    let (body, rest) = if is_head || answer.status < 200 || matches!(answer.status, 204 | 304) {
        (Vec::new(), rest)
    } else if answer.has("transfer-encoding") {
        parse_chunks(rest)?
    } else if let Some(length) = length {
        let (body, rest) = rest.split_at_checked(length)?;
        (body.to_vec(), rest)
    } else {
        // It ends with the connection.
        (rest.to_vec(), &[][..])
    };
    answer.body = body;
    Some((answer, rest))
}

fn parse_chunks(mut bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let httparse::Status::Complete((at, length)) = httparse::parse_chunk_size(bytes).expect("a chunk size") else {
            return None;
        };
        let (chunk, rest) = bytes[at..].split_at_checked(usize::try_from(length).unwrap())?;
        let (end, rest) = rest.split_at_checked(2)?;
        assert_eq!(end, b"\r\n");
        if length == 0 {
            return Some((body, rest));
        }
        body.extend_from_slice(chunk);
        bytes = rest;
    }
}
