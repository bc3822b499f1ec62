//! Random and mutated requests in pieces of random sizes, to clients that read well, slowly or not at all.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest},
    sample::{Index, select},
};
use tokio::{
    io::{ReadHalf, WriteHalf, split},
    time::Instant,
};

use super::*;
use crate::connections::{http1::Http1, io::Connection, slots::Slots};

/// Maximum time of a connection: the time of the client, and then at most one of each timeout.
const MAX_TIME: Duration = Duration::from_secs(300);
/// Interval between two checks of the slots, and time until idle connections of a closing server end.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Requests that are mutated and put behind one another. None is a `HEAD`, so each answer shows where it ends.
const REQUESTS: [&str; 24] = [
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /no-content HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /close HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /late/text HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
    "GET /late/large HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /late/stream HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /late/events HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
    "GET /late/not-modified HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"1\"\r\n\r\n",
    "GET /late/close HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /late/empty HTTP/1.0\r\n\r\n",
    "GET /text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "GET http://x/text HTTP/1.1\r\nHost: x\r\nX-Request-Id: 1\r\n\r\n",
    "GET /text HTTP/1.1\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody",
    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
    "POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody",
    "POST /ignore-large HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody",
    "POST /ignore HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
    "POST /ignore-large HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
    "nonsense\r\n\r\n",
];

#[derive(Clone, Debug)]
enum Mutation {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
}

impl Mutation {
    fn apply(self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let end = |at: usize, n: usize| (at + n).min(bytes.len());
        match self {
            Self::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            Self::Insert(at, more) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, more);
            }
            Self::Remove(at, n) => {
                let at = at.index(bytes.len());
                bytes.drain(at..end(at, n));
            }
            Self::Repeat(at, n) => {
                let at = at.index(bytes.len());
                let part = bytes[at..end(at, n)].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
}

/// Reading pace of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    AtOnce,
    /// Some bytes at a time, with pauses.
    Slowly(usize),
    /// Nothing until the connection has ended.
    Never,
}

/// Bytes and behaviour of a client.
#[derive(Clone, Debug)]
struct Client {
    bytes: Vec<u8>,
    /// Sizes of the pieces, again and again.
    pieces: Vec<usize>,
    pauses: bool,
    reading: Reading,
    /// Closes its direction behind the last byte.
    closes_write: bool,
    /// Capacity of each direction.
    buffer: usize,
    /// Time until the server closes.
    closing: Option<Duration>,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let mutation = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (any::<Index>(), select(&b"\r\n\0 :,;/\t0x\xff"[..])).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (any::<Index>(), vec(any::<u8>(), 1..20)).prop_map(|(at, more)| Mutation::Insert(at, more)),
        (any::<Index>(), 1..20_usize).prop_map(|(at, n)| Mutation::Remove(at, n)),
        (any::<Index>(), 1..100_usize).prop_map(|(at, n)| Mutation::Repeat(at, n)),
    ];
    let requests = vec(select(&REQUESTS[..]), 1..6).prop_map(|all| all.concat().into_bytes());
    let mutated = (requests.clone(), vec(mutation, 1..4)).prop_map(|(mut bytes, mutations)| {
        mutations.into_iter().for_each(|mutation| mutation.apply(&mut bytes));
        bytes
    });
    prop_oneof![3 => requests, 5 => mutated, 1 => vec(any::<u8>(), 0..300)]
}

fn client() -> impl Strategy<Value = Client> {
    let reading = prop_oneof![
        3 => Just(Reading::AtOnce),
        1 => (1000..20_000_usize).prop_map(Reading::Slowly),
        1 => Just(Reading::Never),
    ];
    let pieces = vec(prop_oneof![1..10_usize, 1..300_usize, Just(100_000)], 1..5);
    let buffer = prop_oneof![1..500_usize, Just(BUFFER_BYTES)];
    let closing = proptest::option::weighted(0.3, (0..500_u64).prop_map(Duration::from_millis));
    let flags = (any::<bool>(), proptest::bool::weighted(0.2));
    (bytes(), pieces, reading, buffer, closing, flags).prop_map(
        |(bytes, pieces, reading, buffer, closing, (pauses, closes_write))| {
            let buffer = match reading {
                // A byte at a time would take a large answer beyond all timeouts.
                _ if bytes.windows(5).any(|b| b == b"large") => BUFFER_BYTES,
                // A refusal is cut off after a second.
                Reading::Slowly(_) => buffer.max(100),
                Reading::AtOnce | Reading::Never => buffer,
            };
            Client { bytes, pieces, pauses, reading, closes_write, buffer, closing }
        },
    )
}

