//! What reader nodes know of tokens: one list beside the releases, under a key of its own that no application watches.
//! It holds hashes, never a token's text.

use serde::{Deserialize, Serialize};

use crate::domain::{
    access::Pattern,
    numbers,
    time::Time,
    token::{Token, TokenKind},
};

/// Longest list that is read, in bytes. etcd takes 1.5 MiB unless it was told otherwise.
const LIST_BYTES: usize = 4 * 1024 * 1024;

/// All tokens that reader nodes let in, and those that ended lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenList {
    /// Never falls, so that a list which comes back from a backup of etcd is known by it. A time in milliseconds.
    #[serde(deserialize_with = "numbers::bounded")]
    pub version: u64,
    /// The tokens.
    pub tokens: Vec<ListedToken>,
}

impl TokenList {
    /// Reads what lies in the channel at `now`.
    ///
    /// # Errors
    /// Why no reader takes it.
    pub(super) fn read(value: &[u8], now: Time) -> Result<Self, Refusal> {
        if value.len() > LIST_BYTES {
            return Err(Refusal::Unreadable);
        }
        let list: Self = serde_json::from_slice(value).map_err(|_| Refusal::Unreadable)?;
        if numbers::is_plausible(list.version, now) { Ok(list) } else { Err(Refusal::Future) }
    }
}

/// Why a list of tokens is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is none.
    #[error("what etcd holds is no list of tokens")]
    Unreadable,
    /// Its version is a time that has not come: somebody made it up, or a clock is wrong.
    #[error(
        "the list of tokens in etcd is of a time that has not come by this clock; see whether the clocks of all nodes are right"
    )]
    Future,
}

/// All of a token that decides what it opens, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedToken {
    /// Its public identity.
    pub id: String,
    /// What it is for.
    pub kind: TokenKind,
    /// The configs that it reaches.
    pub patterns: Vec<Pattern>,
    /// SHA-256 of the whole token, in hexadecimal.
    pub sha256: String,
    /// When it stops working by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When it was revoked.
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
    /// What readers need not know stays empty.
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

/// What the channel holds of tokens at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// The revision; a watch that misses nothing begins right after it.
    pub revision: i64,
    /// The revision that wrote the list; 0 when there is none, or none that is newer than asked for.
    pub written: i64,
    /// The list.
    pub list: Option<TokenList>,
    /// Why what lies there is not taken for a list.
    pub refused: Option<Refusal>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_a_time_that_has_not_come_is_refused() {
        let now = Time(1_795_363_200_000);
        let read = |version: &str| {
            let value = format!("{{\"version\":{version},\"tokens\":[]}}");
            TokenList::read(value.as_bytes(), now).map(|list| list.version)
        };
        assert_eq!(read("1795363200000"), Ok(1_795_363_200_000));
        assert_eq!(read("1795363500000"), Ok(1_795_363_500_000), "clocks differ");
        assert_eq!(read("1795363500001"), Err(Refusal::Future));
        assert_eq!(read("9007199254740991"), Err(Refusal::Future));
        for none in ["9007199254740992", "9223372036854775807", "18446744073709551615", "-1", "1.5", "\"1\""] {
            assert_eq!(read(none), Err(Refusal::Unreadable), "{none}");
        }
        let long = format!("{{\"version\":1,\"tokens\":[]{}}}", " ".repeat(LIST_BYTES));
        assert_eq!(TokenList::read(long.as_bytes(), now), Err(Refusal::Unreadable));
    }
}
