//! The content of a config, items or a text, and the document that applications get.

use std::{io, str::FromStr, sync::Arc};

use data_encoding::HEXLOWER;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

pub use super::format::Format;
use super::{
    json::{self, JsonValue},
    limits,
    problem::{Invalid, Problem, truncate},
    sensitive::{self, Sensitive},
    unseen,
};

/// Type of an item's value. In the document a string is a JSON string, and any other value is written unquoted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// Any text.
    #[default]
    String,
    /// A JSON number, in its original spelling.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Any JSON.
    Json,
}

impl ValueType {
    /// All types, in the order of the menus.
    pub const ALL: [Self; 4] = [Self::String, Self::Number, Self::Boolean, Self::Json];

    /// Returns the name: `string`, `number` …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Json => "json",
        }
    }
}

impl FromStr for ValueType {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        named(&Self::ALL, Self::as_str, text, "/type")
    }
}

impl FromStr for Format {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        named(&Self::ALL, Self::as_str, text, "/format")
    }
}

fn named<T: Copy>(all: &[T], name: fn(T) -> &'static str, text: &str, pointer: &str) -> Result<T, Invalid> {
    all.iter().copied().find(|t| name(*t) == text).ok_or_else(|| {
        let known = all.iter().map(|t| name(*t).to_owned()).collect();
        Invalid::new(pointer, Problem::Unknown { given: truncate(text), known })
    })
}

/// The value of a key in a `kv` config, with a comment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The value in its original spelling.
    #[serde(with = "sensitive::plain")]
    pub value: Sensitive,
    /// Its type.
    #[serde(rename = "type", default)]
    pub kind: ValueType,
    /// The comment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Number of the release that last changed it, 0 in an unpublished change.
    #[serde(default)]
    pub since: u64,
}

impl Item {
    /// Returns a string item without a comment.
    pub fn string(value: impl Into<Sensitive>) -> Self {
        Self { value: value.into(), ..Self::default() }
    }

    /// Returns whether value, type and comment are equal, whatever release they came with.
    pub fn has_same_content(&self, other: &Self) -> bool {
        (&self.value, self.kind, &self.comment) == (&other.value, other.kind, &other.comment)
    }

    /// Checks the sizes and whether the value has its type. Numbers and JSON follow the JSON grammar.
    ///
    /// # Errors
    /// The problem, with pointer `/value` or `/comment`, and line and column inside JSON.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.value.expose().len() > limits::VALUE_BYTES {
            return Err(Invalid::new("/value", Problem::TooLong { max: limits::VALUE_BYTES }));
        }
        if self.comment.len() > limits::TEXT_BYTES {
            return Err(Invalid::new("/comment", Problem::TooLong { max: limits::TEXT_BYTES }));
        }
        // The object of the document is one more level.
        let value = || json::parse(self.value.expose(), limits::NESTING - 1);
        match self.kind {
            ValueType::String => Ok(()),
            ValueType::Number => match value() {
                Ok(JsonValue::Literal(literal)) if literal.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                    Ok(())
                }
                _ => Err(Invalid::new("/value", Problem::Number)),
            },
            ValueType::Boolean if matches!(self.value.expose(), "true" | "false") => Ok(()),
            ValueType::Boolean => Err(Invalid::new("/value", Problem::Boolean)),
            ValueType::Json => value().map(drop).map_err(|wrong| wrong.of("/value")),
        }
    }
}

impl Item {
    /// Returns the value as it is written in the document: a typed value in its original spelling, a string quoted.
    /// Older releases may hold values that [`Item::check`] would now refuse; these keep their spelling, too.
    pub fn raw(&self) -> Box<RawValue> {
        let typed = match self.kind {
            ValueType::String => None,
            _ => serde_json::from_str(self.value.expose().trim()).ok(),
        };
        typed.unwrap_or_else(|| serde_json::value::to_raw_value(self.value.expose()).expect("a string is JSON"))
    }
}

impl Content {
    /// Parses a document: for `kv`, its items without comments.
    ///
    /// # Errors
    /// The position at which the document is not a JSON object.
    pub fn from_document(format: Format, document: &str) -> Result<Self, Invalid> {
        if format != Format::Kv {
            return Ok(Self::Text(document.into()));
        }
        let object: IndexMap<String, Box<RawValue>> =
            serde_json::from_str(document).map_err(|error| json::unreadable(document, &error))?;
        Ok(Self::Kv(object.into_iter().map(|(key, value)| (key, Item::from_raw(value.get()))).collect()))
    }
}

