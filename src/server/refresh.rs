//! What this process copies from SQL now and then: the tokens that readers check. And what it sweeps away.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{auth::tokens::Table, domain::error::Result, service::Service};

/// A new or revoked token is known this soon, whichever process made or revoked it.
const EVERY: Duration = Duration::from_secs(1);
/// However many ask for a token that is not known, the tokens are not read more often.
const AT_MOST_EVERY: Duration = Duration::from_millis(100);
/// How often uses are written back and old sessions swept.
const SWEEP: Duration = Duration::from_secs(60);

/// Copies the living tokens.
///
/// # Errors
/// [`crate::domain::error::Error::Unavailable`] when the database does not answer.
pub async fn tokens(service: &Service, table: &Table) -> Result<()> {
    table.refresh(service.known_tokens()).await
}

/// Copies and sweeps, for ever. Without the database, readers go on with the tokens that they know.
pub async fn run(service: Service, table: Arc<Table>) {
    let mut sweep_at = Instant::now() + SWEEP;
    loop {
        let began = Instant::now();
        match tokens(&service, &table).await {
            Ok(()) if began >= sweep_at => {
                sweep_at = began + SWEEP;
                sweep(&service, &table).await;
            }
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(error = %error, "the tokens cannot be read; readers go on with those they know");
            }
        }
        let done = Instant::now();
        tokio::select! {
            () = sleep_until(done + EVERY) => {}
            () = table.rung() => sleep_until(done + AT_MOST_EVERY).await,
        }
    }
}

async fn sweep(service: &Service, table: &Table) {
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
