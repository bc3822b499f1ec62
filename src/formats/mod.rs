//! The text formats: the syntax check of text namespaces, and reading and writing items (import and export).
//!
//! Each format is one file. A new one is such a file, an arm in [`check`] when a namespace can have it, and a
//! [`Source`] with its [`Codec`] when items can be read from it.
//!
//! All of it is written for hostile texts: nesting, aliases, entities, attributes and totals have limits, so that no
//! text of an allowed length costs more than a second or two, or overflows the stack.

mod cursor;
mod detect;
mod dotenv;
mod json;
mod properties;
mod reading;
#[cfg(test)]
mod tests;
mod toml;
mod tree;
mod xml;
mod yaml;
mod yaml_scalar;
mod yaml_write;

use std::{collections::HashSet, fmt, str::FromStr};

use crate::domain::{
    content::{Format, Item, Items, ValueType},
    error::{Invalid, Problem, excerpt},
    limits,
};
pub use detect::detect;
pub use reading::MISTAKES;
use reading::{Reading, pointer};

/// The deepest nesting that is read.
const DEPTH: usize = limits::NESTING;

/// Longest text that items are read from, in bytes. No format spells a byte of a document in more than six: U+007F is
/// `\u007F` in TOML. What is stored has the limits of a document.
pub const SOURCE_BYTES: usize = 6 * limits::DOCUMENT_BYTES;

/// Returns a text as it is stored: without the byte order mark that some editors write. It marks an encoding and is no
/// content of any format with a syntax; parsers of JSON, TOML and properties fail at it, and so do those of XML and YAML
/// that read characters instead of bytes. Plain text stays as it is.
#[must_use]
pub fn stored(format: Format, text: &str) -> &str {
    match format {
        Format::Text => text,
        _ => without_bom(text),
    }
}

/// Checks the text of a text namespace, as [`stored`] gives it.
///
/// # Errors
/// [`Problem::Blank`], [`Problem::TooLong`], [`Problem::Syntax`], [`Problem::Duplicate`] or, for a byte order mark,
/// [`Problem::Unseen`], with an empty pointer, and with line and column (1-based, in characters) where the parser knows
/// them. [`Problem::Kind`] for `kv`, which has items and no text.
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

/// What items are read from and written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
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

impl Source {
    /// All of them, in the order in which they are offered.
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

    /// Its name: `properties`, `dotenv` …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.codec().name
    }

    /// What an exported file is called and sent as.
    #[must_use]
    pub fn media(self) -> Media {
        self.codec().media
    }
}

/// The name of a format as people write it, with other names replaced: `.YML` is `yaml`.
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

/// Whether a namespace of this format goes by that name: `yml` is `yaml`, in any case.
#[must_use]
pub fn is_called(format: Format, name: &str) -> bool {
    canonical(name) == format.as_str()
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Source {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let name = canonical(text);
        Self::ALL.into_iter().find(|source| source.as_str() == name).ok_or_else(|| {
            let known = Self::ALL.into_iter().map(|source| source.as_str().to_owned()).collect();
            Invalid::new("/format", Problem::Unknown { given: excerpt(text), known })
        })
    }
}

/// How a file is called and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// The end of its name, without the dot.
    pub extension: &'static str,
    /// Its `Content-Type`.
    pub content_type: &'static str,
}

/// What the document of a namespace is called and sent as when somebody downloads it.
#[must_use]
pub fn media(format: Format) -> Media {
    let extension = match format {
        Format::Kv => Format::Json.as_str(),
        Format::Text => "txt",
        _ => format.as_str(),
    };
    Media { extension, content_type: format.content_type() }
}

/// What becomes of typed values when items are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typing {
    /// A number stays a number, a boolean a boolean, null the JSON `null`.
    #[default]
    Keep,
    /// Every scalar becomes a string: a number as it was written, null the empty string. Arrays are still JSON.
    Strings,
}

/// Reads items in the order of the text.
///
/// Nested keys are joined with dots (`db.url`). Arrays, and objects without keys, become items of type `json`. A comment
/// directly above a key is kept. Numbers keep their digits: a literal that JSON has not (`0x1F`) becomes the number that
/// JSON has, or else a string as it was written (`.inf`). YAML has more readers than rules: what not all of them take for
/// the same number is a string as it was written (`0777`, `1_000`, `1e3`, `12e4567`), unless it is tagged `!!int` or `!!float`.
///
/// # Errors
/// What is wrong with the text, or with up to 50 items: the pointer is `/items/<key>` then, with line and column.
pub fn read(source: Source, text: &str, typing: Typing) -> Result<Items, Vec<Invalid>> {
    read_with(source, text, typing, HashSet::new())
}

