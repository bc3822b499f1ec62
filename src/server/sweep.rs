//! Deletes expired sessions, and records in the database when tokens were last used.

use std::{sync::Arc, time::Duration};

use crate::{auth::tokens::TokenCache, service::Service, tasks::Task, texts::Lang};

/// Interval between two runs.
const INTERVAL: Duration = Duration::from_secs(60);

/// Returns the background task that sweeps.
pub fn task(service: Service, table: Arc<TokenCache>) -> Task {
    Task::periodic("sweep", Lang::task_sweep, INTERVAL, move || {
        let (service, table) = (service.clone(), table.clone());
        async move {
            let uses = table.take_uses();
            service.sweep(uses.clone()).await.inspect_err(|_| table.put_back_uses(&uses))
        }
    })
}
