//! The fast path of delivery: a node's memory of its own publishes, which saves reads and writes of SQL.
//!
//! **With the fast path switched off every result is the same, only later.**
//!
//! SQL and the channel alone decide which releases exist and are delivered. Everything here may be lost at any moment,
//! and a node then reads SQL instead. The setting `fast_path = off` keeps all of it empty: data enters only through
//! methods of [`FastPath`]. The behaviour suite runs both ways.
//!
//! | part | saves | proof before it is used |
//! |---|---|---|
//! | [`HandOverQueue`] | the worker's read of the outbox | the release follows the one that this node wrote last |
//! | [`RememberedContents`] | the read of the live content by the next publish | SQL names the same change as live |
//! | [`RememberedWrites`] | the check of a release that the channel returns | the identity of the release is the same |
//! | [`SessionWrites`] | a second delivery before the first one is acknowledged in SQL | the lock is still held |
//! | [`PendingAcks`] | a transaction for each delivery | none needed: the next delivery replaces a lost one |
//!
//! One more part is in `channel::etcd::deliver`, because only the channel sees when it ends: the revisions of the
//! node's last writes. The compares of the next transaction prove them. The same setting switches it off
//! (`EtcdSettings::remembers_writes`).

mod acks;
mod contents;
mod hand_over;
mod writes;

use crate::{
    domain::{
        content::Content,
        entry::Entry,
        names::{ConfigId, EnvName},
        release::Release,
    },
    storage::KnownRelease,
};
pub use acks::{DeliveryAck, PendingAcks, TakenAcks};
use contents::RememberedContents;
pub use hand_over::AcceptedRelease;
use hand_over::{HandOverQueue, successors};
use writes::RememberedWrites;
pub use writes::SessionWrites;

/// The fast path of one node.
#[derive(Debug)]
pub struct FastPath {
    is_on: bool,
    queue: HandOverQueue,
    contents: RememberedContents,
    writes: RememberedWrites,
    /// Acknowledgements that are not yet recorded.
    pub acks: PendingAcks,
}

impl Default for FastPath {
    fn default() -> Self {
        Self::new(true)
    }
}

impl FastPath {
    /// Returns an empty fast path. It stays empty if it is off.
    pub fn new(is_on: bool) -> Self {
        Self {
            is_on,
            queue: HandOverQueue::default(),
            contents: RememberedContents::default(),
            writes: RememberedWrites::default(),
            acks: PendingAcks::default(),
        }
    }

    /// Queues accepted releases for the workers of their environments.
    pub fn hand_over(&self, releases: Vec<AcceptedRelease>) {
        if self.is_on {
            self.queue.add(releases);
        }
    }

    /// Takes the queued releases of an environment.
    pub fn take_handed_over(&self, env: &EnvName) -> Vec<AcceptedRelease> {
        self.queue.take(env)
    }

    /// Remembers the content of an accepted release.
    pub fn remember_content(&self, release: &Release, content: Content) {
        if self.is_on {
            self.contents.add(release, content);
        }
    }

    /// Returns the content that was accepted last for a config. Another node may have accepted a later one.
    pub fn content(&self, config: &ConfigId) -> Option<KnownRelease> {
        self.contents.get(config)
    }

    /// Remembers releases that this node wrote into the channel.
    pub fn remember_writes<'a>(&self, entries: impl IntoIterator<Item = &'a Entry>) {
        if self.is_on {
            self.writes.add(entries);
        }
    }

    /// Returns whether this node wrote exactly this release last to its config. By now the channel may differ.
    pub fn wrote(&self, entry: &Entry) -> bool {
        self.writes.contains(entry)
    }

    /// Returns the accepted releases that can go out without a read of the outbox: those that the session has not
    /// written yet, if each follows the release that this node wrote last. Returns nothing if one does not.
    pub fn ready_to_deliver(&self, accepted: Vec<AcceptedRelease>, session: &SessionWrites) -> Vec<Entry> {
        successors(accepted, session, |config| self.writes.last_change(config))
    }

    /// Returns an empty record of a new lock session.
    pub fn session(&self) -> SessionWrites {
        SessionWrites::new(self.is_on)
    }

    /// Leaves an acknowledgement to a later transaction. Returns the number of acknowledgements that are pending.
    ///
    /// # Errors
    /// The acknowledgement, if the fast path is off. The caller stores it.
    pub fn defer(&self, ack: DeliveryAck) -> Result<usize, DeliveryAck> {
        if self.is_on { Ok(self.acks.add(ack)) } else { Err(ack) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{content::Format, entry::Meta, time::Time};

    /// A release of `prod/shop/application`, whose number is also the last digit of its change.
    pub(super) fn entry(seq: u64) -> Entry {
        let meta = Meta {
            seq,
            sha256: String::new(),
            format: Format::Text,
            author: String::new(),
            message: String::new(),
            published_at: Time(0),
            change: change(seq),
        };
        Entry { config: "prod/shop/application".parse().unwrap(), meta: meta.into(), document: "".into() }
    }

    pub(super) fn change(seq: u64) -> crate::domain::change::ChangeId {
        format!("0192f0c1-2345-7000-8000-00000000000{seq}").parse().unwrap()
    }

    pub(super) fn release(config: &str) -> Release {
        Release {
            config: config.parse().unwrap(),
            seq: 1,
            previous: 0,
            format: Format::Text,
            sha256: String::new(),
            author: String::new(),
            message: String::new(),
            change: change(1),
            rolled_back_to: None,
            accepted_at: Time(0),
            delivered_at: None,
            revision: None,
        }
    }

    #[test]
    fn stays_empty_when_switched_off() {
        for is_on in [true, false] {
            let fast_path = FastPath::new(is_on);
            let (first, second) = (entry(1), entry(2));
            fast_path.hand_over(vec![AcceptedRelease { entry: second.clone(), follows: Some(change(1)) }]);
            fast_path.remember_content(&release("prod/shop/application"), Content::Text("x".into()));
            fast_path.remember_writes([&first]);
            let mut session = fast_path.session();
            session.add([&first]);
            let ack = DeliveryAck { releases: vec![(first.config.clone(), 1)], revision: 1, delivered_at: Time(0) };

            let handed_over = fast_path.take_handed_over(&first.config.env);
            assert_eq!(handed_over.len(), usize::from(is_on));
            assert_eq!(fast_path.content(&first.config).is_some(), is_on);
            assert_eq!(fast_path.wrote(&first), is_on);
            assert_eq!(session.includes(&first.config, 1, &change(1)), is_on);
            assert_eq!(fast_path.ready_to_deliver(handed_over, &session).len(), usize::from(is_on));
            assert_eq!(fast_path.defer(ack).ok(), is_on.then_some(1));
        }
    }
}
