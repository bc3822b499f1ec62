//! What a config holds: items or a text, and the document that applications get.

use std::{
    fmt::{self, Write},
    io,
    str::FromStr,
    sync::Arc,
};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{
    error::{Invalid, Problem, excerpt},
    limits, unseen,
};

/// How the document of a namespace is written. `kv` has items, the others are texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Keys and values; the document is a JSON object.
    #[default]
    Kv,
    /// JSON text.
    Json,
    /// YAML text.
    Yaml,
    /// TOML text.
    Toml,
    /// Java properties text.
    Properties,
    /// XML text.
    Xml,
    /// Any text.
    Text,
}

impl Format {
    /// All formats, in the order in which they are offered.
    pub const ALL: [Self; 7] = [Self::Kv, Self::Json, Self::Yaml, Self::Toml, Self::Properties, Self::Xml, Self::Text];

    /// The format's name: `kv`, `json` …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kv => "kv",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Toml => "toml",
            Self::Properties => "properties",
            Self::Xml => "xml",
            Self::Text => "text",
        }
    }

    /// The `Content-Type` of the document.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Kv | Self::Json => "application/json",
            Self::Yaml => "application/yaml; charset=utf-8",
            Self::Toml => "application/toml; charset=utf-8",
            Self::Properties | Self::Text => "text/plain; charset=utf-8",
            Self::Xml => "application/xml; charset=utf-8",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        named(&Self::ALL, Self::as_str, text, "/format")
    }
}

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
    pub value: String,
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
    pub fn string(value: impl Into<String>) -> Self {
        Self { value: value.into(), ..Self::default() }
    }

    /// Whether both say the same to people and programs, whichever release they came with.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        (&self.value, self.kind, &self.comment) == (&other.value, other.kind, &other.comment)
    }

    /// Checks sizes and that the value is of its type.
    ///
    /// # Errors
    /// What is wrong, with pointers `/value` and `/comment`, and line and column inside JSON.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.value.len() > limits::VALUE_BYTES {
            return Err(Invalid::new("/value", Problem::TooLong { max: limits::VALUE_BYTES }));
        }
        if self.comment.len() > limits::TEXT_BYTES {
            return Err(Invalid::new("/comment", Problem::TooLong { max: limits::TEXT_BYTES }));
        }
        match self.kind {
            ValueType::String => Ok(()),
            ValueType::Number => match raw(&self.value) {
                Ok(n) if n.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Ok(()),
                _ => Err(Invalid::new("/value", Problem::Number)),
            },
            ValueType::Boolean if matches!(self.value.as_str(), "true" | "false") => Ok(()),
            ValueType::Boolean => Err(Invalid::new("/value", Problem::Boolean)),
            ValueType::Json => {
                raw(&self.value).map_err(|e| json_error(&e).of("/value"))?;
                // The document around it is a level, too.
                match deeper_than(limits::NESTING - 1, &self.value) {
                    None => Ok(()),
                    Some(offset) => Err(too_deep(&self.value, offset).of("/value")),
                }
            }
        }
    }
}

/// The value as it stands in the document: a typed one raw, a string quoted.
impl Item {
    fn raw(&self) -> Box<RawValue> {
        let typed = match self.kind {
            ValueType::String => None,
            _ => raw(&self.value).ok(),
        };
        typed.unwrap_or_else(|| serde_json::value::to_raw_value(&self.value).expect("a string is JSON"))
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
        let object: IndexMap<String, Box<RawValue>> = serde_json::from_str(document).map_err(|e| json_error(&e))?;
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
        Self { value: value.to_owned(), kind, ..Self::default() }
    }
}

fn raw(text: &str) -> serde_json::Result<Box<RawValue>> {
    serde_json::from_str::<Box<RawValue>>(text.trim())
}

/// Says that a JSON text is nested too deeply, from the bracket at this byte on.
fn too_deep(text: &str, offset: usize) -> Invalid {
    let before = &text[..offset];
    let line = before.split('\n').next_back().unwrap_or_default();
    let detail = format!("nested deeper than {} levels", limits::NESTING);
    let place = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
    let (line, column) = (place(before.matches('\n').count()), place(line.chars().count()));
    Invalid::at("", Problem::Syntax { format: Format::Json, detail }, line, column)
}

/// The place of the bracket that is too much in a JSON text, in bytes. Raw values are not nested for the parser, so it
/// does not look for this.
#[must_use]
pub fn deeper_than(limit: usize, json: &str) -> Option<usize> {
    let mut depth = 0;
    let mut bytes = json.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        match byte {
            b'[' | b'{' if depth == limit => return Some(offset),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b'"' => {
                while let Some((_, byte)) = bytes.next().filter(|(_, byte)| *byte != b'"') {
                    if byte == b'\\' {
                        bytes.next();
                    }
                }
            }
            _ => {}
        }
    }
    None
}

/// A JSON parser's complaint with its place.
#[must_use]
pub fn json_error(error: &serde_json::Error) -> Invalid {
    let (line, column) = (error.line().max(1), error.column().max(1));
    let said = error.to_string();
    let detail = said.split(" at line ").next().unwrap_or(&said).to_owned();
    let place = |n| u32::try_from(n).unwrap_or(u32::MAX);
    Invalid::at("", Problem::Syntax { format: Format::Json, detail }, place(line), place(column))
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
    Text(Arc<str>),
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
            Self::Text(text) => text.to_string(),
            Self::Kv(items) => {
                let object: IndexMap<&String, Box<RawValue>> =
                    items.iter().map(|(key, item)| (key, item.raw())).collect();
                serde_json::to_string(&object).expect("strings and JSON are JSON")
            }
        }
    }

    /// The document, without a copy where it is a text.
    #[must_use]
    pub fn shared_document(&self) -> Arc<str> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Kv(_) => self.document().into(),
        }
    }

    /// Bytes that it takes in memory: keys, values, comments and what holds them, or the text.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Kv(items) => items
                .iter()
                .map(|(key, item)| key.len() + item.value.len() + item.comment.len() + size_of::<Item>())
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
            Self::Text(text) => Some(text),
        }
    }
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
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
        hexadecimal(&self.hash.finalize())
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

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, b| {
        let _ = write!(hex, "{b:02x}");
        hex
    })
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
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        item(&nested(limits::NESTING - 1), ValueType::Json).check().unwrap();
        assert!(item(&nested(limits::NESTING), ValueType::Json).check().is_err());
        let wrong = item("{\n  \"a\": ,\n}", ValueType::Json).check().unwrap_err();
        assert_eq!((wrong.line, wrong.column), (Some(2), Some(8)));
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
