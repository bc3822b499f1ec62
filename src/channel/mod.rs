//! What carries releases to the readers: etcd, or memory on a single node. Nothing else knows of etcd.
//!
//! The lock is for order and for people; what keeps a paused holder from writing is the compare in
//! [`Channel::deliver`]: the lock key's create revision and each config's metadata revision, in one transaction.

mod board;
mod etcd;
mod local;
mod plan;
#[cfg(test)]
pub(crate) mod suite;
mod tokens;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    domain::{
        change::ChangeId,
        content::Format,
        names::{ConfigId, EnvName},
        numbers,
        time::Time,
    },
    metrics,
};

pub use board::{AHEAD, ANSWER_BYTES, About, Ahead, Board, Hears, NodeId, Notice, Notices};
pub use etcd::{BoardWatch, Etcd, EtcdSettings, Seat, Timing};
pub use local::Local;
pub use tokens::{ListedToken, Refusal, TokenList, TokenWatch, Tokens};

/// What is known of a release beside its document: the value of its metadata key, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The release's number.
    #[serde(deserialize_with = "numbers::release")]
    pub seq: u64,
    /// SHA-256 of the document's bytes, in hexadecimal.
    pub sha256: String,
    /// The document's format.
    pub format: Format,
    /// Who published it.
    pub author: String,
    /// Why.
    pub message: String,
    /// When it was accepted, RFC 3339 in the channel.
    #[serde(with = "rfc3339")]
    pub published_at: Time,
    /// The change that made it.
    pub change: ChangeId,
}

impl Meta {
    /// As it lies in the channel.
    fn json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers are JSON")
    }

    /// Reads what lies in the channel at `now`. Returns `None` when no console can have written it.
    fn read(value: &[u8], now: Time) -> Option<Self> {
        let meta: Self = serde_json::from_slice(value).ok()?;
        numbers::is_plausible(meta.seq, now).then_some(meta)
    }

    /// Returns the identity of the release.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let Self { seq, sha256, format, published_at, change, .. } = self;
        let (sha256, change) = (sha256.clone(), change.clone());
        Identity { seq: *seq, sha256, format: *format, published_at: *published_at, change }
    }
}

/// Identity of a release. Its number alone proves nothing: somebody else may have written it, and a database that was
/// restored gives numbers twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its number.
    pub seq: u64,
    /// SHA-256 of its document.
    pub sha256: String,
    /// The document's format.
    pub format: Format,
    /// When it was accepted.
    pub published_at: Time,
    /// The change that made it.
    pub change: ChangeId,
}

/// A release in the channel, or on its way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Of which config.
    pub config: ConfigId,
    /// Its metadata, shared by all that hold the release.
    pub meta: Arc<Meta>,
    /// Its document: exactly the bytes that applications get.
    pub document: Arc<str>,
}

/// Everything in the channel at one revision: the releases, or what is kept of them.
#[derive(Clone, Debug)]
pub struct Listing<T = Entry> {
    /// The revision; a watch that misses nothing begins right after it.
    pub revision: i64,
    /// Which cluster said so; another one means that etcd was restored.
    pub cluster: u64,
    /// The releases. An entry whose document and metadata do not fit together (a foreign write) is left out and
    /// named in `damaged`.
    pub entries: Vec<T>,
    /// Keys that could not be read as a release.
    pub damaged: Vec<Damage>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { revision: 0, cluster: 0, entries: Vec::new(), damaged: Vec::new() }
    }
}

/// Something in the channel that is not a release: a foreign write, or half of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The key.
    pub key: String,
    /// Whose key it is, where that can be told: the one to repair.
    pub config: Option<ConfigId>,
    /// What is wrong, for people.
    pub why: &'static str,
    /// Half of a release is gone, and nothing else is wrong: nobody's writing is lost when it is delivered again.
    pub lost: bool,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}

/// How far the channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its latest revision.
    pub revision: i64,
    /// Which cluster said so.
    pub cluster: u64,
}

/// Who holds a lock, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The node, when it says so; a Go program does not.
    pub node: Option<String>,
    /// Its lease in hexadecimal, as `etcdctl lease revoke` takes it.
    pub lease: Option<String>,
    /// How long the lock outlives its holder if that dies now. A restart of etcd makes it longer.
    pub remaining: Option<Duration>,
}

