//! The counters of each part of the server.

use std::time::Duration;

use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};

use super::{Label, Labels, OfEnv, Registry, counters, gauges, made, quick, slow};

/// Why a statement did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlFailure {
    /// Cut off by its deadline.
    Late,
    /// The database did not answer, or refused for now.
    Away,
    /// Another transaction was in the way; it is tried again.
    Conflict,
    /// A fault of ours.
    Fault,
}

impl SqlFailure {
    const NAMES: [&str; 4] = ["late", "away", "conflict", "fault"];

    /// What it is called where programs look.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// SQL.
#[derive(Debug)]
pub struct Sql {
    /// Seconds until there was a connection.
    pub acquire: Histogram,
    /// Seconds of a statement.
    pub statement: Histogram,
    /// Seconds of a commit.
    pub commit: Histogram,
    failures: Family<Label, Counter, fn() -> Counter>,
    failed: [Counter; 4],
}

impl Default for Sql {
    fn default() -> Self {
        let failures = counters();
        let failed = made(&failures, SqlFailure::NAMES.map(|why| [("reason", why)]));
        Self { acquire: quick(), statement: quick(), commit: quick(), failures, failed }
    }
}

impl Sql {
    /// Counts a failure.
    pub fn failed(&self, why: SqlFailure) {
        self.failed[why as usize].inc();
    }

    /// Names them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = &mut registry.0;
        registry.register("trimtab_sql_acquire_seconds", "Until there was a connection", self.acquire.clone());
        registry.register("trimtab_sql_statement_seconds", "Statements, commits included", self.statement.clone());
        registry.register("trimtab_sql_commit_seconds", "Commits", self.commit.clone());
        registry.register("trimtab_sql_failures", "Statements that failed", self.failures.clone());
    }
}

/// Why the channel did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelFailure {
    /// No answer, or none in time.
    Unreachable,
    /// It answers, and does not do it.
    Refused,
}

/// The channel: etcd, or memory.
#[derive(Debug)]
pub struct Channels {
    /// Seconds of a request to etcd; waits for a lock are counted apart.
    pub request: Histogram,
    /// Seconds that somebody waited for a lock.
    pub lock: Histogram,
    /// Locks that somebody else held for too long.
    pub busy: Counter,
    failures: Family<Label, Counter, fn() -> Counter>,
    failed: [Counter; 2],
}

impl Default for Channels {
    fn default() -> Self {
        let failures = counters();
        let failed = made(&failures, ["unreachable", "refused"].map(|why| [("reason", why)]));
        Self { request: quick(), lock: slow(), busy: Counter::default(), failures, failed }
    }
}

impl Channels {
    /// Counts a failure.
    pub fn failed(&self, why: ChannelFailure) {
        self.failed[why as usize].inc();
    }

    /// Names them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = &mut registry.0;
        registry.register("trimtab_etcd_request_seconds", "Requests to etcd", self.request.clone());
        registry.register("trimtab_etcd_failures", "Requests to etcd that failed", self.failures.clone());
        registry.register("trimtab_lock_wait_seconds", "Waits for an environment's lock", self.lock.clone());
        registry.register("trimtab_lock_busy", "Waits for a lock that ended without it", self.busy.clone());
    }
}

/// Publishing and delivery.
#[derive(Debug)]
pub struct Deliveries {
    /// Releases that were accepted here.
    pub accepted: Counter,
    /// Releases that this node brought into the channel.
    pub delivered: Counter,
    /// Tries that failed, and are made again.
    pub failed: Counter,
    /// Seconds from acceptance to the channel.
    pub latency: Histogram,
    /// Comparisons of the channel with the database that came to their end.
    pub reconciled: Counter,
}

impl Default for Deliveries {
    fn default() -> Self {
        let [accepted, delivered, failed, reconciled] = std::array::from_fn(|_| Counter::default());
        Self { accepted, delivered, failed, latency: slow(), reconciled }
    }
}

