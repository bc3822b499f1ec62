//! Writes releases and removals into etcd in one transaction, fenced by the lock's create revision and the revisions
//! read before.

use std::{borrow::Cow, collections::HashMap};

use etcd_client::{Compare, CompareOp, GetOptions, KeyValue, Txn, TxnOp, TxnOpResponse, TxnResponse};

use super::{
    super::{
        ChannelError, Delivered,
        plan::{HeldRelease, Plan, plan},
    },
    Etcd, EtcdLock, head,
};
use crate::{
    clock::now,
    domain::{
        entry::{Entry, Identity, Meta},
        names::ConfigId,
    },
};

/// Maximum number of tries of a delivery. A try fails when a config changes while the lock is held: through an earlier
/// transaction of this node that seemed lost, or a foreign write.
const MAX_ATTEMPTS: usize = 3;

/// Maximum number of configs that are read at once.
const MAX_READS: usize = 100;

/// Outcome of a transaction.
#[derive(Debug)]
enum Outcome {
    /// Written at this revision.
    Written(i64),
    /// Not written: the lock is held, but a config changed. Holds the present state of the configs.
    Moved(Vec<HeldRelease>),
    /// Not written: the lock is lost.
    Fenced,
    /// Unknown.
    Unknown(ChannelError),
}

/// Maximum number of configs whose last write is remembered.
const MAX_REMEMBERED: usize = 4096;

/// The last release that this node wrote to each config, with its revision. Part of the fast path (`crate::fast_path`):
/// a guess at the state of etcd that saves a read, because the compares of the next transaction verify it. It is
/// dropped when a watch fails, because a restored etcd assigns revisions twice.
#[derive(Debug, Default)]
pub(super) struct LastWrites(HashMap<ConfigId, HeldRelease>);

impl LastWrites {
    /// Returns the last write of each config of a batch, if all are known.
    fn of_batch(&self, batch: &[&Entry]) -> Option<Vec<HeldRelease>> {
        batch.iter().map(|entry| self.0.get(&entry.config).cloned()).collect()
    }

