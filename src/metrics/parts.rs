//! Metrics of each part of the server.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};

use super::{EnvLabel, Label, Labels, Registry, counters, gauges, long_histogram, members_of, short_histogram};

/// Reasons of a failed SQL statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlFailure {
    /// It exceeded its deadline and was interrupted.
    Timeout,
    /// The database did not answer or temporarily refused.
    Unreachable,
    /// It conflicted with another transaction and is retried.
    Conflict,
    /// It failed because of a bug in Trimtab.
    Fault,
}

impl SqlFailure {
    const NAMES: [&str; 4] = ["timeout", "unreachable", "conflict", "fault"];

    /// Returns the value of the label `reason`.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// Metrics of the database.
#[derive(Debug)]
pub struct SqlMetrics {
    /// Seconds until a connection was acquired.
    pub acquire: Histogram,
    /// Seconds per statement.
    pub statement: Histogram,
    /// Seconds per commit.
    pub commit: Histogram,
    failures: Family<Label, Counter, fn() -> Counter>,
    failed: [Counter; 4],
}

impl Default for SqlMetrics {
    fn default() -> Self {
        let failures = counters();
        let failed = members_of(&failures, SqlFailure::NAMES.map(|why| [("reason", why)]));
        Self { acquire: short_histogram(), statement: short_histogram(), commit: short_histogram(), failures, failed }
    }
}

impl SqlMetrics {
    /// Counts a failure.
    pub fn failed(&self, reason: SqlFailure) {
        self.failed[reason as usize].inc();
    }

    /// Registers the metrics under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.add("trimtab_sql_acquire_seconds", "Time to acquire a connection", &self.acquire);
        registry.add("trimtab_sql_statement_seconds", "Time of statements and commits", &self.statement);
        registry.add("trimtab_sql_commit_seconds", "Duration of commits", &self.commit);
        registry.add("trimtab_sql_failures", "Statements that failed", &self.failures);
    }
}

/// Reasons of a failed request to the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelFailure {
    /// No answer came before the deadline.
    Unreachable,
    /// The answer was a refusal.
    Refused,
}

/// Metrics of the channel (etcd, or memory).
#[derive(Debug)]
pub struct ChannelMetrics {
    /// Seconds per request to etcd, without waits for a lock.
    pub request: Histogram,
    /// Seconds per wait for a lock.
    pub lock: Histogram,
    /// Waits for a lock that timed out because another session held it.
    pub lock_timeouts: Counter,
    failures: Family<Label, Counter, fn() -> Counter>,
    failed: [Counter; 2],
}

impl Default for ChannelMetrics {
    fn default() -> Self {
        let failures = counters();
        let failed = members_of(&failures, ["unreachable", "refused"].map(|why| [("reason", why)]));
        Self { request: short_histogram(), lock: long_histogram(), lock_timeouts: Counter::default(), failures, failed }
    }
}

impl ChannelMetrics {
    /// Counts a failure.
    pub fn failed(&self, reason: ChannelFailure) {
        self.failed[reason as usize].inc();
    }

    /// Registers the metrics under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.add("trimtab_etcd_request_seconds", "Duration of requests to etcd", &self.request);
        registry.add("trimtab_etcd_failures", "Requests to etcd that failed", &self.failures);
        registry.add("trimtab_lock_wait_seconds", "Time to acquire an environment's lock", &self.lock);
        registry.add("trimtab_lock_timeouts", "Waits for a lock that timed out", &self.lock_timeouts);
    }
}

/// Metrics of publishing and delivery.
#[derive(Debug)]
pub struct DeliveryMetrics {
    /// Releases that this node accepted.
    pub accepted: Counter,
    /// Releases that this node wrote to the channel.
    pub delivered: Counter,
    /// Deliveries that failed and are retried.
    pub failed: Counter,
    /// Seconds from acceptance to delivery.
    pub latency: Histogram,
    /// Completed comparisons of the channel with the database.
    pub reconciled: Counter,
}

impl Default for DeliveryMetrics {
    fn default() -> Self {
        let [accepted, delivered, failed, reconciled] = std::array::from_fn(|_| Counter::default());
        Self { accepted, delivered, failed, latency: long_histogram(), reconciled }
    }
}

impl DeliveryMetrics {
    /// Counts a release that was delivered `after_ms` milliseconds after its acceptance.
    pub fn delivered(&self, after_ms: i64) {
        self.delivered.inc();
        self.latency.observe(Duration::from_millis(after_ms.max(0).unsigned_abs()).as_secs_f64());
    }

