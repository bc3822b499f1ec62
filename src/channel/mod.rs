//! The channel carries releases to the readers: etcd, or memory on a single node. No other module uses etcd.
//!
//! The lock only orders the writers. The compares of [`Channel::deliver`] keep a paused lock holder from writing: they
//! check the lock key's create revision and each config's metadata revision in the same transaction.

mod error;
mod etcd;
mod local;
mod plan;
mod registry;
#[cfg(test)]
pub(crate) mod suite;
mod tokens;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{
    clock::now,
    domain::{
        entry::{Entry, Identity},
        names::{ConfigId, EnvName},
    },
    metrics,
};

pub use error::ChannelError;
pub use etcd::{Etcd, EtcdSettings, Membership, NodeRegistry, RegistryWatch, Timing};
pub use local::Local;
pub use registry::{
    AheadReport, MAX_AHEAD_RELEASES, MAX_REPLY_BYTES, NodeId, NodeInfo, RegistryEvent, RegistryFilter, RegistryListing,
};
pub use tokens::{ListedToken, TokenList, TokenListError, TokenListing};

/// All releases in the channel at one revision, or the part of them that the caller keeps.
#[derive(Clone, Debug)]
pub struct Listing<T = Entry> {
    /// The revision. A watch from it misses nothing.
    pub revision: i64,
    /// Id of the etcd cluster. A different id means that etcd was restored.
    pub cluster: u64,
    /// The releases. An entry whose document and metadata do not belong together (a foreign write) is left out and
    /// listed in `damaged`.
    pub entries: Vec<T>,
    /// Keys that are no valid release.
    pub damaged: Vec<DamagedKey>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { revision: 0, cluster: 0, entries: Vec::new(), damaged: Vec::new() }
    }
}

/// A key in the channel that is no valid release: a foreign write, or half of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedKey {
    /// The key.
    pub key: String,
    /// The config that the key belongs to, if the key is a valid name. A repair writes this config.
    pub config: Option<ConfigId>,
    /// Description of the damage, for people.
    pub damage: &'static str,
    /// Only a half of the release is missing. Delivering it again overwrites no foreign write.
    pub is_incomplete: bool,
}

impl fmt::Display for DamagedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.damage)
    }
}

/// Latest state of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Latest revision.
    pub revision: i64,
    /// Id of the etcd cluster.
    pub cluster: u64,
}

/// Holder of a lock, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Name of the node, if it wrote one. Go programs write none.
    pub node: Option<String>,
    /// Its lease in hexadecimal, as `etcdctl lease revoke` takes it.
    pub lease: Option<String>,
    /// Time until the lock is free if its holder dies now. A restart of etcd prolongs it.
    pub remaining: Option<Duration>,
}

/// Result of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Revision at which the whole batch is in the channel.
    pub revision: i64,
    /// Configs that were not written, because the channel already held this or a later release. Each with the release
    /// that the channel holds, ordered by name.
    pub already: Vec<(ConfigId, Identity)>,
}

/// The channel of this installation. Only this enum knows both kinds.
#[derive(Clone, Debug)]
pub enum Channel {
    /// Memory of this process.
    Local(Arc<Local>),
    /// An etcd cluster.
    Etcd(Arc<Etcd>),
}

/// A held lock of one environment. [`Lock::release`] releases it at once. Dropping it releases it in the background. If
/// that fails, the lock is free when its lease expires.
#[derive(Debug)]
pub enum Lock {
    /// In memory.
    Local(local::LocalLock),
    /// In etcd.
    Etcd(etcd::EtcdLock),
}

/// A stream of new releases. It ends with a [`ChannelError`]. Then the caller lists and watches again.
#[derive(Debug)]
pub enum ReleaseWatch {
    /// In memory.
    Local(local::LocalWatch),
    /// In etcd.
    Etcd(Box<etcd::EtcdWatch>),
}

impl Channel {
    /// Returns a channel in the memory of this process. It starts empty: the caller delivers the releases of SQL.
    pub fn local() -> Self {
        Self::Local(Arc::default())
    }

    /// Returns a channel through etcd. It connects at the first call, so that a server starts while etcd is down.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] when the settings contradict each other or a file cannot be read.
    pub async fn etcd(settings: EtcdSettings) -> Result<Self, ChannelError> {
        Ok(Self::Etcd(Arc::new(Etcd::new(settings).await?)))
    }

