//! Shutdown of a server, in three consecutive states.
//!
//! - draining: the server reports that it is not ready, so that load balancers send it no more requests.
//! - closing: it accepts no more connections, ends streams and long polls, and answers what is in flight.
//! - stopped: background tasks deliver what they hold, release locks and end.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{tasks::TaskDriver, traces::TraceExport};

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
}

impl Shutdown {
    /// Returns a shutdown that begins when `draining` is cancelled.
    pub fn new(draining: CancellationToken) -> Self {
        Self { draining, closing: CancellationToken::new() }
    }

    /// Serves until `draining`, then goes through the states within a timeout. Traces are flushed after the last task.
    pub async fn run(self, serving: impl Future<Output = ()>, tasks: TaskDriver, traces: Option<TraceExport>) {
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
            // Accepted releases that are not delivered are delivered at the next start, or by another node.
            tasks.end().await;
            if let Some(traces) = traces {
                traces.end().await;
            }
        };
        let late = async {
            self.draining.cancelled().await;
            sleep(SHUTDOWN_TIMEOUT).await;
        };
        tokio::select! {
            () = orderly => {}
            () = late => tracing::warn!(tasks = ?tasks.unfinished(), "shutdown: background tasks are cut off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, io, sync::Arc};

    use parking_lot::Mutex;
    use tokio::time::Instant;

    use super::*;
    use crate::{clock, tasks::Task};

    /// The lines of a log.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Shuts down with these tasks. Returns how long that took, and the log.
    async fn shut_down(list: impl IntoIterator<Item = Task>) -> (Duration, String) {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _log = tracing::subscriber::set_default(log);
        let (draining, tasks) = (CancellationToken::new(), TaskDriver::new(clock::now, CancellationToken::new()));
        tasks.start(list);
        let shutdown = Shutdown::new(draining.clone());
        let closing = shutdown.closing.clone();
        draining.cancel();
        let began = Instant::now();
        shutdown.run(async move { closing.cancelled().await }, tasks, None).await;
        let log = String::from_utf8(lines.0.lock().clone()).unwrap();
        (began.elapsed(), log)
    }

    /// A task that needs some seconds to end after the stop.
    fn slow(label: &'static str, seconds: u64) -> Task {
        Task::looping(
            label,
            |_| "slow",
            move |task| async move {
                task.stop().cancelled().await;
                sleep(Duration::from_secs(seconds)).await;
            },
        )
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_waits_for_all_tasks() {
        let (took, log) = shut_down([slow("slow", 5), slow("quick", 0)]).await;
        assert_eq!(took, DRAINING_TIME + Duration::from_secs(5));
        assert_eq!(log, "");
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_ends_at_its_deadline_and_names_the_task_that_hangs() {
        let (took, log) = shut_down([slow("quick", 0), Task::looping("hanging", |_| "hanging", |_| pending())]).await;
        assert_eq!(took, SHUTDOWN_TIMEOUT);
        assert!(log.contains("hanging") && !log.contains("quick"), "{log}");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_cut_off_at_their_deadline() {
        let (shutdown, tasks) =
            (Shutdown::new(CancellationToken::new()), TaskDriver::new(clock::now, CancellationToken::new()));
        let (stop, closing) = (tasks.stop().clone(), shutdown.closing.clone());
        shutdown.draining.cancel();
        let running = tokio::spawn(shutdown.run(pending(), tasks, None));
        let began = Instant::now();
        closing.cancelled().await;
        assert_eq!(began.elapsed(), DRAINING_TIME);
        stop.cancelled().await;
        assert_eq!(began.elapsed(), DRAINING_TIME + CLOSING_TIMEOUT);
        running.await.unwrap();
    }
}
