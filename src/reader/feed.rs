//! Keeps the snapshot store up to date from the channel. It trusts no watch: when one ends, and every few minutes, it
//! lists everything again.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{
    last_good::LastGood,
    store::{Applied, SnapshotStore},
};
use crate::{
    channel::{Channel, ChannelError, Listing, ReleaseWatch},
    domain::{entry::Entry, time::Time},
    tasks::{Task, TaskHandle},
    texts::Lang,
};

/// Timeout of a listing and of the start of a watch.
const CHANNEL_TIMEOUT: Duration = Duration::from_secs(10);
/// Usual lifetime of a watch before everything is listed again. Up to half of it is added at random, so that the
/// readers of a cluster do not list at once.
pub(super) const RELIST: Duration = Duration::from_secs(180);
/// First delay after a failure. It doubles with each further one.
const MIN_BACK_OFF: Duration = Duration::from_millis(100);
/// Maximum delay between tries.
const MAX_BACK_OFF: Duration = Duration::from_secs(2);
/// Delay before everything is listed again after a disturbance: a damaged key may hide a release.
const DISTURBANCE_DELAY: Duration = Duration::from_secs(1);
/// Lifetime after which a watch counts as successful and the delay starts anew.
const BACK_OFF_RESET: Duration = Duration::from_secs(10);

/// A source of releases: the channel, or a script of a test.
pub trait ReleaseSource: Sync {
    /// The stream of new releases.
    type Tail: Tail + Send;

    /// Lists all releases at one revision, each as `keep` returns it.
    fn list(
        &self,
        keep: impl FnMut(Entry) -> Entry + Send,
    ) -> impl Future<Output = Result<Listing, ChannelError>> + Send;

    /// Watches the releases after a revision.
    fn watch(&self, after: i64) -> impl Future<Output = Result<Self::Tail, ChannelError>> + Send;

    /// Subscribes to disturbances: the channel may differ from the releases that the watches returned.
    fn disturbances(&self) -> watch::Receiver<()>;

    /// Returns whether an empty listing proves that nothing was ever published. Otherwise releases may be lost.
    fn is_complete(&self) -> bool;
}

/// The stream of a [`ReleaseSource`].
pub trait Tail {
    /// Waits for the next releases: all that became visible at once.
    fn next(&mut self) -> impl Future<Output = Result<Vec<Entry>, ChannelError>> + Send;

    /// Returns the revision that was reached.
    fn revision(&self) -> i64;
}

impl ReleaseSource for Channel {
    type Tail = ReleaseWatch;

    async fn list(&self, keep: impl FnMut(Entry) -> Entry + Send) -> Result<Listing, ChannelError> {
        self.list_by(keep).await
    }

    async fn watch(&self, after: i64) -> Result<ReleaseWatch, ChannelError> {
        self.watch(after).await
    }

    fn disturbances(&self) -> watch::Receiver<()> {
        self.disturbances()
    }

    /// Returns true for memory, which is filled from SQL before readers start. etcd may have been wiped.
    fn is_complete(&self) -> bool {
        matches!(self, Self::Local(_))
    }
}

impl Tail for ReleaseWatch {
    async fn next(&mut self) -> Result<Vec<Entry>, ChannelError> {
        self.next().await
    }

    fn revision(&self) -> i64 {
        self.revision()
    }
}

/// Returns the background task that feeds the store.
pub fn task<S: ReleaseSource + Clone + Send + 'static>(
    source: S,
    store: Arc<SnapshotStore>,
    last_good: Option<Arc<LastGood>>,
    clock: fn() -> Time,
) -> Task {
    Task::looping("feed", Lang::task_feed, move |task| {
        let (source, store, kept) = (source.clone(), Arc::clone(&store), last_good.clone());
        async move { _ = task.until_stopped(feed(&source, &store, kept.as_ref(), clock, RELIST, &task)).await }
    })
}

/// The delay between tries of a channel that does not answer.
pub(super) struct BackOff {
    began: Instant,
    wait: Duration,
}

impl BackOff {
    pub fn new() -> Self {
        Self { began: Instant::now(), wait: MIN_BACK_OFF }
    }

    /// Begins a new try.
    pub fn begin(&mut self) {
        self.began = Instant::now();
    }

