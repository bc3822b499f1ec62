//! Metrics of this process, under the names that Prometheus clients commonly use.

use std::{fs, time::SystemTime};

use prometheus_client::metrics::gauge::Gauge;

use super::{Label, Registry, gauges};

/// Memory, open files and start time of the process. Values that the system does not provide stay 0.
#[derive(Debug, Default)]
pub struct ProcessMetrics {
    memory: Gauge,
    files: Gauge,
    uptime: Gauge,
    start: Gauge,
}

impl ProcessMetrics {
    /// Creates the metrics, with the present as start time.
    pub fn new() -> Self {
        let process = Self::default();
        process.start.set(unix_seconds());
        process
    }

    /// Updates all values.
    pub fn update(&self) {
        self.memory.set(resident_bytes().unwrap_or_default());
        let files = fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or_default();
        self.files.set(i64::try_from(files).unwrap_or(i64::MAX));
        self.uptime.set(unix_seconds() - self.start.get());
    }

    /// Registers the metrics under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.add("process_resident_memory_bytes", "Resident memory", &self.memory);
        registry.add("process_open_fds", "Open files", &self.files);
        registry.add("process_start_time_seconds", "Start time", &self.start);
        registry.add("trimtab_uptime_seconds", "Time since the start", &self.uptime);
        let builds = gauges::<Label>();
        builds.get_or_create_owned(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        registry.add("trimtab_build_info", "Version of this build", &builds);
    }
}

fn unix_seconds() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Reads `/proc/self/status`, which counts in kibibytes whatever the page size.
fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<i64>().ok().map(|kib| kib * 1024)
}
