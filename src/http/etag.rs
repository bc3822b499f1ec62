//! Entity tags in the conditions of a request.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Returns whether `If-None-Match` or `If-Match` (`name`) matches this strong entity tag. There may be several headers,
/// lists and `*`. Only `If-None-Match` matches the weak form of the tag.
pub fn matches(headers: &HeaderMap, name: &HeaderName, etag: &HeaderValue) -> bool {
    let etag = etag.as_bytes();
    let weak: &[u8] = if name == header::IF_NONE_MATCH { b"W/" } else { b"" };
    let names = |value: &HeaderValue| {
        value.as_bytes() == etag
            || value
                .as_bytes()
                .split(|b| *b == b',')
                .map(<[u8]>::trim_ascii)
                .any(|one| one == b"*" || one.strip_prefix(weak).unwrap_or(one) == etag)
    };
    headers.get_all(name).iter().any(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_tags_lists_and_wildcards_match() {
        let etag = HeaderValue::from_static("\"ab\"");
        let named = |name: &HeaderName, value: &'static str| {
            matches(&HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))]), name, &etag)
        };
        for yes in ["\"ab\"", "\"x\", \"ab\"", "*"] {
            assert!(named(&header::IF_NONE_MATCH, yes) && named(&header::IF_MATCH, yes), "{yes}");
        }
        for weak in ["W/\"ab\"", "\"x\",W/\"ab\" "] {
            assert!(named(&header::IF_NONE_MATCH, weak) && !named(&header::IF_MATCH, weak), "{weak}");
        }
        for no in ["", "ab", "\"abc\"", "\"AB\"", "w/\"ab\""] {
            assert!(!named(&header::IF_NONE_MATCH, no) && !named(&header::IF_MATCH, no), "{no}");
        }
        assert!(!matches(&HeaderMap::new(), &header::IF_NONE_MATCH, &etag));
    }
}
