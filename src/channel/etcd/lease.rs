//! A lease: what hangs on it is gone when its holder is.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::{Duration, Instant},
};

use etcd_client::Client;
use parking_lot::{Mutex, MutexGuard};
use tokio::{runtime::Handle, sync::watch, task::AbortHandle, time};

use super::{super::Fault, Etcd};

/// How soon etcd is told again that a lease is given back, if nobody hears before that it answers.
const AGAIN: Duration = Duration::from_secs(1);

/// A lease in use: kept alive while this lives, and revoked when it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    /// Until it is given away.
    live: Option<Live>,
    etcd: Arc<Etcd>,
}

/// A lease that is kept alive while this lives.
#[derive(Debug)]
pub(super) struct Live {
    id: i64,
    life: Life,
    keeper: AbortHandle,
    /// How many watches had been lost when it was granted.
    losses: usize,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Lease {
    /// A fresh one that outlives this process by `ttl` at the most.
    pub async fn grant(etcd: &Arc<Etcd>, ttl: Duration) -> Result<Self, Fault> {
        let (sent, losses) = (Instant::now(), etcd.losses.load(Ordering::SeqCst));
        let seconds = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        let grant = move |mut client: Client| async move { client.lease_grant(seconds, None).await };
        let answer = etcd.call(etcd.timing.call, grant).await?;
        // etcd may give more than it was asked for.
        let ttl = Duration::from_secs(answer.ttl().unsigned_abs());
        let life = Life(Arc::new(Mutex::new(Some(sent + ttl))));
        let keeper = tokio::spawn(keep(Arc::downgrade(etcd), answer.id(), ttl, life.clone())).abort_handle();
        Ok(Self { live: Some(Live { id: answer.id(), life, keeper, losses }), etcd: Arc::clone(etcd) })
    }

    /// For a lock: the one that the last lock left, or a fresh one.
    pub async fn of_lock(etcd: &Arc<Etcd>) -> Result<Self, Fault> {
        match Self::spare(etcd).filter(|lease| !lease.is_over()) {
            Some(lease) => Ok(lease),
            None => Self::grant(etcd, etcd.timing.ttl).await,
        }
    }

    /// The one that the last lock left.
    pub fn spare(etcd: &Arc<Etcd>) -> Option<Self> {
        let live = etcd.spare().take()?;
        Some(Self { live: Some(live), etcd: Arc::clone(etcd) })
    }

    /// Deletes a key that hangs on it.
    pub async fn delete(&self, key: &[u8]) -> Result<(), Fault> {
        let delete = move |mut client: Client| async move { client.delete(key, None).await };
        self.etcd.call(self.etcd.timing.call, delete).await.map(drop)
    }

    /// Leaves it for the next lock, if none is there yet. Nothing may hang on it any more; with this process it runs
    /// out. One that is older than the last loss of a watch is given back: an etcd that was set back meanwhile may have
    /// hung the lock of an earlier time on it again.
    pub fn leave(mut self) {
        let mut spare = self.etcd.spare();
        if spare.is_none() && self.live().losses == self.etcd.losses.load(Ordering::SeqCst) {
            *spare = self.live.take();
        }
    }

    fn live(&self) -> &Live {
        self.live.as_ref().expect("a lease is there until it is given away")
    }

    /// Its number in etcd.
    pub fn id(&self) -> i64 {
        self.live().id
    }

    /// Whether it is known to be over.
    pub fn is_over(&self) -> bool {
        self.live().life.is_over()
    }

    /// Notes that etcd says it is over.
    pub fn lose(&self) {
        self.live().keeper.abort();
        self.live().life.end();
    }

    /// Ends it, and all keys that hang on it.
    pub async fn revoke(mut self) {
        let id = self.live.take().map(|live| live.id);
        if let Some(id) = id {
            give_back(Arc::clone(&self.etcd), id).await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let id = self.live.take().map(|live| live.id);
        // Without a runtime, at the end of the process, the lease runs out by itself.
        if let (Some(id), Ok(runtime)) = (id, Handle::try_current()) {
            runtime.spawn(give_back(Arc::clone(&self.etcd), id));
        }
    }
}

/// Ends a lease, and its keys with it. When etcd does not answer, it is told so in the background as soon as it does: its
/// restart would begin the lease's life anew, and all would wait for what hangs on it.
async fn give_back(etcd: Arc<Etcd>, id: i64) {
    let upsets = etcd.upsets();
    match revoke(&etcd, id).await {
        Ok(()) => {}
        Err(Fault::Unreachable(why)) => {
            tracing::warn!(why, "a lease could not be ended; it will be when etcd answers");
            tokio::spawn(insist(Arc::downgrade(&etcd), upsets, id));
        }
        Err(Fault::Refused(why)) if why.contains("lease not found") => {}
        Err(fault) => tracing::warn!(%fault, "a lease could not be ended; what hangs on it goes when it runs out"),
    }
}

async fn insist(etcd: Weak<Etcd>, mut upsets: watch::Receiver<()>, id: i64) {
    loop {
        let _ = time::timeout(AGAIN, upsets.changed()).await;
        let Some(etcd) = etcd.upgrade() else { return };
        if !matches!(revoke(&etcd, id).await, Err(Fault::Unreachable(_))) {
            return;
        }
    }
}

async fn revoke(etcd: &Etcd, id: i64) -> Result<(), Fault> {
    etcd.call(etcd.timing.call, move |mut client| async move { client.lease_revoke(id).await }).await.map(drop)
}

/// Until when a lease lives for sure, counted from before the last renewal was sent; none when it is over for good.
#[derive(Clone, Debug)]
struct Life(Arc<Mutex<Option<Instant>>>);

impl Life {
    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock()
    }

    fn is_over(&self) -> bool {
        self.until().is_none_or(|until| until <= Instant::now())
    }

    fn extend(&self, to: Instant) {
        if let Some(until) = self.until().as_mut() {
            *until = to;
        }
    }

    fn end(&self) {
        *self.until() = None;
    }
}

/// Renews a lease three times in its life, over a new stream each time, so that a broken connection or a lost member is
/// not the end of it. Stops when etcd no longer knows it, or when nobody uses this etcd any more.
async fn keep(etcd: Weak<Etcd>, id: i64, ttl: Duration, life: Life) {
    let mut pause = ttl / 3;
    loop {
        time::sleep(pause).await;
        let Some(etcd) = etcd.upgrade() else { return };
        let (within, sent) = (etcd.timing.call.min(ttl / 3), Instant::now());
        match etcd.call(within, move |mut client| async move { client.lease_keep_alive(id).await }).await {
            Ok(_) => {
                life.extend(sent + ttl);
                pause = ttl / 3;
            }
            Err(Fault::Refused(why)) => {
                tracing::warn!(why, "a lease was lost");
                return life.end();
            }
            // Soon again: the lease lives on until its end.
            Err(_) => pause = ttl / 20,
        }
    }
}
