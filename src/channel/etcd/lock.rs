//! The lock of an environment: a fresh lease, kept alive, and etcd's lock service.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::{Duration, Instant},
};

use etcd_client::{
    Client, Compare, CompareOp, GetOptions, GetResponse, LockOptions, PutOptions, SortOrder, SortTarget, Txn, TxnOp,
};
use tokio::{runtime::Handle, task::AbortHandle, time};

use super::{
    super::{Entry, Fault, Holder, plan::Held},
    Etcd, head,
};
use crate::domain::names::{ConfigId, EnvName};

/// A lock in etcd.
#[derive(Debug)]
pub struct EtcdLock {
    env: EnvName,
    key: Vec<u8>,
    fence: OnceLock<i64>,
    lease: Lease,
    /// What was written under it: in a row of deliveries to the same configs, nothing has to be read again.
    written: Mutex<HashMap<ConfigId, Held>>,
}

impl EtcdLock {
    pub(in super::super) fn env(&self) -> &EnvName {
        &self.env
    }

    pub(in super::super) fn is_lost(&self) -> bool {
        self.lease.live().life.is_over()
    }

    /// Frees it. Its lease is kept for the next lock: granting one is a write of its own.
    pub(in super::super) async fn release(self) {
        let Self { key, lease, .. } = self;
        if lease.live().life.is_over() {
            return lease.revoke().await;
        }
        let key = &key;
        let deleted = lease
            .etcd
            .call(lease.etcd.timing.call, move |mut client| async move { client.delete(key.as_slice(), None).await });
        match deleted.await {
            Ok(_) => lease.keep(),
            Err(_) => lease.revoke().await,
        }
    }

    /// The key under which this lock is held.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Its create revision, once it was read: never given twice, so that only this holder's writes pass.
    pub(super) fn fence(&self) -> Option<i64> {
        self.fence.get().copied()
    }

    /// Notes the create revision that was read. The key's name holds the lease, so a key that is there is this lock's.
    pub(super) fn fenced_by(&self, create_revision: i64) -> i64 {
        *self.fence.get_or_init(|| create_revision)
    }

    /// What this lock wrote last to each config of a batch, if it wrote to all of them. A guess: somebody else may have
    /// written since.
    pub(super) fn written(&self, batch: &[&Entry]) -> Option<Vec<Held>> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        batch.iter().map(|entry| written.get(&entry.config).cloned()).collect()
    }

    /// Notes what it wrote.
    pub(super) fn wrote(&self, entry: &Entry, revision: i64) {
        let held = Held { revision, release: Some((entry.meta.seq, entry.meta.sha256.clone())) };
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.config.clone(), held);
    }

    /// Notes that etcd says it is lost.
    pub(super) fn lose(&self) {
        self.lease.live().keeper.abort();
        self.lease.live().life.end();
    }

    #[cfg(test)]
    pub(in super::super) fn lease(&self) -> i64 {
        self.lease.live().id
    }
}

impl Etcd {
    pub(in super::super) async fn lock(self: &Arc<Self>, env: &EnvName, wait: Duration) -> Result<EtcdLock, Fault> {
        // Whatever ends this future early drops the lease, and with it the place in the line.
        let lease = Lease::new(self).await?;
        if let Some((key, fence)) = self.take_free(env, lease.live().id).await? {
            return Ok(EtcdLock { env: env.clone(), key, fence: fence.into(), lease, written: Mutex::default() });
        }
        let (name, id) = (&self.keys.lock(env), lease.live().id);
        let lock = move |mut etcd: Client| async move {
            let locking = etcd.lock(name.as_str(), Some(LockOptions::new().with_lease(id)));
            time::timeout(wait, locking).await.ok().transpose()
        };
        let answer = self.call(wait + self.timing.call, lock).await?;
        let Some(answer) = answer else {
            return Err(Fault::Busy { env: env.clone() });
        };
        let (env, key) = (env.clone(), answer.key().to_vec());
        let lock = EtcdLock { env, key, fence: OnceLock::new(), lease, written: Mutex::default() };
        self.sign(&lock);
        Ok(lock)
    }

    /// Takes a lock that nobody holds or waits for, in one write, by the key that the lock service would make. Gives
    /// that key and its create revision.
    async fn take_free(&self, env: &EnvName, lease: i64) -> Result<Option<(Vec<u8>, i64)>, Fault> {
        let line = format!("{}/", self.keys.lock(env));
        let key = format!("{line}{lease:x}");
        let txn = Txn::new()
            // Of every key in the line: there is none.
            .when([Compare::create_revision(line, CompareOp::Equal, 0).with_prefix()])
            .and_then([TxnOp::put(key.as_str(), self.node.as_str(), Some(PutOptions::new().with_lease(lease)))]);
        let answer = self.txn(&txn).await?;
        let fence = head(answer.header())?.revision;
        Ok(answer.succeeded().then(|| (key.into_bytes(), fence)))
    }

