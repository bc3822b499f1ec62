//! Differences of two structured texts by their keys, whatever their order and layout.

use std::collections::HashMap;

use super::{ItemFormat, Typing, read};
use crate::domain::{
    content::{Format, Item, Items, ValueType},
    diff::KeyDiff,
    json::{self, JsonValue},
    limits,
};

/// Returns whether texts of this format consist of keys that can be compared.
pub fn has_keys(format: Format) -> bool {
    item_format(format).is_some()
}

/// Compares two texts by key, in the order of the new text; removed keys are last. Nested keys are joined with dots.
/// An empty text has no keys.
///
/// Returns `None` if the format has no keys, or if one text is not a single object: an array, several YAML documents,
/// invalid syntax.
pub fn diff_by_key(format: Format, old: &str, new: &str) -> Option<Vec<KeyDiff>> {
    let format = item_format(format)?;
    let (old, new) = (items(format, old)?, items(format, new)?);
    let there = new.iter().filter_map(|(key, item)| {
        let before = old.get(key);
        (!before.is_some_and(|before| is_same(before, item))).then(|| KeyDiff {
            key: key.clone(),
            old: before.cloned(),
            new: Some(item.clone()),
        })
    });
    let gone = old.iter().filter(|(key, _)| !new.contains_key(*key));
    let gone = gone.map(|(key, item)| KeyDiff { key: key.clone(), old: Some(item.clone()), new: None });
    Some(there.chain(gone).collect())
}

fn item_format(format: Format) -> Option<ItemFormat> {
    match format {
        Format::Json => Some(ItemFormat::Json),
        Format::Yaml => Some(ItemFormat::Yaml),
        Format::Toml => Some(ItemFormat::Toml),
        Format::Properties => Some(ItemFormat::Properties),
        Format::Kv | Format::Xml | Format::Text => None,
    }
}

fn items(format: ItemFormat, text: &str) -> Option<Items> {
    if text.trim().is_empty() { Some(Items::default()) } else { read(format, text, Typing::Keep).ok() }
}

/// Returns whether two items are equal. In an array, the keys of objects have no order either.
fn is_same(old: &Item, new: &Item) -> bool {
    let is_equal_json = || {
        let [old_value, new_value] = [old, new].map(|item| json::parse(item.value.expose(), limits::NESTING).ok());
        old.comment == new.comment
            && (old.kind, new.kind) == (ValueType::Json, ValueType::Json)
            && old_value.zip(new_value).is_some_and(|(old, new)| is_equal(&old, &new))
    };
    old.has_same_content(new) || is_equal_json()
}

/// Compares two JSON values. Numbers are compared by their digits, because no type holds them all.
fn is_equal(old: &JsonValue, new: &JsonValue) -> bool {
    match (old, new) {
        (JsonValue::Literal(old), JsonValue::Literal(new)) => old == new,
        (JsonValue::String(old), JsonValue::String(new)) => old == new,
        (JsonValue::List { values: old, .. }, JsonValue::List { values: new, .. }) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| is_equal(old, new))
        }
        (JsonValue::Map(old), JsonValue::Map(new)) => {
            let new: HashMap<&str, &JsonValue> = new.iter().map(|member| (&*member.key, &member.value)).collect();
            let is_in_new = |value, key| new.get(key).is_some_and(|new| is_equal(value, new));
            old.len() == new.len() && old.iter().all(|member| is_in_new(&member.value, &*member.key))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(format: Format, old: &str, new: &str) -> Option<Vec<String>> {
        let value = |item: &Option<Item>| item.as_ref().map_or("–".to_owned(), |item| item.value.expose().to_owned());
        let keys = diff_by_key(format, old, new)?;
        Some(keys.iter().map(|key| format!("{}: {} → {}", key.key, value(&key.old), value(&key.new))).collect())
    }

    #[test]
    fn order_and_layout_are_no_difference() {
        let yaml = ("server:\n  port: 80\n  host: a\nname: x\n", "name: 'x'\nserver: {host: a, port: 80}\n");
        assert_eq!(diff(Format::Yaml, yaml.0, yaml.1), Some(vec![]));
        let json = (r#"{"a": [{"b": 1, "c": 2}], "d": "e"}"#, r#"{ "d":"e", "a":[ {"c":2, "b":1} ] }"#);
        assert_eq!(diff(Format::Json, json.0, json.1), Some(vec![]));
        assert_eq!(diff(Format::Toml, "[a]\nb = 1\n", "a.b = 1\n"), Some(vec![]));
        assert_eq!(diff(Format::Properties, "a=1\nb = 2\n", "b:2\n\na = 1"), Some(vec![]));
    }

    #[test]
    fn nested_keys_are_compared_one_by_one() {
        let (old, new) = ("db:\n  url: a\n  user: x\n", "db:\n  user: x\n  url: b\n  pool: 4\n");
        assert_eq!(diff(Format::Yaml, old, new).unwrap(), ["db.url: a → b", "db.pool: – → 4"]);
        assert_eq!(diff(Format::Json, r#"{"a": {"b": 1}}"#, "").unwrap(), ["a.b: 1 → –"]);
    }

    #[test]
    fn order_of_arrays_types_and_comments_count() {
        assert_eq!(diff(Format::Json, r#"{"a": [1, 2]}"#, r#"{"a": [2, 1]}"#).unwrap().len(), 1);
        assert_eq!(diff(Format::Json, r#"{"a": 1}"#, r#"{"a": "1"}"#).unwrap().len(), 1);
        let large = |last| format!(r#"{{"a": [{{"b": 1844674407370955161{last}, "c": 1}}]}}"#);
        assert_eq!(diff(Format::Json, &large(6), &large(7)).unwrap().len(), 1);
        assert_eq!(diff(Format::Yaml, "# one\na: [1]\n", "# two\na: [1]\n").unwrap().len(), 1);
    }

    #[test]
    fn texts_without_keys_cannot_be_compared_so() {
        for (format, text) in [
            (Format::Json, "[1]"),
            (Format::Json, "{"),
            (Format::Yaml, "a: 1\n---\na: 2\n"),
            (Format::Xml, "<a/>"),
            (Format::Text, "a=1"),
        ] {
            assert_eq!(diff(format, "", text), None, "{text}");
        }
        assert!(has_keys(Format::Toml) && !has_keys(Format::Xml) && !has_keys(Format::Kv));
    }
}
