//! Refusals on the wire: `application/problem+json` as RFC 9457 describes it.

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
        token::Denied,
    },
    texts::Lang,
};

/// Programs read these answers, and people who debug programs: they are in one language.
const LANG: Lang = Lang::En;

/// Seconds after which a part that does not answer is worth another try.
const RETRY_SECONDS: u32 = 2;

/// A refusal as an answer. Made from a [`domain::Error`](Error) with `?`, or by one of the functions here;
/// [`request_id::layer`](super::request_id::layer) adds the request's number.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    name: &'static str,
    title: &'static str,
    status: StatusCode,
    detail: String,
    errors: Vec<Invalid>,
    conflicts: Vec<Conflict>,
    diff_sha256: Option<String>,
    headers: HeaderMap,
}

impl Problem {
    fn new(status: StatusCode, name: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
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

    /// A body that is not JSON at all: 400. `errors` says where.
    #[must_use]
    pub fn malformed(wrong: Invalid) -> Self {
        let said = LANG.problem(&wrong.problem);
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "malformed", "Malformed request", said);
        problem.0.errors.push(wrong);
        problem
    }

    /// A body of another type than `expected`: 415.
    #[must_use]
    pub fn unsupported_type(given: &str, expected: &'static str) -> Self {
        let said = LANG.type_not_supported(&crate::domain::error::excerpt(given), expected);
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-type", "Unsupported content type", said)
            .with(header::ACCEPT, HeaderValue::from_static(expected))
    }

    /// A body with a content coding: 415.
    #[must_use]
    pub fn unsupported_coding(given: &str) -> Self {
        let said = LANG.coding_not_supported(&crate::domain::error::excerpt(given));
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-coding", "Unsupported content encoding", said)
            .with(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
    }

    /// An answer in no coding that the client accepts: 406.
    #[must_use]
    pub fn not_acceptable() -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", "Not acceptable", LANG.coding_not_acceptable())
    }

    /// A method that this address does not have: 405. `allow` lists those that it has.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let said = LANG.method_not_allowed(allow);
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", said)
            .with(header::ALLOW, HeaderValue::from_static(allow))
    }

    /// A request whose head cannot be read, with the status that says why: 400, 414 or 431.
    #[must_use]
    pub fn unreadable(status: StatusCode) -> Self {
        let said = if status == StatusCode::BAD_REQUEST { LANG.head_malformed() } else { LANG.head_too_long() };
        Self::new(status, "malformed", "Malformed request", said)
    }

    /// The same, saying why in other words.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// The same, with a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The body, with the number of the request that it answers.
    #[must_use]
    pub fn body(&self, request_id: Option<&str>) -> Vec<u8> {
        let parts = &*self.0;
        let errors = parts.errors.iter().map(|e| Field {
            pointer: &e.pointer,
            message: LANG.problem(&e.problem),
            line: e.line,
            column: e.column,
        });
        let body = Body {
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

/// RFC 9457.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body<'a> {
    #[serde(rename = "type")]
    #[schema(examples("/problems/conflict"))]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// For an administrator who looks into the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required)]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Field<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    conflicts: &'a [Conflict],
    /// With 409: the present difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Sha256Hex>)]
    diff_sha256: Option<&'a str>,
}

/// A mistake in one field.
#[derive(Serialize, ToSchema)]
struct Field<'a> {
    /// A JSON pointer into the body; for a part of the address, a parameter or a header its name.
    pointer: &'a str,
    message: String,
    /// Within the field that the pointer names.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
}

/// After how many seconds what was refused like this is worth another try.
#[must_use]
pub fn retry_after(error: &Error) -> Option<u32> {
    match error {
        Error::Throttled(seconds) | Error::Busy(seconds) => Some(*seconds),
        Error::Unavailable { .. } => Some(RETRY_SECONDS),
        _ => None,
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, title) = match &error {
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
        };
        let mut problem = Self::new(status, error.name(), title, LANG.error(&error));
        match error {
            Error::Invalid(errors) => problem.0.errors = errors,
            Error::Conflict(conflicts) => problem.0.conflicts = conflicts,
            Error::Stale(sha256) => problem.0.diff_sha256 = Some(sha256),
            Error::Unauthenticated => {
                return problem.with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Error::Throttled(seconds) | Error::Busy(seconds) => {
                return problem.with(header::RETRY_AFTER, seconds.into());
            }
            Error::Unavailable { .. } => return problem.with(header::RETRY_AFTER, RETRY_SECONDS.into()),
            _ => {}
        }
        problem
    }
}

