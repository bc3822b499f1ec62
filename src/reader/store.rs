//! The snapshot store: the latest release of every config, in memory. All reads are answered from it.
//!
//! These rules hold whatever the channel reports. A config's number never falls. A release leaves only for a later one, or
//! for the removal of its config, which has a later number, too. A missing key removes nothing, and an empty listing is not
//! an empty configuration. A release is replaced by one of the same number only if the channel has since
//! corrected its bytes: see [`SnapshotStore::apply`].

use std::{
    cmp,
    collections::{BTreeSet, HashMap, HashSet},
    mem,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::HeaderValue;
use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::snapshot::Snapshot;
use crate::{
    channel::{Head, Listing},
    domain::{entry::Entry, names::ConfigId, time::Time},
    metrics,
};

/// All snapshots. A lookup allocates nothing and waits for no work: snapshots are made outside of the lock.
#[derive(Debug, Default)]
pub struct SnapshotStore {
    inner: RwLock<Inner>,
    // Read by every request, so it needs no lock.
    is_stale: AtomicBool,
    // Notifies the task that keeps the store on disk.
    changed: Notify,
    /// Metrics of the feed.
    pub meter: metrics::FeedMetrics,
}

#[derive(Debug, Default)]
struct Inner {
    // By "env/app", then sorted by namespace: one lookup and one short search. Most applications have one or two
    // namespaces, for which a tree would take more memory than the release.
    apps: HashMap<Box<str>, Vec<Slot>>,
    // Removals of configs without a later release, by the name of the config. Their numbers never fall either.
    removals: HashMap<Box<str>, Entry>,
    // Number of configs added so far, and the waiters for configs that are not there yet.
    configs_added: u64,
    unknown_config_waiters: Waiters,
    ready: bool,
    stale: Option<(Time, HeaderValue)>,
    head: Option<Head>,
    is_emptied: bool,
    // Number of damaged keys in the last listing of the channel.
    damaged: usize,
    // Configs of which the channel holds an older release than this node, or none. Usually empty.
    ahead: BTreeSet<ConfigId>,
}

#[derive(Debug)]
struct Slot {
    latest: Arc<Snapshot>,
    waiters: Waiters,
}

/// Result of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Configs with a newer release.
    pub renewed: Vec<ConfigId>,
    /// Configs that were removed for good.
    pub removed: Vec<ConfigId>,
    /// Configs whose release here has a higher number than the channel's: etcd was restored, or lags.
    pub behind: Vec<ConfigId>,
    /// Configs with other bytes under the same number.
    pub corrected: Vec<ConfigId>,
    /// Releases that cannot be sent, with the reason. The earlier release stays.
    pub unusable: Vec<(ConfigId, String)>,
}

impl Applied {
    /// Returns whether the store is unchanged.
    fn is_unchanged(&self) -> bool {
        self.renewed.is_empty() && self.removed.is_empty() && self.corrected.is_empty()
    }
}

impl SnapshotStore {
    /// Adds releases and removals. They become visible at once, so no reader sees a new release and afterwards an older
    /// one of another config. Only higher numbers count, in any order and with any repetition. A removed config is like one
    /// that never existed.
    ///
    /// A release of the same number with other bytes is also taken: it is a foreign write, or the reconciler's
    /// correction of one. All readers then agree with the channel. It does not wake long polls, which compare numbers.
    /// Requests with an `ETag` get it.
    pub fn apply(&self, entries: Vec<Entry>) -> Applied {
        let mut applied = Applied::default();
        let caught_up = self.caught_up(&entries);
        let (made, removals) = self.prepare(entries, &mut applied);
        let (waiters, replaced) = self.insert_all(made, removals, &mut applied);
        for notify in waiters.iter().filter_map(Weak::upgrade) {
            notify.notify_one();
        }
        if !applied.is_unchanged() {
            self.changed.notify_one();
        }
        if !(caught_up.is_empty() && applied.behind.is_empty()) {
            self.write(|inner| {
                caught_up.iter().for_each(|config| _ = inner.ahead.remove(config));
                inner.ahead.extend(applied.behind.iter().cloned());
            });
        }
        // Frees large documents here, after the waiters are woken.
        drop(replaced);
        applied
    }

