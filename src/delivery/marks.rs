//! Has the database know what is delivered, when no publish takes the marks along.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{hold::write_marks, publisher::Publisher};

/// How long marks wait: on SQLite for a publish that takes them along, elsewhere for a pause between two publishes.
const SOON: Duration = Duration::from_millis(25);
/// The pause after marks could not be written.
const PAUSE: Duration = Duration::from_secs(1);

impl Publisher {
    /// Writes marks that nobody takes along in a moment, until told to stop: what a worker left is written by itself.
    pub(super) async fn write_what_is_delivered(self) {
        let behind = async {
            loop {
                self.dispatch.marks.there().await;
                let _ = timeout(SOON, self.dispatch.marks.wanted()).await;
                if let Err(error) = write_marks(&self.db, &self.dispatch).await {
                    tracing::warn!(error = %error, "what is delivered cannot be marked; trying again");
                    sleep(PAUSE).await;
                }
            }
        };
        self.stop.run_until_cancelled(behind).await;
    }
}
