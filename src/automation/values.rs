//! The JSON form of items in requests and answers.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::node::{Node, ReadJson, objects, read_optional};
use crate::domain::{
    content::{self, ValueType},
    error::Problem,
};

objects! {
    /// A value with its type or a comment.
    struct Item<'a> {
        /// A string is the text of the value, for every type. For type json it contains JSON. A number or boolean has
        /// its own type. Type json accepts any JSON value; null, arrays and objects require it.
        value: Option<Node<'a>> as Value,
        r#type: Option<Node<'a>> as Option<ValueType>,
        /// This version does not support secret items, so true is refused.
        secret: Option<Node<'a>> as Option<bool>,
        /// If the comment is omitted, the present one is kept.
        comment: Option<Node<'a>> as Option<String>,
    }
}

/// A number or boolean becomes an item of that type, spelled as it was sent.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Value)]
pub(super) enum ItemValue<'a> {
    Text(&'a str),
    #[schema(value_type = f64)]
    Number(&'a RawValue),
    #[schema(value_type = bool)]
    Boolean(&'a RawValue),
    #[schema(value_type = Item<'static>)]
    Item(TypedValue<'a>),
}

#[derive(Serialize)]
pub(super) struct TypedValue<'a> {
    value: &'a str,
    #[serde(rename = "type")]
    kind: ValueType,
    #[serde(skip_serializing_if = "str::is_empty")]
    comment: &'a str,
}

/// Returns the shortest JSON form of an item.
pub(super) fn value(item: &content::Item) -> ItemValue<'_> {
    let raw = || serde_json::from_str(item.value.expose().trim()).ok();
    let short = match item.kind {
        _ if !item.comment.is_empty() => None,
        ValueType::String => Some(ItemValue::Text(item.value.expose())),
        ValueType::Number => raw().map(ItemValue::Number),
        ValueType::Boolean => raw().map(ItemValue::Boolean),
        ValueType::Json => None,
    };
    short.unwrap_or(ItemValue::Item(TypedValue { value: item.value.expose(), kind: item.kind, comment: &item.comment }))
}

/// Reads a value: a string; a number or boolean, which keeps its type and its spelling; or
/// `{value, type?, secret?, comment?}`.
pub(super) fn item(node: &Node<'_>) -> Option<content::Item> {
    if node.first_char() != '{' {
        let (value, kind) = untyped_value(node)?;
        let item = content::Item { value: value.into(), kind, ..content::Item::default() };
        return item.check().map_or_else(|wrong| node.record_mistake(wrong.of("")), |()| Some(item));
    }
    let Item { value, r#type: kind, secret, comment } = ReadJson::read(node.clone())?;
    let value = node.required("value", value);
    let kind = read_optional(kind, Node::parsed::<ValueType>);
    let comment = read_optional(comment, Node::string);
    read_optional(secret, |secret| match secret.boolean()? {
        true => secret.record_problem(Problem::SecretsNotOffered),
        false => Some(()),
    })?;
    let (value, kind) = match kind? {
        None => untyped_value(&value?)?,
        Some(kind) => typed_value(&value?, kind)?,
    };
    let item = content::Item { value: value.into(), kind, comment: comment?.unwrap_or_default(), since: 0 };
    item.check().map_or_else(|wrong| node.record_mistake(wrong), |()| Some(item))
}

/// Reads a value without a type.
fn untyped_value(node: &Node<'_>) -> Option<(String, ValueType)> {
    let raw = || node.text().to_owned();
    match node.first_char() {
        '"' => Some((node.string()?, ValueType::String)),
        't' | 'f' => Some((raw(), ValueType::Boolean)),
        '-' | '0'..='9' => Some((raw(), ValueType::Number)),
        'n' => node.record_expected("a value; to remove a key, list it in “remove”"),
        _ => node
            .record_expected("a string, a number, true or false; for other JSON, {\"value\": …, \"type\": \"json\"}"),
    }
}

/// Reads a value with a type. A string is the text of the value. Any other JSON is kept as it was sent.
fn typed_value(node: &Node<'_>, kind: ValueType) -> Option<(String, ValueType)> {
    match (node.first_char(), kind) {
        ('"', _) | (_, ValueType::String) => Some((node.string()?, kind)),
        _ => Some((node.text().to_owned(), kind)),
    }
}