    /// Waits before the next try. After a try that lasted for [`BACK_OFF_RESET`], the delay starts anew.
    pub async fn delay(&mut self) {
        if self.began.elapsed() >= BACK_OFF_RESET {
            self.wait = MIN_BACK_OFF;
        }
        sleep(rand::random_range(self.wait / 2..self.wait)).await;
        self.wait = (self.wait * 2).min(MAX_BACK_OFF);
    }
}

/// Feeds the store for ever and lists everything again after `relist`, usually [`RELIST`]. While the channel is
/// disconnected, the store keeps its releases and is marked stale since the last contact. With `kept`, releases are on
/// disk before they are in the store.
async fn feed(
    source: &impl ReleaseSource,
    store: &SnapshotStore,
    kept: Option<&Arc<LastGood>>,
    clock: fn() -> Time,
    relist: Duration,
    task: &TaskHandle,
) {
    let (mut heard, mut back_off) = (clock(), BackOff::new());
    loop {
        back_off.begin();
        // No error: it was time to list again.
        let Err(error) = round(source, store, kept, clock, relist, &mut heard, task).await else { continue };
        if error == ChannelError::Compacted {
            store.meter.behind.inc();
            tracing::info!("etcd watch fell behind, listing again");
        } else {
            store.meter.watch_failures.inc();
            store.set_stale(Some(heard));
            tracing::warn!(error = %error, "etcd watch failed, retrying");
            task.failed(error.name(), &error);
        }
        back_off.delay().await;
    }
}

/// Lists everything, then watches until the watch ends or is old enough.
async fn round(
    source: &impl ReleaseSource,
    store: &SnapshotStore,
    kept: Option<&Arc<LastGood>>,
    clock: fn() -> Time,
    relist: Duration,
    last_contact: &mut Time,
    task: &TaskHandle,
) -> Result<(), ChannelError> {
    let listing = in_time("list", source.list(|entry| store.or_stored(entry))).await?;
    let revision = listing.revision;
    store.meter.listings.inc();
    store.meter.revision.set(revision);
    report(&listing, store);
    log(&match kept {
        Some(kept) => kept.adopt(listing).await?,
        None => store.adopt(listing),
    });
    if source.is_complete() {
        store.declare_ready();
    }
    *last_contact = clock();
    store.set_stale(None);
    task.ran();

    let mut tail = in_time("watch", source.watch(revision)).await?;
    // Earlier disturbances are in the listing.
    let mut disturbances = source.disturbances();
    let old = sleep(relist + relist.mul_f64(rand::random_range(0.0..0.5)));
    tokio::pin!(old);
    loop {
        tokio::select! {
            entries = tail.next() => {
                // A silent watch is connected until it ends.
                *last_contact = clock();
                let entries = entries?;
                if !store.is_ready() && !entries.is_empty() {
                    // Lists again: the watch may not have all releases.
                    return Ok(());
                }
                log(&match kept {
                    Some(kept) => kept.apply(entries).await?,
                    None => store.apply(entries),
                });
                store.meter.revision.set(tail.revision());
                task.ran();
            }
            Ok(()) = disturbances.changed() => {
                let soon = Instant::now() + DISTURBANCE_DELAY;
                if soon < old.deadline() {
                    old.as_mut().reset(soon);
                }
            }
            () = &mut old => return Ok(()),
        }
    }
}

/// Limits work to [`CHANNEL_TIMEOUT`].
pub(super) async fn in_time<T>(
    what: &str,
    work: impl Future<Output = Result<T, ChannelError>>,
) -> Result<T, ChannelError> {
    let late = |_| ChannelError::Unreachable(format!("{what}: no answer within {} s", CHANNEL_TIMEOUT.as_secs()));
    timeout(CHANNEL_TIMEOUT, work).await.map_err(late)?
}

fn report(listing: &Listing, store: &SnapshotStore) {
    for key in &listing.damaged {
        tracing::error!(channel.key = %key, "a key is no valid release, readers keep the last good one");
    }
    // An empty new installation is no warning.
    if listing.entries.is_empty() && !store.is_empty() {
        tracing::warn!(channel.revision = listing.revision, "the channel is empty, readers keep their releases");
    }
    if store.head().is_some_and(|head| head.cluster != listing.cluster) {
        tracing::warn!(
            channel.revision = listing.revision,
            "the etcd cluster has changed, readers keep their releases until its numbers are higher"
        );
    }
    if let Some(since) = store.stale_since() {
        tracing::info!(feed.stale_since = %since.rfc3339(), "etcd watch restored");
    }
}

