//! Trace spans and their attributes. This is the only module that creates them.
//!
//! Only these spans go to the collector, no log lines and no spans of libraries. They must not contain values, tokens,
//! sessions or passwords. Therefore these functions take names, numbers and constant SQL texts, and no other content of
//! requests. Spans exist only below the span of a sampled request; otherwise, and while no collector is set, a function
//! returns `Span::none()`.

mod export;

use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

pub use export::{Collector, TraceExport, endpoint, headers, layer, start};

use crate::domain::{change::ChangeId, names::EnvName};

/// Target of these spans. It directs them to the collector and keeps them out of the log.
pub const TARGET: &str = "trimtab::span";

/// Creates a child of the current span, if that belongs to a sampled request.
macro_rules! within {
    ($($span:tt)*) => {
        if in_sampled_request() { info_span!(target: TARGET, $($span)*) } else { Span::none() }
    };
}

/// Creates a span of work that a worker does for a request, which may be answered already.
macro_rules! after {
    ($place:expr, $($span:tt)*) => {
        match $place {
            Some(TraceParent(there)) => {
                let span = info_span!(target: TARGET, $($span)*);
                // Fails only for a disabled span.
                let _ = span.set_parent(Context::new().with_remote_span_context(there.clone()));
                span
            }
            None => Span::none(),
        }
    };
}

/// Parent for spans of later work, in other tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(SpanContext);

