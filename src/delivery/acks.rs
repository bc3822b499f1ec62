//! Stores delivery acknowledgements that no publish stores.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::publisher::Publisher;
use crate::tasks::TaskHandle;

/// Delay before acknowledgements are stored. It leaves them to the next publish on SQLite, and to a pause between two
/// publishes elsewhere.
const DELAY: Duration = Duration::from_millis(25);
/// Delay before another try to store acknowledgements.
const RETRY_DELAY: Duration = Duration::from_secs(1);

impl Publisher {
    /// Stores pending acknowledgements after a short delay, until the stop.
    pub(super) async fn keep_acks_stored(self, task: TaskHandle) {
        let acks = &self.dispatch.fast_path.acks;
        let due = async || {
            acks.wait_nonempty().await;
            let _ = timeout(DELAY, acks.wait_flush_requested()).await;
        };
        // Only the waits end at the stop. A transaction that has begun runs to its end.
        while task.until_stopped(due()).await.is_some() {
            match self.flush_acks().await {
                Ok(()) => task.ran(),
                Err(error) => {
                    tracing::warn!(
                        error = %error,
                        "delivery acknowledgements could not be stored, retrying in {} s",
                        RETRY_DELAY.as_secs()
                    );
                    task.failed(error.name(), &error);
                    task.next_in(RETRY_DELAY);
                    task.until_stopped(sleep(RETRY_DELAY)).await;
                }
            }
        }
    }
}
