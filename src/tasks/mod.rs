//! Background tasks. One driver starts, watches, restarts and ends all work that belongs to the process.
//!
//! Work of a single request, connection or lease is not a background task. Its owner spawns it.

mod progress;
#[cfg(test)]
mod tests;

use std::{any::Any, fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    domain::{error::Result, time::Time},
    metrics::TaskMetrics,
    texts::Lang,
};

pub use self::progress::{TaskFailure, TaskHandle, TaskState, TaskStatus};

/// Delay before the first restart. It doubles with each further restart, up to [`MAX_RESTART_DELAY`].
const RESTART_DELAY: Duration = Duration::from_secs(1);
/// Maximum delay before a restart.
const MAX_RESTART_DELAY: Duration = Duration::from_secs(60);
/// Time after which a task counts as stable. Its next restart waits for [`RESTART_DELAY`] again.
const STABLE_AFTER: Duration = Duration::from_secs(60);

/// The names of a task.
#[derive(Clone, Copy, Debug)]
pub struct TaskName {
    /// Its label in metrics, `/readyz` and the log, in snake case.
    pub label: &'static str,
    /// Its name in plain words, for people.
    pub title: fn(Lang) -> &'static str,
}

/// A background task that is not started yet.
pub struct Task {
    name: TaskName,
    work: Box<dyn Fn(TaskHandle) -> BoxFuture<'static, ()> + Send + Sync>,
}

impl Task {
    /// Returns a task that decides itself when it runs. `work` is called at the start and for each restart. It reports
    /// its runs to the handle and returns soon after [`TaskHandle::stop`] is cancelled.
    pub fn looping<F>(
        label: &'static str,
        title: fn(Lang) -> &'static str,
        work: impl Fn(TaskHandle) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { name: TaskName { label, title }, work: Box::new(move |handle| work(handle).boxed()) }
    }

    /// Returns a task that calls `run` again and again. The pause between two runs is 90 to 100 % of
    /// `interval`, at random, so that nodes do not all run at once. At the stop the current run is dropped.
    pub fn periodic<F>(
        label: &'static str,
        title: fn(Lang) -> &'static str,
        interval: Duration,
        run: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let run = Arc::new(run);
        Self::looping(label, title, move |task| {
            let run = Arc::clone(&run);
            async move { _ = task.until_stopped(repeat(interval, &task, &*run)).await }
        })
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.name.label).finish_non_exhaustive()
    }
}

async fn repeat<F: Future<Output = Result<()>>>(interval: Duration, task: &TaskHandle, run: &impl Fn() -> F) {
    let mut is_failing = false;
    loop {
        let pause = interval.mul_f64(rand::random_range(0.9..=1.0));
        task.next_in(pause);
        sleep(pause).await;
        match run().await {
            Ok(()) => {
                is_failing = false;
                task.ran();
            }
            Err(error) => {
                // Only the first of several failures is logged, because they may last for hours.
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(task = task.label(), error = %error, "a background task failed, retrying");
                }
                task.failed(error.name(), &error);
            }
        }
    }
}

/// The driver of all background tasks of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TaskDriver {
    clock: fn() -> Time,
    stop: CancellationToken,
    running: TaskTracker,
    /// In the order of their start.
    started: Arc<Mutex<Vec<TaskHandle>>>,
    metrics: Arc<TaskMetrics>,
}

impl TaskDriver {
    /// Returns a driver without tasks. `stop` stops all of them.
    pub fn new(clock: fn() -> Time, stop: CancellationToken) -> Self {
        Self { clock, stop, running: TaskTracker::new(), started: Arc::default(), metrics: Arc::default() }
    }

    /// Returns the token that is cancelled when the tasks have to end.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Starts tasks. A task that panics or returns before the stop is logged, counted and restarted.
    pub fn start(&self, tasks: impl IntoIterator<Item = Task>) {
        for task in tasks {
            let handle = TaskHandle::new(task.name, self.stop.clone(), self.clock, &self.metrics);
            handle.started();
            self.started.lock().push(handle.clone());
            self.running.spawn(supervise(task, handle));
        }
    }

    /// Stops all tasks and waits until each has ended. It has no deadline of its own.
    pub async fn end(&self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }

    /// Returns the status of every task, in the order of their start.
    pub fn statuses(&self) -> Vec<TaskStatus> {
        self.started.lock().iter().map(TaskHandle::status).collect()
    }

    /// Returns the labels of the tasks that have not ended.
    pub fn unfinished(&self) -> Vec<&'static str> {
        let is_unfinished = |status: &TaskStatus| status.state != TaskState::Stopped;
        self.statuses().into_iter().filter(is_unfinished).map(|status| status.name.label).collect()
    }

    /// Returns the metrics of the tasks.
    pub fn metrics(&self) -> &TaskMetrics {
        &self.metrics
    }
}

/// Runs a task until the stop. Restarts it when it ends earlier.
async fn supervise(task: Task, handle: TaskHandle) {
    let (mut delay, mut is_last) = (RESTART_DELAY, false);
    loop {
        let began = Instant::now();
        // `work` is called inside of the future, so that a panic before its first await is caught, too.
        let work = async { (task.work)(handle.clone()).await };
        let outcome = AssertUnwindSafe(work).catch_unwind().await;
        if outcome.is_ok() && handle.stop().is_cancelled() {
            return handle.ended();
        }
        let (kind, why) = match outcome {
            Err(panic) => ("panicked", panic_text(&*panic)),
            Ok(()) => ("ended", "it returned before the stop"),
        };
        if began.elapsed() >= STABLE_AFTER {
            delay = RESTART_DELAY;
        }
        tracing::error!(task = handle.label(), error = why, restart_in = ?delay, "a background task {kind}");
        handle.failed(kind, &format_args!("{kind}: {why}"));
        handle.ended();
        if is_last {
            return;
        }
        handle.next_in(delay);
        // A stop ends the delay early. The task then runs once more to complete its work, such as open deliveries.
        is_last = handle.until_stopped(sleep(delay)).await.is_none();
        handle.started();
        delay = (delay * 2).min(MAX_RESTART_DELAY);
    }
}

/// Returns the message of a panic, if it is not formatted. A formatted message may contain values of configs. For example,
/// the message about an invalid string slice contains the string.
pub fn panic_text(panic: &(dyn Any + Send)) -> &'static str {
    panic.downcast_ref::<&'static str>().copied().unwrap_or("its message is not logged, because it may hold values")
}
