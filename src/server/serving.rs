//! Connections: how many there may be, how long each may be quiet, and how they end with the server.
//!
//! HTTP/1.1 alone: whoever wants more has a proxy in front. Nothing on the way of a read sets a timer: one task looks at
//! all connections twice a second.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    http::{
        body::WHOLE,
        listener::{Pulse, State},
    },
    metrics::Connections,
};

/// How long the head of a request may take, the first one from the connection on.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may be quiet between two requests.
const QUIET: Duration = Duration::from_secs(75);
/// The most connections, however many files the process may open.
const MOST: usize = 65_536;
/// Files that are no connections of clients: the databases, etcd, what pages are made of.
const RESERVE: usize = 128;
/// Connections beyond the most of all, on which health alone is told.
const KEPT: usize = 16;
/// How long a body has to be on its way before its connection may end for another one.
const GRACE: Duration = Duration::from_secs(2);
/// What connections are held to.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once.
    pub most: usize,
    /// Those of one address that is neither this machine's own nor a proxy's.
    pub most_of_one: usize,
    /// How long the head of a request may take.
    pub head: Duration,
    /// How long a connection may be quiet between two requests.
    pub quiet: Duration,
    /// How long a whole body may take.
    pub body: Duration,
    /// How long a body has to be on its way before its connection may end for another one.
    pub grace: Duration,
    /// Addresses whose `X-Forwarded-For` counts.
    pub proxies: Arc<[IpAddr]>,
}

impl Limits {
    /// As many connections as this process can have, which it first raises as far as it may.
    #[must_use]
    pub fn of_this_process(proxies: &[IpAddr]) -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        // One that cannot be raised still holds.
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
        let files = if raised { maximum } else { current };
        let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
        Self::of_files(files, proxies)
    }

    fn of_files(files: usize, proxies: &[IpAddr]) -> Self {
        // A process that may open next to nothing still serves somebody.
        let most = files.saturating_sub(RESERVE.max(files / 8)).clamp(16, MOST);
        let proxies = proxies.iter().map(IpAddr::to_canonical).collect();
        Self { most, most_of_one: most / 4, head: HEAD, quiet: QUIET, body: WHOLE, grace: GRACE, proxies }
    }

    fn for_one(&self, address: IpAddr) -> usize {
        if address.is_loopback() || self.proxies.contains(&address) { self.most } else { self.most_of_one }
    }
}

/// All connections.
pub(super) struct Room {
    limits: Limits,
    end: CancellationToken,
    meter: Connections,
    /// However many come, only some are told that there is no place.
    pub refusals: Arc<Semaphore>,
    all: Mutex<All>,
    /// Said already that there is no place.
    full: AtomicBool,
}

#[derive(Default)]
struct All {
    next: u64,
    here: HashMap<u64, Here>,
    of: HashMap<IpAddr, usize>,
    /// How many of them have a place that is kept for health.
    kept: usize,
}

struct Here {
    address: IpAddr,
    /// Whether it has a place that is kept for health.
    kept: bool,
    pulse: Arc<Pulse>,
    end: CancellationToken,
}

impl Room {
    /// A room without connections. All that come end with `end`.
    pub fn new(limits: Limits, end: CancellationToken, meter: Connections, refusals: usize) -> Self {
        let refusals = Arc::new(Semaphore::new(refusals));
        Self { limits, end, meter, refusals, all: Mutex::default(), full: AtomicBool::new(false) }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock()
    }

    /// Acquires a place for a connection. When all are taken, the connection that has been quiet for the longest ends,
    /// else the one whose body is the slowest. `None` when answers are under way on all of them.
    pub fn place(self: &Arc<Self>, address: IpAddr, pulse: Arc<Pulse>) -> Option<Place> {
        let mut all = self.all();
        let grace = self.limits.grace;
        let crowd = all.of.get(&address).is_some_and(|n| *n >= self.limits.for_one(address));
        let room = if crowd {
            all.end_slowest(grace, |here| !here.kept && here.address == address)
        } else {
            all.here.len() - all.kept < self.limits.most || all.end_slowest(grace, |here| !here.kept)
        };
        if !room {
            drop(all);
            self.meter.refused.inc();
            if !self.full.swap(true, Ordering::Relaxed) {
                tracing::warn!(%address, most = self.limits.most, "no place for another connection; some are refused");
            }
            return None;
        }
        Some(self.take(&mut all, address, pulse, false))
    }

