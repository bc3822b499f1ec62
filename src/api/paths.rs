//! Paths of pages, for links and redirects.

use std::fmt::{self, Display, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::{
    bin::BinObject,
    change::ChangeId,
    names::{AppName, ConfigId},
};

/// Path of the page that creates a token.
pub const NEW_TOKEN: &str = "/tokens/new";

/// Path of the recycle bin.
pub const BIN: &str = "/bin";

/// Returns the path of the page that removes an archived object for good.
pub fn removal(object: &BinObject) -> String {
    format!("{BIN}/{}/{object}", object.kind())
}

/// Returns the path of a config's page.
pub fn config(id: &ConfigId) -> String {
    format!("/configs/{id}")
}

/// Returns the path of a release's page.
pub fn release(id: &ConfigId, seq: u64) -> String {
    format!("/configs/{id}/releases/{seq}")
}

/// Returns the path of a change's page.
pub fn change(id: &ChangeId) -> String {
    format!("/changes/{id}")
}

/// Returns the path of an application's page.
pub fn app(name: &AppName) -> String {
    format!("/apps/{name}")
}

/// Returns a path with a query, which goes before a fragment of the path. Pairs without a value are left out.
pub fn with(path: &str, pairs: &[(&str, &str)]) -> String {
    let (path, fragment) = path.split_at(path.find('#').unwrap_or(path.len()));
    let mut address = path.to_owned();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        let before = if address.contains('?') { '&' } else { '?' };
        let _ = write!(address, "{before}{name}={}", Encoded(value));
    }
    address + fragment
}

/// All characters except the unreserved ones.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as a query value. All but unreserved characters (RFC 3986, 2.3) are encoded.
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