/// Why the channel did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It does not answer, or not in time. Nothing is known of what happened, so read before trying again.
    #[error("{0}")]
    Unreachable(String),
    /// The lock is held by another node and was not free within the time given.
    #[error("another node holds the lock of {env}")]
    Busy {
        /// The environment.
        env: EnvName,
    },
    /// The lock ran out, or a config moved, between reading and writing: nothing was written.
    #[error("the lock of {env} was lost; nothing was written")]
    Fenced {
        /// The environment.
        env: EnvName,
    },
    /// The channel holds another release of the same number.
    #[error("{config} is release {seq} in the channel too, with another document")]
    Mismatch {
        /// The config.
        config: ConfigId,
        /// The number.
        seq: u64,
    },
    /// Later releases of some configs of a batch are there, and others of it are not there yet: nothing was written.
    #[error("the channel holds a later release of {}", .0.first().map_or(String::new(), |(config, _)| config.to_string()))]
    Overtaken(Vec<(ConfigId, Identity)>),
    /// More than one transaction takes.
    #[error("too large for one transaction: {0}")]
    TooLarge(String),
    /// It answers, but does not do it: no permission, no space, an entry that must not go out, settings that cannot
    /// be right. Nothing was written, and the same again fails again until somebody does something.
    #[error("{0}")]
    Refused(String),
    /// What is watched from is no longer kept; list again.
    #[error("the channel no longer keeps that revision")]
    Compacted,
}

impl Fault {
    /// What this is called where programs look.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Busy { .. } => "busy",
            Self::Fenced { .. } => "fenced",
            Self::Mismatch { .. } => "mismatch",
            Self::Overtaken(_) => "overtaken",
            Self::TooLarge(_) => "too-large",
            Self::Refused(_) => "refused",
            Self::Compacted => "compacted",
        }
    }
}

/// What one delivery did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The revision at which all of them are in the channel.
    pub revision: i64,
    /// Configs that had this or a later release there already, so were not written, with what they have, in the order of
    /// their names.
    pub already: Vec<(ConfigId, Identity)>,
}

/// The channel of this installation. This enum is the one place that names both.
#[derive(Clone, Debug)]
pub enum Channel {
    /// Memory of this process.
    Local(Arc<Local>),
    /// An etcd cluster.
    Etcd(Arc<Etcd>),
}

/// A held lock of one environment. [`Lock::release`] frees it at once; dropping it frees it in the background, and if
/// that fails it is free when its lease runs out.
#[derive(Debug)]
pub enum Lock {
    /// In memory.
    Local(local::LocalLock),
    /// In etcd.
    Etcd(etcd::EtcdLock),
}

/// Releases as they come. Ends with a [`Fault`]: list again, then watch again.
#[derive(Debug)]
pub enum Watch {
    /// In memory.
    Local(local::LocalWatch),
    /// In etcd.
    Etcd(Box<etcd::EtcdWatch>),
}

impl Channel {
    /// A channel in the memory of this process. It starts empty: deliver what SQL holds.
    #[must_use]
    pub fn local() -> Self {
        Self::Local(Arc::default())
    }

    /// A channel through etcd. Connects at the first call, so that a server starts while etcd is down.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the settings contradict each other or a file cannot be read.
    pub async fn etcd(settings: EtcdSettings) -> Result<Self, Fault> {
        Ok(Self::Etcd(Arc::new(Etcd::new(settings).await?)))
    }

