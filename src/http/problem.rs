//! Refusals as answers: `application/problem+json` (RFC 9457).

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        content::Sha256Hex,
        error::{Conflict, Error, Invalid},
        token::TokenRefusal,
    },
    texts::Lang,
};

/// Language of all refusals, because they are for programs and their developers.
const LANG: Lang = Lang::En;

/// Retry delay reported while a dependency does not answer, in seconds.
const RETRY_AFTER_SECONDS: u32 = 2;

/// A refusal as an answer. Made from a [`domain::Error`](Error) with `?`, or by one of the functions here.
/// [`request_id::layer`](super::request_id::layer) adds the request id.
#[derive(Clone, Debug)]
pub struct HttpProblem(Box<ProblemParts>);

#[derive(Clone, Debug)]
struct ProblemParts {
    name: &'static str,
    title: &'static str,
    status: StatusCode,
    detail: String,
    errors: Vec<Invalid>,
    conflicts: Vec<Conflict>,
    diff_sha256: Option<String>,
    headers: HeaderMap,
}

impl HttpProblem {
    fn new(status: StatusCode, name: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemParts {
            name,
            title,
            status,
            detail: detail.into(),
            errors: Vec::new(),
            conflicts: Vec::new(),
            diff_sha256: None,
            headers: HeaderMap::new(),
        }))
    }

    /// Returns 400: the request is malformed. `wrong` has the position.
    pub fn malformed(wrong: Invalid) -> Self {
        let said = LANG.problem(&wrong.problem);
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "malformed", "Malformed request", said);
        problem.0.errors.push(wrong);
        problem
    }

    /// Returns 415: the content type of the body is not `expected`.
    pub fn unsupported_type(given: &str, expected: &'static str) -> Self {
        let said = LANG.type_not_supported(&crate::domain::error::truncate(given), expected);
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-type", "Unsupported content type", said)
            .with_header(header::ACCEPT, HeaderValue::from_static(expected))
    }

    /// Returns 415: the body has a content coding.
    pub fn unsupported_coding(given: &str) -> Self {
        let said = LANG.coding_not_supported(&crate::domain::error::truncate(given));
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-coding", "Unsupported content encoding", said)
            .with_header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
    }

    /// Returns 406: the client accepts none of the codings of the answer.
    pub fn not_acceptable() -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", "Not acceptable", LANG.coding_not_acceptable())
    }

    /// Returns 405: the path does not allow the method. `allow` lists the allowed ones.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let said = LANG.method_not_allowed(allow);
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", said)
            .with_header(header::ALLOW, HeaderValue::from_static(allow))
    }

    /// Returns 400, 414 or 431 (`status`): the head of the request cannot be parsed.
    pub fn unreadable(status: StatusCode) -> Self {
        let said = if status == StatusCode::BAD_REQUEST { LANG.head_malformed() } else { LANG.head_too_long() };
        Self::new(status, "malformed", "Malformed request", said)
    }

    /// Replaces the explanation.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Returns the status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the body, with the id of the request.
    pub fn body(&self, request_id: Option<&str>) -> Vec<u8> {
        let parts = &*self.0;
        let errors = parts.errors.iter().map(|e| InvalidField {
            pointer: &e.pointer,
            message: LANG.problem(&e.problem),
            line: e.line,
            column: e.column,
        });
        let body = ProblemBody {
            kind: format!("/problems/{}", parts.name),
            title: parts.title,
            status: parts.status.as_u16(),
            detail: &parts.detail,
            request_id,
            errors: errors.collect(),
            conflicts: &parts.conflicts,
            diff_sha256: parts.diff_sha256.as_deref(),
        };
        serde_json::to_vec(&body).expect("strings and numbers are JSON")
    }
}

/// A refusal, as in RFC 9457.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    #[serde(rename = "type")]
    #[schema(examples("/problems/conflict"))]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// The id of the request, which is also in its log lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required)]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<InvalidField<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    conflicts: &'a [Conflict],
    /// With 409: hash of the current difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Sha256Hex>)]
    diff_sha256: Option<&'a str>,
}

