//! The readers of a config, joined from several nodes.

use std::collections::{HashMap, HashSet};

use super::{
    super::instances::Instance,
    reply::{ConfigReaders, NodeRelease},
};
use crate::domain::time::Time;

/// The readers of a config on this node and on those that replied.
#[derive(Clone, Debug, Default)]
pub struct Readers {
    /// Instances, each once, sorted by name.
    pub instances: Vec<Instance>,
    /// Number of instances that other nodes count without a name, by their release. One that reads from several nodes
    /// may be counted several times.
    unnamed: Vec<(u64, usize)>,
    /// Number of the latest release on this node.
    latest: u64,
    /// Instances that hold another release under that number, because their node got it from etcd.
    mismatched: HashSet<String>,
}

impl Readers {
    /// Joins the instances of this node and of others. An instance of several nodes counts where it read last. `latest`
    /// is this node's latest release: another node may hold another release under its number.
    pub(super) fn of<'a>(
        own: Vec<Instance>,
        others: impl Iterator<Item = &'a ConfigReaders>,
        latest: NodeRelease,
        now: Time,
    ) -> Self {
        let mut all: HashMap<String, (Instance, bool)> =
            own.into_iter().map(|i| (i.name.clone(), (i, false))).collect();
        let mut unnamed: HashMap<u64, usize> = HashMap::new();
        for known in others {
            let is_strange = |release| release == latest.release && known.latest.contradicts(&latest);
            for (release, n) in &known.unnamed {
                // Those with another release count as instances without a release.
                *unnamed.entry(if is_strange(*release) { 0 } else { *release }).or_default() += n;
            }
            for instance in known.instances.iter().filter(|i| i.is_active(now)) {
                let new = (instance.clone(), is_strange(instance.release));
                match all.get_mut(&instance.name) {
                    Some(held) => merge_sightings(held, new),
                    None => _ = all.insert(instance.name.clone(), new),
                }
            }
        }
        let strangers = all.iter().filter(|(_, (_, strange))| *strange).map(|(name, _)| name.clone()).collect();
        let mut instances: Vec<Instance> = all.into_values().map(|(instance, _)| instance).collect();
        instances.sort_by(|a, b| a.name.cmp(&b.name));
        Self { instances, unnamed: unnamed.into_iter().collect(), latest: latest.release, mismatched: strangers }
    }

    /// Returns the number of instances.
    pub fn all(&self) -> usize {
        self.instances.len() + self.unnamed()
    }

    /// Returns the number of instances without a name.
    pub fn unnamed(&self) -> usize {
        self.unnamed.iter().map(|(_, n)| n).sum()
    }

    /// Returns the numbers of instances that have seen a release, and of all. Numbers above `latest` are unpublished.
    pub fn seen(&self, release: u64) -> (usize, usize) {
        let named = self.instances.iter().filter(|i| self.has(i, release)).count();
        let counts = release..=self.latest.max(release);
        let unnamed: usize = self.unnamed.iter().filter(|(held, _)| counts.contains(held)).map(|(_, n)| n).sum();
        (named + unnamed, self.all())
    }

    /// Returns whether an instance holds this release or a later one.
    pub fn has(&self, instance: &Instance, release: u64) -> bool {
        (release..=self.latest.max(release)).contains(&instance.release) && !self.mismatched.contains(&instance.name)
    }

    /// Returns the instances that hold neither this release nor a later one.
    pub fn behind(&self, release: u64) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(move |instance| !self.has(instance, release))
    }
}

/// Joins two sightings. The later one counts, but the release is held since its first sighting on either node.
fn merge_sightings(held: &mut (Instance, bool), other: (Instance, bool)) {
    let (first, second) = (&held.0, &other.0);
    let since = (first.release == second.release && held.1 == other.1).then(|| first.since.min(second.since));
    if second.seen_at > first.seen_at {
        *held = other;
    }
    if let Some(since) = since {
        held.0.since = since;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(name: &str, release: u64, since: i64, seen_at: i64, node: Option<&str>) -> Instance {
        let (since, seen_at) = (Time(since), Time(seen_at));
        Instance { name: name.into(), client: String::new(), release, since, seen_at, node: node.map(Into::into) }
    }

    fn known(instances: Vec<Instance>, unnamed: &[(u64, usize)]) -> ConfigReaders {
        ConfigReaders { instances, unnamed: unnamed.to_vec(), latest: NodeRelease::default() }
    }

    fn latest(release: u64, sha256: &str) -> NodeRelease {
        NodeRelease { release, sha256: sha256.into() }
    }

    fn told(readers: &Readers) -> Vec<(&str, u64, i64, Option<&str>)> {
        readers.instances.iter().map(|i| (&*i.name, i.release, i.since.0, i.node.as_deref())).collect()
    }

    #[test]
    fn an_instance_of_several_nodes_counts_where_it_read_last() {
        let own = vec![instance("a", 1, 5, 10, None), instance("b", 2, 30, 60, None)];
        let others = [
            known(vec![instance("a", 2, 40, 50, Some("x")), instance("b", 1, 1, 20, Some("x"))], &[]),
            known(vec![instance("a", 2, 20, 30, Some("y")), instance("c", 1, 3, 9, Some("y"))], &[]),
        ];
        for order in [[0, 1], [1, 0]] {
            let readers = Readers::of(own.clone(), order.iter().map(|n| &others[*n]), latest(2, "a"), Time(100));
            assert_eq!(told(&readers), [("a", 2, 20, Some("x")), ("b", 2, 30, None), ("c", 1, 3, Some("y"))]);
            assert_eq!((readers.seen(2), readers.seen(1)), ((2, 3), (3, 3)));
        }
    }

    #[test]
    fn instances_without_a_name_count() {
        let others =
            [known(vec![instance("a", 1, 0, 0, Some("x"))], &[(7, 100), (6, 3)]), known(vec![], &[(7, 10), (1, 1)])];
        let readers = Readers::of(Vec::new(), others.iter(), latest(7, "a"), Time(0));
        assert_eq!((readers.all(), readers.unnamed()), (115, 114));
        assert_eq!((readers.seen(7), readers.seen(6), readers.seen(2)), ((110, 115), (113, 115), (113, 115)));
        assert_eq!(readers.behind(7).count(), 1);
    }

    #[test]
    fn instances_of_other_nodes_are_gone_after_a_while_too() {
        let others = [known(vec![instance("a", 1, 0, 0, Some("x"))], &[])];
        let all = |now| Readers::of(Vec::new(), others.iter(), NodeRelease::default(), Time(now)).all();
        assert_eq!((all(1000), all(3_600_000)), (1, 0));
    }

    #[test]
    fn an_unpublished_release_is_not_seen_whatever_its_number() {
        let node = |release, sha256: &str, names: &[&str], unnamed: &[(u64, usize)]| ConfigReaders {
            latest: latest(release, sha256),
            ..known(names.iter().map(|name| instance(name, release, 0, 0, Some("x"))).collect(), unnamed)
        };
        let others = [
            node(5, "a", &["right"], &[(5, 10)]),
            node(5, "forged", &["same-number"], &[(5, 20), (4, 1)]),
            node(9, "forged", &["later"], &[(9, 40)]),
        ];
        let readers = Readers::of(vec![instance("own", 5, 0, 0, None)], others.iter(), latest(5, "a"), Time(0));
        assert_eq!((readers.seen(5), readers.seen(4)), ((12, 75), (13, 75)));
        let behind: Vec<&str> = readers.behind(5).map(|i| &*i.name).collect();
        assert_eq!(behind, ["later", "same-number"]);
    }
}
