//! What is counted, and under which names: the one place that knows both.
//!
//! Each part of the server owns its counters and makes them itself; whoever answers `/metrics` registers them all
//! ([`Registry`] is no global, so tests do not meet in it). A handle is made once, and counting is an atomic addition:
//! no label is looked up on the way of a request. Labels name environments at the most, because anybody may look.

mod parts;
mod process;

pub use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
};

pub use parts::{
    ChannelFailure, Channels, Connections, Deliveries, EnvDue, Feeding, Part, Reads, Requests, Sql, SqlFailure, State,
    Waiting, What,
};
pub use process::Process;

/// All that is told under `/metrics`.
#[derive(Debug, Default)]
pub struct Registry(prometheus_client::registry::Registry);

impl Registry {
    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self, form: Form) -> String {
        let mut told = String::new();
        text::encode(&mut told, &self.0).expect("writing to a string does not fail");
        match form {
            Form::OpenMetrics => told,
            Form::Classic => classic(&told),
        }
    }
}

/// The two forms of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The older one of Prometheus, version 0.0.4: what is said of a counter is said of its whole name, and no line ends it.
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

/// One label.
type Label = [(&'static str, &'static str); 1];
/// Two labels.
type Labels = [(&'static str, &'static str); 2];
/// Of an environment.
type OfEnv = [(&'static str, String); 1];

/// Seconds that a statement or a request of etcd takes: from a fraction of a millisecond to its deadline.
fn quick() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

/// Seconds that something takes which people wait for.
fn slow() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0])
}

/// A family of which all members are made at once.
fn made<L, M, const N: usize>(family: &Family<L, M, fn() -> M>, labels: [L; N]) -> [M; N]
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
    fn a_counter_has_its_whole_name_in_the_older_form() {
        let (mut registry, sql) = (Registry::default(), Sql::default());
        sql.register(&mut registry);
        sql.failed(SqlFailure::Late);
        let modern = registry.text(Form::OpenMetrics);
        assert!(modern.contains("# TYPE trimtab_sql_failures counter\n") && modern.ends_with("# EOF\n"), "{modern}");
        let classic = registry.text(Form::Classic);
        for line in [
            "# HELP trimtab_sql_failures_total Statements that failed.\n# TYPE trimtab_sql_failures_total counter\n",
            "trimtab_sql_failures_total{reason=\"late\"} 1\n",
            "# TYPE trimtab_sql_commit_seconds histogram\n",
        ] {
            assert!(classic.contains(line), "{line} in {classic}");
        }
        assert!(!classic.contains("EOF"));
    }
}
