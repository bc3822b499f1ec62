//! What happened in a round, as its clients saw it: what they asked, what they were told, what they were shown.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Microseconds since the round began.
    pub at: u64,
    /// Who saw it.
    pub client: String,
    /// The server it was seen on.
    pub node: String,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// A client asks for something, for the first time or again with the same idempotency key.
    Invoke {
        op: u64,
        attempt: u32,
        action: Action,
        /// Names the operation in the database too.
        message: String,
        edits: Vec<Edit>,
        /// The release that it says it was made on.
        base: Option<u64>,
    },
    /// It was told that it is done.
    Ok { op: u64, releases: Vec<(String, u64)>, delivered: bool },
    /// It was told that it is not done.
    Fail { op: u64, status: u16, why: String },
    /// It was told nothing, or nothing that says whether it is done.
    Unknown { op: u64, why: String },
    /// A reader was shown a release.
    Seen { how: How, config: String, seq: u64, sha256: String },
    /// A reader was shown something without any content.
    Empty { how: How, config: String, seq: u64 },
    /// A reader that asked for a release got none.
    Missed { config: String, why: String },
    /// The harness did something.
    Harness { name: String, phase: Phase },
}

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Save and publish at once.
    Publish,
    /// Save.
    Save,
    /// Save what surely conflicts: it must be refused.
    Stale,
    /// Publish what was saved before under the same message.
    PublishSaved,
}

/// A value for a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    pub config: String,
    pub key: String,
    pub value: String,
}

/// How a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Snapshot,
    Poll,
    Stream,
    /// Straight from etcd, without Trimtab.
    Etcd,
}

/// Where the harness is with a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Begins,
    Ends,
    /// Everything runs and all links are whole.
    Healed,
    /// All readers hold the latest.
    Converged,
}

/// Takes down what happens. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    began: Instant,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Recorder {
    pub fn new() -> Self {
        Self { began: Instant::now(), events: Arc::default() }
    }

    /// Takes something down, as of now.
    pub fn note(&self, client: &str, node: &str, what: What) {
        let mut events = self.events.lock();
        // Read under the lock, so that the history is in order.
        let at = self.began.elapsed().as_micros() as u64;
        events.push(Event { at, client: client.to_owned(), node: node.to_owned(), what });
    }

    /// Takes down what the harness does.
    pub fn mark(&self, name: &str, phase: Phase) {
        self.note("harness", "", What::Harness { name: name.to_owned(), phase });
    }

    /// Whether so many readers that wait, each counted for each config that it follows, were shown the latest.
    pub fn all_waiting_hold(&self, live: &BTreeMap<String, u64>, many: usize) -> bool {
        let events = self.events.lock();
        let mut last: HashMap<(&str, &str), u64> = HashMap::new();
        for event in events.iter() {
            if let What::Seen { how: How::Poll | How::Stream, config, seq, .. } = &event.what {
                last.insert((&event.client, config), *seq);
            }
        }
        last.len() == many && last.iter().all(|((_, config), seq)| live.get(*config) == Some(seq))
    }

    /// All of it so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().clone()
    }
}
