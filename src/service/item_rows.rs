//! Rows of the table of items: the live items, with the user's edits in their places.

use std::collections::{HashMap, HashSet};

use super::ConfigView;
use crate::domain::{
    change::{Change, ChangeEdit},
    content::{Content, Item},
    diff::{Diff, KeyChange},
};

/// A key in the table.
pub struct ItemRow<'a> {
    /// The key.
    pub key: &'a str,
    /// The live item.
    pub old: Option<&'a Item>,
    /// The item in the user's change.
    pub new: Option<&'a Item>,
    /// The user's edit.
    pub edit: Option<&'a ChangeEdit>,
    /// Whether somebody else published this key after the user had edited it.
    pub conflict: bool,
    /// Other users' changes that edit the key, and whether they remove it.
    pub others: &'a [(&'a Change, bool)],
}

impl<'a> ItemRow<'a> {
    /// Returns the kind of the user's edit, if any.
    pub fn kind(&self) -> Option<KeyChange> {
        self.edit?;
        Some(match (self.old, self.new) {
            (None, _) => KeyChange::Added,
            (_, None) => KeyChange::Removed,
            _ => KeyChange::Changed,
        })
    }

    /// Returns the item to show: the new one, or the old one if it is removed.
    pub fn item(&self) -> Option<&'a Item> {
        self.new.or(self.old)
    }

    /// Returns whether the row contains every word of a filter, as [`filter_words`] returns them.
    pub fn has(&self, words: &[String]) -> bool {
        let has = |text: &str, word: &str| text.to_lowercase().contains(word);
        let item = |item: Option<&Item>, word: &str| {
            item.is_some_and(|i| has(i.value.expose(), word) || has(&i.comment, word) || i.kind.as_str() == word)
        };
        let all = |word: &String| {
            has(self.key, word)
                || item(self.old, word)
                || item(self.new, word)
                || self.others.iter().any(|(change, _)| has(&change.author_name, word))
        };
        words.iter().all(all)
    }
}

/// Returns the words of a filter in lower case.
pub fn filter_words(filter: &str) -> Vec<String> {
    filter.split_whitespace().map(str::to_lowercase).collect()
}

/// Edits of other users, by key.
pub type OtherEdits<'a> = HashMap<&'a str, Vec<(&'a Change, bool)>>;

/// Returns the pending edits of other users in a config, by key.
pub fn other_edits(view: &ConfigView) -> OtherEdits<'_> {
    let mut all = OtherEdits::new();
    for pending in &view.others {
        for (key, removes) in &pending.keys {
            all.entry(key).or_default().push((&pending.change, *removes));
        }
    }
    all
}

/// Returns all rows in the order of the document. Keys that the user adds come last, like in the new document.
pub fn item_rows<'a>(view: &'a ConfigView, others: &'a OtherEdits<'a>) -> Vec<ItemRow<'a>> {
    let Content::Kv(live) = &view.content else { return Vec::new() };
    let mine = view.mine.as_ref().map(|mine| &mine.config);
    let differs = match mine.map(|config| &config.diff) {
        Some(Diff::Kv(keys)) => keys.as_slice(),
        _ => &[],
    };
    let edits: HashMap<&str, &ChangeEdit> =
        mine.iter().flat_map(|config| &config.edits).map(|edit| (edit.key.as_str(), edit)).collect();
    let conflicts: HashSet<&str> =
        mine.iter().flat_map(|config| &config.conflicts).map(|conflict| conflict.key.as_str()).collect();
    let new: HashMap<&str, Option<&Item>> = differs.iter().map(|key| (key.key.as_str(), key.new.as_ref())).collect();
    let row = |key: &'a str, old: Option<&'a Item>| {
        let differs = new.get(key);
        ItemRow {
            key,
            old,
            new: differs.copied().unwrap_or(old),
            edit: differs.and_then(|_| edits.get(key).copied()),
            conflict: conflicts.contains(key),
            others: others.get(key).map(Vec::as_slice).unwrap_or_default(),
        }
    };
    let there = live.iter().map(|(key, item)| row(key, Some(item)));
    let added = differs.iter().filter(|key| key.old.is_none()).map(|key| row(&key.key, None));
    there.chain(added).collect()
}
