//! A release in the channel: its document, and its metadata in a key of its own. The removal of a config is the metadata
//! of a release without a document.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    bin::Removal,
    change::ChangeId,
    content::Format,
    names::ConfigId,
    numbers,
    sensitive::{self, Sensitive},
    time::Time,
};

/// Hash of a removal, which has no document.
const REMOVED: &str = "removed";

/// The metadata of a release. Its JSON is the value of the metadata key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Number of the release.
    #[serde(deserialize_with = "numbers::release")]
    pub seq: u64,
    /// SHA-256 of the document's bytes, in hexadecimal, or [`REMOVED`].
    pub sha256: String,
    /// Format of the document.
    pub format: Format,
    /// Name of the publisher.
    pub author: String,
    /// The message of the change.
    pub message: String,
    /// Time of acceptance, RFC 3339 in the channel.
    #[serde(with = "rfc3339")]
    pub published_at: Time,
    /// The change that made it.
    pub change: ChangeId,
}

impl Meta {
    /// Returns the value of the metadata key.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers are JSON")
    }

    /// Parses the metadata from the channel at time `now`. Returns `None` if no console can have written it.
    pub fn read(value: &[u8], now: Time) -> Option<Self> {
        let meta: Self = serde_json::from_slice(value).ok()?;
        numbers::is_plausible(meta.seq, now).then_some(meta)
    }

    /// Returns whether this is no release but the removal of its config for good. It has the number after the last
    /// release, so it replaces all of them, and every release of a later config with this name replaces it.
    pub fn is_removal(&self) -> bool {
        self.sha256 == REMOVED
    }

    /// Returns the identity of the release.
    pub fn identity(&self) -> Identity {
        let Self { seq, sha256, format, published_at, change, .. } = self;
        let (sha256, change) = (sha256.clone(), change.clone());
        Identity { seq: *seq, sha256, format: *format, published_at: *published_at, change }
    }
}

/// Identity of a release. The number alone does not identify it: other programs can write to etcd, and a restored
/// database assigns numbers a second time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its number.
    pub seq: u64,
    /// SHA-256 of its document.
    pub sha256: String,
    /// Format of the document.
    pub format: Format,
    /// Time of acceptance.
    pub published_at: Time,
    /// The change that made it.
    pub change: ChangeId,
}

impl Identity {
    /// Returns whether this is a removal: see [`Meta::is_removal`].
    pub fn is_removal(&self) -> bool {
        self.sha256 == REMOVED
    }
}

/// A release in the channel, or about to be delivered. Its JSON is stored on disk, in the last known good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The config.
    pub config: ConfigId,
    /// Its metadata, shared by all holders of the release.
    pub meta: Arc<Meta>,
    /// Its document: exactly the bytes that applications get.
    #[serde(with = "sensitive::plain")]
    pub document: Sensitive<Arc<str>>,
}

impl Entry {
    /// Returns the removal of a config for good, with the number after its last release.
    pub fn removal(config: ConfigId, seq: u64, removal: &Removal) -> Self {
        let meta = Meta {
            seq,
            sha256: REMOVED.to_owned(),
            format: Format::Text,
            author: removal.by.clone(),
            message: String::new(),
            published_at: removal.at,
            change: removal.id.clone(),
        };
        Self { config, meta: meta.into(), document: String::new().into() }
    }
}

mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};

    use super::Time;

    pub fn serialize<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time.rfc3339())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        let text = String::deserialize(from)?;
        let at = OffsetDateTime::parse(&text, &Rfc3339).map_err(D::Error::custom)?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000_000).map(Time).map_err(D::Error::custom)
    }
}
