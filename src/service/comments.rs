//! The comments of live items, for the search. The documents that a node holds for its readers have none, so they are
//! read from the database once for each release and kept. A release never changes, so what is kept stays true.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{sync, time::timeout};
use tracing::Instrument;

use super::Service;
use crate::{
    compute,
    domain::{change::ChangeId, error::Result, names::ConfigId},
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

/// The comments that were read, by config.
#[derive(Debug, Default)]
pub(super) struct LiveComments {
    known: Mutex<KnownComments>,
    /// Held by the only task that reads.
    reader: Arc<sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct KnownComments {
    by_config: HashMap<ConfigId, (u64, ChangeId, ReleaseComments)>,
    bytes: usize,
}

impl LiveComments {
    fn get(&self, of: &LiveItems) -> Option<ReleaseComments> {
        let known = self.known.lock();
        let (seq, change, comments) = known.by_config.get(&of.config)?;
        (*seq == of.seq && *change == of.change).then(|| Arc::clone(comments))
    }

    fn add(&self, of: LiveItems, comments: ReleaseComments) {
        let mut known = self.known.lock();
        if let Some((.., old)) = known.by_config.remove(&of.config) {
            known.bytes -= size(&old);
        }
        if known.bytes + size(&comments) <= MAX_BYTES {
            known.bytes += size(&comments);
            known.by_config.insert(of.config, (of.seq, of.change, comments));
        }
    }
}

fn size(comments: &ReleaseComments) -> usize {
    comments.iter().map(|(key, comment)| key.len() + comment.len()).sum()
}

impl Service {
    /// Returns the comments of those releases that have been read, and the number of the others.
    pub(super) async fn live_comments(&self, releases: Vec<LiveItems>) -> (Vec<(ConfigId, ReleaseComments)>, usize) {
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
        let all = releases.len();
        let known = releases.into_iter().filter_map(|of| self.comments.get(&of).map(|comments| (of.config, comments)));
        let known: Vec<_> = known.collect();
        let left = all - known.len();
        (known, left)
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

    fn of(config: &str, seq: u64) -> LiveItems {
        let change = "018f2f6e-0000-7000-8000-000000000000".parse().unwrap();
        LiveItems { config: config.parse().unwrap(), seq, change }
    }

    #[test]
    fn comments_are_kept_for_one_release_of_each_config_up_to_the_maximum_size() {
        let comments = LiveComments::default();
        let large = |bytes| -> ReleaseComments { vec![(String::new(), "x".repeat(bytes))].into() };
        comments.add(of("prod/shop/a", 1), large(MAX_BYTES));
        comments.add(of("prod/shop/b", 1), large(1));
        assert!(comments.get(&of("prod/shop/a", 1)).is_some() && comments.get(&of("prod/shop/b", 1)).is_none());
        comments.add(of("prod/shop/a", 2), large(1));
        assert!(comments.get(&of("prod/shop/a", 1)).is_none() && comments.get(&of("prod/shop/a", 2)).is_some());
        comments.add(of("prod/shop/b", 1), large(MAX_BYTES - 1));
        assert!(comments.get(&of("prod/shop/b", 1)).is_some());
    }
}
