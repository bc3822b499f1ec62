//! The description of the HTTP API, as OpenAPI 3.1.

use axum::{
    http::{HeaderName, header},
    response::IntoResponse,
};

/// Where it is.
pub(super) const PATH: &str = "/api/v1/openapi.json";

/// The description, written by hand. Tests hold the routes and every answer against it.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`; anybody may know how the API looks.
pub(super) async fn show() -> impl IntoResponse {
    const HEADERS: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (HEADERS, DOCUMENT)
}
