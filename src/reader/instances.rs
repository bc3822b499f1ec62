//! Instances of applications and the releases that they got from this node. [`super::nodes`] joins all nodes.
//!
//! They are recorded from reads, in memory and within limits: an overview for people, not an exact record.

use std::{
    borrow::Cow,
    collections::HashMap,
    net::IpAddr,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
};

use axum::http::{HeaderValue, Request, header};
use parking_lot::{Mutex, RwLock};

use crate::{
    domain::{access::Pattern, names::ConfigId, time::Time},
    http::bearer,
};

/// Maximum number of instances over all configs.
const MAX_INSTANCES: usize = 50_000;
/// Maximum number of instances of one config, so that one careless client cannot displace all others.
pub(super) const MAX_PER_CONFIG: usize = 20_000;
/// Maximum number of instances of one config with one token, so that invented names only displace others with the same
/// token. It equals the maximum of waiting requests per token. Above it the [`EVICTED_AT_ONCE`] oldest are dropped.
const MAX_PER_TOKEN: usize = 5_000;
const EVICTED_AT_ONCE: usize = MAX_PER_TOKEN / 10;
/// Time without a read after which an instance counts as gone, in milliseconds.
pub(super) const GONE_AFTER_MS: i64 = 10 * 60_000;
/// Interval between removals of instances that are gone, in milliseconds.
const SWEEP_INTERVAL_MS: i64 = 60_000;
/// Maximum length of a name and of a client, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 128;

/// The instance that sends a request, as far as the request tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceIdentity<'a> {
    /// Its name.
    pub name: InstanceName<'a>,
    /// Its `User-Agent`.
    pub client: Cow<'a, str>,
}

/// The name of an instance. An address is formatted only for display, not at every read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceName<'a> {
    /// The name in the request.
    Named(Cow<'a, str>),
    /// The client's address, if the request has no name.
    Address(IpAddr),
}

impl<'a> InstanceIdentity<'a> {
    /// Returns the instance that sent this request, by its `name` if that is valid, otherwise by its address.
    pub fn of<B>(request: &'a Request<B>, name: Option<&'a HeaderValue>) -> Option<Self> {
        let text = |value: Option<&'a HeaderValue>| value.and_then(|v| v.to_str().ok()).map(str::trim);
        let given =
            text(name).filter(|name| (1..=MAX_TEXT_BYTES).contains(&name.len())).map(|n| InstanceName::Named(n.into()));
        let name = given.or_else(|| bearer::client_address(request.extensions()).map(InstanceName::Address))?;
        let client = text(request.headers().get(header::USER_AGENT)).unwrap_or_default();
        // Header values are ASCII here, so any byte is a boundary.
        Some(Self { name, client: client[..client.len().min(MAX_TEXT_BYTES)].into() })
    }

    /// Copies the texts, so that the result does not borrow from the request.
    pub fn into_owned(self) -> InstanceIdentity<'static> {
        let name = match self.name {
            InstanceName::Named(name) => InstanceName::Named(name.into_owned().into()),
            InstanceName::Address(ip) => InstanceName::Address(ip),
        };
        InstanceIdentity { name, client: self.client.into_owned().into() }
    }
}

/// An instance of an application, and the release of a config that it got last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its name, or its address if it has none.
    pub name: String,
    /// Its `User-Agent`.
    pub client: String,
    /// The release that it holds.
    pub release: u64,
    /// Time at which it first got that release.
    pub since: Time,
    /// Time of its last read.
    pub seen_at: Time,
    /// The node that it read from. `None` is this node.
    pub node: Option<Arc<str>>,
}

impl Instance {
    /// Returns whether it has read recently.
    pub fn is_active(&self, now: Time) -> bool {
        now.ms_since(self.seen_at) < GONE_AFTER_MS
    }
}

/// All instances, by config.
#[derive(Debug, Default)]
pub struct Instances {
    by_config: RwLock<InstancesByConfig>,
    total: AtomicUsize,
    swept_at: AtomicI64,
    changes: AtomicU64,
}

/// The instances of one config.
#[derive(Debug, Default)]
struct ConfigInstances {
    named: HashMap<Box<str>, Sighting>,
    unnamed: HashMap<IpAddr, Sighting>,
    // Number of instances with each token.
    per_token: HashMap<Box<str>, usize>,
    // Number of the last change of instances or their releases.
    changed: u64,
}

impl ConfigInstances {
    fn get(&mut self, name: &InstanceName<'_>) -> Option<&mut Sighting> {
        match name {
            InstanceName::Named(name) => self.named.get_mut(&**name),
            InstanceName::Address(ip) => self.unnamed.get_mut(ip),
        }
    }