    /// Acquires the lock of an environment, and queues for it for at most `wait`. A `wait` shorter than a round trip
    /// always fails. Dropping the future leaves the queue.
    ///
    /// # Errors
    /// [`ChannelError::Busy`] when it is not free within `wait`; [`ChannelError::Unreachable`];
    /// [`ChannelError::Refused`].
    pub async fn lock(&self, env: &EnvName, wait: Duration) -> Result<Lock, ChannelError> {
        let began = Instant::now();
        let lock = match self {
            Self::Local(local) => local.lock(env, wait).await.map(Lock::Local),
            Self::Etcd(etcd) => etcd.lock(env, wait).await.map(Lock::Etcd),
        };
        self.meter().lock.observe(began.elapsed().as_secs_f64());
        if matches!(lock, Err(ChannelError::Busy { .. })) {
            self.meter().lock_timeouts.inc();
        }
        lock
    }

    /// Returns the metrics of this channel.
    pub fn meter(&self) -> &metrics::ChannelMetrics {
        match self {
            Self::Local(local) => &local.meter,
            Self::Etcd(etcd) => &etcd.meter,
        }
    }

    /// Returns whether another node queues for a lock. If that is unknown, returns true: giving way is safe.
    pub async fn has_waiters(&self, lock: &Lock) -> bool {
        match (self, lock) {
            (Self::Local(local), Lock::Local(lock)) => local.has_waiters(lock),
            (Self::Etcd(etcd), Lock::Etcd(lock)) => etcd.has_waiters(lock).await,
            _ => true,
        }
    }

    /// Returns the present holder of an environment's lock.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] or [`ChannelError::Refused`].
    pub async fn holder(&self, env: &EnvName) -> Result<Option<Holder>, ChannelError> {
        match self {
            Self::Local(local) => Ok(local.holder(env)),
            Self::Etcd(etcd) => etcd.holder(env).await,
        }
    }

    /// Removes the lock of an environment from its holder and its queue. It is for a foreign lock that is never
    /// released. A holder that is alive cannot write any more, and acquires the lock anew.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] or [`ChannelError::Refused`].
    pub async fn force_release(&self, env: &EnvName) -> Result<(), ChannelError> {
        match self {
            Self::Local(local) => {
                local.force_release(env);
                Ok(())
            }
            Self::Etcd(etcd) => etcd.force_release(env).await,
        }
    }

    /// Delivers releases of the lock's environment: all that are not in the channel yet in one transaction, or none. Of
    /// several releases of one config only the latest is written. A release is not written if the channel already holds
    /// this or a later one of its config, so a repeated delivery is safe. If the channel holds a later release of one
    /// config and lacks the release of another, nothing is written at all.
    ///
    /// The removal of a config ([`Entry::removal`]) deletes the document and replaces the metadata. It is not written if
    /// another program has replaced the document alone.
    ///
    /// # Errors
    /// After [`ChannelError::Fenced`], [`ChannelError::Mismatch`], [`ChannelError::Overtaken`],
    /// [`ChannelError::TooLarge`] and [`ChannelError::Refused`] nothing was written. After
    /// [`ChannelError::Unreachable`] the outcome is unknown: deliver again to find out.
    pub async fn deliver(&self, lock: &Lock, batch: &[Entry]) -> Result<Delivered, ChannelError> {
        self.deliver_or_repair(lock, batch, false).await
    }

    /// Delivers like [`Channel::deliver`], but overwrites anything that the channel holds under the same number. This
    /// repairs a foreign write. A later release is left alone.
    ///
    /// # Errors
    /// Those of [`Channel::deliver`] except [`ChannelError::Mismatch`] and [`ChannelError::Overtaken`].
    pub async fn repair(&self, lock: &Lock, batch: &[Entry]) -> Result<Delivered, ChannelError> {
        self.deliver_or_repair(lock, batch, true).await
    }

    async fn deliver_or_repair(&self, lock: &Lock, batch: &[Entry], repair: bool) -> Result<Delivered, ChannelError> {
        let batch = plan::checked_batch(lock.env(), batch)?;
        match (self, lock) {
            (Self::Local(local), Lock::Local(lock)) => local.deliver(lock, &batch, repair),
            (Self::Etcd(etcd), Lock::Etcd(lock)) => etcd.deliver(lock, &batch, repair).await,
            _ => Err(ChannelError::Fenced { env: lock.env().clone() }),
        }
    }

