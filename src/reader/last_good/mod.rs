//! The last known good: all that a reader needs, on disk, for a start while nothing else answers.
//!
//! The file is written soon after each change, not at each: a burst of releases costs one write. It may be behind, never
//! half: see `file`. What came since lies beside it, before anybody sees it: see `journal`.

mod file;
mod journal;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use self::{
    file::{Kept, Unread},
    journal::{Journal, Record, Replayed},
};
use super::{
    known_tokens::KnownTokens,
    shelf::{Applied, Shelf},
};
use crate::{
    channel::{Fault, Head, Listing, TokenList},
    domain::{entry::Entry, time::Time},
};

pub use self::file::NAME;

/// The shortest time between two writes.
const EVERY: Duration = Duration::from_secs(1);
/// Writes take a tenth of the time at the most, however much there is to write.
const SHARE: u32 = 10;
/// How soon a write that failed is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// What is kept where.
#[derive(Debug)]
pub struct LastGood {
    folder: PathBuf,
    root: String,
    shelf: Arc<Shelf>,
    tokens: Option<Arc<KnownTokens>>,
    clock: fn() -> Time,
    trouble: Mutex<Trouble>,
    // A write that nobody waits for any more goes on.
    writing: Mutex<()>,
    // Held from the moment something is written to it until it can be seen, and while the file's contents are looked
    // at: whatever can be seen is in the journal or in the file.
    journal: Mutex<Journal>,
    // Rung when the journal is long.
    long: Notify,
}

/// What is wrong, for people.
#[derive(Debug, Default)]
struct Trouble {
    file: Option<String>,
    journal: Option<String>,
}

