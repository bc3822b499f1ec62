//! Replies to queries: written within a size limit, and parsed as untrusted. They hold names, addresses, clients,
//! numbers of releases, and the people with an open page, but nothing of tokens or contents.
//!
//! Times are sent as ages, because the clocks of nodes differ and a reply arrives at once.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    super::{
        instances::{Instance, Instances, MAX_PER_CONFIG, MAX_TEXT_BYTES},
        snapshot::Snapshot,
        store::SnapshotStore,
    },
    people::{MAX_NAME_BYTES, MAX_NAMES},
};
use crate::{
    channel::MAX_REPLY_BYTES,
    domain::{access::Pattern, names::ConfigId, numbers, time::Time},
};

/// Maximum number of releases for which unnamed instances are counted. Older ones count as the oldest of them.
const MAX_COUNTED_RELEASES: usize = 16;
/// Size of a config in JSON without its name and its counts, in bytes.
const CONFIG_OVERHEAD_BYTES: usize = 150;
/// Size of a count in JSON, in bytes.
const COUNT_BYTES: usize = 24;

/// A parsed reply.
#[derive(Debug, Default)]
pub(super) struct QueryReply {
    pub configs: HashMap<ConfigId, ConfigReaders>,
    /// Names of people with an open page of the config, if the query is for one.
    pub people: Vec<String>,
    /// Number of configs that did not fit.
    pub omitted_configs: usize,
    /// Hash of the reply without its ages.
    pub version: u64,
}

/// The readers of a config on a node.
#[derive(Debug, Default)]
pub(super) struct ConfigReaders {
    /// Instances with names.
    pub instances: Vec<Instance>,
    /// Number of instances without a name in the reply, by their release.
    pub unnamed: Vec<(u64, usize)>,
    /// Latest release on the node.
    pub latest: NodeRelease,
}

/// Number and hash of a node's latest release of a config. Number 0 means that it has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct NodeRelease {
    #[serde(deserialize_with = "numbers::bounded")]
    pub release: u64,
    pub sha256: String,
}

impl NodeRelease {
    /// Returns the latest release in the store.
    pub fn in_store(store: &SnapshotStore, config: &ConfigId) -> Self {
        let of = |held: Arc<Snapshot>| Self { release: held.seq(), sha256: held.entry.meta.sha256.clone() };
        store.get(&config.to_string()).map(of).unwrap_or_default()
    }

