//! Who is asking, as the request's head says: its token, and where it comes from.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, header},
};

use crate::auth::tokens::Denied;

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

/// The client's address where it is not the connection's: behind proxies that the settings name, a layer puts the
/// address that they forward here. Nothing else reads `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

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
}
