//! The text formats: syntax checks of text namespaces, and import and export of items.
//!
//! Each format is one file. A new one needs such a file, an arm in [`check`] if a namespace can have it, and a
//! [`ItemFormat`] with its [`Codec`] if items can be imported from it.
//!
//! All parsers must withstand hostile texts. Nesting, aliases, entities, attributes and totals are limited, so that no
//! text of a permitted size costs more than a second or two, or overflows the stack.

mod by_key;
mod collector;
mod cursor;
mod detect;
mod dotenv;
mod json;
mod properties;
#[cfg(test)]
mod tests;
mod toml;
mod tree;
mod xml;
mod yaml;
mod yaml_node;
mod yaml_scalar;
mod yaml_write;

use std::{collections::HashSet, fmt, str::FromStr};

use crate::domain::{
    content::{Format, Item, Items, ValueType},
    error::{Invalid, Problem, truncate},
    limits,
};
pub use by_key::{diff_by_key, has_keys};
pub use collector::MAX_PROBLEMS;
use collector::{ItemCollector, Position, pointer};
pub use detect::detect;
pub use json::lenient_json;
pub use properties::{PropertiesEntry, properties_entries};
pub use yaml_node::{YamlNode, yaml_documents};

/// Maximum nesting that is parsed.
const MAX_DEPTH: usize = limits::NESTING;

/// Maximum size of a text that items are imported from, in bytes. A byte of a document takes at most six bytes in any
/// format: U+007F is `\u007F` in TOML. The resulting items still have the limits of a document.
pub const MAX_SOURCE_BYTES: usize = 6 * limits::DOCUMENT_BYTES;

/// Returns a text in its stored form: without the byte order mark that some editors write. The mark belongs to the
/// encoding, not to the content. Parsers of JSON, TOML and properties reject it, as do XML and YAML parsers that read
/// characters instead of bytes. Plain text is stored unchanged.
pub fn stored(format: Format, text: &str) -> &str {
    match format {
        Format::Text => text,
        _ => without_bom(text),
    }
}

/// Checks the [`stored`] form of a text.
///
/// # Errors
/// [`Problem::Blank`], [`Problem::TooLong`], [`Problem::Syntax`], [`Problem::Duplicate`] or, for a byte order mark,
/// [`Problem::Unseen`]. The pointer is empty; line and column are 1-based, in characters, if the parser reports them.
/// [`Problem::Kind`] for `kv`, which has items instead of a text.
pub fn check(format: Format, text: &str) -> Result<(), Invalid> {
    if text.len() > limits::DOCUMENT_BYTES {
        return Err(Invalid::new("", Problem::TooLong { max: limits::DOCUMENT_BYTES }));
    }
    if text.trim_matches(|c: char| c.is_whitespace() || c == BOM).is_empty() {
        return Err(Invalid::new("", Problem::Blank));
    }
    if format != Format::Text {
        refuse_bom(text)?;
    }
    match format {
        Format::Kv => Err(Invalid::new("", Problem::Kind { format })),
        Format::Json => json::check(text),
        Format::Yaml => yaml::check(text),
        Format::Toml => toml::check(text),
        Format::Properties => properties::check(text),
        Format::Xml => xml::check(text),
        Format::Text => Ok(()),
    }
}

/// A format for import and export of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ItemFormat {
    /// Java properties: strings only.
    Properties,
    /// A `.env` file: strings only.
    Dotenv,
    /// A JSON object.
    Json,
    /// A YAML mapping.
    Yaml,
    /// A TOML document.
    Toml,
}

impl ItemFormat {
    /// All formats, in the order of the menus.
    pub const ALL: [Self; 5] = [Self::Properties, Self::Dotenv, Self::Json, Self::Yaml, Self::Toml];

    fn codec(self) -> &'static Codec {
        match self {
            Self::Properties => &properties::CODEC,
            Self::Dotenv => &dotenv::CODEC,
            Self::Json => &json::CODEC,
            Self::Yaml => &yaml::CODEC,
            Self::Toml => &toml::CODEC,
        }
    }

    /// Returns the name: `properties`, `dotenv` …
    pub fn as_str(self) -> &'static str {
        self.codec().name
    }

    /// Returns whether the format has comments.
    pub fn has_comments(self) -> bool {
        self.codec().comments
    }

    /// Returns the file extension and `Content-Type` of an export.
    pub fn media(self) -> Media {
        self.codec().media
    }
}

