//! Writes the tokens that reader nodes accept from SQL into the channel.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::failure::unavailable;
use crate::{
    auth::tokens::Table,
    channel::{Channel, Fault, ListedToken, TokenList, TokenWatch, Tokens},
    domain::{
        error::{Error, Part, Result},
        numbers,
        token::Token,
    },
    service::{Service, now},
    tasks::{Task, TaskHandle},
    texts::Lang,
};

/// Interval between comparisons without a change.
const EVERY: Duration = Duration::from_secs(30);
/// Delay before the comparison after a foreign write, so that two installations on the same keys do not chase one another.
const SOON: Duration = Duration::from_millis(500);
/// Delay before a retry when SQL or the channel did not answer.
const AGAIN: Duration = Duration::from_secs(2);
/// Maximum number of compare-and-set retries.
const TRIES: u32 = 5;

/// Returns the background task that writes the tokens into the channel.
#[must_use]
pub fn tokens_task(service: Service, channel: Channel, table: Arc<Table>) -> Task {
    Task::looping("reader_tokens", Lang::task_reader_tokens, move |task| {
        let (service, channel, table) = (service.clone(), channel.clone(), Arc::clone(&table));
        async move { _ = task.until_stopped(keep_tokens(&service, &channel, &table, &task)).await }
    })
}

/// Keeps the tokens in the channel equal to those of the database, for ever. It compares them when `table` reports a
/// change, after a foreign write, and when a reader node holds a later list.
async fn keep_tokens(service: &Service, channel: &Channel, table: &Table, task: &TaskHandle) {
    let (mut changes, mut upsets) = (table.changes(), channel.upsets());
    // The first write always creates a new version: reader nodes may have a list of a database that was since restored
    // from a backup.
    let (mut anew, mut watch) = (true, None);
    loop {
        upsets.mark_unchanged();
        let revision = match write(service, channel, anew).await {
            Ok(revision) => revision,
            Err(error) => {
                tracing::warn!(error = %error, "the tokens for reader nodes could not be written, retrying");
                task.failed(error.name(), &error);
                task.next_in(AGAIN);
                sleep(AGAIN).await;
                continue;
            }
        };
        anew = false;
        task.ran();
        task.next_in(EVERY);
        if watch.is_none() {
            // If this fails, the next comparison opens the watch.
            watch = channel.watch_tokens(revision).await.ok();
        }
        tokio::select! {
            // Both a change and the timeout lead to a comparison.
            _ = timeout(EVERY, changes.changed()) => {}
            _ = upsets.changed() => sleep(SOON).await,
            moved = next(&mut watch) => {
                if moved.is_err() {
                    watch = None;
                }
                sleep(SOON).await;
            }
        }
    }
}

/// Waits until the tokens in the channel change.
async fn next(watch: &mut Option<TokenWatch>) -> Result<(), Fault> {
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
    for _ in 0..TRIES {
        // The channel comes first: if another node writes a newer list meanwhile, this write fails its compare.
        let there = channel.tokens(0).await.map_err(unavailable)?;
        let tokens = listed(service.known_tokens().await?);
        let is_behind = ahead > there.list.as_ref().map(|list| list.version);
        match &there.list {
            // A new database beside an old channel does not remove its tokens.
            Some(_) if tokens.is_empty() && service.is_new().await? => return Ok(there.revision),
            Some(list) if list.tokens == tokens && !anew && !is_behind => return Ok(there.revision),
            _ => {}
        }
        if let Some(why) = there.refused {
            tracing::error!(reason = %why, "the tokens in etcd are a foreign write, writing them again");
        } else if is_behind {
            tracing::error!(version = ahead, "a reader node holds a later list of tokens, writing them again");
        }
        let list = TokenList { version: version(&there, ahead)?, tokens };
        if channel.put_tokens(&list, there.written).await.map_err(unavailable)? {
            return Ok(there.revision);
        }
    }
    Err(Error::Unavailable { part: Part::Channel, detail: "other nodes write the tokens all the time".into() })
}

/// Returns a version later than the channel's list and those of reader nodes: usually the time.
fn version(there: &Tokens, ahead: Option<u64>) -> Result<u64> {
    let before = there.list.as_ref().map(|list| list.version).max(ahead);
    let time = u64::try_from(now().0).unwrap_or_default();
    Ok(time.max(before.map_or(Ok(0), numbers::after)?))
}

/// Sorts tokens by id, so that lists can be compared.
fn listed(tokens: Vec<Token>) -> Vec<ListedToken> {
    let mut listed: Vec<ListedToken> = tokens.into_iter().map(ListedToken::from).collect();
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    listed
}
