//! Who reads a config, brought together from several nodes.

use std::collections::HashMap;

use super::{super::instances::Instance, answer::Known};
use crate::domain::time::Time;

/// Who reads a config, as far as the nodes that answered know.
#[derive(Clone, Debug, Default)]
pub struct Readers {
    /// Each once, by name.
    pub instances: Vec<Instance>,
    /// Those that other nodes count and do not name, by the release that they hold. One that asks several nodes may be
    /// among those of each.
    unnamed: Vec<(u64, usize)>,
}

impl Readers {
    /// Brings together what this node knows and what others do. Somebody who asked several is where it asked last.
    pub(super) fn of<'a>(own: Vec<Instance>, others: impl Iterator<Item = &'a Known>, now: Time) -> Self {
        let mut all: HashMap<String, Instance> = own.into_iter().map(|i| (i.name.clone(), i)).collect();
        let mut unnamed: HashMap<u64, usize> = HashMap::new();
        for known in others {
            for (release, n) in &known.unnamed {
                *unnamed.entry(*release).or_default() += n;
            }
            for instance in known.instances.iter().filter(|i| i.lives(now)) {
                match all.get_mut(&instance.name) {
                    Some(held) => meet(held, instance),
                    None => _ = all.insert(instance.name.clone(), instance.clone()),
                }
            }
        }
        let mut instances: Vec<Instance> = all.into_values().collect();
        instances.sort_by(|a, b| a.name.cmp(&b.name));
        Self { instances, unnamed: unnamed.into_iter().collect() }
    }

    /// How many there are.
    #[must_use]
    pub fn all(&self) -> usize {
        self.instances.len() + self.unnamed()
    }

    /// How many of them have no name here.
    #[must_use]
    pub fn unnamed(&self) -> usize {
        self.unnamed.iter().map(|(_, n)| n).sum()
    }

    /// By how many a release is seen, of how many.
    #[must_use]
    pub fn seen(&self, release: u64) -> (usize, usize) {
        let named = self.instances.iter().filter(|i| i.release >= release).count();
        let unnamed: usize = self.unnamed.iter().filter(|(held, _)| *held >= release).map(|(_, n)| n).sum();
        (named + unnamed, self.all())
    }

    /// Those that hold an older release.
    pub fn behind(&self, release: u64) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(move |instance| instance.release < release)
    }
}

/// The later sighting counts; a release is held since it was first seen, through whichever node.
fn meet(held: &mut Instance, other: &Instance) {
    let since = (held.release == other.release).then(|| held.since.min(other.since));
    if other.seen_at > held.seen_at {
        *held = other.clone();
    }
    if let Some(since) = since {
        held.since = since;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(name: &str, release: u64, since: i64, seen_at: i64, node: Option<&str>) -> Instance {
        let (since, seen_at) = (Time(since), Time(seen_at));
        Instance { name: name.into(), client: String::new(), release, since, seen_at, node: node.map(Into::into) }
    }

    fn known(instances: Vec<Instance>, unnamed: &[(u64, usize)]) -> Known {
        Known { instances, unnamed: unnamed.to_vec() }
    }

    fn told(readers: &Readers) -> Vec<(&str, u64, i64, Option<&str>)> {
        readers.instances.iter().map(|i| (&*i.name, i.release, i.since.0, i.node.as_deref())).collect()
    }

    #[test]
    fn somebody_who_asks_several_nodes_is_where_it_asked_last() {
        let own = vec![instance("a", 1, 5, 10, None), instance("b", 2, 30, 60, None)];
        let others = [
            known(vec![instance("a", 2, 40, 50, Some("x")), instance("b", 1, 1, 20, Some("x"))], &[]),
            known(vec![instance("a", 2, 20, 30, Some("y")), instance("c", 1, 3, 9, Some("y"))], &[]),
        ];
        for order in [[0, 1], [1, 0]] {
            let readers = Readers::of(own.clone(), order.iter().map(|n| &others[*n]), Time(100));
            assert_eq!(told(&readers), [("a", 2, 20, Some("x")), ("b", 2, 30, None), ("c", 1, 3, Some("y"))]);
            assert_eq!((readers.seen(2), readers.seen(1)), ((2, 3), (3, 3)));
        }
    }

    #[test]
    fn who_has_no_name_counts() {
        let others =
            [known(vec![instance("a", 1, 0, 0, Some("x"))], &[(7, 100), (6, 3)]), known(vec![], &[(7, 10), (1, 1)])];
        let readers = Readers::of(Vec::new(), others.iter(), Time(0));
        assert_eq!((readers.all(), readers.unnamed()), (115, 114));
        assert_eq!((readers.seen(7), readers.seen(6), readers.seen(2)), ((110, 115), (113, 115), (113, 115)));
        assert_eq!(readers.behind(7).count(), 1);
    }

    #[test]
    fn who_is_silent_for_long_is_gone_elsewhere_too() {
        let others = [known(vec![instance("a", 1, 0, 0, Some("x"))], &[])];
        let all = |now| Readers::of(Vec::new(), others.iter(), Time(now)).all();
        assert_eq!((all(1000), all(3_600_000)), (1, 0));
    }
}
