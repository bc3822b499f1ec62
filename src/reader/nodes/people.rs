//! The people who have a page of a config open, on all nodes. In memory and within limits, for people.

use std::{
    collections::{HashMap, hash_map},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use tokio::time::Instant;

use crate::domain::names::ConfigId;

/// Time after the last request of a page during which its person counts as present. An open page sends one each second.
const PRESENT_FOR: Duration = Duration::from_secs(5);
/// Maximum number of people on this node, over all configs.
const MAX_PEOPLE: usize = 2000;
/// Maximum number of names in a reply to another node.
pub(super) const MAX_NAMES: usize = 20;
/// Maximum length of a name in a reply, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 128;

/// The people with an open page on this node.
#[derive(Debug, Default)]
pub(super) struct People(HashMap<(ConfigId, String), Instant>);

impl People {
    /// Records a request of a person's page.
    pub fn record(&mut self, config: &ConfigId, name: &str, now: Instant) {
        let full = self.0.len() >= MAX_PEOPLE;
        match self.0.entry((config.clone(), name.to_owned())) {
            hash_map::Entry::Occupied(mut there) => _ = there.insert(now),
            hash_map::Entry::Vacant(place) if !full => _ = place.insert(now),
            hash_map::Entry::Vacant(_) => self.0.retain(|_, at| now - *at <= PRESENT_FOR),
        }
    }

    /// Returns the people with a page of this config, in the order of their names.
    pub fn of(&self, config: &ConfigId, now: Instant) -> Vec<String> {
        let here = self.0.iter().filter(|((of, _), at)| of == config && now - **at <= PRESENT_FOR);
        let mut names: Vec<String> = here.map(|((_, name), _)| name.clone()).collect();
        names.sort_unstable();
        names
    }
}

/// Returns a number that changes with the people.
pub(super) fn version(names: &[String]) -> u64 {
    let mut mark = DefaultHasher::new();
    names.hash(&mut mark);
    if names.is_empty() { 0 } else { mark.finish() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_present_for_a_while_and_bounded() {
        let config = |n: usize| format!("dev/shop/n{n}").parse::<ConfigId>().unwrap();
        let (mut people, start) = (People::default(), Instant::now());
        people.record(&config(0), "marek", start);
        people.record(&config(0), "ana", start);
        people.record(&config(1), "ana", start);
        assert_eq!(people.of(&config(0), start), ["ana", "marek"]);
        assert_ne!(version(&people.of(&config(0), start)), version(&people.of(&config(1), start)));
        let later = start + PRESENT_FOR;
        people.record(&config(0), "ana", later);
        assert_eq!(people.of(&config(0), later + Duration::from_millis(1)), ["ana"]);
        for n in 0..2 * MAX_PEOPLE {
            people.record(&config(n), "ana", later);
        }
        assert!(people.0.len() <= MAX_PEOPLE);
        let much_later = later + 2 * PRESENT_FOR;
        people.record(&config(1), "late", much_later);
        people.record(&config(1), "late", much_later);
        assert_eq!(people.of(&config(1), much_later), ["late"]);
    }
}
