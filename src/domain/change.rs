//! Changes: the edits of one author over one or many configs, until they are published or discarded.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    error::{Invalid, Problem, excerpt},
    merge::Edit,
    names::ConfigId,
    time::Time,
};

/// The identity of a change: a UUID in its usual spelling. Made by the server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChangeId(String);

impl ChangeId {
    /// The identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ChangeId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fits = text.len() == 36
            && text.bytes().enumerate().all(|(i, b)| match i {
                8 | 13 | 18 | 23 => b == b'-',
                _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
            });
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new("/id", Problem::Unknown { given: excerpt(text), known: Vec::new() }))
    }
}

impl TryFrom<String> for ChangeId {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<ChangeId> for String {
    fn from(id: ChangeId) -> Self {
        id.0
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeState {
    /// Edits go in.
    Open,
    /// Its releases are accepted.
    Published,
    /// Thrown away.
    Discarded,
}

impl ChangeState {
    /// `open`, `published` or `discarded`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Published => "published",
            Self::Discarded => "discarded",
        }
    }
}

/// A change without its edits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its identity.
    pub id: ChangeId,
    /// Who made it: an actor's id.
    pub author: String,
    /// The author's name, for people.
    pub author_name: String,
    /// Why; may be empty until it is published.
    pub message: String,
    /// How far it has come.
    pub state: ChangeState,
    /// Counts its edits: what a page read and sends back to save.
    pub version: u64,
    /// When it was opened.
    pub created_at: Time,
    /// When it was last edited.
    pub updated_at: Time,
}

impl Change {
    /// Returns the id of the user who made it. `None` for a change of a token or of the command line.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.author.strip_prefix("user:")
    }
}

/// One edit of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeEdit {
    /// The config.
    pub config: ConfigId,
    /// The key; empty for a whole text.
    pub key: String,
    /// What the author wants.
    pub edit: Edit,
    /// The release that it was made on; 0 when there was none.
    pub base: u64,
    /// The change's version that saved it.
    pub version: u64,
    /// When it was saved.
    pub at: Time,
}
