//! Releases: immutable, numbered documents, and the state of their delivery.

use serde::{Deserialize, Serialize};

use super::{change::ChangeId, content::Format, names::ConfigId, time::Time};

/// A release without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its config.
    pub config: ConfigId,
    /// 1, 2, 3 … per config.
    pub seq: u64,
    /// Number of the previous release, 0 if there is none. Numbers can have gaps.
    pub previous: u64,
    /// Format of its document.
    pub format: Format,
    /// SHA-256 of its document's bytes, in hexadecimal.
    pub sha256: String,
    /// Name of the publisher.
    pub author: String,
    /// The message of the change.
    pub message: String,
    /// The change that made it.
    pub change: ChangeId,
    /// Number of the release whose content a rollback restored.
    pub rolled_back_to: Option<u64>,
    /// Time of the commit in SQL.
    pub accepted_at: Time,
    /// Time of the delivery to the channel.
    pub delivered_at: Option<Time>,
    /// The channel's revision after the delivery.
    pub revision: Option<i64>,
}

/// State of the delivery when a publish returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Delivery {
    /// All releases are in the channel.
    Delivered {
        /// The channel's revision.
        revision: i64,
    },
    /// The releases are committed in SQL and will be delivered later.
    Accepted {
        /// Reason of the delay, for people, in English.
        late_because: String,
    },
}

/// Reason of a delayed delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DelayReason {
    /// The channel does not answer. Its message is for administrators only, because it may contain addresses.
    Channel(Option<String>),
    /// Another node holds the lock.
    Busy,
    /// The channel holds another document under the same number.
    Mismatch(ConfigId, u64),
    /// The channel holds a later release, of this number, which the database does not have.
    Ahead(ConfigId, u64),
    /// The stored content of the release of this number cannot be read.
    Unreadable(ConfigId, u64),
    /// The delivery takes longer than the publish waits.
    Slow,
}

impl std::fmt::Display for DelayReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // Programs read this text. The message of the channel is for the pages and the log.
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
    /// State of their delivery.
    pub delivery: Delivery,
}
