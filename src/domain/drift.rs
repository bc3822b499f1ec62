//! Drift: differences between the channel, or a reader, and the database.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{names::ConfigId, time::Time};

/// A config for which the channel, or a reader, holds something else than the database. It is not overwritten before an
/// administrator decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The config.
    pub config: ConfigId,
    /// Kind of the drift.
    pub kind: DriftKind,
    /// Time when it was found.
    pub since: Time,
}

/// The side that an administrator keeps when the channel or a reader is ahead of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptSide {
    /// The document in the channel becomes a release in the database. Nothing changes for readers.
    Channel,
    /// The live release is published again, under a number above the other one.
    Database,
}

impl fmt::Display for DriftKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign { seq } => write!(f, "release {seq} lies in the channel in other bytes"),
            Self::Ahead { live, seq } => write!(f, "the channel holds release {seq}, the database {live}"),
            Self::Held { live, seq } => {
                write!(f, "a reader node holds release {seq}, the database {live}, and the channel none that is later")
            }
        }
    }
}

/// Kind of a drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum DriftKind {
    /// The channel holds other bytes under the number of the live release, because another program wrote to etcd. A
    /// repair overwrites them.
    Foreign {
        /// The number of the live release.
        seq: u64,
    },
    /// The channel holds a later release than the database, because the database was restored from an older backup. The
    /// config is not published until an administrator decides which side to keep.
    Ahead {
        /// Number of the live release in the database, 0 if there is none.
        live: u64,
        /// Number of the release in the channel.
        seq: u64,
    },
    /// A reader node holds a later release than database and channel, because somebody wrote one to etcd and removed
    /// it. Readers never go back to an earlier number. An administrator must publish the live release again under a
    /// later number, so that it reaches this reader.
    Held {
        /// Number of the live release in the database, 0 if there is none.
        live: u64,
        /// Number of the release that the reader holds.
        seq: u64,
    },
}

impl DriftKind {
    /// Parses the text that [`Display`](fmt::Display) writes.
    pub(super) fn read(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        let kinds = match numbers[..] {
            [seq] => vec![Self::Foreign { seq }],
            [seq, live] => vec![Self::Ahead { live, seq }, Self::Held { live, seq }],
            _ => return None,
        };
        kinds.into_iter().find(|kind| kind.to_string() == text)
    }

    /// Returns whether the database has no release of the config, and perhaps not even its namespace.
    pub fn is_unknown(self) -> bool {
        matches!(self, Self::Ahead { live: 0, .. } | Self::Held { live: 0, .. })
    }

    /// Returns the machine-readable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Foreign { .. } => "foreign",
            Self::Ahead { .. } => "ahead",
            Self::Held { .. } => "held",
        }
    }
}
