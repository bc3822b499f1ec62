//! What was accepted on this node a moment ago: the worker that delivers it need not ask the database for it.

use std::collections::BTreeMap;

use crate::{channel::Entry, domain::names::EnvName, traces::Place};

/// Bytes of documents that are kept for an environment; beyond them the database is asked.
const MOST: usize = 4 * 1024 * 1024;

/// A release that was just accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The release with its document.
    pub entry: Entry,
    /// The number of the release that was live before it.
    pub previous: u64,
    /// Where its delivery is told of, if it is.
    pub place: Option<Place>,
}

/// Those that wait for a worker, by environment.
#[derive(Debug, Default)]
pub(super) struct Waiting(BTreeMap<EnvName, Room>);

#[derive(Debug, Default)]
struct Room {
    accepted: Vec<Accepted>,
    bytes: usize,
}

impl Waiting {
    pub fn add(&mut self, accepted: Accepted) {
        let room = self.0.entry(accepted.entry.config.env.clone()).or_default();
        room.bytes += accepted.entry.document.len();
        if room.bytes > MOST {
            // A gap shows by its number.
            room.accepted.clear();
        } else {
            room.accepted.push(accepted);
        }
    }

    /// Where the delivery of one of them is told of.
    pub fn place(&self, env: &EnvName) -> Option<Place> {
        self.0.get(env)?.accepted.iter().find_map(|new| new.place.clone())
    }

    pub fn take(&mut self, env: &EnvName) -> Vec<Accepted> {
        self.0.remove(env).map(|room| room.accepted).unwrap_or_default()
    }
}
