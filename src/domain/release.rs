//! Releases: immutable, numbered documents, and how far each has come on its way to the readers.

use serde::{Deserialize, Serialize};

use super::{change::ChangeId, content::Format, names::ConfigId, time::Time};

/// A release without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Of which config.
    pub config: ConfigId,
    /// 1, 2, 3 … per config.
    pub seq: u64,
    /// The number of the release before it, 0 when there is none: nearly always one less.
    pub previous: u64,
    /// The format of its document.
    pub format: Format,
    /// SHA-256 of its document's bytes, in hexadecimal.
    pub sha256: String,
    /// Who published it, by name.
    pub author: String,
    /// Why.
    pub message: String,
    /// The change that made it.
    pub change: ChangeId,
    /// The release that it rolled back to, when it is a roll-back.
    pub rolled_back_to: Option<u64>,
    /// When it was committed in SQL.
    pub accepted_at: Time,
    /// When it was in the channel.
    pub delivered_at: Option<Time>,
    /// The channel's revision that brought it.
    pub revision: Option<i64>,
}

/// How far the releases of a publish have come when it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Delivery {
    /// All of them are in the channel.
    Delivered {
        /// The channel's revision.
        revision: i64,
    },
    /// They are safe in SQL and will be delivered; why not yet.
    Accepted {
        /// For people, in English.
        late_because: String,
    },
}

/// Why something is late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The channel does not answer; what it said, for administrators alone: a driver's words name addresses.
    Channel(Option<String>),
    /// Another node holds the lock.
    Busy,
    /// The channel holds another document under the same number.
    Mismatch(ConfigId, u64),
    /// The channel holds a later release, of this number, than the database knows of.
    Ahead(ConfigId, u64),
    /// What the database holds of the release of this number cannot be read.
    Unreadable(ConfigId, u64),
    /// It takes longer than the answer waits.
    Slow,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // Programs read this: what the channel said is for the pages and the log.
            Self::Channel(_) => f.write_str("etcd is not responding; see the server log"),
            Self::Busy => f.write_str("another node holds the lock and is publishing"),
            Self::Mismatch(config, seq) => {
                write!(f, "the content in etcd differs from release {seq} of {config}")
            }
            Self::Ahead(config, seq) => {
                write!(f, "etcd has release {seq} of {config}, which is not in the database")
            }
            Self::Unreadable(config, seq) => {
                write!(f, "release {seq} of {config} cannot be read from the database")
            }
            Self::Slow => f.write_str("delivery is taking longer than usual"),
        }
    }
}

/// The result of a publish.
#[derive(Clone, Debug)]
pub struct Published {
    /// The change.
    pub change: ChangeId,
    /// Its releases.
    pub releases: Vec<Release>,
    /// How far they have come.
    pub delivery: Delivery,
}
