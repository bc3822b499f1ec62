//! Reading: snapshots, long polls and event streams, answered from memory.
//!
//! The way of a read is: token → scope → shelf → bytes. Nothing of it touches SQL, etcd or a service. [`feed`] keeps
//! the shelf up to date from the channel; `server` keeps [`Reader::tokens`] up to date from storage.
//!
//! `front` takes every read and does what all share. [`protocols`] has a folder for each protocol, which translates: a
//! request into what it asks for (`poll`), releases into an answer (`answer`).

mod answer;
pub mod feed;
mod front;
pub mod gzip;
pub mod instances;
pub mod known_tokens;
pub mod last_good;
pub mod nodes;
mod pieces;
mod poll;
mod protocols;
pub mod shelf;
pub mod snapshot;
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
        tokens::{Grant, Table, Waiting},
    },
    domain::{
        error::{Error, Need, Part, excerpt},
        names::{AppName, ConfigId, EnvName},
        time::Time,
        token::Denied,
    },
    http::{bearer, listener::Pulse, problem::Problem},
    metrics::{self, Gauge},
    texts::Lang,
};
pub use front::Front;
use gzip::Compressor;
use instances::{Instances, Visitor};
use shelf::Shelf;
use snapshot::Snapshot;

/// How readers are served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Long polls and streams that may be open at once.
    pub waiters: usize,
    /// How often a stream shows that it lives.
    pub ping: Duration,
    /// How fast one token may read.
    pub rate: Rate,
    /// How long a node may lag behind another one. A client that has a higher number than this node waits so long for it.
    pub lag: Duration,
    /// How long an answer waits until its bytes are compressed. Then it is sent as it is, and the next request finds them.
    pub compression: Duration,
}

impl Default for Settings {
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

/// When somebody is to come back whose token has too many who wait, in seconds.
const CROWD_SECONDS: u32 = 10;

/// A place among those that wait.
#[derive(Debug)]
struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_token: Waiting,
    waiters: Gauge,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiters.dec();
    }
}

/// All that a read needs, and nothing else.
#[derive(Debug)]
pub struct Reader {
    /// The releases.
    pub shelf: Arc<Shelf>,
    /// Who may read what.
    pub tokens: Arc<Table>,
    /// Who has read what.
    pub instances: Arc<Instances>,
    /// What was read.
    pub meter: metrics::Reads,
    clock: fn() -> Time,
    ping: Duration,
    rate: Rate,
    lag: Duration,
    compression: Duration,
    compressor: Compressor,
    places: Arc<Semaphore>,
    waiters_of_one: usize,
    stop: CancellationToken,
}

