//! Tokens: what programs show instead of a password.

use serde::{Deserialize, Serialize};

use super::{
    access::Pattern,
    error::{Error, Part},
    time::Time,
};

/// What a token is for. A new kind is a variant here, with its prefix.
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

    /// What tokens of this kind begin with, so that people and secret scanners recognise them.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Read => "ttr",
            Self::Automation => "tta",
        }
    }

    /// `read` or `automation`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Automation => "automation",
        }
    }
}

/// A token as it is kept: without the secret that was shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its public identity, the middle part of the text.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub kind: TokenKind,
    /// The configs that it reaches.
    pub patterns: Vec<Pattern>,
    /// Whether it may create applications and environments.
    pub creator: bool,
    /// SHA-256 of the whole token, in hexadecimal.
    pub sha256: String,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Time,
    /// When it stops working by itself.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Time>,
}

impl Token {
    /// Whether it works at `now`.
    #[must_use]
    pub fn lives(&self, now: Time) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Why a request that shows a token, or none, is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is none.
    #[error("no token")]
    Missing,
    /// It is not a token, or a letter of it is wrong.
    #[error("not a token")]
    Mistyped,
    /// Nobody made it: its id is not known, or its secret is another. Which of both is not told.
    #[error("unknown token")]
    Unknown,
    /// Its time is over.
    #[error("expired token")]
    Expired,
    /// Somebody ended it.
    #[error("revoked token")]
    Revoked,
    /// The tokens have not been read yet, so nothing can be said. Not the client's fault.
    #[error("tokens are not loaded")]
    NotLoaded,
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotLoaded => {
                Self::Unavailable { part: Part::Channel, detail: "the tokens have not been read yet".into() }
            }
            _ => Self::Unauthenticated,
        }
    }
}