    fn record(&mut self, due: &[(Cow<'_, Entry>, HeldRelease)], revision: i64) {
        if self.0.len() + due.len() > MAX_REMEMBERED {
            self.0.clear();
        }
        for (entry, _) in due {
            let release = Some(entry.meta.identity());
            self.0.insert(entry.config.clone(), HeldRelease { revision, release });
        }
    }
}

impl Etcd {
    pub(in super::super) async fn deliver(
        &self,
        lock: &EtcdLock,
        batch: &[&Entry],
        repair: bool,
    ) -> Result<Delivered, ChannelError> {
        let guess = self.written.lock().of_batch(batch).filter(|held| writes_whole_batch(batch, held, repair));
        let (fence, mut held) = match (lock.fence(), guess) {
            (Some(fence), Some(held)) => (fence, held),
            (Some(fence), None) => (fence, self.read_held(batch).await?),
            (None, _) => self.read_fence_and_held(lock, batch).await?,
        };
        for _ in 0..MAX_ATTEMPTS {
            let Plan { to_write: due, already, revision } = plan(batch, held, repair)?;
            if due.is_empty() {
                return Ok(Delivered { revision, already });
            }
            match self.put(lock, fence, batch, &due).await? {
                Outcome::Written(revision) => {
                    if self.remembers_writes {
                        self.written.lock().record(&due, revision);
                    }
                    return Ok(Delivered { revision, already });
                }
                Outcome::Moved(now) => {
                    if let Some(config) = foreign_document(&due, batch, &now) {
                        return Err(ChannelError::Mismatch { config: config.config.clone(), seq: config.meta.seq });
                    }
                    held = now;
                }
                Outcome::Fenced => break,
                Outcome::Unknown(error) => {
                    let revision = self.read_outcome(&due, error).await?;
                    return Ok(Delivered { revision, already });
                }
            }
        }
        Err(ChannelError::Fenced { env: lock.env.clone() })
    }

    pub(in super::super) async fn held(&self, of: &[&Entry]) -> Result<Vec<Option<Identity>>, ChannelError> {
        let mut held = Vec::with_capacity(of.len());
        for some in of.chunks(MAX_READS) {
            held.extend(self.read_held(some).await?.into_iter().map(|held| held.release));
        }
        Ok(held)
    }

    /// Reads the state of a batch's configs at one revision.
    async fn read_held(&self, batch: &[&Entry]) -> Result<Vec<HeldRelease>, ChannelError> {
        let answer = self.txn(&Txn::new().and_then(self.reads(batch))).await?;
        Ok(first_keys(&answer).iter().map(|kv| parse_held(kv.as_ref())).collect())
    }

    /// Reads the lock's create revision and the state of a batch's configs: the first delivery under a lock needs both.
    async fn read_fence_and_held(
        &self,
        lock: &EtcdLock,
        batch: &[&Entry],
    ) -> Result<(i64, Vec<HeldRelease>), ChannelError> {
        let mut reads = vec![key_of(lock)];
        reads.extend(self.reads(batch));
        let found = first_keys(&self.txn(&Txn::new().and_then(reads)).await?);
        match found.split_first() {
            Some((Some(key), metas)) => {
                Ok((lock.set_fence(key.create_revision()), metas.iter().map(|kv| parse_held(kv.as_ref())).collect()))
            }
            _ => {
                lock.mark_lost();
                Err(ChannelError::Fenced { env: lock.env.clone() })
            }
        }
    }

    fn reads(&self, batch: &[&Entry]) -> Vec<TxnOp> {
        batch.iter().map(|entry| TxnOp::get(self.keys.meta(&entry.config), None)).collect()
    }

    /// Writes entries, if the lock is still held and no config changed since it was read.
    async fn put(
        &self,
        lock: &EtcdLock,
        fence: i64,
        batch: &[&Entry],
        due: &[(Cow<'_, Entry>, HeldRelease)],
    ) -> Result<Outcome, ChannelError> {
        let mut compares = vec![Compare::create_revision(lock.key.as_slice(), CompareOp::Equal, fence)];
        let mut puts = Vec::with_capacity(due.len() * 2);
        for (entry, held) in due {
            let meta = self.keys.meta(&entry.config);
            compares.push(Compare::mod_revision(meta.as_str(), CompareOp::Equal, held.revision));
            let document = self.keys.document(&entry.config);
            if entry.meta.is_removal() {
                // Both keys of a release are written at one revision. A later document is a foreign write.
                let later = held.document_revision() + 1;
                compares.push(Compare::mod_revision(document.as_str(), CompareOp::Less, later));
                puts.push(TxnOp::delete(document, None));
            } else {
                puts.push(TxnOp::put(document, entry.document.expose(), None));
            }
            puts.push(TxnOp::put(meta, entry.meta.json(), None));
        }
        let mut reads = vec![key_of(lock)];
        reads.extend(self.reads(batch));
        let answer = match self.txn(&Txn::new().when(compares).and_then(puts).or_else(reads)).await {
            Err(error @ ChannelError::Unreachable(_)) => return Ok(Outcome::Unknown(error)),
            answer => answer?,
        };
        if answer.succeeded() {
            return Ok(Outcome::Written(head(answer.header())?.revision));
        }
        let found = first_keys(&answer);
        match found.split_first() {
            Some((Some(key), metas)) if key.create_revision() == fence => {
                Ok(Outcome::Moved(metas.iter().map(|kv| parse_held(kv.as_ref())).collect()))
            }
            _ => {
                lock.mark_lost();
                Ok(Outcome::Fenced)
            }
        }
    }

    /// Reads the outcome of a transaction that got no answer. If its writes are missing, they may still arrive. Then
    /// the caller reads anew and retries. The compares prevent that both are written.
    async fn read_outcome(
        &self,
        due: &[(Cow<'_, Entry>, HeldRelease)],
        error: ChannelError,
    ) -> Result<i64, ChannelError> {
        let batch: Vec<&Entry> = due.iter().map(|(entry, _)| &**entry).collect();
        let now = self.read_held(&batch).await.map_err(|_| error.clone())?;
        let landed = |((entry, before), now): (&(Cow<'_, Entry>, HeldRelease), &HeldRelease)| {
            now.revision != before.revision && now.covers(entry)
        };
        if due.iter().zip(&now).all(landed) {
            return Ok(now.iter().map(|now| now.revision).max().unwrap_or_default());
        }
        Err(error)
    }
}

/// Returns a removal that failed although the metadata of its config is unchanged: another program wrote the document.
fn foreign_document<'a>(
    due: &'a [(Cow<'_, Entry>, HeldRelease)],
    batch: &[&Entry],
    now: &[HeldRelease],
) -> Option<&'a Entry> {
    let revision = |config: &ConfigId| {
        batch.iter().zip(now).find(|(entry, _)| entry.config == *config).map(|(_, held)| held.revision)
    };
    let unchanged = |(entry, held): &(Cow<'_, Entry>, HeldRelease)| revision(&entry.config) == Some(held.revision);
    let removals = due.iter().filter(|(entry, _)| entry.meta.is_removal()).map(|(entry, _)| &**entry);
    due.iter().all(unchanged).then(|| removals.into_iter().next()).flatten()
}

/// Returns the read of a lock's key.
fn key_of(lock: &EtcdLock) -> TxnOp {
    TxnOp::get(lock.key.as_slice(), Some(GetOptions::new().with_keys_only()))
}

/// Returns whether a guess at the state of etcd leads to a transaction over the whole batch, whose compares verify it.
/// Otherwise etcd is read: memory alone proves neither a delivery nor a mismatch.
fn writes_whole_batch(batch: &[&Entry], held: &[HeldRelease], repair: bool) -> bool {
    plan(batch, held.to_vec(), repair).is_ok_and(|plan| plan.already.is_empty())
}

/// Returns the first key of each read of a transaction.
fn first_keys(answer: &TxnResponse) -> Vec<Option<KeyValue>> {
    let first = |response| match response {
        TxnOpResponse::Get(get) => get.kvs().first().cloned(),
        _ => None,
    };
    answer.op_responses().into_iter().map(first).collect()
}

/// Returns the state of a config. Invalid metadata counts as missing, so that a delivery overwrites it.
fn parse_held(kv: Option<&KeyValue>) -> HeldRelease {
    let Some(kv) = kv else { return HeldRelease::default() };
    let release = Meta::read(kv.value(), now()).map(|meta| meta.identity());
    HeldRelease { revision: kv.mod_revision(), release }
}
