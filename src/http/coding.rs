//! Content codings: choosing one for an answer, and refusing requests that have one.

use axum::http::{HeaderMap, header};

use super::problem::HttpProblem;

/// The codings of an answer that a client accepts (RFC 9110, 12.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedCodings {
    /// Accepts gzip, with at least the weight of an answer without a coding.
    gzip: bool,
    /// Accepts an answer without a coding.
    identity: bool,
}

impl AcceptedCodings {
    /// Reads `Accept-Encoding`.
    ///
    /// # Errors
    /// 406 if it excludes both gzip and an answer without a coding.
    pub fn parse(headers: &HeaderMap) -> Result<Self, HttpProblem> {
        if !headers.contains_key(header::ACCEPT_ENCODING) {
            return Ok(Self { gzip: false, identity: true });
        }
        let (mut gzip, mut identity, mut others) = (None, None, None);
        let all = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        for (coding, weight) in all.flat_map(|value| value.split(',')).filter_map(parse_weighted) {
            match coding.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => gzip = Some(weight),
                "identity" => identity = Some(weight),
                "*" => others = Some(weight),
                _ => {}
            }
        }
        let (weight, least) = (gzip.or(others).unwrap_or(0), identity.unwrap_or(0));
        let accepted = Self { gzip: weight > 0 && weight >= least, identity: identity.or(others) != Some(0) };
        if accepted.gzip || accepted.identity { Ok(accepted) } else { Err(HttpProblem::not_acceptable()) }
    }

    /// Returns whether an answer is sent as gzip. `gzip_is_smaller` is a property of the document.
    pub fn wants_gzip(self, gzip_is_smaller: bool) -> bool {
        self.gzip && (gzip_is_smaller || !self.identity)
    }

    /// Returns whether the client accepts an answer without a coding.
    pub fn accepts_identity(self) -> bool {
        self.identity
    }
}

/// Returns which of the `offered` codings a client prefers, or `None` for an answer without a coding.
///
/// The first one offered wins among equal weights. A coding wins over no coding. Wildcards are ignored.
pub fn preferred<'a>(headers: &HeaderMap, offered: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let all = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<_> = all.flat_map(|value| value.split(',')).filter_map(parse_weighted).collect();
    let weight = |name: &str| {
        let same = |coding: &str| {
            coding.eq_ignore_ascii_case(name) || (name == "gzip" && coding.eq_ignore_ascii_case("x-gzip"))
        };
        accepted.iter().filter(|(coding, _)| same(coding)).map(|(_, weight)| *weight).max().unwrap_or(0)
    };
    let mut best = (None, weight("identity"));
    for coding in offered {
        let weight = weight(coding);
        if weight > best.1 || (best.0.is_none() && weight > 0 && weight == best.1) {
            best = (Some(coding), weight);
        }
    }
    best.0
}

/// Parses a coding and its weight, in thousandths. Returns `None` if the weight is malformed.
fn parse_weighted(text: &str) -> Option<(&str, u16)> {
    let (coding, parameter) = text.split_once(';').map_or((text, None), |(coding, rest)| (coding, Some(rest)));
    let Some(parameter) = parameter else { return Some((coding.trim(), 1000)) };
    let (name, weight) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    // 0, 1, 0.5 or 0.125: at most three digits after the point.
    let weight = weight.trim();
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    if !matches!(whole, "0" | "1") || part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{whole}{part:0<3}").parse().ok()?;
    (thousandths <= 1000).then_some((coding.trim(), thousandths))
}

/// Refuses a request whose body has a content coding, because the server decodes none.
///
/// # Errors
/// 415, with the coding in its text.
pub fn check_body(headers: &HeaderMap) -> Result<(), HttpProblem> {
    let codings =
        headers.get_all(header::CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let mut foreign = codings.map(<[u8]>::trim_ascii).filter(|c| !c.is_empty() && !c.eq_ignore_ascii_case(b"identity"));
    foreign.next().map_or(Ok(()), |coding| Err(HttpProblem::unsupported_coding(&String::from_utf8_lossy(coding))))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn accepted_codings_are_parsed() {
        for (values, gzip, identity) in [
            (&[][..], false, true),
            (&[""], false, true),
            (&["gzip"], true, true),
            (&["GZIP"], true, true),
            (&["x-gzip"], true, true),
            (&["br, deflate"], false, true),
            (&["br", "gzip"], true, true),
            (&["br;q=1.0, gzip;q=0.8, *;q=0.1"], true, true),
            (&["gzip;q=0.001"], true, true),
            (&["gzip ; q=0.5 , identity ; Q=0.5"], true, true),
            (&["gzip;q=0.5, identity"], false, true),
            (&["gzip;q=0"], false, true),
            (&["gzip;q=0, *"], false, true),
            (&["*"], true, true),
            (&["*;q=0, identity"], false, true),
            (&["gzip, *;q=0"], true, false),
            (&["gzip, identity;q=0"], true, false),
            (&["*, identity;q=0.000"], true, false),
            (&["gzip;q=2, gzip;q=0.5555, gzip;q=x, gzip;q, gzip;w=1"], false, true),
        ] {
            let headers = headers(header::ACCEPT_ENCODING, values);
            assert_eq!(AcceptedCodings::parse(&headers).unwrap(), AcceptedCodings { gzip, identity }, "{values:?}");
        }
        for nothing in ["identity;q=0", "*;q=0", "br, identity;q=0", "gzip;q=0, identity;q=0"] {
            let refused = AcceptedCodings::parse(&headers(header::ACCEPT_ENCODING, &[nothing])).unwrap_err();
            assert_eq!(refused.status(), 406, "{nothing}");
        }
    }

    #[test]
    fn the_coding_with_the_highest_weight_is_preferred() {
        for (values, expected) in [
            (&[][..], None),
            (&[""], None),
            (&["gzip, br"], Some("br")),
            (&["gzip", "br"], Some("br")),
            (&["zstd, X-GZIP"], Some("gzip")),
            (&["br;q=0.1, gzip;q=0.9"], Some("gzip")),
            (&["br;q=0.5, identity"], None),
            (&["br;q=0.5, identity;q=0.5"], Some("br")),
            (&["br;q=0, gzip;q=0"], None),
            (&["gzip;q=x, deflate"], None),
            (&["*"], None),
            (&["identity;q=0"], None),
        ] {
            let headers = headers(header::ACCEPT_ENCODING, values);
            assert_eq!(preferred(&headers, ["br", "gzip"].into_iter()), expected, "{values:?}");
        }
        let headers = headers(header::ACCEPT_ENCODING, &["gzip, br"]);
        assert_eq!(preferred(&headers, std::iter::empty()), None);
    }

    #[test]
    fn request_body_with_a_coding_is_refused() {
        for none in [&[][..], &[""], &["identity"], &["Identity, identity"]] {
            assert!(check_body(&headers(header::CONTENT_ENCODING, none)).is_ok(), "{none:?}");
        }
        for coded in [&["gzip"][..], &["br"], &["identity, gzip"], &["identity", "deflate"], &["?"]] {
            let refused = check_body(&headers(header::CONTENT_ENCODING, coded)).unwrap_err();
            assert_eq!(refused.status(), 415, "{coded:?}");
        }
    }
}