/// A mistake in one field.
#[derive(Serialize, ToSchema)]
struct InvalidField<'a> {
    /// A JSON pointer into the body, or the name of a path parameter, query parameter or header.
    pointer: &'a str,
    message: String,
    /// Line of the mistake within the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
}

/// Returns the retry delay of a refusal in seconds, if a retry can succeed.
pub fn retry_after(error: &Error) -> Option<u32> {
    match error {
        Error::Throttled(seconds) | Error::Busy(seconds) => Some(*seconds),
        Error::Unavailable { .. } => Some(RETRY_AFTER_SECONDS),
        _ => None,
    }
}

/// Returns the HTTP status of an error, and its title for programs.
fn status_and_title(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, "Not authenticated"),
        Error::Forbidden(_) => (StatusCode::FORBIDDEN, "Not allowed"),
        Error::NotFound(_) => (StatusCode::NOT_FOUND, "Not found"),
        Error::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "Invalid input"),
        Error::Conflict(_) => (StatusCode::PRECONDITION_FAILED, "Changed by someone else"),
        Error::Stale(_) => (StatusCode::CONFLICT, "The difference has changed"),
        Error::State(_) => (StatusCode::CONFLICT, "Not possible in this state"),
        Error::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
        Error::Throttled(_) => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
        Error::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "Server busy"),
        Error::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
    }
}

/// Returns the HTTP status of an error.
pub fn status(error: &Error) -> StatusCode {
    status_and_title(error).0
}

