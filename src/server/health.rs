//! `/healthz` (touches nothing), `/readyz` (with reasons).

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::{Value, json};

use crate::{reader::Reader, service::Service};

/// The routes; none needs a token.
pub fn router(service: Service, reader: Arc<Reader>) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state((service, reader))
}

async fn ready(State((service, reader)): State<(Service, Arc<Reader>)>) -> (StatusCode, Json<Value>) {
    let database = service.check_database().await;
    // Anybody may ask this: which environments, and why, is said to those who log in.
    let late = service.late_envs();
    let degraded = late > 0 || !reader.shelf.is_ready();
    let status = if database.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": database.is_ok(),
        "degraded": degraded,
        "database": if database.is_ok() { "answers" } else { "does not answer" },
        "reader": if reader.shelf.is_ready() { "has the releases" } else { "has no releases yet" },
        "late": late,
    });
    (status, Json(body))
}