fn log(applied: &Applied) {
    for config in &applied.renewed {
        tracing::debug!(%config, "a newer release arrived");
    }
    for config in &applied.removed {
        tracing::info!(%config, "a config was removed for good, readers no longer get it");
    }
    for config in &applied.behind {
        tracing::warn!(%config, "the channel holds an older release than this node, readers keep the newer one");
    }
    for config in &applied.corrected {
        tracing::warn!(%config, "the channel holds other bytes under the same release number, readers get those");
    }
    for (config, why) in &applied.unusable {
        tracing::error!(%config, reason = %why, "a release is unusable, readers keep the last good one");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tokio::sync::mpsc;

    use super::*;
    use crate::{
        clock::now,
        reader::{store::Waiter, tests::entry},
    };

    const KEY: &str = "prod/shop/a";

    type WatchResult = Result<Vec<Entry>, ChannelError>;
    /// The revision at which a watch began, and the sender of its results.
    type OpenedWatch = (i64, mpsc::UnboundedSender<WatchResult>);

    /// A scripted channel: its listings in order (the last one repeats), and one watch at a time.
    struct Script {
        listings: Mutex<Vec<Result<Listing, ChannelError>>>,
        watches: mpsc::UnboundedSender<OpenedWatch>,
        disturbances: watch::Sender<()>,
    }

    struct Scripted(mpsc::UnboundedReceiver<WatchResult>);

    impl ReleaseSource for Script {
        type Tail = Scripted;

        async fn list(&self, _: impl FnMut(Entry) -> Entry + Send) -> Result<Listing, ChannelError> {
            let mut listings = self.listings.lock();
            if listings.len() > 1 { listings.remove(0) } else { listings[0].clone() }
        }

        async fn watch(&self, after: i64) -> Result<Scripted, ChannelError> {
            let (send, receive) = mpsc::unbounded_channel();
            self.watches.send((after, send)).unwrap();
            Ok(Scripted(receive))
        }

        fn disturbances(&self) -> watch::Receiver<()> {
            self.disturbances.subscribe()
        }

        fn is_complete(&self) -> bool {
            false
        }
    }

    impl Tail for Scripted {
        async fn next(&mut self) -> WatchResult {
            self.0.recv().await.unwrap_or(Err(ChannelError::Compacted))
        }

        fn revision(&self) -> i64 {
            0
        }
    }

    fn start_feed(
        listings: Vec<Result<Listing, ChannelError>>,
        relist: Duration,
    ) -> (Arc<SnapshotStore>, mpsc::UnboundedReceiver<OpenedWatch>) {
        start_feed_with_disturbances(watch::Sender::new(()), listings, relist)
    }

    fn start_feed_with_disturbances(
        disturbances: watch::Sender<()>,
        listings: Vec<Result<Listing, ChannelError>>,
        relist: Duration,
    ) -> (Arc<SnapshotStore>, mpsc::UnboundedReceiver<OpenedWatch>) {
        let store = Arc::new(SnapshotStore::default());
        let (watches, opened) = mpsc::unbounded_channel();
        let script = Script { listings: Mutex::new(listings), watches, disturbances };
        let feeding = Arc::clone(&store);
        tokio::spawn(async move { feed(&script, &feeding, None, now, relist, &TaskHandle::unwatched()).await });
        (store, opened)
    }

    fn listing(revision: i64, entries: &[(&str, u64)]) -> Result<Listing, ChannelError> {
        let entries = entries.iter().map(|(key, seq)| entry(key, *seq, &format!("{{\"n\":{seq}}}"))).collect();
        Ok(Listing { revision, entries, ..Listing::default() })
    }

    fn lost() -> ChannelError {
        ChannelError::Unreachable("connection refused".into())
    }

    /// Waits for release `seq` of the config.
    async fn wait_for_release(store: &SnapshotStore, seq: u64) {
        let mut waiter = Waiter::new([(KEY.into(), seq - 1)], Duration::ZERO);
        while waiter.take_new(store).is_empty() {
            waiter.wait().await;
        }
        assert_eq!(store.get(KEY).unwrap().seq(), seq);
    }

    #[tokio::test]
    async fn a_watch_begins_where_the_list_ended() {
        let (store, mut opened) = start_feed(vec![listing(7, &[(KEY, 1)])], RELIST);
        let (after, watch) = opened.recv().await.unwrap();
        assert!(after == 7 && store.is_ready() && store.stale_since().is_none());
        watch.send(Ok(vec![entry(KEY, 2, "{}")])).unwrap();
        wait_for_release(&store, 2).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_release_makes_the_store_ready_with_all_others() {
        let other = "prod/shop/b";
        let (store, mut opened) = start_feed(vec![listing(1, &[]), listing(3, &[(KEY, 1), (other, 1)])], RELIST);
        let (_, watch) = opened.recv().await.unwrap();
        assert!(!store.is_ready());
        watch.send(Ok(vec![entry(KEY, 1, "{}")])).unwrap();
        let again = timeout(BACK_OFF_RESET, opened.recv()).await.expect("everything is listed again");
        assert!(again.unwrap().0 == 3 && store.is_ready() && store.get(other).is_some());
    }

    #[tokio::test]
    async fn releases_missed_by_a_failed_watch_are_listed_and_numbers_never_fall() {
        let listings = vec![listing(7, &[(KEY, 2)]), Err(lost()), listing(3, &[(KEY, 1)]), listing(9, &[(KEY, 4)])];
        let (store, mut opened) = start_feed(listings, RELIST);
        let (_, watch) = opened.recv().await.unwrap();
        watch.send(Err(lost())).unwrap();

        let (after, watch) = opened.recv().await.unwrap();
        assert_eq!((after, store.get(KEY).unwrap().seq()), (3, 2));
        watch.send(Err(ChannelError::Compacted)).unwrap();
        assert_eq!(opened.recv().await.unwrap().0, 9);
        wait_for_release(&store, 4).await;
    }

    #[tokio::test]
    async fn the_store_is_stale_from_the_first_failure_until_a_listing() {
        let began = now();
        let (store, mut opened) = start_feed(vec![Err(lost()), Err(lost()), listing(1, &[(KEY, 1)])], RELIST);
        while store.stale_since().is_none() {
            tokio::task::yield_now().await;
        }
        assert!((began..=now()).contains(&store.stale_since().unwrap()) && !store.is_ready());
        opened.recv().await.unwrap();
        assert!(store.stale_since().is_none() && store.is_ready());
    }

    #[tokio::test]
    async fn a_silent_watch_ends_with_a_new_listing() {
        let listings = vec![listing(1, &[(KEY, 1)]), listing(1, &[(KEY, 2)])];
        let (store, mut opened) = start_feed(listings, Duration::from_millis(5));
        let _silent = opened.recv().await.unwrap();
        wait_for_release(&store, 2).await;
    }

    #[tokio::test]
    async fn a_disturbance_leads_to_a_new_listing() {
        let (disturbances, listings) =
            (watch::Sender::new(()), vec![listing(1, &[(KEY, 900)]), listing(3, &[(KEY, 1)])]);
        let (store, mut opened) = start_feed_with_disturbances(disturbances.clone(), listings, RELIST);
        let _silent = opened.recv().await.unwrap();
        while disturbances.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        disturbances.send_replace(());
        assert_eq!(opened.recv().await.unwrap().0, 3);
        assert_eq!(store.ahead(1), [(KEY.parse().unwrap(), 900)]);
    }

    #[tokio::test]
    async fn an_emptied_channel_does_not_empty_the_store() {
        let listings = vec![listing(5, &[(KEY, 3)]), listing(1, &[])];
        let (store, mut opened) = start_feed(listings, Duration::from_millis(5));
        let _first = opened.recv().await.unwrap();
        let _second = opened.recv().await.unwrap();
        assert_eq!(store.get(KEY).unwrap().seq(), 3);
    }

    #[tokio::test]
    async fn a_delivery_in_memory_arrives() {
        let (channel, store) = (Channel::local(), Arc::new(SnapshotStore::default()));
        let (source, feeding) = (channel.clone(), Arc::clone(&store));
        tokio::spawn(async move { feed(&source, &feeding, None, now, RELIST, &TaskHandle::unwatched()).await });
        while !store.is_ready() {
            tokio::task::yield_now().await;
        }
        let lock = channel.lock(&"prod".parse().unwrap(), Duration::from_secs(1)).await.unwrap();
        channel.deliver(&lock, &[entry(KEY, 1, "{}")]).await.unwrap();
        wait_for_release(&store, 1).await;
    }
}
