//! Copies the tokens that readers check from SQL.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    auth::tokens::Table,
    domain::error::Result,
    service::Service,
    tasks::{Task, TaskHandle},
    texts::Lang,
};

/// A new or revoked token is known this soon, whichever process made or revoked it.
const EVERY: Duration = Duration::from_secs(1);
/// However many ask for a token that is not known, the tokens are not read more often.
const AT_MOST_EVERY: Duration = Duration::from_millis(100);

/// Copies the living tokens.
///
/// # Errors
/// [`crate::domain::error::Error::Unavailable`] when the database does not answer.
pub async fn tokens(service: &Service, table: &Table) -> Result<()> {
    table.refresh(service.known_tokens()).await
}

/// Returns the background task that copies the tokens.
#[must_use]
pub fn task(service: Service, table: Arc<Table>) -> Task {
    Task::looping("token_refresh", Lang::task_token_refresh, move |task| {
        let (service, table) = (service.clone(), table.clone());
        async move { _ = task.until_stopped(run(&service, &table, &task)).await }
    })
}

/// Copies every second and when somebody shows an unknown token. Without the database, readers go on with the tokens
/// that they know.
async fn run(service: &Service, table: &Table, task: &TaskHandle) {
    loop {
        match tokens(service, table).await {
            Ok(()) => task.ran(),
            Err(error) => {
                tracing::warn!(error = %error, "the tokens cannot be read; readers go on with those they know");
                task.failed(error.name(), &error);
            }
        }
        task.next_in(EVERY);
        let done = Instant::now();
        tokio::select! {
            () = sleep_until(done + EVERY) => {}
            () = table.rung() => sleep_until(done + AT_MOST_EVERY).await,
        }
    }
}
