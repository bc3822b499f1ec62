//! What carries releases to the readers: etcd, or memory on a single node. Nothing else knows of etcd.
//!
//! The lock is for order and for people; what keeps a paused holder from writing is the compare in
//! [`Channel::deliver`]: the lock key's create revision and each config's metadata revision, in one transaction.

mod board;
mod etcd;
mod fault;
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

use tokio::sync::watch;

use crate::{
    clock::now,
    domain::{
        entry::{Entry, Identity},
        names::{ConfigId, EnvName},
    },
    metrics,
};

pub use board::{AHEAD, ANSWER_BYTES, About, Ahead, Hears, NodeId, Notice, Notices};
pub use etcd::{BoardWatch, Etcd, EtcdSettings, Seat, Timing};
pub use fault::Fault;
pub use local::Local;
pub use tokens::{ListedToken, Refusal, TokenList, Tokens};

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

/// Lists of tokens as they come. Ends with a [`Fault`]: read again, then watch again.
#[derive(Debug)]
pub enum TokenWatch {
    /// In memory.
    Local(local::LocalTokenWatch),
    /// In etcd.
    Etcd(Box<etcd::EtcdTokenWatch>),
}

impl Channel {
    /// The tokens in the channel, if they were written after the revision `since`; 0 is ever.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn tokens(&self, since: i64) -> Result<Tokens, Fault> {
        match self {
            Self::Local(local) => Ok(local.tokens(since)),
            Self::Etcd(etcd) => etcd.tokens(since).await,
        }
    }

    /// Writes the tokens over those that the revision `written` wrote. False when that is no longer what lies there:
    /// nothing was written, and what is to be written has to be read anew.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] and [`Fault::Refused`]: nothing was written. [`Fault::Unreachable`]: read again to know.
    pub async fn put_tokens(&self, list: &TokenList, written: i64) -> Result<bool, Fault> {
        match self {
            Self::Local(local) => Ok(local.put_tokens(list, written)),
            Self::Etcd(etcd) => etcd.put_tokens(list, written).await,
        }
    }

    /// Follows the tokens after revision `after`.
    ///
    /// # Errors
    /// As [`Channel::watch`].
    pub async fn watch_tokens(&self, after: i64) -> Result<TokenWatch, Fault> {
        match self {
            Self::Local(local) => Ok(TokenWatch::Local(local.watch_tokens(after))),
            Self::Etcd(etcd) => etcd.watch_tokens(after).await.map(|watch| TokenWatch::Etcd(Box::new(watch))),
        }
    }
}

impl TokenWatch {
    /// Returns the list after the next change; of several changes, the last counts. May be dropped and called again.
    ///
    /// # Errors
    /// Any [`Fault`] ends the watch.
    pub async fn next(&mut self) -> Result<Tokens, Fault> {
        match self {
            Self::Local(watch) => Ok(watch.next().await),
            Self::Etcd(watch) => watch.next().await,
        }
    }
}

/// The board of this installation.
#[derive(Clone, Debug)]
pub struct Board(Arc<Etcd>);

impl Channel {
    /// Returns the releases and tokens on reader nodes that are later than those in the channel, of all nodes together,
    /// with numbers that a reader takes. Empty where this node may not read the board.
    ///
    /// # Errors
    /// [`Fault::Unreachable`].
    pub async fn ahead(&self) -> Result<Ahead, Fault> {
        let mut all = Ahead::default();
        if let Self::Etcd(etcd) = self {
            match etcd.names().await {
                Err(Fault::Refused(_)) => {}
                names => names?.into_iter().for_each(|about| all.merge(about.ahead, now())),
            }
        }
        Ok(all)
    }

    /// Where nodes see one another; none in memory, where one node is alone.
    #[must_use]
    pub fn board(&self) -> Option<Board> {
        match self {
            Self::Local(_) => None,
            Self::Etcd(etcd) => Some(Board(Arc::clone(etcd))),
        }
    }
}

impl Board {
    /// Says that this node is there, until the seat is given up.
    ///
    /// # Errors
    /// [`Fault::Refused`] when this node may not write there, else [`Fault::Unreachable`].
    pub async fn join(&self, reader: bool) -> Result<Seat, Fault> {
        self.0.join(reader).await
    }

    /// Lists the nodes and their questions.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn list(&self) -> Result<Notices, Fault> {
        self.0.notices().await
    }

    /// Follows what comes after revision `after`.
    ///
    /// # Errors
    /// As [`Channel::watch`].
    pub async fn watch(&self, hears: Hears, after: i64) -> Result<BoardWatch, Fault> {
        self.0.watch_board(hears, after).await
    }
}