    /// Registers the metrics under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.add("trimtab_releases_accepted", "Releases accepted by this node", &self.accepted);
        registry.add("trimtab_releases_delivered", "Releases delivered by this node", &self.delivered);
        registry.add("trimtab_delivery_failures", "Deliveries that failed and are retried", &self.failed);
        registry.add("trimtab_delivery_seconds", "Time from acceptance to delivery", &self.latency);
        registry.add("trimtab_reconciliations", "Comparisons of channel and database", &self.reconciled);
    }
}

/// Metrics of the feed, which follows the channel for readers.
#[derive(Debug, Default)]
pub struct FeedMetrics {
    /// Full listings of the channel.
    pub listings: Counter,
    /// Watches that fell behind etcd's compaction.
    pub behind: Counter,
    /// Watches and listings that failed.
    pub watch_failures: Counter,
    /// Revision of the channel up to which the feed has read.
    pub revision: Gauge,
}

impl FeedMetrics {
    /// Registers the metrics under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.add("trimtab_channel_full_resyncs", "Full listings of the channel", &self.listings);
        registry.add("trimtab_channel_watch_compactions", "Watches that fell behind", &self.behind);
        registry.add("trimtab_channel_watch_failures", "Watches and listings that failed", &self.watch_failures);
        registry.add("trimtab_channel_revision", "Revision up to which it was read", &self.revision);
    }
}

/// Kinds of reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadKind {
    /// A config.
    Config,
    /// A document without its metadata.
    Raw,
    /// All configs of an application.
    App,
    /// A stream of events.
    Watch,
}

/// Kinds of requests that wait for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaiterKind {
    /// A long poll.
    Poll,
    /// A stream of events.
    Stream,
}

/// Metrics of the read endpoints.
#[derive(Debug)]
pub struct ReadMetrics {
    family: Family<Labels, Counter, fn() -> Counter>,
    done: [[Counter; 5]; 4],
    family_of_waiters: Family<Label, Gauge, fn() -> Gauge>,
    waiters: [Gauge; 2],
}

impl Default for ReadMetrics {
    fn default() -> Self {
        const STATUS: [&str; 5] = ["200", "304", "4xx", "429", "5xx"];
        let family = counters();
        let done = ["config", "raw", "app", "watch"]
            .map(|kind| members_of(&family, STATUS.map(|status| [("kind", kind), ("status", status)])));
        let family_of_waiters = gauges();
        let waiters = members_of(&family_of_waiters, ["poll", "stream"].map(|kind| [("kind", kind)]));
        Self { family, done, family_of_waiters, waiters }
    }
}

impl ReadMetrics {
    /// Counts an answer.
    pub fn answered(&self, kind: ReadKind, status: u16) {
        let class = match status {
            304 => 1,
            429 => 3,
            400..=428 | 430..=499 => 2,
            500.. => 4,
            _ => 0,
        };
        self.done[kind as usize][class].inc();
    }

    /// Returns the gauge of open requests of one kind.
    pub fn waiters(&self, kind: WaiterKind) -> &Gauge {
        &self.waiters[kind as usize]
    }

    /// Registers the metrics under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.add("trimtab_config_requests", "Answers to reads", &self.family);
        registry.add("trimtab_open_watches", "Open long polls and streams", &self.family_of_waiters);
    }
}

/// Parts of the server that answer other requests than reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerPart {
    /// The HTTP API.
    Api,
    /// Pages, their forms and files.
    Console,
}

/// Labels of an answer to a request other than a read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    part: &'static str,
    method: &'static str,
    status: u32,
}

/// Metrics of requests other than reads.
#[derive(Debug)]
pub struct RequestMetrics {
    answers: Family<AnswerLabels, Counter>,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        let answers = Family::<AnswerLabels, Counter>::default();
        // These counters begin at 0, so that a rate includes the first error. Counters of other methods and statuses
        // begin with their first answer.
        for (part, methods) in [("api", &["GET", "POST", "PUT"][..]), ("console", &["GET", "POST"])] {
            for (method, status) in methods.iter().flat_map(|method| [200, 500, 503].map(|status| (*method, status))) {
                _ = answers.get_or_create_owned(&AnswerLabels { part, method, status });
            }
        }
        Self { answers, durations: Family::new_with_constructor(long_histogram) }
    }
}

