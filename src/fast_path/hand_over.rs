//! Releases that this node accepted and that its workers deliver without a read of the outbox.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;

use super::SessionWrites;
use crate::domain::{
    change::ChangeId,
    entry::Entry,
    names::{ConfigId, EnvName},
};

/// Maximum size of the queue of one environment. A larger one is emptied, and the worker reads the outbox.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Size of a queued release beside its texts, rounded up.
const OVERHEAD_BYTES: usize = 1024;

/// A release that was just accepted.
#[derive(Clone, Debug)]
pub struct AcceptedRelease {
    /// The release with its document.
    pub entry: Entry,
    /// The change whose release was live before it. `None` for the first release of a config.
    pub follows: Option<ChangeId>,
}

/// Accepted releases that wait for a worker, by environment.
#[derive(Debug, Default)]
pub(super) struct HandOverQueue(Mutex<BTreeMap<EnvName, Queue>>);

#[derive(Debug, Default)]
struct Queue {
    releases: Vec<AcceptedRelease>,
    bytes: usize,
}

impl HandOverQueue {
    pub fn add(&self, releases: Vec<AcceptedRelease>) {
        let mut queues = self.0.lock();
        for release in releases {
            let queue = queues.entry(release.entry.config.env.clone()).or_default();
            queue.bytes += release.entry.document.expose().len() + release.entry.meta.message.len() + OVERHEAD_BYTES;
            if queue.bytes > MAX_BYTES {
                // The next queued release does not follow the last written one, so the worker notices the gap.
                queue.releases.clear();
            } else {
                queue.releases.push(release);
            }
        }
    }

    pub fn take(&self, env: &EnvName) -> Vec<AcceptedRelease> {
        self.0.lock().remove(env).map(|queue| queue.releases).unwrap_or_default()
    }
}

/// Returns the accepted releases that the session has not written yet, if each follows the release that this node wrote
/// last: then the outbox holds nothing before them in their configs. Returns nothing if one does not.
///
/// `last_change` returns the change whose release this node wrote last to a config.
pub(super) fn successors(
    accepted: Vec<AcceptedRelease>,
    session: &SessionWrites,
    last_change: impl Fn(&ConfigId) -> Option<ChangeId>,
) -> Vec<Entry> {
    let (mut next, mut latest) = (Vec::new(), HashMap::new());
    for AcceptedRelease { entry, follows } in accepted {
        let Entry { config, meta, .. } = &entry;
        if session.includes(config, meta.seq, &meta.change) {
            continue;
        }
        if follows.is_none() || latest.get(config).cloned().or_else(|| last_change(config)) != follows {
            return Vec::new();
        }
        latest.insert(config.clone(), meta.change.clone());
        next.push(entry);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{change, entry},
        *,
    };

    fn accepted(seq: u64) -> AcceptedRelease {
        AcceptedRelease { entry: entry(seq), follows: (seq > 1).then(|| change(seq - 1)) }
    }

    #[test]
    fn queue_is_emptied_when_many_small_releases_exceed_its_size() {
        let (queue, env) = (HandOverQueue::default(), "prod".parse().unwrap());
        queue.add((0..MAX_BYTES / OVERHEAD_BYTES).map(|_| accepted(1)).collect());
        assert_eq!(queue.0.lock()[&env].releases.len(), MAX_BYTES / OVERHEAD_BYTES);
        queue.add(vec![accepted(1)]);
        assert_eq!(queue.take(&env).len(), 0);
        queue.add(vec![accepted(1)]);
        assert_eq!(queue.take(&env).len(), 1);
    }

    #[test]
    fn only_an_unbroken_chain_of_releases_goes_out_without_the_outbox() {
        let numbers = |accepted: Vec<AcceptedRelease>, session: &SessionWrites, written: u64| {
            let last = |_: &ConfigId| (written > 0).then(|| change(written));
            successors(accepted, session, last).iter().map(|entry| entry.meta.seq).collect::<Vec<_>>()
        };
        let (mut session, none) = (SessionWrites::new(true), [0_u64; 0]);
        assert_eq!(numbers(vec![accepted(2), accepted(3)], &session, 1), [2, 3]);
        assert_eq!(numbers(vec![accepted(3)], &session, 1), none, "another node accepted 2");
        assert_eq!(numbers(vec![accepted(2), accepted(4)], &session, 1), none, "3 is missing");
        assert_eq!(numbers(vec![accepted(2)], &session, 0), none, "this node wrote nothing");
        assert_eq!(numbers(vec![accepted(1)], &session, 0), none, "a first release follows nothing");
        session.add([&entry(2)]);
        assert_eq!(numbers(vec![accepted(2), accepted(3)], &session, 2), [3], "2 is written already");
    }
}
