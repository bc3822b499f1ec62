//! `/healthz` (checks nothing), `/readyz` (with reasons) and `/metrics`. They need no token, so they name no config.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::scrape::Scrape;
use crate::{
    channel::MAX_AHEAD_RELEASES,
    domain::time::Time,
    metrics::TextFormat,
    reader::Reader,
    service::{Dispatch, Service},
    tasks::{TaskDriver, TaskState, TaskStatus},
};

/// Timeout of the database check in `/readyz`.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(3);

/// Paths for probes and scrapers, equal on consoles and reader nodes.
pub(super) const PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The parts of a console that the health endpoints read.
#[derive(Clone)]
pub struct Health {
    /// Checks the database.
    pub service: Service,
    /// The status of deliveries.
    pub dispatch: Arc<Dispatch>,
    /// The snapshots for readers.
    pub reader: Arc<Reader>,
    /// Cancelled when the shutdown begins.
    pub draining: CancellationToken,
    /// All metrics.
    pub scrape: Arc<Scrape>,
    /// The background tasks.
    pub tasks: TaskDriver,
}

/// Returns the health routes.
pub fn router(health: Health) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health)
}

async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let database = matches!(timeout(DATABASE_TIMEOUT, health.service.check_database()).await, Ok(Ok(())));
    health.readiness(database, health.draining.is_cancelled()).answer()
}

/// The contents of `GET /readyz`.
pub struct Readiness {
    /// Whether a load balancer should send requests to this node.
    pub ready: bool,
    /// Problems of this node, for people.
    pub reasons: Vec<String>,
    /// Whether readers can be answered.
    pub has_releases: bool,
    /// The background tasks.
    pub tasks: Vec<TaskStatus>,
    /// Further fields, for programs.
    pub more: Map<String, Value>,
}

impl Readiness {
    /// Returns the answer.
    pub fn answer(mut self) -> impl IntoResponse + use<> {
        let status = if self.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let stopped = self.tasks.iter().filter(|task| task.state == TaskState::Stopped);
        self.reasons.extend(stopped.map(|task| format!("the background task {} has stopped", task.name.label)));
        let mut said = self.more;
        said.insert("tasks".into(), self.tasks.iter().map(task_json).collect());
        said.insert("ready".into(), self.ready.into());
        said.insert("degraded".into(), (!self.reasons.is_empty()).into());
        said.insert("reasons".into(), self.reasons.into());
        let reader = if self.has_releases { "has the releases" } else { "has no releases yet" };
        said.insert("reader".into(), reader.into());
        (status, [(header::CACHE_CONTROL, "no-store")], Json(said))
    }
}

/// Returns a background task as JSON. A failure is only its kind, because error texts may name addresses.
fn task_json(task: &TaskStatus) -> Value {
    json!({
        "name": task.name.label,
        "state": task.state.name(),
        "last_run": task.last_run.map(Time::rfc3339),
        "next_run": task.next_run.map(Time::rfc3339),
        "runs": task.runs,
        "failures": task.failures,
        "last_failure": task.last_failure.as_ref().map(|failure| failure.kind),
    })
}

impl Health {
    /// Collects the problems. Only counts are public; the console shows the environments and configs.
    fn readiness(&self, database: bool, draining: bool) -> Readiness {
        let (late, drifts) = (self.dispatch.status.late().len(), self.dispatch.status.drifts().len());
        let ahead = self.reader.store.ahead(MAX_AHEAD_RELEASES).len();
        let (has, stale_since) = (self.reader.store.is_ready(), self.reader.store.stale_since());
        let mut reasons = Vec::new();
        let mut add_reason = |so: bool, reason: String| reasons.extend(so.then_some(reason));
        add_reason(draining, "the server is ending".to_owned());
        add_reason(!database, "the database does not answer".to_owned());
        if let Some(since) = stale_since {
            add_reason(true, format!("the channel has not been heard since {}", since.rfc3339()));
        }
        add_reason(!has, "no release has arrived since the start".to_owned());
        add_reason(late > 0, format!("delivery is late in {late} environments"));
        add_reason(drifts > 0, format!("the channel or its readers differ from the database in {drifts} configs"));
        add_reason(ahead > 0, format!("this node holds later releases than the channel in {ahead} configs"));
        let more = [
            ("database", Value::from(if database { "answers" } else { "does not answer" })),
            ("channel_away_since", stale_since.map(Time::rfc3339).into()),
            ("reconciled_at", self.dispatch.status.compared_at().map(Time::rfc3339).into()),
            ("late", late.into()),
            ("drifts", drifts.into()),
            ("ahead", ahead.into()),
        ];
        let more = more.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        Readiness { ready: database && !draining, reasons, has_releases: has, tasks: self.tasks.statuses(), more }
    }
}

async fn metrics(State(health): State<Health>, headers: HeaderMap) -> impl IntoResponse {
    metrics_response(&health.scrape, &headers)
}

/// Returns the answer to `GET /metrics`, in the format that the client accepts.
pub fn metrics_response(scrape: &Scrape, headers: &HeaderMap) -> impl IntoResponse + use<> {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (form, kind) = if accepted.contains("application/openmetrics-text") {
        (TextFormat::OpenMetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    } else {
        (TextFormat::Classic, "text/plain; version=0.0.4; charset=utf-8")
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], scrape.text(form))
}
