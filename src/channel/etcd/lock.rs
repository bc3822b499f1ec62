//! The lock of an environment: a lease that is kept alive, and etcd's lock service.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use etcd_client::{
    Client, Compare, CompareOp, DeleteOptions, GetOptions, GetResponse, LockOptions, PutOptions, SortOrder, SortTarget,
    Txn, TxnOp,
};
use tokio::time;

use super::{
    super::{ChannelError, Holder},
    Etcd, head,
    lease::Lease,
};
use crate::domain::names::EnvName;

/// A lock in etcd.
#[derive(Debug)]
pub struct EtcdLock {
    pub(in super::super) env: EnvName,
    /// The key under which the lock is held.
    pub(super) key: Vec<u8>,
    fence: OnceLock<i64>,
    lease: Lease,
}

impl EtcdLock {
    pub(in super::super) fn is_lost(&self) -> bool {
        self.lease.is_over()
    }

    /// Releases the lock and keeps its lease for the next one, because a grant is a write of its own.
    pub(in super::super) async fn release(self) {
        let Self { key, lease, .. } = self;
        if lease.is_over() {
            return lease.revoke().await;
        }
        match lease.delete(&key).await {
            Ok(()) => lease.keep_as_spare(),
            Err(_) => lease.revoke().await,
        }
    }

    /// Returns the key's create revision, once it is known. etcd assigns each revision once, so only writes of
    /// this holder pass.
    pub(super) fn fence(&self) -> Option<i64> {
        self.fence.get().copied()
    }

    /// Records the key's create revision. The key's name holds the lease id, so an existing key belongs to this lock.
    pub(super) fn set_fence(&self, create_revision: i64) -> i64 {
        *self.fence.get_or_init(|| create_revision)
    }

    /// Records that the lock is lost according to etcd.
    pub(super) fn mark_lost(&self) {
        self.lease.mark_over();
    }

    #[cfg(test)]
    pub(in super::super) fn lease(&self) -> i64 {
        self.lease.id()
    }
}

impl Etcd {
    pub(in super::super) async fn lock(
        self: &Arc<Self>,
        env: &EnvName,
        wait: Duration,
    ) -> Result<EtcdLock, ChannelError> {
        // Dropping this future early drops the lease, which leaves the queue.
        let lease = Lease::for_lock(self).await?;
        if let Some((key, fence)) = self.acquire_free(env, lease.id()).await? {
            return Ok(EtcdLock { env: env.clone(), key, fence: fence.into(), lease });
        }
        let (name, id) = (&self.keys.lock(env), lease.id());
        let lock = move |mut etcd: Client| async move {
            let locking = etcd.lock(name.as_str(), Some(LockOptions::new().with_lease(id)));
            time::timeout(wait, locking).await.ok().transpose()
        };
        let answer = self.call(wait + self.timing.call, lock).await?;
        let Some(answer) = answer else {
            return Err(ChannelError::Busy { env: env.clone() });
        };
        let (env, key) = (env.clone(), answer.key().to_vec());
        let lock = EtcdLock { env, key, fence: OnceLock::new(), lease };
        self.write_node_name(&lock);
        Ok(lock)
    }

    /// Acquires a lock without holder and queue in one write, under the key that the lock service would create. Returns
    /// that key and its create revision.
    async fn acquire_free(&self, env: &EnvName, lease: i64) -> Result<Option<(Vec<u8>, i64)>, ChannelError> {
        let line = format!("{}/", self.keys.lock(env));
        let key = format!("{line}{lease:x}");
        let txn = Txn::new()
            // This compare succeeds only if the queue has no key at all.
            .when([Compare::create_revision(line, CompareOp::Equal, 0).with_prefix()])
            .and_then([TxnOp::put(key.as_str(), self.node.as_str(), Some(PutOptions::new().with_lease(lease)))]);
        let answer = self.txn(&txn).await?;
        let fence = head(answer.header())?.revision;
        Ok(answer.succeeded().then(|| (key.into_bytes(), fence)))
    }

    /// Writes this node's name into the lock's key in the background, for people. Other nodes in the queue only use
    /// create revisions and deletions.
    fn write_node_name(self: &Arc<Self>, lock: &EtcdLock) {
        if self.node.is_empty() {
            return;
        }
        let (etcd, key, lease) = (Arc::clone(self), lock.key.clone(), lock.lease.id());
        tokio::spawn(async move {
            let txn = Txn::new()
                .when([Compare::create_revision(key.as_slice(), CompareOp::Greater, 0)])
                .and_then([TxnOp::put(key, etcd.node.as_str(), Some(PutOptions::new().with_lease(lease)))]);
            let _ = etcd.txn(&txn).await;
        });
    }

    pub(in super::super) async fn has_waiters(&self, lock: &EtcdLock) -> bool {
        let line = self.queue(&lock.env, GetOptions::new().with_count_only()).await;
        line.map_or(true, |line| line.count() > 1)
    }

    pub(in super::super) async fn holder(&self, env: &EnvName) -> Result<Option<Holder>, ChannelError> {
        let oldest = GetOptions::new().with_sort(SortTarget::Create, SortOrder::Ascend).with_limit(1);
        let line = self.queue(env, oldest).await?;
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

    /// Deletes the whole queue. No delivery under one of its keys passes the fence any more.
    pub(in super::super) async fn force_release(&self, env: &EnvName) -> Result<(), ChannelError> {
        let prefix = &format!("{}/", self.keys.lock(env));
        let delete = move |mut etcd: Client| async move {
            etcd.delete(prefix.as_str(), Some(DeleteOptions::new().with_prefix())).await
        };
        self.call(self.timing.call, delete).await.map(drop)
    }

    /// Reads the queue of a lock: the keys of its holder and of all that wait.
    async fn queue(&self, env: &EnvName, options: GetOptions) -> Result<GetResponse, ChannelError> {
        self.get(self.timing.call, &format!("{}/", self.keys.lock(env)), options.with_prefix()).await
    }
}
