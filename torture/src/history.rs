//! History of a round from the view of its clients: requests, answers and releases seen.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// An event of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Microseconds since the start of the round.
    pub at: u64,
    /// Name of the client.
    pub client: String,
    /// Name of the client's server.
    pub node: String,
    #[serde(flatten)]
    pub what: EventKind,
}

/// Kind and details of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// A client sends a request, for the first time or again with the same idempotency key.
    Invoke {
        op: u64,
        attempt: u32,
        action: Action,
        /// Identifies the operation, in the database, too.
        message: String,
        edits: Vec<Edit>,
        /// The release on which the edits are based, as the request states it.
        base: Option<u64>,
    },
    /// The answer says that the operation was done.
    Ok { op: u64, releases: Vec<(String, u64)>, delivered: bool },
    /// The answer says that the operation was refused.
    Fail { op: u64, status: u16, why: String },
    /// The attempt got no answer, or none that tells whether the operation was done.
    Unknown { op: u64, why: String },
    /// A reader was shown a release.
    Seen { how: ReadKind, config: String, seq: u64, sha256: String },
    /// A reader was shown empty content.
    Empty { how: ReadKind, config: String, seq: u64 },
    /// A read failed.
    Missed { config: String, why: String },
    /// The harness reached a phase.
    Harness { name: String, phase: Phase },
}

/// Kind of a client's operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Saves and publishes at once.
    Publish,
    /// Saves.
    Save,
    /// Saves edits that conflict, so it must be refused.
    Stale,
    /// Publishes the change that was saved with the same message.
    PublishSaved,
}

/// A value for a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    pub config: String,
    pub key: String,
    pub value: String,
}

/// Kind of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadKind {
    Snapshot,
    Poll,
    Stream,
    /// Directly from etcd, without Trimtab.
    Etcd,
}

/// Phase of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Begins,
    Ends,
    /// All servers run and all links work.
    Healed,
    /// All readers hold the latest releases.
    Converged,
}

/// Recorder of events. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    began: Instant,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Recorder {
    pub fn new() -> Self {
        Self { began: Instant::now(), events: Arc::default() }
    }

    /// Records an event at the present time.
    pub fn note(&self, client: &str, node: &str, what: EventKind) {
        let mut events = self.events.lock();
        // Read under the lock, so that the history is in order.
        let at = self.began.elapsed().as_micros() as u64;
        events.push(Event { at, client: client.to_owned(), node: node.to_owned(), what });
    }

    /// Records a phase of the harness.
    pub fn mark(&self, name: &str, phase: Phase) {
        self.note("harness", "", EventKind::Harness { name: name.to_owned(), phase });
    }

    /// Returns whether all long polls, all streams and the reader of etcd were last shown the live releases. `many` is
    /// their number, where each counts once for every config that it follows.
    pub fn all_waiting_hold(&self, live: &BTreeMap<String, u64>, many: usize) -> bool {
        let events = self.events.lock();
        let mut last: HashMap<(&str, &str), u64> = HashMap::new();
        for event in events.iter() {
            if let EventKind::Seen { how: ReadKind::Poll | ReadKind::Stream | ReadKind::Etcd, config, seq, .. } =
                &event.what
            {
                last.insert((&event.client, config), *seq);
            }
        }
        last.len() == many && last.iter().all(|((_, config), seq)| live.get(*config) == Some(seq))
    }

    /// Returns all events so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().clone()
    }
}
