//! The channel through etcd.
//!
//! This code relies on facts of etcd 3.4 and its client. The client never retries a transaction blindly, keeps no lease
//! alive, resumes no watch after a broken connection and has no deadlines. Linearizable reads are the default. A key's
//! create revision never comes twice.

mod deliver;
mod keys;
mod lease;
mod list;
mod lock;
mod registry;
mod settings;
mod tokens;
mod watch;

use std::{
    error::Error as _,
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use etcd_client::{Client, ConnectOptions, Error, GetOptions, GetResponse, ResponseHeader, Txn, TxnResponse};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};
use tonic::Code;
use tracing::Instrument;

use self::{
    deliver::LastWrites,
    keys::Keys,
    lease::{Lease, LiveLease},
};
pub use self::{
    lock::EtcdLock,
    registry::{Membership, NodeRegistry, RegistryWatch},
    settings::{EtcdSettings, Timing},
    tokens::EtcdTokenWatch,
    watch::EtcdWatch,
};
use super::{ChannelError, Head};
use crate::{metrics, traces};

/// An etcd cluster, and the member in use. Each member has its own connection, without balancing: requests stay with a
/// member until it fails, so a paused or isolated member costs one deadline instead of every third request.
pub struct Etcd {
    keys: Keys,
    node: String,
    timing: Timing,
    options: ConnectOptions,
    members: Vec<Member>,
    current: AtomicUsize,
    /// Lease for the next lock.
    spare: Mutex<Option<LiveLease>>,
    /// Last releases that this node wrote. Empty unless it remembers them.
    written: Mutex<LastWrites>,
    remembers_writes: bool,
    /// Number of watch failures. Each may mean that etcd was restored to a state in which a free lock is held.
    watch_failures: AtomicUsize,
    /// Whether etcd failed to answer and no watch began since.
    unreachable: AtomicBool,
    disturbances: tokio::sync::watch::Sender<()>,
    pub(super) meter: metrics::ChannelMetrics,
}

struct Member {
    url: String,
    connection: Mutex<Connection>,
}

/// A client and its number. Only a caller that saw this number fail drops the client.
#[derive(Default)]
struct Connection {
    number: usize,
    client: Option<Client>,
}

impl fmt::Debug for Etcd {
    /// Leaves out the options, which hold the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<&str> = self.members.iter().map(|m| m.url.as_str()).collect();
        f.debug_struct("Etcd").field("keys", &self.keys).field("members", &members).finish_non_exhaustive()
    }
}

impl Etcd {
    pub(super) async fn new(settings: EtcdSettings) -> Result<Self, ChannelError> {
        let members = settings.urls()?.into_iter().map(|url| Member { url, connection: Mutex::default() }).collect();
        Ok(Self {
            keys: Keys::new(&settings.root)?,
            options: settings.options().await?,
            node: settings.node,
            timing: settings.timing,
            members,
            current: AtomicUsize::new(0),
            spare: Mutex::default(),
            written: Mutex::default(),
            remembers_writes: settings.remembers_writes,
            watch_failures: AtomicUsize::new(0),
            unreachable: AtomicBool::new(false),
            disturbances: tokio::sync::watch::Sender::new(()),
            meter: metrics::ChannelMetrics::default(),
        })
    }

    /// Records a watch failure. Drops the spare lease and the remembered writes, because etcd may be restored from a
    /// backup before it answers again.
    fn record_watch_failure(self: &Arc<Self>) {
        self.unreachable.store(true, Ordering::Relaxed);
        self.watch_failures.fetch_add(1, Ordering::SeqCst);
        *self.written.lock() = LastWrites::default();
        drop(Lease::take_spare(self));
    }

    /// Records that a watch began. Reports a disturbance if etcd was unreachable, so that failed work is retried.
    fn record_watch_start(&self) {
        if self.unreachable.swap(false, Ordering::Relaxed) {
            self.report_disturbance();
        }
    }

    pub(super) fn report_disturbance(&self) {
        self.disturbances.send_replace(());
    }

    pub(super) fn disturbances(&self) -> tokio::sync::watch::Receiver<()> {
        self.disturbances.subscribe()
    }