    /// Returns what the channel holds of the configs of these releases or removals, in the same order: a release, a
    /// removal, or nothing.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] or [`ChannelError::Refused`].
    pub async fn held(&self, of: &[Entry]) -> Result<Vec<Option<Identity>>, ChannelError> {
        match self {
            Self::Local(local) => Ok(of.iter().map(|entry| local.held(&entry.config)).collect()),
            Self::Etcd(etcd) => etcd.held(&of.iter().collect::<Vec<_>>()).await,
        }
    }

    /// Checks that a batch fits into one transaction. A save calls it, so that no later publish fails for its size.
    ///
    /// # Errors
    /// [`ChannelError::TooLarge`] when it does not fit.
    pub fn fits(batch: &[Entry]) -> Result<(), ChannelError> {
        plan::fits(batch)
    }

    /// Lists all releases in the channel at one revision.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`]; [`ChannelError::Refused`]; [`ChannelError::Compacted`] when the revision was
    /// compacted during the listing: list again.
    pub async fn list(&self) -> Result<Listing, ChannelError> {
        self.list_by(|entry| entry).await
    }

    /// Lists the channel at one revision and keeps only the result of `keep` for each release. Releases are read a few
    /// at a time, so a caller that keeps less uses less memory.
    ///
    /// # Errors
    /// Those of [`Channel::list`].
    pub async fn list_by<T>(&self, keep: impl FnMut(Entry) -> T + Send) -> Result<Listing<T>, ChannelError> {
        match self {
            Self::Local(local) => Ok(local.list_by(keep)),
            Self::Etcd(etcd) => etcd.list_by(keep).await,
        }
    }

    /// Watches the releases after the revision of a listing or of an earlier watch.
    ///
    /// # Errors
    /// [`ChannelError::Compacted`] when etcd no longer keeps that revision, or has not reached it (it was restored);
    /// [`ChannelError::Unreachable`]; [`ChannelError::Refused`].
    pub async fn watch(&self, after: i64) -> Result<ReleaseWatch, ChannelError> {
        match self {
            Self::Local(local) => local.watch(after).map(ReleaseWatch::Local),
            Self::Etcd(etcd) => etcd.watch(after).await.map(|watch| ReleaseWatch::Etcd(Box::new(watch))),
        }
    }

    /// Returns the latest state of the channel, confirmed by a quorum of etcd.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] or [`ChannelError::Refused`].
    pub async fn head(&self) -> Result<Head, ChannelError> {
        match self {
            Self::Local(local) => Ok(local.head()),
            Self::Etcd(etcd) => etcd.head().await,
        }
    }

    /// Subscribes to disturbances: a watch of this node saw a foreign write or deletion, or began after etcd was
    /// unreachable. Then the channel may differ from the deliveries, or a failed call may succeed now.
    pub fn disturbances(&self) -> watch::Receiver<()> {
        match self {
            Self::Local(local) => local.disturbances.subscribe(),
            Self::Etcd(etcd) => etcd.disturbances(),
        }
    }

    /// Reports that the channel differs from the deliveries: see [`Channel::disturbances`].
    pub fn report_disturbance(&self) {
        match self {
            Self::Local(local) => local.disturbances.send_replace(()),
            Self::Etcd(etcd) => etcd.report_disturbance(),
        }
    }

    /// Checks that the channel answers. This is cheap.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] or [`ChannelError::Refused`].
    pub async fn check(&self) -> Result<(), ChannelError> {
        self.head().await.map(drop)
    }
}

impl Lock {
    /// Returns the environment.
    pub fn env(&self) -> &EnvName {
        match self {
            Self::Local(lock) => &lock.env,
            Self::Etcd(lock) => &lock.env,
        }
    }

    /// Returns whether the lock is known to be lost. It may be lost before that is known. Only the compare in
    /// [`Channel::deliver`] is safe.
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Local(lock) => lock.is_lost(),
            Self::Etcd(lock) => lock.is_lost(),
        }
    }

    /// Releases the lock to the next in the queue. If etcd does not answer, it is free when its lease expires.
    pub async fn release(self) {
        match self {
            Self::Local(lock) => drop(lock),
            Self::Etcd(lock) => lock.release().await,
        }
    }
}

