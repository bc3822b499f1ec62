//! Where the releases of a console come from: the channel, as far as the database confirms it.
//!
//! A console knows what was released. So it takes nothing from the channel of which the database does not know, whatever
//! number it has: what it shows is what people published, while an alarm says that the channel holds something else. Reads
//! do not wait for this. What the shelf holds already and what this node wrote itself is not asked about, so a database
//! that is away holds back only what is new.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    channel::{Channel, Damage, Fault, Listing, Watch},
    domain::{
        entry::{Entry, Identity},
        error::Error,
        names::ConfigId,
    },
    reader::{
        feed::{Source, Tail},
        shelf::Shelf,
    },
    service::Dispatch,
    storage::Db,
};

/// Releases that are asked about in one statement.
const AT_ONCE: usize = 100;

/// The channel behind the database.
#[derive(Clone, Debug)]
pub(super) struct Confirmed {
    pub db: Db,
    pub channel: Channel,
    /// Releases that were confirmed.
    pub shelf: Arc<Shelf>,
    /// To know the releases that this node wrote.
    pub dispatch: Arc<Dispatch>,
}

impl Confirmed {
    /// Those of these releases that the database knows of. In place of another one, or of one that is damaged, stands what
    /// the shelf holds; else what the database says was delivered last.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn confirm(&self, entries: Vec<Entry>, damaged: &[Damage]) -> Result<Vec<Entry>, Error> {
        let (mut confirmed, asked): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| self.dispatch.fast_path.wrote(entry) || self.holds(entry));
        let mut unknown: BTreeSet<ConfigId> = damaged.iter().filter_map(|damage| damage.config.clone()).collect();
        if !asked.is_empty() {
            let live = self.live(asked.len()).await?;
            let (live, older): (Vec<Entry>, Vec<Entry>) =
                asked.into_iter().partition(|entry| live.get(&entry.config).is_some_and(|live| entry.is(live)));
            confirmed.extend(live);
            for some in older.chunks(AT_ONCE) {
                let of: Vec<_> = some.iter().map(|entry| (entry.config.clone(), entry.meta.seq)).collect();
                let known = self.db.read().await?.identities(&of).await?;
                for entry in some {
                    if known.iter().any(|(config, known)| *config == entry.config && entry.is(known)) {
                        confirmed.push(entry.clone());
                    } else {
                        let (config, seq) = (&entry.config, entry.meta.seq);
                        tracing::error!(%config, seq, "the channel holds a release that the database does not know");
                        unknown.insert(config.clone());
                    }
                }
            }
        }
        for config in unknown {
            match self.shelf.get(&config.to_string()) {
                Some(held) => confirmed.push(held.entry.clone()),
                None => confirmed.extend(self.db.read().await?.latest_delivered(&config).await?),
            }
        }
        Ok(confirmed)
    }

    /// Reads all live releases when that answers for many at once.
    async fn live(&self, asked: usize) -> Result<HashMap<ConfigId, Identity>, Error> {
        if asked <= AT_ONCE {
            return Ok(HashMap::new());
        }
        let expected = self.db.read().await?.expected().await?;
        Ok(expected.into_iter().map(|live| (live.config, live.identity)).collect())
    }

    fn holds(&self, entry: &Entry) -> bool {
        self.shelf.get(&entry.config.to_string()).is_some_and(|held| held.entry == *entry)
    }
}

/// Releases of the channel that the database knows of, as they come.
pub(super) struct ConfirmedTail {
    watch: Watch,
    by: Confirmed,
    /// Entries that have come and are not confirmed yet. A caller that is cancelled loses none of them.
    came: Vec<Entry>,
}

impl Source for Confirmed {
    type Tail = ConfirmedTail;

    async fn list(&self, keep: impl FnMut(Entry) -> Entry + Send) -> Result<Listing, Fault> {
        let listing = self.channel.list_by(keep).await?;
        let entries = self.confirm(listing.entries, &listing.damaged).await.map_err(away)?;
        Ok(Listing { entries, ..listing })
    }

    async fn watch(&self, after: i64) -> Result<ConfirmedTail, Fault> {
        Ok(ConfirmedTail { watch: self.channel.watch(after).await?, by: self.clone(), came: Vec::new() })
    }

    fn upsets(&self) -> tokio::sync::watch::Receiver<()> {
        self.channel.upsets()
    }

    fn is_complete(&self) -> bool {
        self.channel.is_complete()
    }
}

impl Tail for ConfirmedTail {
    async fn next(&mut self) -> Result<Vec<Entry>, Fault> {
        if self.came.is_empty() {
            self.came = self.watch.next().await?;
        }
        let confirmed = self.by.confirm(self.came.clone(), &[]).await.map_err(away)?;
        let is_confirmed =
            |came: Entry| confirmed.iter().any(|entry| entry.config == came.config && entry.meta.seq == came.meta.seq);
        if !std::mem::take(&mut self.came).into_iter().all(is_confirmed) {
            self.by.channel.upset();
        }
        Ok(confirmed)
    }

    fn revision(&self) -> i64 {
        self.watch.revision()
    }
}

/// New releases wait for the database; everything is listed again then.
fn away(error: Error) -> Fault {
    Fault::Unreachable(format!("the database does not confirm what the channel holds: {error}"))
}
