//! Errors of the channel.

use tokio::task::JoinError;

use crate::domain::{
    entry::Identity,
    names::{ConfigId, EnvName},
};

/// An error of the channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The channel does not answer in time. The outcome is unknown, so read before you retry.
    #[error("{0}")]
    Unreachable(String),
    /// Another node holds the lock and did not release it in time.
    #[error("another node holds the lock of {env}")]
    Busy {
        /// The environment.
        env: EnvName,
    },
    /// The lock was lost, or a config changed, between the read and the write. Nothing was written.
    #[error("the lock of {env} was lost; nothing was written")]
    Fenced {
        /// The environment.
        env: EnvName,
    },
    /// The channel holds another release under the same number.
    #[error("the channel holds another document as release {seq} of {config}")]
    Mismatch {
        /// The config.
        config: ConfigId,
        /// The number.
        seq: u64,
    },
    /// The channel holds later releases of some configs of a batch, and lacks the releases of others. Nothing was
    /// written.
    #[error("the channel holds a later release of {}", .0.first().map_or(String::new(), |(config, _)| config.to_string()))]
    Overtaken(Vec<(ConfigId, Identity)>),
    /// The batch does not fit into one transaction.
    #[error("too large for one transaction: {0}")]
    TooLarge(String),
    /// The channel refuses the request: no permission, no space, an invalid entry, or wrong settings. Nothing was
    /// written, and a retry fails until a person resolves it.
    #[error("{0}")]
    Refused(String),
    /// The watched revision is no longer kept. List again.
    #[error("the channel no longer keeps that revision")]
    Compacted,
}

// Without the message of the panic, which may hold values. The log has the line of the code: `server::telemetry`.
impl From<JoinError> for ChannelError {
    fn from(_: JoinError) -> Self {
        Self::Unreachable("the task that did this panicked".into())
    }
}

impl ChannelError {
    /// Returns the name of the error in metrics, traces and answers to programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Busy { .. } => "busy",
            Self::Fenced { .. } => "fenced",
            Self::Mismatch { .. } => "mismatch",
            Self::Overtaken(_) => "overtaken",
            Self::TooLarge(_) => "too-large",
            Self::Refused(_) => "refused",
            Self::Compacted => "compacted",
        }
    }
}
