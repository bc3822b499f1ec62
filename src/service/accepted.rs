//! What was accepted on this node a moment ago: the worker that delivers it need not ask the database for it.

use std::collections::BTreeMap;

use crate::{
    domain::{change::ChangeId, entry::Entry, names::EnvName},
    traces::Place,
};

/// Bytes that are kept for an environment; beyond them the database is asked.
const MOST: usize = 4 * 1024 * 1024;
/// What keeping one takes beside its texts, rounded up.
const AROUND: usize = 1024;

/// A release that was just accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The release with its document.
    pub entry: Entry,
    /// The change whose release was live before it, if there was one.
    pub follows: Option<ChangeId>,
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
        room.bytes += accepted.entry.document.len() + accepted.entry.meta.message.len() + AROUND;
        if room.bytes > MOST {
            // A gap shows by what follows it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{content::Format, entry::Meta, time::Time};

    #[test]
    fn many_small_ones_are_too_much_as_well() {
        let (mut waiting, env) = (Waiting::default(), "prod".parse().unwrap());
        let change: ChangeId = "0192f0c1-2345-7000-8000-000000000000".parse().unwrap();
        let meta = Meta {
            seq: 1,
            sha256: String::new(),
            format: Format::Text,
            author: String::new(),
            message: String::new(),
            published_at: Time(0),
            change,
        };
        let config = "prod/shop/application".parse().unwrap();
        let entry = Entry { config, meta: meta.into(), document: "".into() };
        let new = || Accepted { entry: entry.clone(), follows: None, place: None };
        (0..MOST / AROUND).for_each(|_| waiting.add(new()));
        assert_eq!(waiting.0[&env].accepted.len(), MOST / AROUND);
        waiting.add(new());
        assert_eq!(waiting.take(&env).len(), 0);
        waiting.add(new());
        assert_eq!(waiting.take(&env).len(), 1);
    }
}
