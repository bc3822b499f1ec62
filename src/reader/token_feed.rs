//! Follows the tokens of the channel on a reader node.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    feed::{BackOff, in_time},
    known_tokens::KnownTokens,
    last_good::LastGood,
};
use crate::{
    channel::{Channel, Fault, Tokens},
    domain::time::Time,
};

/// How long a watch is trusted before everything is read again.
const AGAIN: Duration = Duration::from_secs(30);
/// Interval between reads of a list that was refused: its time may come.
const REFUSED_AGAIN: Duration = Duration::from_secs(2);
/// However many ask for a token that is not known, the channel is not asked more often.
const AT_MOST_EVERY: Duration = Duration::from_millis(100);

impl KnownTokens {
    /// Copies what the channel has until `stop`, and at once when somebody shows a token that is not known. With `kept`,
    /// it is on disk before it counts.
    pub async fn follow(
        &self,
        channel: &Channel,
        kept: Option<&Arc<LastGood>>,
        clock: fn() -> Time,
        stop: CancellationToken,
    ) {
        stop.run_until_cancelled(async {
            let (mut heard, mut back_off) = (clock(), BackOff::new());
            loop {
                back_off.begin();
                let Err(fault) = self.round(channel, kept, clock, &mut heard).await else { continue };
                if fault != Fault::Compacted {
                    self.set_stale(Some(heard));
                    tracing::warn!(tokens.fault = %fault, "tokens are no longer heard of, trying again");
                }
                back_off.rest().await;
            }
        })
        .await;
    }

    /// One look at all tokens and the watch that follows it, until that ends or is old enough.
    async fn round(
        &self,
        channel: &Channel,
        kept: Option<&Arc<LastGood>>,
        clock: fn() -> Time,
        heard: &mut Time,
    ) -> Result<(), Fault> {
        let (revision, mut written) = self.look(channel, kept, 0).await?;
        let mut looked = Instant::now();
        *heard = clock();
        self.set_stale(None);

        let mut watch = in_time("watch", channel.watch_tokens(revision)).await?;
        let old = sleep(AGAIN);
        tokio::pin!(old);
        loop {
            tokio::select! {
                there = watch.next() => {
                    *heard = clock();
                    self.take_in(there?, kept).await?;
                }
                () = sleep(REFUSED_AGAIN), if self.refused().is_some() => {
                    written = self.look(channel, kept, 0).await?.1.max(written);
                }
                () = self.table.rung() => {
                    sleep_until(looked + AT_MOST_EVERY).await;
                    // A refused list may be one that is taken by now.
                    let since = if self.refused().is_some() { 0 } else { written };
                    written = self.look(channel, kept, since).await?.1.max(written);
                    looked = Instant::now();
                }
                () = &mut old => return Ok(()),
            }
        }
    }

    /// Takes over what was written after the revision `since`, for all who wait for a newer list. Gives where the
    /// channel is, and the revision that wrote what was taken.
    async fn look(&self, channel: &Channel, kept: Option<&Arc<LastGood>>, since: i64) -> Result<(i64, i64), Fault> {
        let look = async {
            let there = in_time("tokens", channel.tokens(since)).await?;
            let (revision, written) = (there.revision, there.written);
            self.take_in(there, kept).await?;
            Ok((revision, written))
        };
        self.table.answer(look).await
    }

    pub(super) async fn take_in(&self, there: Tokens, kept: Option<&Arc<LastGood>>) -> Result<(), Fault> {
        if let Some(why) = there.refused {
            self.refuse(why);
        }
        match (there.list, kept) {
            (Some(list), Some(kept)) => kept.take(list).await?,
            (Some(list), None) => self.take(list),
            // Nothing that is newer, or nothing at all: what is known stays.
            (None, _) => {}
        }
        Ok(())
    }
}
