//! Who is asking, as the request's head says: its token, and where it comes from.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, HeaderName, header},
};

use crate::domain::token::Denied;

/// The token of `Authorization: Bearer <token>`.
///
/// # Errors
/// [`Denied::Missing`] without one, with another scheme, or with two headers, of which nobody could say which counts.
pub fn token(headers: &HeaderMap) -> Result<&str, Denied> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return Err(Denied::Missing);
    };
    let (scheme, token) = value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or(Denied::Missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_matches(' ')) } else { Err(Denied::Missing) }
}

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address where it is not the connection's: behind proxies that the settings name, a layer puts the
/// address that they forward here. Nothing else reads `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

/// The address that proxies forward for: the rightmost of all `X-Forwarded-For` that is no proxy's. None unless the
/// connection is a proxy's; what stands further left anybody may have written.
#[must_use]
pub fn forwarded(headers: &HeaderMap, peer: IpAddr, proxies: &[IpAddr]) -> Option<IpAddr> {
    if proxies.is_empty() || !proxies.contains(&peer.to_canonical()) {
        return None;
    }
    let all = headers.get_all(FORWARDED).iter().rev().flat_map(|one| one.as_bytes().rsplit(|b| *b == b','));
    // Whoever wrote what is no address may have written all before it too.
    let all = all.map_while(|one| std::str::from_utf8(one).ok().and_then(|one| address_in(one.trim())));
    all.map(|ip| ip.to_canonical()).find(|ip| !proxies.contains(ip))
}

/// The address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80`.
fn address_in(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(|| text.parse().ok().map(|both: SocketAddr| both.ip())).or_else(bare)
}

/// The client's address: [`ClientAddr`], else the connection's; none without a connection, as in tests.
#[must_use]
pub fn address(extensions: &Extensions) -> Option<IpAddr> {
    let connection = || extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    // A dual-stack listener sees IPv4 clients as mapped addresses; people know them as IPv4.
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
    fn a_token_comes_as_bearer() {
        assert_eq!(token(&headers(&["Bearer ttr_x"])), Ok("ttr_x"));
        assert_eq!(token(&headers(&["bearer  ttr_x "])), Ok("ttr_x"));
        for bad in [&[][..], &["ttr_x"], &["Basic dHRy"], &["Bearer a", "Bearer b"], &["Bearer"]] {
            assert_eq!(token(&headers(bad)), Err(Denied::Missing), "{bad:?}");
        }
    }

    #[test]
    fn a_configured_proxy_speaks_for_its_client() {
        let mut extensions = Extensions::new();
        assert_eq!(address(&extensions), None);
        extensions.insert(ConnectInfo(SocketAddr::from(([0, 0, 0, 0, 0, 0xffff, 0x0a00, 1], 80))));
        assert_eq!(address(&extensions), Some(IpAddr::from([10, 0, 0, 1])));
        extensions.insert(ClientAddr(IpAddr::from([192, 0, 2, 7])));
        assert_eq!(address(&extensions), Some(IpAddr::from([192, 0, 2, 7])));
    }

    #[test]
    fn nobody_but_a_proxy_says_whose_request_it_is() {
        let proxies = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        let from = |peer: &str, values: &[&'static str]| {
            let headers = values.iter().map(|v| (FORWARDED, HeaderValue::from_static(v))).collect();
            forwarded(&headers, peer.parse().unwrap(), &proxies).map(|ip| ip.to_string())
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
