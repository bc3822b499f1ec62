//! Reports of background tasks, and their status.

use std::{fmt::Display, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use super::TaskName;
use crate::{
    domain::time::Time,
    metrics::{TaskMeter, TaskMetrics},
};

/// Maximum length of a stored error text, in characters.
const MAX_ERROR_TEXT: usize = 500;

/// Reports the runs of a task to its driver and signals the stop to the task. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TaskHandle {
    stop: CancellationToken,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: TaskName,
    clock: fn() -> Time,
    meter: TaskMeter,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// The task is working, not waiting for a restart.
    is_up: bool,
    /// The last run failed.
    is_failing: bool,
    last_run: Option<Time>,
    next_run: Option<Time>,
    last_failure: Option<TaskFailure>,
}

/// A failed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFailure {
    /// The time of the failure.
    pub at: Time,
    /// A constant name of the failure, which may be shown to everybody.
    pub kind: &'static str,
    /// The error. It may name addresses, so only administrators see it.
    pub text: String,
}

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It works, or waits for an event.
    Running,
    /// It waits for the time of its next run.
    Waiting,
    /// Its last run failed. It is retried.
    Failing,
    /// It panicked or ended and is not restarted yet, or the server is shutting down.
    Stopped,
}

impl TaskState {
    /// Returns its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Failing => "failing",
            Self::Stopped => "stopped",
        }
    }
}

/// The status of a task at one moment.
#[derive(Clone, Debug)]
pub struct TaskStatus {
    /// Its name.
    pub name: TaskName,
    /// Its state.
    pub state: TaskState,
    /// The end of its last run, successful or not.
    pub last_run: Option<Time>,
    /// The time of its next run or restart, if it has one.
    pub next_run: Option<Time>,
    /// The last failure, even if later runs succeeded.
    pub last_failure: Option<TaskFailure>,
    /// Finished runs, failed ones included.
    pub runs: u64,
    /// Failed runs, panics and unexpected ends.
    pub failures: u64,
}

impl TaskHandle {
    pub(super) fn new(name: TaskName, stop: CancellationToken, clock: fn() -> Time, metrics: &TaskMetrics) -> Self {
        let (meter, progress) = (metrics.meter(name.label), Mutex::default());
        Self { stop, shared: Arc::new(Shared { name, clock, meter, progress }) }
    }

    /// Returns a handle for work that no driver watches and nothing stops.
    #[cfg(test)]
    pub fn unwatched() -> Self {
        let name = TaskName { label: "unwatched", title: |_| "unwatched" };
        Self::new(name, CancellationToken::new(), crate::clock::now, &TaskMetrics::default())
    }

    /// Returns the label of the task.
    pub fn label(&self) -> &'static str {
        self.shared.name.label
    }

    /// Returns the token that is cancelled when the task has to end.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Awaits `work`. Drops it at the stop and returns `None`.
    pub async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.stop.run_until_cancelled(work).await
    }

    /// Reports a successful run.
    pub fn ran(&self) {
        let mut progress = self.progress();
        let now = (self.shared.clock)();
        (progress.last_run, progress.next_run, progress.is_failing) = (Some(now), None, false);
        self.shared.meter.succeeded(now.0 / 1000);
    }

    /// Reports a failed run. `kind` may be shown to everybody, `error` only to administrators.
    pub fn failed(&self, kind: &'static str, error: &dyn Display) {
        let mut progress = self.progress();
        let now = (self.shared.clock)();
        (progress.last_run, progress.next_run, progress.is_failing) = (Some(now), None, true);
        let text = error.to_string().chars().take(MAX_ERROR_TEXT).collect();
        progress.last_failure = Some(TaskFailure { at: now, kind, text });
        self.shared.meter.failed();
    }

    /// Reports that the next run begins after `pause`, unless an event begins it sooner.
    pub fn next_in(&self, pause: Duration) {
        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        self.progress().next_run = Some((self.shared.clock)().plus_ms(pause));
    }

    pub(super) fn started(&self) {
        let mut progress = self.progress();
        (progress.is_up, progress.next_run) = (true, None);
    }

    pub(super) fn ended(&self) {
        let mut progress = self.progress();
        (progress.is_up, progress.next_run) = (false, None);
    }

    pub(super) fn status(&self) -> TaskStatus {
        let progress = self.progress();
        let now = (self.shared.clock)();
        let next_run = progress.next_run.filter(|next| *next > now);
        let state = match next_run {
            _ if !progress.is_up => TaskState::Stopped,
            _ if progress.is_failing => TaskState::Failing,
            Some(_) => TaskState::Waiting,
            None => TaskState::Running,
        };
        TaskStatus {
            name: self.shared.name,
            state,
            last_run: progress.last_run,
            next_run,
            last_failure: progress.last_failure.clone(),
            runs: self.shared.meter.runs(),
            failures: self.shared.meter.failures(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.shared.progress.lock()
    }
}
