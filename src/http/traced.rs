//! The trace span of a request. Reads have none, because there are too many.

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use super::request_id::RequestId;
use crate::traces;

/// Extension of an answer: the pattern of its route, if only the inner router knows it.
#[derive(Clone, Debug)]
struct Route(String);

/// Records a span for each request, if traces are collected. For `axum::middleware::from_fn`, inside of
/// [`super::request_id::layer`].
pub async fn layer(request: Request, next: Next) -> Response {
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let span = traces::request(RequestId::of(&request).as_str(), super::method_name(request.method()), traceparent);
    if span.is_disabled() {
        return next.run(request).await;
    }
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).instrument(span.clone()).await;
    let route = response.extensions_mut().remove::<Route>();
    let route = route.as_ref().map(|route| route.0.as_str()).or(matched.as_ref().map(MatchedPath::as_str));
    traces::answered(&span, route, response.status().as_u16());
    response
}

/// Stores the pattern of a page's route in its answer. For `axum::middleware::from_fn`, around routes that [`layer`]
/// does not see.
pub async fn record_page_route(request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(|matched| matched.as_str().to_owned());
    with_route(next.run(request).await, matched)
}

/// Stores the pattern of a route in an answer. The address itself is never stored, because it may contain a secret.
pub fn with_route(mut response: Response, route: Option<String>) -> Response {
    match route {
        Some(route) => _ = response.extensions_mut().insert(Route(route)),
        None => _ = response.extensions_mut().remove::<Route>(),
    }
    response
}