    /// Takes the lock of an environment, waiting in line for at most `wait`. A wait shorter than a round trip is in
    /// vain. Dropping the future leaves the line.
    ///
    /// # Errors
    /// [`Fault::Busy`] when it was not free in time, [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn lock(&self, env: &EnvName, wait: Duration) -> Result<Lock, Fault> {
        let began = Instant::now();
        let lock = match self {
            Self::Local(local) => local.lock(env, wait).await.map(Lock::Local),
            Self::Etcd(etcd) => etcd.lock(env, wait).await.map(Lock::Etcd),
        };
        self.meter().lock.observe(began.elapsed().as_secs_f64());
        if matches!(lock, Err(Fault::Busy { .. })) {
            self.meter().busy.inc();
        }
        lock
    }

    /// What this channel has done.
    #[must_use]
    pub fn meter(&self) -> &metrics::Channels {
        match self {
            Self::Local(local) => &local.meter,
            Self::Etcd(etcd) => &etcd.meter,
        }
    }

    /// Tells whether somebody waits behind a lock. Says yes when it cannot be told, because giving way is safe.
    pub async fn contended(&self, lock: &Lock) -> bool {
        match (self, lock) {
            (Self::Local(local), Lock::Local(lock)) => local.contended(lock),
            (Self::Etcd(etcd), Lock::Etcd(lock)) => etcd.contended(lock).await,
            _ => true,
        }
    }

    /// Who holds the lock of an environment now.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn holder(&self, env: &EnvName) -> Result<Option<Holder>, Fault> {
        match self {
            Self::Local(local) => Ok(local.holder(env)),
            Self::Etcd(etcd) => etcd.holder(env).await,
        }
    }

    /// Takes the lock of an environment away from whoever holds it or waits for it: for one that nobody gives back, because
    /// somebody else wrote it. A holder that is alive writes nothing any more and begins anew.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn free(&self, env: &EnvName) -> Result<(), Fault> {
        match self {
            Self::Local(local) => {
                local.free(env);
                Ok(())
            }
            Self::Etcd(etcd) => etcd.free(env).await,
        }
    }

    /// Brings releases of the lock's environment to the readers: all that are not there yet in one transaction, or
    /// none. Of several releases of one config the latest counts. A release that is there already, or a later one,
    /// is not written, so delivering twice is safe; but beside a later one nothing else is written either.
    ///
    /// # Errors
    /// [`Fault::Fenced`], [`Fault::Mismatch`], [`Fault::Overtaken`], [`Fault::TooLarge`] and [`Fault::Refused`]: nothing
    /// was written. [`Fault::Unreachable`]: it may have been written, or may yet be; deliver again to know.
    pub async fn deliver(&self, lock: &Lock, batch: &[Entry]) -> Result<Delivered, Fault> {
        self.write(lock, batch, false).await
    }

    /// Like [`Channel::deliver`], but writes a release again whose number is there already, whatever lies there: the
    /// cure for a foreign write. A later release is left alone.
    ///
    /// # Errors
    /// As [`Channel::deliver`], but never [`Fault::Mismatch`] or [`Fault::Overtaken`].
    pub async fn repair(&self, lock: &Lock, batch: &[Entry]) -> Result<Delivered, Fault> {
        self.write(lock, batch, true).await
    }

    async fn write(&self, lock: &Lock, batch: &[Entry], repair: bool) -> Result<Delivered, Fault> {
        let batch = plan::checked(lock.env(), batch)?;
        match (self, lock) {
            (Self::Local(local), Lock::Local(lock)) => local.deliver(lock, &batch, repair),
            (Self::Etcd(etcd), Lock::Etcd(lock)) => etcd.deliver(lock, &batch, repair).await,
            _ => Err(Fault::Fenced { env: lock.env().clone() }),
        }
    }

    /// Tells whether one transaction takes a batch: asked when a change is saved, so that it is not refused later.
    ///
    /// # Errors
    /// [`Fault::TooLarge`].
    pub fn fits(batch: &[Entry]) -> Result<(), Fault> {
        plan::fits(batch)
    }

    /// The change whose release this node delivered last to a config, if it remembers. Others deliver, too, so what is
    /// there may be another one.
    #[must_use]
    pub fn last(&self, config: &ConfigId) -> Option<ChangeId> {
        match self {
            Self::Local(local) => local.last(config),
            Self::Etcd(etcd) => etcd.last(config),
        }
    }

    /// Whether this node itself wrote this release last to its config. What is there may be another one.
    #[must_use]
    pub fn wrote(&self, entry: &Entry) -> bool {
        match self {
            Self::Local(local) => local.wrote(entry),
            Self::Etcd(etcd) => etcd.wrote(entry),
        }
    }

    /// Everything in the channel at one revision.
    ///
    /// # Errors
    /// [`Fault::Unreachable`], [`Fault::Refused`], or [`Fault::Compacted`] when the revision went away while it was
    /// read: list again.
    pub async fn list(&self) -> Result<Listing, Fault> {
        self.list_by(|entry| entry).await
    }

    /// What is kept of everything in the channel at one revision. Who keeps less than the releases has less in memory: they
    /// are read a few at a time.
    ///
    /// # Errors
    /// As [`Channel::list`].
    pub async fn list_by<T>(&self, keep: impl FnMut(Entry) -> T + Send) -> Result<Listing<T>, Fault> {
        match self {
            Self::Local(local) => Ok(local.list_by(keep)),
            Self::Etcd(etcd) => etcd.list_by(keep).await,
        }
    }

    /// Follows what comes after revision `after`: that of a listing or of an earlier watch.
    ///
    /// # Errors
    /// [`Fault::Compacted`] when that revision is no longer kept, or not reached yet (etcd was restored); else
    /// [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn watch(&self, after: i64) -> Result<Watch, Fault> {
        match self {
            Self::Local(local) => local.watch(after).map(Watch::Local),
            Self::Etcd(etcd) => etcd.watch(after).await.map(|watch| Watch::Etcd(Box::new(watch))),
        }
    }

    /// How far the channel is. A quorum of etcd answers.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn head(&self) -> Result<Head, Fault> {
        match self {
            Self::Local(local) => Ok(local.head()),
            Self::Etcd(etcd) => etcd.head().await,
        }
    }

    /// Changes whenever the channel may hold something else than was delivered, or may answer who was refused before: a
    /// watch of this node saw that somebody deleted or wrote there, or began after etcd had not answered.
    #[must_use]
    pub fn upsets(&self) -> watch::Receiver<()> {
        match self {
            Self::Local(local) => local.upsets.subscribe(),
            Self::Etcd(etcd) => etcd.upsets(),
        }
    }

    /// Says that the channel holds something else than was delivered: see [`Channel::upsets`].
    pub fn upset(&self) {
        match self {
            Self::Local(local) => local.upsets.send_replace(()),
            Self::Etcd(etcd) => etcd.upset(),
        }
    }

    /// Whether the channel answers; cheap.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn check(&self) -> Result<(), Fault> {
        self.head().await.map(drop)
    }
}

