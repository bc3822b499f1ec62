//! Shutdown of a server, in three states that follow on one another.
//!
//! - draining: the server reports that it is not ready, so that load balancers send it no more requests.
//! - closing: it accepts no more connections, ends streams and long polls, and answers what is in flight.
//! - stopped: background tasks deliver what they hold, release locks and end.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Time for which a draining server still accepts requests, so that load balancers notice.
const DRAINING_TIME: Duration = Duration::from_secs(1);
/// Maximum time for the answers of a closing server.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(18);
/// Maximum time of the whole shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(25);

/// The states of a shutdown. Each token is cancelled when its state begins.
#[derive(Clone, Debug)]
pub struct Shutdown {
    /// The server reports that it is not ready.
    pub draining: CancellationToken,
    /// The server accepts no more connections, and streams and long polls end.
    pub closing: CancellationToken,
    /// All requests are answered, and background tasks end.
    pub stopped: CancellationToken,
}

impl Shutdown {
    /// A shutdown that begins when `draining` is cancelled.
    #[must_use]
    pub fn new(draining: CancellationToken) -> Self {
        Self { draining, closing: CancellationToken::new(), stopped: CancellationToken::new() }
    }

    /// Serves until `draining`, then goes through the states within a timeout. `flush` runs last.
    pub async fn run(self, serving: impl Future<Output = ()>, tasks: TaskTracker, flush: impl Future<Output = ()>) {
        let orderly = async {
            let closed = async {
                self.draining.cancelled().await;
                sleep(DRAINING_TIME).await;
                self.closing.cancel();
                sleep(CLOSING_TIMEOUT).await;
            };
            tokio::select! {
                () = serving => {}
                () = closed => tracing::warn!("shutdown: some requests are cut off without an answer"),
            }
            self.stopped.cancel();
            tasks.close();
            // Accepted releases that are not delivered are delivered at the next start, or by another node.
            tasks.wait().await;
            flush.await;
        };
        let late = async {
            self.draining.cancelled().await;
            sleep(SHUTDOWN_TIMEOUT).await;
        };
        tokio::select! {
            () = orderly => {}
            () = late => tracing::warn!("shutdown: some background tasks are cut off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn states_follow_on_one_another_within_the_timeout() {
        let (shutdown, tasks) = (Shutdown::new(CancellationToken::new()), TaskTracker::new());
        tasks.spawn(pending::<()>());
        let running = tokio::spawn(shutdown.clone().run(pending(), tasks, async {}));
        shutdown.draining.cancel();
        let began = Instant::now();
        shutdown.closing.cancelled().await;
        assert_eq!(began.elapsed().as_secs(), DRAINING_TIME.as_secs());
        shutdown.stopped.cancelled().await;
        assert_eq!(began.elapsed().as_secs(), (DRAINING_TIME + CLOSING_TIMEOUT).as_secs());
        running.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), SHUTDOWN_TIMEOUT.as_secs());
    }

    #[tokio::test]
    async fn traces_are_flushed_after_the_last_task() {
        let (shutdown, tasks) = (Shutdown::new(CancellationToken::new()), TaskTracker::new());
        let task = tasks.spawn(shutdown.stopped.clone().cancelled_owned());
        shutdown.draining.cancel();
        shutdown.run(async {}, tasks, async { assert!(task.is_finished()) }).await;
    }
}
