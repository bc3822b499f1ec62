//! Releases: immutable, numbered documents, and the state of their delivery.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    change::ChangeId,
    content::Format,
    names::{ConfigId, EnvName, NamespaceName},
    time::Time,
};

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

/// Position of a release among those of its application, which are ordered by time. In addresses it is a text:
/// `1795364000000~prod~application~12`. No name contains a `~`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleasePosition {
    /// Time of the commit in SQL. A change gives all of its releases the same time.
    pub accepted_at: Time,
    /// Its environment.
    pub env: EnvName,
    /// Its namespace.
    pub namespace: NamespaceName,
    /// Its number.
    pub seq: u64,
}

impl From<&Release> for ReleasePosition {
    fn from(release: &Release) -> Self {
        let ConfigId { env, namespace, .. } = release.config.clone();
        Self { accepted_at: release.accepted_at, env, namespace, seq: release.seq }
    }
}

impl fmt::Display for ReleasePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}~{}~{}", self.accepted_at.0, self.env, self.namespace, self.seq)
    }
}

impl FromStr for ReleasePosition {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('~');
        let mut next = || parts.next().ok_or(());
        let accepted_at = Time(next()?.parse().map_err(|_| ())?);
        let (env, namespace) = (next()?.parse().map_err(|_| ())?, next()?.parse().map_err(|_| ())?);
        let seq = next()?.parse().map_err(|_| ())?;
        if parts.next().is_some() { Err(()) } else { Ok(Self { accepted_at, env, namespace, seq }) }
    }
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

impl fmt::Display for DelayReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_back_and_anything_else_is_none() {
        let text = "1795364000000~prod~routes-2.yaml~12";
        let position: ReleasePosition = text.parse().unwrap();
        assert_eq!(
            (position.seq, position.namespace.as_str(), position.to_string().as_str()),
            (12, "routes-2.yaml", text)
        );
        for wrong in ["", "1", "1~prod~a", "1~prod~a~1~", "x~prod~a~1", "1~Prod~a~1", "1~prod~a~-1"] {
            assert!(wrong.parse::<ReleasePosition>().is_err(), "{wrong}");
        }
    }
}
