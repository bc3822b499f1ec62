//! Parses JSON and keeps the raw text, so that numbers keep their digits and arrays their white space. Only this parser
//! decides which JSON is refused: in text namespaces, in items and at imports.

use std::{collections::HashSet, fmt, marker::PhantomData};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    format::Format,
    problem::{Invalid, Problem},
};

/// A JSON value. A map of Rust would lose duplicate keys, a number type would lose digits.
pub enum JsonValue<'t> {
    /// A number, `true`, `false` or `null`.
    Literal(&'t str),
    /// A string, without quotes and escapes.
    String(String),
    /// An array.
    List {
        /// Its text.
        raw: &'t str,
        /// Its elements.
        values: Vec<JsonValue<'t>>,
    },
    /// An object.
    Map(Vec<JsonMember<'t>>),
}

/// A key of an object with its value.
pub struct JsonMember<'t> {
    /// The key.
    pub key: String,
    /// The value.
    pub value: JsonValue<'t>,
    /// Its byte offset in the whole text.
    pub offset: usize,
}

/// Parses a text that is one JSON value with at most `levels` levels of nesting.
///
/// # Errors
/// [`Problem::Syntax`] for invalid JSON, which includes lone surrogates, and [`Problem::Duplicate`] for a duplicate key
/// in an object, with line and column and an empty pointer.
pub fn parse(text: &str, levels: usize) -> Result<JsonValue<'_>, Invalid> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| unreadable(text, &error))?;
    match deeper_than(levels, text) {
        Some(offset) => {
            let detail = format!("nested deeper than {levels} levels");
            Err(Invalid::at_byte(text, offset, Problem::Syntax { format: Format::Json, detail }))
        }
        None => value(text, raw),
    }
}

/// Converts an error of the JSON parser, with its position in the text.
pub fn unreadable(text: &str, error: &serde_json::Error) -> Invalid {
    let message = error.to_string();
    let detail = message.split(" at line ").next().unwrap_or(&message).to_owned();
    // The parser counts only LF as a line end, and columns in bytes.
    let start = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let line = text[start..].split('\n').next().unwrap_or_default();
    let offset = start + line.len().min(error.column().saturating_sub(1));
    Invalid::at_byte(text, offset, Problem::Syntax { format: Format::Json, detail })
}

/// Parses a part of the text whose nesting has been checked.
fn value<'t>(text: &str, part: &'t RawValue) -> Result<JsonValue<'t>, Invalid> {
    let raw = part.get();
    let unreadable = |error: serde_json::Error| {
        let problem = unreadable(raw, &error).problem;
        Invalid::at_byte(text, offset(text, part), problem)
    };
    Ok(match raw.as_bytes()[0] {
        b'{' => {
            let Members(members) = serde_json::from_str(raw).map_err(unreadable)?;
            let mut seen = HashSet::new();
            let member = |(name, part): (&'t RawValue, &'t RawValue)| {
                let key: String = serde_json::from_str(name.get()).map_err(unreadable)?;
                let offset = offset(text, name);
                if !seen.insert(key.clone()) {
                    return Err(Invalid::at_byte(text, offset, Problem::Duplicate { key }));
                }
                Ok(JsonMember { key, value: value(text, part)?, offset })
            };
            JsonValue::Map(members.into_iter().map(member).collect::<Result<_, _>>()?)
        }
        b'[' => {
            let parts: Vec<&RawValue> = serde_json::from_str(raw).map_err(unreadable)?;
            let values = parts.into_iter().map(|part| value(text, part)).collect::<Result<_, _>>()?;
            JsonValue::List { raw, values }
        }
        b'"' => JsonValue::String(serde_json::from_str(raw).map_err(unreadable)?),
        _ => JsonValue::Literal(raw),
    })
}

/// Returns the byte offset of a part of the text.
fn offset(text: &str, part: &RawValue) -> usize {
    part.get().as_ptr().addr() - text.as_ptr().addr()
}

/// Returns the byte offset of the bracket that exceeds the limit of nesting. The parser does not check raw values for
/// this.
fn deeper_than(limit: usize, json: &str) -> Option<usize> {
    let mut depth = 0;
    let mut bytes = json.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        match byte {
            b'[' | b'{' if depth == limit => return Some(offset),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b'"' => _ = end_of_string(&mut bytes),
            _ => {}
        }
    }
    None
}

/// Skips a string whose opening quote was read. Returns the offset of the closing quote, if there is one.
pub fn end_of_string(bytes: &mut impl Iterator<Item = (usize, u8)>) -> Option<usize> {
    loop {
        match bytes.next()? {
            (_, b'\\') => _ = bytes.next(),
            (offset, b'"') => return Some(offset),
            _ => {}
        }
    }
}

/// The members of an object, including duplicate keys.
pub struct Members<K, V>(pub Vec<(K, V)>);

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Members<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each<K, V>(PhantomData<(K, V)>);
        impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Each<K, V> {
            type Value = Members<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                std::iter::from_fn(|| map.next_entry().transpose()).collect::<Result<_, _>>().map(Members)
            }
        }
        deserializer.deserialize_map(Each(PhantomData))
    }
}