impl Deliveries {
    /// Counts a release that is in the channel, so many milliseconds after it was accepted.
    pub fn delivered(&self, after_ms: i64) {
        self.delivered.inc();
        self.latency.observe(Duration::from_millis(after_ms.max(0).unsigned_abs()).as_secs_f64());
    }

    /// Names them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = &mut registry.0;
        registry.register("trimtab_releases_accepted", "Releases accepted by this node", self.accepted.clone());
        registry.register("trimtab_releases_delivered", "Releases delivered by this node", self.delivered.clone());
        registry.register("trimtab_delivery_failures", "Deliveries that failed and wait", self.failed.clone());
        registry.register("trimtab_delivery_seconds", "From acceptance to the channel", self.latency.clone());
        registry.register("trimtab_reconciliations", "Comparisons of channel and database", self.reconciled.clone());
    }
}

/// What follows the channel for readers.
#[derive(Debug, Default)]
pub struct Feeding {
    /// Times that everything was listed.
    pub listed: Counter,
    /// Watches that fell behind.
    pub behind: Counter,
    /// Watches and listings that broke.
    pub lost: Counter,
    /// How far the channel was heard.
    pub revision: Gauge,
}

impl Feeding {
    /// Names them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = &mut registry.0;
        registry.register("trimtab_channel_listings", "Times that everything was listed", self.listed.clone());
        registry.register("trimtab_channel_watches_behind", "Watches that fell behind", self.behind.clone());
        registry.register("trimtab_channel_lost", "Times that the channel was lost", self.lost.clone());
        registry.register("trimtab_channel_revision", "Revision up to which it was heard", self.revision.clone());
    }
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A config.
    Config,
    /// A document alone.
    Raw,
    /// All configs of an application.
    App,
    /// A stream of events.
    Watch,
}

/// Who waits for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// A long poll.
    Poll,
    /// A stream of events.
    Stream,
}

/// Reads.
#[derive(Debug)]
pub struct Reads {
    family: Family<Labels, Counter, fn() -> Counter>,
    done: [[Counter; 5]; 4],
    family_of_waiters: Family<Label, Gauge, fn() -> Gauge>,
    waiters: [Gauge; 2],
}

impl Default for Reads {
    fn default() -> Self {
        const STATUS: [&str; 5] = ["200", "304", "4xx", "429", "5xx"];
        let family = counters();
        let done = ["config", "raw", "app", "watch"]
            .map(|kind| made(&family, STATUS.map(|status| [("kind", kind), ("status", status)])));
        let family_of_waiters = gauges();
        let waiters = made(&family_of_waiters, ["poll", "stream"].map(|kind| [("kind", kind)]));
        Self { family, done, family_of_waiters, waiters }
    }
}

impl Reads {
    /// Counts an answer.
    pub fn answered(&self, what: What, status: u16) {
        let class = match status {
            304 => 1,
            429 => 3,
            400..=428 | 430..=499 => 2,
            500.. => 4,
            _ => 0,
        };
        self.done[what as usize][class].inc();
    }

    /// Those that wait in one way.
    #[must_use]
    pub fn waiters(&self, how: Waiting) -> &Gauge {
        &self.waiters[how as usize]
    }

    /// Names them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = &mut registry.0;
        registry.register("trimtab_reads", "Answers to reads", self.family.clone());
        registry.register("trimtab_waiters", "Long polls and streams that are open", self.family_of_waiters.clone());
    }
}

/// Which part of the server answers what is no read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The HTTP API.
    Api,
    /// Pages, their forms and files.
    Console,
}

/// Requests that are no reads.
#[derive(Debug)]
pub struct Requests {
    family: Family<Labels, Counter, fn() -> Counter>,
    done: [[Counter; 4]; 2],
    durations: Family<Label, Histogram, fn() -> Histogram>,
    seconds: [Histogram; 2],
}

impl Default for Requests {
    fn default() -> Self {
        const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
        const PARTS: [&str; 2] = ["api", "console"];
        let (family, durations) = (counters(), Family::new_with_constructor(slow as fn() -> Histogram));
        let done = PARTS.map(|part| made(&family, CLASSES.map(|class| [("part", part), ("class", class)])));
        let seconds = made(&durations, PARTS.map(|part| [("part", part)]));
        Self { family, done, durations, seconds }
    }
}

