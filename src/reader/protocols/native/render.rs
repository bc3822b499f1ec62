//! Writes the answers of Trimtab's own protocol.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    domain::names::{AppName, EnvName},
    reader::{
        answer::{Coding, Layout, Render},
        snapshot::{Envelope, Shape, Snapshot},
    },
};

/// The response header with the number of the release.
const RELEASE: HeaderName = HeaderName::from_static("x-config-release");
/// The response header with the time since when the answer may be outdated. Absent while the channel is connected.
pub(super) const STALE_SINCE: HeaderName = HeaderName::from_static("x-config-stale-since");

/// Value of `Cache-Control`: clients may store answers if they revalidate them, shared caches may not.
const CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");
pub(super) const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const VARY: HeaderValue = HeaderValue::from_static("accept-encoding");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
/// The end of [`Configs`] as JSON.
const END: &[u8] = b"]}";

/// The form of an answer.
pub(in super::super) enum NativeRender {
    /// One config.
    Config(Shape),
    /// All configs of an application in a token's scope.
    App(AppAnswer),
}

#[derive(Serialize, ToSchema)]
pub(super) struct Configs<'a> {
    env: &'a EnvName,
    app: &'a AppName,
    configs: Vec<Envelope<'a>>,
}
/// The parts of an application's answer.
pub(in super::super) struct AppAnswer {
    begin: Bytes,
    pub etag: HeaderValue,
}

impl AppAnswer {
    /// Prepares an answer with configs of one application, at least one.
    pub fn new(configs: &[Arc<Snapshot>]) -> Self {
        let first = &configs[0].entry.config;
        let empty = serde_json::to_vec(&Configs { env: &first.env, app: &first.app, configs: Vec::new() });
        let begin = Bytes::from(empty.expect("names are JSON"));
        Self { begin: begin.slice(..begin.len() - END.len()), etag: validator(configs) }
    }
}

impl Render for NativeRender {
    fn layout<'a>(&'a self, releases: &'a [Arc<Snapshot>]) -> Layout<'a> {
        let (begin, shape, end) = match self {
            Self::Config(shape) => (Bytes::new(), *shape, Bytes::new()),
            Self::App(app) => (app.begin.clone(), Shape::Envelope, Bytes::from_static(END)),
        };
        Layout { begin, releases, shape, end }
    }

    fn full(&self, releases: &[Arc<Snapshot>], body: Body, coding: Coding, stale: Option<HeaderValue>) -> Response {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let kind = match self {
            Self::Config(Shape::Document) => HeaderValue::from_static(releases[0].entry.meta.format.content_type()),
            Self::Config(Shape::Envelope) | Self::App(_) => JSON,
        };
        headers.insert(header::CONTENT_TYPE, kind);
        self.describe(headers, releases, coding, stale);
        if coding == Coding::Gzip {
            headers.insert(header::CONTENT_ENCODING, GZIP);
        }
        response
    }

    fn unchanged(&self, releases: &[Arc<Snapshot>], coding: Coding, stale: Option<HeaderValue>) -> Option<Response> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        self.describe(response.headers_mut(), releases, coding, stale);
        Some(response)
    }
}

impl NativeRender {
    /// Writes the headers of an answer with releases, or of one without changes.
    fn describe(
        &self,
        headers: &mut HeaderMap,
        releases: &[Arc<Snapshot>],
        coding: Coding,
        stale: Option<HeaderValue>,
    ) {
        let etag = match self {
            Self::Config(_) => &releases[0].etag,
            Self::App(app) => &app.etag,
        };
        headers.insert(header::ETAG, if coding == Coding::Gzip { weak(etag) } else { etag.clone() });
        if let Self::Config(_) = self {
            headers.insert(RELEASE, releases[0].number.clone());
        }
        headers.insert(header::CACHE_CONTROL, CACHE);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.insert(header::VARY, VARY);
        if let Some(since) = stale {
            headers.insert(STALE_SINCE, since);
        }
    }
}

/// Returns the validator of a compressed answer. A strong one belongs to one sequence of bytes (RFC 9110, 8.8.3.3);
/// `If-None-Match` takes either for the other.
fn weak(etag: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(&[b"W/", etag.as_bytes()].concat()).expect("a validator is a header value")
}

/// Returns a validator of several releases. Tokens with different scopes get different ones.
fn validator(configs: &[Arc<Snapshot>]) -> HeaderValue {
    let mut all = Sha256::new();
    for config in configs {
        all.update(format!("{} {} {}\n", config.entry.config, config.seq(), config.entry.meta.sha256));
    }
    let hex: String = all.finalize()[..16].iter().map(|b| format!("{b:02x}")).collect();
    HeaderValue::from_str(&format!("\"{hex}\"")).expect("hexadecimal digits are a header value")
}
