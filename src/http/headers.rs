//! The headers of every answer, including answers that no handler wrote.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// Content security policy of every answer that is not a page.
pub const DEFAULT_CSP: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");

/// Headers that every answer has with these values.
const ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=()",
        ),
    ),
];
/// Header of every answer of a console with https, so that browsers never use http.
const HTTPS: (HeaderName, HeaderValue) =
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));

/// Writes the headers of every answer.
#[derive(Clone, Copy, Debug)]
pub struct Headers {
    https: bool,
}

impl Headers {
    /// Returns the headers of a server with this public address.
    pub fn of(public_url: &str) -> Self {
        Self { https: public_url.starts_with("https://") }
    }

    /// Adds the headers to an answer. A page has its own policy, which contains a nonce.
    pub fn add_to(self, status: StatusCode, headers: &mut HeaderMap) {
        for (name, value) in ALWAYS.into_iter().chain(self.https.then_some(HTTPS)) {
            headers.insert(name, value);
        }
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(DEFAULT_CSP);
        if !is_cacheable(status) {
            headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        }
    }
}

/// Returns whether browsers and proxies may store an answer with this status.
pub fn is_cacheable(status: StatusCode) -> bool {
    matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED)
}