    /// Adds a new instance.
    fn insert(&mut self, name: &InstanceName<'_>, seen: Sighting) {
        *self.per_token.entry(seen.token.clone()).or_default() += 1;
        match name {
            InstanceName::Named(name) => self.named.insert((**name).into(), seen),
            InstanceName::Address(ip) => self.unnamed.insert(*ip, seen),
        };
    }

    /// Drops the instances with this token that have not read for the longest time.
    fn evict_oldest(&mut self, token: &str) {
        let all = self.named.values().chain(self.unnamed.values());
        let mut times: Vec<i64> = all.filter(|seen| *seen.token == *token).map(|seen| seen.at.0).collect();
        if times.len() < EVICTED_AT_ONCE {
            return;
        }
        let (_, &mut until, _) = times.select_nth_unstable(EVICTED_AT_ONCE - 1);
        let mut left = EVICTED_AT_ONCE;
        self.retain(|seen| {
            let goes = left > 0 && *seen.token == *token && seen.at.0 <= until;
            left -= usize::from(goes);
            !goes
        });
    }

    fn retain(&mut self, mut keeps: impl FnMut(&Sighting) -> bool) {
        self.named.retain(|_, seen| keeps(seen));
        self.unnamed.retain(|_, seen| keeps(seen));
        self.per_token.clear();
        for seen in self.named.values().chain(self.unnamed.values()) {
            match self.per_token.get_mut(&seen.token) {
                Some(n) => *n += 1,
                None => _ = self.per_token.insert(seen.token.clone(), 1),
            }
        }
    }

    fn len(&self) -> usize {
        self.named.len() + self.unnamed.len()
    }

    fn releases(&self, now: Time) -> impl Iterator<Item = u64> {
        let all = self.named.values().chain(self.unnamed.values());
        all.filter(move |seen| seen.is_active(now)).map(|seen| seen.release)
    }

    fn sample(&self, now: Time) -> InstanceSample {
        let mut sample = InstanceSample::default();
        for seen in self.named.values().chain(self.unnamed.values()).filter(|seen| seen.is_active(now)) {
            sample.instances += 1;
            if seen.updated {
                sample.updated.push((seen.release, seen.since));
            }
        }
        sample
    }

    fn list(&self, now: Time) -> Vec<Instance> {
        let named = self.named.iter().map(|(name, seen)| (name.to_string(), seen));
        let unnamed = self.unnamed.iter().map(|(ip, seen)| (ip.to_string(), seen));
        let living = named.chain(unnamed).filter(|(_, seen)| seen.is_active(now));
        living
            .map(|(name, seen)| Instance {
                name,
                client: seen.client.to_string(),
                release: seen.release,
                since: seen.since,
                seen_at: seen.at,
                node: None,
            })
            .collect()
    }
}

#[derive(Debug)]
struct Sighting {
    token: Box<str>,
    client: Box<str>,
    release: u64,
    since: Time,
    at: Time,
    // Whether it had another release of the config before.
    updated: bool,
}

/// Instances of one config, for the history.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct InstanceSample {
    /// Number of instances.
    pub instances: u32,
    /// The release of each instance that had another one before, with the time at which it got it.
    pub updated: Vec<(u64, Time)>,
}

impl Sighting {
    fn is_active(&self, now: Time) -> bool {
        now.ms_since(self.at) < GONE_AFTER_MS
    }
}

impl Instances {
    /// Returns the number of instances.
    pub fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Records that `instance`, with the token of this id, holds this release of the config `env/app/namespace`.
    pub fn record(&self, config: &str, token: &str, instance: &InstanceIdentity<'_>, release: u64, now: Time) {
        if self.update(config, instance, release, now) {
            return;
        }
        if now.0 - self.swept_at.load(Ordering::Relaxed) >= SWEEP_INTERVAL_MS {
            self.sweep(now);
        }
        let mut rooms = self.by_config.write();
        let room = rooms.entry(config.into()).or_default().get_mut();
        if room.get(&instance.name).is_some() {
            // Another request of this instance was recorded meanwhile.
            return;
        }
        let before = room.len();
        if room.per_token.get(token).is_some_and(|n| *n >= MAX_PER_TOKEN) {
            room.evict_oldest(token);
        }
        self.total.fetch_sub(before - room.len(), Ordering::Relaxed);
        if room.len() >= MAX_PER_CONFIG || self.total.load(Ordering::Relaxed) >= MAX_INSTANCES {
            return;
        }
        let client = (*instance.client).into();
        let token = token.into();
        room.insert(&instance.name, Sighting { token, client, release, since: now, at: now, updated: false });
        room.changed = self.next_change();
        self.total.fetch_add(1, Ordering::Relaxed);
    }

