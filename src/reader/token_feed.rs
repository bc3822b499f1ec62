//! Keeps the tokens of a reader node up to date from the channel.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::{
    feed::{BackOff, in_time},
    known_tokens::KnownTokens,
    last_good::LastGood,
};
use crate::{
    channel::{Channel, ChannelError, TokenListing},
    domain::time::Time,
    tasks::{Task, TaskHandle},
    texts::Lang,
};

/// Lifetime of a watch before the list is read again.
const REREAD_INTERVAL: Duration = Duration::from_secs(30);
/// Interval between reads of a refused list, because its version is in the future only for a while.
const REFUSED_REREAD_INTERVAL: Duration = Duration::from_secs(2);
/// Minimum interval between reads of the channel because of unknown tokens.
const MIN_LOOKUP_INTERVAL: Duration = Duration::from_millis(100);

impl KnownTokens {
    /// Returns the background task that copies the channel's list.
    pub fn task(self: &Arc<Self>, channel: Channel, kept: Option<Arc<LastGood>>, clock: fn() -> Time) -> Task {
        let tokens = Arc::clone(self);
        Task::looping("known_tokens", Lang::task_known_tokens, move |task| {
            let (tokens, channel, kept) = (Arc::clone(&tokens), channel.clone(), kept.clone());
            async move { _ = task.until_stopped(tokens.follow(&channel, kept.as_ref(), clock, &task)).await }
        })
    }

    /// Copies the channel's list for ever, and at once when a request has an unknown token. With `kept`, a list is on
    /// disk before it counts.
    pub(super) async fn follow(
        &self,
        channel: &Channel,
        kept: Option<&Arc<LastGood>>,
        clock: fn() -> Time,
        task: &TaskHandle,
    ) {
        let (mut heard, mut back_off) = (clock(), BackOff::new());
        loop {
            back_off.begin();
            let Err(error) = self.round(channel, kept, clock, &mut heard, task).await else { continue };
            if error != ChannelError::Compacted {
                self.set_stale(Some(heard));
                tracing::warn!(error = %error, "etcd watch of the tokens failed, retrying");
                task.failed(error.name(), &error);
            }
            back_off.delay().await;
        }
    }

    /// Reads the list, then watches it until the watch ends or is old enough.
    async fn round(
        &self,
        channel: &Channel,
        kept: Option<&Arc<LastGood>>,
        clock: fn() -> Time,
        last_contact: &mut Time,
        task: &TaskHandle,
    ) -> Result<(), ChannelError> {
        let (revision, mut written) = self.read_list(channel, kept, 0).await?;
        let mut looked = Instant::now();
        *last_contact = clock();
        self.set_stale(None);
        task.ran();

        let mut watch = in_time("watch", channel.watch_tokens(revision)).await?;
        let old = sleep(REREAD_INTERVAL);
        tokio::pin!(old);
        loop {
            tokio::select! {
                there = watch.next() => {
                    *last_contact = clock();
                    self.handle_listing(there?, kept).await?;
                    task.ran();
                }
                () = sleep(REFUSED_REREAD_INTERVAL), if self.refused().is_some() => {
                    written = self.read_list(channel, kept, 0).await?.1.max(written);
                }
                () = self.table.refresh_requested() => {
                    sleep_until(looked + MIN_LOOKUP_INTERVAL).await;
                    // A refused list may be valid by now.
                    let since = if self.refused().is_some() { 0 } else { written };
                    written = self.read_list(channel, kept, since).await?.1.max(written);
                    looked = Instant::now();
                }
                () = &mut old => return Ok(()),
            }
        }
    }

    /// Reads and accepts a list written after the revision `since`, for all requests that wait for one. Returns the
    /// channel's revision, and the revision that wrote the list.
    async fn read_list(
        &self,
        channel: &Channel,
        kept: Option<&Arc<LastGood>>,
        since: i64,
    ) -> Result<(i64, i64), ChannelError> {
        let look = async {
            let there = in_time("tokens", channel.tokens(since)).await?;
            let (revision, written) = (there.revision, there.list_revision);
            self.handle_listing(there, kept).await?;
            Ok((revision, written))
        };
        self.table.answer_requests(look).await
    }

    pub(super) async fn handle_listing(
        &self,
        listing: TokenListing,
        kept: Option<&Arc<LastGood>>,
    ) -> Result<(), ChannelError> {
        if let Some(why) = listing.refused {
            self.refuse(why);
        }
        match (listing.list, kept) {
            (Some(list), Some(kept)) => kept.take(list).await?,
            (Some(list), None) => self.accept(list),
            // No newer list, or none at all: the present one stays.
            (None, _) => {}
        }
        Ok(())
    }
}