impl From<Invalid> for Problem {
    fn from(wrong: Invalid) -> Self {
        Error::from(wrong).into()
    }
}

impl From<Vec<Invalid>> for Problem {
    fn from(wrong: Vec<Invalid>) -> Self {
        Error::Invalid(wrong).into()
    }
}

/// Says which of the reasons it was; the challenge is that of RFC 6750, section 3.
impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let said = match denied {
            Denied::Missing => LANG.token_missing(),
            Denied::Mistyped => LANG.token_mistyped(),
            Denied::Unknown => LANG.token_unknown(),
            Denied::Expired => LANG.token_expired(),
            Denied::Revoked => LANG.token_revoked(),
            Denied::NotLoaded => return Self::from(Error::from(denied)).because(LANG.tokens_not_loaded()),
        };
        let problem = Self::from(Error::from(denied)).because(said);
        match denied {
            Denied::Missing => problem,
            _ => problem.with(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer error="invalid_token""#)),
        }
    }
}

impl IntoResponse for Problem {
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
        // For the layer that knows the request's number.
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
            error::{Need, Part, Problem as Wrong, State},
            release::{Delivery, Why},
        },
        http::request_id::RequestId,
    };

    fn wire(problem: impl Into<Problem>) -> (Response, Value) {
        let mut response = problem.into().into_response();
        RequestId::new().finish(&mut response);
        let body = std::mem::take(response.body_mut());
        let bytes = futures::executor::block_on(axum::body::to_bytes(body, 1 << 20)).unwrap();
        (response, serde_json::from_slice(&bytes).unwrap())
    }

    #[test]
    fn each_refusal_has_its_status() {
        let unavailable = Error::Unavailable { part: Part::Channel, detail: "timed out".into() };
        for (error, status) in [
            (Error::Unauthenticated, 401),
            (Error::Forbidden(Need::Publish), 403),
            (Error::NotFound("prod/shop/a".into()), 404),
            (Error::Invalid(vec![]), 422),
            (Error::Conflict(vec![]), 412),
            (Error::Stale("ab".into()), 409),
            (Error::State(State::Empty), 409),
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
    fn what_a_driver_says_is_in_no_answer() {
        for part in [Part::Database, Part::Channel] {
            let away = Error::Unavailable { part, detail: "canary@10.0.0.1".into() };
            let (_, body) = wire(away.clone());
            let json = serde_json::to_string(&away).unwrap();
            assert!(!body.to_string().contains("canary") && !json.contains("canary"), "{body} {json}");
            let again: Error = serde_json::from_str(&json).unwrap();
            assert_eq!(again, Error::Unavailable { part, detail: String::new() });
            assert_eq!(LANG.error(&again), LANG.error(&away));
        }
        let late = Delivery::Accepted { late_because: Why::Channel(Some("canary@10.0.0.1".into())).to_string() };
        assert!(!serde_json::to_string(&late).unwrap().contains("canary"));
    }

    #[test]
    fn who_must_wait_is_told_how_long_and_who_must_log_in_how() {
        assert_eq!(wire(Error::Throttled(7)).0.headers()["retry-after"], "7");
        let unavailable = Error::Unavailable { part: Part::Database, detail: "gone".into() };
        assert_eq!(wire(unavailable).0.headers()["retry-after"], "2");
        assert_eq!(wire(Denied::Missing).0.headers()["www-authenticate"], "Bearer");
        assert_eq!(wire(Denied::Expired).0.headers()["www-authenticate"], r#"Bearer error="invalid_token""#);
        assert_eq!(wire(Problem::method_not_allowed("GET, HEAD")).0.headers()["allow"], "GET, HEAD");
        assert_eq!(wire(Problem::unsupported_type("text/html", "application/json")).0.status(), 415);
    }

    #[test]
    fn fields_and_conflicts_stand_at_their_places() {
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
    fn the_number_in_the_body_is_the_one_in_the_header() {
        let (response, body) = wire(Error::NotFound("x".into()));
        assert_eq!(body["request_id"].as_str().unwrap(), response.headers()["x-request-id"].to_str().unwrap());
    }
}
