//! `/healthz` (touches nothing), `/readyz` (with reasons), `/metrics`. None needs a token, so none names a config.

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
    channel::AHEAD,
    domain::time::Time,
    metrics::Form,
    reader::Reader,
    service::{Dispatch, Service},
    tasks::{TaskDriver, TaskState, TaskStatus},
};

/// How long the database may take to answer before it counts as away.
const ANSWER: Duration = Duration::from_secs(3);

/// Paths that probes and scrapers ask for, on consoles and reader nodes alike.
pub(super) const PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// What health is asked of.
#[derive(Clone)]
pub struct Health {
    /// Asks the database.
    pub service: Service,
    /// How delivery goes.
    pub dispatch: Arc<Dispatch>,
    /// What readers are answered from.
    pub reader: Arc<Reader>,
    /// Cancelled when the shutdown begins.
    pub draining: CancellationToken,
    /// What is counted.
    pub scrape: Arc<Scrape>,
    /// The background tasks.
    pub tasks: TaskDriver,
}

/// The routes.
pub fn router(health: Health) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health)
}

async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let database = matches!(timeout(ANSWER, health.service.check_database()).await, Ok(Ok(())));
    health.readiness(database, health.draining.is_cancelled()).answer()
}

/// What `GET /readyz` tells.
pub struct Readiness {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// What is not as it should be, for people.
    pub reasons: Vec<String>,
    /// Whether readers can be answered.
    pub has_releases: bool,
    /// The background tasks.
    pub tasks: Vec<TaskStatus>,
    /// More, for programs.
    pub more: Map<String, Value>,
}

impl Readiness {
    /// The answer.
    pub fn answer(mut self) -> impl IntoResponse + use<> {
        let status = if self.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let stopped = self.tasks.iter().filter(|task| task.state == TaskState::Stopped);
        self.reasons.extend(stopped.map(|task| format!("the background task {} has stopped", task.name.label)));
        let mut said = self.more;
        said.insert("tasks".into(), self.tasks.iter().map(described).collect());
        said.insert("ready".into(), self.ready.into());
        said.insert("degraded".into(), (!self.reasons.is_empty()).into());
        said.insert("reasons".into(), self.reasons.into());
        let reader = if self.has_releases { "has the releases" } else { "has no releases yet" };
        said.insert("reader".into(), reader.into());
        (status, [(header::CACHE_CONTROL, "no-store")], Json(said))
    }
}

/// Returns what programs are told of a background task. Of a failure that is the kind alone, because an error may name addresses.
fn described(task: &TaskStatus) -> Value {
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
    /// Which environments and configs, and why, is said to those who log in.
    fn readiness(&self, database: bool, draining: bool) -> Readiness {
        let (late, drifts) = (self.dispatch.status.late().len(), self.dispatch.status.drifts().len());
        let ahead = self.reader.shelf.ahead(AHEAD).len();
        let (has, away_since) = (self.reader.shelf.is_ready(), self.reader.shelf.stale_since());
        let mut reasons = Vec::new();
        let mut tell = |so: bool, reason: String| reasons.extend(so.then_some(reason));
        tell(draining, "the server is ending".to_owned());
        tell(!database, "the database does not answer".to_owned());
        if let Some(since) = away_since {
            tell(true, format!("the channel has not been heard since {}", since.rfc3339()));
        }
        tell(!has, "no release has arrived since the start".to_owned());
        tell(late > 0, format!("delivery is late in {late} environments"));
        tell(drifts > 0, format!("the channel or its readers differ from the database in {drifts} configs"));
        tell(ahead > 0, format!("this node holds later releases than the channel in {ahead} configs"));
        let more = [
            ("database", Value::from(if database { "answers" } else { "does not answer" })),
            ("channel_away_since", away_since.map(Time::rfc3339).into()),
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
    scraped(&health.scrape, &headers)
}

/// The answer to `GET /metrics`, in the form that is asked for.
pub fn scraped(scrape: &Scrape, headers: &HeaderMap) -> impl IntoResponse + use<> {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (form, kind) = if accepted.contains("application/openmetrics-text") {
        (Form::OpenMetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    } else {
        (Form::Classic, "text/plain; version=0.0.4; charset=utf-8")
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], scrape.text(form))
}
