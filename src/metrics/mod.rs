//! All metrics and their names.
//!
//! Each part of the server creates and owns its metrics. The handler of `/metrics` registers them all in a
//! [`Registry`], which is not global, so parallel tests do not share one. Handles are created once, so counting is an
//! atomic addition without a look-up of labels. `/metrics` needs no log-in, so no label is finer than an environment.

mod parts;
mod process;
mod tasks;

pub use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Metric,
};

pub use parts::{
    ChannelFailure, ChannelMetrics, ConnectionMetrics, DeliveryMetrics, EnvOutbox, FeedMetrics, ReadKind, ReadMetrics,
    RequestMetrics, ServerPart, SqlFailure, SqlMetrics, StateMetrics, WaiterKind,
};
pub use process::ProcessMetrics;
pub use tasks::{TaskMeter, TaskMetrics};

/// All metrics that `/metrics` shows.
#[derive(Debug, Default)]
pub struct Registry(prometheus_client::registry::Registry);

impl Registry {
    /// Adds a metric. Its help ends without a full stop, which the library appends.
    fn add(&mut self, name: &str, help: &str, metric: &(impl Metric + Clone)) {
        self.0.register(name, help, metric.clone());
    }

    /// Writes all metrics as text for Prometheus.
    pub fn text(&self, form: TextFormat) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.0).expect("writing to a string does not fail");
        match form {
            TextFormat::OpenMetrics => text,
            TextFormat::Classic => classic(&text),
        }
    }
}

/// Text formats that Prometheus reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus text format 0.0.4: `HELP` and `TYPE` lines of a counter include `_total`, and there is no `# EOF`.
    Classic,
}

fn classic(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        if let Some(of) = line.strip_prefix("# HELP ") {
            help = of.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|of| of.split_once(' ')) {
            let end = if kind == "counter" { "_total" } else { "" };
            let about = help.take().map_or("", |(_, about)| about);
            told += &format!("# HELP {name}{end} {about}\n# TYPE {name}{end} {kind}\n");
        } else if line != "# EOF" {
            told += line;
            told.push('\n');
        }
    }
    told
}

/// Label set with one label.
type Label = [(&'static str, &'static str); 1];
/// Label set with two labels.
type Labels = [(&'static str, &'static str); 2];
/// Label set with the name of an environment.
type EnvLabel = [(&'static str, String); 1];

/// Creates a histogram for SQL statements and etcd requests: from a fraction of a millisecond to their deadline.
fn short_histogram() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

/// Creates a histogram for operations that people wait for: from 5 ms to 5 minutes.
fn long_histogram() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0])
}

/// Creates all members of a family.
fn members_of<L, M, const N: usize>(family: &Family<L, M, fn() -> M>, labels: [L; N]) -> [M; N]
where
    L: Clone + std::hash::Hash + Eq + EncodeLabelSet,
    M: Clone,
{
    labels.map(|labels| family.get_or_create_owned(&labels))
}

fn counters<L: Clone + std::hash::Hash + Eq>() -> Family<L, Counter, fn() -> Counter> {
    Family::new_with_constructor(Counter::default)
}

fn gauges<L: Clone + std::hash::Hash + Eq>() -> Family<L, Gauge, fn() -> Gauge> {
    Family::new_with_constructor(Gauge::default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classic_text_has_total_in_help_and_type_of_counters() {
        let (mut registry, sql) = (Registry::default(), SqlMetrics::default());
        sql.register(&mut registry);
        sql.failed(SqlFailure::Timeout);
        let modern = registry.text(TextFormat::OpenMetrics);
        assert!(modern.contains("# TYPE trimtab_sql_failures counter\n") && modern.ends_with("# EOF\n"), "{modern}");
        let classic = registry.text(TextFormat::Classic);
        for line in [
            "# HELP trimtab_sql_failures_total Statements that failed.\n# TYPE trimtab_sql_failures_total counter\n",
            "trimtab_sql_failures_total{reason=\"timeout\"} 1\n",
            "# TYPE trimtab_sql_commit_seconds histogram\n",
        ] {
            assert!(classic.contains(line), "{line} in {classic}");
        }
        assert!(!classic.contains("EOF"));
    }
}
