//! The node registry in etcd: keys attached to each node's lease.

use std::{sync::Arc, time::Duration};

use etcd_client::{Client, EventType, GetOptions, KeyValue, PutOptions, WatchOptions};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        ChannelError,
        registry::{
            AheadReport, MAX_NAME_BYTES, MAX_REPLY_BYTES, NodeId, NodeInfo, RegistryEvent, RegistryFilter,
            RegistryListing,
        },
    },
    Etcd, head,
    keys::RegistryKey,
    lease::Lease,
    watch::ResponseStream,
};
use crate::domain::access::Pattern;

/// Time to live of a membership's lease: a dead node stays registered for this time.
const MEMBERSHIP_TTL: Duration = Duration::from_secs(30);
/// Maximum number of keys in a listing. No installation has as many nodes and queries.
const MAX_KEYS: i64 = 5000;

/// Value of a query's key.
#[derive(Serialize, Deserialize)]
struct QueryValue {
    room: usize,
}

/// A node's membership in the registry. All its keys end with it.
#[derive(Debug)]
pub struct Membership {
    etcd: Arc<Etcd>,
    lease: Lease,
    /// Value of its name key.
    info: NodeInfo,
}

/// A watch of the node registry.
#[derive(Debug)]
pub struct RegistryWatch {
    etcd: Arc<Etcd>,
    stream: ResponseStream,
    /// Whether a key that no node writes was logged.
    warned: bool,
}

/// The node registry of this installation.
#[derive(Clone, Debug)]
pub struct NodeRegistry(pub(in super::super) Arc<Etcd>);

impl NodeRegistry {
    /// Registers this node until the membership ends.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] when this node may not write there; [`ChannelError::Unreachable`].
    pub async fn join(&self, reader: bool) -> Result<Membership, ChannelError> {
        let etcd = &self.0;
        let end = etcd.node.floor_char_boundary(MAX_NAME_BYTES);
        let about = NodeInfo { name: etcd.node[..end].into(), reader, ahead: AheadReport::default() };
        let lease = Lease::grant(etcd, MEMBERSHIP_TTL.max(etcd.timing.ttl)).await?;
        let member = Membership { etcd: Arc::clone(etcd), lease, info: about };
        member.put(&RegistryKey::Name(member.id()), &json(&member.info)).await?;
        Ok(member)
    }

    /// Lists the nodes and their queries.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] or [`ChannelError::Refused`].
    pub async fn list(&self) -> Result<RegistryListing, ChannelError> {
        let etcd = &self.0;
        let (from, to) = etcd.keys.queries_and_names();
        let options = GetOptions::new().with_range(to).with_limit(MAX_KEYS);
        let answer = etcd.get(etcd.timing.page, &from, options).await?;
        let (mut events, mut warned) = (Vec::new(), false);
        for kv in answer.kvs() {
            events.extend(etcd.parse_or_warn(kv, &mut warned));
        }
        Ok(RegistryListing { revision: head(answer.header())?.revision, events })
    }

    /// Watches the registry after a revision.
    ///
    /// # Errors
    /// Returns the errors of [`super::super::Channel::watch`].
    pub async fn watch(&self, filter: RegistryFilter, after: i64) -> Result<RegistryWatch, ChannelError> {
        let etcd = &self.0;
        let prefix = match filter {
            RegistryFilter::Queries => etcd.keys.queries(),
            RegistryFilter::All => etcd.keys.registry(),
        };
        let stream = ResponseStream::open(etcd, &prefix, WatchOptions::new().with_prefix(), after).await?;
        Ok(RegistryWatch { etcd: Arc::clone(etcd), stream, warned: false })
    }
}

impl Etcd {
    /// Reads the descriptions of all registered nodes.
    pub(in super::super) async fn node_infos(&self) -> Result<Vec<NodeInfo>, ChannelError> {
        let options = GetOptions::new().with_prefix().with_limit(MAX_KEYS);
        let answer = self.get(self.timing.page, &self.keys.names(), options).await?;
        let about = |kv| match self.parse(kv) {
            Some(RegistryEvent::Joined(_, about)) => Some(about),
            _ => None,
        };
        Ok(answer.kvs().iter().filter_map(about).collect())
    }

    /// Parses a key. Returns `None` when no node can have written it: a node's keys are attached to its own lease.
    fn parse(&self, kv: &KeyValue) -> Option<RegistryEvent> {
        let posted = self.keys.parse_registry_key(kv.key())?;
        let (RegistryKey::Name(id) | RegistryKey::Query(id, _) | RegistryKey::Reply(id, _)) = &posted;
        if kv.lease() == id.0 { parse_value(posted, kv.value()) } else { None }
    }

    /// Parses a key, and logs the first one that no node can have written.
    fn parse_or_warn(&self, kv: &KeyValue, warned: &mut bool) -> Option<RegistryEvent> {
        let parsed = self.parse(kv);
        if parsed.is_none() && !std::mem::replace(warned, true) {
            // The value is not logged: it may hold anything.
            tracing::warn!(key = %kv.key().escape_ascii(), "ignoring keys under nodes/ that no node wrote");
        }
        parsed
    }
}

