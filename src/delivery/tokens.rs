//! What reader nodes have to know of tokens: from SQL into the channel.

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
};

/// How often both are compared, though nothing changed.
const EVERY: Duration = Duration::from_secs(30);
/// Delay before the comparison after a foreign write, so that two installations on the same keys do not chase one another.
const SOON: Duration = Duration::from_millis(500);
/// How soon again when one of them did not answer: as soon as it is back.
const AGAIN: Duration = Duration::from_secs(2);
/// How often other nodes may be quicker.
const TRIES: u32 = 5;

/// Writes the tokens into the channel where they are not those of the database, for ever: whenever `table` hears of a
/// change, somebody else writes there, or a reader node tells that it holds a later list.
pub async fn keep_tokens(service: Service, channel: Channel, table: Arc<Table>) {
    let (mut changes, mut upsets) = (table.changes(), channel.upsets());
    // The first list is a new one in any case: reader nodes that had one of a database which was since restored from a
    // backup take that of this one.
    let (mut anew, mut watch) = (true, None);
    loop {
        upsets.mark_unchanged();
        let revision = match write(&service, &channel, anew).await {
            Ok(revision) => revision,
            Err(error) => {
                tracing::warn!(error = %error, "reader nodes do not hear of tokens; trying again");
                sleep(AGAIN).await;
                continue;
            }
        };
        anew = false;
        if watch.is_none() {
            // Without one, the next comparison comes by itself.
            watch = channel.watch_tokens(revision).await.ok();
        }
        tokio::select! {
            // Whether it was a change or time, both are compared.
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

/// Waits until somebody writes the tokens.
async fn next(watch: &mut Option<TokenWatch>) -> Result<(), Fault> {
    match watch {
        Some(watch) => watch.next().await.map(drop),
        None => std::future::pending().await,
    }
}

/// Writes the tokens into the channel where they are not those of the database.
///
/// # Errors
/// [`Error::Unavailable`] when SQL or the channel does not answer, or the channel does not take them.
pub async fn write_tokens(service: &Service, channel: &Channel) -> Result<()> {
    write(service, channel, false).await.map(drop)
}

/// Gives the revision at which the channel was looked at.
async fn write(service: &Service, channel: &Channel, anew: bool) -> Result<i64> {
    let ahead = channel.ahead().await.map_err(unavailable)?.tokens;
    for _ in 0..TRIES {
        // In this order: whatever another node writes after the first look has been read before ours, or keeps ours out.
        let there = channel.tokens(0).await.map_err(unavailable)?;
        let tokens = listed(service.known_tokens().await?);
        let is_behind = ahead > there.list.as_ref().map(|list| list.version);
        match &there.list {
            // A new database beside an old channel takes nothing away.
            Some(_) if tokens.is_empty() && service.is_new().await? => return Ok(there.revision),
            Some(list) if list.tokens == tokens && !anew && !is_behind => return Ok(there.revision),
            _ => {}
        }
        if let Some(why) = there.refused {
            tracing::error!(reason = %why, "somebody else wrote the tokens in etcd; they are written again");
        } else if is_behind {
            tracing::error!(
                version = ahead,
                "a reader node holds other tokens of a later version; they are written again"
            );
        }
        let list = TokenList { version: version(&there, ahead)?, tokens };
        if channel.put_tokens(&list, there.written).await.map_err(unavailable)? {
            return Ok(there.revision);
        }
    }
    Err(Error::Unavailable { part: Part::Channel, detail: "other nodes write the tokens all the time".into() })
}

/// The time, but later than the list that lies there and than those that readers hold.
fn version(there: &Tokens, ahead: Option<u64>) -> Result<u64> {
    let before = there.list.as_ref().map(|list| list.version).max(ahead);
    let time = u64::try_from(now().0).unwrap_or_default();
    Ok(time.max(before.map_or(Ok(0), numbers::after)?))
}

/// In the order of their ids, so that equal lists are equal.
fn listed(tokens: Vec<Token>) -> Vec<ListedToken> {
    let mut listed: Vec<ListedToken> = tokens.into_iter().map(ListedToken::from).collect();
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    listed
}
