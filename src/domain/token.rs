//! Tokens: credentials for programs.

use serde::{Deserialize, Serialize};

use super::{
    access::Pattern,
    error::{Dependency, Error},
    time::Time,
};

/// Purpose of a token. A new kind needs a variant here, with its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Reads configs.
    Read,
    /// Writes through the HTTP API.
    Automation,
}

impl TokenKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Read, Self::Automation];

    /// Returns the prefix of tokens of this kind, by which people and secret scanners recognise them.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Read => "ttr",
            Self::Automation => "tta",
        }
    }

    /// Returns `read` or `automation`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Automation => "automation",
        }
    }
}

/// A token as it is stored, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its public id, the middle part of the text.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Its purpose.
    pub kind: TokenKind,
    /// The configs that it gives access to.
    pub patterns: Vec<Pattern>,
    /// Whether it may create applications and environments.
    pub creator: bool,
    /// SHA-256 of the whole token, in hexadecimal.
    pub sha256: String,
    /// Actor id of its creator.
    pub created_by: String,
    /// Time of creation.
    pub created_at: Time,
    /// Time of expiry.
    pub expires_at: Option<Time>,
    /// Time of revocation.
    pub revoked_at: Option<Time>,
    /// Time of its last use, accurate to about a minute.
    pub last_used_at: Option<Time>,
}

impl Token {
    /// Returns whether it is valid at `now`.
    pub fn is_valid_at(&self, now: Time) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Reason why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// The request has no token.
    #[error("no token")]
    Missing,
    /// The text is not a token, or has a typing error.
    #[error("not a token")]
    Mistyped,
    /// Its id is unknown or its secret is wrong. The answer does not reveal which.
    #[error("unknown token")]
    Unknown,
    /// It has expired.
    #[error("expired token")]
    Expired,
    /// It was revoked.
    #[error("revoked token")]
    Revoked,
    /// The server has not read the list of tokens yet. The client is not at fault.
    #[error("tokens are not loaded")]
    NotLoaded,
}

impl From<TokenRefusal> for Error {
    fn from(denied: TokenRefusal) -> Self {
        match denied {
            TokenRefusal::NotLoaded => {
                Self::Unavailable { part: Dependency::Channel, detail: "the tokens have not been read yet".into() }
            }
            _ => Self::Unauthenticated,
        }
    }
}
