//! Every way in which Trimtab says no. One enum for services, pages, server functions and the HTTP API;
//! the words for each, in both languages, are in `texts::problems`.

use serde::{Deserialize, Serialize};

use super::names::ConfigId;
pub use super::problem::{DotenvTrouble, Invalid, Problem, excerpt, pointer};

/// The answer of everything that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was refused; the variants differ by what a caller does next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Error {
    /// Nobody is logged in, or the token is missing, unknown, expired or revoked.
    #[error("not authenticated")]
    Unauthenticated,
    /// The actor sees the object but may not do this to it.
    #[error("not allowed: {0:?}")]
    Forbidden(Need),
    /// There is no such object, or the actor may not know of it.
    #[error("not found: {0}")]
    NotFound(String),
    /// The input is wrong, and where.
    #[error("invalid: {0:?}")]
    Invalid(Vec<Invalid>),
    /// Keys were changed by somebody else since they were read (412).
    #[error("{} keys changed meanwhile", .0.len())]
    Conflict(Vec<Conflict>),
    /// The difference is no longer the one that was looked at (409). Carries its present SHA-256.
    #[error("the difference has changed")]
    Stale(String),
    /// The object is not in a state that allows this (409): a published change, say.
    #[error("not possible in this state: {0:?}")]
    State(State),
    /// More than the limit, in bytes.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    /// Too many tries; again after so many seconds.
    #[error("too many attempts, retry in {0} s")]
    Throttled(u32),
    /// Too many requests with large contents run or wait (503); again after so many seconds.
    #[error("too many large requests, retry in {0} s")]
    Busy(u32),
    /// A part that this needs does not answer.
    #[error("{part:?} is not responding: {detail}")]
    Unavailable {
        /// Which part.
        part: Part,
        /// What it said. It stays on the server: a driver's words may name addresses and users.
        #[serde(skip)]
        detail: String,
    },
    /// A fault of ours. The cause is in the log under this request id, never in the answer.
    #[error("internal error, request {0}")]
    Internal(String),
}

impl Error {
    /// What this is called where programs look.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not-found",
            Self::Invalid(_) => "invalid",
            Self::Conflict(_) => "conflict",
            Self::Stale(_) => "stale",
            Self::State(_) => "state",
            Self::TooLarge(_) => "too-large",
            Self::Throttled(_) => "throttled",
            Self::Busy(_) => "busy",
            Self::Unavailable { .. } => "unavailable",
            Self::Internal(_) => "internal",
        }
    }
}

/// What an actor lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Need {
    /// To see the config.
    View,
    /// To edit the config.
    Edit,
    /// To publish the config.
    Publish,
    /// To own the application in this environment.
    Own,
    /// To be an administrator.
    Administer,
    /// To be the author of the change, or invited to it.
    Author,
    /// A token that is for this: reading tokens do not write.
    Kind,
}

/// Why an object is not ready for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// The change was published already.
    Published,
    /// The change was discarded.
    Discarded,
    /// The change has no edit that makes a difference.
    Empty,
    /// The first administrator exists already.
    SetUp,
    /// The same idempotency key is being worked on.
    InProgress,
    /// The application, environment or namespace is archived.
    Archived,
    /// The channel, or a reader, holds a later release of the config than the database knows of.
    Ahead,
    /// No number is left for another release of the config.
    Numbers,
    /// The config has no release.
    Unreleased,
}

/// A part of the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The SQL database.
    Database,
    /// etcd, or the in-process channel.
    Channel,
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(vec![invalid])
    }
}

impl From<Vec<Invalid>> for Error {
    fn from(invalid: Vec<Invalid>) -> Self {
        Self::Invalid(invalid)
    }
}

/// A key that was changed on both sides: by the author and, meanwhile, by a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The config.
    pub config: ConfigId,
    /// The key; empty for a text document.
    pub key: String,
    /// The value that the edit was based on; none when the key was absent.
    pub base: Option<String>,
    /// The value that is there now.
    pub theirs: Option<String>,
    /// The value that the author wants; none to remove the key.
    pub mine: Option<String>,
}