impl Item {
    /// Returns the item for a raw JSON value of a document.
    fn from_raw(value: &str) -> Self {
        if let Ok(text) = serde_json::from_str::<String>(value) {
            return Self::string(text);
        }
        let kind = match value.as_bytes() {
            b"true" | b"false" => ValueType::Boolean,
            [b'-' | b'0'..=b'9', ..] => ValueType::Number,
            _ => ValueType::Json,
        };
        Self { value: value.into(), kind, ..Self::default() }
    }
}

/// Checks a key: 1 to 256 bytes, no unseen characters, no white space at its ends.
///
/// # Errors
/// The problem, with the pointer `/key`.
pub fn check_key(key: &str) -> Result<(), Invalid> {
    let problem = match key {
        "" => Problem::Required,
        _ if key.len() > limits::KEY_BYTES => Problem::TooLong { max: limits::KEY_BYTES },
        _ => match unseen::find_problem(key) {
            Some(problem) => problem,
            None if key.trim() != key => Problem::Blanks,
            None => return Ok(()),
        },
    };
    Err(Invalid::new("/key", problem))
}

/// Items by key, in the order of the document.
pub type Items = IndexMap<String, Item>;

/// The whole content of a config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Items.
    Kv(Items),
    /// A text, shared with the pages that show it.
    Text(#[serde(with = "sensitive::plain")] Sensitive<Arc<str>>),
}

impl Content {
    /// Returns the content of a config before its first release.
    pub fn empty(format: Format) -> Self {
        if format == Format::Kv { Self::Kv(Items::new()) } else { Self::Text("".into()) }
    }

    /// Returns the document, exactly as applications get it. Items become a JSON object, in order, on one line.
    pub fn document(&self) -> String {
        match self {
            Self::Text(text) => text.expose().to_owned(),
            Self::Kv(items) => {
                let object: IndexMap<&String, Box<RawValue>> =
                    items.iter().map(|(key, item)| (key, item.raw())).collect();
                serde_json::to_string(&object).expect("strings and JSON are JSON")
            }
        }
    }

    /// Returns the document, without copying a text.
    pub fn shared_document(&self) -> Sensitive<Arc<str>> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Kv(_) => self.document().into(),
        }
    }

    /// Returns the approximate size in memory: keys, values, comments and their structs, or the text.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.expose().len(),
            Self::Kv(items) => items
                .iter()
                .map(|(key, item)| key.len() + item.value.expose().len() + item.comment.len() + size_of::<Item>())
                .sum(),
        }
    }

    /// Returns the items, or `None` for a text.
    pub fn items(&self) -> Option<&Items> {
        match self {
            Self::Kv(items) => Some(items),
            Self::Text(_) => None,
        }
    }

    /// Returns the text, or `None` for items.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Kv(_) => None,
            Self::Text(text) => Some(text.expose()),
        }
    }
}

/// Returns the SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A SHA-256 in hexadecimal.
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema), schema(as = Sha256, pattern = "^[0-9a-f]{64}$"))]
pub struct Sha256Hex(pub String);

/// A writer that passes all bytes on and computes their [`sha256`].
#[derive(Debug)]
pub struct HashingWriter<W> {
    inner: W,
    hash: Sha256,
    count: u64,
}

impl<W> HashingWriter<W> {
    /// Wraps `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), count: 0 }
    }

    /// Returns the number of bytes written, and their hash.
    pub fn finish(self) -> (u64, String) {
        (self.count, HEXLOWER.encode(&self.hash.finalize()))
    }
}