    /// Adds a whole listing. Configs that it lacks stay: without a removal the channel lost them. An
    /// empty listing does not make the store ready.
    pub fn adopt(&self, listing: Listing) -> Applied {
        let any = !listing.entries.is_empty();
        let missing = if any { self.missing(&listing) } else { Vec::new() };
        let applied = self.apply(listing.entries);
        self.write(|inner| {
            inner.ahead.extend(missing);
            inner.ready |= any;
            inner.is_emptied = !any && !inner.apps.is_empty();
            inner.damaged = listing.damaged.len();
            inner.head = Some(Head { revision: listing.revision, cluster: listing.cluster });
        });
        applied
    }

    /// Returns whether the channel lost its releases: its last listing was empty, and this store is not.
    pub fn has_lost_releases(&self) -> bool {
        self.inner.read().is_emptied
    }

    /// Returns at most `most` configs whose release here is later than the channel's, with its number. etcd was
    /// restored, or a release was written there and removed again.
    pub fn ahead(&self, most: usize) -> Vec<(ConfigId, u64)> {
        let inner = self.inner.read();
        let ahead = inner.ahead.iter().take(most);
        ahead.filter_map(|config| Some((config.clone(), inner.entry(&config.to_string())?.meta.seq))).collect()
    }

    /// Returns the number of damaged keys in the last listing of the channel.
    pub fn damaged(&self) -> usize {
        self.inner.read().damaged
    }

    /// Returns the state of the channel at the last listing.
    pub fn head(&self) -> Option<Head> {
        self.inner.read().head
    }

    /// Marks the store as ready although it may be empty, as in a new installation.
    pub fn declare_ready(&self) {
        self.write(|inner| inner.ready = true);
    }

    /// Returns whether there is no release.
    pub fn is_empty(&self) -> bool {
        self.inner.read().apps.is_empty()
    }

    /// Returns whether reads can be answered.
    pub fn is_ready(&self) -> bool {
        self.inner.read().ready
    }

    /// Marks the store as stale since `since` (the first such time counts), or as up to date.
    pub fn set_stale(&self, since: Option<Time>) {
        self.write(|inner| {
            match (since, &inner.stale) {
                (None, _) => inner.stale = None,
                (Some(_), Some(_)) => return,
                (Some(at), None) => {
                    inner.stale = HeaderValue::from_str(&at.rfc3339()).ok().map(|text| (at, text));
                }
            }
            self.is_stale.store(inner.stale.is_some(), Ordering::Relaxed);
            self.changed.notify_one();
        });
    }

    /// Waits for a change to keep on disk: a release, or the staleness. Only one task may wait.
    pub async fn wait_for_change(&self) {
        self.changed.notified().await;
    }

    /// Returns the time since when the store may be outdated.
    pub fn stale_since(&self) -> Option<Time> {
        self.inner.read().stale.as_ref().map(|(at, _)| *at)
    }

    /// Returns [`SnapshotStore::stale_since`] as a header value.
    pub(super) fn stale_header(&self) -> Option<HeaderValue> {
        if self.is_stale.load(Ordering::Relaxed) {
            self.inner.read().stale.as_ref().map(|(_, text)| text.clone())
        } else {
            None
        }
    }

    /// Returns the latest release of a config. Only the canonical spelling `env/app/namespace` finds it.
    pub fn get(&self, key: &str) -> Option<Arc<Snapshot>> {
        self.inner.read().slot(key).map(|slot| Arc::clone(&slot.latest))
    }

    /// Returns the latest releases of all configs of `env/app`, ordered by namespace.
    pub fn of_app(&self, env_app: &str) -> Vec<Arc<Snapshot>> {
        let inner = self.inner.read();
        inner.apps.get(env_app).into_iter().flatten().map(|slot| Arc::clone(&slot.latest)).collect()
    }

    /// Returns the latest release of a config, or its removal. Only the canonical spelling finds it.
    pub fn entry(&self, key: &str) -> Option<Entry> {
        self.inner.read().entry(key).cloned()
    }

    /// Returns the stored entry if it equals `entry`, so that a release that is listed again is in memory once.
    pub(super) fn or_stored(&self, entry: Entry) -> Entry {
        match self.entry(&entry.config.to_string()) {
            Some(held) if held == entry => held,
            _ => entry,
        }
    }

    /// Returns all releases and removals, to keep them on disk for a start without the channel.
    pub fn entries(&self) -> Vec<Entry> {
        self.inner.read().entries().cloned().collect()
    }

