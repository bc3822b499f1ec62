//! Scans the items of a `kv` document.

use std::borrow::Cow;

use super::{
    Candidates, Collected, Hit, Rank, SearchQuery,
    members::{MemberRange, MemberRanges, unescaped},
};
use crate::domain::entry::Entry;

/// Adds the items of a document that have all words of the query.
pub(super) fn scan(entry: &Entry, query: &SearchQuery, candidates: &Candidates, found: &mut Collected) {
    let document = entry.document.expose();
    let finder = candidates.in_items(document);
    let mut members = MemberRanges::new(document);
    let mut at = 0;
    while !found.is_full()
        && let Some(candidate) = finder.find_at(document.as_bytes(), at)
        && let Some(member) = members.find(|member| member.value.end > candidate.start())
    {
        at = member.value.end;
        add(entry, &member, query, found, Rank::InValue);
    }
    if found.is_full() && !found.has_enough(Rank::Key) {
        for member in members {
            let key = &document[member.key.clone()];
            let is_wanted = key.len() == query.longest_word().len() || !found.has_enough(Rank::KeyStart);
            if is_wanted && query.begins(key) {
                add(entry, &member, query, found, Rank::KeyStart);
            }
        }
    }
}

/// Adds an item that has all words and at least this rank.
fn add(entry: &Entry, member: &MemberRange, query: &SearchQuery, found: &mut Collected, least: Rank) {
    let item = Item::of(entry.document.expose(), member);
    let rank = query.rank(&item.key, &[&item.value, &item.resolved]);
    if let Some(rank) = rank.filter(|rank| *rank <= least) {
        found.add(rank, || Hit {
            config: entry.config.clone(),
            text: query.excerpt(&item.value).into(),
            key: Some(item.key.into_owned()),
            line: None,
        });
    }
}

/// An item as people see it.
struct Item<'d> {
    key: Cow<'d, str>,
    /// The value: a string without its quotes, other JSON as it is written.
    value: Cow<'d, str>,
    /// The value with all escapes resolved, which differs for JSON with strings in it.
    resolved: Cow<'d, str>,
}

impl<'d> Item<'d> {
    fn of(document: &'d str, member: &MemberRange) -> Self {
        let key = unescaped(&document[member.key.clone()]);
        let raw = &document[member.value.clone()];
        match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
            Some(text) => Self { key, value: unescaped(text), resolved: Cow::Borrowed("") },
            None => Self { key, value: Cow::Borrowed(raw), resolved: unescaped(raw) },
        }
    }
}