    /// Acquires a place that is kept for health, as [`Room::place`] does: probes ask at the worst moments.
    pub fn kept_place(self: &Arc<Self>, address: IpAddr, pulse: Arc<Pulse>) -> Option<Place> {
        let mut all = self.all();
        let room = all.kept < KEPT || all.end_slowest(self.limits.grace, |here| here.kept);
        room.then(|| self.take(&mut all, address, pulse, true))
    }

    fn take(self: &Arc<Self>, all: &mut All, address: IpAddr, pulse: Arc<Pulse>, kept: bool) -> Place {
        let (number, end) = (all.next, self.end.child_token());
        all.next += 1;
        all.here.insert(number, Here { address, kept, pulse, end: end.clone() });
        if kept {
            all.kept += 1;
        } else {
            *all.of.entry(address).or_default() += 1;
        }
        self.meter.open.inc();
        Place { room: Arc::clone(self), number, end }
    }

    /// Ends those that take too long to ask, or have not asked for long.
    pub fn look(&self) {
        let Limits { head, quiet, .. } = self.limits;
        self.end_where(|state| match state {
            State::Busy | State::Sending(_) => false,
            State::Begun(so_long) => so_long >= head,
            State::Quiet(so_long) => so_long >= quiet,
        });
        if self.all().here.len() < self.limits.most {
            self.full.store(false, Ordering::Relaxed);
        }
    }

    /// Ends those on which nothing is under way: the server goes down.
    pub fn leave(&self) {
        self.end_where(|state| !state.is_busy());
    }

    fn end_where(&self, over: impl Fn(State) -> bool) {
        let all = self.all();
        all.here.values().filter(|here| over(here.pulse.state())).for_each(|here| here.end.cancel());
    }
}

impl All {
    /// Ends the connection that has been without a whole request for the longest, those without a head before those
    /// without a body. False when there is none.
    fn end_slowest(&mut self, grace: Duration, of: impl Fn(&Here) -> bool) -> bool {
        let theirs = self.here.iter().filter(|(_, here)| of(here));
        let slow = theirs.filter_map(|(number, here)| match here.pulse.state() {
            State::Begun(so_long) | State::Quiet(so_long) => Some((true, so_long, *number)),
            State::Sending(so_long) if so_long >= grace => Some((false, so_long, *number)),
            State::Busy | State::Sending(_) => None,
        });
        let Some((_, _, number)) = slow.max() else { return false };
        self.remove(number);
        true
    }

    fn remove(&mut self, number: u64) {
        let Some(here) = self.here.remove(&number) else { return };
        here.end.cancel();
        if here.kept {
            self.kept -= 1;
        } else if let Some(n) = self.of.get_mut(&here.address) {
            *n -= 1;
            if *n == 0 {
                self.of.remove(&here.address);
            }
        }
    }
}

/// A place in the [`Room`], until it is dropped.
pub(super) struct Place {
    room: Arc<Room>,
    number: u64,
    end: CancellationToken,
}

impl Place {
    /// What its connection is held to.
    pub fn limits(&self) -> &Limits {
        &self.room.limits
    }

    /// Whether its connection has to end.
    pub fn is_ended(&self) -> bool {
        self.end.is_cancelled()
    }

    /// Returns when its connection has to end.
    pub async fn ended(&self) {
        self.end.cancelled().await;
    }