    /// Returns the latest releases of all configs, in no order.
    pub(super) fn all(&self) -> Vec<Arc<Snapshot>> {
        let inner = self.inner.read();
        inner.apps.values().flatten().map(|slot| Arc::clone(&slot.latest)).collect()
    }

    /// Returns the configs that were ahead of the channel and no longer are.
    fn caught_up(&self, entries: &[Entry]) -> Vec<ConfigId> {
        let inner = self.inner.read();
        if inner.ahead.is_empty() {
            return Vec::new();
        }
        let is_held = |entry: &&Entry| {
            let held = inner.entry(&entry.config.to_string());
            inner.ahead.contains(&entry.config) && held.is_none_or(|held| entry.meta.seq >= held.meta.seq)
        };
        entries.iter().filter(is_held).map(|entry| entry.config.clone()).collect()
    }

    /// Returns the configs that are here and not in a listing.
    fn missing(&self, listing: &Listing) -> Vec<ConfigId> {
        let damaged = listing.damaged.iter().filter_map(|damage| damage.config.as_ref());
        let listed: HashSet<&ConfigId> = listing.entries.iter().map(|entry| &entry.config).chain(damaged).collect();
        let inner = self.inner.read();
        let here = inner.entries().map(|entry| &entry.config);
        here.filter(|config| !listed.contains(config)).cloned().collect()
    }

    /// Makes snapshots of the releases that are new. Also returns the removals that are new.
    fn prepare(&self, entries: Vec<Entry>, applied: &mut Applied) -> (Vec<Snapshot>, Vec<Entry>) {
        let (mut made, mut removals) = (Vec::new(), Vec::new());
        for entry in entries {
            let held = self.entry(&entry.config.to_string());
            if held.is_some_and(|held| !is_new(&entry, &held, applied)) {
                continue;
            }
            if entry.meta.is_removal() {
                removals.push(entry);
                continue;
            }
            let config = entry.config.clone();
            match Snapshot::new(entry) {
                Ok(snapshot) => made.push(snapshot),
                Err(why) => applied.unusable.push((config, why)),
            }
        }
        (made, removals)
    }

    fn insert_all(
        &self,
        made: Vec<Snapshot>,
        removals: Vec<Entry>,
        applied: &mut Applied,
    ) -> (Vec<Weak<Notify>>, Vec<Arc<Snapshot>>) {
        let (mut waiters, mut replaced) = (Vec::new(), Vec::new());
        if made.is_empty() && removals.is_empty() {
            return (waiters, replaced);
        }
        let mut inner = self.inner.write();
        let inner = &mut *inner;
        for mut snapshot in made {
            let id = &snapshot.entry.config;
            if !inner.outdate_removal(&snapshot.entry) {
                continue;
            }
            let (app, namespace) = (format!("{}/{}", id.env, id.app), id.namespace.as_str());
            let slots = inner.apps.entry(app.into()).or_default();
            let slot = match position(slots, namespace) {
                Ok(at) => &mut slots[at],
                Err(at) => {
                    applied.renewed.push(id.clone());
                    slots.reserve_exact(1);
                    slots.insert(at, Slot { latest: Arc::new(snapshot), waiters: Waiters::default() });
                    inner.configs_added += 1;
                    waiters.append(&mut inner.unknown_config_waiters.take());
                    continue;
                }
            };
            // Compared again under the lock: a batch may hold two releases of one config, in any order.
            match snapshot.seq().cmp(&slot.latest.seq()) {
                cmp::Ordering::Less => continue,
                cmp::Ordering::Equal => {}
                cmp::Ordering::Greater => {
                    applied.renewed.push(id.clone());
                    waiters.append(&mut slot.waiters.take());
                }
            }
            snapshot.reads = Arc::clone(&slot.latest.reads);
            replaced.push(mem::replace(&mut slot.latest, Arc::new(snapshot)));
        }
        for removal in removals {
            let slot = inner.remove(removal, applied);
            if let Some(mut slot) = slot {
                waiters.append(&mut slot.waiters.take());
                replaced.push(slot.latest);
            }
        }
        (waiters, replaced)
    }

    fn write(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.inner.write());
    }
}

