//! The node registry in etcd: keys attached to each node's lease.

use std::{sync::Arc, time::Duration};

use etcd_client::{Client, EventType, GetOptions, KeyValue, PutOptions, WatchOptions};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Fault,
        board::{ANSWER_BYTES, About, Ahead, Hears, NODE_NAME, NodeId, Notice, Notices},
    },
    Etcd, head,
    keys::Posted,
    lease::Lease,
    watch::Stream,
};
use crate::domain::access::Pattern;

/// Time to live of a membership's lease: a dead node stays registered for this time.
const TTL: Duration = Duration::from_secs(30);
/// Maximum number of keys in a listing. No installation has as many nodes and queries.
const MOST: i64 = 5000;

/// Value of a query's key.
#[derive(Serialize, Deserialize)]
struct Ask {
    room: usize,
}

/// A node's membership in the registry. All its keys end with it.
#[derive(Debug)]
pub struct Seat {
    etcd: Arc<Etcd>,
    lease: Lease,
    /// Value of its name key.
    about: About,
}

/// A watch of the node registry.
#[derive(Debug)]
pub struct BoardWatch {
    etcd: Arc<Etcd>,
    stream: Stream,
    /// Whether a key that no node writes was logged.
    warned: bool,
}

impl Etcd {
    pub(in super::super) async fn join(self: &Arc<Self>, reader: bool) -> Result<Seat, Fault> {
        let end = self.node.floor_char_boundary(NODE_NAME);
        let about = About { name: self.node[..end].into(), reader, ahead: Ahead::default() };
        let seat = Seat { etcd: Arc::clone(self), lease: Lease::grant(self, TTL.max(self.timing.ttl)).await?, about };
        seat.put(&Posted::Name(seat.id()), &json(&seat.about)).await?;
        Ok(seat)
    }

    /// Reads the descriptions of all registered nodes.
    pub(in super::super) async fn names(&self) -> Result<Vec<About>, Fault> {
        let (prefix, options) = (&self.keys.names(), &GetOptions::new().with_prefix().with_limit(MOST));
        let get = move |mut etcd: Client| async move { etcd.get(prefix.as_str(), Some(options.clone())).await };
        let answer = self.call(self.timing.page, get).await?;
        let about = |kv| match self.read(kv) {
            Some(Notice::Here(_, about)) => Some(about),
            _ => None,
        };
        Ok(answer.kvs().iter().filter_map(about).collect())
    }

    pub(in super::super) async fn notices(&self) -> Result<Notices, Fault> {
        let (from, to) = &self.keys.asks_and_names();
        let options = &GetOptions::new().with_range(to.as_str()).with_limit(MOST);
        let get = move |mut etcd: Client| async move { etcd.get(from.as_str(), Some(options.clone())).await };
        let answer = self.call(self.timing.page, get).await?;
        let (mut notices, mut warned) = (Vec::new(), false);
        for kv in answer.kvs() {
            notices.extend(self.notice(kv, &mut warned));
        }
        Ok(Notices { revision: head(answer.header())?.revision, notices })
    }

    pub(in super::super) async fn watch_board(self: &Arc<Self>, hears: Hears, after: i64) -> Result<BoardWatch, Fault> {
        let prefix = match hears {
            Hears::Asks => self.keys.asks(),
            Hears::All => self.keys.nodes(),
        };
        let stream = Stream::open(self, &prefix, WatchOptions::new().with_prefix(), after).await?;
        Ok(BoardWatch { etcd: Arc::clone(self), stream, warned: false })
    }

    /// Parses a key. Returns `None` when no node can have written it: a node's keys are attached to its own lease.
    fn read(&self, kv: &KeyValue) -> Option<Notice> {
        let posted = self.keys.posted(kv.key())?;
        let (Posted::Name(id) | Posted::Ask(id, _) | Posted::Answer(id, _)) = &posted;
        if kv.lease() == id.0 { said(posted, kv.value()) } else { None }
    }

    /// Parses a key, and logs the first one that no node can have written.
    fn notice(&self, kv: &KeyValue, warned: &mut bool) -> Option<Notice> {
        let notice = self.read(kv);
        if notice.is_none() && !std::mem::replace(warned, true) {
            // The value is not logged: it may hold anything.
            tracing::warn!(key = %kv.key().escape_ascii(), "ignoring keys under nodes/ that no node wrote");
        }
        notice
    }
}

