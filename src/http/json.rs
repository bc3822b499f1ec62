//! JSON bodies. Refusals have the right status and the position of the mistake.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{
    body::{is_late, is_too_long},
    problem::HttpProblem,
};
use crate::domain::error::{Error, Invalid, Problem as Wrong};

/// Maximum size of a body in bytes, which the router sets as its limit. All documents of a change fit, even if every
/// character is escaped.
pub const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// A body of `application/json`, parsed. Refuses with 415, 413, 400 (not JSON) or 422 (JSON of another shape).
#[derive(Clone, Copy)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = HttpProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, HttpProblem> {
        let given = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !is_json(given) {
            return Err(HttpProblem::unsupported_type(given, "application/json"));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            // All other failures are clients that closed the connection or were too slow.
            let is_too_long = is_too_long(&rejection);
            let detail = if is_late(&rejection) { "the body did not arrive in time" } else { "the body ended early" };
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge(MAX_BODY_BYTES).into(),
                _ if is_too_long => Error::TooLarge(MAX_BODY_BYTES).into(),
                _ => HttpProblem::malformed(Invalid::new("", Wrong::Body { detail: detail.into() })),
            }
        })?;
        parse(&body).map(Self)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, HttpProblem> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line().max(1), error.column().max(1));
        let said = error.to_string();
        let detail = said.split(" at line ").next().unwrap_or(&said).to_owned();
        let place = |n| u32::try_from(n).unwrap_or(u32::MAX);
        let wrong = Invalid::at("", Wrong::Body { detail }, place(line), place(column));
        match error.classify() {
            Category::Data => wrong.into(),
            _ => HttpProblem::malformed(wrong),
        }
    })
}

fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Input {
        #[expect(dead_code, reason = "only its shape counts")]
        n: u32,
    }

    async fn status(content_type: &str, body: &'static str) -> u16 {
        let request = Request::builder().header("content-type", content_type).body(Body::from(body)).unwrap();
        Json::<Input>::from_request(request, &()).await.map_or_else(|p| p.status().as_u16(), |_| 200)
    }

    #[tokio::test]
    async fn each_mistake_has_its_status() {
        assert_eq!(status("application/json; charset=utf-8", r#"{"n": 1}"#).await, 200);
        assert_eq!(status("application/json", r#"{"n": 1"#).await, 400);
        assert_eq!(status("application/json", r#"{"n": "one"}"#).await, 422);
        assert_eq!(status("application/json", r#"{"n": 1, "m": 2}"#).await, 422);
        assert_eq!(status("text/plain", r#"{"n": 1}"#).await, 415);
    }
}
