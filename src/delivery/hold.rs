//! What a worker knows while it holds the lock of an environment: what is delivered already though SQL does not say so
//! yet, and what waits for people.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::{sync::mpsc, task::JoinHandle, time::Instant};

use super::publisher::{BATCH, LINGER_LOOK};
use crate::{
    channel::Entry,
    domain::{
        change::ChangeId,
        error::{Error, Result},
        names::{ConfigId, EnvName},
    },
    service::{Accepted, Dispatch, now},
    storage::Db,
    traces::Place,
};

/// Changes whose marks wait to be written at the most.
const MARKS: usize = 32;

/// One hold of a lock.
pub(super) struct Hold {
    db: Db,
    dispatch: Arc<Dispatch>,
    /// The latest release of each config that was delivered under it.
    delivered: HashMap<ConfigId, u64>,
    /// When the database was last asked what is due.
    asked_at: Option<Instant>,
    marks: mpsc::Sender<Mark>,
    marking: Marking,
    pub frozen: Frozen,
    /// Where the deliveries of changes are told of.
    pub places: Places,
}

/// By change, until it is delivered.
pub(super) type Places = HashMap<ChangeId, Place>;

/// Releases that are in the channel since a revision.
struct Mark {
    releases: Vec<(ConfigId, u64)>,
    revision: i64,
}

impl Hold {
    pub fn new(db: Db, dispatch: Arc<Dispatch>) -> Self {
        let (marks, marking) = begin_marking(&db, &dispatch);
        Self {
            db,
            dispatch,
            delivered: HashMap::new(),
            asked_at: None,
            marks,
            marking,
            frozen: Frozen::default(),
            places: Places::new(),
        }
    }

    /// The oldest of what is due in an environment: a whole page, or all.
    pub async fn due(&mut self, env: &EnvName) -> Result<Vec<Entry>> {
        if let Some(next) = self.next(env) {
            return Ok(next);
        }
        self.asked_at = Some(Instant::now());
        let mut due = self.db.read().await?.due(env, BATCH).await?;
        if due.len() == BATCH as usize && due.iter().any(|entry| self.has(entry)) {
            // What is delivered already stands in the way of what is not.
            let (marks, marking) = begin_marking(&self.db, &self.dispatch);
            self.marks = marks;
            finish(std::mem::replace(&mut self.marking, marking)).await?;
            due = self.db.read().await?.due(env, BATCH).await?;
        }
        due.retain(|entry| !self.has(entry));
        Ok(due)
    }

    /// What was just accepted on this node, if all of it follows on what was delivered under this hold: then nothing is
    /// due in its configs that this does not know of. The database is asked all the same every now and then, for what
    /// comes from elsewhere.
    fn next(&mut self, env: &EnvName) -> Option<Vec<Entry>> {
        let accepted = self.dispatch.just_accepted(env);
        let places = accepted.iter().filter_map(|new| Some((new.entry.meta.change.clone(), new.place.clone()?)));
        self.places.extend(places);
        self.asked_at.filter(|at| at.elapsed() < LINGER_LOOK)?;
        let (mut next, mut before) = (Vec::new(), HashMap::new());
        for Accepted { entry, previous, .. } in accepted.into_iter().filter(|new| !self.has(&new.entry)) {
            let known = before.get(&entry.config).or_else(|| self.delivered.get(&entry.config));
            if known != Some(&previous) {
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
        if self.marks.send(Mark { releases, revision }).await.is_err() {
            // What went wrong is said at the end of the hold.
            return Err(Error::Internal("marks are no longer taken".into()));
        }
        Ok(())
    }

    /// Waits until SQL knows what was delivered.
    pub async fn end(self) -> Result<()> {
        drop(self.marks);
        finish(self.marking).await
    }
}

type Marking = JoinHandle<Result<()>>;

/// Marks that are sent are written until the sender is dropped.
fn begin_marking(db: &Db, dispatch: &Arc<Dispatch>) -> (mpsc::Sender<Mark>, Marking) {
    let (marks, waiting) = mpsc::channel(MARKS);
    (marks, tokio::spawn(write(db.clone(), dispatch.clone(), waiting)))
}

async fn finish(marking: Marking) -> Result<()> {
    marking.await.unwrap_or_else(|panic| Err(Error::Internal(panic.to_string())))
}

/// Writes marks, all that wait in one transaction. What is lost with a power cut is delivered again, to no effect.
async fn write(db: Db, dispatch: Arc<Dispatch>, mut waiting: mpsc::Receiver<Mark>) -> Result<()> {
    let mut marks = Vec::new();
    while waiting.recv_many(&mut marks, MARKS).await > 0 {
        let mut tx = db.write_unsynced().await?;
        for Mark { releases, revision } in marks.drain(..) {
            tx.mark_delivered(&releases, revision, now()).await?;
        }
        tx.commit().await?;
        dispatch.tell();
    }
    Ok(())
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
