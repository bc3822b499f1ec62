//! The comments of live items, for the search. The documents that a node holds for its readers have none, so they are
//! read from the database once for each release and kept. A release never changes, so what is kept stays true.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync, time::timeout};
use tracing::Instrument;

use super::Service;
use crate::{
    compute,
    domain::{change::ChangeId, entry::Entry, error::Result, names::ConfigId},
};

/// Maximum time that a search waits for comments. Reading continues afterwards, and later searches have the others.
const READ_TIMEOUT: Duration = Duration::from_millis(50);
/// Maximum size of all comments with their keys, in bytes. Beyond it the comments of other configs are not searched.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Keys and comments of a release, without empty comments.
type ReleaseComments = Arc<[(String, String)]>;

/// A live release of a `kv` config. The change is a part of its identity, because a restored database assigns numbers a
/// second time.
#[derive(Clone, Debug)]
pub(super) struct LiveItems {
    pub config: ConfigId,
    pub seq: u64,
    pub change: ChangeId,
}

/// Numbers of configs whose comments a search left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkippedComments {
    /// Configs whose comments are still being read.
    pub unread: usize,
    /// Configs whose comments exceed the maximum size of all comments.
    pub too_large: usize,
}

/// The comments that were read, by config.
#[derive(Debug, Default)]
pub(super) struct LiveComments {
    known: Mutex<KnownComments>,
    /// Held by the only task that reads.
    reader: Arc<sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct KnownComments {
    by_config: HashMap<ConfigId, (u64, ChangeId, KeptComments)>,
    bytes: usize,
}

/// The comments of a release, if there was room for them.
#[derive(Clone, Debug)]
enum KeptComments {
    Kept(ReleaseComments),
    /// Their size, in bytes. They are read again once there is room.
    TooLarge(usize),
}

impl LiveComments {
    /// Returns the comments of a release, or `None` if they have to be read.
    fn get(&self, of: &LiveItems) -> Option<KeptComments> {
        let known = self.known.lock();
        let (seq, change, comments) = known.by_config.get(&of.config)?;
        let has_room = matches!(comments, KeptComments::TooLarge(bytes) if known.bytes + bytes <= MAX_BYTES);
        (*seq == of.seq && *change == of.change && !has_room).then(|| comments.clone())
    }

    fn add(&self, of: LiveItems, comments: ReleaseComments) {
        let mut known = self.known.lock();
        if let Some((_, _, KeptComments::Kept(old))) = known.by_config.remove(&of.config) {
            known.bytes -= size(&old);
        }
        let bytes = size(&comments);
        let comments = if known.bytes + bytes <= MAX_BYTES {
            known.bytes += bytes;
            KeptComments::Kept(comments)
        } else {
            KeptComments::TooLarge(bytes)
        };
        known.by_config.insert(of.config, (of.seq, of.change, comments));
    }

    /// Drops the comments of configs without a live document.
    pub fn keep_live(&self, documents: &[Entry]) {
        let mut known = self.known.lock();
        let KnownComments { by_config, bytes } = &mut *known;
        if by_config.is_empty() {
            return;
        }
        let live: HashSet<&ConfigId> = documents.iter().map(|entry| &entry.config).collect();
        by_config.retain(|config, (_, _, comments)| {
            let is_live = live.contains(config);
            if let KeptComments::Kept(gone) = comments
                && !is_live
            {
                *bytes -= size(gone);
            }
            is_live
        });
    }
}

fn size(comments: &ReleaseComments) -> usize {
    comments.iter().map(|(key, comment)| key.len() + comment.len()).sum()
}

impl Service {
    /// Returns the comments of those releases that are known, and counts the others.
    pub(super) async fn live_comments(
        &self,
        releases: Vec<LiveItems>,
    ) -> (Vec<(ConfigId, ReleaseComments)>, SkippedComments) {
        let missing: Vec<LiveItems> = releases.iter().filter(|of| self.comments.get(of).is_none()).cloned().collect();
        if !missing.is_empty()
            && let Ok(turn) = Arc::clone(&self.comments.reader).try_lock_owned()
        {
            let service = self.clone();
            let reading = async move {
                let _turn = turn;
                service.read_comments(missing).await
            };
            // A failure is in the log already, and the next search tries again.
            let _ = timeout(READ_TIMEOUT, tokio::spawn(compute::run_or_offload(reading).in_current_span())).await;
        }
        let (mut known, mut skipped) = (Vec::new(), SkippedComments::default());
        for of in releases {
            match self.comments.get(&of) {
                Some(KeptComments::Kept(comments)) => known.push((of.config, comments)),
                Some(KeptComments::TooLarge(_)) => skipped.too_large += 1,
                None => skipped.unread += 1,
            }
        }
        (known, skipped)
    }