impl RequestMetrics {
    /// Counts an answer and records its duration. `method` must be one of a few names, since each is kept for ever.
    pub fn answered(&self, part: ServerPart, method: &'static str, status: u16, took: Duration) {
        let part = match part {
            ServerPart::Api => "api",
            ServerPart::Console => "console",
        };
        self.answers.get_or_create_owned(&AnswerLabels { part, method, status: status.into() }).inc();
        let duration = self.durations.get_or_create_owned(&[("part", part), ("method", method)]);
        duration.observe(took.as_secs_f64());
    }

    /// Registers the metrics under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.add("http_server_requests", "Answers to requests other than reads", &self.answers);
        registry.add("http_server_request_duration_seconds", "Duration of these requests", &self.durations);
    }
}

/// Metrics of client connections.
#[derive(Clone, Debug, Default)]
pub struct ConnectionMetrics {
    /// Open connections.
    pub open: Gauge,
    /// Connections that were refused because all slots were taken.
    pub refused: Counter,
}

impl ConnectionMetrics {
    /// Registers the metrics under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.add("trimtab_connections", "Open connections", &self.open);
        registry.add("trimtab_connections_refused", "Refused connections", &self.refused);
    }
}

/// Size and age of an environment's outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvOutbox {
    /// Name of the environment.
    pub env: String,
    /// Number of releases that wait for delivery.
    pub releases: u64,
    /// Age in seconds of the oldest of them.
    pub oldest_seconds: i64,
}

/// Gauges that are computed for each request of `/metrics`.
#[derive(Debug)]
pub struct StateMetrics {
    outbox_releases: Family<EnvLabel, Gauge, fn() -> Gauge>,
    oldest: Family<EnvLabel, Gauge, fn() -> Gauge>,
    drifts: Family<Label, Gauge, fn() -> Gauge>,
    /// Environments whose delivery is late for a reason that this node knows.
    pub late: Gauge,
    /// Configs of which this node holds a later release than the channel.
    pub ahead: Gauge,
    /// Keys of the channel that held no valid release at the last listing.
    pub damaged: Gauge,
    /// Instances that this node saw recently.
    pub instances: Gauge,
    /// Seconds since the feed lost contact with the channel, or 0.
    pub stale: Gauge,
}

impl Default for StateMetrics {
    fn default() -> Self {
        let [late, ahead, damaged, instances, stale] = std::array::from_fn(|_| Gauge::default());
        Self { outbox_releases: gauges(), oldest: gauges(), drifts: gauges(), late, ahead, damaged, instances, stale }
    }
}

impl StateMetrics {
    /// Replaces the gauges of the outbox.
    pub fn set_outbox(&self, outbox: impl IntoIterator<Item = EnvOutbox>) {
        self.outbox_releases.clear();
        self.oldest.clear();
        for EnvOutbox { env, releases, oldest_seconds } in outbox {
            let env = [("env", env)];
            self.outbox_releases.get_or_create_owned(&env).set(i64::try_from(releases).unwrap_or(i64::MAX));
            self.oldest.get_or_create_owned(&env).set(oldest_seconds);
        }
    }

    /// Sets the number of configs with each kind of drift.
    pub fn set_drifts(&self, by_kind: impl IntoIterator<Item = (&'static str, usize)>) {
        for (kind, configs) in by_kind {
            let gauge = self.drifts.get_or_create_owned(&[("kind", kind)]);
            gauge.set(i64::try_from(configs).unwrap_or(i64::MAX));
        }
    }

    /// Registers the metrics under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.add("trimtab_outbox_releases", "Accepted releases that wait for delivery", &self.outbox_releases);
        registry.add("trimtab_outbox_oldest_age_seconds", "Age of the oldest of them", &self.oldest);
        registry.add("trimtab_late_environments", "Environments whose delivery is late", &self.late);
        registry.add(
            "trimtab_drifts",
            "Configs in which the channel or its readers differ from the database",
            &self.drifts,
        );
        registry.add(
            "trimtab_store_ahead",
            "Configs of which this node holds a later release than the channel, 64 at most",
            &self.ahead,
        );
        registry.add(
            "trimtab_channel_damaged",
            "Keys of the channel that held no valid release at the last listing",
            &self.damaged,
        );
        registry.add("trimtab_instances", "Instances seen recently", &self.instances);
        registry.add("trimtab_channel_stale_seconds", "Time since channel contact was lost", &self.stale);
    }
}
