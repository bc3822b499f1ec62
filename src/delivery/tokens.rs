//! What reader nodes have to know of tokens: from SQL into the channel.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::publisher::unavailable;
use crate::{
    auth::tokens::Table,
    channel::{Channel, ListedToken, TokenList},
    domain::{
        error::{Error, Part, Result},
        token::Token,
    },
    service::{Service, now},
};

/// How often both are compared, though nothing changed.
const EVERY: Duration = Duration::from_secs(30);
/// How soon again when one of them did not answer: as soon as it is back.
const AGAIN: Duration = Duration::from_secs(2);
/// How often other nodes may be quicker.
const TRIES: u32 = 5;

/// Writes the tokens into the channel whenever `table` hears of a change and where they are not those of the database,
/// for ever.
pub async fn keep_tokens(service: Service, channel: Channel, table: Arc<Table>) {
    let mut changes = table.changes();
    // The first list is a new one in any case: reader nodes that had one of a database which was since restored from a
    // backup take that of this one.
    let mut anew = true;
    loop {
        match write(&service, &channel, anew).await {
            Ok(()) => {
                anew = false;
                // Whether it was a change or time, both are compared.
                let _ = timeout(EVERY, changes.changed()).await;
            }
            Err(error) => {
                tracing::warn!(error = %error, "reader nodes do not hear of tokens; trying again");
                sleep(AGAIN).await;
            }
        }
    }
}

/// Writes the tokens into the channel where they are not those of the database.
///
/// # Errors
/// [`Error::Unavailable`] when SQL or the channel does not answer, or the channel does not take them.
pub async fn write_tokens(service: &Service, channel: &Channel) -> Result<()> {
    write(service, channel, false).await
}

async fn write(service: &Service, channel: &Channel, anew: bool) -> Result<()> {
    for _ in 0..TRIES {
        // In this order: whatever another node writes after the first look has been read before ours, or keeps ours out.
        let there = channel.tokens(0).await.map_err(unavailable)?;
        let tokens = listed(service.known_tokens().await?);
        let version = match &there.list {
            // Tokens that ended stay for a day, so a database without any is a new one; all that lies there has ended,
            // or is another installation's.
            Some(_) if tokens.is_empty() => return Ok(()),
            Some(list) if list.tokens == tokens && !anew => return Ok(()),
            Some(list) => now().0.max(list.version.saturating_add(1)),
            None => now().0,
        };
        let list = TokenList { version, tokens };
        if channel.put_tokens(&list, there.written).await.map_err(unavailable)? {
            return Ok(());
        }
    }
    Err(Error::Unavailable { part: Part::Channel, detail: "other nodes write the tokens all the time".into() })
}

/// In the order of their ids, so that equal lists are equal.
fn listed(tokens: Vec<Token>) -> Vec<ListedToken> {
    let mut listed: Vec<ListedToken> = tokens.into_iter().map(ListedToken::from).collect();
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    listed
}
