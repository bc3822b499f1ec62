//! What readers are answered from: the latest release of every config, in memory.
//!
//! Rules that hold whatever the channel says: a config's number never falls, nothing is ever taken off the shelf, and
//! an empty listing is not an empty configuration. The only release that is replaced by one of the same number is one
//! whose bytes the channel has since corrected: see [`Shelf::apply`].

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
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
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

/// All snapshots. A look-up takes no allocation and waits for no work: snapshots are made outside the lock.
#[derive(Debug, Default)]
pub struct Shelf {
    inner: RwLock<Inner>,
    // Asked by every read, so without a lock.
    is_stale: AtomicBool,
    // Rung for whoever keeps the shelf on disk.
    news: Notify,
    /// How it was fed.
    pub meter: metrics::Feeding,
}

#[derive(Debug, Default)]
struct Inner {
    // By "env/app", then in the order of namespaces: one look-up and one short search. Most have one or two, for which
    // a tree would take more room than the release.
    apps: HashMap<Box<str>, Vec<Slot>>,
    // How often a config was new, and who waits for one that is not there yet.
    births: u64,
    strangers: Bells,
    ready: bool,
    stale: Option<(Time, HeaderValue)>,
    head: Option<Head>,
    lost: bool,
    // Keys that were no releases when the channel was last listed.
    damaged: usize,
    // Configs of which the channel holds an older release than this, or none. Usually empty.
    ahead: BTreeSet<ConfigId>,
}

#[derive(Debug)]
struct Slot {
    latest: Arc<Snapshot>,
    bells: Bells,
}

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Configs that have a newer release now.
    pub renewed: Vec<ConfigId>,
    /// Configs whose release here has a higher number than the channel's: it was restored from a backup, or lags.
    pub behind: Vec<ConfigId>,
    /// Configs whose release came again with other bytes under the same number.
    pub corrected: Vec<ConfigId>,
    /// Releases that cannot be sent, and why. What was there stays.
    pub unusable: Vec<(ConfigId, String)>,
}

impl Applied {
    /// Whether nothing on the shelf is another thing now.
    fn is_quiet(&self) -> bool {
        self.renewed.is_empty() && self.corrected.is_empty()
    }
}

impl Shelf {
    /// An empty shelf, not ready: nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over releases, all of them at once for whoever reads: nobody sees one of them and then an older one of
    /// another. Only higher numbers count, in any order, any number of times.
    ///
    /// The same number with other bytes is taken over too: somebody wrote to the channel past Trimtab, or the
    /// reconciler put that right, and the channel's latest word is what all readers agree on. Who waits by number is
    /// not woken by it; who asks with an `ETag` gets it.
    pub fn apply(&self, entries: Vec<Entry>) -> Applied {
        let mut applied = Applied::default();
        let caught_up = self.caught_up(&entries);
        let made = self.prepare(entries, &mut applied);
        let (bells, replaced) = self.put(made, &mut applied);
        for bell in bells.iter().filter_map(Weak::upgrade) {
            bell.notify_one();
        }
        if !applied.is_quiet() {
            self.news.notify_one();
        }
        if !(caught_up.is_empty() && applied.behind.is_empty()) {
            self.write(|inner| {
                caught_up.iter().for_each(|config| _ = inner.ahead.remove(config));
                inner.ahead.extend(applied.behind.iter().cloned());
            });
        }
        // Large documents are freed here, after everybody was told.
        drop(replaced);
        applied
    }

    /// Takes over a whole listing. What it lacks stays: live documents are never deleted, so a listing without one is
    /// a channel that lost it. An empty one says nothing about readiness either.
    pub fn adopt(&self, listing: Listing) -> Applied {
        let any = !listing.entries.is_empty();
        let missing = if any { self.missing(&listing) } else { Vec::new() };
        let applied = self.apply(listing.entries);
        self.write(|inner| {
            inner.ahead.extend(missing);
            inner.ready |= any;
            inner.lost = !any && !inner.apps.is_empty();
            inner.damaged = listing.damaged.len();
            inner.head = Some(Head { revision: listing.revision, cluster: listing.cluster });
        });
        applied
    }