    async fn read_comments(&self, missing: Vec<LiveItems>) -> Result<()> {
        for of in missing {
            // A connection for each, because nobody may use one for long.
            let comments = self.db.read().await?.comments(&of.config, of.seq, &of.change).await?;
            self.comments.add(of, comments.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        content::{Format, sha256},
        entry::Meta,
        time::Time,
    };

    fn of(config: &str, seq: u64) -> LiveItems {
        let change = "018f2f6e-0000-7000-8000-000000000000".parse().unwrap();
        LiveItems { config: config.parse().unwrap(), seq, change }
    }

    fn entry(config: &str) -> Entry {
        let meta = Meta {
            seq: 1,
            sha256: sha256(b"{}"),
            format: Format::Kv,
            author: "ana".to_owned(),
            message: String::new(),
            published_at: Time(0),
            change: of(config, 1).change,
        };
        Entry { config: config.parse().unwrap(), meta: Arc::new(meta), document: "{}".into() }
    }

    fn comments(bytes: usize) -> ReleaseComments {
        vec![(String::new(), "x".repeat(bytes))].into()
    }

    /// Returns whether the comments of a release are kept, or `None` if they would be read.
    fn is_kept(all: &LiveComments, of: &LiveItems) -> Option<bool> {
        all.get(of).map(|comments| matches!(comments, KeptComments::Kept(_)))
    }

    #[test]
    fn comments_are_kept_for_one_release_of_each_config_up_to_the_maximum_size() {
        let all = LiveComments::default();
        all.add(of("prod/shop/a", 1), comments(MAX_BYTES));
        all.add(of("prod/shop/b", 1), comments(1));
        assert_eq!(is_kept(&all, &of("prod/shop/a", 1)), Some(true));
        assert_eq!(is_kept(&all, &of("prod/shop/b", 1)), Some(false), "a second search does not read them again");
        assert_eq!(is_kept(&all, &of("prod/shop/b", 2)), None, "another release may be smaller");
        all.add(of("prod/shop/a", 2), comments(1));
        assert_eq!(is_kept(&all, &of("prod/shop/a", 1)), None);
        assert_eq!(is_kept(&all, &of("prod/shop/a", 2)), Some(true));
        assert_eq!(is_kept(&all, &of("prod/shop/b", 1)), None, "now there is room");
        all.add(of("prod/shop/b", 1), comments(MAX_BYTES - 1));
        assert_eq!(is_kept(&all, &of("prod/shop/b", 1)), Some(true));
    }

    #[test]
    fn configs_that_are_not_live_take_no_room() {
        let all = LiveComments::default();
        all.add(of("prod/shop/a", 1), comments(MAX_BYTES));
        all.add(of("prod/shop/b", 1), comments(1));
        all.keep_live(&[entry("prod/shop/b")]);
        assert_eq!(is_kept(&all, &of("prod/shop/a", 1)), None);
        assert_eq!(is_kept(&all, &of("prod/shop/b", 1)), None, "now there is room");
        all.add(of("prod/shop/b", 1), comments(MAX_BYTES));
        assert_eq!(is_kept(&all, &of("prod/shop/b", 1)), Some(true));
    }
}
