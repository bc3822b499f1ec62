//! The token and the client address in the head of a request.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, HeaderName, header},
};

use crate::domain::token::TokenRefusal;

/// Returns the token of `Authorization: Bearer <token>`.
///
/// # Errors
/// [`TokenRefusal::Missing`] without a token, with another scheme, or with several headers, which would be ambiguous.
pub fn token(headers: &HeaderMap) -> Result<&str, TokenRefusal> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return Err(TokenRefusal::Missing);
    };
    let (scheme, token) = value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or(TokenRefusal::Missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_matches(' ')) } else { Err(TokenRefusal::Missing) }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Request extension with the address that a trusted proxy forwarded. A layer sets it, and nothing else reads
/// `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

/// Returns the rightmost address in all `X-Forwarded-For` that is not a proxy's, because clients may have written those
/// further left. Returns `None` if the connection is not from a proxy.
pub fn forwarded_address(headers: &HeaderMap, peer: IpAddr, proxies: &[IpAddr]) -> Option<IpAddr> {
    if proxies.is_empty() || !proxies.contains(&peer.to_canonical()) {
        return None;
    }
    let all = headers.get_all(X_FORWARDED_FOR).iter().rev().flat_map(|one| one.as_bytes().rsplit(|b| *b == b','));
    // Stops at the first malformed address, because its writer may have written all further left.
    let all = all.map_while(|one| std::str::from_utf8(one).ok().and_then(|one| parse_address(one.trim())));
    all.map(|ip| ip.to_canonical()).find(|ip| !proxies.contains(ip))
}

/// Parses an address: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80`.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(|| text.parse().ok().map(|both: SocketAddr| both.ip())).or_else(bare)
}

/// Returns the client's address: [`ClientAddr`], or else the connection's. `None` without a connection, as in tests.
pub fn client_address(extensions: &Extensions) -> Option<IpAddr> {
    let connection = || extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    // A dual-stack listener reports IPv4 clients as IPv4-mapped IPv6 addresses.
    extensions.get::<ClientAddr>().map(|a| a.0).or_else(connection).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|v| (header::AUTHORIZATION, HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn bearer_token_is_parsed() {
        assert_eq!(token(&headers(&["Bearer ttr_x"])), Ok("ttr_x"));
        assert_eq!(token(&headers(&["bearer  ttr_x "])), Ok("ttr_x"));
        for bad in [&[][..], &["ttr_x"], &["Basic dHRy"], &["Bearer a", "Bearer b"], &["Bearer"]] {
            assert_eq!(token(&headers(bad)), Err(TokenRefusal::Missing), "{bad:?}");
        }
    }

    #[test]
    fn forwarded_address_replaces_the_address_of_the_connection() {
        let mut extensions = Extensions::new();
        assert_eq!(client_address(&extensions), None);
        extensions.insert(ConnectInfo(SocketAddr::from(([0, 0, 0, 0, 0, 0xffff, 0x0a00, 1], 80))));
        assert_eq!(client_address(&extensions), Some(IpAddr::from([10, 0, 0, 1])));
        extensions.insert(ClientAddr(IpAddr::from([192, 0, 2, 7])));
        assert_eq!(client_address(&extensions), Some(IpAddr::from([192, 0, 2, 7])));
    }

    #[test]
    fn only_trusted_proxies_forward_addresses() {
        let proxies = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        let from = |peer: &str, values: &[&'static str]| {
            let headers = values.iter().map(|v| (X_FORWARDED_FOR, HeaderValue::from_static(v))).collect();
            forwarded_address(&headers, peer.parse().unwrap(), &proxies).map(|ip| ip.to_string())
        };
        let is = |ip: &str| Some(ip.to_owned());
        assert_eq!(from("192.0.2.9", &["192.0.2.1"]), None);
        assert_eq!(from("10.0.0.1", &[]), None);
        assert_eq!(from("10.0.0.1", &["6.6.6.6, 192.0.2.1"]), is("192.0.2.1"));
        assert_eq!(from("::ffff:10.0.0.1", &["192.0.2.1, 10.0.0.2"]), is("192.0.2.1"));
        assert_eq!(from("10.0.0.1", &["6.6.6.6", "192.0.2.1:4711,10.0.0.2"]), is("192.0.2.1"));
        assert_eq!(from("10.0.0.1", &["2001:db8::1"]), is("2001:db8::1"));
        assert_eq!(from("10.0.0.1", &["[2001:db8::1]:80"]), is("2001:db8::1"));
        assert_eq!(from("10.0.0.1", &["[2001:db8::1]"]), is("2001:db8::1"));
        assert_eq!(from("10.0.0.1", &["6.6.6.6, unknown"]), None);
        assert_eq!(from("10.0.0.1", &["6.6.6.6, unknown, 10.0.0.2"]), None);
        assert_eq!(from("10.0.0.1", &["10.0.0.2"]), None);
    }
}
