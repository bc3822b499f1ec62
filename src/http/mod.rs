//! Tools of all HTTP code: refusals, request ids, common headers, tokens in headers, JSON bodies, and slots per holder.

pub mod bearer;
pub mod body;
pub mod coding;
pub mod cookies;
pub mod etag;
pub mod headers;
pub mod holder_slots;
pub mod host;
pub mod json;
pub mod path;
pub mod problem;
pub mod query;
pub mod request_id;
pub mod threads;
pub mod traced;

use axum::http::Method;

/// Returns the name of a method for metrics and traces. An unknown one is `_OTHER`, so clients cannot create labels.
pub(crate) fn method_name(method: &Method) -> &'static str {
    static KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    KNOWN.iter().find(|known| *known == method).map_or("_OTHER", Method::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_methods_are_not_repeated() {
        assert_eq!(method_name(&Method::POST), "POST");
        assert_eq!(method_name(&Method::from_bytes(b"CANARY").unwrap()), "_OTHER");
    }
}
