//! One lock session of a worker: the time from acquiring the lock of an environment to releasing it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::failure::Failure;
use crate::{
    domain::{
        change::ChangeId,
        entry::Entry,
        error::Result,
        names::{ConfigId, EnvName},
        time::Time,
    },
    fast_path::{DeliveryAck, SessionWrites},
    service::{Dispatch, now},
    storage::{Db, OutboxRelease},
    traces::TraceParent,
};

/// Maximum number of releases in one page of the outbox.
const MAX_PAGE_RELEASES: u32 = 100;
/// Maximum number of pending acknowledgements. Beyond it the worker stores them before the next delivery.
const MAX_PENDING_ACKS: usize = 32;
/// Maximum interval between reads of the outbox while releases are handed over. In a pause the worker reads it sooner.
const DB_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// One lock session.
pub(super) struct LockSession {
    db: Db,
    dispatch: Arc<Dispatch>,
    written: SessionWrites,
    /// Time of the last read of the outbox. Initially the time at which the lock was acquired.
    pub outbox_read_at: Instant,
    pub blocked: BlockedConfigs,
    /// Parent trace span of each change's delivery.
    pub trace_parents: ParentSpans,
}

/// Parent trace spans by change, until the change is delivered.
pub(super) type ParentSpans = HashMap<ChangeId, TraceParent>;

impl LockSession {
    /// Begins a session. `trace_parents` are those of changes that an earlier session did not deliver.
    pub fn new(db: Db, dispatch: Arc<Dispatch>, trace_parents: ParentSpans) -> Self {
        let (written, blocked) = (dispatch.fast_path.session(), BlockedConfigs::default());
        Self { db, dispatch, written, outbox_read_at: Instant::now(), blocked, trace_parents }
    }

    /// Returns a page of an environment's outbox after `after`, the oldest change first.
    pub async fn outbox_page(&mut self, env: &EnvName, after: Option<&OutboxPosition>) -> Result<OutboxPage> {
        if after.is_none()
            && let Some(changes) = self.handed_over(env)
        {
            return Ok(OutboxPage { changes, next: None });
        }
        self.outbox_read_at = Instant::now();
        let due = self.db.read().await?.outbox(env, after, MAX_PAGE_RELEASES).await?;
        let full = due.len() == MAX_PAGE_RELEASES as usize;
        let mut changes = by_change(due);
        if full && changes.len() > 1 {
            // The page may end inside of this change. The next page has all of it.
            changes.pop();
        }
        let next = changes.last().filter(|_| full).map(|last| (last.accepted_at, last.id.clone()));
        changes.retain(|change| {
            !change.configs.iter().all(|(config, seq)| self.written.includes(config, *seq, &change.id))
        });
        Ok(OutboxPage { changes, next })
    }

    /// Takes the releases that were handed over for an environment. Returns `None` when the outbox has to be read. That
    /// is at least every [`DB_CHECK_INTERVAL`], because commands and other nodes fill the outbox, too.
    fn handed_over(&mut self, env: &EnvName) -> Option<Vec<OutboxChange>> {
        self.trace_parents.extend(self.dispatch.trace_parents.take(env));
        let accepted = self.dispatch.fast_path.take_handed_over(env);
        if self.outbox_read_at.elapsed() > DB_CHECK_INTERVAL {
            return None;
        }
        let next = self.dispatch.fast_path.ready_to_deliver(accepted, &self.written);
        (!next.is_empty()).then(|| by_change(next.into_iter().map(OutboxRelease::from).collect()))
    }

    /// Acknowledges a delivery. A later transaction records the acknowledgement in SQL. When the fast path is off, it
    /// is recorded at once. Returns whether so many acknowledgements are pending that they should be stored before the
    /// next delivery.
    pub async fn acknowledge(&mut self, releases: &[Entry], revision: i64) -> Result<bool> {
        self.written.add(releases);
        let releases = releases.iter().map(|e| (e.config.clone(), e.meta.seq)).collect();
        match self.dispatch.fast_path.defer(DeliveryAck { releases, revision, delivered_at: now() }) {
            Ok(pending) => Ok(pending >= MAX_PENDING_ACKS),
            Err(ack) => {
                let mut tx = self.db.write().await?;
                ack.store(&mut tx).await?;
                tx.commit().await?;
                Ok(false)
            }
        }
    }
}

/// Configs whose deliveries wait until people resolve a problem.
#[derive(Default)]
pub(super) struct BlockedConfigs(HashSet<ConfigId>);

impl BlockedConfigs {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn touches(&self, change: &OutboxChange) -> bool {
        change.configs.iter().any(|(config, _)| self.0.contains(config))
    }

    pub fn has(&self, config: &ConfigId) -> bool {
        self.0.contains(config)
    }

    pub fn add_config(&mut self, config: ConfigId) {
        self.0.insert(config);
    }

    pub fn add(&mut self, change: &OutboxChange) {
        self.add_except(change, None);
    }

    /// Adds the configs of a change except one that a person has resolved already.
    pub fn add_except(&mut self, change: &OutboxChange, decided: Option<&ConfigId>) {
        let configs = change.configs.iter().map(|(config, _)| config);
        self.0.extend(configs.filter(|config| Some(*config) != decided).cloned());
    }
}

/// The last change of a page. The next page begins after it.
pub(super) type OutboxPosition = (Time, ChangeId);

/// A page of an environment's outbox.
pub(super) struct OutboxPage {
    pub changes: Vec<OutboxChange>,
    /// The last change of this page, if there may be a next page.
    pub next: Option<OutboxPosition>,
}

/// A change in an environment's outbox.
pub(super) struct OutboxChange {
    pub id: ChangeId,
    accepted_at: Time,
    /// Its configs and the numbers of its releases.
    pub configs: Vec<(ConfigId, u64)>,
    /// Its releases, or the failure to read one of them.
    pub releases: Result<Vec<Entry>, Failure>,
}

/// Groups releases by change and keeps the order.
fn by_change(due: Vec<OutboxRelease>) -> Vec<OutboxChange> {
    let mut changes: Vec<OutboxChange> = Vec::new();
    for OutboxRelease { config, seq, change: id, accepted_at, entry } in due {
        if changes.last().is_none_or(|last| last.id != id) {
            changes.push(OutboxChange { id, accepted_at, configs: Vec::new(), releases: Ok(Vec::new()) });
        }
        let Some(change) = changes.last_mut() else { continue };
        change.configs.push((config.clone(), seq));
        match (&mut change.releases, entry) {
            (Ok(releases), Ok(entry)) => releases.push(entry),
            (releases @ Ok(_), Err(error)) => *releases = Err(Failure::Unreadable { config, seq, error }),
            (Err(_), _) => {}
        }
    }
    changes
}