/// Description of one round trip to the database.
#[derive(Clone, Debug)]
pub enum DbRoundTrip {
    /// One statement, described by the type name of an item inside the function that runs it.
    Function(&'static str),
    /// Statements that are sent together.
    Batch(Vec<&'static str>),
}

/// Creates the span of a request, if the request is sampled. `traceparent` sets the parent of the span. It does not
/// decide about sampling.
pub fn request(id: &str, method: &'static str, traceparent: Option<&str>) -> Span {
    if !is_collected() || !rand::random_bool(sample_rate()) {
        return Span::none();
    }
    let span = info_span!(
        target: TARGET,
        "request",
        otel.kind = "server",
        otel.name = method,
        otel.status_code = Empty,
        http.request.method = method,
        http.route = Empty,
        http.response.status_code = Empty,
        request.id = id,
    );
    if let Some(text) = traceparent.filter(|_| !span.is_disabled()) {
        let _ = span.set_parent(TraceContextPropagator::new().extract_with_context(&Context::new(), &Caller(text)));
    }
    span
}

/// Records the answer to a request. `route` is the pattern of its address.
pub fn answered(span: &Span, route: Option<&str>, status: u16) {
    if let Some(route) = route {
        span.record("http.route", route);
    }
    span.record("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.record("otel.status_code", "error");
    }
}

/// Creates the span of a use case.
pub fn use_case(name: &'static str) -> Span {
    within!("use case", otel.name = name, otel.status_code = Empty, "error.type" = Empty)
}

/// Records a failure and its kind.
pub fn failed(span: &Span, kind: &'static str) {
    span.record("error.type", kind);
    span.record("otel.status_code", "error");
}

/// Creates the span of a publish request's wait for delivery.
pub fn wait_for_delivery() -> Span {
    within!("wait for delivery")
}

/// Creates the span of a wait for the single writer of SQLite.
pub fn wait_for_turn() -> Span {
    within!("wait for turn")
}

/// Creates the span of a wait for a connection to the database.
pub fn wait_for_connection() -> Span {
    within!("wait for connection")
}

/// Creates the span of a transaction, from its begin to its last statement.
pub fn transaction(database: &'static str) -> Span {
    within!("transaction", db.system.name = database)
}

/// Creates the span of a round trip to the database. Its parent is the transaction's span, or the current span if the
/// transaction's span is disabled.
pub fn sql(transaction: &Span, database: &'static str, round_trip: &DbRoundTrip) -> Span {
    let around = if transaction.is_none() { Span::current() } else { transaction.clone() };
    if !is_collected() || !has_our_target(&around) {
        return Span::none();
    }
    let (name, all, count) = match round_trip {
        DbRoundTrip::Function(item) => (function(item).to_owned(), None, 1),
        DbRoundTrip::Batch(statements) => {
            let mut all: Vec<String> = statements.iter().map(|sql| summary(sql)).collect();
            all.dedup();
            (all.last().cloned().unwrap_or_default(), Some(all.join(", ")), statements.len())
        }
    };
    info_span!(
        target: TARGET,
        parent: &around,
        "sql",
        otel.name = format!("sql {name}"),
        otel.kind = "client",
        otel.status_code = Empty,
        "error.type" = Empty,
        db.system.name = database,
        db.query.summary = all,
        db.operation.batch.size = (count > 1).then(|| i64::try_from(count).unwrap_or(i64::MAX)),
    )
}

/// Creates the span of a request to etcd.
pub fn etcd() -> Span {
    within!("etcd", otel.kind = "client", rpc.system = "grpc")
}

/// Creates the span of a worker's wait for the lock of an environment, on behalf of a publish request.
pub fn lock(parent: Option<&TraceParent>, env: &EnvName) -> Span {
    after!(parent, "lock", trimtab.env = env.as_str(), otel.status_code = Empty, "error.type" = Empty)
}

/// Creates the span of a change's delivery by a worker.
pub fn delivery(parent: Option<&TraceParent>, env: &EnvName, change: &ChangeId, releases: usize) -> Span {
    after!(
        parent,
        "deliver",
        trimtab.env = env.as_str(),
        trimtab.change = change.as_str(),
        trimtab.releases = i64::try_from(releases).unwrap_or(i64::MAX),
        otel.status_code = Empty,
        "error.type" = Empty,
    )
}

/// Fraction of requests that are sampled, from 0 to 1, as the bits of an `f64`.
static SAMPLE_RATE: AtomicU64 = AtomicU64::new(0);

/// Sets the fraction of requests that are sampled.
fn set_sample_rate(part: f64) {
    SAMPLE_RATE.store(part.to_bits(), Ordering::Relaxed);
}

fn sample_rate() -> f64 {
    f64::from_bits(SAMPLE_RATE.load(Ordering::Relaxed))
}

/// Returns whether traces are collected. It does not query the subscriber, because with per-layer filters the result
/// would also apply to the next span or log line.
fn is_collected() -> bool {
    sample_rate() > 0.0
}

/// Returns the current span as a parent for later work, if it belongs to a sampled request.
pub fn current_parent() -> Option<TraceParent> {
    if !in_sampled_request() {
        return None;
    }
    let there = Span::current().context().span().span_context().clone();
    there.is_sampled().then_some(TraceParent(there))
}

/// Returns whether the current span belongs to a sampled request.
fn in_sampled_request() -> bool {
    is_collected() && has_our_target(&Span::current())
}

fn has_our_target(span: &Span) -> bool {
    span.metadata().is_some_and(|around| around.target() == TARGET)
}

/// The caller's `traceparent` header. Its `tracestate` is ignored.
struct Caller<'a>(&'a str);

impl Extractor for Caller<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// Returns the name of the function that contains an item, from the item's type name: `b` for
/// `a::b::{{closure}}::here`.
fn function(item: &'static str) -> &'static str {
    item.rsplit("::").skip(1).find(|part| !part.starts_with('{')).unwrap_or(item)
}

/// Returns the verb and the table of a statement.
fn summary(sql: &'static str) -> String {
    let mut words = sql.split([' ', '(']).filter(|word| !word.is_empty());
    let verb = words.clone().next().unwrap_or_default();
    let table = words.find(|word| matches!(*word, "into" | "from" | "update")).and_then(|_| words.next());
    table.map_or_else(|| verb.to_owned(), |table| format!("{verb} {table}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_is_verb_and_table_of_statement() {
        for (sql, told) in [
            ("insert into releases (env, app) values (?, ?)", "insert releases"),
            ("insert into tags(a) select b from others", "insert tags"),
            ("update configs set live = ? where env = ?", "update configs"),
            ("delete from edits where change_id = ?", "delete edits"),
            ("select c.live, c.app from configs c join releases r on r.seq = c.live", "select configs"),
            ("begin immediate", "begin"),
            ("commit", "commit"),
            ("select 1", "select"),
        ] {
            assert_eq!(summary(sql), told);
        }
    }

    #[test]
    fn function_is_name_of_enclosing_function() {
        fn here() {}
        let nested = || {
            fn here() {}
            std::any::type_name_of_val(&here)
        };
        assert_eq!(function(std::any::type_name_of_val(&here)), "function_is_name_of_enclosing_function");
        assert_eq!(function(nested()), "function_is_name_of_enclosing_function");
    }

    #[test]
    fn spans_outside_of_a_request_are_disabled() {
        assert!(use_case("publish").is_none() && transaction("sqlite").is_none() && current_parent().is_none());
        assert!(lock(None, &"dev".parse().unwrap()).is_none());
    }

    #[test]
    fn only_a_well_formed_traceparent_sets_the_parent() {
        let place = |text: &str| {
            let cx = TraceContextPropagator::new().extract_with_context(&Context::new(), &Caller(text));
            let there = cx.span().span_context().clone();
            there.is_valid().then(|| (there.trace_id().to_string(), there.span_id().to_string()))
        };
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        assert_eq!(place(&format!("00-{trace}-{span}-01")), Some((trace.into(), span.into())));
        for wrong in
            ["", "00", "nonsense", &format!("ff-{trace}-{span}-01"), &format!("00-{}-{span}-01", "0".repeat(32))]
        {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
