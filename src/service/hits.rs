//! The hits of a search beside those in live documents.

use crate::domain::{change::Change, names::ConfigId, sensitive::Sensitive};

/// Maximum number of hits of each kind. Another word finds the others.
const MAX_HITS: usize = 20;

/// Hits of one kind, at most [`MAX_HITS`].
#[derive(Clone, Debug)]
pub struct HitGroup<T> {
    /// The hits.
    pub hits: Vec<T>,
    /// Whether there are more.
    pub has_more: bool,
}

// Without the bound of the derived one.
impl<T> Default for HitGroup<T> {
    fn default() -> Self {
        Self { hits: Vec::new(), has_more: false }
    }
}

impl<T> HitGroup<T> {
    /// Returns the number of hits, and whether there are more.
    pub fn size(&self) -> (usize, bool) {
        (self.hits.len(), self.has_more)
    }

    /// Returns whether further hits change nothing.
    pub(super) fn is_full(&self) -> bool {
        self.has_more
    }

    pub(super) fn add(&mut self, hit: T) {
        if self.hits.len() < MAX_HITS {
            self.hits.push(hit);
        } else {
            self.has_more = true;
        }
    }

    pub(super) fn of(all: impl IntoIterator<Item = T>) -> Self {
        let mut group = Self::default();
        all.into_iter().take(MAX_HITS + 1).for_each(|hit| group.add(hit));
        group
    }
}

/// An open edit that has all words.
#[derive(Clone, Debug)]
pub struct EditHit {
    /// The change.
    pub change: Change,
    /// The config.
    pub config: ConfigId,
    /// The key; empty for a whole text.
    pub key: String,
    /// The value that the edit sets, shortened. `None` if it removes the key.
    pub text: Option<Sensitive>,
}

/// A live item whose comment has a word, and its key or comment all words.
#[derive(Clone, Debug)]
pub struct CommentHit {
    /// The config.
    pub config: ConfigId,
    /// The key.
    pub key: String,
    /// The comment, shortened.
    pub comment: String,
}

/// A published change whose message has all words.
#[derive(Clone, Debug)]
pub struct ReleasedChange {
    /// The change.
    pub change: Change,
    /// Its releases that the actor sees.
    pub releases: Vec<(ConfigId, u64)>,
}

/// A user whose name has all words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserHit {
    /// The UUID.
    pub id: String,
    /// The name.
    pub name: String,
}