impl Reader {
    /// Ends when the server goes down.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// A reader over an empty shelf. `stop` ends long polls and streams when the server goes down.
    #[must_use]
    pub fn new(tokens: Arc<Table>, clock: fn() -> Time, settings: &Settings, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            shelf: Arc::new(Shelf::new()),
            tokens,
            instances: Arc::new(Instances::new()),
            meter: metrics::Reads::default(),
            clock,
            ping: settings.ping,
            rate: settings.rate,
            lag: settings.lag,
            compression: settings.compression,
            compressor: Compressor::default(),
            places: Arc::new(Semaphore::new(settings.waiters)),
            waiters_of_one: settings.waiters.div_ceil(4),
            stop,
        })
    }

    /// Lets a request in by its token. This comes before anything else: without a token nothing is told, not even
    /// whether a path or a method exists.
    ///
    /// # Errors
    /// Why it is not let in.
    pub fn admit<B>(&self, request: &Request<B>, now: Time) -> Result<Grant, Denied> {
        self.tokens.authenticate(bearer::token(request.headers())?, now)
    }

    /// The latest release of `env/app/namespace`; none when it has none. The one guard of everything that reads: what
    /// is authorised and what is loaded are the same object.
    ///
    /// # Errors
    /// 403 for whatever the token does not reach, whether it exists or not; 404 for what is no config's name.
    pub fn open(&self, grant: &Grant, key: &str) -> Result<Option<Arc<Snapshot>>, Problem> {
        let held = self.shelf.get(key);
        let reads = match &held {
            Some(snapshot) => grant.reads(&snapshot.entry.config),
            None => grant.reads(&key.parse::<ConfigId>().map_err(|_| self.absent(key))?),
        };
        if reads { Ok(held) } else { Err(out_of_scope(key)) }
    }

    /// Returns the latest releases of `env/app` that the token reaches: the same guard for a whole application.
    ///
    /// # Errors
    /// 403 when the token reaches nothing of it, whether it exists or not; 404 for what is no application's name.
    fn open_app(&self, grant: &Grant, key: &str) -> Result<Vec<Arc<Snapshot>>, Problem> {
        let names =
            key.split_once('/').and_then(|(env, app)| env.parse::<EnvName>().ok().zip(app.parse::<AppName>().ok()));
        let (env, app) = names.ok_or_else(|| self.absent(key))?;
        if !grant.touches(&env, &app) {
            return Err(out_of_scope(key));
        }
        let mut held = self.shelf.of_app(key);
        held.retain(|config| grant.reads(&config.entry.config));
        Ok(held)
    }

    /// Says that there is no such release, or that nothing at all is known yet.
    fn absent(&self, key: &str) -> Problem {
        if !self.shelf.is_ready() {
            let away = Error::Unavailable { part: Part::Channel, detail: String::new() };
            return Problem::from(away).because(Lang::En.nothing_arrived());
        }
        let key = excerpt(key);
        let said = Lang::En.config_unreleased(&key);
        Problem::from(Error::NotFound(key)).because(said)
    }

    /// A place for a request that waits; one token has a quarter of them at most.
    fn place(&self, request: &Request<Body>, grant: &Grant, how: metrics::Waiting) -> Result<Place, Problem> {
        let full = |_| {
            let full = Error::Unavailable { part: Part::Channel, detail: String::new() };
            Problem::from(full).because(Lang::En.readers_waiting())
        };
        let one = Arc::clone(&self.places).try_acquire_owned().map_err(full)?;
        let crowd = || Problem::from(Error::Throttled(CROWD_SECONDS)).because(Lang::En.token_waiting());
        let of_token = grant.wait(self.waiters_of_one).ok_or_else(crowd)?;
        let waiters = self.meter.waiters(how).clone();
        waiters.inc();
        if let Some(pulse) = request.extensions().get::<Arc<Pulse>>() {
            pulse.wait();
        }
        Ok(Place { _of_all: one, _of_token: of_token, waiters })
    }

    /// Notes that somebody holds a release.
    fn note(&self, grant: &Grant, key: &str, visitor: Option<&Visitor<'_>>, release: u64, now: Time) {
        if let Some(visitor) = visitor {
            self.instances.note(key, &grant.token().id, visitor, release, now);
        }
    }

    /// When a token that lives now will end by itself, on the clock that timers use.
    fn expiry(&self, grant: &Grant) -> Option<Instant> {
        let left = grant.token().expires_at?.ms_since((self.clock)());
        Instant::now().checked_add(Duration::from_millis(left.max(0).unsigned_abs()))
    }
}

fn out_of_scope(what: &str) -> Problem {
    let said = Lang::En.token_scope(&excerpt(what));
    Problem::from(Error::Forbidden(Need::View)).because(said)
}

/// Puts the read endpoints in front of everything else that the server has.
///
/// Reads do not pass through the routing and the layers of the rest. Whatever passes, here or there, has the one spelling of
/// its path ([`crate::http::path`]); nothing else is decoded, cleaned or folded into a config's name on the way.
pub fn in_front(reader: Arc<Reader>, rest: Router) -> Front {
    Front::new(reader, rest)
}
