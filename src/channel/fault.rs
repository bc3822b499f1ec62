//! Errors of the channel.

use crate::domain::{
    entry::Identity,
    names::{ConfigId, EnvName},
};

/// An error of the channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It does not answer, or not in time. Nothing is known of what happened, so read before trying again.
    #[error("{0}")]
    Unreachable(String),
    /// The lock is held by another node and was not free within the time given.
    #[error("another node holds the lock of {env}")]
    Busy {
        /// The environment.
        env: EnvName,
    },
    /// The lock ran out, or a config moved, between reading and writing: nothing was written.
    #[error("the lock of {env} was lost; nothing was written")]
    Fenced {
        /// The environment.
        env: EnvName,
    },
    /// The channel holds another release of the same number.
    #[error("{config} is release {seq} in the channel too, with another document")]
    Mismatch {
        /// The config.
        config: ConfigId,
        /// The number.
        seq: u64,
    },
    /// Later releases of some configs of a batch are there, and others of it are not there yet: nothing was written.
    #[error("the channel holds a later release of {}", .0.first().map_or(String::new(), |(config, _)| config.to_string()))]
    Overtaken(Vec<(ConfigId, Identity)>),
    /// More than one transaction takes.
    #[error("too large for one transaction: {0}")]
    TooLarge(String),
    /// It answers, but does not do it: no permission, no space, an entry that must not go out, settings that cannot
    /// be right. Nothing was written, and the same again fails again until somebody does something.
    #[error("{0}")]
    Refused(String),
    /// The watched revision is no longer kept. List again.
    #[error("the channel no longer keeps that revision")]
    Compacted,
}

impl Fault {
    /// Returns the name of the fault in metrics, traces and answers to programs.
    #[must_use]
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