/// Reads items that go over those that are there, so that an export of these, read again, changes nothing. With
/// [`Typing::Strings`] it is [`read`]. Else
/// - an object is one item where one of type `json` holds an object under its key;
/// - what the format makes of an item that is there is that item, down to the white space that the format does not keep;
/// - a format that has strings only changes no type: a value takes that of the item that is there, if it can have it.
///
/// # Errors
/// As [`read`].
pub fn read_over(there: &Items, source: Source, text: &str, typing: Typing) -> Result<Items, Vec<Invalid>> {
    if typing == Typing::Strings {
        return read(source, text, typing);
    }
    let is_object = |item: &Item| item.kind == ValueType::Json && item.value.expose().trim_start().starts_with('{');
    let objects: HashSet<&str> =
        there.iter().filter(|(_, item)| is_object(item)).map(|(key, _)| key.as_str()).collect();
    let mut items = read_with(source, text, typing, objects.clone())?;
    let own = |key: &str| objects.get(key).into_iter().copied().collect();
    for (key, item) in &mut items {
        let Some(old) = there.get(key).filter(|old| !old.same(item)) else { continue };
        let alone = Items::from([(key.clone(), old.clone())]);
        let written = write(source, &alone).and_then(|text| read_with(source, &text, typing, own(key)));
        if written.is_ok_and(|written| written.get(key).is_some_and(|echo| echo.same(item))) {
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

fn read_with(source: Source, text: &str, typing: Typing, objects: HashSet<&str>) -> Result<Items, Vec<Invalid>> {
    if text.len() > SOURCE_BYTES {
        return Err(vec![Invalid::new("", Problem::TooLong { max: SOURCE_BYTES })]);
    }
    let text = without_bom(text);
    let mut reading = Reading::new(text, typing, objects);
    let end = refuse_bom(text).and_then(|()| (source.codec().read)(text, &mut reading));
    reading.finish(end)
}

/// Writes items, one after the other, under the keys that they have: stored ones, which were checked when they were saved.
/// [`read_over`] them gives them back. [`read`] does, except that
/// - properties and `.env` have strings only;
/// - JSON has no comments;
/// - an item of type `json` is read back as what it is: an object as the items in it, a number as a number; its white
///   space is kept by JSON alone.
///
/// # Errors
/// Every item that the format cannot carry, with the pointer `/items/<key>`.
pub fn write(source: Source, items: &Items) -> Result<String, Vec<Invalid>> {
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

/// A reader that follows YAML 1.1 or JavaScript sees a new line at more characters than others do. No comment must
/// end before its line does, so these and all control characters become spaces.
fn push_comment(out: &mut String, comment: &str) {
    for line in comment.lines() {
        out.push('#');
        out.push_str(if line.is_empty() { "" } else { " " });
        let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
        out.extend(line.chars().map(|c| if breaks(c) { ' ' } else { c }));
        out.push('\n');
    }
}

/// How one format reads and writes items.
struct Codec {
    name: &'static str,
    media: Media,
    /// Adds to the reading what the text says; an error ends it.
    read: fn(&str, &mut Reading) -> Result<(), Invalid>,
    /// One item, without the end of its line.
    entry: fn(&str, &Item) -> Result<String, Invalid>,
    /// Whether it has comments, which then begin with `#`.
    comments: bool,
    /// Whether it has more than strings.
    types: bool,
    frame: Frame,
}

/// What stands around the items.
struct Frame {
    empty: &'static str,
    open: &'static str,
    between: &'static str,
    close: &'static str,
}

impl Frame {
    /// One item after the other.
    const LINES: Self = Self { empty: "", open: "", between: "\n", close: "\n" };
}

/// The byte order mark.
const BOM: char = '\u{feff}';

fn without_bom(text: &str) -> &str {
    text.strip_prefix(BOM).unwrap_or(text)
}

/// Refuses a text that begins with a byte order mark. The first one was taken off, so this is a second one.
fn refuse_bom(text: &str) -> Result<(), Invalid> {
    match text.starts_with(BOM) {
        true => Err(Invalid::at("", Problem::Unseen { character: BOM, position: 1 }, 1, 1)),
        false => Ok(()),
    }
}

fn syntax(format: Format, detail: impl Into<String>) -> Problem {
    Problem::Syntax { format, detail: detail.into() }
}
