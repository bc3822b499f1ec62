//! Copies tokens from SQL into the table that reads check.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    auth::tokens::TokenCache,
    domain::error::Result,
    service::Service,
    tasks::{Task, TaskHandle},
    texts::Lang,
};

/// Interval between copies, and so the maximum delay until a new or revoked token is known.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// Minimum interval between copies, however many requests have an unknown token.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_millis(100);

/// Copies the tokens once.
///
/// # Errors
/// [`crate::domain::error::Error::Unavailable`] if the database does not answer.
pub async fn tokens(service: &Service, table: &TokenCache) -> Result<()> {
    table.refresh(service.known_tokens()).await
}

/// Returns the background task that copies the tokens.
pub fn task(service: Service, table: Arc<TokenCache>) -> Task {
    Task::looping("token_refresh", Lang::task_token_refresh, move |task| {
        let (service, table) = (service.clone(), table.clone());
        async move { _ = task.until_stopped(run(&service, &table, &task)).await }
    })
}

/// Copies every second, and when a request has an unknown token. While the database does not answer, the table stays as
/// it is.
async fn run(service: &Service, table: &TokenCache, task: &TaskHandle) {
    loop {
        match tokens(service, table).await {
            Ok(()) => task.ran(),
            Err(error) => {
                tracing::warn!(error = %error, "the tokens cannot be read; known tokens stay valid");
                task.failed(error.name(), &error);
            }
        }
        task.next_in(REFRESH_INTERVAL);
        let done = Instant::now();
        tokio::select! {
            () = sleep_until(done + REFRESH_INTERVAL) => {}
            () = table.refresh_requested() => sleep_until(done + MIN_REFRESH_INTERVAL).await,
        }
    }
}