    /// Whether the channel was empty when it was last listed, though there had been releases: it lost them.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.read().lost
    }

    /// Configs whose release here is later than the channel's, with its number; up to `most` of them. The channel was set
    /// back, or somebody wrote a release there and took it away again.
    #[must_use]
    pub fn ahead(&self, most: usize) -> Vec<(ConfigId, u64)> {
        let inner = self.read();
        let ahead = inner.ahead.iter().take(most);
        ahead.filter_map(|config| Some((config.clone(), inner.slot(&config.to_string())?.latest.seq()))).collect()
    }

    /// Number of keys of the channel that were no releases when it was last listed.
    #[must_use]
    pub fn damaged(&self) -> usize {
        self.read().damaged
    }

    /// Where the channel was when it was last listed.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.read().head
    }

    /// Says that the shelf is complete though empty: a fresh installation, in which nothing was ever published.
    pub fn declare_ready(&self) {
        self.write(|inner| inner.ready = true);
    }

    /// Whether there is no release.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read().apps.is_empty()
    }

    /// Whether readers can be answered.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.read().ready
    }

    /// Notes that the channel is not heard since `since` (the first such word counts), or is heard again.
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
            self.news.notify_one();
        });
    }

    /// Returns when there is something new to keep on disk: a release, or word of the channel. For one who waits.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Since when the shelf may be behind.
    #[must_use]
    pub fn stale_since(&self) -> Option<Time> {
        self.read().stale.as_ref().map(|(at, _)| *at)
    }

    /// The same as a header's value.
    pub(super) fn stale_header(&self) -> Option<HeaderValue> {
        if self.is_stale.load(Ordering::Relaxed) {
            self.read().stale.as_ref().map(|(_, text)| text.clone())
        } else {
            None
        }
    }

    /// The latest release of a config, by its canonical spelling `env/app/namespace` and by no other.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Arc<Snapshot>> {
        self.read().slot(key).map(|slot| Arc::clone(&slot.latest))
    }

    /// The latest releases of all configs of `env/app`, ordered by namespace.
    #[must_use]
    pub fn of_app(&self, env_app: &str) -> Vec<Arc<Snapshot>> {
        let inner = self.read();
        inner.apps.get(env_app).into_iter().flatten().map(|slot| Arc::clone(&slot.latest)).collect()
    }

    /// What the shelf holds, when it is the same release: so that it is in memory once, however often it is listed.
    pub(super) fn or_held(&self, entry: Entry) -> Entry {
        match self.get(&entry.config.to_string()) {
            Some(held) if held.entry == entry => held.entry.clone(),
            _ => entry,
        }
    }

    /// All releases, to be kept on disk for a start without the channel.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let inner = self.read();
        inner.apps.values().flatten().map(|slot| slot.latest.entry.clone()).collect()
    }

    /// Returns the configs that were ahead of the channel and no longer are.
    fn caught_up(&self, entries: &[Entry]) -> Vec<ConfigId> {
        let inner = self.read();
        if inner.ahead.is_empty() {
            return Vec::new();
        }
        let is_held = |entry: &&Entry| {
            let slot = inner.slot(&entry.config.to_string());
            inner.ahead.contains(&entry.config) && slot.is_none_or(|slot| entry.meta.seq >= slot.latest.seq())
        };
        entries.iter().filter(is_held).map(|entry| entry.config.clone()).collect()
    }

    /// Configs that are here and not in a listing at all.
    fn missing(&self, listing: &Listing) -> Vec<ConfigId> {
        let damaged = listing.damaged.iter().filter_map(|damage| damage.config.as_ref());
        let listed: HashSet<&ConfigId> = listing.entries.iter().map(|entry| &entry.config).chain(damaged).collect();
        let inner = self.read();
        let here = inner.apps.values().flatten().map(|slot| &slot.latest.entry.config);
        here.filter(|config| !listed.contains(config)).cloned().collect()
    }

    /// Makes snapshots of those entries that say something new.
    fn prepare(&self, entries: Vec<Entry>, applied: &mut Applied) -> Vec<Snapshot> {
        let mut made = Vec::new();
        for entry in entries {
            let held = self.get(&entry.config.to_string());
            if held.is_some_and(|held| !says_new(&entry, &held.entry, applied)) {
                continue;
            }
            let config = entry.config.clone();
            match Snapshot::new(entry) {
                Ok(snapshot) => made.push(snapshot),
                Err(why) => applied.unusable.push((config, why)),
            }
        }
        made
    }

    fn put(&self, made: Vec<Snapshot>, applied: &mut Applied) -> (Vec<Weak<Notify>>, Vec<Arc<Snapshot>>) {
        let (mut bells, mut replaced) = (Vec::new(), Vec::new());
        if made.is_empty() {
            return (bells, replaced);
        }
        let mut inner = self.inner.write();
        let inner = &mut *inner;
        for snapshot in made {
            let id = &snapshot.entry.config;
            let (app, namespace) = (format!("{}/{}", id.env, id.app), id.namespace.as_str());
            let slots = inner.apps.entry(app.into()).or_default();
            let slot = match place(slots, namespace) {
                Ok(at) => &mut slots[at],
                Err(at) => {
                    applied.renewed.push(id.clone());
                    slots.reserve_exact(1);
                    slots.insert(at, Slot { latest: Arc::new(snapshot), bells: Bells::default() });
                    inner.births += 1;
                    bells.append(&mut inner.strangers.take());
                    continue;
                }
            };
            // Looked at again under the lock: a batch may hold two releases of one config, in any order.
            match snapshot.seq().cmp(&slot.latest.seq()) {
                cmp::Ordering::Less => continue,
                cmp::Ordering::Equal => {}
                cmp::Ordering::Greater => {
                    applied.renewed.push(id.clone());
                    bells.append(&mut slot.bells.take());
                }
            }
            replaced.push(mem::replace(&mut slot.latest, Arc::new(snapshot)));
        }
        (bells, replaced)
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read()
    }

    fn write(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.inner.write());
    }
}

