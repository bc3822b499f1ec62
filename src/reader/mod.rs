//! Answers reads from memory: snapshots, long polls and event streams.
//!
//! A read goes through these steps: token → scope → snapshot store → bytes. No step uses SQL, etcd or a service.
//! [`feed`] keeps the store up to date from the channel. `server` keeps [`Reader::tokens`] up to date.
//!
//! `front` takes all reads. [`protocols`] has a folder for each protocol, which translates a request into a query
//! (`poll`) and releases into an answer (`answer`). Everything else is shared.

mod answer;
pub mod feed;
mod front;
pub mod gzip;
pub mod history;
pub mod instances;
pub mod known_tokens;
pub mod last_good;
pub mod nodes;
mod pieces;
mod poll;
mod protocols;
pub mod sampler;
pub mod snapshot;
pub mod store;
#[cfg(test)]
pub(crate) mod tests;
mod token_feed;

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{
        rate::Rate,
        tokens::{Grant, TokenCache, WaitPermit},
    },
    connections::DelayHint,
    domain::{
        error::{Dependency, Error, Need, truncate},
        names::{AppName, ConfigId, EnvName},
        time::Time,
        token::TokenRefusal,
    },
    http::{bearer, problem::HttpProblem},
    metrics::{self, Gauge},
    texts::Lang,
};
pub use front::Front;
use gzip::Compressor;
use history::ReadHistory;
use instances::{InstanceIdentity, Instances};
pub use protocols::Operations;
use snapshot::Snapshot;
use store::SnapshotStore;

/// Settings of the read endpoints.
#[derive(Clone, Debug)]
pub struct ReaderSettings {
    /// Maximum number of open long polls and streams.
    pub waiters: usize,
    /// Interval between keep-alive comments of a stream.
    pub ping: Duration,
    /// Maximum rate of reads with one token.
    pub rate: Rate,
    /// Maximum lag of a node behind another one. A client with a higher number than this node's waits for this time.
    pub lag: Duration,
    /// Maximum wait for compression. After it the answer is sent uncompressed, and the compression goes on.
    pub compression: Duration,
}

impl Default for ReaderSettings {
    fn default() -> Self {
        Self {
            waiters: 20_000,
            ping: Duration::from_secs(15),
            rate: Rate::default(),
            lag: Duration::from_millis(300),
            compression: Duration::from_secs(1),
        }
    }
}

/// `Retry-After` of a token with too many waiting requests, in seconds.
const RETRY_AFTER_SECONDS: u32 = 10;

/// A slot of a waiting request.
#[derive(Debug)]
struct WaiterSlot {
    _of_all: OwnedSemaphorePermit,
    _of_token: WaitPermit,
    waiters: Gauge,
}

impl Drop for WaiterSlot {
    fn drop(&mut self) {
        self.waiters.dec();
    }
}

