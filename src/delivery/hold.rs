//! What a worker knows while it holds the lock of an environment: what is delivered already though SQL does not say so
//! yet, and what waits for people.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::time::Instant;

use super::{
    marks::write_marks,
    publisher::{BATCH, LINGER_LOOK},
};
use crate::{
    channel::{Channel, Entry},
    domain::{
        change::ChangeId,
        error::Result,
        names::{ConfigId, EnvName},
    },
    service::{Accepted, Dispatch, Mark, now},
    storage::Db,
    traces::Place,
};

/// Changes whose marks wait to be written at the most.
const MARKS: usize = 32;

/// One hold of a lock.
pub(super) struct Hold {
    db: Db,
    channel: Channel,
    dispatch: Arc<Dispatch>,
    /// The latest release of each config that was delivered under it.
    delivered: HashMap<ConfigId, u64>,
    /// When the database was last asked what is due; at first, when the lock was taken.
    asked_at: Instant,
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

    /// The oldest of what is due in an environment: a whole page, or all.
    pub async fn due(&mut self, env: &EnvName) -> Result<Vec<Entry>> {
        if let Some(next) = self.next(env) {
            return Ok(next);
        }
        self.asked_at = Instant::now();
        let mut due = self.db.read().await?.due(env, BATCH).await?;
        if due.len() == BATCH as usize && due.iter().any(|entry| self.has(entry)) {
            // What is delivered already stands in the way of what is not.
            self.write_marks().await?;
            due = self.db.read().await?.due(env, BATCH).await?;
        }
        due.retain(|entry| !self.has(entry));
        Ok(due)
    }

    /// What was just accepted on this node, if all of it follows on what this node delivered last: then nothing is due in
    /// its configs that this does not know of. The database is asked all the same every now and then, for what comes from
    /// elsewhere.
    fn next(&mut self, env: &EnvName) -> Option<Vec<Entry>> {
        let accepted = self.dispatch.just_accepted(env);
        let places = accepted.iter().filter_map(|new| Some((new.entry.meta.change.clone(), new.place.clone()?)));
        self.places.extend(places);
        if self.asked_at.elapsed() > LINGER_LOOK {
            return None;
        }
        let (mut next, mut before) = (Vec::new(), HashMap::new());
        for Accepted { entry, previous, .. } in accepted.into_iter().filter(|new| !self.has(&new.entry)) {
            let known = before.get(&entry.config).or_else(|| self.delivered.get(&entry.config)).copied();
            if known.or_else(|| self.channel.last(&entry.config)) != Some(previous) {
                return None;
            }
            before.insert(entry.config.clone(), entry.meta.seq);
            next.push(entry);
        }
        (!next.is_empty()).then_some(next)
    }

    fn has(&self, entry: &Entry) -> bool {
        self.delivered.get(&entry.config).is_some_and(|seq| *seq >= entry.meta.seq)
    }

    /// Notes that a change is delivered. Nobody waits until SQL knows: the next change can go out meanwhile.
    pub async fn delivered(&mut self, releases: &[Entry], revision: i64) -> Result<()> {
        let releases: Vec<(ConfigId, u64)> = releases.iter().map(|e| (e.config.clone(), e.meta.seq)).collect();
        self.delivered.extend(releases.iter().cloned());
        if self.dispatch.marks.add(Mark { releases, revision, at: now() }) >= MARKS {
            self.write_marks().await?;
        }
        Ok(())
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

    pub fn touches(&self, change: &[Entry]) -> bool {
        change.iter().any(|e| self.0.contains(&e.config))
    }

    pub fn add(&mut self, change: &[Entry]) {
        self.0.extend(change.iter().map(|e| e.config.clone()));
    }
}
