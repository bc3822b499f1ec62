//! The headers of every answer, written by a handler, by hyper or by this server itself.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// Content security policy of every answer that is no page.
pub const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");

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
/// Header of every answer of an installation that is reached by https: browsers stay with it.
const HTTPS: (HeaderName, HeaderValue) =
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));

/// Writes the headers of every answer.
#[derive(Clone, Copy, Debug)]
pub struct Headers {
    https: bool,
}

impl Headers {
    /// Headers of a server that people and programs reach at this address.
    #[must_use]
    pub fn of(public_url: &str) -> Self {
        Self { https: public_url.starts_with("https://") }
    }

    /// Puts them into an answer. A page has set its policy itself, because there is a nonce in it.
    pub fn put(self, status: StatusCode, headers: &mut HeaderMap) {
        for (name, value) in self.always() {
            headers.insert(name, value);
        }
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
        if !is_content(status) {
            headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        }
    }

    fn always(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        ALWAYS.into_iter().chain(self.https.then_some(HTTPS))
    }
}

/// Whether an answer of this status may be kept by browsers and proxies.
#[must_use]
pub fn is_content(status: StatusCode) -> bool {
    matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED)
}