fn said(posted: Posted, value: &[u8]) -> Option<Notice> {
    const SHORT: usize = 1024;
    /// Maximum size of a name key's value, in bytes. Fits a full [`Ahead`]: configs have names of at most 194 bytes.
    const NAME: usize = 16 * 1024;
    match posted {
        Posted::Answer(by, scope) => {
            (value.len() <= ANSWER_BYTES).then(|| Notice::Answered { by, scope, value: value.to_vec() })
        }
        Posted::Name(id) => {
            let about: About = (value.len() <= NAME).then(|| serde_json::from_slice(value).ok())??;
            (about.name.len() <= NODE_NAME && about.ahead.is_bounded()).then_some(Notice::Here(id, about))
        }
        _ if value.len() > SHORT => None,
        Posted::Ask(by, scope) => {
            let Ask { room } = serde_json::from_slice(value).ok()?;
            Some(Notice::Asked { by, scope, room })
        }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers are JSON")
}

impl Seat {
    /// Returns the id of this node.
    #[must_use]
    pub fn id(&self) -> NodeId {
        NodeId(self.lease.id())
    }

    /// Returns whether the lease is known to be over. Then the node must join again.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lease.is_over()
    }

    /// Writes what this node holds that is later than the channel, unless the key says so already.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn tell(&mut self, ahead: Ahead) -> Result<(), Fault> {
        if self.about.ahead == ahead {
            return Ok(());
        }
        let about = About { ahead, ..self.about.clone() };
        self.put(&Posted::Name(self.id()), &json(&about)).await?;
        self.about = about;
        Ok(())
    }

    /// Queries all nodes for the readers of these configs. A repeated query is answered again.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn ask(&self, scope: &Pattern, room: usize) -> Result<(), Fault> {
        self.put(&Posted::Ask(self.id(), scope.clone()), &json(&Ask { room })).await
    }

    /// Ends a query.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn ask_no_more(&self, scope: &Pattern) -> Result<(), Fault> {
        self.delete(&Posted::Ask(self.id(), scope.clone())).await
    }

    /// Writes a reply in place of this node's earlier one.
    ///
    /// # Errors
    /// [`Fault::Unreachable`], [`Fault::Refused`] or [`Fault::TooLarge`].
    pub async fn answer(&self, scope: &Pattern, value: &str) -> Result<(), Fault> {
        self.put(&Posted::Answer(self.id(), scope.clone()), value).await
    }

    /// Withdraws a reply.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] or [`Fault::Refused`].
    pub async fn answer_no_more(&self, scope: &Pattern) -> Result<(), Fault> {
        self.delete(&Posted::Answer(self.id(), scope.clone())).await
    }

    /// Leaves the registry. All keys of this node end.
    pub async fn leave(self) {
        self.lease.revoke().await;
    }

    async fn put(&self, what: &Posted, value: &str) -> Result<(), Fault> {
        let (key, lease) = (&self.etcd.keys.board(what), self.lease.id());
        let options = &PutOptions::new().with_lease(lease);
        let put = move |mut etcd: Client| async move { etcd.put(key.as_str(), value, Some(options.clone())).await };
        self.etcd.call(self.etcd.timing.call, put).await.map(drop)
    }

    async fn delete(&self, what: &Posted) -> Result<(), Fault> {
        self.lease.delete(self.etcd.keys.board(what).as_bytes()).await
    }
}

impl BoardWatch {
    /// Waits for the next events, in order. The future may be dropped and called again.
    ///
    /// # Errors
    /// Any [`Fault`] ends the watch: list again, then watch again.
    pub async fn next(&mut self) -> Result<Vec<Notice>, Fault> {
        let response = self.stream.next().await?;
        let mut notices = Vec::new();
        for event in response.events() {
            let Some(kv) = event.kv().filter(|kv| self.stream.is_news(kv)) else { continue };
            match event.event_type() {
                EventType::Put => {
                    let notice = self.etcd.notice(kv, &mut self.warned);
                    if matches!(&notice, Some(Notice::Here(_, about)) if !about.ahead.is_empty()) {
                        self.etcd.upset();
                    }
                    notices.extend(notice);
                }
                // Nodes drop old queries and replies by themselves.
                EventType::Delete => {
                    if let Some(Posted::Name(id)) = self.etcd.keys.posted(kv.key()) {
                        notices.push(Notice::Gone(id));
                    }
                }
            }
        }
        Ok(notices)
    }
}
