//! Failures of a delivery.

use crate::{
    channel::ChannelError,
    domain::{
        error::{Dependency, Error, StateConflict},
        names::ConfigId,
    },
};

/// The reason for which a worker stopped.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error("the channel holds release {seq} of {config}, which the database does not know")]
    Ahead { config: ConfigId, seq: u64 },
    #[error("the stored content of release {seq} of {config} cannot be read")]
    Unreadable { config: ConfigId, seq: u64, error: Error },
    #[error(transparent)]
    Database(#[from] Error),
}

impl Failure {
    /// Returns whether a retry is useless until a person acts. Other changes may be delivered meanwhile.
    pub fn needs_person(&self) -> bool {
        use ChannelError::{Mismatch, Refused, TooLarge};
        matches!(
            self,
            Self::Ahead { .. } | Self::Unreadable { .. } | Self::Channel(Mismatch { .. } | TooLarge(_) | Refused(_))
        )
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Channel(error) => error.name(),
            Self::Ahead { .. } => "ahead",
            Self::Unreadable { .. } => "unreadable",
            Self::Database(error) => error.name(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Channel(error) => unavailable(error),
            Failure::Ahead { .. } => Error::State(StateConflict::Ahead),
            Failure::Unreadable { error, .. } | Failure::Database(error) => error,
        }
    }
}

pub(super) fn unavailable(error: ChannelError) -> Error {
    tracing::warn!(error = %error, "a request to the channel failed");
    Error::Unavailable { part: Dependency::Channel, detail: error.to_string() }
}
