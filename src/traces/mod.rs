//! Where the time of a request goes: which spans there are, and what is in them. The one place that knows both.
//!
//! What is made here, and nothing else, goes to the collector: no line of the log, no span of a library. So that no
//! value, token, session or password is in it, these functions take names, numbers and statements that stand in the
//! program, and nothing that somebody sent. Only what a request leads to is told; elsewhere a span is none, as are all
//! while no collector is set.

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

pub use export::{Collector, Exporting, endpoint, headers, layer, start};

use crate::domain::{change::ChangeId, names::EnvName};

/// What these spans go by, so that they reach the collector and not the log.
pub const TARGET: &str = "trimtab::span";

/// A span of what a request leads to.
macro_rules! within {
    ($($span:tt)*) => {
        if inside() { info_span!(target: TARGET, $($span)*) } else { Span::none() }
    };
}

/// A span of what a worker does for a request that may be answered already.
macro_rules! after {
    ($place:expr, $($span:tt)*) => {
        match $place {
            Some(Place(there)) => {
                let span = info_span!(target: TARGET, $($span)*);
                // Refused of a span that is none.
                let _ = span.set_parent(Context::new().with_remote_span_context(there.clone()));
                span
            }
            None => Span::none(),
        }
    };
}

/// A place in a trace, for what comes after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(SpanContext);

/// What is asked of the database.
#[derive(Clone, Debug)]
pub enum Asked {
    /// One statement, in the function that this is an item of: the name of the item's type.
    In(&'static str),
    /// Statements that go together.
    Together(Vec<&'static str>),
}

/// A request, if chance has it that it is told. `traceparent` is the caller's place in its trace, and good for nothing
/// else: whether this is told is not the caller's to say.
#[must_use]
pub fn request(id: &str, method: &'static str, traceparent: Option<&str>) -> Span {
    if !is_collected() || !rand::random_bool(part()) {
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

/// Notes how a request was answered. `route` is the pattern of its address.
pub fn answered(span: &Span, route: Option<&str>, status: u16) {
    if let Some(route) = route {
        span.record("http.route", route);
    }
    span.record("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.record("otel.status_code", "error");
    }
}

/// A use case.
#[must_use]
pub fn use_case(name: &'static str) -> Span {
    within!("use case", otel.name = name, otel.status_code = Empty, "error.type" = Empty)
}

/// Notes that something was not done, and what kind of reason it has.
pub fn failed(span: &Span, kind: &'static str) {
    span.record("error.type", kind);
    span.record("otel.status_code", "error");
}

/// The wait of an answer until the channel has what was published.
#[must_use]
pub fn wait_for_delivery() -> Span {
    within!("wait for delivery")
}

/// The wait for the turn to write, where there is one writer.
#[must_use]
pub fn wait_for_turn() -> Span {
    within!("wait for turn")
}

/// The wait for a connection to the database.
#[must_use]
pub fn wait_for_connection() -> Span {
    within!("wait for connection")
}

/// A transaction, from its begin to its last statement.
#[must_use]
pub fn transaction(database: &'static str) -> Span {
    within!("transaction", db.system.name = database)
}

/// A trip to the database: part of a transaction, if that is told of, else of where we are.
#[must_use]
pub fn sql(transaction: &Span, database: &'static str, asked: &Asked) -> Span {
    let around = if transaction.is_none() { Span::current() } else { transaction.clone() };
    if !is_collected() || !is_ours(&around) {
        return Span::none();
    }
    let (name, all, count) = match asked {
        Asked::In(item) => (function(item).to_owned(), None, 1),
        Asked::Together(statements) => {
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

/// A request to etcd.
#[must_use]
pub fn etcd() -> Span {
    within!("etcd", otel.kind = "client", rpc.system = "grpc")
}

/// The wait of a worker for the lock of an environment, for somebody who published.
#[must_use]
pub fn lock(place: Option<&Place>, env: &EnvName) -> Span {
    after!(place, "lock", trimtab.env = env.as_str(), otel.status_code = Empty, "error.type" = Empty)
}

/// The delivery of a change by a worker.
#[must_use]
pub fn delivery(place: Option<&Place>, env: &EnvName, change: &ChangeId, releases: usize) -> Span {
    after!(
        place,
        "deliver",
        trimtab.env = env.as_str(),
        trimtab.change = change.as_str(),
        trimtab.releases = i64::try_from(releases).unwrap_or(i64::MAX),
        otel.status_code = Empty,
        "error.type" = Empty,
    )
}

/// Which part of all requests is told, as the bits of a number from 0 to 1.
static PART: AtomicU64 = AtomicU64::new(0);

/// Begins to tell of a part of all requests.
fn collect(part: f64) {
    PART.store(part.to_bits(), Ordering::Relaxed);
}

fn part() -> f64 {
    f64::from_bits(PART.load(Ordering::Relaxed))
}

/// Whether there is a collector. The subscriber is not asked: where each layer has a filter of its own, what it answers
/// would count for the next span or line of the log as well.
fn is_collected() -> bool {
    part() > 0.0
}

/// Where we are, if that is told.
#[must_use]
pub fn here() -> Option<Place> {
    if !inside() {
        return None;
    }
    let there = Span::current().context().span().span_context().clone();
    there.is_sampled().then_some(Place(there))
}

/// Whether what happens now is told.
fn inside() -> bool {
    is_collected() && is_ours(&Span::current())
}

fn is_ours(span: &Span) -> bool {
    span.metadata().is_some_and(|around| around.target() == TARGET)
}

/// A caller's header. What else it says of its trace (`tracestate`) is not taken over.
struct Caller<'a>(&'a str);

impl Extractor for Caller<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// The function that an item is in, by the name of its type: `a::b::{{closure}}::here` is in `b`.
fn function(item: &'static str) -> &'static str {
    item.rsplit("::").skip(1).find(|part| !part.starts_with('{')).unwrap_or(item)
}

/// What a statement does to which table.
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
    fn a_statement_is_told_by_its_verb_and_its_table() {
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
    fn a_statement_that_goes_alone_is_told_by_its_function() {
        fn here() {}
        let nested = || {
            fn here() {}
            std::any::type_name_of_val(&here)
        };
        assert_eq!(function(std::any::type_name_of_val(&here)), "a_statement_that_goes_alone_is_told_by_its_function");
        assert_eq!(function(nested()), "a_statement_that_goes_alone_is_told_by_its_function");
    }

    #[test]
    fn nothing_is_told_where_no_request_is() {
        assert!(use_case("publish").is_none() && transaction("sqlite").is_none() && here().is_none());
        assert!(lock(None, &"dev".parse().unwrap()).is_none());
    }

    #[test]
    fn a_caller_is_known_by_a_header_of_its_own_form_alone() {
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
