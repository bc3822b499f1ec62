//! Finds words in the live documents, which every console holds in memory for its readers.
//!
//! There is no index. The bytes of all documents are scanned for a part of one word of the query, and only items and
//! lines in which it occurs are looked at. The scanner of the `regex` crate compares many bytes at once and ignores case, so a
//! million keys take less time than a page. An index would take as much memory as the documents, and would have to
//! follow each release.

mod candidates;
mod items;
mod members;
mod query;
#[cfg(test)]
mod tests;
mod texts;

use crate::domain::{content::Format, entry::Entry, names::ConfigId, sensitive::Sensitive};

use candidates::Candidates;
pub use query::{MAX_QUERY_BYTES, MAX_QUERY_LENGTH, SearchQuery};

/// Maximum number of hits that are counted. Beyond it only keys that begin with a word are still looked for, because they
/// come first.
pub const MAX_COUNTED: usize = 10_000;

/// The rows of a page of hits.
#[derive(Clone, Copy, Debug)]
pub struct SearchWindow {
    /// Number of items before the page.
    pub items_from: usize,
    /// Number of places in texts before the page.
    pub texts_from: usize,
    /// Maximum number of rows.
    pub rows: usize,
}

/// Hits of one kind.
#[derive(Clone, Debug, Default)]
pub struct HitPage {
    /// The hits of the page.
    pub hits: Vec<Hit>,
    /// Number of all hits, at most [`MAX_COUNTED`].
    pub count: usize,
}

/// An item, or a place in a text, with all words of the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The config.
    pub config: ConfigId,
    /// The key, joined by dots in a text. `None` for a line of a text.
    pub key: Option<String>,
    /// The value or the line, shortened around the first word.
    pub text: Sensitive,
    /// The line of the text, from 1. `None` for an item.
    pub line: Option<usize>,
}

/// The hits in all documents.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Items of `kv` configs.
    pub items: HitPage,
    /// Keys and lines of texts.
    pub texts: HitPage,
    /// Whether the search was stopped before all documents were scanned.
    pub is_partial: bool,
}

/// Searches the documents in the order of `entries`. Exact keys come first, then keys that begin with a word, keys that
/// contain one, and values; within these in the order of the documents. The search ends early when `is_over` returns
/// true, which is called before each document.
pub fn search(entries: &[Entry], query: &SearchQuery, window: SearchWindow, is_over: impl Fn() -> bool) -> Found {
    let mut items = Collected::new(window.items_from + window.rows);
    let mut texts = Collected::new(window.texts_from + window.rows);
    let candidates = Candidates::new(query, entries);
    let mut is_partial = false;
    for entry in entries {
        if query.is_empty() || is_over() {
            is_partial = !query.is_empty();
            break;
        }
        match entry.meta.format {
            Format::Kv => items::scan(entry, query, &candidates, &mut items),
            _ => texts::scan(entry, query, &candidates, &mut texts),
        }
    }
    Found { items: items.page(window.items_from), texts: texts.page(window.texts_from), is_partial }
}

/// Quality of a hit, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A word is the key.
    Key,
    /// The key begins with a word.
    KeyStart,
    /// The key contains a word.
    InKey,
    /// All words are in the value or the line.
    InValue,
}

/// Collects the hits of one kind. Of each rank only the first ones are kept, because documents are scanned in order.
struct Collected {
    ranks: [Vec<Hit>; 4],
    keep: usize,
    count: usize,
}

impl Collected {
    fn new(keep: usize) -> Self {
        Self { ranks: Default::default(), keep, count: 0 }
    }

    /// Returns whether no more hits are counted.
    fn is_full(&self) -> bool {
        self.count >= MAX_COUNTED
    }

    /// Returns whether a page needs no more hits of this rank.
    fn has_enough(&self, rank: Rank) -> bool {
        self.ranks[rank as usize].len() >= self.keep
    }

    fn add(&mut self, rank: Rank, hit: impl FnOnce() -> Hit) {
        self.count = MAX_COUNTED.min(self.count + 1);
        if !self.has_enough(rank) {
            self.ranks[rank as usize].push(hit());
        }
    }

    fn page(self, from: usize) -> HitPage {
        let hits = self.ranks.into_iter().flatten().take(self.keep).skip(from).collect();
        HitPage { hits, count: self.count }
    }
}