impl Inner {
    fn slot(&self, key: &str) -> Option<&Slot> {
        let (app, namespace) = key.rsplit_once('/')?;
        let slots = self.apps.get(app)?;
        place(slots, namespace).ok().map(|at| &slots[at])
    }
}

/// Where the namespace is, or would be.
fn place(slots: &[Slot], namespace: &str) -> Result<usize, usize> {
    slots.binary_search_by(|slot| slot.latest.entry.config.namespace.as_str().cmp(namespace))
}

fn says_new(entry: &Entry, held: &Entry, applied: &mut Applied) -> bool {
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

/// Who is to be woken by the next release. Whoever is gone by then is forgotten when the list would grow.
#[derive(Debug, Default)]
struct Bells(Mutex<Vec<Weak<Notify>>>);

impl Bells {
    fn add(&self, bell: &Arc<Notify>) {
        let mut bells = self.0.lock();
        if bells.len() == bells.capacity() {
            bells.retain(|b| b.strong_count() > 0);
        }
        bells.push(Arc::downgrade(bell));
    }

    fn take(&mut self) -> Vec<Weak<Notify>> {
        mem::take(self.0.get_mut())
    }
}

/// Waits for releases of some configs: one bell, hung at each of them.
///
/// A bell is hung under the lock under which the config is looked at, and a release takes all bells of its config
/// under the lock under which it becomes visible: what lands after the look rings, and nothing falls in between.
///
/// A client may have a higher number than there is here. Usually another node has shown it a release that is about to arrive;
/// but etcd may have been restored from a backup, or the client may come from another installation. So the release that is
/// live here counts once this node has had time to catch up, unless it does not hear the channel and cannot know.
#[derive(Debug)]
pub struct Waiter {
    bell: Arc<Notify>,
    wanted: Vec<Wanted>,
    // The births at which the bell was hung with those who wait for a config that is not there yet.
    births: Option<u64>,
    // Until when a lower number is taken for a lag of this node. `None` once that is over.
    catching_up: Option<Instant>,
    is_behind: bool,
}

#[derive(Debug)]
struct Wanted {
    key: Box<str>,
    // What the client has; 0 is nothing.
    has: u64,
    // The release that the bell hangs at; 0 is none.
    hung: u64,
}

impl Waiter {
    /// Waits for releases of these configs above the number beside each, and for lower ones from `lag` on.
    pub fn new(wanted: impl IntoIterator<Item = (Box<str>, u64)>, lag: Duration) -> Self {
        let wanted = wanted.into_iter().map(|(key, has)| Wanted { key, has, hung: 0 }).collect();
        let catching_up = Some(Instant::now() + lag);
        Self { bell: Arc::default(), wanted, births: None, catching_up, is_behind: false }
    }

    /// Returns the name of the config at a position.
    pub(super) fn key(&self, at: usize) -> &str {
        &self.wanted[at].key
    }

    /// Returns the names of all configs.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.wanted.iter().map(|wanted| &*wanted.key)
    }

    /// Releases that the client does not have: by its position among the configs, all at one moment.
    pub fn look(&mut self, shelf: &Shelf) -> Vec<(usize, Arc<Snapshot>)> {
        self.catching_up = self.catching_up.filter(|until| *until > Instant::now());
        self.is_behind = false;
        let mut news = Vec::new();
        let inner = shelf.read();
        for (at, wanted) in self.wanted.iter_mut().enumerate() {
            let Some(slot) = inner.slot(&wanted.key) else {
                if self.births != Some(inner.births) {
                    inner.strangers.add(&self.bell);
                    self.births = Some(inner.births);
                }
                continue;
            };
            let seq = slot.latest.seq();
            if wanted.hung != seq {
                slot.bells.add(&self.bell);
                wanted.hung = seq;
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

    /// Returns when it is worth another look.
    pub async fn wake(&self) {
        match self.catching_up.filter(|_| self.is_behind) {
            Some(until) => _ = timeout_at(until, self.bell.notified()).await,
            None => self.bell.notified().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::reader::tests::entry;

    fn id(key: &str) -> ConfigId {
        key.parse().unwrap()
    }

    fn shelf(entries: &[(&str, u64)]) -> Shelf {
        let shelf = Shelf::new();
        shelf.apply(entries.iter().map(|(key, seq)| entry(key, *seq, &format!("{{\"n\":{seq}}}"))).collect());
        shelf
    }

    fn seq(shelf: &Shelf, key: &str) -> u64 {
        shelf.get(key).map_or(0, |s| s.seq())
    }

    #[test]
    fn numbers_never_fall() {
        let shelf = shelf(&[("prod/shop/a", 5)]);
        let applied = shelf.apply(vec![entry("prod/shop/a", 4, "{}"), entry("prod/shop/b", 1, "{}")]);
        assert_eq!((applied.behind, applied.renewed), (vec![id("prod/shop/a")], vec![id("prod/shop/b")]));
        assert_eq!(seq(&shelf, "prod/shop/a"), 5);
    }

    #[test]
    fn what_is_listed_again_is_in_memory_once() {
        let shelf = shelf(&[("prod/shop/a", 5)]);
        let held = shelf.get("prod/shop/a").unwrap().entry.document.clone();
        let listed = |seq, document| shelf.or_held(entry("prod/shop/a", seq, document));
        assert!(Arc::ptr_eq(&listed(5, "{\"n\":5}").document.into_inner(), &held.into_inner()));
        for (seq, document) in [(5, "{\"n\":6}"), (6, "{\"n\":5}")] {
            assert_eq!(listed(seq, document), entry("prod/shop/a", seq, document));
        }
    }

    #[test]
    fn of_one_batch_the_highest_number_stays_whatever_the_order() {
        let shelf = shelf(&[("prod/shop/a", 3), ("prod/shop/a", 1), ("prod/shop/a", 2)]);
        assert_eq!(seq(&shelf, "prod/shop/a"), 3);
    }

    #[test]
    fn an_empty_listing_takes_nothing_away() {
        let shelf = shelf(&[("prod/shop/a", 1)]);
        assert!(!shelf.is_ready());
        shelf.adopt(Listing::default());
        assert!(!shelf.is_ready() && seq(&shelf, "prod/shop/a") == 1);
        shelf.adopt(Listing { entries: vec![entry("prod/shop/b", 1, "{}")], ..Listing::default() });
        assert!(shelf.is_ready() && seq(&shelf, "prod/shop/a") == 1 && !shelf.is_lost());
        shelf.adopt(Listing::default());
        assert!(shelf.is_ready() && shelf.is_lost());
    }

    #[test]
    fn a_shelf_knows_in_what_it_is_ahead_of_the_channel() {
        let shelf = shelf(&[("prod/shop/a", 900), ("prod/shop/b", 2)]);
        assert_eq!(shelf.ahead(9), []);
        shelf.apply(vec![entry("prod/shop/a", 1, "{}"), entry("prod/shop/b", 3, "{}")]);
        assert_eq!(shelf.ahead(9), [(id("prod/shop/a"), 900)]);
        shelf.adopt(Listing { entries: vec![entry("prod/shop/a", 2, "{}")], ..Listing::default() });
        assert_eq!(shelf.ahead(9), [(id("prod/shop/a"), 900), (id("prod/shop/b"), 3)], "what it lacks was taken away");
        assert_eq!(shelf.ahead(1).len(), 1);
        shelf.apply(vec![entry("prod/shop/b", 3, "{\"n\":3}"), entry("prod/shop/a", 901, "{}")]);
        assert_eq!(shelf.ahead(9), []);
    }

    #[test]
    fn a_corrected_release_replaces_its_number() {
        let shelf = shelf(&[("prod/shop/a", 1)]);
        let applied = shelf.apply(vec![entry("prod/shop/a", 1, r#"{"right":"1"}"#)]);
        assert_eq!((applied.corrected, applied.renewed), (vec![id("prod/shop/a")], vec![]));
        assert_eq!(shelf.get("prod/shop/a").unwrap().entry.document.expose(), r#"{"right":"1"}"#);
    }

    #[test]
    fn an_unusable_release_leaves_the_last_good_one() {
        let shelf = shelf(&[("prod/shop/a", 1)]);
        let applied = shelf.apply(vec![entry("prod/shop/a", 2, "no json")]);
        assert_eq!(applied.unusable[0].0, id("prod/shop/a"));
        assert_eq!(seq(&shelf, "prod/shop/a"), 1);
    }

    #[test]
    fn the_first_silence_counts() {
        let shelf = Shelf::new();
        shelf.set_stale(Some(Time(1000)));
        shelf.set_stale(Some(Time(2000)));
        assert_eq!(shelf.stale_since(), Some(Time(1000)));
        assert_eq!(shelf.stale_header().unwrap(), "1970-01-01T00:00:01.000Z");
        shelf.set_stale(None);
        assert_eq!(shelf.stale_since(), None);
    }

    #[test]
    fn only_the_canonical_spelling_finds_a_config() {
        let shelf = shelf(&[("prod/shop/a", 1)]);
        for other in ["prod/shop/A", "prod/shop/a/", "/prod/shop/a", "prod//shop/a", "prod/shop/%61", "prod/shop", ""] {
            assert!(shelf.get(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_release_between_the_look_and_the_wait_rings() {
        let shelf = shelf(&[("prod/shop/a", 1)]);
        let mut waiter = Waiter::new([("prod/shop/a".into(), 1), ("prod/shop/new".into(), 0)], Duration::ZERO);
        assert!(waiter.look(&shelf).is_empty() && waiter.wake().now_or_never().is_none());

        shelf.apply(vec![entry("prod/shop/a", 2, "{}")]);
        assert!(waiter.wake().now_or_never().is_some());
        assert_eq!(waiter.look(&shelf)[0].1.seq(), 2);

        shelf.apply(vec![entry("prod/shop/other", 1, "{}")]);
        assert!(waiter.wake().now_or_never().is_some() && waiter.look(&shelf).is_empty());
        shelf.apply(vec![entry("prod/shop/new", 1, "{}")]);
        assert!(waiter.wake().now_or_never().is_some());
        assert_eq!(waiter.look(&shelf)[0].0, 1);
        assert!(waiter.wake().now_or_never().is_none());
    }

    #[test]
    fn configs_of_one_batch_are_seen_together() {
        let shelf = shelf(&[("prod/shop/a", 1), ("prod/shop/b", 1)]);
        let mut waiter = Waiter::new([("prod/shop/a".into(), 1), ("prod/shop/b".into(), 1)], Duration::ZERO);
        assert!(waiter.look(&shelf).is_empty());
        shelf.apply(vec![entry("prod/shop/b", 2, "{}"), entry("prod/shop/a", 2, "{}")]);
        assert_eq!(waiter.look(&shelf).len(), 2);
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let shelf = shelf(&[("prod/shop/a", 1)]);
        for _ in 0..1000 {
            Waiter::new([("prod/shop/a".into(), 1)], Duration::ZERO).look(&shelf);
        }
        let inner = shelf.read();
        let bells = inner.slot("prod/shop/a").unwrap().bells.0.lock().capacity();
        assert!(bells < 16, "{bells}");
    }
}
