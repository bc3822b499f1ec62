//! The end of a server, in its order: it says that it is no longer ready, so that nobody sends it more; then it ends
//! streams and polls and answers what is under way; then deliveries end and locks are freed; then what was told of all this
//! is sent to the collector of traces. All of it has a deadline.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::traces::Exporting;

/// How long it still takes requests after it said that it is not ready: whoever sends them has to notice.
const NOTICE: Duration = Duration::from_secs(1);
/// How long what is under way may take to be answered.
const ANSWERS: Duration = Duration::from_secs(18);
/// How long all of it may take.
const WHOLE: Duration = Duration::from_secs(25);

/// The steps to the end.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// The server was told to end.
    pub told: CancellationToken,
    /// It takes no more connections, and ends streams and polls.
    pub closing: CancellationToken,
    /// Everybody is answered: deliveries and all that works in the background end.
    pub last: CancellationToken,
}

impl Leaving {
    /// The steps that begin with `told`.
    #[must_use]
    pub fn new(told: CancellationToken) -> Self {
        Self { told, closing: CancellationToken::new(), last: CancellationToken::new() }
    }

    /// Serves until told to end, then goes through the steps.
    pub async fn run(self, serving: impl Future<Output = ()>, tasks: TaskTracker, traces: Option<Exporting>) {
        let orderly = async {
            let closed = async {
                self.told.cancelled().await;
                sleep(NOTICE).await;
                self.closing.cancel();
                sleep(ANSWERS).await;
            };
            tokio::select! {
                () = serving => {}
                () = closed => tracing::warn!("some requests are not answered yet; they are cut off"),
            }
            self.last.cancel();
            tasks.close();
            // Releases that are accepted and not delivered go out at the next start, or from another node.
            tasks.wait().await;
            if let Some(traces) = traces {
                traces.end().await;
            }
        };
        let late = async {
            self.told.cancelled().await;
            sleep(WHOLE).await;
        };
        tokio::select! {
            () = orderly => {}
            () = late => tracing::warn!("ending without what still works in the background"),
        }
    }
}
