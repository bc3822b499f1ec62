//! Merges the edits of a change into the live content, key by key.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{
    content::{Content, Item},
    error::Conflict,
    names::ConfigId,
    sensitive::{self, Sensitive},
};

/// An edit of one key, or of a whole text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Edit {
    /// Sets the item of the key.
    Set(Item),
    /// Removes the key.
    Remove,
    /// Replaces the whole text.
    Text(#[serde(with = "sensitive::plain")] Sensitive),
}

impl Edit {
    /// Returns the item that the edit sets.
    pub fn item(&self) -> Option<&Item> {
        match self {
            Self::Set(item) => Some(item),
            _ => None,
        }
    }

    /// Returns the value or text that the edit sets, or `None` if it removes the key.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Set(item) => Some(item.value.expose()),
            Self::Remove => None,
            Self::Text(text) => Some(text.expose()),
        }
    }
}

/// The state of one key: an item, a text or nothing. Two are equal if their values, types and comments are.
#[derive(Clone, Copy, Debug)]
pub enum KeyState<'a> {
    /// Nothing.
    Absent,
    /// An item.
    Item(&'a Item),
    /// A whole text.
    Text(Sensitive<&'a str>),
}

impl<'a> KeyState<'a> {
    /// Returns the state of `key` in `content`. The empty key is the whole text.
    pub fn of(content: &'a Content, key: &str) -> Self {
        match content {
            Content::Kv(items) => items.get(key).map_or(Self::Absent, Self::Item),
            Content::Text(text) => Self::Text(text.as_deref()),
        }
    }

    /// Returns the value or text.
    pub fn value(self) -> Option<&'a str> {
        match self {
            Self::Absent => None,
            Self::Item(item) => Some(item.value.expose()),
            Self::Text(text) => Some(text.into_inner()),
        }
    }

    /// Returns the state that an edit leads to.
    pub fn wanted(edit: &'a Edit) -> Self {
        match edit {
            Edit::Set(item) => Self::Item(item),
            Edit::Remove => Self::Absent,
            Edit::Text(text) => Self::Text(text.as_deref()),
        }
    }
}

impl PartialEq for KeyState<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) => true,
            (Self::Item(a), Self::Item(b)) => a.has_same_content(b),
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }
}

/// Returns the conflict of an edit, if there is one: the key differs between `base` (the release that the edit is based
/// on) and `live`, and the edit does not set it to its live state.
pub fn conflict(config: &ConfigId, key: &str, edit: &Edit, base: &Content, live: &Content) -> Option<Conflict> {
    let (was, is, wanted) = (KeyState::of(base, key), KeyState::of(live, key), KeyState::wanted(edit));
    (was != is && is != wanted).then(|| Conflict {
        config: config.clone(),
        key: key.to_owned(),
        base: was.value().map(Sensitive::from),
        theirs: is.value().map(Sensitive::from),
        mine: wanted.value().map(Sensitive::from),
    })
}

/// Returns `live` with the edits applied. An existing key keeps its position, a new key is appended. Changed items get
/// `since` = `seq`.
pub fn apply<'a>(live: &Content, edits: impl IntoIterator<Item = (&'a str, &'a Edit)>, seq: u64) -> Content {
    let mut content = live.clone();
    let mut removed: HashSet<&str> = HashSet::new();
    for (key, edit) in edits {
        match (&mut content, edit) {
            (Content::Kv(items), Edit::Set(item)) => {
                removed.remove(key);
                let unchanged = items.get(key).is_some_and(|there| there.has_same_content(item));
                if !unchanged {
                    items.insert(key.to_owned(), Item { since: seq, ..item.clone() });
                }
            }
            (Content::Kv(_), Edit::Remove) => _ = removed.insert(key),
            (Content::Text(text), Edit::Text(new)) => *text = new.expose().into(),
            (Content::Kv(_), Edit::Text(_)) | (Content::Text(_), _) => {}
        }
    }
    if let Content::Kv(items) = &mut content
        && !removed.is_empty()
    {
        // All at once, because each single removal would move all later items.
        items.retain(|key, _| !removed.contains(key.as_str()));
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::Items;

    fn kv(pairs: &[(&str, &str)]) -> Content {
        Content::Kv(pairs.iter().map(|(k, v)| ((*k).to_owned(), Item::string(*v))).collect::<Items>())
    }

    fn id() -> ConfigId {
        "prod/shop/application".parse().unwrap()
    }

    fn set(value: &str) -> Edit {
        Edit::Set(Item::string(value))
    }

    #[test]
    fn a_key_changed_on_one_side_only_merges() {
        let (base, live) = (kv(&[("a", "1"), ("b", "1")]), kv(&[("a", "1"), ("b", "2")]));
        assert_eq!(conflict(&id(), "a", &set("9"), &base, &live), None);
        let merged = apply(&live, [("a", &set("9")), ("c", &set("3"))], 5);
        let Content::Kv(items) = &merged else { panic!() };
        assert_eq!(merged.document(), r#"{"a":"9","b":"2","c":"3"}"#);
        assert_eq!((items["a"].since, items["b"].since), (5, 0));
    }

    #[test]
    fn a_key_changed_on_both_sides_is_a_conflict() {
        let (base, live) = (kv(&[("a", "1")]), kv(&[("a", "2")]));
        let found = conflict(&id(), "a", &set("3"), &base, &live).unwrap();
        let of = |side: &Option<Sensitive>| side.clone().map(Sensitive::into_inner);
        assert_eq!(
            (of(&found.base), of(&found.theirs), of(&found.mine)),
            (Some("1".into()), Some("2".into()), Some("3".into()))
        );
        assert!(conflict(&id(), "a", &Edit::Remove, &base, &live).is_some());
        assert!(conflict(&id(), "a", &Edit::Remove, &base, &kv(&[])).is_none(), "both removed it");
        assert!(conflict(&id(), "a", &set("2"), &base, &live).is_none(), "both set the same value");
    }

    #[test]
    fn a_text_is_one_key() {
        let text = |t: &str| Content::Text(t.into());
        assert!(conflict(&id(), "", &Edit::Text("c".into()), &text("a"), &text("b")).is_some());
        assert!(conflict(&id(), "", &Edit::Text("c".into()), &text("a"), &text("a")).is_none());
        assert_eq!(apply(&text("a"), [("", &Edit::Text("c".into()))], 2), text("c"));
    }
}
