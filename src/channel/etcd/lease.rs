//! A lease: what hangs on it is gone when its holder is.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use etcd_client::Client;
use tokio::{runtime::Handle, task::AbortHandle, time};

use super::{super::Fault, Etcd};

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
}

impl Drop for Live {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Lease {
    /// A fresh one that outlives this process by `ttl` at the most.
    pub async fn grant(etcd: &Arc<Etcd>, ttl: Duration) -> Result<Self, Fault> {
        let sent = Instant::now();
        let seconds = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        let grant = move |mut client: Client| async move { client.lease_grant(seconds, None).await };
        let answer = etcd.call(etcd.timing.call, grant).await?;
        // etcd may give more than it was asked for.
        let ttl = Duration::from_secs(answer.ttl().unsigned_abs());
        let life = Life(Arc::new(Mutex::new(Some(sent + ttl))));
        let keeper = tokio::spawn(keep(Arc::downgrade(etcd), answer.id(), ttl, life.clone())).abort_handle();
        Ok(Self { live: Some(Live { id: answer.id(), life, keeper }), etcd: Arc::clone(etcd) })
    }

    /// For a lock: the one that the last lock left, or a fresh one.
    pub async fn of_lock(etcd: &Arc<Etcd>) -> Result<Self, Fault> {
        let spare = etcd.spare().take().filter(|live| !live.life.is_over());
        match spare {
            Some(live) => Ok(Self { live: Some(live), etcd: Arc::clone(etcd) }),
            None => Self::grant(etcd, etcd.timing.ttl).await,
        }
    }

    /// Deletes a key that hangs on it.
    pub async fn delete(&self, key: &[u8]) -> Result<(), Fault> {
        let delete = move |mut client: Client| async move { client.delete(key, None).await };
        self.etcd.call(self.etcd.timing.call, delete).await.map(drop)
    }

    /// Leaves it for the next lock, if none is there yet. Nothing may hang on it any more; with this process it runs
    /// out.
    pub fn leave(mut self) {
        let mut spare = self.etcd.spare();
        if spare.is_none() {
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
        let Some(live) = self.live.take() else { return };
        if let Err(fault) = revoke(&self.etcd, live.id).await {
            tracing::warn!(%fault, "a lease could not be ended; what hangs on it goes when it runs out");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Without a runtime, at the end of the process, the lease runs out by itself.
        if let (Some(live), Ok(runtime)) = (self.live.take(), Handle::try_current()) {
            let etcd = Arc::clone(&self.etcd);
            runtime.spawn(async move { revoke(&etcd, live.id).await });
        }
    }
}

/// Ends a lease: deletes its keys as well.
async fn revoke(etcd: &Etcd, id: i64) -> Result<(), Fault> {
    etcd.call(etcd.timing.call, move |mut client| async move { client.lease_revoke(id).await }).await.map(drop)
}

/// Until when a lease lives for sure, counted from before the last renewal was sent; none when it is over for good.
#[derive(Clone, Debug)]
struct Life(Arc<Mutex<Option<Instant>>>);

impl Life {
    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
