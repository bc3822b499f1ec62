//! Decides the writes of a delivery. Both kinds of channel use it, so that they cannot differ.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use super::ChannelError;
use crate::domain::{
    content::{Format, sha256},
    entry::{Entry, Identity, Meta},
    names::{ConfigId, EnvName},
    sensitive::Sensitive,
};

/// Maximum number of operations of one etcd transaction (`--max-txn-ops`). A config takes two puts.
const MAX_OPERATIONS: usize = 128;
/// Maximum size of one etcd request, in bytes (`--max-request-bytes`).
const MAX_REQUEST_BYTES: usize = 1536 * 1024;
/// Size of a config's compares, lengths and headers in a request, without keys and values, rounded up.
const OVERHEAD_BYTES: usize = 160;
/// Maximum size of a config's keys in a request: the document's once, the metadata's in a compare, a put and a read.
const KEYS_BYTES: usize = 4 * (200 + 40);

/// State of a config in the channel.
#[derive(Clone, Debug, Default)]
pub(super) struct HeldRelease {
    /// Revision that last wrote its metadata. 0 without metadata.
    pub revision: i64,
    /// Its release. `None` without a valid one.
    pub release: Option<Identity>,
}

impl HeldRelease {
    /// Returns the revision that last wrote its document. 0 without one: a removal has none.
    pub fn document_revision(&self) -> i64 {
        if self.release.as_ref().is_some_and(Identity::is_removal) { 0 } else { self.revision }
    }

    /// Returns whether this is the entry's release or a later one.
    pub fn covers(&self, entry: &Entry) -> bool {
        match &self.release {
            Some(there) => there.seq > entry.meta.seq || entry.has_identity(there),
            None => false,
        }
    }
}

impl Entry {
    /// Returns whether this entry is that release. The document may be rewritten by a repair.
    pub fn has_identity(&self, other: &Identity) -> bool {
        let Identity { seq, sha256, format, published_at, change } = other;
        let meta = &self.meta;
        let same = (&meta.seq, &meta.format, &meta.published_at, &meta.change) == (seq, format, published_at, change);
        same && self.has_hash(sha256)
    }

    /// Returns whether this is the hash of the document, or of its variant with or without a final line end: a repair
    /// adds or removes one, if the format ignores it.
    pub(crate) fn has_hash(&self, hash: &str) -> bool {
        let longer =
            || self.meta.format != Format::Text && sha256(format!("{}\n", self.document.expose()).as_bytes()) == hash;
        self.meta.sha256 == hash || self.rewritten().is_some_and(|stirred| stirred.meta.sha256 == hash) || longer()
    }

    /// Returns this release with a final line end added or removed. Some programs that missed a write (go-zero's
    /// subscribers) react only to changed bytes. Returns `None` for plain text, in which every byte counts.
    fn rewritten(&self) -> Option<Self> {
        if self.meta.format == Format::Text {
            return None;
        }
        let document: Sensitive<Arc<str>> = match self.document.expose().strip_suffix('\n') {
            Some(less) => less.into(),
            None => format!("{}\n", self.document.expose()).into(),
        };
        let meta = Meta { sha256: sha256(document.expose().as_bytes()), ..Meta::clone(&self.meta) };
        Some(Self { config: self.config.clone(), meta: meta.into(), document })
    }
}

/// The writes of a delivery, and the configs that need none.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// Entries to write, each with the state of the channel at the decision.
    pub to_write: Vec<(Cow<'a, Entry>, HeldRelease)>,
    /// Configs for which the channel holds this or a later release.
    pub already: Vec<(ConfigId, Identity)>,
    /// Latest revision that wrote one of those.
    pub revision: i64,
}

/// Checks that a batch may go out in one transaction under the lock of `env`. Returns the latest release of each
/// config, ordered by name.
pub(super) fn checked_batch<'a>(env: &EnvName, batch: &'a [Entry]) -> Result<Vec<&'a Entry>, ChannelError> {
    let mut latest: BTreeMap<&ConfigId, &Entry> = BTreeMap::new();
    for entry in batch {
        if entry.config.env != *env {
            return Err(ChannelError::Refused(format!("the held lock of {env} does not cover {}", entry.config)));
        }
        let known = latest.entry(&entry.config).or_insert(entry);
        if known.meta.seq < entry.meta.seq {
            *known = entry;
        }
    }
    let batch: Vec<&Entry> = latest.into_values().collect();
    fits(batch.iter().copied())?;
    for entry in batch.iter().filter(|entry| !entry.meta.is_removal()) {
        if entry.document.expose().trim().is_empty() {
            let why = "is empty; a program that reads it from etcd would stop";
            return Err(ChannelError::Refused(format!("the document of {} {why}", entry.config)));
        }
        if sha256(entry.document.expose().as_bytes()) != entry.meta.sha256 {
            return Err(ChannelError::Refused(format!("the document of {} does not match its SHA-256", entry.config)));
        }
    }
    Ok(batch)
}

/// Checks that entries fit into one transaction. The estimate is a few hundred bytes per config too high.
pub(super) fn fits<'a>(batch: impl IntoIterator<Item = &'a Entry>) -> Result<(), ChannelError> {
    let (mut configs, mut bytes) = (0, 512);
    for entry in batch {
        configs += 1;
        bytes += entry.document.expose().len() + entry.meta.json().len() + KEYS_BYTES + OVERHEAD_BYTES;
    }
    if configs * 2 > MAX_OPERATIONS {
        return Err(ChannelError::TooLarge(format!("{configs} configs; at most {}", MAX_OPERATIONS / 2)));
    }
    if bytes > MAX_REQUEST_BYTES {
        return Err(ChannelError::TooLarge(format!("{bytes} bytes; at most {MAX_REQUEST_BYTES}")));
    }
    Ok(())
}

/// Decides the writes of a batch, given the state of each config in the channel, in the same order. With `repair`, a
/// release of the same number is written again, in other bytes than the channel's. A later release is never
/// overwritten. Without `repair`, no part of a batch is written beside a later release: the caller must first check
/// that release. An equal document under an equal number is no foreign write. Its metadata is written anew.
pub(super) fn plan<'a>(batch: &[&'a Entry], held: Vec<HeldRelease>, repair: bool) -> Result<Plan<'a>, ChannelError> {
    let (mut plan, mut later) = (Plan { to_write: Vec::new(), already: Vec::new(), revision: 0 }, Vec::new());
    for (entry, held) in batch.iter().copied().zip(held) {
        let same = held.release.as_ref().filter(|there| there.seq == entry.meta.seq);
        if same.is_some_and(|there| !repair && !entry.has_hash(&there.sha256)) {
            return Err(ChannelError::Mismatch { config: entry.config.clone(), seq: entry.meta.seq });
        }
        let is_same = same.is_some();
        match &held.release {
            Some(there) if held.covers(entry) && !(is_same && repair) => {
                plan.revision = plan.revision.max(held.revision);
                plan.already.push((entry.config.clone(), there.clone()));
                later.extend((!is_same).then(|| (entry.config.clone(), there.clone())));
            }
            Some(there) if is_same && repair && there.sha256 == entry.meta.sha256 => {
                plan.to_write.push((entry.rewritten().map_or(Cow::Borrowed(entry), Cow::Owned), held));
            }
            _ => plan.to_write.push((Cow::Borrowed(entry), held)),
        }
    }
    if later.is_empty() || plan.to_write.is_empty() || repair { Ok(plan) } else { Err(ChannelError::Overtaken(later)) }
}
