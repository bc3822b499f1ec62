//! The list of tokens for reader nodes, under a key that no application watches. It holds hashes, never a token's text.

use serde::{Deserialize, Serialize};

use crate::domain::{
    access::Pattern,
    numbers,
    time::Time,
    token::{Token, TokenKind},
};

/// Maximum size of a list, in bytes. The default limit of etcd is 1.5 MiB.
const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

/// All tokens that reader nodes accept, and those that ended recently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenList {
    /// Version: a time in milliseconds. It never decreases, so a list from a backup of etcd is recognised.
    #[serde(deserialize_with = "numbers::bounded")]
    pub version: u64,
    /// The tokens.
    pub tokens: Vec<ListedToken>,
}

impl TokenList {
    /// Parses the list in the channel at the time `now`.
    ///
    /// # Errors
    /// The reason why no reader accepts it.
    pub(super) fn read(value: &[u8], now: Time) -> Result<Self, TokenListError> {
        if value.len() > MAX_LIST_BYTES {
            return Err(TokenListError::Unreadable);
        }
        let list: Self = serde_json::from_slice(value).map_err(|_| TokenListError::Unreadable)?;
        if numbers::is_plausible(list.version, now) { Ok(list) } else { Err(TokenListError::FutureVersion) }
    }
}

/// The reason why a list of tokens is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenListError {
    /// The value is not a list of tokens.
    #[error("the value in etcd is not a list of tokens")]
    Unreadable,
    /// The version is a time in the future: it is invented, or a clock is wrong.
    #[error("the version of the list of tokens in etcd is in the future; check the clocks of all nodes")]
    FutureVersion,
}

/// The properties of a token that decide its scope and its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedToken {
    /// Public id.
    pub id: String,
    /// Kind of the token.
    pub kind: TokenKind,
    /// Configs in its scope.
    pub patterns: Vec<Pattern>,
    /// SHA-256 of the whole token, in hexadecimal.
    pub sha256: String,
    /// Time of its expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Time of its revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Time>,
}

impl From<Token> for ListedToken {
    fn from(token: Token) -> Self {
        let Token { id, kind, patterns, sha256, expires_at, revoked_at, .. } = token;
        Self { id, kind, patterns, sha256, expires_at, revoked_at }
    }
}

impl From<ListedToken> for Token {
    /// Leaves the properties empty that readers do not need.
    fn from(listed: ListedToken) -> Self {
        let ListedToken { id, kind, patterns, sha256, expires_at, revoked_at } = listed;
        Self {
            id,
            name: String::new(),
            kind,
            patterns,
            creator: false,
            sha256,
            created_by: String::new(),
            created_at: Time::default(),
            expires_at,
            revoked_at,
            last_used_at: None,
        }
    }
}

/// The tokens in the channel at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenListing {
    /// The revision. A watch from it misses nothing.
    pub revision: i64,
    /// Revision that wrote the list. 0 without a list, or without one newer than requested.
    pub list_revision: i64,
    /// The list.
    pub list: Option<TokenList>,
    /// The reason why the channel's value is not accepted.
    pub refused: Option<TokenListError>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_with_a_future_version_is_refused() {
        let now = Time(1_795_363_200_000);
        let read = |version: &str| {
            let value = format!("{{\"version\":{version},\"tokens\":[]}}");
            TokenList::read(value.as_bytes(), now).map(|list| list.version)
        };
        assert_eq!(read("1795363200000"), Ok(1_795_363_200_000));
        assert_eq!(read("1795363500000"), Ok(1_795_363_500_000), "clocks differ");
        assert_eq!(read("1795363500001"), Err(TokenListError::FutureVersion));
        assert_eq!(read("9007199254740991"), Err(TokenListError::FutureVersion));
        for bad in ["9007199254740992", "9223372036854775807", "18446744073709551615", "-1", "1.5", "\"1\""] {
            assert_eq!(read(bad), Err(TokenListError::Unreadable), "{bad}");
        }
        let long = format!("{{\"version\":1,\"tokens\":[]{}}}", " ".repeat(MAX_LIST_BYTES));
        assert_eq!(TokenList::read(long.as_bytes(), now), Err(TokenListError::Unreadable));
    }
}
