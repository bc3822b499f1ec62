//! Releases that this node wrote into the channel.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::domain::{
    change::ChangeId,
    entry::{Entry, Identity},
    names::ConfigId,
};

/// Maximum number of configs whose last write is remembered. Beyond it all are forgotten.
const MAX_CONFIGS: usize = 4096;

/// The release that this node wrote last to each config. Other nodes write, too, so the channel may hold a later one.
#[derive(Debug, Default)]
pub(super) struct RememberedWrites(Mutex<HashMap<ConfigId, Identity>>);

impl RememberedWrites {
    pub fn add<'a>(&self, entries: impl IntoIterator<Item = &'a Entry>) {
        let mut written = self.0.lock();
        for entry in entries {
            if written.len() >= MAX_CONFIGS && !written.contains_key(&entry.config) {
                written.clear();
            }
            written.insert(entry.config.clone(), entry.meta.identity());
        }
    }

    pub fn contains(&self, entry: &Entry) -> bool {
        self.0.lock().get(&entry.config).is_some_and(|written| *written == entry.meta.identity())
    }

    pub fn last_change(&self, config: &ConfigId) -> Option<ChangeId> {
        self.0.lock().get(config).map(|written| written.change.clone())
    }
}

/// The latest release of each config that was delivered in one lock session. The outbox may still hold them while their
/// acknowledgements are pending. The record ends with the session, because a later session must deliver unacknowledged
/// releases again.
#[derive(Debug)]
pub struct SessionWrites {
    is_on: bool,
    latest: HashMap<ConfigId, (u64, ChangeId)>,
}

impl SessionWrites {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, latest: HashMap::new() }
    }

    /// Remembers delivered releases.
    pub fn add<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        if self.is_on {
            let latest = |e: &Entry| (e.config.clone(), (e.meta.seq, e.meta.change.clone()));
            self.latest.extend(entries.into_iter().map(latest));
        }
    }

    /// Returns whether this release, or a later one of its config, was delivered.
    pub fn includes(&self, config: &ConfigId, seq: u64, change: &ChangeId) -> bool {
        self.latest.get(config).is_some_and(|(last, made)| *last > seq || *last == seq && made == change)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::entry, *};

    #[test]
    fn a_session_knows_a_release_by_its_change() {
        let mut session = SessionWrites::new(true);
        let (second, mut other) = (entry(2), entry(2));
        std::sync::Arc::make_mut(&mut other.meta).change = entry(3).meta.change.clone();
        session.add([&second]);
        let includes = |entry: &Entry| session.includes(&entry.config, entry.meta.seq, &entry.meta.change);
        assert!(includes(&entry(1)) && includes(&second));
        assert!(!includes(&other) && !includes(&entry(3)));
    }

    #[test]
    fn number_of_remembered_configs_is_bounded() {
        let writes = RememberedWrites::default();
        let of = |n: usize| Entry { config: format!("prod/shop/n{n}").parse().unwrap(), ..entry(1) };
        (0..=MAX_CONFIGS).for_each(|n| writes.add([&of(n)]));
        assert!(writes.contains(&of(MAX_CONFIGS)) && !writes.contains(&of(0)));
        assert_eq!(writes.0.lock().len(), 1);
    }
}
