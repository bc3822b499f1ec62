//! Normalises paths, so that routing, authorisation and look-up see one spelling.

use axum::http::{Uri, uri::PathAndQuery};

/// Decodes characters of a path that are percent-encoded without need: `%61pplication` becomes `application`.
///
/// Decodes only letters, digits and `- . _ ~`, once (RFC 3986, 6.2.2.2). Names consist only of these, so no name has an
/// octet that stays encoded (`%2f`, `%25`, `%00`). A path with a malformed encoding (`%zz`) is not changed.
pub fn normalize(uri: &mut Uri) {
    let Some(path) = decoded(uri.path()) else { return };
    let text = uri.query().map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).expect("unreserved characters are valid in any path"));
    *uri = Uri::from_parts(parts).expect("only the path has changed");
}

/// Returns `None` if nothing has to be decoded, or if an encoding is malformed, because decoding could complete it.
fn decoded(path: &str) -> Option<String> {
    let (start, rest) = path.split_once('%')?;
    let mut decoded = start.to_owned();
    for piece in rest.split('%') {
        let (digits, rest) = piece.split_at_checked(2)?;
        // The number parser would accept a sign.
        let octet = if digits.starts_with('+') { None } else { u8::from_str_radix(digits, 16).ok() }?;
        if is_unreserved(octet) {
            decoded.push(octet.into());
        } else {
            decoded.push('%');
            decoded.push_str(digits);
        }
        decoded.push_str(rest);
    }
    (decoded.len() < path.len()).then_some(decoded)
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(uri: &str) -> String {
        let mut uri = uri.parse().unwrap();
        normalize(&mut uri);
        uri.to_string()
    }

    #[test]
    fn unreserved_characters_are_decoded_once() {
        for (given, wanted) in [
            ("/a/%61pplication", "/a/application"),
            ("/%61%2D%2d%5F%7e%2E%39", "/a--_~.9"),
            ("/%4A%4a", "/JJ"),
            ("/%2561", "/%2561"),
            ("/%25%36%31", "/%2561"),
            ("/shop%2fapplication%2F", "/shop%2fapplication%2F"),
            ("/%00%ff%c3%a4%20", "/%00%ff%c3%a4%20"),
            ("/%61%zz", "/%61%zz"),
            ("/%61%6", "/%61%6"),
            ("/%61%", "/%61%"),
            ("/%61%+1", "/%61%+1"),
            ("/%%361", "/%%361"),
            ("/a?b=%61", "/a?b=%61"),
            ("/%61?b=%61", "/a?b=%61"),
            ("http://x/%61", "http://x/a"),
            ("*", "*"),
        ] {
            assert_eq!(normal(given), wanted, "{given}");
        }
    }
}
