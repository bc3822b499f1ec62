//! What this process copies from SQL now and then: the tokens that readers check. And what it sweeps away.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::{auth::tokens::Table, domain::error::Result, service::Service};

/// A new or revoked token is known this soon, whichever process made or revoked it.
const EVERY: Duration = Duration::from_secs(1);
/// Every so many rounds, uses are written back and old sessions swept.
const ROUNDS: u32 = 60;

/// Copies the living tokens.
///
/// # Errors
/// [`crate::domain::error::Error::Unavailable`] when the database does not answer.
pub async fn tokens(service: &Service, table: &Table) -> Result<()> {
    table.replace(service.living_tokens().await?);
    Ok(())
}

/// Copies and sweeps, for ever. Without the database, readers go on with the tokens that they know.
pub async fn run(service: Service, table: Arc<Table>) {
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 1u32.. {
        every.tick().await;
        if let Err(error) = tokens(&service, &table).await {
            tracing::warn!(error = %error, "the tokens cannot be read; readers go on with those they know");
            continue;
        }
        if round % ROUNDS == 0 {
            let uses = table.take_uses();
            let swept = async {
                if !uses.is_empty() {
                    service.tokens_used(uses).await?;
                }
                service.sweep().await
            };
            if let Err(error) = swept.await {
                tracing::warn!(error = %error, "old sessions cannot be swept; trying again in a minute");
            }
        }
    }
}
