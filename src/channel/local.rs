//! The channel of a single node, in memory. It behaves like etcd, so one suite tests both.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use super::{
    ChannelError, Delivered, Head, Holder, Listing, TokenList, TokenListing,
    plan::{HeldRelease, plan},
};
use crate::{
    domain::{
        entry::{Entry, Identity},
        names::{ConfigId, EnvName},
    },
    metrics,
};

/// Maximum number of deliveries kept for watches. A watch that is further behind lists again.
const HISTORY: usize = 64;
/// Id of the cluster. It never changes, because memory is never restored.
const CLUSTER: u64 = 1;

/// The releases of this process.
#[derive(Debug, Default)]
pub struct Local {
    state: Mutex<State>,
    delivered: Notify,
    released: Notify,
    pub(super) meter: metrics::ChannelMetrics,
    /// Disturbances. Memory itself causes none.
    pub(super) disturbances: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    revision: i64,
    /// Releases, each with the revision that wrote it.
    entries: BTreeMap<ConfigId, (i64, Entry)>,
    /// List of tokens, with the revision that wrote it.
    tokens: Option<(i64, TokenList)>,
    history: VecDeque<(i64, Vec<Entry>)>,
    /// The history is complete after this revision.
    compacted: i64,
    /// The last fence. Like a create revision in etcd, no fence comes twice.
    fence: u64,
    locks: HashMap<EnvName, LockQueue>,
}

/// A lock's holder and the number of waiting tasks.
#[derive(Debug, Default)]
struct LockQueue {
    holder: Option<u64>,
    waiting: usize,
}

impl Local {
    pub(super) async fn lock(self: &Arc<Self>, env: &EnvName, wait: Duration) -> Result<LocalLock, ChannelError> {
        let waiting = WaiterCount::new(self, env);
        let taken = timeout(wait, async {
            loop {
                let freed = self.released.notified();
                if let Some(fence) = self.try_acquire(env) {
                    return fence;
                }
                freed.await;
            }
        });
        match taken.await {
            Ok(fence) => Ok(LocalLock { local: Arc::clone(self), env: env.clone(), fence }),
            Err(_) => Err(ChannelError::Busy { env: waiting.env.clone() }),
        }
    }

    fn try_acquire(&self, env: &EnvName) -> Option<u64> {
        let mut state = self.state.lock();
        let fence = state.fence + 1;
        let line = state.locks.entry(env.clone()).or_default();
        if line.holder.is_some() {
            return None;
        }
        line.holder = Some(fence);
        state.fence = fence;
        Some(fence)
    }

    fn holder_fence(&self, env: &EnvName) -> Option<u64> {
        self.state.lock().locks.get(env).and_then(|line| line.holder)
    }

    /// Removes the lock from its holder, like etcd when a lease expires.
    pub(super) fn force_release(&self, env: &EnvName) {
        self.state.lock().locks.entry(env.clone()).or_default().holder = None;
        self.released.notify_waiters();
    }

    /// Drops the history, like a compaction of etcd.
    #[cfg(test)]
    pub(super) fn compact(&self) {
        let mut state = self.state.lock();
        state.history.clear();
        state.compacted = state.revision;
    }

    pub(super) fn has_waiters(&self, lock: &LocalLock) -> bool {
        self.state.lock().locks.get(&lock.env).is_some_and(|line| line.waiting > 0)
    }

    pub(super) fn holder(&self, env: &EnvName) -> Option<Holder> {
        self.holder_fence(env).map(|_| Holder { node: None, lease: None, remaining: None })
    }

    pub(super) fn deliver(&self, lock: &LocalLock, batch: &[&Entry], repair: bool) -> Result<Delivered, ChannelError> {
        let mut state = self.state.lock();
        if state.locks.get(&lock.env).and_then(|line| line.holder) != Some(lock.fence) {
            return Err(ChannelError::Fenced { env: lock.env.clone() });
        }
        let held = batch.iter().map(|entry| state.held(&entry.config)).collect();
        let plan = plan(batch, held, repair)?;
        if plan.to_write.is_empty() {
            return Ok(Delivered { revision: plan.revision, already: plan.already });
        }
        let revision = state.put(plan.to_write.into_iter().map(|(entry, _)| entry.into_owned()).collect());
        drop(state);
        self.delivered.notify_waiters();
        Ok(Delivered { revision, already: plan.already })
    }

    pub(super) fn held(&self, config: &ConfigId) -> Option<Identity> {
        self.state.lock().held(config).release
    }

    pub(super) fn list_by<T>(&self, keep: impl FnMut(Entry) -> T) -> Listing<T> {
        let state = self.state.lock();
        let (revision, entries) =
            (state.revision, state.entries.values().map(|(_, entry)| entry.clone()).collect::<Vec<_>>());
        drop(state);
        let entries = entries.into_iter().map(keep).collect();
        Listing { revision, cluster: CLUSTER, entries, damaged: Vec::new() }
    }