impl Inner {
    fn slot(&self, key: &str) -> Option<&Slot> {
        let (app, namespace) = key.rsplit_once('/')?;
        let slots = self.apps.get(app)?;
        position(slots, namespace).ok().map(|at| &slots[at])
    }

    /// Returns the latest release of a config, or its removal.
    fn entry(&self, key: &str) -> Option<&Entry> {
        self.slot(key).map(|slot| &slot.latest.entry).or_else(|| self.removals.get(key))
    }

    /// Returns all releases and removals.
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.apps.values().flatten().map(|slot| &slot.latest.entry).chain(self.removals.values())
    }

    /// Forgets the removal of a config for the sake of a later release. Returns false if the release is not later.
    fn outdate_removal(&mut self, release: &Entry) -> bool {
        let key = release.config.to_string();
        if self.removals.get(&*key).is_some_and(|removal| removal.meta.seq >= release.meta.seq) {
            return false;
        }
        self.removals.remove(&*key);
        true
    }

    /// Removes a config, unless it has a later release. Returns its slot, if there is one.
    fn remove(&mut self, removal: Entry, applied: &mut Applied) -> Option<Slot> {
        let key = removal.config.to_string();
        if self.entry(&key).is_some_and(|held| held.meta.seq >= removal.meta.seq && *held != removal) {
            return None;
        }
        applied.removed.push(removal.config.clone());
        let (app, namespace) =
            (format!("{}/{}", removal.config.env, removal.config.app), removal.config.namespace.clone());
        self.removals.insert(key.into(), removal);
        let slots = self.apps.get_mut(&*app)?;
        let slot = position(slots, namespace.as_str()).ok().map(|at| slots.remove(at));
        if slots.is_empty() {
            self.apps.remove(&*app);
        }
        slot
    }
}

/// Returns the position of a namespace, or the one at which to insert it.
fn position(slots: &[Slot], namespace: &str) -> Result<usize, usize> {
    slots.binary_search_by(|slot| slot.latest.entry.config.namespace.as_str().cmp(namespace))
}

fn is_new(entry: &Entry, held: &Entry, applied: &mut Applied) -> bool {
    match entry.meta.seq.cmp(&held.meta.seq) {
        cmp::Ordering::Greater => true,
        cmp::Ordering::Less => {
            applied.behind.push(entry.config.clone());
            false
        }
        cmp::Ordering::Equal if entry.meta.sha256 == held.meta.sha256 => false,
        cmp::Ordering::Equal => {
            applied.corrected.push(entry.config.clone());
            true
        }
    }
}

/// The waiters that the next release wakes. Dropped waiters are removed when the list is full.
#[derive(Debug, Default)]
struct Waiters(Mutex<Vec<Weak<Notify>>>);

impl Waiters {
    fn add(&self, notify: &Arc<Notify>) {
        let mut waiters = self.0.lock();
        if waiters.len() == waiters.capacity() {
            waiters.retain(|b| b.strong_count() > 0);
        }
        waiters.push(Arc::downgrade(notify));
    }

    fn take(&mut self) -> Vec<Weak<Notify>> {
        mem::take(self.0.get_mut())
    }
}

/// Waits for releases of some configs with one notification, registered at each of them.
///
/// The waiter registers under the lock under which it reads a config. A release takes all waiters of its config under
/// the lock under which it becomes visible. A release after the read therefore always wakes the waiter.
///
/// A client may have a higher number than this node. Usually another node has returned a release that is about to
/// arrive here. But etcd may have been restored, or the client may come from another installation. After the time to
/// catch up this node's release counts, unless the channel is disconnected and this node cannot know.
#[derive(Debug)]
pub struct Waiter {
    notify: Arc<Notify>,
    wanted: Vec<WatchedConfig>,
    // Number of added configs at the time of registering for configs that are not there yet.
    registered_at_count: Option<u64>,
    // Time until which a lower number counts as a lag of this node. `None` after it.
    catching_up: Option<Instant>,
    is_behind: bool,
    saw_removal: bool,
}

#[derive(Debug)]
struct WatchedConfig {
    key: Box<str>,
    // Number of the client's release. 0 without one.
    has: u64,
    // Number of the release at which the waiter is registered. 0 without one.
    registered_at: u64,
}

