//! Leases: the keys attached to a lease end with its holder.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::{Duration, Instant},
};

use etcd_client::Client;
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::watch, task::AbortHandle, time};

use super::{super::ChannelError, Etcd};

/// Interval between tries to revoke a lease, if no watch reports earlier that etcd answers again.
const REVOKE_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A lease in use. It is kept alive, and revoked on drop.
#[derive(Debug)]
pub(super) struct Lease {
    /// `None` once the lease is kept for the next lock, or revoked.
    live: Option<LiveLease>,
    etcd: Arc<Etcd>,
}

/// A lease that is kept alive until this is dropped.
#[derive(Debug)]
pub(super) struct LiveLease {
    id: i64,
    expiry: Expiry,
    keeper: AbortHandle,
    /// Number of watch failures at the time of the grant.
    watch_failures: usize,
}

impl Drop for LiveLease {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Lease {
    /// Grants a lease that outlives this process by at most `ttl`.
    pub async fn grant(etcd: &Arc<Etcd>, ttl: Duration) -> Result<Self, ChannelError> {
        let (sent, watch_failures) = (Instant::now(), etcd.watch_failures.load(Ordering::SeqCst));
        let seconds = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        let grant = move |mut client: Client| async move { client.lease_grant(seconds, None).await };
        let answer = etcd.call(etcd.timing.call, grant).await?;
        // etcd may grant a longer time to live than requested.
        let ttl = Duration::from_secs(answer.ttl().unsigned_abs());
        let life = Expiry(Arc::new(Mutex::new(Some(sent + ttl))));
        let keeper = tokio::spawn(keep_alive(Arc::downgrade(etcd), answer.id(), ttl, life.clone())).abort_handle();
        Ok(Self {
            live: Some(LiveLease { id: answer.id(), expiry: life, keeper, watch_failures }),
            etcd: Arc::clone(etcd),
        })
    }

    /// Returns a lease for a lock: the spare one, or a new one.
    pub async fn for_lock(etcd: &Arc<Etcd>) -> Result<Self, ChannelError> {
        match Self::take_spare(etcd).filter(|lease| !lease.is_over()) {
            Some(lease) => Ok(lease),
            None => Self::grant(etcd, etcd.timing.ttl).await,
        }
    }

    /// Takes the spare lease, which an earlier lock left.
    pub fn take_spare(etcd: &Arc<Etcd>) -> Option<Self> {
        let live = etcd.spare.lock().take()?;
        Some(Self { live: Some(live), etcd: Arc::clone(etcd) })
    }

    /// Deletes a key that is attached to the lease.
    pub async fn delete(&self, key: &[u8]) -> Result<(), ChannelError> {
        let delete = move |mut client: Client| async move { client.delete(key, None).await };
        self.etcd.call(self.etcd.timing.call, delete).await.map(drop)
    }

    /// Keeps the lease for the next lock, unless there is a spare one. No key may be attached to it. A lease that was
    /// granted before the last watch failure is revoked: a restored etcd may have attached an old lock to it again.
    pub fn keep_as_spare(mut self) {
        let mut spare = self.etcd.spare.lock();
        if spare.is_none() && self.live().watch_failures == self.etcd.watch_failures.load(Ordering::SeqCst) {
            *spare = self.live.take();
        }
    }

    fn live(&self) -> &LiveLease {
        self.live.as_ref().expect("a lease is live until it is kept or revoked")
    }

    /// Returns its id in etcd.
    pub fn id(&self) -> i64 {
        self.live().id
    }

    /// Returns whether the lease is known to be over.
    pub fn is_over(&self) -> bool {
        self.live().expiry.is_over()
    }

    /// Records that the lease is over according to etcd.
    pub fn mark_over(&self) {
        self.live().keeper.abort();
        self.live().expiry.end();
    }

    /// Revokes the lease, with all keys attached to it.
    pub async fn revoke(mut self) {
        let id = self.live.take().map(|live| live.id);
        if let Some(id) = id {
            revoke_or_retry(Arc::clone(&self.etcd), id).await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let id = self.live.take().map(|live| live.id);
        // Without a runtime, at the end of the process, the lease expires by itself.
        if let (Some(id), Ok(runtime)) = (id, Handle::try_current()) {
            runtime.spawn(revoke_or_retry(Arc::clone(&self.etcd), id));
        }
    }
}

/// Revokes a lease with its keys. When etcd does not answer, a background task retries: a restart of etcd would prolong
/// the lease, and other nodes would wait for its lock.
async fn revoke_or_retry(etcd: Arc<Etcd>, id: i64) {
    let disturbances = etcd.disturbances();
    match revoke(&etcd, id).await {
        Ok(()) => {}
        Err(ChannelError::Unreachable(why)) => {
            tracing::warn!(why, "a lease could not be revoked, retrying until etcd answers");
            tokio::spawn(keep_revoking(Arc::downgrade(&etcd), disturbances, id));
        }
        Err(ChannelError::Refused(why)) if why.contains("lease not found") => {}
        Err(error) => tracing::warn!(%error, "a lease could not be revoked, its keys stay until it expires"),
    }
}

async fn keep_revoking(etcd: Weak<Etcd>, mut disturbances: watch::Receiver<()>, id: i64) {
    loop {
        let _ = time::timeout(REVOKE_RETRY_INTERVAL, disturbances.changed()).await;
        let Some(etcd) = etcd.upgrade() else { return };
        if !matches!(revoke(&etcd, id).await, Err(ChannelError::Unreachable(_))) {
            return;
        }
    }
}

async fn revoke(etcd: &Etcd, id: i64) -> Result<(), ChannelError> {
    etcd.call(etcd.timing.call, move |mut client| async move { client.lease_revoke(id).await }).await.map(drop)
}

/// Time until which a lease is certainly valid, counted from the sending of its last renewal. `None` once it is over.
#[derive(Clone, Debug)]
struct Expiry(Arc<Mutex<Option<Instant>>>);

impl Expiry {
    fn is_over(&self) -> bool {
        self.0.lock().is_none_or(|until| until <= Instant::now())
    }

    fn extend(&self, to: Instant) {
        if let Some(until) = self.0.lock().as_mut() {
            *until = to;
        }
    }

    fn end(&self) {
        *self.0.lock() = None;
    }
}

/// Renews a lease three times in its time to live. Each renewal uses a new stream, so that it survives a broken
/// connection or a lost member. Stops when etcd does not know the lease, or the channel is dropped.
async fn keep_alive(etcd: Weak<Etcd>, id: i64, ttl: Duration, life: Expiry) {
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
            Err(ChannelError::Refused(why)) => {
                tracing::warn!(why, "a lease was lost");
                return life.end();
            }
            // Retries soon, because the lease is valid until its end.
            Err(_) => pause = ttl / 20,
        }
    }
}
