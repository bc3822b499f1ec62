//! The node registry in etcd: the nodes of an installation, the queries of consoles and the replies of other nodes.
//! Every key ends with the node that wrote it, and none holds configuration.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::domain::{access::Pattern, names::ConfigId, numbers, time::Time};

/// Maximum length of a reply, in bytes: far below etcd's limit of 1.5 MiB. Longer ones are ignored.
pub const MAX_REPLY_BYTES: usize = 256 * 1024;
/// Maximum length of a node's name, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// Maximum number of configs in an [`AheadReport`]. Others follow once these are resolved.
pub const MAX_AHEAD_RELEASES: usize = 64;

/// Id of one run of a node: the id of its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub i64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// Description that a node writes of itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Name of the node, for people.
    pub name: Arc<str>,
    /// Whether it is a reader node, which serves only the read endpoints.
    pub reader: bool,
    /// Releases and tokens of this node that are later than those in the channel. Usually empty.
    #[serde(default, skip_serializing_if = "AheadReport::is_empty")]
    pub ahead: AheadReport,
}

/// Releases and tokens of a reader node that are later than those in the channel. Readers never go back, so a console
/// has to write a still later one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct AheadReport {
    /// Version of the list of tokens.
    pub tokens: Option<u64>,
    /// Configs with the numbers of their releases, at most [`MAX_AHEAD_RELEASES`].
    pub releases: Vec<(ConfigId, u64)>,
}

impl AheadReport {
    /// Returns whether nothing is later.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_none() && self.releases.is_empty()
    }

    /// Returns whether a node can have written this.
    pub(super) fn is_bounded(&self) -> bool {
        let mut all = self.tokens.iter().chain(self.releases.iter().map(|(_, seq)| seq));
        self.releases.len() <= MAX_AHEAD_RELEASES && all.all(|number| *number <= numbers::MAX_NUMBER)
    }

    /// Adds the report of another node and keeps the later numbers. Implausible numbers are dropped here, because they
    /// would hide those of other nodes.
    pub(super) fn merge(&mut self, other: Self, now: Time) {
        let tokens = other.tokens.filter(|version| numbers::is_plausible(*version, now));
        self.tokens = self.tokens.max(tokens);
        for (config, seq) in other.releases.into_iter().filter(|(_, seq)| numbers::is_plausible(*seq, now)) {
            match self.releases.iter_mut().find(|(known, _)| *known == config) {
                Some((_, known)) => *known = seq.max(*known),
                None => self.releases.push((config, seq)),
            }
        }
    }
}

/// An event in the node registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryEvent {
    /// A node is registered.
    Joined(NodeId, NodeInfo),
    /// A node has left, or its lease expired.
    Left(NodeId),
    /// A console queries the readers of some configs, for the first time or again.
    Queried {
        /// The node.
        by: NodeId,
        /// The configs.
        scope: Pattern,
        /// Approximate size of a reply, in bytes.
        reply_bytes: usize,
    },
    /// A node replies.
    Replied {
        /// The node.
        by: NodeId,
        /// The configs of the query.
        scope: Pattern,
        /// The reply, at most [`MAX_REPLY_BYTES`].
        value: Vec<u8>,
    },
}

/// The nodes and queries in the registry at one revision.
#[derive(Clone, Debug)]
pub struct RegistryListing {
    /// The revision. A watch from it misses nothing.
    pub revision: i64,
    /// The nodes and their queries. Replies are not read again.
    pub events: Vec<RegistryEvent>,
}

/// The events that a watch of the registry returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryFilter {
    /// Queries only: for a node that only replies.
    Queries,
    /// All events.
    All,
}
