//! Changes: the edits of one author over one or many configs, until they are published or discarded.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    error::{Invalid, Problem, truncate},
    merge::Edit,
    names::{ConfigId, serde_as_text},
    time::Time,
};

/// Id of a change: a UUID in its usual spelling. The server generates it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema), schema(format = "uuid"))]
pub struct ChangeId(String);

impl ChangeId {
    /// Returns the id as text.
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
        Err(Invalid::new("/id", Problem::Unknown { given: truncate(text), known: Vec::new() }))
    }
}

serde_as_text!(ChangeId);

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// State of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ChangeState {
    /// It accepts edits.
    Open,
    /// Its releases are accepted.
    Published,
    /// It is discarded.
    Discarded,
}

impl ChangeState {
    /// Returns `open`, `published` or `discarded`.
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
    /// Its id.
    pub id: ChangeId,
    /// Actor id of the author.
    pub author: String,
    /// Name of the author, for people.
    pub author_name: String,
    /// The message; may be empty until the change is published.
    pub message: String,
    /// Its state.
    pub state: ChangeState,
    /// Version, incremented by each edit. A page sends back the version that it read.
    pub version: u64,
    /// Time when it was opened.
    pub created_at: Time,
    /// Time of the last edit.
    pub updated_at: Time,
}

impl Change {
    /// Returns the id of the user who is the author. `None` for a change of a token or of the command line.
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
    /// The edit itself.
    pub edit: Edit,
    /// Number of the release that it is based on, 0 if there was none.
    pub base: u64,
    /// Version of the change that contains it.
    pub version: u64,
    /// Time when it was saved.
    pub at: Time,
}
