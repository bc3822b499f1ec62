//! Writes the tokens that reader nodes accept from SQL into the channel.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::failure::unavailable;
use crate::{
    auth::tokens::TokenCache,
    channel::{Channel, ChannelError, ListedToken, TokenList, TokenListing, TokenWatch},
    domain::{
        error::{Dependency, Error, Result},
        numbers,
        token::Token,
    },
    service::{Service, now},
    tasks::{Task, TaskHandle},
    texts::Lang,
};

/// Interval between comparisons without a change.
const COMPARE_INTERVAL: Duration = Duration::from_secs(30);
/// Delay before the comparison after a foreign write. It limits the rate at which two installations on the same keys
/// overwrite each other's lists.
const DISTURBANCE_DELAY: Duration = Duration::from_millis(500);
/// Delay before a retry when SQL or the channel did not answer.
const RETRY_DELAY: Duration = Duration::from_secs(2);
/// Maximum number of compare-and-set retries.
const MAX_RETRIES: u32 = 5;

/// Returns the background task that writes the tokens into the channel.
pub fn tokens_task(service: Service, channel: Channel, table: Arc<TokenCache>) -> Task {
    Task::looping("reader_tokens", Lang::task_reader_tokens, move |task| {
        let (service, channel, table) = (service.clone(), channel.clone(), Arc::clone(&table));
        async move { _ = task.until_stopped(keep_tokens(&service, &channel, &table, &task)).await }
    })
}

/// Keeps the tokens in the channel equal to those of the database, for ever. It compares them when `table` reports a
/// change, after a foreign write, and when a reader node holds a later list.
async fn keep_tokens(service: &Service, channel: &Channel, table: &TokenCache, task: &TaskHandle) {
    let (mut changes, mut disturbances) = (table.changes(), channel.disturbances());
    // The first write always creates a new version: reader nodes may have a list of a database that was since restored
    // from a backup.
    let (mut anew, mut watch) = (true, None);
    loop {
        disturbances.mark_unchanged();
        let revision = match write(service, channel, anew).await {
            Ok(revision) => revision,
            Err(error) => {
                tracing::warn!(error = %error, "the tokens for reader nodes could not be written, retrying");
                task.failed(error.name(), &error);
                task.next_in(RETRY_DELAY);
                sleep(RETRY_DELAY).await;
                continue;
            }
        };
        anew = false;
        task.ran();
        task.next_in(COMPARE_INTERVAL);
        if watch.is_none() {
            // If this fails, the next comparison opens the watch.
            watch = channel.watch_tokens(revision).await.ok();
        }
        tokio::select! {
            // Both a change and the timeout lead to a comparison.
            _ = timeout(COMPARE_INTERVAL, changes.changed()) => {}
            _ = disturbances.changed() => sleep(DISTURBANCE_DELAY).await,
            moved = next(&mut watch) => {
                if moved.is_err() {
                    watch = None;
                }
                sleep(DISTURBANCE_DELAY).await;
            }
        }
    }
}

/// Waits until the tokens in the channel change.
async fn next(watch: &mut Option<TokenWatch>) -> Result<(), ChannelError> {
    match watch {
        Some(watch) => watch.next().await.map(drop),
        None => std::future::pending().await,
    }
}

/// Writes the tokens into the channel unless they equal those of the database.
///
/// # Errors
/// [`Error::Unavailable`] when SQL or the channel does not answer, or the channel refuses them.
pub async fn write_tokens(service: &Service, channel: &Channel) -> Result<()> {
    write(service, channel, false).await.map(drop)
}

/// Writes the tokens if needed. Returns the revision at which the channel was read.
async fn write(service: &Service, channel: &Channel, anew: bool) -> Result<i64> {
    let ahead = channel.ahead().await.map_err(unavailable)?.tokens;
    for _ in 0..MAX_RETRIES {
        // The channel comes first: if another node writes a newer list meanwhile, this write fails its compare.
        let there = channel.tokens(0).await.map_err(unavailable)?;
        let tokens = sorted(service.known_tokens().await?);
        let is_behind = ahead > there.list.as_ref().map(|list| list.version);
        match &there.list {
            // A new database beside an old channel does not remove its tokens.
            Some(_) if tokens.is_empty() && service.is_new().await? => return Ok(there.revision),
            Some(list) if list.tokens == tokens && !anew && !is_behind => return Ok(there.revision),
            _ => {}
        }
        if let Some(why) = there.refused {
            tracing::error!(reason = %why, "the list of tokens in etcd is a foreign write, replacing it");
        } else if is_behind {
            tracing::error!(version = ahead, "a reader node holds a later list of tokens, writing a still later one");
        }
        let list = TokenList { version: next_version(&there, ahead)?, tokens };
        if channel.put_tokens(&list, there.list_revision).await.map_err(unavailable)? {
            return Ok(there.revision);
        }
    }
    Err(Error::Unavailable { part: Dependency::Channel, detail: "other nodes changed the tokens at each try".into() })
}

/// Returns a version later than the channel's list and those of reader nodes: usually the time.
fn next_version(listing: &TokenListing, ahead: Option<u64>) -> Result<u64> {
    let before = listing.list.as_ref().map(|list| list.version).max(ahead);
    let time = u64::try_from(now().0).unwrap_or_default();
    Ok(time.max(before.map_or(Ok(0), numbers::next)?))
}

/// Sorts tokens by id, so that lists can be compared.
fn sorted(tokens: Vec<Token>) -> Vec<ListedToken> {
    let mut listed: Vec<ListedToken> = tokens.into_iter().map(ListedToken::from).collect();
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    listed
}