/// Returns the canonical name of a format: `.YML` is `yaml`.
fn canonical(name: &str) -> String {
    let name = name.trim_start_matches('.').to_ascii_lowercase();
    let known = match name.as_str() {
        "yml" => "yaml",
        "env" => "dotenv",
        "props" => "properties",
        "txt" => "text",
        _ => return name,
    };
    known.to_owned()
}

/// Returns whether `name` is a name of this format: `yml` is `yaml`, in any case.
pub fn is_name_of(format: Format, name: &str) -> bool {
    canonical(name) == format.as_str()
}

impl fmt::Display for ItemFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ItemFormat {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let name = canonical(text);
        Self::ALL.into_iter().find(|source| source.as_str() == name).ok_or_else(|| {
            let known = Self::ALL.into_iter().map(|source| source.as_str().to_owned()).collect();
            Invalid::new("/format", Problem::Unknown { given: truncate(text), known })
        })
    }
}

/// Extension and `Content-Type` of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// The extension, without the dot.
    pub extension: &'static str,
    /// Its `Content-Type`.
    pub content_type: &'static str,
}

/// Returns the file extension and `Content-Type` of a namespace's document, for downloads.
pub fn media(format: Format) -> Media {
    let extension = match format {
        Format::Kv => Format::Json.as_str(),
        Format::Text => "txt",
        _ => format.as_str(),
    };
    Media { extension, content_type: format.content_type() }
}

/// Treatment of typed values at an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typing {
    /// Numbers and booleans keep their type, and null becomes the JSON `null`.
    #[default]
    Keep,
    /// Every scalar becomes a string: a number in its original spelling, null the empty string. Arrays are still JSON.
    Strings,
}

/// Parses items in the order of the text.
///
/// Nested keys are joined with dots (`db.url`). Arrays and empty objects become items of type `json`. A comment
/// directly above a key is kept. Numbers keep their digits. A literal that is not JSON (`0x1F`) becomes the equal JSON
/// number, or a string if JSON has none (`.inf`). YAML readers disagree about numbers, so a scalar that not all of them
/// read as the same number is a string (`0777`, `1_000`, `1e3`, `12e4567`), unless its tag is `!!int` or `!!float`.
///
/// # Errors
/// The problem of the text, or up to 50 problems of items with the pointer `/items/<key>`, line and column.
pub fn read(source: ItemFormat, text: &str, typing: Typing) -> Result<Items, Vec<Invalid>> {
    read_with(source, text, typing, HashSet::new())
}

/// Parses items that will replace existing ones, so that an export of these, imported again, changes nothing. With
/// [`Typing::Strings`] this is [`read`]. Otherwise
/// - an object stays one item if the existing item of its key is an object of type `json`;
/// - an item that equals the exported form of an existing one keeps that one's exact value, including its white space;
/// - formats with strings only do not change types: a value gets the type of the existing item if it is valid for it.
///
/// # Errors
/// Those of [`read`].
pub fn read_replacing(existing: &Items, source: ItemFormat, text: &str, typing: Typing) -> Result<Items, Vec<Invalid>> {
    if typing == Typing::Strings {
        return read(source, text, typing);
    }
    let is_object = |item: &Item| item.kind == ValueType::Json && item.value.expose().trim_start().starts_with('{');
    let objects: HashSet<&str> =
        existing.iter().filter(|(_, item)| is_object(item)).map(|(key, _)| key.as_str()).collect();
    let mut items = read_with(source, text, typing, objects.clone())?;
    let own = |key: &str| objects.get(key).into_iter().copied().collect();
    for (key, item) in &mut items {
        let Some(old) = existing.get(key).filter(|old| !old.has_same_content(item)) else { continue };
        let alone = Items::from([(key.clone(), old.clone())]);
        let written = write(source, &alone).and_then(|text| read_with(source, &text, typing, own(key)));
        if written.is_ok_and(|written| written.get(key).is_some_and(|echo| echo.has_same_content(item))) {
            *item = Item { since: 0, ..old.clone() };
        } else if !source.codec().types {
            let typed = Item { kind: old.kind, ..item.clone() };
            if typed.check().is_ok() {
                *item = typed;
            }
        }
    }
    Ok(items)
}

fn read_with(source: ItemFormat, text: &str, typing: Typing, objects: HashSet<&str>) -> Result<Items, Vec<Invalid>> {
    if text.len() > MAX_SOURCE_BYTES {
        return Err(vec![Invalid::new("", Problem::TooLong { max: MAX_SOURCE_BYTES })]);
    }
    let text = without_bom(text);
    let mut reading = ItemCollector::new(text, typing, objects);
    let end = refuse_bom(text).and_then(|()| (source.codec().read)(text, &mut reading));
    reading.finish(end)
}

