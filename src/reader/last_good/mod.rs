//! The last known good: all releases and tokens of a node on disk, for a start while etcd and the database are down.
//!
//! The file is written soon after changes, so that a burst of releases costs one write. It may be outdated but is
//! always whole: see `file`. Later changes are in a journal before any reader sees them: see `journal`.

mod file;
mod journal;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, sleep},
};

use self::{
    file::{ReadError, StoredState},
    journal::{Journal, JournalBatch, Replayed},
};
use super::{
    known_tokens::KnownTokens,
    store::{Applied, SnapshotStore},
};
use crate::{
    channel::{ChannelError, Head, Listing, TokenList},
    domain::{entry::Entry, time::Time},
    tasks::{Task, TaskHandle},
    texts::Lang,
};

pub use self::file::NAME;

/// Minimum interval between two writes.
const MIN_WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// Minimum ratio of the interval to the duration of a write: writes take at most a tenth of the time.
const INTERVAL_PER_WRITE_TIME: u32 = 10;
/// Delay before a failed write is retried.
const RETRY_DELAY: Duration = Duration::from_secs(10);

/// The last known good of a node.
#[derive(Debug)]
pub struct LastGood {
    folder: PathBuf,
    root: String,
    store: Arc<SnapshotStore>,
    tokens: Option<Arc<KnownTokens>>,
    clock: fn() -> Time,
    problems: Mutex<DiskProblems>,
    // Held during a write, which goes on even if its caller was cancelled.
    writing: Mutex<()>,
    // Held from a write to the journal until the change is visible, and while the contents of the file are collected.
    // So all visible changes are in the journal or in the file.
    journal: Mutex<Journal>,
    // Notified when the journal is long.
    long: Notify,
}

/// Problems with the files, for people.
#[derive(Debug, Default)]
struct DiskProblems {
    file: Option<String>,
    journal: Option<String>,
}