    /// Updates an instance that is known, which is the usual case. Returns false if it is unknown.
    fn update(&self, config: &str, visitor: &InstanceIdentity<'_>, release: u64, now: Time) -> bool {
        let rooms = self.by_config.read();
        let Some(room) = rooms.get(config) else { return false };
        let mut room = room.lock();
        let Some(seen) = room.get(&visitor.name) else { return false };
        seen.at = now;
        if *seen.client != *visitor.client {
            seen.client = (*visitor.client).into();
        }
        if seen.release != release {
            (seen.release, seen.since, seen.updated) = (release, now, true);
            room.changed = self.next_change();
        }
        true
    }

    /// Returns the instances of a config, sorted by name.
    pub fn of_config(&self, config: &ConfigId, now: Time) -> Vec<Instance> {
        let rooms = self.by_config.read();
        rooms.get(&*config.to_string()).map(|room| sorted_instances(room, now)).unwrap_or_default()
    }

    /// Returns the release of each instance of a config, without names and in no order. It is for counting.
    pub fn releases(&self, config: &ConfigId, now: Time) -> Vec<u64> {
        let rooms = self.by_config.read();
        let Some(room) = rooms.get(&*config.to_string()) else { return Vec::new() };
        room.lock().releases(now).collect()
    }

    /// Counts the instances of a config that hold one of these releases, and all of them.
    pub fn seen(&self, config: &ConfigId, releases: &RangeInclusive<u64>, now: Time) -> (usize, usize) {
        let held = self.releases(config, now);
        (held.iter().filter(|held| releases.contains(held)).count(), held.len())
    }

    /// Returns the instances of all configs in `scope` that have any, sorted by name.
    pub fn under(&self, scope: &Pattern, now: Time) -> Vec<(ConfigId, Vec<Instance>)> {
        let rooms = self.by_config.read();
        let mut all: Vec<_> =
            under(&rooms, scope).map(|(config, room)| (config, sorted_instances(room, now))).collect();
        drop(rooms);
        all.retain(|(_, instances)| !instances.is_empty());
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Returns a sample of each config that has instances. Locks one config at a time.
    pub(super) fn samples(&self, now: Time) -> HashMap<Box<str>, InstanceSample> {
        let rooms = self.by_config.read();
        let samples = rooms.iter().map(|(key, room)| (key.clone(), room.lock().sample(now)));
        samples.filter(|(_, sample)| sample.instances > 0).collect()
    }

    /// Returns a number that changes when an instance in `scope` is new or gets another release.
    pub fn changed(&self, scope: &Pattern) -> u64 {
        let rooms = self.by_config.read();
        let changed = |room: &Mutex<ConfigInstances>| room.lock().changed;
        under(&rooms, scope).map(|(_, room)| changed(room)).max().unwrap_or(0)
    }

    fn next_change(&self) -> u64 {
        self.changes.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn sweep(&self, now: Time) {
        self.swept_at.store(now.0, Ordering::Relaxed);
        let mut rooms = self.by_config.write();
        rooms.retain(|_, room| {
            let room = room.get_mut();
            room.retain(|seen| seen.is_active(now));
            room.len() > 0
        });
        let left = rooms.values_mut().map(|r| r.get_mut().len()).sum();
        self.total.store(left, Ordering::Relaxed);
    }
}

type InstancesByConfig = HashMap<Box<str>, Mutex<ConfigInstances>>;

/// Returns the configs in a scope. A scope of one config is looked up directly.
fn under<'a>(
    rooms: &'a InstancesByConfig,
    scope: &Pattern,
) -> impl Iterator<Item = (ConfigId, &'a Mutex<ConfigInstances>)> {
    let one = scope.config();
    let (one, many) = match one {
        Some(config) => (rooms.get(&*config.to_string()).map(|room| (config, room)), None),
        None => (None, Some(scope.clone())),
    };
    let many = many.into_iter().flat_map(move |scope| {
        let named = rooms.iter().filter_map(|(key, room)| Some((key.parse::<ConfigId>().ok()?, room)));
        named.filter(move |(config, _)| scope.covers(config))
    });
    one.into_iter().chain(many)
}

/// Returns the instances sorted by name. Sorts outside of the lock, so that reads need not wait.
fn sorted_instances(instances: &Mutex<ConfigInstances>, now: Time) -> Vec<Instance> {
    let mut list = instances.lock().list(now);
    list.sort_by(|a, b| a.name.cmp(&b.name));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "prod/shop/a";

    fn visitor(name: &str) -> InstanceIdentity<'static> {
        InstanceIdentity { name: InstanceName::Named(name.to_owned().into()), client: "curl/8".into() }
    }

    fn all() -> Pattern {
        Pattern::new(None, None, None)
    }