impl Lock {
    /// The environment.
    #[must_use]
    pub fn env(&self) -> &EnvName {
        match self {
            Self::Local(lock) => lock.env(),
            Self::Etcd(lock) => lock.env(),
        }
    }

    /// Whether it is known to be lost. It may be lost and not known yet: what is safe is the compare in
    /// [`Channel::deliver`].
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Local(lock) => lock.is_lost(),
            Self::Etcd(lock) => lock.is_lost(),
        }
    }

    /// Frees it for the next in line. When etcd does not answer, it is free as soon as its lease runs out.
    pub async fn release(self) {
        match self {
            Self::Local(lock) => drop(lock),
            Self::Etcd(lock) => lock.release().await,
        }
    }
}

impl Watch {
    /// The next releases: those of one revision together, so a change over several configs comes at once. Waits until
    /// there are some; may be dropped and called again. The same release may come twice.
    ///
    /// # Errors
    /// Any [`Fault`] ends the watch. [`Fault::Compacted`]: too far behind; [`Fault::Unreachable`]: it broke, or the
    /// channel fell silent.
    pub async fn next(&mut self) -> Result<Vec<Entry>, Fault> {
        match self {
            Self::Local(watch) => watch.next().await,
            Self::Etcd(watch) => watch.next().await,
        }
    }

    /// The revision up to which [`Watch::next`] has given everything: where another watch goes on.
    #[must_use]
    pub fn revision(&self) -> i64 {
        match self {
            Self::Local(watch) => watch.revision(),
            Self::Etcd(watch) => watch.revision(),
        }
    }
}

mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};

    use crate::domain::time::Time;

    pub fn serialize<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time.rfc3339())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        let text = String::deserialize(from)?;
        let at = OffsetDateTime::parse(&text, &Rfc3339).map_err(D::Error::custom)?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000_000).map(Time).map_err(D::Error::custom)
    }
}
