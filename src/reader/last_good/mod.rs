//! The last known good: all that a reader needs, on disk, for a start while nothing else answers.
//!
//! It is written soon after each change, not at each: a burst of releases costs one write. What is on disk may be behind,
//! never half: see `file`.

mod file;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use self::file::{Kept, Unread};
use super::{known_tokens::KnownTokens, shelf::Shelf};
use crate::{
    channel::{Entry, Listing},
    domain::time::Time,
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
    trouble: Mutex<Option<String>>,
    // A write that nobody waits for any more goes on.
    writing: Mutex<()>,
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
        let (folder, root) = (folder.to_owned(), root.to_owned());
        Arc::new(Self { folder, root, shelf, tokens, clock, trouble: Mutex::default(), writing: Mutex::default() })
    }

    /// Puts what is on disk on the shelf, which is stale from then on until the channel is heard. A file that cannot be
    /// used is set aside and named; nothing is served from it.
    pub async fn load(self: &Arc<Self>) {
        let this = Arc::clone(self);
        if let Err(panic) = spawn_blocking(move || this.read()).await {
            self.complain(format!("it cannot be read: {panic}"));
        }
    }

    fn read(&self) {
        match file::read(&self.folder) {
            Ok(kept) if kept.root == self.root => self.adopt(kept),
            Ok(kept) => self.set_aside("foreign", &format!("it is of etcd.root = {:?}", kept.root)),
            Err(Unread::Absent) => {}
            Err(Unread::Failed(error)) => self.complain(format!("it cannot be read: {error}")),
            Err(Unread::Damaged(why)) => self.set_aside("damaged", &why),
        }
    }

    fn adopt(&self, kept: Kept) {
        let entries: Vec<Entry> = kept.releases.into_iter().map(Entry::from).collect();
        tracing::info!(releases = entries.len(), heard_at = %kept.heard_at.rfc3339(), "read the last known good");
        let (revision, cluster) = (kept.revision, kept.cluster);
        // Before anything can be read of it.
        self.shelf.set_stale(Some(kept.heard_at));
        self.shelf.adopt(Listing { revision, cluster, entries, damaged: Vec::new() });
        if let Some((tokens, list)) = self.tokens.as_ref().zip(kept.tokens) {
            tokens.take(list);
            tokens.set_stale(Some(kept.heard_at));
        }
    }

    /// Renames the file: `word` says what is wrong with it, `why` in which way.
    fn set_aside(&self, word: &str, why: &str) {
        match file::set_aside(&self.folder, word, (self.clock)()) {
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
                sleep(pause.unwrap_or(EVERY)).await;
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
                    self.trouble().take();
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
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = self.shelf.entries();
        if entries.is_empty() {
            return Ok(false);
        }
        let (head, now) = (self.shelf.head(), (self.clock)());
        let kept = Kept {
            root: self.root.clone(),
            heard_at: self.shelf.stale_since().unwrap_or(now),
            revision: head.map_or(0, |head| head.revision),
            cluster: head.map_or(0, |head| head.cluster),
            tokens: self.tokens.as_ref().and_then(|tokens| tokens.list()).map(|list| (*list).clone()),
            releases: entries.into_iter().map(Into::into).collect(),
        };
        file::write(&self.folder, &kept).map_err(|error| error.to_string())?;
        Ok(true)
    }

    /// What is wrong with the file, for people; none when it is good.
    #[must_use]
    pub fn trouble_now(&self) -> Option<String> {
        self.trouble().clone()
    }

    /// Keeps what is wrong for whoever asks, and says it once.
    fn complain(&self, why: String) {
        // Anybody may ask for it: the folder is said in the log alone.
        let said = format!("the last known good: {why}");
        let mut trouble = self.trouble();
        if trouble.as_ref() != Some(&said) {
            tracing::warn!(file = %self.folder.join(NAME).display(), "{said}");
            *trouble = Some(said);
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
