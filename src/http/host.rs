//! The `Host` of a request.

use std::net::Ipv6Addr;

use axum::http::{Request, Version, header};

use super::problem::HttpProblem;
use crate::domain::error::{Invalid, Problem as Wrong};

/// Refuses a request with a missing, repeated or malformed `Host` (RFC 9112, 3.2), because a proxy could read another
/// one. HTTP/1.0 needs none.
///
/// # Errors
/// 400 with the reason.
pub fn check<B>(request: &Request<B>) -> Result<(), HttpProblem> {
    let mut all = request.headers().get_all(header::HOST).iter();
    let wrong = match (all.next(), all.next()) {
        (None, _) if request.version() < Version::HTTP_11 => return Ok(()),
        (None, _) => "the Host header is missing",
        (Some(_), Some(_)) => "there is more than one Host header",
        (Some(host), None) if is_host(host.as_bytes()) => return Ok(()),
        (Some(_), None) => "the Host header is not a host name or address with an optional port",
    };
    Err(HttpProblem::malformed(Invalid::new("host", Wrong::Body { detail: wrong.into() })))
}

/// Returns whether a text is `name`, `name:port`, `192.0.2.1:port` or `[2001:db8::1]:port`.
fn is_host(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let (is_name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address.parse::<Ipv6Addr>().is_ok(), port),
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (is_name(name), port)
        }
    };
    is_name && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// Returns whether a text is a host name. Stricter than RFC 3986: no host that can be reached has a `,` or `%`.
fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'~'))
}

/// Returns whether a text is a port. An empty text stands for the default port.
fn is_port(port: &str) -> bool {
    port.is_empty() || port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(version: Version, hosts: &[&[u8]]) -> u16 {
        let request = Request::builder().version(version);
        let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
        check(&request.body(()).unwrap()).map_or_else(|problem| problem.status().as_u16(), |()| 200)
    }

    #[test]
    fn malformed_hosts_are_refused() {
        for good in
            ["x", "config.example", "config.example:", "my_app:3000", "192.0.2.1:80", "[::1]", "[2001:db8::1]:1"]
        {
            assert_eq!(status(Version::HTTP_11, &[good.as_bytes()]), 200, "{good}");
        }
        let long = "a".repeat(256);
        for bad in [
            "", ":80", "a b", "a,b", "a/b", "a?b", "a#b", "a@b", "a\\b", "a%62", "http://a", "a:b", "a:80:80", "a:+80",
            "a:65536", "::1", "[::1", "::1]", "[::1]80", "[::1]:x", "[]", "[a]", "a\tb", "<a>", "\u{e4}", &long,
        ] {
            assert_eq!(status(Version::HTTP_11, &[bad.as_bytes()]), 400, "{bad}");
        }
        assert_eq!(status(Version::HTTP_11, &[b"\xff"]), 400);
    }

    #[test]
    fn missing_and_repeated_hosts_are_refused() {
        assert_eq!(status(Version::HTTP_11, &[]), 400);
        assert_eq!(status(Version::HTTP_11, &[b"x", b"x"]), 400);
        assert_eq!(status(Version::HTTP_10, &[b"x", b"x"]), 400);
        assert_eq!(status(Version::HTTP_10, &[b"a b"]), 400);
        assert_eq!(status(Version::HTTP_10, &[]), 200);
    }
}
