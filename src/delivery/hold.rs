//! What a worker knows while it holds the lock of an environment: what is delivered already though SQL does not say so
//! yet, and what waits for people.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::failure::Failure;
use crate::{
    channel::Channel,
    domain::{
        change::ChangeId,
        entry::Entry,
        error::Result,
        names::{ConfigId, EnvName},
        time::Time,
    },
    service::{Accepted, Dispatch, Mark, now},
    storage::{Db, Due},
    traces::Place,
};

/// Releases that are read at once.
const BATCH: u32 = 100;
/// Changes whose marks wait to be written at the most.
const MARKS: usize = 32;
/// How long what is handed over goes out without a look at the database. In a pause the worker looks sooner.
const SURE: Duration = Duration::from_millis(100);

/// One hold of a lock.
pub(super) struct Hold {
    db: Db,
    channel: Channel,
    dispatch: Arc<Dispatch>,
    /// The latest release of each config that was delivered under it, and the change that made it.
    delivered: HashMap<ConfigId, (u64, ChangeId)>,
    /// When the database was last asked what is due; at first, when the lock was taken.
    pub asked_at: Instant,
    pub frozen: Frozen,
    /// Where the deliveries of changes are told of.
    pub places: Places,
}

/// By change, until it is delivered.
pub(super) type Places = HashMap<ChangeId, Place>;

impl Hold {
    /// `places` are those of changes that an earlier hold did not deliver.
    pub fn new(db: Db, channel: Channel, dispatch: Arc<Dispatch>, places: Places) -> Self {
        let (delivered, frozen) = (HashMap::new(), Frozen::default());
        Self { db, channel, dispatch, delivered, asked_at: Instant::now(), frozen, places }
    }

    /// What is due in an environment, the oldest change first: a page of what comes after `after`.
    pub async fn due(&mut self, env: &EnvName, after: Option<&After>) -> Result<Page> {
        if after.is_none()
            && let Some(next) = self.next(env)
        {
            return Ok(Page { changes: by_change(next), next: None });
        }
        self.asked_at = Instant::now();
        let due = self.db.read().await?.due(env, after, BATCH).await?;
        let full = due.len() == BATCH as usize;
        let mut changes = by_change(due);
        if full && changes.len() > 1 {
            // It may be cut in two; it comes whole with the next page.
            changes.pop();
        }
        let next = changes.last().filter(|_| full).map(|last| (last.accepted_at, last.id.clone()));
        changes.retain(|change| !change.configs.iter().all(|(config, seq)| self.has(config, *seq, &change.id)));
        Ok(Page { changes, next })
    }

    /// What was just accepted on this node, if all of it follows on what this node delivered last: then nothing is due in
    /// its configs that this does not know of. The database is asked all the same every now and then, for what comes from
    /// elsewhere.
    fn next(&mut self, env: &EnvName) -> Option<Vec<Due>> {
        let accepted = self.dispatch.just_accepted(env);
        let places = accepted.iter().filter_map(|new| Some((new.entry.meta.change.clone(), new.place.clone()?)));
        self.places.extend(places);
        if self.asked_at.elapsed() > SURE {
            return None;
        }
        let (mut next, mut before) = (Vec::new(), HashMap::new());
        for Accepted { entry, follows, .. } in accepted {
            let Entry { config, meta, .. } = &entry;
            if self.has(config, meta.seq, &meta.change) {
                continue;
            }
            let known = before.get(config).or_else(|| self.delivered.get(config).map(|(_, change)| change)).cloned();
            if follows.is_none() || known.or_else(|| self.channel.last(config)) != follows {
                return None;
            }
            before.insert(config.clone(), meta.change.clone());
            next.push(Due::from(entry));
        }
        (!next.is_empty()).then_some(next)
    }

    fn has(&self, config: &ConfigId, seq: u64, change: &ChangeId) -> bool {
        self.delivered.get(config).is_some_and(|(last, made)| *last > seq || *last == seq && made == change)
    }

    /// Notes that a change is delivered. Nobody waits until SQL knows, and the next change can go out meanwhile: unless this
    /// says that it is time to [`Hold::write_marks`].
    pub fn delivered(&mut self, releases: &[Entry], revision: i64) -> bool {
        let of = |e: &Entry| (e.config.clone(), (e.meta.seq, e.meta.change.clone()));
        self.delivered.extend(releases.iter().map(of));
        let releases = releases.iter().map(|e| (e.config.clone(), e.meta.seq)).collect();
        self.dispatch.marks.add(Mark { releases, revision, at: now() }) >= MARKS
    }

    /// Has SQL know what was delivered.
    pub async fn write_marks(&self) -> Result<()> {
        write_marks(&self.db, &self.dispatch).await
    }
}

/// Configs that wait for people.
#[derive(Default)]
pub(super) struct Frozen(HashSet<ConfigId>);

impl Frozen {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn touches(&self, change: &DueChange) -> bool {
        change.configs.iter().any(|(config, _)| self.0.contains(config))
    }

    pub fn add(&mut self, change: &DueChange) {
        self.add_but(change, None);
    }

    /// Adds the configs of a change, but for one on which people have decided already.
    pub fn add_but(&mut self, change: &DueChange, decided: Option<&ConfigId>) {
        let configs = change.configs.iter().map(|(config, _)| config);
        self.0.extend(configs.filter(|config| Some(*config) != decided).cloned());
    }
}

/// The end of a page: the next one begins after this change.
pub(super) type After = (Time, ChangeId);

/// A page of what is due in an environment.
pub(super) struct Page {
    pub changes: Vec<DueChange>,
    /// Where the next page begins, if there may be one.
    pub next: Option<After>,
}

/// What is due of a change in an environment.
pub(super) struct DueChange {
    pub id: ChangeId,
    accepted_at: Time,
    /// Its configs and the numbers of its releases.
    pub configs: Vec<(ConfigId, u64)>,
    /// Its releases, unless one of them cannot be read.
    pub releases: Result<Vec<Entry>, Failure>,
}

/// Groups what is due by change, keeping the order.
fn by_change(due: Vec<Due>) -> Vec<DueChange> {
    let mut changes: Vec<DueChange> = Vec::new();
    for Due { config, seq, change: id, accepted_at, entry } in due {
        if changes.last().is_none_or(|last| last.id != id) {
            changes.push(DueChange { id, accepted_at, configs: Vec::new(), releases: Ok(Vec::new()) });
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

/// Writes the marks that wait, all in one transaction. Any that are lost with it are found again: what is delivered
/// twice is written once.
pub(super) async fn write_marks(db: &Db, dispatch: &Dispatch) -> Result<()> {
    let marks = dispatch.marks.take();
    if marks.is_empty() {
        return Ok(());
    }
    let mut tx = db.write().await?;
    marks.write(&mut tx).await?;
    tx.commit().await?;
    marks.written();
    dispatch.tell();
    Ok(())
}
