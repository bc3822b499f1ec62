//! What a delivery has to write. Both channels decide it here, so that they cannot differ.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use super::Fault;
use crate::domain::{
    content::{Format, sha256},
    entry::{Entry, Identity, Meta},
    names::{ConfigId, EnvName},
    sensitive::Sensitive,
};

/// Operations of one etcd transaction (`--max-txn-ops`). A config takes two puts.
const OPERATIONS: usize = 128;
/// Bytes of one etcd request (`--max-request-bytes`).
const REQUEST_BYTES: usize = 1536 * 1024;
/// What the compares, lengths and headers of one config take beside its keys and values, rounded up.
const OVERHEAD_BYTES: usize = 160;
/// The most that the keys of one config take: document, and metadata three times (compare, put, read when it failed).
const KEYS_BYTES: usize = 4 * (200 + 40);

/// What the channel holds of a config.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// The revision that last touched its metadata; 0 when there is none.
    pub revision: i64,
    /// Its release; `None` when there is none that can be read.
    pub release: Option<Identity>,
}

impl Held {
    /// Whether this is the entry's release or a later one.
    pub fn covers(&self, entry: &Entry) -> bool {
        match &self.release {
            Some(there) => there.seq > entry.meta.seq || entry.is(there),
            None => false,
        }
    }
}

impl Entry {
    /// Whether this is that release, in its own bytes or in those that a repair makes of it.
    #[must_use]
    pub fn is(&self, other: &Identity) -> bool {
        let Identity { seq, sha256, format, published_at, change } = other;
        let meta = &self.meta;
        let same = (&meta.seq, &meta.format, &meta.published_at, &meta.change) == (seq, format, published_at, change);
        same && self.has(sha256)
    }

    /// Whether this is the hash of the document, or of one that differs by a line end where that means nothing: a repair
    /// adds one, or takes it away.
    pub(crate) fn has(&self, hash: &str) -> bool {
        let longer =
            || self.meta.format != Format::Text && sha256(format!("{}\n", self.document.expose()).as_bytes()) == hash;
        self.meta.sha256 == hash || self.stirred().is_some_and(|stirred| stirred.meta.sha256 == hash) || longer()
    }

    /// The same release in other bytes, which mean the same: with a line end more, or less. Programs that missed a write
    /// (go-zero's subscribers do) are woken by changed bytes alone. None where every byte is meant.
    fn stirred(&self) -> Option<Self> {
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

/// What is to be written, and what is there already.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// The entries to write, each with what the channel held when it was decided.
    pub due: Vec<(Cow<'a, Entry>, Held)>,
    /// Configs that hold this or a later release.
    pub already: Vec<(ConfigId, Identity)>,
    /// The latest revision that brought one of those.
    pub revision: i64,
}

/// Refuses what must not, or cannot, go out in one transaction under the lock of `env`; else the batch with the latest
/// release of each config, in the order of their names.
pub(super) fn checked<'a>(env: &EnvName, batch: &'a [Entry]) -> Result<Vec<&'a Entry>, Fault> {
    let mut latest: BTreeMap<&ConfigId, &Entry> = BTreeMap::new();
    for entry in batch {
        if entry.config.env != *env {
            return Err(Fault::Refused(format!("{} is not of {env}, whose lock is held", entry.config)));
        }
        let known = latest.entry(&entry.config).or_insert(entry);
        if known.meta.seq < entry.meta.seq {
            *known = entry;
        }
    }
    let batch: Vec<&Entry> = latest.into_values().collect();
    fits(batch.iter().copied())?;
    for entry in &batch {
        if entry.document.expose().trim().is_empty() {
            let why = "is empty; a program that reads it from etcd would stop";
            return Err(Fault::Refused(format!("the document of {} {why}", entry.config)));
        }
        if sha256(entry.document.expose().as_bytes()) != entry.meta.sha256 {
            return Err(Fault::Refused(format!("the document of {} does not match its SHA-256", entry.config)));
        }
    }
    Ok(batch)
}

/// Tells whether one transaction takes them all. Errs on the safe side by a few hundred bytes a config.
pub(super) fn fits<'a>(batch: impl IntoIterator<Item = &'a Entry>) -> Result<(), Fault> {
    let (mut configs, mut bytes) = (0, 512);
    for entry in batch {
        configs += 1;
        bytes += entry.document.expose().len() + entry.meta.json().len() + KEYS_BYTES + OVERHEAD_BYTES;
    }
    if configs * 2 > OPERATIONS {
        return Err(Fault::TooLarge(format!("{configs} configs; at most {}", OPERATIONS / 2)));
    }
    if bytes > REQUEST_BYTES {
        return Err(Fault::TooLarge(format!("{bytes} bytes; at most {REQUEST_BYTES}")));
    }
    Ok(())
}

/// Decides what is due, given what the channel holds of each (in the same order). With `repair`, the same release is
/// written again, whatever lies there, in other bytes than it says; a later one is left alone in any case. Without it, a
/// batch of which a part is to be written beside later releases is not: whether those are right, the caller has to say.
/// An equal document under an equal number is no foreign write, whatever its metadata says; the metadata is written anew.
pub(super) fn plan<'a>(batch: &[&'a Entry], held: Vec<Held>, repair: bool) -> Result<Plan<'a>, Fault> {
    let (mut plan, mut later) = (Plan { due: Vec::new(), already: Vec::new(), revision: 0 }, Vec::new());
    for (entry, held) in batch.iter().copied().zip(held) {
        let same = held.release.as_ref().filter(|there| there.seq == entry.meta.seq);
        if same.is_some_and(|there| !repair && !entry.has(&there.sha256)) {
            return Err(Fault::Mismatch { config: entry.config.clone(), seq: entry.meta.seq });
        }
        let is_same = same.is_some();
        match &held.release {
            Some(there) if held.covers(entry) && !(is_same && repair) => {
                plan.revision = plan.revision.max(held.revision);
                plan.already.push((entry.config.clone(), there.clone()));
                later.extend((!is_same).then(|| (entry.config.clone(), there.clone())));
            }
            Some(there) if is_same && repair && there.sha256 == entry.meta.sha256 => {
                plan.due.push((entry.stirred().map_or(Cow::Borrowed(entry), Cow::Owned), held));
            }
            _ => plan.due.push((Cow::Borrowed(entry), held)),
        }
    }
    if later.is_empty() || plan.due.is_empty() || repair { Ok(plan) } else { Err(Fault::Overtaken(later)) }
}