fn parse_value(key: RegistryKey, value: &[u8]) -> Option<RegistryEvent> {
    const SHORT: usize = 1024;
    /// Maximum size of a name key's value, in bytes. A full [`AheadReport`] fits, because names of configs have at most
    /// 194 bytes.
    const NAME: usize = 16 * 1024;
    match key {
        RegistryKey::Reply(by, scope) => {
            (value.len() <= MAX_REPLY_BYTES).then(|| RegistryEvent::Replied { by, scope, value: value.to_vec() })
        }
        RegistryKey::Name(id) => {
            let about: NodeInfo = (value.len() <= NAME).then(|| serde_json::from_slice(value).ok())??;
            (about.name.len() <= MAX_NAME_BYTES && about.ahead.is_bounded()).then_some(RegistryEvent::Joined(id, about))
        }
        _ if value.len() > SHORT => None,
        RegistryKey::Query(by, scope) => {
            let QueryValue { room } = serde_json::from_slice(value).ok()?;
            Some(RegistryEvent::Queried { by, scope, reply_bytes: room })
        }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers are JSON")
}

impl Membership {
    /// Returns the id of this node.
    pub fn id(&self) -> NodeId {
        NodeId(self.lease.id())
    }

    /// Returns whether the lease is known to be over. Then the node must join again.
    pub fn is_lost(&self) -> bool {
        self.lease.is_over()
    }

    /// Reports releases and tokens of this node that are later than those in the channel, unless the key holds this
    /// report already.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] or [`ChannelError::Refused`].
    pub async fn report_ahead(&mut self, ahead: AheadReport) -> Result<(), ChannelError> {
        if self.info.ahead == ahead {
            return Ok(());
        }
        let about = NodeInfo { ahead, ..self.info.clone() };
        self.put(&RegistryKey::Name(self.id()), &json(&about)).await?;
        self.info = about;
        Ok(())
    }

    /// Queries all nodes for the readers of these configs. A repeated query is answered again.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] or [`ChannelError::Refused`].
    pub async fn write_query(&self, scope: &Pattern, reply_bytes: usize) -> Result<(), ChannelError> {
        self.put(&RegistryKey::Query(self.id(), scope.clone()), &json(&QueryValue { room: reply_bytes })).await
    }

    /// Ends a query.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] or [`ChannelError::Refused`].
    pub async fn end_query(&self, scope: &Pattern) -> Result<(), ChannelError> {
        self.delete(&RegistryKey::Query(self.id(), scope.clone())).await
    }

    /// Writes a reply in place of this node's earlier one.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`], [`ChannelError::Refused`] or [`ChannelError::TooLarge`].
    pub async fn write_reply(&self, scope: &Pattern, value: &str) -> Result<(), ChannelError> {
        self.put(&RegistryKey::Reply(self.id(), scope.clone()), value).await
    }

    /// Withdraws a reply.
    ///
    /// # Errors
    /// [`ChannelError::Unreachable`] or [`ChannelError::Refused`].
    pub async fn withdraw_reply(&self, scope: &Pattern) -> Result<(), ChannelError> {
        self.delete(&RegistryKey::Reply(self.id(), scope.clone())).await
    }

    /// Leaves the registry. All keys of this node end.
    pub async fn leave(self) {
        self.lease.revoke().await;
    }

    async fn put(&self, what: &RegistryKey, value: &str) -> Result<(), ChannelError> {
        let (key, lease) = (&self.etcd.keys.registry_key(what), self.lease.id());
        let options = &PutOptions::new().with_lease(lease);
        let put = move |mut etcd: Client| async move { etcd.put(key.as_str(), value, Some(options.clone())).await };
        self.etcd.call(self.etcd.timing.call, put).await.map(drop)
    }

    async fn delete(&self, what: &RegistryKey) -> Result<(), ChannelError> {
        self.lease.delete(self.etcd.keys.registry_key(what).as_bytes()).await
    }
}

impl RegistryWatch {
    /// Waits for the next events, in order. The future may be dropped and called again.
    ///
    /// # Errors
    /// Any [`ChannelError`] ends the watch: list again, then watch again.
    pub async fn next(&mut self) -> Result<Vec<RegistryEvent>, ChannelError> {
        let response = self.stream.next().await?;
        let mut events = Vec::new();
        for event in response.events() {
            let Some(kv) = event.kv().filter(|kv| self.stream.is_new(kv)) else { continue };
            match event.event_type() {
                EventType::Put => {
                    let parsed = self.etcd.parse_or_warn(kv, &mut self.warned);
                    if matches!(&parsed, Some(RegistryEvent::Joined(_, about)) if !about.ahead.is_empty()) {
                        self.etcd.report_disturbance();
                    }
                    events.extend(parsed);
                }
                // Nodes drop old queries and replies by themselves.
                EventType::Delete => {
                    if let Some(RegistryKey::Name(id)) = self.etcd.keys.parse_registry_key(kv.key()) {
                        events.push(RegistryEvent::Left(id));
                    }
                }
            }
        }
        Ok(events)
    }
}