impl LastGood {
    /// Keeps the snapshot store in a folder, and the tokens unless they come from SQL. `root` is the installation's
    /// `etcd.root`: files of another root are not used.
    pub fn new(
        folder: &Path,
        root: &str,
        store: Arc<SnapshotStore>,
        tokens: Option<Arc<KnownTokens>>,
        clock: fn() -> Time,
    ) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.to_owned(),
            root: root.to_owned(),
            store,
            tokens,
            clock,
            problems: Mutex::default(),
            writing: Mutex::default(),
            journal: Mutex::new(Journal::new(folder)),
            long: Notify::new(),
        })
    }

    /// Loads the files into the store, which is stale until the channel answers. An unusable file is renamed and
    /// reported, and none of it is served.
    pub async fn load(self: &Arc<Self>) {
        if let Some(kept) = self.read_files().await {
            self.load_state(kept);
        }
    }

    /// Loads the files like [`LastGood::load`], but only the releases that `confirm` returns.
    ///
    /// # Errors
    /// Those of `confirm`.
    pub async fn load_confirmed<E>(
        self: &Arc<Self>,
        confirm: impl AsyncFnOnce(Vec<Entry>) -> Result<Vec<Entry>, E>,
    ) -> Result<(), E> {
        if let Some(mut kept) = self.read_files().await {
            kept.releases = confirm(kept.releases).await?;
            self.load_state(kept);
        }
        Ok(())
    }

    async fn read_files(self: &Arc<Self>) -> Option<StoredState> {
        let this = Arc::clone(self);
        let read = spawn_blocking(move || this.read()).await;
        read.unwrap_or_else(|_| {
            self.report_file_problem("it cannot be read: the task panicked".to_owned());
            None
        })
    }

    fn read(&self) -> Option<StoredState> {
        let file = match file::read(&self.folder) {
            Ok(kept) if kept.root == self.root => Some(kept),
            Ok(kept) => {
                self.rename_unusable("foreign", &format!("its etcd.root is {:?}", kept.root));
                None
            }
            Err(why) => {
                match why {
                    ReadError::Absent => {}
                    ReadError::Failed(error) => self.report_file_problem(format!("it cannot be read: {error}")),
                    ReadError::Damaged(why) => self.rename_unusable("damaged", &why),
                }
                None
            }
        };
        let records =
            [journal::EARLIER_NAME, journal::NAME].into_iter().flat_map(|name| self.read_journal(name)).collect();
        let Replayed { kept, is_partial } = journal::replay(file, records);
        if is_partial {
            for name in [journal::EARLIER_NAME, journal::NAME] {
                // Fails if the journal does not exist.
                if let Ok(aside) = file::rename_unusable(&self.folder, name, "partial", (self.clock)()) {
                    self.report_journal_problem(format!("the file that it continues is missing; renamed to {aside}"));
                }
            }
        }
        kept
    }

    fn read_journal(&self, name: &str) -> Vec<JournalBatch> {
        match journal::read(&self.folder, name, &self.root, (self.clock)()) {
            Ok((records, why)) => {
                if let Some(why) = why {
                    self.report_journal_problem(why);
                }
                records
            }
            Err(error) => {
                self.report_journal_problem(format!("it cannot be read: {error}"));
                Vec::new()
            }
        }
    }

    fn load_state(&self, kept: StoredState) {
        let entries = kept.releases;
        tracing::info!(releases = entries.len(), heard_at = %kept.heard_at.rfc3339(), "read the last known good");
        if !entries.is_empty() {
            let (revision, cluster) = (kept.revision, kept.cluster);
            // Set before any of these releases is visible.
            self.store.set_stale(Some(kept.heard_at));
            self.store.adopt(Listing { revision, cluster, entries, damaged: Vec::new() });
        }
        if let Some((tokens, list)) = self.tokens.as_ref().zip(kept.tokens) {
            tokens.accept_from_disk(list, (self.clock)());
            tokens.set_stale(Some(kept.heard_at));
        }
    }

    /// Calls [`SnapshotStore::apply`]. New releases are on disk before any reader sees them.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] when the task panicked: list again.
    pub(super) async fn apply(self: &Arc<Self>, entries: Vec<Entry>) -> Result<Applied, ChannelError> {
        self.run_blocking(move |this| {
            this.journal_then(this.new_batch(&entries, this.store.head()), || this.store.apply(entries))
        })
        .await
    }

    /// Calls [`SnapshotStore::adopt`]. New releases are on disk before any reader sees them.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] when the task panicked: list again.
    pub(super) async fn adopt(self: &Arc<Self>, listing: Listing) -> Result<Applied, ChannelError> {
        self.run_blocking(move |this| {
            let head = Head { revision: listing.revision, cluster: listing.cluster };
            this.journal_then(this.new_batch(&listing.entries, Some(head)), || this.store.adopt(listing))
        })
        .await
    }

    /// Calls [`KnownTokens::accept`]. The list is on disk before it counts.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] when the task panicked: read again.
    pub(super) async fn take(self: &Arc<Self>, list: TokenList) -> Result<(), ChannelError> {
        self.run_blocking(move |this| {
            let Some(tokens) = &this.tokens else { return };
            let is_new = tokens.list().is_none_or(|held| held.version <= list.version && *held != list);
            let heard_at = this.store.stale_since().unwrap_or_else(this.clock);
            let record = || JournalBatch {
                root: this.root.clone(),
                heard_at,
                whole: None,
                releases: Vec::new(),
                tokens: Some(list.clone()),
            };
            this.journal_then(is_new.then(record), || tokens.accept(list));
        })
        .await
    }

    /// Runs work with the disk outside of the threads that answer.
    async fn run_blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, ChannelError> {
        let this = Arc::clone(self);
        Ok(spawn_blocking(move || work(&this)).await?)
    }

    /// Returns a journal batch with the entries that are not in the store yet, if any.
    fn new_batch(&self, entries: &[Entry], head: Option<Head>) -> Option<JournalBatch> {
        let is_new = |entry: &&Entry| {
            let held = self.store.entry(&entry.config.to_string());
            held.is_none_or(|held| {
                let (new, old) = (&entry.meta, &held.meta);
                new.seq > old.seq || (new.seq == old.seq && new.sha256 != old.sha256)
            })
        };
        let releases: Vec<_> = entries.iter().filter(is_new).cloned().collect();
        (!releases.is_empty()).then(|| JournalBatch {
            root: self.root.clone(),
            heard_at: (self.clock)(),
            whole: self.store.is_empty().then(|| head.map_or((0, 0), |head| (head.revision, head.cluster))),
            releases,
            tokens: None,
        })
    }

    /// Makes a change visible after it is written to the journal. A failed journal write does not delay readers.
    fn journal_then<T>(&self, record: Option<JournalBatch>, show: impl FnOnce() -> T) -> T {
        let mut journal = self.journal.lock();
        if let Some(record) = record {
            match journal.append(&record) {
                Ok(()) if journal.is_long() => self.long.notify_one(),
                Ok(()) => {}
                Err(error) => self.report_journal_problem(format!("it cannot be written: {error}")),
            }
        }
        show()
    }

    /// Renames an unusable file with `word` in its name, and reports `why`.
    fn rename_unusable(&self, word: &str, why: &str) {
        match file::rename_unusable(&self.folder, NAME, word, (self.clock)()) {
            Ok(aside) => self.report_file_problem(format!("{why}; renamed to {aside}")),
            Err(error) => self.report_file_problem(format!("{why}; it cannot be renamed: {error}")),
        }
    }

    /// Returns the background task that writes.
    pub fn task(self: &Arc<Self>) -> Task {
        let this = Arc::clone(self);
        Task::looping("last_good", Lang::task_last_good, move |task| Arc::clone(&this).keep(task))
    }

    /// Writes changes until the stop, and then once more.
    async fn keep(self: Arc<Self>, task: TaskHandle) {
        let run = async {
            loop {
                self.wait_for_change().await;
                let pause = loop {
                    match self.save().await {
                        Ok(pause) => break pause,
                        Err(why) => {
                            task.failed("disk", &why);
                            task.next_in(RETRY_DELAY);
                            sleep(RETRY_DELAY).await;
                        }
                    }
                };
                task.ran();
                tokio::select! {
                    () = sleep(pause) => {}
                    () = self.long.notified() => {}
                }
            }
        };
        task.until_stopped(run).await;
        let _ = self.save().await;
    }

    async fn wait_for_change(&self) {
        match &self.tokens {
            None => self.store.wait_for_change().await,
            Some(tokens) => tokio::select! {
                () = self.store.wait_for_change() => {}
                () = tokens.wait_for_change() => {}
            },
        }
    }

    /// Writes the file outside of the threads that answer. Returns the delay before the next write.
    ///
    /// # Errors
    /// The reason for which it could not be written.
    async fn save(self: &Arc<Self>) -> Result<Duration, String> {
        let (began, this) = (Instant::now(), Arc::clone(self));
        let written = spawn_blocking(move || this.write()).await.map_err(|_| "the task panicked".to_owned());
        match written.flatten() {
            Ok(written) => {
                if written {
                    self.recover();
                }
                Ok(MIN_WRITE_INTERVAL.max(began.elapsed() * INTERVAL_PER_WRITE_TIME))
            }
            Err(why) => {
                self.report_file_problem(format!("it cannot be written: {why}"));
                Err(why)
            }
        }
    }

    /// Writes the file. Returns false if the store is empty: then a file on disk is better.
    fn write(&self) -> Result<bool, String> {
        let _alone = self.writing.lock();
        let mut journal = self.journal.lock();
        let entries = self.store.entries();
        if entries.is_empty() {
            return Ok(false);
        }
        journal.rotate();
        let (head, now) = (self.store.head(), (self.clock)());
        let kept = StoredState {
            root: self.root.clone(),
            heard_at: self.store.stale_since().unwrap_or(now),
            revision: head.map_or(0, |head| head.revision),
            cluster: head.map_or(0, |head| head.cluster),
            tokens: self.tokens.as_ref().and_then(|tokens| tokens.list()).map(|list| (*list).clone()),
            releases: entries,
        };
        drop(journal);
        file::write(&self.folder, &kept).map_err(|error| error.to_string())?;
        if let Err(error) = journal::remove_earlier(&self.folder) {
            self.report_journal_problem(format!("it cannot be removed: {error}"));
        }
        Ok(true)
    }

    /// Clears the problems after a write of the file. Those of the journal are cleared only if the store is up to date.
    fn recover(&self) {
        self.problems.lock().file = None;
        let is_whole = self.problems.lock().journal.is_some() && self.store.stale_since().is_none();
        if is_whole && self.journal.lock().open().is_ok() {
            self.problems.lock().journal = None;
        }
    }

    /// Returns the problems on disk, for people.
    pub fn problem(&self) -> Option<String> {
        let trouble = self.problems.lock();
        let problems: Vec<&str> = [&trouble.file, &trouble.journal].into_iter().flatten().map(String::as_str).collect();
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    fn report_file_problem(&self, why: String) {
        self.report(|trouble| &mut trouble.file, NAME, format!("the last known good: {why}"));
    }

    fn report_journal_problem(&self, why: String) {
        let said = format!("the journal of the last known good: {why}");
        self.report(|trouble| &mut trouble.journal, journal::NAME, said);
    }

    /// Keeps a problem for later display, and logs it once.
    fn report(&self, slot: fn(&mut DiskProblems) -> &mut Option<String>, name: &str, said: String) {
        // Only the log has the folder, because the problem is shown without authentication.
        let mut trouble = self.problems.lock();
        let place = slot(&mut trouble);
        if place.as_ref() != Some(&said) {
            tracing::warn!(file = %self.folder.join(name).display(), "{said}");
            *place = Some(said);
        }
    }
}