impl ReleaseWatch {
    /// Waits for the next releases. Those of one revision come together, so a change over several configs is seen
    /// whole. The future may be dropped and called again. A release may come twice.
    ///
    /// # Errors
    /// Any [`ChannelError`] ends the watch: [`ChannelError::Compacted`] when it is too far behind,
    /// [`ChannelError::Unreachable`] when it broke or etcd went silent.
    pub async fn next(&mut self) -> Result<Vec<Entry>, ChannelError> {
        match self {
            Self::Local(watch) => watch.next().await,
            Self::Etcd(watch) => watch.next().await,
        }
    }

    /// Returns the revision up to which [`ReleaseWatch::next`] has returned all releases. Another watch continues
    /// from it.
    pub fn revision(&self) -> i64 {
        match self {
            Self::Local(watch) => watch.after,
            Self::Etcd(watch) => watch.after,
        }
    }
}

/// A stream of new lists of tokens. It ends with a [`ChannelError`]. Then the caller reads and watches again.
#[derive(Debug)]
pub enum TokenWatch {
    /// In memory.
    Local(local::LocalTokenWatch),
    /// In etcd.
    Etcd(Box<etcd::EtcdTokenWatch>),
}

impl Channel {
    /// Returns the tokens in the channel if they were written after the revision `since`. 0 returns them in any case.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] or [`ChannelError::Refused`].
    pub async fn tokens(&self, since: i64) -> Result<TokenListing, ChannelError> {
        match self {
            Self::Local(local) => Ok(local.tokens(since)),
            Self::Etcd(etcd) => etcd.tokens(since).await,
        }
    }

    /// Replaces the list of tokens that was written at the revision `written`. Returns false when the channel holds
    /// another list by now. Then nothing was written, and the caller reads both sides again.
    ///
    /// # Errors
    /// [`ChannelError::TooLarge`] and [`ChannelError::Refused`]: nothing was written.
    /// [`ChannelError::Unreachable`]: the outcome is unknown.
    pub async fn put_tokens(&self, list: &TokenList, written: i64) -> Result<bool, ChannelError> {
        match self {
            Self::Local(local) => Ok(local.put_tokens(list, written)),
            Self::Etcd(etcd) => etcd.put_tokens(list, written).await,
        }
    }

    /// Watches the tokens after a revision.
    ///
    /// # Errors
    /// Returns the errors of [`Channel::watch`].
    pub async fn watch_tokens(&self, after: i64) -> Result<TokenWatch, ChannelError> {
        match self {
            Self::Local(local) => Ok(TokenWatch::Local(local.watch_tokens(after))),
            Self::Etcd(etcd) => etcd.watch_tokens(after).await.map(|watch| TokenWatch::Etcd(Box::new(watch))),
        }
    }
}

impl TokenWatch {
    /// Waits for a change and returns the latest list. The future may be dropped and called again.
    ///
    /// # Errors
    /// Any [`ChannelError`] ends the watch.
    pub async fn next(&mut self) -> Result<TokenListing, ChannelError> {
        match self {
            Self::Local(watch) => Ok(watch.next().await),
            Self::Etcd(watch) => watch.next().await,
        }
    }
}

impl Channel {
    /// Returns the releases and tokens of all reader nodes that are later than those in the channel. Implausible
    /// numbers are left out. The result is empty if this node may not read the registry.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] when etcd does not answer.
    pub async fn ahead(&self) -> Result<AheadReport, ChannelError> {
        let mut all = AheadReport::default();
        if let Self::Etcd(etcd) = self {
            match etcd.node_infos().await {
                Err(ChannelError::Refused(_)) => {}
                names => names?.into_iter().for_each(|about| all.merge(about.ahead, now())),
            }
        }
        Ok(all)
    }

    /// Returns the node registry. Returns `None` in memory, where there is only one node.
    pub fn node_registry(&self) -> Option<NodeRegistry> {
        match self {
            Self::Local(_) => None,
            Self::Etcd(etcd) => Some(NodeRegistry(Arc::clone(etcd))),
        }
    }
}
