//! How the channel can depart from the database.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{names::ConfigId, time::Time};

/// A config of which the channel, or a reader, holds something else than the database says. Nothing of it is overwritten before
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

/// The side that an administrator decides for, where the channel or a reader is ahead of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wins {
    /// The document in the channel becomes a release here too: readers notice nothing.
    Channel,
    /// The live release is released again under a number after the other one.
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
    /// A reader node holds a later release than database and channel: somebody wrote it to etcd and took it away again.
    /// Readers never go back, so nothing of this config would reach it before an administrator has what is live released
    /// under a later number.
    Held {
        /// The number of the live release in the database, 0 when there is none.
        live: u64,
        /// The number that the reader holds.
        seq: u64,
    },
}

impl DriftKind {
    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub(super) fn read(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        let kinds = match numbers[..] {
            [seq] => vec![Self::Foreign { seq }],
            [seq, live] => vec![Self::Ahead { live, seq }, Self::Held { live, seq }],
            _ => return None,
        };
        kinds.into_iter().find(|kind| kind.to_string() == text)
    }

    /// Whether the database has no release of the config at all, and perhaps not even its namespace.
    #[must_use]
    pub fn is_unknown(self) -> bool {
        matches!(self, Self::Ahead { live: 0, .. } | Self::Held { live: 0, .. })
    }

    /// What this is called where programs look.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Foreign { .. } => "foreign",
            Self::Ahead { .. } => "ahead",
            Self::Held { .. } => "held",
        }
    }
}
