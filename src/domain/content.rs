//! What a config holds: items or a text, and the document that applications get.

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
    problem::{Invalid, Problem, excerpt},
    sensitive::{self, Sensitive},
    unseen,
};

/// The type of an item's value. A typed item stands in the document as what it is, a string as a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// Any text.
    #[default]
    String,
    /// A JSON number, kept as it was written.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Any JSON.
    Json,
}

impl ValueType {
    /// All types, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::String, Self::Number, Self::Boolean, Self::Json];

    /// The type's name: `string`, `number` …
    #[must_use]
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
        Invalid::new(pointer, Problem::Unknown { given: excerpt(text), known })
    })
}

/// The value of a key in a `kv` config, with what people note beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The value as it was typed.
    #[serde(with = "sensitive::plain")]
    pub value: Sensitive,
    /// Its type.
    #[serde(rename = "type", default)]
    pub kind: ValueType,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// The release that last changed it; 0 in a change that is not published.
    #[serde(default)]
    pub since: u64,
}

impl Item {
    /// A string item without a comment.
    #[must_use]
    pub fn string(value: impl Into<Sensitive>) -> Self {
        Self { value: value.into(), ..Self::default() }
    }

    /// Whether both say the same to people and programs, whichever release they came with.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        (&self.value, self.kind, &self.comment) == (&other.value, other.kind, &other.comment)
    }

    /// Checks sizes and that the value is of its type. A number and JSON are what a JSON text accepts.
    ///
    /// # Errors
    /// What is wrong, with pointers `/value` and `/comment`, and line and column inside JSON.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.value.expose().len() > limits::VALUE_BYTES {
            return Err(Invalid::new("/value", Problem::TooLong { max: limits::VALUE_BYTES }));
        }
        if self.comment.len() > limits::TEXT_BYTES {
            return Err(Invalid::new("/comment", Problem::TooLong { max: limits::TEXT_BYTES }));
        }
        // The document around it is a level, too.
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
    /// Returns the value as it stands in the document: a typed one as it was written, a string quoted. Older releases hold
    /// values that [`Item::check`] refuses today; these, too, stand there as they were written.
    #[must_use]
    pub fn raw(&self) -> Box<RawValue> {
        let typed = match self.kind {
            ValueType::String => None,
            _ => serde_json::from_str(self.value.expose().trim()).ok(),
        };
        typed.unwrap_or_else(|| serde_json::value::to_raw_value(self.value.expose()).expect("a string is JSON"))
    }
}

impl Content {
    /// Reads a document back: for `kv`, the items that it is made of, without comments.
    ///
    /// # Errors
    /// Where it is not a JSON object.
    pub fn of_document(format: Format, document: &str) -> Result<Self, Invalid> {
        if format != Format::Kv {
            return Ok(Self::Text(document.into()));
        }
        let object: IndexMap<String, Box<RawValue>> =
            serde_json::from_str(document).map_err(|error| json::unreadable(document, &error))?;
        Ok(Self::Kv(object.into_iter().map(|(key, value)| (key, Item::of_raw(value.get()))).collect()))
    }
}

impl Item {
    /// The item that stands in a document so.
    fn of_raw(value: &str) -> Self {
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

/// Checks a key: 1 to 256 bytes, none of which is unseen, no blanks around it.
///
/// # Errors
/// What is wrong, with the pointer `/key`.
pub fn check_key(key: &str) -> Result<(), Invalid> {
    let problem = match key {
        "" => Problem::Required,
        _ if key.len() > limits::KEY_BYTES => Problem::TooLong { max: limits::KEY_BYTES },
        _ => match unseen::refused(key) {
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
    /// A text. What shows it shares it.
    Text(#[serde(with = "sensitive::plain")] Sensitive<Arc<str>>),
}

impl Content {
    /// What a config of this format holds before its first release.
    #[must_use]
    pub fn empty(format: Format) -> Self {
        if format == Format::Kv { Self::Kv(Items::new()) } else { Self::Text("".into()) }
    }

    /// The document: exactly the bytes that applications get. Items become one JSON object, in order, on one line.
    #[must_use]
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

    /// The document, without a copy where it is a text.
    #[must_use]
    pub fn shared_document(&self) -> Sensitive<Arc<str>> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Kv(_) => self.document().into(),
        }
    }

    /// Bytes that it takes in memory: keys, values, comments and what holds them, or the text.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.expose().len(),
            Self::Kv(items) => items
                .iter()
                .map(|(key, item)| key.len() + item.value.expose().len() + item.comment.len() + size_of::<Item>())
                .sum(),
        }
    }

    /// The items; none for a text.
    #[must_use]
    pub fn items(&self) -> Option<&Items> {
        match self {
            Self::Kv(items) => Some(items),
            Self::Text(_) => None,
        }
    }

    /// The text; none for items.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Kv(_) => None,
            Self::Text(text) => Some(text.expose()),
        }
    }
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Passes on what is written, and knows its [`sha256`].
#[derive(Debug)]
pub struct Hashing<W> {
    inner: W,
    hash: Sha256,
    count: u64,
}

impl<W> Hashing<W> {
    /// Passes on to `inner`.
    #[must_use]
    pub fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), count: 0 }
    }

    /// How many bytes were written.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The hash of all that was written.
    #[must_use]
    pub fn finish(self) -> String {
        HEXLOWER.encode(&self.hash.finalize())
    }
}

impl<W: io::Write> io::Write for Hashing<W> {
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
    fn what_is_written_is_hashed_on_its_way() {
        let (mut there, parts) = ([0; 9], [&b"one"[..], b" and", b" more than fits"]);
        let mut hashing = Hashing::new(&mut there[..]);
        let taken: Vec<_> = parts.iter().map(|part| io::Write::write(&mut hashing, part).unwrap()).collect();
        assert_eq!((taken, hashing.count()), (vec![3, 4, 2], 9));
        assert_eq!(hashing.finish(), sha256(b"one and m"));
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
    fn a_typed_item_stands_as_it_was_written() {
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
    fn json_that_readers_read_differently_is_refused_with_its_place() {
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
    fn a_stored_value_that_is_refused_today_still_stands_in_the_document() {
        let items = Items::from([
            ("dup".into(), item("{\"a\":1,\"a\":2}", ValueType::Json)),
            ("half".into(), item("[\"\\ud800\"]", ValueType::Json)),
            ("num".into(), item("\u{3000}5", ValueType::Number)),
        ]);
        let document = Content::Kv(items).document();
        assert_eq!(document, r#"{"dup":{"a":1,"a":2},"half":["\ud800"],"num":5}"#);
        assert_eq!(Content::of_document(Format::Kv, &document).unwrap().document(), document);
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
