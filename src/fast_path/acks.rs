//! Deliveries that are not yet recorded in SQL. On SQLite the next publish of this node records them in its
//! transaction. Otherwise the publisher records all pending ones together after a short delay.

use std::{collections::BTreeSet, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use crate::{
    domain::{error::Result, names::ConfigId, time::Time},
    storage::{Conn, Db},
};

/// The acknowledgement of one delivery: its releases are in the channel since a revision.
#[derive(Clone, Debug)]
pub struct DeliveryAck {
    /// The releases.
    pub releases: Vec<(ConfigId, u64)>,
    /// The revision.
    pub revision: i64,
    /// Time of the delivery.
    pub delivered_at: Time,
}

impl DeliveryAck {
    /// Records the delivery in a transaction.
    ///
    /// # Errors
    /// Those of [`Conn::mark_delivered`].
    pub async fn store(&self, tx: &mut Conn) -> Result<()> {
        tx.mark_delivered(&self.releases, self.revision, self.delivered_at).await
    }
}

/// Acknowledgements that wait to be stored. A lost acknowledgement is replaced: its release is still in the outbox, and
/// the next delivery finds the release in the channel and acknowledges it again.
#[derive(Debug, Default)]
pub struct PendingAcks {
    queue: Mutex<Queue>,
    added: Notify,
    flush_requested: Notify,
    /// The number up to which all acknowledgements are stored.
    stored: watch::Sender<u64>,
}

/// Pending acknowledgements, numbered in the order in which they came.
#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<(u64, DeliveryAck)>,
    /// The numbers that are not stored yet: those that wait and those that are taken.
    open: BTreeSet<u64>,
    last: u64,
}

impl PendingAcks {
    /// Adds an acknowledgement. Returns the number of those that wait.
    pub(super) fn add(&self, ack: DeliveryAck) -> usize {
        let mut queue = self.queue.lock();
        let number = queue.last + 1;
        queue.last = number;
        queue.open.insert(number);
        queue.waiting.push((number, ack));
        self.added.notify_one();
        queue.waiting.len()
    }

    /// Takes all that wait, to store them.
    pub fn take(&self) -> TakenAcks<'_> {
        let taken = std::mem::take(&mut self.queue.lock().waiting);
        TakenAcks { pending: self, taken }
    }

    /// Stores all that wait in one transaction. Returns whether there were any.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::domain::error::Error::Unavailable) if the database does not answer; they stay
    /// pending.
    pub async fn flush(&self, db: &Db) -> Result<bool> {
        let acks = self.take();
        if acks.is_empty() {
            return Ok(false);
        }
        let mut tx = db.write().await?;
        acks.store(&mut tx).await?;
        tx.commit().await?;
        acks.stored();
        Ok(true)
    }

    /// Requests that pending acknowledgements are stored without delay.
    pub fn request_flush(&self) {
        // A request without a pending acknowledgement would cut the delay of the next one.
        if !self.queue.lock().waiting.is_empty() {
            self.flush_requested.notify_one();
        }
    }

    /// Flushes all pending acknowledgements and waits up to `patience`, so that pages do not lag behind the answer to
    /// the publish.
    pub async fn flushed(&self, patience: Duration) {
        let (mut stored, last) = (self.stored.subscribe(), self.queue.lock().last);
        if *stored.borrow() >= last {
            return;
        }
        self.request_flush();
        // After a timeout the caller shows the state in SQL.
        let _ = timeout(patience, stored.wait_for(|stored| *stored >= last)).await;
    }

    /// Waits until an acknowledgement may be pending.
    pub async fn wait_nonempty(&self) {
        self.added.notified().await;
    }

    /// Waits for a request to flush.
    pub async fn wait_flush_requested(&self) {
        self.flush_requested.notified().await;
    }
}

/// Acknowledgements that are being stored. Dropped before [`TakenAcks::stored`], they wait again.
#[derive(Debug)]
pub struct TakenAcks<'a> {
    pending: &'a PendingAcks,
    taken: Vec<(u64, DeliveryAck)>,
}

impl TakenAcks<'_> {
    /// Returns whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Records the deliveries in a transaction. Call [`TakenAcks::stored`] after its commit.
    ///
    /// # Errors
    /// Those of [`Conn::mark_delivered`].
    pub async fn store(&self, tx: &mut Conn) -> Result<()> {
        for (_, ack) in &self.taken {
            ack.store(tx).await?;
        }
        Ok(())
    }

    /// Reports that the transaction is committed.
    pub fn stored(mut self) {
        let mut queue = self.pending.queue.lock();
        for (number, _) in self.taken.drain(..) {
            queue.open.remove(&number);
        }
        self.pending.stored.send_replace(queue.open.first().map_or(queue.last, |open| open - 1));
    }
}

impl Drop for TakenAcks<'_> {
    fn drop(&mut self) {
        if !self.taken.is_empty() {
            self.pending.queue.lock().waiting.append(&mut self.taken);
            self.pending.added.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn ack(seq: u64) -> DeliveryAck {
        let releases = vec![("prod/shop/application".parse().unwrap(), seq)];
        DeliveryAck { releases, revision: 1, delivered_at: Time(0) }
    }

    #[tokio::test]
    async fn flushed_waits_for_earlier_acknowledgements_until_its_timeout() {
        let (acks, moment) = (PendingAcks::default(), Duration::from_millis(1));
        assert!(acks.flushed(moment).now_or_never().is_some(), "nothing is pending");
        acks.add(ack(1));
        let taken = acks.take();
        acks.flushed(moment).await;
        let mut flushed = std::pin::pin!(acks.flushed(Duration::MAX));
        assert!(flushed.as_mut().now_or_never().is_none());
        acks.add(ack(2));
        acks.take().stored();
        assert!(flushed.as_mut().now_or_never().is_none(), "a later one is stored, and not the first");
        acks.add(ack(3));
        taken.stored();
        assert!(flushed.now_or_never().is_some(), "later ones are not waited for");
    }

    #[test]
    fn acknowledgements_that_were_not_stored_wait_again() {
        let acks = PendingAcks::default();
        assert_eq!((acks.add(ack(1)), acks.add(ack(2))), (1, 2));
        assert!(acks.wait_nonempty().now_or_never().is_some());
        let taken = acks.take();
        assert!(acks.take().is_empty() && acks.wait_nonempty().now_or_never().is_none());
        drop(taken);
        assert!(acks.wait_nonempty().now_or_never().is_some());
        let taken = acks.take();
        assert!(!taken.is_empty());
        taken.stored();
        assert!(acks.take().is_empty() && acks.wait_nonempty().now_or_never().is_none());
    }
}