/// A value of a text, under its nested keys.
pub struct FlatValue {
    /// The keys from the outermost on, joined by dots.
    pub key: String,
    /// The value, as an import would read it.
    pub value: String,
    /// The line of the innermost key, from 1.
    pub line: usize,
}

/// Returns the values of a JSON, YAML, TOML or properties text with the keys under which [`read`] imports them. Values
/// that cannot be imported are left out. Other formats have none.
pub fn flatten(format: Format, text: &str) -> Vec<FlatValue> {
    let source = match format {
        Format::Json => ItemFormat::Json,
        Format::Yaml => ItemFormat::Yaml,
        Format::Toml => ItemFormat::Toml,
        Format::Properties => ItemFormat::Properties,
        Format::Kv | Format::Xml | Format::Text => return Vec::new(),
    };
    let mut reading = ItemCollector::new(text, Typing::Keep, HashSet::new());
    // The values before a mistake are still useful to find.
    let _ = (source.codec().read)(text, &mut reading);
    let ends: Vec<usize> = text.match_indices('\n').map(|(end, _)| end).collect();
    let line = |at| match at {
        Position::Byte(offset) => ends.partition_point(|end| *end < offset) + 1,
        Position::Line(line, _) => line,
    };
    reading.located().map(|(key, item, at)| FlatValue { key, value: item.value.into_inner(), line: line(at) }).collect()
}

/// Writes items, one after the other, under their keys. They must have been checked when they were stored.
/// [`read_replacing`] restores them exactly; [`read`] does so with these exceptions:
/// - properties and `.env` have strings only;
/// - JSON has no comments;
/// - an item of type `json` is parsed by its content, so an object becomes several items and a number a number; only
///   JSON keeps its white space.
///
/// # Errors
/// All items that the format cannot represent, with the pointer `/items/<key>`.
pub fn write(source: ItemFormat, items: &Items) -> Result<String, Vec<Invalid>> {
    let codec = source.codec();
    let mut out = String::new();
    let mut wrong = Vec::new();
    for (key, item) in items {
        match (codec.entry)(key, item) {
            Ok(entry) => {
                out.push_str(if out.is_empty() { codec.frame.open } else { codec.frame.between });
                if codec.comments {
                    push_comment(&mut out, &item.comment);
                }
                out.push_str(&entry);
            }
            Err(invalid) => wrong.push(invalid.of(pointer(key))),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    out.push_str(if out.is_empty() { codec.frame.empty } else { codec.frame.close });
    Ok(out)
}

/// Writes a comment. Readers that follow YAML 1.1 or JavaScript break lines at additional characters. So that a comment
/// cannot end early, these and all control characters become spaces.
fn push_comment(out: &mut String, comment: &str) {
    for line in comment.lines() {
        out.push('#');
        out.push_str(if line.is_empty() { "" } else { " " });
        let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
        out.extend(line.chars().map(|c| if breaks(c) { ' ' } else { c }));
        out.push('\n');
    }
}

/// The reader and the writer of a format.
struct Codec {
    name: &'static str,
    media: Media,
    /// Parses a text into the reading; an error stops it.
    read: fn(&str, &mut ItemCollector) -> Result<(), Invalid>,
    /// Writes one item, without the line end.
    entry: fn(&str, &Item) -> Result<String, Invalid>,
    /// Whether it has comments, which begin with `#`.
    comments: bool,
    /// Whether it has types other than strings.
    types: bool,
    frame: Frame,
}

/// The text around and between the items.
struct Frame {
    empty: &'static str,
    open: &'static str,
    between: &'static str,
    close: &'static str,
}

impl Frame {
    /// One item per line.
    const LINES: Self = Self { empty: "", open: "", between: "\n", close: "\n" };
}

/// The byte order mark.
const BOM: char = '\u{feff}';

/// Returns a text without its byte order mark.
pub fn without_bom(text: &str) -> &str {
    text.strip_prefix(BOM).unwrap_or(text)
}

/// Refuses a text that begins with a byte order mark. The caller has removed the first one, so this is a second one.
fn refuse_bom(text: &str) -> Result<(), Invalid> {
    match text.starts_with(BOM) {
        true => Err(Invalid::at("", Problem::Unseen { character: BOM, position: 1 }, 1, 1)),
        false => Ok(()),
    }
}

fn syntax(format: Format, detail: impl Into<String>) -> Problem {
    Problem::Syntax { format, detail: detail.into() }
}