impl<W: io::Write> io::Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_hashed_as_they_are_written() {
        let (mut there, parts) = ([0; 9], [&b"one"[..], b" and", b" more than fits"]);
        let mut hashing = HashingWriter::new(&mut there[..]);
        let taken: Vec<_> = parts.iter().map(|part| io::Write::write(&mut hashing, part).unwrap()).collect();
        assert_eq!(taken, [3, 4, 2]);
        assert_eq!(hashing.finish(), (9, sha256(b"one and m")));
        assert_eq!(&there, b"one and m");
    }

    fn item(value: &str, kind: ValueType) -> Item {
        Item { value: value.into(), kind, ..Item::default() }
    }

    #[test]
    fn a_kv_document_is_a_json_object_of_strings_in_order() {
        let items = Items::from([
            ("b".into(), Item::string("1")),
            ("a".into(), Item::string("tab\t \"quoted\" 商店 \u{2028}")),
        ]);
        let document = Content::Kv(items).document();
        assert_eq!(document, "{\"b\":\"1\",\"a\":\"tab\\t \\\"quoted\\\" 商店 \u{2028}\"}");
        assert_eq!(Content::empty(Format::Kv).document(), "{}");
    }

    #[test]
    fn a_typed_item_keeps_its_spelling_in_the_document() {
        let items = Items::from([
            ("n".into(), item("1.50e3", ValueType::Number)),
            ("big".into(), item("12345678901234567890123", ValueType::Number)),
            ("b".into(), item("true", ValueType::Boolean)),
            ("j".into(), item(" {\"z\": 1, \"a\": []} ", ValueType::Json)),
        ]);
        assert_eq!(
            Content::Kv(items).document(),
            r#"{"n":1.50e3,"big":12345678901234567890123,"b":true,"j":{"z": 1, "a": []}}"#
        );
    }

    #[test]
    fn a_value_is_checked_against_its_type() {
        for (value, kind) in [("-1", ValueType::Number), ("false", ValueType::Boolean), ("[1]", ValueType::Json)] {
            item(value, kind).check().unwrap();
        }
        for (value, kind) in [
            ("", ValueType::Number),
            ("1,5", ValueType::Number),
            ("\"1\"", ValueType::Number),
            ("01", ValueType::Number),
            ("NaN", ValueType::Number),
            ("TRUE", ValueType::Boolean),
            ("{", ValueType::Json),
        ] {
            assert!(item(value, kind).check().is_err(), "{value:?}");
        }
        item(" \t\r\n5\n", ValueType::Number).check().unwrap();
        for blank in ['\u{3000}', '\u{a0}', '\u{feff}', '\u{85}', '\u{2028}', '\u{b}', '\u{c}'] {
            for (value, kind) in [("5", ValueType::Number), ("[5]", ValueType::Json)] {
                assert!(item(&format!("{blank}{value}"), kind).check().is_err(), "{blank:?} before {value}");
                assert!(item(&format!("{value}{blank}"), kind).check().is_err(), "{blank:?} after {value}");
            }
        }
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        item(&nested(limits::NESTING - 1), ValueType::Json).check().unwrap();
        assert!(item(&nested(limits::NESTING), ValueType::Json).check().is_err());
        let wrong = item("{\n  \"a\": ,\n}", ValueType::Json).check().unwrap_err();
        assert_eq!((wrong.line, wrong.column), (Some(2), Some(8)));
    }

    #[test]
    fn json_that_parsers_read_differently_is_refused_with_its_position() {
        for (value, place, problem) in [
            ("{\"a\":1,\n \"a\":2}", (2, 2), "Duplicate { key: \"a\" }"),
            ("[{\"é\":{\"b\":1,\"\\u0062\":2}}]", (1, 14), "Duplicate { key: \"b\" }"),
            ("[\"\\ud800\"]", (1, 2), "unexpected end of hex escape"),
            ("{\"\\udc00\":1}", (1, 1), "lone leading surrogate"),
            ("\"\\ud800\\u0041\"", (1, 1), "lone leading surrogate"),
        ] {
            let wrong = item(value, ValueType::Json).check().unwrap_err();
            assert_eq!((wrong.pointer.as_str(), wrong.line.zip(wrong.column)), ("/value", Some(place)), "{value}");
            assert!(format!("{:?}", wrong.problem).contains(problem), "{value}: {wrong}");
        }
        item("[{\"a\":1},{\"a\":\"\\ud83d\\ude00\"}]", ValueType::Json).check().unwrap();
    }

    #[test]
    fn a_stored_value_that_would_now_be_refused_stays_in_the_document() {
        let items = Items::from([
            ("dup".into(), item("{\"a\":1,\"a\":2}", ValueType::Json)),
            ("half".into(), item("[\"\\ud800\"]", ValueType::Json)),
            ("num".into(), item("\u{3000}5", ValueType::Number)),
        ]);
        let document = Content::Kv(items).document();
        assert_eq!(document, r#"{"dup":{"a":1,"a":2},"half":["\ud800"],"num":5}"#);
        assert_eq!(Content::from_document(Format::Kv, &document).unwrap().document(), document);
    }

    #[test]
    fn keys_have_limits() {
        check_key("db.url").unwrap();
        check_key("</textarea><script>").unwrap();
        for bad in ["", " a", "a\n", "a\0b", &"k".repeat(257)] {
            assert!(check_key(bad).is_err(), "{bad:?}");
        }
    }
}