impl Requests {
    /// Counts an answer, and how long it took.
    pub fn answered(&self, part: Part, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(2, 5) - 2;
        self.done[part as usize][class].inc();
        self.seconds[part as usize].observe(took.as_secs_f64());
    }

    /// Names them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = &mut registry.0;
        registry.register("trimtab_requests", "Answers to requests that are no reads", self.family.clone());
        registry.register("trimtab_request_seconds", "How long they took", self.durations.clone());
    }
}

/// Connections.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    /// Open ones.
    pub open: Gauge,
    /// Those for which there was no place.
    pub refused: Counter,
}

impl Connections {
    /// Names them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = &mut registry.0;
        registry.register("trimtab_connections", "Open connections", self.open.clone());
        registry.register("trimtab_connections_refused", "Connections without a place", self.refused.clone());
    }
}

/// What waits for delivery in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvDue {
    /// Its name.
    pub env: String,
    /// How many releases.
    pub releases: u64,
    /// For how many seconds the oldest has waited.
    pub oldest_seconds: i64,
}

/// What is looked up whenever somebody asks.
#[derive(Debug)]
pub struct State {
    due: Family<OfEnv, Gauge, fn() -> Gauge>,
    oldest: Family<OfEnv, Gauge, fn() -> Gauge>,
    drifts: Family<Label, Gauge, fn() -> Gauge>,
    /// Environments that are late, of which this node knows why.
    pub late: Gauge,
    /// Configs of which this node holds a later release than the channel.
    pub ahead: Gauge,
    /// Keys of the channel that were no releases when it was last listed.
    pub damaged: Gauge,
    /// Instances that were heard of.
    pub instances: Gauge,
    /// Seconds since the channel was last heard; 0 while it is.
    pub stale: Gauge,
}

impl Default for State {
    fn default() -> Self {
        let [late, ahead, damaged, instances, stale] = std::array::from_fn(|_| Gauge::default());
        Self { due: gauges(), oldest: gauges(), drifts: gauges(), late, ahead, damaged, instances, stale }
    }
}

impl State {
    /// Says what is due, in place of what was.
    pub fn set_due(&self, due: impl IntoIterator<Item = EnvDue>) {
        self.due.clear();
        self.oldest.clear();
        for EnvDue { env, releases, oldest_seconds } in due {
            let env = [("env", env)];
            self.due.get_or_create_owned(&env).set(i64::try_from(releases).unwrap_or(i64::MAX));
            self.oldest.get_or_create_owned(&env).set(oldest_seconds);
        }
    }

    /// Says how many configs depart in which way.
    pub fn set_drifts(&self, by_kind: impl IntoIterator<Item = (&'static str, usize)>) {
        for (kind, configs) in by_kind {
            let gauge = self.drifts.get_or_create_owned(&[("kind", kind)]);
            gauge.set(i64::try_from(configs).unwrap_or(i64::MAX));
        }
    }

    /// Names them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = &mut registry.0;
        registry.register("trimtab_due_releases", "Accepted releases that wait for delivery", self.due.clone());
        registry.register("trimtab_due_oldest_age_seconds", "How long the oldest has waited", self.oldest.clone());
        registry.register("trimtab_late_environments", "Environments that cannot be delivered", self.late.clone());
        registry.register(
            "trimtab_drifts",
            "Configs in which the channel or its readers differ from the database",
            self.drifts.clone(),
        );
        registry.register(
            "trimtab_store_ahead",
            "Configs of which this node holds a later release than the channel, 64 at most",
            self.ahead.clone(),
        );
        registry.register(
            "trimtab_channel_damaged",
            "Keys of the channel that were no releases when it was last listed",
            self.damaged.clone(),
        );
        registry.register("trimtab_instances", "Instances heard of lately", self.instances.clone());
        registry.register("trimtab_channel_stale_seconds", "Since the channel was last heard", self.stale.clone());
    }
}