/// The state of the read endpoints.
#[derive(Debug)]
pub struct Reader {
    /// The latest releases.
    pub store: Arc<SnapshotStore>,
    /// The tokens and their scopes.
    pub tokens: Arc<TokenCache>,
    /// The instances and the releases that they got.
    pub instances: Arc<Instances>,
    /// Reads and instances of the last 24 hours.
    pub history: ReadHistory,
    /// Metrics of reads.
    pub meter: metrics::ReadMetrics,
    clock: fn() -> Time,
    settings: ReaderSettings,
    compressor: Compressor,
    waiter_slots: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Reader {
    /// Waits until the server stops.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Returns a reader with an empty store. `stop` ends long polls and streams when the server stops.
    pub fn new(
        tokens: Arc<TokenCache>,
        clock: fn() -> Time,
        settings: &ReaderSettings,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::default(),
            tokens,
            instances: Arc::default(),
            history: ReadHistory::new(clock()),
            meter: metrics::ReadMetrics::default(),
            clock,
            settings: settings.clone(),
            compressor: Compressor::default(),
            waiter_slots: Arc::new(Semaphore::new(settings.waiters)),
            stop,
        })
    }

    /// Authenticates a request by its token. This is the first step: without a token nothing is revealed, not even
    /// whether a path or a method exists.
    ///
    /// # Errors
    /// The reason why it is refused.
    pub fn admit<B>(&self, request: &Request<B>, now: Time) -> Result<Grant, TokenRefusal> {
        self.tokens.authenticate(bearer::token(request.headers())?, now)
    }

    /// Returns the latest release of `env/app/namespace`, if it has one. All reads pass this one guard: the authorised
    /// object is the one that is returned.
    ///
    /// # Errors
    /// 403 for a config outside of the token's scope, whether it exists or not; 404 for an invalid name.
    pub fn open(&self, grant: &Grant, key: &str) -> Result<Option<Arc<Snapshot>>, HttpProblem> {
        let held = self.store.get(key);
        let reads = match &held {
            Some(snapshot) => grant.reads(&snapshot.entry.config),
            None => grant.reads(&key.parse::<ConfigId>().map_err(|_| self.absent(key))?),
        };
        if reads { Ok(held) } else { Err(out_of_scope(key)) }
    }

    /// Returns the latest releases of `env/app` within the token's scope: the guard for a whole application.
    ///
    /// # Errors
    /// 403 if nothing of it is in the token's scope, whether it exists or not; 404 for an invalid name.
    fn open_app(&self, grant: &Grant, key: &str) -> Result<Vec<Arc<Snapshot>>, HttpProblem> {
        let names =
            key.split_once('/').and_then(|(env, app)| env.parse::<EnvName>().ok().zip(app.parse::<AppName>().ok()));
        let (env, app) = names.ok_or_else(|| self.absent(key))?;
        if !grant.reads_any_of(&env, &app) {
            return Err(out_of_scope(key));
        }
        let mut held = self.store.of_app(key);
        held.retain(|config| grant.reads(&config.entry.config));
        Ok(held)
    }

    /// Returns the refusal for a missing release, or for a store that is not ready yet.
    fn absent(&self, key: &str) -> HttpProblem {
        if !self.store.is_ready() {
            let unavailable = Error::Unavailable { part: Dependency::Channel, detail: String::new() };
            return HttpProblem::from(unavailable).with_detail(Lang::En.nothing_arrived());
        }
        let key = truncate(key);
        let said = Lang::En.config_unreleased(&key);
        HttpProblem::from(Error::NotFound(key)).with_detail(said)
    }

    /// Acquires a slot for a waiting request. One token may use a quarter of all slots.
    fn acquire_waiter_slot(
        &self,
        request: &Request<Body>,
        grant: &Grant,
        how: metrics::WaiterKind,
    ) -> Result<WaiterSlot, HttpProblem> {
        let full = |_| {
            let full = Error::Unavailable { part: Dependency::Channel, detail: String::new() };
            HttpProblem::from(full).with_detail(Lang::En.readers_waiting())
        };
        let one = Arc::clone(&self.waiter_slots).try_acquire_owned().map_err(full)?;
        let crowd = || HttpProblem::from(Error::Throttled(RETRY_AFTER_SECONDS)).with_detail(Lang::En.token_waiting());
        let of_token = grant.acquire_wait(self.settings.waiters.div_ceil(4)).ok_or_else(crowd)?;
        let waiters = self.meter.waiters(how).clone();
        waiters.inc();
        if let Some(hint) = request.extensions().get::<DelayHint>() {
            hint.announce();
        }
        Ok(WaiterSlot { _of_all: one, _of_token: of_token, waiters })
    }

    /// Records that an instance holds a release.
    fn record_instance(
        &self,
        grant: &Grant,
        key: &str,
        instance: Option<&InstanceIdentity<'_>>,
        release: u64,
        now: Time,
    ) {
        if let Some(visitor) = instance {
            self.instances.record(key, &grant.token().id, visitor, release, now);
        }
    }

    /// Returns the time at which a valid token expires, on the clock of timers.
    fn expiry(&self, grant: &Grant) -> Option<Instant> {
        let left = grant.token().expires_at?.ms_since((self.clock)());
        Instant::now().checked_add(Duration::from_millis(left.max(0).unsigned_abs()))
    }
}

fn out_of_scope(what: &str) -> HttpProblem {
    let said = Lang::En.token_scope(&truncate(what));
    HttpProblem::from(Error::Forbidden(Need::View)).with_detail(said)
}

/// Puts the read endpoints in front of all other routes of the server.
///
/// Reads skip the routing and layers of the rest. All paths are normalized first ([`crate::http::path`]). After that
/// nothing decodes, cleans or folds them into a config's name.
pub fn in_front(reader: Arc<Reader>, rest: Router) -> Front {
    Front::new(reader, rest)
}
