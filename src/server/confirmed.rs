//! The release feed of a console: the channel, without releases and removals that the database does not confirm.
//!
//! A console shows only published releases. It ignores releases in the channel that are not in the database, whatever
//! their numbers, and an alarm reports them. Reads do not wait for the database. Releases in the snapshot store, and
//! those that this node wrote, need no confirmation. So an unavailable database delays only new releases.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    channel::{Channel, ChannelError, DamagedKey, Listing, ReleaseWatch},
    domain::{
        entry::{Entry, Identity},
        error::Error,
        names::ConfigId,
    },
    reader::{
        feed::{ReleaseSource, Tail},
        store::SnapshotStore,
    },
    service::Dispatch,
    storage::Db,
};

/// Maximum number of releases in one query.
const MAX_QUERY_RELEASES: usize = 100;

/// The channel, limited to releases that are in the database.
#[derive(Clone, Debug)]
pub(super) struct ConfirmedChannel {
    pub db: Db,
    pub channel: Channel,
    /// The releases that are confirmed already.
    pub store: Arc<SnapshotStore>,
    /// Its fast path knows the releases that this node wrote.
    pub dispatch: Arc<Dispatch>,
}

impl ConfirmedChannel {
    /// Returns the releases that are in the database. An unknown or damaged one is replaced by the release in the
    /// snapshot store, or else by the latest release that was delivered according to the database.
    ///
    /// # Errors
    /// Fails if the database does not answer.
    pub async fn confirm(&self, entries: Vec<Entry>, damaged: &[DamagedKey]) -> Result<Vec<Entry>, Error> {
        let (mut confirmed, asked): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| self.dispatch.fast_path.wrote(entry) || self.is_in_store(entry));
        let mut unknown: BTreeSet<ConfigId> = damaged.iter().filter_map(|damage| damage.config.clone()).collect();
        if !asked.is_empty() {
            let live = self.live_releases(asked.len()).await?;
            let (live, older): (Vec<Entry>, Vec<Entry>) = asked
                .into_iter()
                .partition(|entry| live.get(&entry.config).is_some_and(|live| entry.has_identity(live)));
            confirmed.extend(live);
            for some in older.chunks(MAX_QUERY_RELEASES) {
                let of: Vec<_> = some.iter().map(|entry| (entry.config.clone(), entry.meta.seq)).collect();
                let known = self.db.read().await?.identities(&of).await?;
                for entry in some {
                    if known.iter().any(|(config, known)| *config == entry.config && entry.has_identity(known)) {
                        confirmed.push(entry.clone());
                    } else {
                        let (config, seq) = (&entry.config, entry.meta.seq);
                        tracing::error!(%config, seq, "the channel holds a release that is not in the database");
                        unknown.insert(config.clone());
                    }
                }
            }
        }
        for config in unknown {
            match self.store.entry(&config.to_string()) {
                Some(held) => confirmed.push(held),
                None => confirmed.extend(self.db.read().await?.latest_delivered(&config).await?),
            }
        }
        Ok(confirmed)
    }

    /// Reads all live releases if more than [`MAX_QUERY_RELEASES`] releases are checked, or else an empty map.
    async fn live_releases(&self, release_count: usize) -> Result<HashMap<ConfigId, Identity>, Error> {
        if release_count <= MAX_QUERY_RELEASES {
            return Ok(HashMap::new());
        }
        let expected = self.db.read().await?.expected_releases().await?;
        Ok(expected.into_iter().map(|live| (live.config, live.identity)).collect())
    }

    fn is_in_store(&self, entry: &Entry) -> bool {
        self.store.entry(&entry.config.to_string()).is_some_and(|held| held == *entry)
    }
}

/// A watch that returns only confirmed releases.
pub(super) struct ConfirmedTail {
    watch: ReleaseWatch,
    channel: ConfirmedChannel,
    /// Entries that were received and are not confirmed yet. They are kept here, so a cancelled call loses none.
    received: Vec<Entry>,
}

impl ReleaseSource for ConfirmedChannel {
    type Tail = ConfirmedTail;

    async fn list(&self, keep: impl FnMut(Entry) -> Entry + Send) -> Result<Listing, ChannelError> {
        let listing = self.channel.list_by(keep).await?;
        let entries = self.confirm(listing.entries, &listing.damaged).await.map_err(unconfirmed)?;
        Ok(Listing { entries, ..listing })
    }

    async fn watch(&self, after: i64) -> Result<ConfirmedTail, ChannelError> {
        Ok(ConfirmedTail { watch: self.channel.watch(after).await?, channel: self.clone(), received: Vec::new() })
    }

    fn disturbances(&self) -> tokio::sync::watch::Receiver<()> {
        self.channel.disturbances()
    }

    fn is_complete(&self) -> bool {
        self.channel.is_complete()
    }
}

impl Tail for ConfirmedTail {
    async fn next(&mut self) -> Result<Vec<Entry>, ChannelError> {
        if self.received.is_empty() {
            self.received = self.watch.next().await?;
        }
        let confirmed = self.channel.confirm(self.received.clone(), &[]).await.map_err(unconfirmed)?;
        let is_confirmed =
            |came: Entry| confirmed.iter().any(|entry| entry.config == came.config && entry.meta.seq == came.meta.seq);
        if !std::mem::take(&mut self.received).into_iter().all(is_confirmed) {
            self.channel.channel.report_disturbance();
        }
        Ok(confirmed)
    }

    fn revision(&self) -> i64 {
        self.watch.revision()
    }
}

/// Returns the error that makes the feed retry with a new listing, until the database answers.
fn unconfirmed(error: Error) -> ChannelError {
    ChannelError::Unreachable(format!("the database cannot confirm the releases in the channel: {error}"))
}