/// Sends everything, and keeps the connection until the server ends it.
async fn write(client: &Client, mut stream: WriteHalf<DuplexStream>) {
    let (mut rest, mut sizes) = (&client.bytes[..], client.pieces.iter().cycle());
    while let Some(size) = sizes.next().filter(|_| !rest.is_empty()) {
        let (piece, more) = rest.split_at((*size).min(rest.len()));
        if stream.write_all(piece).await.is_err() {
            return;
        }
        rest = more;
        if client.pauses {
            sleep(Duration::from_millis(7)).await;
        }
    }
    if client.closes_write {
        let _ = stream.shutdown().await;
    }
    pending().await
}

async fn read(reading: Reading, mut stream: ReadHalf<DuplexStream>, ended: CancellationToken) -> Vec<u8> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; BUFFER_BYTES]);
    loop {
        let size = match reading {
            Reading::AtOnce => BUFFER_BYTES,
            Reading::Slowly(size) => {
                sleep(Duration::from_millis(10)).await;
                size
            }
            Reading::Never => {
                ended.cancelled().await;
                BUFFER_BYTES
            }
        };
        match stream.read(&mut buffer[..size]).await {
            Ok(0) | Err(_) => return bytes,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

/// Runs one client against one connection. Returns the bytes that it read, and the
/// number of answers of the application.
async fn run(client: &Client) -> (Vec<u8>, usize) {
    let (drops, _dropped) = mpsc::unbounded_channel();
    let (closing, count) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    let app = app(Arc::new(Semaphore::new(0)), drops, closing.clone()).map_response(
        move |mut response: axum::response::Response| {
            let number = counted.fetch_add(1, Ordering::Relaxed);
            response.headers_mut().insert("x-number", number.into());
            response
        },
    );
    let ConnectionConfig { limits, headers, meter, .. } = config(Limits::of_files(1024, &[]));
    let (ours, theirs) = duplex(client.buffer);
    let connection = Connection::new(theirs, limits.stall_timeout);
    let slots = Arc::new(Slots::new(limits, meter, CancellationToken::new()));
    let slot = slots.acquire(PEER.ip(), connection.activity()).unwrap();
    let serving = tokio::spawn(Http1 { peer: PEER, app, slot, headers, closing: closing.clone() }.run(connection));
    let (ended, began) = (CancellationToken::new(), Instant::now());
    let served = async {
        serving.await.expect("no panic");
        ended.cancel();
    };
    let checking = async {
        loop {
            sleep(CHECK_INTERVAL).await;
            slots.close_expired();
            if closing.is_cancelled() {
                slots.close_idle();
            }
        }
    };
    let close = async {
        if let Some(after) = client.closing {
            sleep(after).await;
            closing.cancel();
        }
        pending::<()>().await
    };
    let (reader, writer) = split(ours);
    let answered = async { tokio::join!(served, read(client.reading, reader, ended.clone())).1 };
    let bytes = tokio::select! {
        bytes = answered => bytes,
        () = async { tokio::join!(write(client, writer), checking, close); } => unreachable!("checking never ends"),
        () = sleep(MAX_TIME) => panic!("the connection is still open"),
    };
    assert!(began.elapsed() < MAX_TIME);
    (bytes, count.load(Ordering::Relaxed))
}

fn check(client: &Client) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (bytes, given) = runtime.block_on(run(client));
    let (answers, rest) = parse(&bytes, false);
    let text = || String::from_utf8_lossy(&bytes).replace(&"x".repeat(1000), "");
    let answers: Vec<_> = answers.iter().filter(|answer| answer.status >= 200).collect();
    let mut numbers = Vec::new();
    for answer in &answers {
        assert!(answer.has_security_headers(), "{answer:?}");
        match answer.values("x-number").next() {
            Some(number) => numbers.push(std::str::from_utf8(number).unwrap().parse::<usize>().unwrap()),
            None => {
                assert_eq!(answer.values("content-type").next(), Some(&b"application/problem+json"[..]), "{}", text())
            }
        }
    }
    assert!(numbers.iter().copied().eq(0..numbers.len()), "{numbers:?}: {}", text());
    let mut headers = [httparse::EMPTY_HEADER; 64];
    assert!(httparse::Response::new(&mut headers).parse(rest).is_ok(), "no answer: {}", text());
    // A client that leaves or does not read may lose answers.
    if !client.closes_write && client.reading != Reading::Never {
        assert_eq!(numbers.len(), given, "an answer is lost: {}", text());
        assert!(rest.is_empty(), "half an answer: {}", text());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_whole_answers_and_an_end(client in client()) {
        check(&client);
    }
}
