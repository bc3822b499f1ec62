//! What carries releases to the readers: etcd, or memory on a single node. Nothing else knows of etcd.
//!
//! The lock is for order and for people; what keeps a paused holder from writing is the compare in
//! [`Channel::deliver`]: the lock key's create revision and each config's metadata revision, in one transaction.

mod etcd;
mod local;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::domain::{
    change::ChangeId,
    content::Format,
    names::{ConfigId, EnvName},
    time::Time,
};

pub use etcd::{Etcd, EtcdSettings};
pub use local::Local;

/// What is known of a release beside its document: the value of its metadata key, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The release's number.
    pub seq: u64,
    /// SHA-256 of the document's bytes, in hexadecimal.
    pub sha256: String,
    /// The document's format.
    pub format: Format,
    /// Who published it.
    pub author: String,
    /// Why.
    pub message: String,
    /// When it was accepted, RFC 3339 in the channel.
    #[serde(with = "rfc3339")]
    pub published_at: Time,
    /// The change that made it.
    pub change: ChangeId,
}

/// A release in the channel, or on its way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Of which config.
    pub config: ConfigId,
    /// Its metadata.
    pub meta: Meta,
    /// Its document: exactly the bytes that applications get.
    pub document: Arc<str>,
}

/// Everything in the channel at one revision.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The revision; a watch that misses nothing begins right after it.
    pub revision: i64,
    /// Which cluster said so; another one means that etcd was restored.
    pub cluster: u64,
    /// The releases. An entry whose document and metadata do not fit together (a foreign write) is left out and
    /// named in `damaged`.
    pub entries: Vec<Entry>,
    /// Keys that could not be read as a release.
    pub damaged: Vec<String>,
}

/// Why the channel did not do it.
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
    /// The channel holds a release of the same number with other bytes.
    #[error("{config} is release {seq} in the channel too, with another document")]
    Mismatch {
        /// The config.
        config: ConfigId,
        /// The number.
        seq: u64,
    },
    /// More than one transaction takes.
    #[error("too large for one transaction: {0}")]
    TooLarge(String),
    /// What is watched from is no longer kept; list again.
    #[error("compacted")]
    Compacted,
}

/// What one delivery did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The revision at which all of them are in the channel.
    pub revision: i64,
    /// Configs that had this or a later release there already, so were not written.
    pub already: Vec<ConfigId>,
}

/// The channel of this installation. This enum is the one place that names both.
#[derive(Clone, Debug)]
pub enum Channel {
    /// Memory of this process.
    Local(Arc<Local>),
    /// An etcd cluster.
    Etcd(Arc<Etcd>),
}

/// A held lock of one environment. Dropping it without [`Lock::release`] frees it when its lease runs out.
#[derive(Debug)]
pub enum Lock {
    /// In memory.
    Local(local::LocalLock),
    /// In etcd.
    Etcd(etcd::EtcdLock),
}

/// Releases as they come. Ends with a [`Fault`]: list again, then watch again.
#[derive(Debug)]
pub enum Watch {
    /// In memory.
    Local(local::LocalWatch),
    /// In etcd.
    Etcd(etcd::EtcdWatch),
}

mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};

    use crate::domain::time::Time;

    pub fn serialize<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time.rfc3339())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        let text = String::deserialize(from)?;
        let at = OffsetDateTime::parse(&text, &Rfc3339).map_err(D::Error::custom)?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000_000).map(Time).map_err(D::Error::custom)
    }
}