    /// Returns when all connections have to end, whatever is under way on them.
    pub async fn all_ended(&self) {
        self.room.end.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.meter.open.dec();
        self.room.all().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::{Router, extract::Request, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        task::JoinHandle,
        time::{sleep, timeout},
    };

    use super::{
        super::{accept::serve, headers::Headers},
        *,
    };
    use crate::http::bearer;

    struct Server {
        address: SocketAddr,
        stop: CancellationToken,
        serving: JoinHandle<()>,
        /// Requests to `/never` that are under way.
        reached: Arc<Semaphore>,
    }

    impl Server {
        async fn with(limit: impl FnOnce(&mut Limits)) -> Self {
            let mut limits = Limits::of_files(1024, &[]);
            limit(&mut limits);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
            let reached = Arc::new(Semaphore::new(0));
            let reach = reached.clone();
            let app = Router::new()
                .route("/", get(async || "ok").post(async |body: String| body))
                .route("/me", get(async |request: Request| bearer::address(request.extensions()).unwrap().to_string()))
                .route("/slow", get(async || sleep(Duration::from_secs(2)).await))
                .route(
                    "/never",
                    get(async move || {
                        reach.add_permits(1);
                        std::future::pending::<()>().await;
                    }),
                )
                .route("/healthz", get(async || "ok"));
            let headers = Headers::of("https://config.example");
            let serving = tokio::spawn(serve(listener, app, limits, headers, Connections::default(), stop.clone()));
            Self { address, stop, serving, reached }
        }

        /// A connection that has sent this.
        async fn sent(&self, text: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            stream
        }

        async fn gets(&self) -> String {
            rest(&mut self.sent("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await).await
        }
    }

    /// What still comes until the connection ends; that it is torn off is an end too.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut text)).await.expect("an end within 5 s");
        String::from_utf8(text).unwrap()
    }

    fn has_headers(answer: &str) -> bool {
        let all = ["x-content-type-options: nosniff", "strict-transport-security: ", "content-security-policy: "];
        all.iter().all(|header| answer.matches(&format!("\r\n{header}")).count() == answer.matches("HTTP/1.1 ").count())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_head_that_cannot_be_read_is_answered_like_everything_else() {
        let server = Server::with(|_| {}).await;
        let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(600_000));
        for (sent, status) in [
            ("nonsense\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nhost x\r\n\r\n", 400),
            ("GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400),
            ("GET /\u{1} HTTP/1.1\r\nhost: x\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
            (long.as_str(), 431),
        ] {
            let mut stream = server.sent(sent).await;
            let got = rest(&mut stream).await;
            assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {got}");
            assert!(has_headers(&got) && got.contains("\r\ncontent-type: application/problem+json\r\n"), "{got}");
            assert!(got.contains(&format!("\"status\":{status}")), "{got}");
        }
        // After an answer, on the same connection.
        let mut stream = server.sent("GET / HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n").await;
        let got = rest(&mut stream).await;
        assert!(got.starts_with("HTTP/1.1 200") && got.contains("HTTP/1.1 400 Bad Request\r\n"), "{got}");
        assert!(has_headers(&got), "{got}");
    }

    const HALF_A_HEAD: &str = "POST / HTTP/1.1\r\nhost: x\r\n";
    const HALF_A_BODY: &str = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf";

    #[tokio::test(flavor = "multi_thread")]
    async fn more_idle_connections_than_there_are_places_keep_nobody_out() {
        let server = Server::with(|limits| limits.most = 20).await;
        let mut idle = Vec::new();
        for n in 0..60 {
            idle.push(server.sent(if n % 2 == 0 { "" } else { HALF_A_HEAD }).await);
        }
        assert!(server.gets().await.ends_with("ok"));
        rest(&mut idle[0]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_is_answered_is_not_ended_for_one_who_comes() {
        let server = Server::with(|limits| limits.most = 2).await;
        let slow = "GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let (mut a, mut b) = (server.sent(slow).await, server.sent(slow).await);
        sleep(Duration::from_millis(300)).await;
        let refused = server.gets().await;
        assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("\r\nretry-after: 2\r\n"), "{refused}");
        assert!(has_headers(&refused), "{refused}");
        let (a, b) = tokio::join!(rest(&mut a), rest(&mut b));
        assert!(a.starts_with("HTTP/1.1 200") && b.starts_with("HTTP/1.1 200"));
        assert!(server.gets().await.ends_with("ok"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn health_is_answered_when_every_place_is_taken() {
        let server = Server::with(|limits| limits.most = 2).await;
        let never = "GET /never HTTP/1.1\r\nhost: x\r\n\r\n";
        let _taken = [server.sent(never).await, server.sent(never).await];
        let _reached = server.reached.acquire_many(2).await.unwrap();
        // More than are kept: those that ask for nothing make room.
        let mut idle = Vec::new();
        for _ in 0..KEPT + 4 {
            idle.push(server.sent("").await);
        }
        let health = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let answer = rest(&mut server.sent(health).await).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let answer = server.gets().await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn half_a_body_makes_room_for_another_connection() {
        let server = Server::with(|limits| (limits.most, limits.grace) = (1, Duration::ZERO)).await;
        let mut half = server.sent(HALF_A_BODY).await;
        assert!(server.gets().await.ends_with("ok"));
        assert!(!rest(&mut half).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn half_a_request_and_a_quiet_connection_end() {
        let short = Duration::from_millis(200);
        let server = Server::with(|limits| (limits.head, limits.quiet, limits.body) = (short, short, short)).await;
        for (half, answer) in [(HALF_A_HEAD, ""), (HALF_A_BODY, "HTTP/1.1 4"), ("", "")] {
            let mut stream = server.sent(half).await;
            let got = rest(&mut stream).await;
            assert!(got.starts_with(answer), "{half:?}: {got}");
        }
        // Drops do not put the end off.
        let mut stream = server.sent(HALF_A_HEAD).await;
        let (mut read, mut write) = stream.split();
        let dripping = async {
            loop {
                if write.write_all(b"x").await.is_err() {
                    break std::future::pending().await;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let ended = async { while read.read(&mut [0; 100]).await.is_ok_and(|n| n > 0) {} };
        let ended = async {
            tokio::select! { () = ended => {} () = dripping => {} }
        };
        timeout(Duration::from_secs(5), ended).await.expect("an end within 5 s");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn going_down_waits_for_answers_and_for_nothing_else() {
        let server = Server::with(|_| {}).await;
        let mut halves = [server.sent("").await, server.sent(HALF_A_HEAD).await, server.sent(HALF_A_BODY).await];
        let mut slow = server.sent("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
        sleep(Duration::from_millis(300)).await;
        let began = std::time::Instant::now();
        server.stop.cancel();
        for half in &mut halves {
            rest(half).await;
        }
        assert!(began.elapsed() < Duration::from_millis(1600), "{:?}", began.elapsed());
        assert!(rest(&mut slow).await.starts_with("HTTP/1.1 200"));
        timeout(Duration::from_secs(2), server.serving).await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_proxy_says_for_whom_it_asks() {
        let asks = "GET /me HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: 6.6.6.6, 192.0.2.7\r\n\r\n";
        for (proxies, me) in [(vec![], "127.0.0.1"), (vec![IpAddr::from([127, 0, 0, 1])], "192.0.2.7")] {
            let server = Server::with(|limits| limits.proxies = proxies.into()).await;
            let got = rest(&mut server.sent(asks).await).await;
            assert!(got.ends_with(me), "{got}");
        }
    }

    #[test]
    fn one_address_takes_a_quarter_at_most() {
        let proxy = IpAddr::from([10, 0, 0, 1]);
        let limits = Limits::of_files(1024, &[proxy]);
        assert_eq!((limits.most, limits.most_of_one), (896, 224));
        assert_eq!(limits.for_one([192, 0, 2, 1].into()), 224);
        assert_eq!((limits.for_one(proxy), limits.for_one([127, 0, 0, 1].into())), (896, 896));
        assert_eq!((Limits::of_files(10, &[]).most, Limits::of_files(usize::MAX, &[]).most), (16, MOST));
    }
}