impl LastGood {
    /// Keeps the shelf, and the tokens where they do not come from SQL, in this folder. `root` is whose they are:
    /// another root is another installation.
    #[must_use]
    pub fn new(
        folder: &Path,
        root: &str,
        shelf: Arc<Shelf>,
        tokens: Option<Arc<KnownTokens>>,
        clock: fn() -> Time,
    ) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.to_owned(),
            root: root.to_owned(),
            shelf,
            tokens,
            clock,
            trouble: Mutex::default(),
            writing: Mutex::default(),
            journal: Mutex::new(Journal::new(folder)),
            long: Notify::new(),
        })
    }

    /// Puts what is on disk on the shelf, which is stale from then on until the channel is heard. A file that cannot be
    /// used is set aside and named; nothing is served from it.
    pub async fn load(self: &Arc<Self>) {
        if let Some(kept) = self.kept().await {
            self.put(kept);
        }
    }

    /// Like [`LastGood::load`], but of the releases on disk only those count that `confirm` gives back.
    ///
    /// # Errors
    /// Those of `confirm`.
    pub async fn load_confirmed<E>(
        self: &Arc<Self>,
        confirm: impl AsyncFnOnce(Vec<Entry>) -> Result<Vec<Entry>, E>,
    ) -> Result<(), E> {
        if let Some(mut kept) = self.kept().await {
            let entries = std::mem::take(&mut kept.releases).into_iter().map(Entry::from).collect();
            kept.releases = confirm(entries).await?.into_iter().map(Into::into).collect();
            self.put(kept);
        }
        Ok(())
    }

    async fn kept(self: &Arc<Self>) -> Option<Kept> {
        let this = Arc::clone(self);
        let read = spawn_blocking(move || this.read()).await;
        read.unwrap_or_else(|panic| {
            self.complain(format!("it cannot be read: {panic}"));
            None
        })
    }

    fn read(&self) -> Option<Kept> {
        let file = match file::read(&self.folder) {
            Ok(kept) if kept.root == self.root => Some(kept),
            Ok(kept) => {
                self.set_aside("foreign", &format!("it is of etcd.root = {:?}", kept.root));
                None
            }
            Err(why) => {
                match why {
                    Unread::Absent => {}
                    Unread::Failed(error) => self.complain(format!("it cannot be read: {error}")),
                    Unread::Damaged(why) => self.set_aside("damaged", &why),
                }
                None
            }
        };
        let records = [journal::OLD, journal::NAME].into_iter().flat_map(|name| self.read_journal(name)).collect();
        let Replayed { kept, is_partial } = journal::replay(file, records);
        if is_partial {
            for name in [journal::OLD, journal::NAME] {
                // One that is not there cannot be renamed.
                if let Ok(aside) = file::set_aside(&self.folder, name, "partial", (self.clock)()) {
                    self.complain_of_journal(format!("the file that it goes on from is gone; it is now {aside}"));
                }
            }
        }
        kept
    }

    fn read_journal(&self, name: &str) -> Vec<Record> {
        match journal::read(&self.folder, name, &self.root, (self.clock)()) {
            Ok((records, why)) => {
                if let Some(why) = why {
                    self.complain_of_journal(why);
                }
                records
            }
            Err(error) => {
                self.complain_of_journal(format!("it cannot be read: {error}"));
                Vec::new()
            }
        }
    }

    fn put(&self, kept: Kept) {
        let entries: Vec<Entry> = kept.releases.into_iter().map(Entry::from).collect();
        tracing::info!(releases = entries.len(), heard_at = %kept.heard_at.rfc3339(), "read the last known good");
        if !entries.is_empty() {
            let (revision, cluster) = (kept.revision, kept.cluster);
            // Before anything can be read of it.
            self.shelf.set_stale(Some(kept.heard_at));
            self.shelf.adopt(Listing { revision, cluster, entries, damaged: Vec::new() });
        }
        if let Some((tokens, list)) = self.tokens.as_ref().zip(kept.tokens) {
            tokens.take_kept(list, (self.clock)());
            tokens.set_stale(Some(kept.heard_at));
        }
    }

    /// [`Shelf::apply`], with what is new on disk before anybody sees it.
    ///
    /// # Errors
    /// The work broke off; list again.
    pub(super) async fn apply(self: &Arc<Self>, entries: Vec<Entry>) -> Result<Applied, Fault> {
        self.off(move |this| this.after(this.renewing(&entries, this.shelf.head()), || this.shelf.apply(entries))).await
    }

    /// [`Shelf::adopt`], with what is new on disk before anybody sees it.
    ///
    /// # Errors
    /// The work broke off; list again.
    pub(super) async fn adopt(self: &Arc<Self>, listing: Listing) -> Result<Applied, Fault> {
        self.off(move |this| {
            let head = Head { revision: listing.revision, cluster: listing.cluster };
            this.after(this.renewing(&listing.entries, Some(head)), || this.shelf.adopt(listing))
        })
        .await
    }

    /// [`KnownTokens::take`], with the list on disk before it counts.
    ///
    /// # Errors
    /// The work broke off; look again.
    pub(super) async fn take(self: &Arc<Self>, list: TokenList) -> Result<(), Fault> {
        self.off(move |this| {
            let Some(tokens) = &this.tokens else { return };
            let is_new = tokens.list().is_none_or(|held| held.version <= list.version && *held != list);
            let heard_at = this.shelf.stale_since().unwrap_or_else(this.clock);
            let record = || Record {
                root: this.root.clone(),
                heard_at,
                whole: None,
                releases: Vec::new(),
                tokens: Some(list.clone()),
            };
            this.after(is_new.then(record), || tokens.take(list));
        })
        .await
    }

    /// Works with the disk, not on the threads of the readers.
    async fn off<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let this = Arc::clone(self);
        spawn_blocking(move || work(&this))
            .await
            .map_err(|panic| Fault::Unreachable(format!("not taken over: {panic}")))
    }

    /// What of these is not on the shelf yet.
    fn renewing(&self, entries: &[Entry], head: Option<Head>) -> Option<Record> {
        let is_new = |entry: &&Entry| {
            let held = self.shelf.get(&entry.config.to_string());
            held.is_none_or(|held| {
                let (new, old) = (&entry.meta, &held.entry.meta);
                new.seq > old.seq || (new.seq == old.seq && new.sha256 != old.sha256)
            })
        };
        let releases: Vec<_> = entries.iter().filter(is_new).cloned().map(Into::into).collect();
        (!releases.is_empty()).then(|| Record {
            root: self.root.clone(),
            heard_at: (self.clock)(),
            whole: self.shelf.is_empty().then(|| head.map_or((0, 0), |head| (head.revision, head.cluster))),
            releases,
            tokens: None,
        })
    }

    /// Makes something visible after it was written to the journal. A disk that does not take it keeps it from nobody.
    fn after<T>(&self, record: Option<Record>, show: impl FnOnce() -> T) -> T {
        let mut journal = self.journal();
        if let Some(record) = record {
            match journal.append(&record) {
                Ok(()) if journal.is_long() => self.long.notify_one(),
                Ok(()) => {}
                Err(error) => self.complain_of_journal(format!("it cannot be written: {error}")),
            }
        }
        show()
    }

    /// Renames the file: `word` says what is wrong with it, `why` in which way.
    fn set_aside(&self, word: &str, why: &str) {
        match file::set_aside(&self.folder, NAME, word, (self.clock)()) {
            Ok(aside) => self.complain(format!("{why}; it is now {aside}")),
            Err(error) => self.complain(format!("{why}; it cannot be renamed: {error}")),
        }
    }

    /// Writes what is new until `stop`, and once more then.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let run = async {
            loop {
                self.news().await;
                let mut pause = self.save().await;
                while let Err(failed) = pause {
                    sleep(failed).await;
                    pause = self.save().await;
                }
                tokio::select! {
                    () = sleep(pause.unwrap_or(EVERY)) => {}
                    () = self.long.notified() => {}
                }
            }
        };
        stop.run_until_cancelled(run).await;
        let _ = self.save().await;
    }

    async fn news(&self) {
        match &self.tokens {
            None => self.shelf.news().await,
            Some(tokens) => tokio::select! {
                () = self.shelf.news() => {}
                () = tokens.news() => {}
            },
        }
    }

    /// Writes the file, not on the threads of the readers. Gives how long to wait before the next time, or before the
    /// next try.
    async fn save(self: &Arc<Self>) -> Result<Duration, Duration> {
        let (began, this) = (Instant::now(), Arc::clone(self));
        let written = spawn_blocking(move || this.write()).await.map_err(|panic| panic.to_string());
        match written.flatten() {
            Ok(written) => {
                if written {
                    self.recover();
                }
                Ok(EVERY.max(began.elapsed() * SHARE))
            }
            Err(why) => {
                self.complain(format!("it cannot be written: {why}"));
                Err(AGAIN)
            }
        }
    }

    /// False when there was nothing to write yet: what is on disk, if anything, is better.
    fn write(&self) -> Result<bool, String> {
        let _alone = self.writing.lock();
        let mut journal = self.journal();
        let entries = self.shelf.entries();
        if entries.is_empty() {
            return Ok(false);
        }
        journal.turn();
        let (head, now) = (self.shelf.head(), (self.clock)());
        let kept = Kept {
            root: self.root.clone(),
            heard_at: self.shelf.stale_since().unwrap_or(now),
            revision: head.map_or(0, |head| head.revision),
            cluster: head.map_or(0, |head| head.cluster),
            tokens: self.tokens.as_ref().and_then(|tokens| tokens.list()).map(|list| (*list).clone()),
            releases: entries.into_iter().map(Into::into).collect(),
        };
        drop(journal);
        file::write(&self.folder, &kept).map_err(|error| error.to_string())?;
        if let Err(error) = journal::remove_old(&self.folder) {
            self.complain_of_journal(format!("it cannot be removed: {error}"));
        }
        Ok(true)
    }

    /// All is in the file. A journal that was of no use is good again when nothing is missing any more.
    fn recover(&self) {
        self.trouble().file = None;
        let is_whole = self.trouble().journal.is_some() && self.shelf.stale_since().is_none();
        if is_whole && self.journal().open().is_ok() {
            self.trouble().journal = None;
        }
    }

    /// What is wrong on disk, for people; none when all is good.
    #[must_use]
    pub fn trouble_now(&self) -> Option<String> {
        let trouble = self.trouble();
        let said: Vec<&str> = [&trouble.file, &trouble.journal].into_iter().flatten().map(String::as_str).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    fn complain(&self, why: String) {
        self.say(|trouble| &mut trouble.file, NAME, format!("the last known good: {why}"));
    }

    fn complain_of_journal(&self, why: String) {
        let said = format!("the journal of the last known good: {why}");
        self.say(|trouble| &mut trouble.journal, journal::NAME, said);
    }

    /// Keeps what is wrong for whoever asks, and says it once.
    fn say(&self, place: fn(&mut Trouble) -> &mut Option<String>, name: &str, said: String) {
        // Anybody may ask for it: the folder is said in the log alone.
        let mut trouble = self.trouble();
        let place = place(&mut trouble);
        if place.as_ref() != Some(&said) {
            tracing::warn!(file = %self.folder.join(name).display(), "{said}");
            *place = Some(said);
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock()
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock()
    }
}