    /// Writes this node's name into the lock's key, for people, without anybody waiting for it. Others who wait for the
    /// lock look at create revisions and deletions alone.
    fn sign(self: &Arc<Self>, lock: &EtcdLock) {
        if self.node.is_empty() {
            return;
        }
        let (etcd, key, lease) = (Arc::clone(self), lock.key.clone(), lock.lease.live().id);
        tokio::spawn(async move {
            let txn = Txn::new()
                .when([Compare::create_revision(key.as_slice(), CompareOp::Greater, 0)])
                .and_then([TxnOp::put(key, etcd.node.as_str(), Some(PutOptions::new().with_lease(lease)))]);
            let _ = etcd.txn(&txn).await;
        });
    }

    pub(in super::super) async fn contended(&self, lock: &EtcdLock) -> bool {
        let line = self.line(&lock.env, GetOptions::new().with_count_only()).await;
        line.map_or(true, |line| line.count() > 1)
    }

    pub(in super::super) async fn holder(&self, env: &EnvName) -> Result<Option<Holder>, Fault> {
        let oldest = GetOptions::new().with_sort(SortTarget::Create, SortOrder::Ascend).with_limit(1);
        let line = self.line(env, oldest).await?;
        let Some(first) = line.kvs().first() else {
            return Ok(None);
        };
        let node = first.value_str().ok().filter(|name| !name.is_empty()).map(str::to_owned);
        let id = first.lease();
        let ask = move |mut etcd: Client| async move { etcd.lease_time_to_live(id, None).await };
        let lease = self.call(self.timing.call, ask).await?;
        let remaining = u64::try_from(lease.ttl()).ok().map(Duration::from_secs);
        Ok(Some(Holder { node, lease: Some(format!("{id:x}")), remaining }))
    }

    /// The keys of a lock: its holder's and those of all who wait.
    async fn line(&self, env: &EnvName, options: GetOptions) -> Result<GetResponse, Fault> {
        let (prefix, options) = (&format!("{}/", self.keys.lock(env)), &options.with_prefix());
        let get = move |mut etcd: Client| async move { etcd.get(prefix.as_str(), Some(options.clone())).await };
        self.call(self.timing.call, get).await
    }
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

/// A lease in use; one that is dropped is revoked.
#[derive(Debug)]
struct Lease {
    /// Until it is given away.
    live: Option<Live>,
    etcd: Arc<Etcd>,
}

impl Lease {
    /// The one that is kept for the next lock, or a new one.
    async fn new(etcd: &Arc<Etcd>) -> Result<Self, Fault> {
        let spare = etcd.spare().take().filter(|live| !live.life.is_over());
        let live = match spare {
            Some(live) => live,
            None => grant(etcd).await?,
        };
        Ok(Self { live: Some(live), etcd: Arc::clone(etcd) })
    }

    fn live(&self) -> &Live {
        self.live.as_ref().expect("a lease is there until it is given away")
    }

    /// Keeps it for the next lock, if none is kept yet. Nothing hangs on it any more, and with this process it runs out.
    fn keep(mut self) {
        let mut spare = self.etcd.spare();
        if spare.is_none() {
            *spare = self.live.take();
        }
    }

    async fn revoke(mut self) {
        let Some(live) = self.live.take() else { return };
        if let Err(fault) = revoke(&self.etcd, live.id).await {
            tracing::warn!(%fault, "a lock could not be freed; it will be when its lease runs out");
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

async fn grant(etcd: &Arc<Etcd>) -> Result<Live, Fault> {
    let sent = Instant::now();
    let seconds = i64::try_from(etcd.timing.ttl.as_secs()).unwrap_or(i64::MAX);
    let grant = move |mut client: Client| async move { client.lease_grant(seconds, None).await };
    let answer = etcd.call(etcd.timing.call, grant).await?;
    // etcd may give more than it was asked for.
    let ttl = Duration::from_secs(answer.ttl().unsigned_abs());
    let life = Life(Arc::new(Mutex::new(Some(sent + ttl))));
    let keeper = tokio::spawn(keep(Arc::downgrade(etcd), answer.id(), ttl, life.clone())).abort_handle();
    Ok(Live { id: answer.id(), life, keeper })
}

/// Ends a lease: deletes its key in the line as well.
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
                tracing::warn!(why, "a lock was lost");
                return life.end();
            }
            // Soon again: the lease lives on until its end.
            Err(_) => pause = ttl / 20,
        }
    }
}
