//! How the channel can depart from the database.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{names::ConfigId, time::Time};

/// A config of which the channel holds something else than the database says. Nothing of it is overwritten before
/// somebody decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The config.
    pub config: ConfigId,
    /// In which way.
    pub kind: DriftKind,
    /// Since when it is known.
    pub since: Time,
}

impl fmt::Display for DriftKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign { seq } => write!(f, "release {seq} lies in the channel in other bytes"),
            Self::Ahead { live, seq } => write!(f, "the channel holds release {seq}, the database {live}"),
        }
    }
}

/// In which way the channel departs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum DriftKind {
    /// The live release lies there in other bytes: somebody else wrote to etcd. Repairing it writes the release again.
    Foreign {
        /// The number of the live release.
        seq: u64,
    },
    /// A later release lies there than the database knows of: it was restored from an older backup. Nothing of this
    /// config is published until an administrator decides which of both counts.
    Ahead {
        /// The number of the live release in the database, 0 when there is none.
        live: u64,
        /// The number in the channel.
        seq: u64,
    },
}
