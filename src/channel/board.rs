//! The board on which the nodes of an installation see one another: who is there, which configs a console asks about,
//! and what the others answer. Nothing on it outlives the node that put it there, and nobody's configuration is on it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::domain::{access::Pattern, names::ConfigId, numbers, time::Time};

/// The longest answer, in bytes: far below etcd's limit of 1.5 MiB. Longer ones are not looked into.
pub const ANSWER_BYTES: usize = 256 * 1024;
/// Longest name of a node, in bytes.
pub const NODE_NAME: usize = 128;

/// Configs of which a reader node tells that it is ahead; others follow when these are done.
pub const AHEAD: usize = 64;

/// One run of a node: the number of its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub i64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct About {
    /// What people call it.
    pub name: Arc<str>,
    /// It serves the read endpoints alone.
    pub reader: bool,
    /// Releases and tokens on this node that are later than those in the channel; usually none.
    #[serde(default, skip_serializing_if = "Ahead::is_empty")]
    pub ahead: Ahead,
}

/// Releases and tokens on a reader node that are later than those in the channel. Readers never go back, so a console has
/// to write something later still.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Ahead {
    /// The version of its list of tokens.
    pub tokens: Option<u64>,
    /// Configs with the numbers of their releases, up to [`AHEAD`].
    pub releases: Vec<(ConfigId, u64)>,
}

impl Ahead {
    /// Whether it holds nothing that is later.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_none() && self.releases.is_empty()
    }

    /// Whether a node can have told this.
    pub(super) fn is_bounded(&self) -> bool {
        let mut all = self.tokens.iter().chain(self.releases.iter().map(|(_, seq)| seq));
        self.releases.len() <= AHEAD && all.all(|number| *number <= numbers::MOST)
    }

    /// Takes in what another node tells: the later one counts. A number that no reader takes is left out here, before it
    /// hides those of other nodes.
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

/// What is new on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A node is there.
    Here(NodeId, About),
    /// It has left, or its lease ran out.
    Gone(NodeId),
    /// A console asks who reads these configs, for the first time or again.
    Asked {
        /// Which node.
        by: NodeId,
        /// Which configs.
        scope: Pattern,
        /// How many bytes an answer should have, about.
        room: usize,
    },
    /// A node answers.
    Answered {
        /// Which node.
        by: NodeId,
        /// Which configs it was asked about.
        scope: Pattern,
        /// What it says; up to [`ANSWER_BYTES`].
        value: Vec<u8>,
    },
}

/// Who is there and who asks, at one revision.
#[derive(Clone, Debug)]
pub struct Notices {
    /// The revision; a watch that misses nothing begins right after it.
    pub revision: i64,
    /// The nodes that are there and what they ask; answers are not read again.
    pub notices: Vec<Notice>,
}

/// What a node wants to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hears {
    /// What is asked: for one who only answers.
    Asks,
    /// Nodes that come and go and their answers, too.
    All,
}
