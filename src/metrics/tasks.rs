//! The metrics of background tasks.

use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};

use super::{Label, Registry, counters, gauges};

/// The metrics of all background tasks.
#[derive(Debug)]
pub struct TaskMetrics {
    runs: Family<Label, Counter, fn() -> Counter>,
    failures: Family<Label, Counter, fn() -> Counter>,
    /// A task that never succeeded has no value here, because a zero would mean the year 1970.
    last_success: Family<Label, Gauge, fn() -> Gauge>,
}

impl Default for TaskMetrics {
    fn default() -> Self {
        Self { runs: counters(), failures: counters(), last_success: gauges() }
    }
}

impl TaskMetrics {
    /// Returns the meter of a task.
    pub fn meter(&self, task: &'static str) -> TaskMeter {
        let label = [("task", task)];
        TaskMeter {
            runs: self.runs.get_or_create_owned(&label),
            failures: self.failures.get_or_create_owned(&label),
            last_success: self.last_success.clone(),
            label,
        }
    }

    /// Registers the metrics under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.add("trimtab_task_runs", "Finished runs of a background task, failed ones included", &self.runs);
        registry.add(
            "trimtab_task_failures",
            "Failed runs, panics and unexpected ends of a background task",
            &self.failures,
        );
        registry.add(
            "trimtab_task_last_success_timestamp_seconds",
            "Time of the last successful run of a background task",
            &self.last_success,
        );
    }
}

/// The metrics of one background task.
#[derive(Clone, Debug)]
pub struct TaskMeter {
    runs: Counter,
    failures: Counter,
    last_success: Family<Label, Gauge, fn() -> Gauge>,
    label: Label,
}

impl TaskMeter {
    /// Counts a successful run that ended at this time, in seconds since 1970.
    pub fn succeeded(&self, at: i64) {
        self.runs.inc();
        self.last_success.get_or_create(&self.label).set(at);
    }

    /// Counts a failed run.
    pub fn failed(&self) {
        self.runs.inc();
        self.failures.inc();
    }

    /// Returns the number of finished runs.
    pub fn runs(&self) -> u64 {
        self.runs.get()
    }

    /// Returns the number of failed runs.
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }
}