    pub(super) fn head(&self) -> Head {
        Head { revision: self.state.lock().revision, cluster: CLUSTER }
    }

    pub(super) fn watch(self: &Arc<Self>, after: i64) -> Result<LocalWatch, ChannelError> {
        let state = self.state.lock();
        if after < state.compacted || after > state.revision {
            return Err(ChannelError::Compacted);
        }
        Ok(LocalWatch { local: Arc::clone(self), after })
    }

    pub(super) fn tokens(&self, since: i64) -> TokenListing {
        let state = self.state.lock();
        let revision = state.revision;
        match &state.tokens {
            Some((written, list)) if *written > since => {
                TokenListing { revision, list_revision: *written, list: Some(list.clone()), refused: None }
            }
            _ => TokenListing { revision, ..TokenListing::default() },
        }
    }

    pub(super) fn put_tokens(&self, list: &TokenList, written: i64) -> bool {
        let mut state = self.state.lock();
        if state.tokens.as_ref().map_or(0, |(written, _)| *written) != written {
            return false;
        }
        state.revision += 1;
        state.tokens = Some((state.revision, list.clone()));
        drop(state);
        self.delivered.notify_waiters();
        true
    }

    pub(super) fn watch_tokens(self: &Arc<Self>, after: i64) -> LocalTokenWatch {
        LocalTokenWatch { local: Arc::clone(self), after }
    }
}

impl State {
    fn held(&self, config: &ConfigId) -> HeldRelease {
        self.entries.get(config).map_or_else(HeldRelease::default, |(revision, entry)| HeldRelease {
            revision: *revision,
            release: Some(entry.meta.identity()),
        })
    }

    fn put(&mut self, batch: Vec<Entry>) -> i64 {
        self.revision += 1;
        for entry in &batch {
            self.entries.insert(entry.config.clone(), (self.revision, entry.clone()));
        }
        self.history.push_back((self.revision, batch));
        while self.history.len() > HISTORY
            && let Some((revision, _)) = self.history.pop_front()
        {
            self.compacted = revision;
        }
        self.revision
    }

    /// Returns the first delivery after a revision.
    fn after(&self, revision: i64) -> Result<Option<&(i64, Vec<Entry>)>, ChannelError> {
        if revision < self.compacted {
            return Err(ChannelError::Compacted);
        }
        Ok(self.history.get(self.history.partition_point(|(at, _)| *at <= revision)))
    }
}

/// Counts one waiting task until it is dropped.
struct WaiterCount<'a> {
    local: &'a Local,
    env: &'a EnvName,
}

impl<'a> WaiterCount<'a> {
    fn new(local: &'a Local, env: &'a EnvName) -> Self {
        local.state.lock().locks.entry(env.clone()).or_default().waiting += 1;
        Self { local, env }
    }
}

impl Drop for WaiterCount<'_> {
    fn drop(&mut self) {
        self.local.state.lock().locks.entry(self.env.clone()).or_default().waiting -= 1;
    }
}

/// A lock of this process.
#[derive(Debug)]
pub struct LocalLock {
    local: Arc<Local>,
    pub(super) env: EnvName,
    fence: u64,
}

impl LocalLock {
    pub(super) fn is_lost(&self) -> bool {
        self.local.holder_fence(&self.env) != Some(self.fence)
    }
}

impl Drop for LocalLock {
    fn drop(&mut self) {
        let mut state = self.local.state.lock();
        let line = state.locks.entry(self.env.clone()).or_default();
        if line.holder == Some(self.fence) {
            line.holder = None;
        }
        drop(state);
        self.local.released.notify_waiters();
    }
}

/// A watch of this process.
#[derive(Debug)]
pub struct LocalWatch {
    local: Arc<Local>,
    pub(super) after: i64,
}

impl LocalWatch {
    pub(super) async fn next(&mut self) -> Result<Vec<Entry>, ChannelError> {
        loop {
            let delivered = self.local.delivered.notified();
            if let Some((revision, batch)) = self.local.state.lock().after(self.after)? {
                self.after = *revision;
                return Ok(batch.clone());
            }
            delivered.await;
        }
    }
}

/// A watch of the tokens of this process.
#[derive(Debug)]
pub struct LocalTokenWatch {
    local: Arc<Local>,
    after: i64,
}

impl LocalTokenWatch {
    pub(super) async fn next(&mut self) -> TokenListing {
        loop {
            let delivered = self.local.delivered.notified();
            let there = self.local.tokens(self.after);
            if there.list.is_some() {
                self.after = there.list_revision;
                return there;
            }
            delivered.await;
        }
    }
}
