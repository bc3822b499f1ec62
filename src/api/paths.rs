//! Where pages are, for links and for where a form leads.

use std::fmt::{self, Display, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::{
    change::ChangeId,
    names::{AppName, ConfigId},
};

/// The page that makes a token.
pub const NEW_TOKEN: &str = "/tokens/new";

/// The page of a config.
#[must_use]
pub fn config(id: &ConfigId) -> String {
    format!("/configs/{id}")
}

/// The page of a release.
#[must_use]
pub fn release(id: &ConfigId, seq: u64) -> String {
    format!("/configs/{id}/releases/{seq}")
}

/// The page of a change.
#[must_use]
pub fn change(id: &ChangeId) -> String {
    format!("/changes/{id}")
}

/// The page of an application.
#[must_use]
pub fn app(name: &AppName) -> String {
    format!("/apps/{name}")
}

/// `path` with a query; pairs without a value are left out.
#[must_use]
pub fn with(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        let before = if address.contains('?') { '&' } else { '?' };
        let _ = write!(address, "{before}{name}={}", Encoded(value));
    }
    address
}

/// All but the unreserved characters.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as a value of a query: only unreserved characters (RFC 3986, 2.3) stand for themselves.
pub struct Encoded<'a>(pub &'a str);

impl Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        utf8_percent_encode(self.0, VALUE).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_carries_any_text() {
        let key = "a b&c=#</script>商";
        let address = with("/x", &[("q", ""), ("edit", key), ("view", "split")]);
        assert_eq!(address, "/x?edit=a%20b%26c%3D%23%3C%2Fscript%3E%E5%95%86&view=split");
        let (_, query) = address.split_once('?').unwrap();
        assert_eq!(form_urlencoded::parse(query.as_bytes()).next().unwrap().1, key);
    }
}
