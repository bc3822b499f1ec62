//! Records when tokens were used and deletes expired sessions.

use std::{sync::Arc, time::Duration};

use crate::{auth::tokens::Table, service::Service, tasks::Task, texts::Lang};

/// Interval between two runs.
const INTERVAL: Duration = Duration::from_secs(60);

/// Returns the background task that sweeps.
#[must_use]
pub fn task(service: Service, table: Arc<Table>) -> Task {
    Task::periodic("sweep", Lang::task_sweep, INTERVAL, move || {
        let (service, table) = (service.clone(), table.clone());
        async move {
            service.sweep().await?;
            // Taken only now, because the table keeps them while the database does not answer.
            let uses = table.take_uses();
            if uses.is_empty() { Ok(()) } else { service.tokens_used(uses).await }
        }
    })
}