/// Adds `Retry-After` to the answer of an error, if a retry can succeed.
pub fn add_retry_after(headers: &mut HeaderMap, error: &Error) {
    if let Some(seconds) = retry_after(error) {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
}

impl From<Error> for HttpProblem {
    fn from(error: Error) -> Self {
        let (status, title) = status_and_title(&error);
        let mut problem = Self::new(status, error.name(), title, LANG.error(&error));
        add_retry_after(&mut problem.0.headers, &error);
        match error {
            Error::Invalid(errors) => problem.0.errors = errors,
            Error::Conflict(conflicts) => problem.0.conflicts = conflicts,
            Error::Stale(sha256) => problem.0.diff_sha256 = Some(sha256),
            Error::Unauthenticated => {
                problem.0.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        problem
    }
}

impl From<Invalid> for HttpProblem {
    fn from(wrong: Invalid) -> Self {
        Error::from(wrong).into()
    }
}

impl From<Vec<Invalid>> for HttpProblem {
    fn from(wrong: Vec<Invalid>) -> Self {
        Error::Invalid(wrong).into()
    }
}

/// Converts a token refusal. The detail names the reason. The challenge follows RFC 6750, section 3.
impl From<TokenRefusal> for HttpProblem {
    fn from(denied: TokenRefusal) -> Self {
        let said = match denied {
            TokenRefusal::Missing => LANG.token_missing(),
            TokenRefusal::Mistyped => LANG.token_mistyped(),
            TokenRefusal::Unknown => LANG.token_unknown(),
            TokenRefusal::Expired => LANG.token_expired(),
            TokenRefusal::Revoked => LANG.token_revoked(),
            TokenRefusal::NotLoaded => return Self::from(Error::from(denied)).with_detail(LANG.tokens_not_loaded()),
        };
        let problem = Self::from(Error::from(denied)).with_detail(said);
        match denied {
            TokenRefusal::Missing => problem,
            _ => problem
                .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer error="invalid_token""#)),
        }
    }
}

impl IntoResponse for HttpProblem {
    fn into_response(mut self) -> Response {
        let mut response = Response::new(self.body(None).into());
        *response.status_mut() = self.0.status;
        *response.headers_mut() = std::mem::take(&mut self.0.headers);
        let fixed = [
            (header::CONTENT_TYPE, "application/problem+json"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        response.headers_mut().extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
        // The layer of request ids takes the problem from the extensions and adds the id to its body.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        domain::{
            error::{Dependency, Need, Problem as Wrong, StateConflict},
            release::{DelayReason, Delivery},
        },
        http::request_id::RequestId,
    };

    fn wire(problem: impl Into<HttpProblem>) -> (Response, Value) {
        let mut response = problem.into().into_response();
        RequestId::new().add_to(&mut response);
        let body = std::mem::take(response.body_mut());
        let bytes = futures::executor::block_on(axum::body::to_bytes(body, 1 << 20)).unwrap();
        (response, serde_json::from_slice(&bytes).unwrap())
    }

    #[test]
    fn each_refusal_has_its_status() {
        let unavailable = Error::Unavailable { part: Dependency::Channel, detail: "timed out".into() };
        for (error, status) in [
            (Error::Unauthenticated, 401),
            (Error::Forbidden(Need::Publish), 403),
            (Error::NotFound("prod/shop/a".into()), 404),
            (Error::Invalid(vec![]), 422),
            (Error::Conflict(vec![]), 412),
            (Error::Stale("ab".into()), 409),
            (Error::State(StateConflict::Empty), 409),
            (Error::TooLarge(1), 413),
            (Error::Throttled(7), 429),
            (unavailable, 503),
            (Error::Internal("r".into()), 500),
        ] {
            let (response, body) = wire(error.clone());
            assert_eq!((response.status().as_u16(), &body["status"]), (status, &json!(status)), "{error}");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            assert!(body["type"].as_str().unwrap().starts_with("/problems/"), "{body}");
            assert!(!body["detail"].as_str().unwrap().is_empty() && body["title"].is_string(), "{body}");
        }
    }

    #[test]
    fn driver_messages_are_in_no_answer() {
        for part in [Dependency::Database, Dependency::Channel] {
            let away = Error::Unavailable { part, detail: "canary@10.0.0.1".into() };
            let (_, body) = wire(away.clone());
            let json = serde_json::to_string(&away).unwrap();
            assert!(!body.to_string().contains("canary") && !json.contains("canary"), "{body} {json}");
            let again: Error = serde_json::from_str(&json).unwrap();
            assert_eq!(again, Error::Unavailable { part, detail: String::new() });
            assert_eq!(LANG.error(&again), LANG.error(&away));
        }
        let late =
            Delivery::Accepted { late_because: DelayReason::Channel(Some("canary@10.0.0.1".into())).to_string() };
        assert!(!serde_json::to_string(&late).unwrap().contains("canary"));
    }

    #[test]
    fn refusals_have_retry_after_and_challenge_headers() {
        assert_eq!(wire(Error::Throttled(7)).0.headers()["retry-after"], "7");
        let unavailable = Error::Unavailable { part: Dependency::Database, detail: "gone".into() };
        assert_eq!(wire(unavailable).0.headers()["retry-after"], "2");
        assert_eq!(wire(TokenRefusal::Missing).0.headers()["www-authenticate"], "Bearer");
        assert_eq!(wire(TokenRefusal::Expired).0.headers()["www-authenticate"], r#"Bearer error="invalid_token""#);
        assert_eq!(wire(HttpProblem::method_not_allowed("GET, HEAD")).0.headers()["allow"], "GET, HEAD");
        assert_eq!(wire(HttpProblem::unsupported_type("text/html", "application/json")).0.status(), 415);
    }

    #[test]
    fn errors_and_conflicts_are_listed_in_the_body() {
        let wrong = Invalid::at("/edits/0/text", Wrong::Number, 3, 7);
        let (_, body) = wire(wrong);
        let message = "Not a number. Write it as JSON does: 42, -1.5, 6e3.";
        assert_eq!(body["errors"], json!([{"pointer": "/edits/0/text", "message": message, "line": 3, "column": 7}]));

        let conflict = Conflict {
            config: "prod/shop/a".parse().unwrap(),
            key: "k".into(),
            base: None,
            theirs: Some("1".into()),
            mine: Some("2".into()),
        };
        let (_, body) = wire(Error::Conflict(vec![conflict]));
        assert_eq!(
            body["conflicts"],
            json!([{"config": "prod/shop/a", "key": "k", "base": null, "theirs": "1", "mine": "2"}])
        );
        assert!(body.get("errors").is_none());
    }

    #[test]
    fn request_id_in_the_body_equals_the_header() {
        let (response, body) = wire(Error::NotFound("x".into()));
        assert_eq!(body["request_id"].as_str().unwrap(), response.headers()["x-request-id"].to_str().unwrap());
    }
}
