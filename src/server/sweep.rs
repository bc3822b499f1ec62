//! Deletes expired sessions, and records in the database when tokens were last used.

use std::{sync::Arc, time::Duration};

use crate::{auth::tokens::TokenCache, service::Service, tasks::Task, texts::Lang};

/// Interval between two runs.
const INTERVAL: Duration = Duration::from_secs(60);

/// Returns the background task that sweeps.
#[must_use]
pub fn task(service: Service, table: Arc<TokenCache>) -> Task {
    Task::periodic("sweep", Lang::task_sweep, INTERVAL, move || {
        let (service, table) = (service.clone(), table.clone());
        async move {
            service.sweep().await?;
            // Only after the database has answered, because the table keeps the uses until then.
            let uses = table.take_uses();
            if uses.is_empty() { Ok(()) } else { service.tokens_used(uses).await }
        }
    })
}