impl Waiter {
    /// Returns a waiter for releases of these configs above the given numbers. After `lag`, lower ones count, too.
    pub fn new(wanted: impl IntoIterator<Item = (Box<str>, u64)>, lag: Duration) -> Self {
        let wanted = wanted.into_iter().map(|(key, has)| WatchedConfig { key, has, registered_at: 0 }).collect();
        let catching_up = Some(Instant::now() + lag);
        Self {
            notify: Arc::default(),
            wanted,
            registered_at_count: None,
            catching_up,
            is_behind: false,
            saw_removal: false,
        }
    }

    /// Returns the name of the config at a position.
    pub(super) fn key(&self, at: usize) -> &str {
        &self.wanted[at].key
    }

    /// Returns the names of all configs.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.wanted.iter().map(|wanted| &*wanted.key)
    }

    /// Returns the releases that the client does not have, with their configs' positions, all of one moment.
    pub fn take_new(&mut self, store: &SnapshotStore) -> Vec<(usize, Arc<Snapshot>)> {
        self.catching_up = self.catching_up.filter(|until| *until > Instant::now());
        self.is_behind = false;
        let mut news = Vec::new();
        let inner = store.inner.read();
        for (at, wanted) in self.wanted.iter_mut().enumerate() {
            let Some(slot) = inner.slot(&wanted.key) else {
                self.saw_removal |= mem::take(&mut wanted.registered_at) > 0;
                if self.registered_at_count != Some(inner.configs_added) {
                    inner.unknown_config_waiters.add(&self.notify);
                    self.registered_at_count = Some(inner.configs_added);
                }
                continue;
            };
            let seq = slot.latest.seq();
            if wanted.registered_at != seq {
                slot.waiters.add(&self.notify);
                wanted.registered_at = seq;
            }
            let is_behind = seq < wanted.has && (self.catching_up.is_some() || inner.stale.is_some());
            self.is_behind |= is_behind;
            if seq != wanted.has && !is_behind {
                wanted.has = seq;
                news.push((at, Arc::clone(&slot.latest)));
            }
        }
        news
    }

    /// Returns whether a config was removed for good after its release was read.
    pub fn saw_removal(&self) -> bool {
        self.saw_removal
    }

    /// Waits until [`Waiter::take_new`] may return something.
    pub async fn wait(&self) {
        match self.catching_up.filter(|_| self.is_behind) {
            Some(until) => _ = timeout_at(until, self.notify.notified()).await,
            None => self.notify.notified().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::{domain::bin::Removal, reader::tests::entry};

    fn id(key: &str) -> ConfigId {
        key.parse().unwrap()
    }

    fn store(entries: &[(&str, u64)]) -> SnapshotStore {
        let store = SnapshotStore::default();
        store.apply(entries.iter().map(|(key, seq)| entry(key, *seq, &format!("{{\"n\":{seq}}}"))).collect());
        store
    }

    fn seq(store: &SnapshotStore, key: &str) -> u64 {
        store.get(key).map_or(0, |s| s.seq())
    }

    #[test]
    fn numbers_never_fall() {
        let store = store(&[("prod/shop/a", 5)]);
        let applied = store.apply(vec![entry("prod/shop/a", 4, "{}"), entry("prod/shop/b", 1, "{}")]);
        assert_eq!((applied.behind, applied.renewed), (vec![id("prod/shop/a")], vec![id("prod/shop/b")]));
        assert_eq!(seq(&store, "prod/shop/a"), 5);
    }

    #[test]
    fn a_release_that_is_listed_again_is_in_memory_once() {
        let store = store(&[("prod/shop/a", 5)]);
        let held = store.get("prod/shop/a").unwrap().entry.document.clone();
        let listed = |seq, document| store.or_stored(entry("prod/shop/a", seq, document));
        assert!(Arc::ptr_eq(&listed(5, "{\"n\":5}").document.into_inner(), &held.into_inner()));
        for (seq, document) in [(5, "{\"n\":6}"), (6, "{\"n\":5}")] {
            assert_eq!(listed(seq, document), entry("prod/shop/a", seq, document));
        }
    }

    #[test]
    fn the_highest_number_of_a_batch_counts_in_any_order() {
        let store = store(&[("prod/shop/a", 3), ("prod/shop/a", 1), ("prod/shop/a", 2)]);
        assert_eq!(seq(&store, "prod/shop/a"), 3);
    }

    fn removal(key: &str, seq: u64) -> Entry {
        let change = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        Entry::removal(id(key), seq, &Removal { id: change, by: "ana".into(), at: Time(0) })
    }

    #[test]
    fn a_removed_config_is_like_one_that_never_existed_until_a_later_release() {
        let store = store(&[("prod/shop/a", 5), ("prod/shop/b", 1)]);
        let applied = store.apply(vec![removal("prod/shop/a", 6)]);
        assert_eq!((applied.removed, applied.behind), (vec![id("prod/shop/a")], vec![]));
        assert!(store.get("prod/shop/a").is_none() && store.of_app("prod/shop").len() == 1);
        for late in [entry("prod/shop/a", 5, "{}"), removal("prod/shop/a", 4)] {
            assert_eq!(store.apply(vec![late]).behind, [id("prod/shop/a")]);
        }
        assert!(store.apply(vec![removal("prod/shop/a", 6)]).is_unchanged());
        assert!(store.get("prod/shop/a").is_none() && store.entries().len() == 2, "the disk keeps the removal");

        assert_eq!(store.apply(vec![entry("prod/shop/a", 7, "{}")]).renewed, [id("prod/shop/a")]);
        assert_eq!(store.apply(vec![removal("prod/shop/a", 6)]).behind, [id("prod/shop/a")]);
        assert_eq!((seq(&store, "prod/shop/a"), store.entries().len()), (7, 2));
    }

    #[test]
    fn a_batch_with_a_release_and_a_removal_counts_in_any_order() {
        let parts = [entry("prod/shop/a", 5, "{}"), removal("prod/shop/a", 6), entry("prod/shop/a", 7, "{}")];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let store = store(&[]);
            store.apply(order.map(|n: usize| parts[n].clone()).to_vec());
            assert_eq!((seq(&store, "prod/shop/a"), store.entries().len()), (7, 1), "{order:?}");
            store.apply(vec![parts[1].clone(), removal("prod/shop/a", 8)]);
            assert!(store.is_empty() && store.entries() == [removal("prod/shop/a", 8)]);
        }
    }

    #[test]
    fn a_listing_without_the_removal_brings_nothing_back() {
        let store = store(&[("prod/shop/a", 5), ("prod/shop/b", 1)]);
        store.apply(vec![removal("prod/shop/a", 6)]);
        let old = vec![entry("prod/shop/a", 5, "{}"), entry("prod/shop/b", 1, "{}")];
        store.adopt(Listing { entries: old, ..Listing::default() });
        assert!(store.get("prod/shop/a").is_none());
        assert_eq!(store.ahead(9), [(id("prod/shop/a"), 6)]);
    }

    #[test]
    fn a_removal_wakes_its_waiters() {
        let store = store(&[("prod/shop/a", 5)]);
        let mut waiter = Waiter::new([("prod/shop/a".into(), 5)], Duration::ZERO);
        assert!(waiter.take_new(&store).is_empty() && waiter.wait().now_or_never().is_none());
        store.apply(vec![removal("prod/shop/a", 6)]);
        assert!(waiter.wait().now_or_never().is_some() && waiter.take_new(&store).is_empty() && waiter.saw_removal());
        assert!(waiter.wait().now_or_never().is_none());
        store.apply(vec![entry("prod/shop/a", 7, "{}")]);
        assert!(waiter.wait().now_or_never().is_some());
        assert_eq!(waiter.take_new(&store)[0].1.seq(), 7);
    }

    #[test]
    fn an_empty_listing_removes_nothing() {
        let store = store(&[("prod/shop/a", 1)]);
        assert!(!store.is_ready());
        store.adopt(Listing::default());
        assert!(!store.is_ready() && seq(&store, "prod/shop/a") == 1);
        store.adopt(Listing { entries: vec![entry("prod/shop/b", 1, "{}")], ..Listing::default() });
        assert!(store.is_ready() && seq(&store, "prod/shop/a") == 1 && !store.has_lost_releases());
        store.adopt(Listing::default());
        assert!(store.is_ready() && store.has_lost_releases());
    }

    #[test]
    fn releases_that_are_ahead_of_the_channel_are_known() {
        let store = store(&[("prod/shop/a", 900), ("prod/shop/b", 2)]);
        assert_eq!(store.ahead(9), []);
        store.apply(vec![entry("prod/shop/a", 1, "{}"), entry("prod/shop/b", 3, "{}")]);
        assert_eq!(store.ahead(9), [(id("prod/shop/a"), 900)]);
        store.adopt(Listing { entries: vec![entry("prod/shop/a", 2, "{}")], ..Listing::default() });
        assert_eq!(store.ahead(9), [(id("prod/shop/a"), 900), (id("prod/shop/b"), 3)], "the listing lacks it");
        assert_eq!(store.ahead(1).len(), 1);
        store.apply(vec![entry("prod/shop/b", 3, "{\"n\":3}"), entry("prod/shop/a", 901, "{}")]);
        assert_eq!(store.ahead(9), []);
    }

    #[test]
    fn a_corrected_release_replaces_its_number() {
        let store = store(&[("prod/shop/a", 1)]);
        let applied = store.apply(vec![entry("prod/shop/a", 1, r#"{"right":"1"}"#)]);
        assert_eq!((applied.corrected, applied.renewed), (vec![id("prod/shop/a")], vec![]));
        assert_eq!(store.get("prod/shop/a").unwrap().entry.document.expose(), r#"{"right":"1"}"#);
    }

    #[test]
    fn an_unusable_release_leaves_the_last_good_one() {
        let store = store(&[("prod/shop/a", 1)]);
        let applied = store.apply(vec![entry("prod/shop/a", 2, "no json")]);
        assert_eq!(applied.unusable[0].0, id("prod/shop/a"));
        assert_eq!(seq(&store, "prod/shop/a"), 1);
    }

    #[test]
    fn the_first_time_of_staleness_counts() {
        let store = SnapshotStore::default();
        store.set_stale(Some(Time(1000)));
        store.set_stale(Some(Time(2000)));
        assert_eq!(store.stale_since(), Some(Time(1000)));
        assert_eq!(store.stale_header().unwrap(), "1970-01-01T00:00:01.000Z");
        store.set_stale(None);
        assert_eq!(store.stale_since(), None);
    }

    #[test]
    fn only_the_canonical_spelling_finds_a_config() {
        let store = store(&[("prod/shop/a", 1)]);
        for other in ["prod/shop/A", "prod/shop/a/", "/prod/shop/a", "prod//shop/a", "prod/shop/%61", "prod/shop", ""] {
            assert!(store.get(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_release_between_the_read_and_the_wait_wakes() {
        let store = store(&[("prod/shop/a", 1)]);
        let mut waiter = Waiter::new([("prod/shop/a".into(), 1), ("prod/shop/new".into(), 0)], Duration::ZERO);
        assert!(waiter.take_new(&store).is_empty() && waiter.wait().now_or_never().is_none());

        store.apply(vec![entry("prod/shop/a", 2, "{}")]);
        assert!(waiter.wait().now_or_never().is_some());
        assert_eq!(waiter.take_new(&store)[0].1.seq(), 2);

        store.apply(vec![entry("prod/shop/other", 1, "{}")]);
        assert!(waiter.wait().now_or_never().is_some() && waiter.take_new(&store).is_empty());
        store.apply(vec![entry("prod/shop/new", 1, "{}")]);
        assert!(waiter.wait().now_or_never().is_some());
        assert_eq!(waiter.take_new(&store)[0].0, 1);
        assert!(waiter.wait().now_or_never().is_none());
    }

    #[test]
    fn configs_of_one_batch_are_seen_together() {
        let store = store(&[("prod/shop/a", 1), ("prod/shop/b", 1)]);
        let mut waiter = Waiter::new([("prod/shop/a".into(), 1), ("prod/shop/b".into(), 1)], Duration::ZERO);
        assert!(waiter.take_new(&store).is_empty());
        store.apply(vec![entry("prod/shop/b", 2, "{}"), entry("prod/shop/a", 2, "{}")]);
        assert_eq!(waiter.take_new(&store).len(), 2);
    }

    #[test]
    fn dropped_waiters_are_removed() {
        let store = store(&[("prod/shop/a", 1)]);
        for _ in 0..1000 {
            Waiter::new([("prod/shop/a".into(), 1)], Duration::ZERO).take_new(&store);
        }
        let inner = store.inner.read();
        let waiters = inner.slot("prod/shop/a").unwrap().waiters.0.lock().capacity();
        assert!(waiters < 16, "{waiters}");
    }
}
