//! The end of a server, in its order: it says that it is no longer ready, so that nobody sends it more; then it ends
//! streams and polls and answers what is under way; then deliveries end and locks are freed; then what was told of all this
//! is sent to the collector of traces. All of it has a deadline.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{tasks::TaskDriver, traces::Exporting};

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
}

impl Leaving {
    /// The steps that begin with `told`.
    #[must_use]
    pub fn new(told: CancellationToken) -> Self {
        Self { told, closing: CancellationToken::new() }
    }

    /// Serves until told to end, then goes through the steps.
    pub async fn run(self, serving: impl Future<Output = ()>, tasks: TaskDriver, traces: Option<Exporting>) {
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
            // Releases that are accepted and not delivered go out at the next start, or from another node.
            tasks.end().await;
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
            () = late => {
                tracing::warn!(tasks = ?tasks.unfinished(), "ending without background tasks that have not ended");
            }
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
        let (told, tasks) = (CancellationToken::new(), TaskDriver::new(clock::now, CancellationToken::new()));
        tasks.start(list);
        let leaving = Leaving::new(told.clone());
        let closing = leaving.closing.clone();
        told.cancel();
        let began = Instant::now();
        leaving.run(async move { closing.cancelled().await }, tasks, None).await;
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
        assert_eq!(took, NOTICE + Duration::from_secs(5));
        assert_eq!(log, "");
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_ends_at_its_deadline_and_names_the_task_that_hangs() {
        let (took, log) = shut_down([slow("quick", 0), Task::looping("hanging", |_| "hanging", |_| pending())]).await;
        assert_eq!(took, WHOLE);
        assert!(log.contains("hanging") && !log.contains("quick"), "{log}");
    }
}
