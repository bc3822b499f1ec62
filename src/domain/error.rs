//! All errors that Trimtab reports to its callers: one enum for services, pages, server functions and the HTTP API.
//! Their texts, in both languages, are in `texts::problems`.

use serde::{Deserialize, Serialize};

pub use super::problem::{DotenvTrouble, Invalid, Problem, pointer, truncate};
use super::{
    names::ConfigId,
    sensitive::{self, Sensitive},
};

/// Result of everything that can fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Reason why a request failed. There is one variant for each reaction of a caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Error {
    /// Not logged in, or the token is missing, unknown, expired or revoked.
    #[error("not authenticated")]
    Unauthenticated,
    /// The actor may see the object but may not do this to it.
    #[error("not allowed: {0:?}")]
    Forbidden(Need),
    /// The object does not exist, or the actor may not see it.
    #[error("not found: {0}")]
    NotFound(String),
    /// The input is invalid, with the fields.
    #[error("invalid: {0:?}")]
    Invalid(Vec<Invalid>),
    /// Keys were changed by another actor since they were read (412).
    #[error("{} keys changed meanwhile", .0.len())]
    Conflict(Vec<Conflict>),
    /// The difference has changed since it was shown (409). Contains its current SHA-256.
    #[error("the difference has changed")]
    Stale(String),
    /// The state of the object does not allow this (409), for example because a change is published.
    #[error("not possible in this state: {0:?}")]
    State(StateConflict),
    /// Larger than the limit, in bytes.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    /// Too many attempts; retry after this many seconds.
    #[error("too many attempts, retry in {0} s")]
    Throttled(u32),
    /// Too many requests with large contents are running or queued (503); retry after this many seconds.
    #[error("too many large requests, retry in {0} s")]
    Busy(u32),
    /// A required part of the installation does not answer.
    #[error("{part:?} is not responding: {detail}")]
    Unavailable {
        /// The part.
        part: Dependency,
        /// Message of the driver. It stays on the server, because it may contain addresses and users.
        #[serde(skip)]
        detail: String,
    },
    /// A defect of Trimtab. The cause is in the log under this request id, never in the answer.
    #[error("internal error, request {0}")]
    Internal(String),
}

impl Error {
    /// Returns the machine-readable name.
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

/// The right that an actor lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Need {
    /// See the config.
    View,
    /// Edit the config.
    Edit,
    /// Publish the config.
    Publish,
    /// Own the application in this environment.
    Own,
    /// Be an administrator.
    Administer,
    /// Be the author of the change.
    Author,
    /// Have a token of the right kind: read tokens cannot write.
    Kind,
}

/// Reason why the state of an object does not allow a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateConflict {
    /// The change was published already.
    Published,
    /// The change was discarded.
    Discarded,
    /// The change has no effective edit.
    Empty,
    /// The first administrator exists already.
    SetUp,
    /// A request with the same idempotency key is in progress.
    InProgress,
    /// The application, environment or namespace is archived.
    Archived,
    /// Only an archived object can be removed for good.
    NotArchived,
    /// The channel, or a reader, holds a later release of the config than the database.
    Ahead,
    /// The config has no numbers left for another release.
    Numbers,
    /// The config has no release.
    Unreleased,
    /// The targets of a copy have all keys already.
    NothingToCopy,
    /// The change edits none of the keys.
    NoEdits,
    /// The other change edits one of the keys already.
    EditedInTarget,
    /// The change was edited since the page was read, for example in another tab.
    EditedElsewhere,
    /// The change has no action to undo or redo.
    NothingToUndo,
}

/// A part of the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dependency {
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

/// A key that both the author and, meanwhile, a release changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Conflict {
    /// The config.
    pub config: ConfigId,
    /// The key. Empty for a whole text.
    pub key: String,
    /// The value that the edit was based on. Null when the key was absent.
    #[serde(with = "sensitive::plain::optional")]
    #[cfg_attr(feature = "ssr", schema(required, value_type = Option<String>))]
    pub base: Option<Sensitive>,
    /// The live value. Null when the key is absent.
    #[serde(with = "sensitive::plain::optional")]
    #[cfg_attr(feature = "ssr", schema(required, value_type = Option<String>))]
    pub theirs: Option<Sensitive>,
    /// The value that the edit sets. Null when it removes the key.
    #[serde(with = "sensitive::plain::optional")]
    #[cfg_attr(feature = "ssr", schema(required, value_type = Option<String>))]
    pub mine: Option<Sensitive>,
}