    /// Runs a transaction once.
    async fn txn(&self, txn: &Txn) -> Result<TxnResponse, ChannelError> {
        self.call(self.timing.call, move |mut etcd| async move { etcd.txn(txn.clone()).await }).await
    }

    pub(super) async fn head(&self) -> Result<Head, ChannelError> {
        // Counts a key that never exists: only the header matters, and a linearizable read asks a quorum. Reader nodes
        // may read this prefix.
        let options = GetOptions::new().with_count_only();
        head(self.get(self.timing.call, &self.keys.documents(), options).await?.header())
    }

    /// Reads a key or range once.
    async fn get(&self, within: Duration, key: &str, options: GetOptions) -> Result<GetResponse, ChannelError> {
        let options = &options;
        self.call(within, move |mut etcd| async move { etcd.get(key, Some(options.clone())).await }).await
    }

    /// Runs one request within its deadline, on the member in use. After a failure the next member is used. The same
    /// request goes to the next member only if it was certainly never sent, so it is not executed twice.
    ///
    /// (Not `AsyncFn`: its futures cannot be proven `Send`, so no caller could be spawned.)
    async fn call<T, F>(&self, within: Duration, request: impl Fn(Client) -> F) -> Result<T, ChannelError>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let began = Instant::now();
        let answer = self.try_members(within, Member::client, request).instrument(traces::etcd()).await;
        let answer = answer.map(|(_, answer)| answer);
        // A wait for a lock does not measure the speed of etcd.
        if within <= self.timing.call.max(self.timing.page) {
            self.meter.request.observe(began.elapsed().as_secs_f64());
        }
        match &answer {
            Err(ChannelError::Unreachable(_)) => self.meter.failed(metrics::ChannelFailure::Unreachable),
            Err(_) => self.meter.failed(metrics::ChannelFailure::Refused),
            Ok(_) => {}
        }
        answer
    }

    /// Runs a request like [`Self::call`], but over a connection of its own. Also returns the member. Responses that a
    /// watch has not read yet fill the window of its connection, which would block other requests.
    async fn call_on_new_connection<T, F>(
        &self,
        within: Duration,
        request: impl Fn(Client) -> F,
    ) -> Result<(usize, T), ChannelError>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        self.try_members(within, Member::connect, request).await
    }

    async fn try_members<'a, T, F, C>(
        &'a self,
        within: Duration,
        client: fn(&'a Member, &'a ConnectOptions) -> C,
        request: impl Fn(Client) -> F,
    ) -> Result<(usize, T), ChannelError>
    where
        C: Future<Output = Result<Client, Error>> + Send,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let deadline = Instant::now() + within;
        let mut left = self.members.len();
        loop {
            left -= 1;
            let index = self.current.load(Ordering::Relaxed) % self.members.len();
            let member = &self.members[index];
            let number = member.connection.lock().number;
            let answer = timeout_at(deadline, async { request(client(member, &self.options).await?).await }).await;
            let error = match answer {
                Ok(Ok(answer)) => return Ok((index, answer)),
                Ok(Err(error)) => error,
                Err(_) => {
                    self.switch_member(index, number);
                    return Err(ChannelError::Unreachable(format!(
                        "etcd at {} did not answer in {within:?}",
                        member.url
                    )));
                }
            };
            let fault = classify(&member.url, &error);
            if matches!(fault, ChannelError::Unreachable(_)) {
                self.switch_member(index, number);
            }
            if left == 0 || !never_sent(&error) {
                return Err(fault);
            }
        }
    }

    /// Switches to the next member, and drops this member's connection: a half-open one would swallow requests until
    /// TCP gives up.
    fn switch_member(&self, index: usize, number: usize) {
        self.unreachable.store(true, Ordering::Relaxed);
        let mut connection = self.members[index].connection.lock();
        if connection.number == number {
            *connection = Connection { number: number + 1, client: None };
            let _ = self.current.compare_exchange(
                index,
                (index + 1) % self.members.len(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }
}

impl Member {
    /// Returns the client. A new one connects lazily, but logs in at once if there is a user.
    async fn client(&self, options: &ConnectOptions) -> Result<Client, Error> {
        if let Some(client) = &self.connection.lock().client {
            return Ok(client.clone());
        }
        let client = self.connect(options).await?;
        Ok(self.connection.lock().client.get_or_insert(client).clone())
    }

    async fn connect(&self, options: &ConnectOptions) -> Result<Client, Error> {
        Client::connect([&self.url], Some(options.clone())).await
    }
}

/// Returns the state of the cluster from a response.
fn head(header: Option<&ResponseHeader>) -> Result<Head, ChannelError> {
    let header = header.ok_or_else(|| ChannelError::Unreachable("etcd sent an answer without a header".into()))?;
    Ok(Head { revision: header.revision(), cluster: header.cluster_id() })
}

/// Classifies an error. Only a message of etcd itself is a refusal. After any other error the outcome is unknown.
fn classify(url: &str, error: &Error) -> ChannelError {
    /// Refusals without a code: the lock service calls etcd through its own client, which loses the code.
    const WITHOUT_CODE: [&str; 3] = ["permission denied", "invalid auth token", "user name is empty"];
    const TOO_LARGE: [&str; 3] = ["too many operations in txn", "request is too large", "message larger than max"];

    let Error::GRpcStatus(status) = error else {
        let why = format!("etcd at {url}: {error}");
        return match error {
            Error::InvalidArgs(_) | Error::InvalidUri(_) | Error::LeaseKeepAliveError(_) => ChannelError::Refused(why),
            _ => ChannelError::Unreachable(why),
        };
    };
    let message = status.message();
    if message.contains("required revision has been compacted") {
        return ChannelError::Compacted;
    }
    if TOO_LARGE.iter().any(|text| message.contains(text)) {
        return ChannelError::TooLarge(message.to_owned());
    }
    let is_refusal = matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unauthenticated
    );
    if is_refusal && message.starts_with("etcdserver: ") || WITHOUT_CODE.iter().any(|text| message.contains(text)) {
        let why = message.trim_start_matches("etcdserver: ");
        return ChannelError::Refused(format!("etcd at {url} refuses: {why}{}", advice(url, why)));
    }
    let cause = causes(error).last().map_or_else(|| message.to_owned(), ToString::to_string);
    ChannelError::Unreachable(format!("etcd at {url}: {cause}{}", advice(url, &cause)))
}

/// Returns advice to append to a permanent refusal or connection failure. Empty for other errors.
fn advice(url: &str, why: &str) -> &'static str {
    const KNOWN: [(&str, &str); 10] = [
        ("authentication failed", "; correct etcd.username and etcd.password"),
        ("authentication is not enabled", "; remove etcd.username and etcd.password, or enable users in etcd"),
        ("user name is empty", "; set etcd.username and etcd.password"),
        ("permission denied", "; grant the user what its node needs under etcd.root"),
        ("database space exceeded", "; compact and defragment etcd, then disarm its alarm"),
        ("failed to lookup address", "; correct the host in etcd.endpoints"),
        ("Connection refused", "; start etcd, or correct etcd.endpoints"),
        ("invalid peer certificate", "; correct etcd.ca, or the host in etcd.endpoints"),
        ("handshake eof", "; if this goes on, correct the port, or write http:// in etcd.endpoints"),
        ("corrupt message", "; the endpoint does not use TLS: correct the port, or write http:// in etcd.endpoints"),
    ];
    // These also occur when etcd stops.
    const NOT_PLAIN: [&str; 3] = ["connection reset", "broken pipe", "frame with invalid size"];
    if url.starts_with("http://") && NOT_PLAIN.iter().any(|text| why.contains(text)) {
        return "; if this goes on, correct the port, or write https:// in etcd.endpoints";
    }
    KNOWN.iter().find(|(known, _)| why.contains(known)).map_or("", |(_, advice)| advice)
}

/// Returns whether the request was certainly never sent, because there was no connection.
fn never_sent(error: &Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|io| matches!(io.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable))
}

/// Returns the causes of an error, outermost first. The client's own error type has no source.
fn causes(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let first: Option<&(dyn std::error::Error + 'static)> = match error {
        Error::GRpcStatus(status) => status.source(),
        Error::TransportError(error) => Some(error),
        _ => None,
    };
    std::iter::successors(first, |&cause| cause.source())
}