    fn of(instances: &Instances, now: i64) -> Vec<(String, u64, Time)> {
        let list = instances.of_config(&KEY.parse().unwrap(), Time(now));
        list.into_iter().map(|i| (i.name, i.release, i.since)).collect()
    }

    #[test]
    fn an_instance_holds_the_release_that_it_got_last() {
        let instances = Instances::default();
        for (name, release, at) in [("a", 1, 10), ("b", 1, 20), ("a", 2, 30), ("a", 2, 40)] {
            instances.record(KEY, "t", &visitor(name), release, Time(at));
        }
        assert_eq!(of(&instances, 50), [("a".into(), 2, Time(30)), ("b".into(), 1, Time(20))]);
        assert_eq!(instances.under(&all(), Time(50)).len(), 1);
    }

    #[test]
    fn a_scope_has_its_configs_and_knows_when_they_change() {
        let (instances, other) = (Instances::default(), "dev/shop/b");
        let scopes = [KEY, other, "*/shop/*", "prod/*/*", "*/mail/*"].map(|scope| scope.parse::<Pattern>().unwrap());
        let changed = || scopes.each_ref().map(|scope| instances.changed(scope));
        let mut before = changed();
        for (key, release, concerned) in [
            (KEY, 1, [true, false, true, true, false]),
            (KEY, 1, [false; 5]),
            (KEY, 2, [true, false, true, true, false]),
            (other, 1, [false, true, true, false, false]),
        ] {
            instances.record(key, "t", &visitor("a"), release, Time(0));
            let after = changed();
            assert_eq!(std::array::from_fn(|n| before[n] != after[n]), concerned, "{key} {release}");
            before = after;
        }
        let configs = scopes.map(|scope| instances.under(&scope, Time(0)).len());
        assert_eq!(configs, [1, 1, 2, 1, 0]);
    }

    #[test]
    fn an_instance_is_gone_after_ten_minutes_without_a_read() {
        let instances = Instances::default();
        instances.record(KEY, "t", &visitor("a"), 1, Time(0));
        instances.record(KEY, "t", &visitor("b"), 1, Time(GONE_AFTER_MS - 1));
        assert_eq!(of(&instances, GONE_AFTER_MS).len(), 1);
        instances.record("prod/shop/other", "t", &visitor("c"), 1, Time(GONE_AFTER_MS + SWEEP_INTERVAL_MS));
        assert_eq!(instances.total.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn one_config_does_not_displace_the_others() {
        let instances = Instances::default();
        for n in 0..=MAX_PER_CONFIG {
            instances.record(KEY, &format!("t{}", n % 5), &visitor(&n.to_string()), 1, Time(0));
        }
        assert_eq!(of(&instances, 0).len(), MAX_PER_CONFIG);
        instances.record("prod/shop/other", "t", &visitor("a"), 1, Time(0));
        assert_eq!(instances.under(&all(), Time(0))[1].1.len(), 1);
    }

    #[test]
    fn invented_names_only_displace_instances_with_the_same_token() {
        let instances = Instances::default();
        instances.record(KEY, "shop", &visitor("shop-1"), 1, Time(0));
        for n in 0..3 * MAX_PER_TOKEN {
            instances.record(KEY, "careless", &visitor(&format!("made-{n}")), 1, Time(1 + i64::try_from(n).unwrap()));
        }
        let names: Vec<String> = of(&instances, 20_000).into_iter().map(|(name, ..)| name).collect();
        assert!(names.len() <= MAX_PER_TOKEN + 1 && names.len() == instances.total.load(Ordering::Relaxed));
        let last = format!("made-{}", 3 * MAX_PER_TOKEN - 1);
        assert!(names.contains(&"shop-1".to_owned()) && names.contains(&last) && !names.contains(&"made-0".to_owned()));
    }

    #[test]
    fn an_overlong_name_is_replaced_by_the_address() {
        let mut request = Request::builder().header("user-agent", "curl/8").header("x-instance", " shop-1 ");
        let named = request.body(()).unwrap();
        assert_eq!(InstanceIdentity::of(&named, named.headers().get("x-instance")).unwrap(), visitor("shop-1"));

        request = Request::builder().header("user-agent", "x".repeat(999)).header("x-instance", "y".repeat(999));
        let mut odd = request.body(()).unwrap();
        assert_eq!(InstanceIdentity::of(&odd, odd.headers().get("x-instance")), None);
        odd.extensions_mut().insert(bearer::ClientAddr([192, 0, 2, 7].into()));
        let visitor = InstanceIdentity::of(&odd, odd.headers().get("x-instance")).unwrap();
        assert_eq!(
            (visitor.name, visitor.client.len()),
            (InstanceName::Address([192, 0, 2, 7].into()), MAX_TEXT_BYTES)
        );
    }
}