    /// Returns whether that is another release under the same number.
    pub fn contradicts(&self, other: &Self) -> bool {
        self.release == other.release && self.sha256 != other.sha256
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Wire {
    clients: Vec<String>,
    configs: Vec<WireConfig>,
    left: usize,
    /// Absent in replies of older versions.
    #[serde(default)]
    people: Vec<String>,
}

impl Wire {
    /// Returns whether all numbers are within the limits of a node.
    fn is_bounded(&self) -> bool {
        let of_config = |config: &WireConfig| {
            let held = config.seen.iter().map(|seen| seen.2).chain(config.unnamed.iter().map(|(release, _)| *release));
            let counts = config.unnamed.iter().map(|(_, n)| *n as usize);
            let ages = config.seen.iter().flat_map(|seen| [seen.3, seen.4]);
            config.latest.sha256.len() <= 64
                && config.unnamed.len() <= MAX_COUNTED_RELEASES
                && counts.sum::<usize>() <= MAX_PER_CONFIG
                && held.chain(ages).all(|number| number <= numbers::MAX_NUMBER)
        };
        let is_name = |name: &String| (1..=MAX_NAME_BYTES).contains(&name.len());
        let people = self.people.len() <= MAX_NAMES && self.people.iter().all(is_name);
        people && self.left <= MAX_REPLY_BYTES && self.configs.iter().all(of_config)
    }
}

#[derive(Serialize, Deserialize)]
struct WireConfig {
    config: ConfigId,
    /// Absent in replies of older versions.
    #[serde(default)]
    latest: NodeRelease,
    seen: Vec<WireSeen>,
    unnamed: Vec<(u64, u32)>,
}

/// Name, index of its client, release, age of that release and time since the last read, in milliseconds.
#[derive(Serialize, Deserialize)]
struct WireSeen(String, usize, u64, u64, u64);

/// Writes the reply for a scope, with `room` bytes for names and as many for counts. Configs and instances that are
/// behind come first, so that the interesting ones have names.
pub(super) fn write(
    own: &Instances,
    latest: impl Fn(&ConfigId) -> NodeRelease,
    people: Vec<String>,
    scope: &Pattern,
    size_limit: usize,
    now: Time,
) -> String {
    let room = size_limit.min(MAX_REPLY_BYTES / 2);
    let mut found: Vec<ReplyConfig> =
        own.under(scope, now).into_iter().map(|found| ReplyConfig::new(found, &latest)).collect();
    found.sort_by_key(|found| found.behind == 0);
    let mut used = 0;
    let fitting = found.iter().take_while(|found| {
        used += found.config.to_string().len() + CONFIG_OVERHEAD_BYTES + COUNT_BYTES * MAX_COUNTED_RELEASES;
        used <= room
    });
    // A single config is always in the reply.
    let fitting = fitting.count().max(1).min(found.len());
    let left = found.len() - fitting;
    found.truncate(fitting);
    let mut names = NameBudget { left: room, clients: HashMap::new(), now };
    // Instances that are behind come first, whatever their config.
    for found in &mut found {
        found.name(&mut names, found.behind);
    }
    for found in &mut found {
        found.name(&mut names, found.instances.len());
    }
    let configs = found.into_iter().map(ReplyConfig::wire).collect();
    let mut clients: Vec<(String, usize)> = names.clients.into_iter().collect();
    clients.sort_by_key(|(_, place)| *place);
    let clients = clients.into_iter().map(|(client, _)| client).collect();
    let people = people.into_iter().filter(|name| name.len() <= MAX_NAME_BYTES).take(MAX_NAMES).collect();
    json(&Wire { clients, configs, left, people })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers are JSON")
}

/// A config with its instances, those that are behind first.
struct ReplyConfig {
    config: ConfigId,
    latest: NodeRelease,
    instances: Vec<Instance>,
    behind: usize,
    /// Entries of the first instances, as many as fit into the reply.
    named: Vec<WireSeen>,
}

impl ReplyConfig {
    fn new((config, mut instances): (ConfigId, Vec<Instance>), latest: &impl Fn(&ConfigId) -> NodeRelease) -> Self {
        let latest = latest(&config);
        instances.sort_by_key(|instance| instance.release >= latest.release);
        let behind = instances.partition_point(|instance| instance.release < latest.release);
        Self { config, latest, instances, behind, named: Vec::new() }
    }

    /// Adds the names of instances up to `end`, as far as they fit.
    fn name(&mut self, names: &mut NameBudget, end: usize) {
        let more = self.instances[..end].iter().skip(self.named.len());
        self.named.extend(more.map_while(|instance| names.take(instance)));
    }

    fn wire(self) -> WireConfig {
        let unnamed = count_by_release(self.instances[self.named.len()..].iter().map(|i| i.release));
        WireConfig { config: self.config, latest: self.latest, seen: self.named, unnamed }
    }
}

/// The remaining space for names.
struct NameBudget {
    left: usize,
    /// Each client once, with its index.
    clients: HashMap<String, usize>,
    now: Time,
}

impl NameBudget {
    /// Returns the entry of an instance, and takes its size from the budget. Returns `None` from the first entry that
    /// does not fit.
    fn take(&mut self, instance: &Instance) -> Option<WireSeen> {
        let Instance { name, client, release, since, seen_at, .. } = instance;
        let age = |at: &Time| self.now.ms_since(*at).max(0).unsigned_abs();
        let known = self.clients.get(client).copied();
        let place = known.unwrap_or(self.clients.len());
        let seen = WireSeen(name.clone(), place, *release, age(since), age(seen_at));
        let needs = json(&seen).len() + 1 + known.map_or_else(|| json(client).len() + 1, |_| 0);
        self.left = self.left.checked_sub(needs).or_else(|| {
            self.left = 0;
            None
        })?;
        if known.is_none() {
            self.clients.insert(client.clone(), place);
        }
        Some(seen)
    }
}

/// Counts the instances of each release, the latest first.
fn count_by_release(releases: impl Iterator<Item = u64>) -> Vec<(u64, u32)> {
    let mut all: Vec<u64> = releases.collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    let mut counts: Vec<(u64, u32)> = Vec::new();
    for release in all {
        let full = counts.len() == MAX_COUNTED_RELEASES;
        match counts.last_mut() {
            Some((last, n)) if *last == release => *n += 1,
            Some(last) if full => *last = (release, last.1 + 1),
            _ => counts.push((release, 1)),
        }
    }
    counts
}

/// Parses a reply of `node`. Returns `None` if it is invalid. `at` is the time of its arrival, from which ages count.
pub(super) fn read(value: &[u8], scope: &Pattern, node: &Arc<str>, at: Time) -> Option<QueryReply> {
    if value.len() > MAX_REPLY_BYTES {
        return None;
    }
    let wire: Wire = serde_json::from_slice(value).ok().filter(Wire::is_bounded)?;
    let mut answer = QueryReply { omitted_configs: wire.left, people: wire.people, ..QueryReply::default() };
    let mut mark = DefaultHasher::new();
    (&wire.left, &answer.people).hash(&mut mark);
    for WireConfig { config, latest, seen, unnamed } in wire.configs {
        if !scope.covers(&config) {
            return None;
        }
        (&config, &latest, &unnamed).hash(&mut mark);
        let mut known = ConfigReaders { latest, ..ConfigReaders::default() };
        for WireSeen(name, client, release, held, silent) in seen {
            (&name, release).hash(&mut mark);
            let client = wire.clients.get(client)?.clone();
            if !(1..=MAX_TEXT_BYTES).contains(&name.len()) || client.len() > MAX_TEXT_BYTES {
                return None;
            }
            let ago = |ms: u64| Some(Time(at.0.checked_sub(i64::try_from(ms).ok()?)?));
            let (since, seen_at) = (ago(held)?, ago(silent)?);
            known.instances.push(Instance { name, client, release, since, seen_at, node: Some(Arc::clone(node)) });
        }
        known.unnamed =
            unnamed.into_iter().map(|(release, n)| Some((release, usize::try_from(n).ok()?))).collect::<Option<_>>()?;
        answer.configs.insert(config, known);
    }
    answer.version = mark.finish();
    Some(answer)
}
