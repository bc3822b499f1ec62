//! What is delivered though the database does not say so yet. On SQLite the next transaction of this node that publishes
//! takes the marks along, which costs next to nothing; else the publisher writes them in a moment, all that wait at once.

use std::{collections::BTreeSet, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use crate::{
    domain::{error::Result, names::ConfigId, time::Time},
    storage::Conn,
};

/// Releases that are in the channel since a revision.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The releases.
    pub releases: Vec<(ConfigId, u64)>,
    /// The revision.
    pub revision: i64,
    /// Since when.
    pub at: Time,
}

/// Marks that wait to be written. Any that are lost are found again: what is in the channel already is marked then.
#[derive(Debug, Default)]
pub struct Marks {
    room: Mutex<Room>,
    there: Notify,
    wanted: Notify,
    /// The number up to which all are written.
    written: watch::Sender<u64>,
}

/// Marks have numbers, in the order in which they came.
#[derive(Debug, Default)]
struct Room {
    waiting: Vec<(u64, Mark)>,
    /// Those that are not written, whoever has them.
    open: BTreeSet<u64>,
    last: u64,
}

impl Marks {
    /// Adds one. Gives how many wait now.
    pub fn add(&self, mark: Mark) -> usize {
        let mut room = self.room();
        let number = room.last + 1;
        room.last = number;
        room.open.insert(number);
        room.waiting.push((number, mark));
        self.there.notify_one();
        room.waiting.len()
    }

    /// Takes those that wait, to write them.
    pub fn take(&self) -> Taken<'_> {
        let taken = std::mem::take(&mut self.room().waiting);
        Taken { marks: self, taken }
    }

    /// Says that somebody is about to look into the database for what is delivered.
    pub fn want(&self) {
        // Else the next one would not wait for a publish that takes it along.
        if !self.room().waiting.is_empty() {
            self.wanted.notify_one();
        }
    }

    /// Has those that there are written, and waits for that: a moment, so that who looks is not told less than who
    /// published.
    pub async fn settled(&self, patience: Duration) {
        let (mut written, last) = (self.written.subscribe(), self.room().last);
        if *written.borrow() >= last {
            return;
        }
        self.want();
        // Those that cannot be written now are shown as they are known.
        let _ = timeout(patience, written.wait_for(|written| *written >= last)).await;
    }

    /// Waits until there may be some.
    pub async fn there(&self) {
        self.there.notified().await;
    }

    /// Waits until somebody wants them to be written.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock()
    }
}

/// Marks that are being written. Dropped before they are, they wait again.
#[derive(Debug)]
pub struct Taken<'a> {
    marks: &'a Marks,
    taken: Vec<(u64, Mark)>,
}

impl Taken<'_> {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Writes them in a transaction, whose commit makes them [`Taken::written`].
    ///
    /// # Errors
    /// As [`Conn::mark_delivered`].
    pub async fn write(&self, tx: &mut Conn) -> Result<()> {
        for (_, Mark { releases, revision, at }) in &self.taken {
            tx.mark_delivered(releases, *revision, *at).await?;
        }
        Ok(())
    }

    /// They are written.
    pub fn written(mut self) {
        let mut room = self.marks.room();
        for (number, _) in self.taken.drain(..) {
            room.open.remove(&number);
        }
        self.marks.written.send_replace(room.open.first().map_or(room.last, |open| open - 1));
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.taken.is_empty() {
            self.marks.room().waiting.append(&mut self.taken);
            self.marks.there.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn mark(seq: u64) -> Mark {
        Mark { releases: vec![("prod/shop/application".parse().unwrap(), seq)], revision: 1, at: Time(0) }
    }

    #[tokio::test]
    async fn who_looks_waits_for_what_there_is_and_not_for_ever() {
        let (marks, moment) = (Marks::default(), Duration::from_millis(1));
        assert!(marks.settled(moment).now_or_never().is_some(), "there is nothing to wait for");
        marks.add(mark(1));
        let taken = marks.take();
        marks.settled(moment).await;
        let mut settled = std::pin::pin!(marks.settled(Duration::MAX));
        assert!(settled.as_mut().now_or_never().is_none());
        marks.add(mark(2));
        marks.take().written();
        assert!(settled.as_mut().now_or_never().is_none(), "others are written, and not this one");
        marks.add(mark(3));
        taken.written();
        assert!(settled.now_or_never().is_some(), "what came meanwhile is not waited for");
    }

    #[test]
    fn what_was_taken_and_not_written_waits_again() {
        let marks = Marks::default();
        assert_eq!((marks.add(mark(1)), marks.add(mark(2))), (1, 2));
        assert!(marks.there().now_or_never().is_some());
        let taken = marks.take();
        assert!(marks.take().is_empty() && marks.there().now_or_never().is_none());
        drop(taken);
        assert!(marks.there().now_or_never().is_some());
        let taken = marks.take();
        assert!(!taken.is_empty());
        taken.written();
        assert!(marks.take().is_empty() && marks.there().now_or_never().is_none());
    }
}
