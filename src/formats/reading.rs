//! Gathers the items that a reader finds, and all that is wrong with them.

use std::collections::HashSet;

use indexmap::map::Entry;

use super::Typing;
use crate::domain::{
    content::{Item, Items, ValueType, check_key},
    error::{Invalid, Problem},
    limits,
};

/// Maximum number of wrong items that are told at once.
pub const MISTAKES: usize = 50;

/// A place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    /// Bytes from the beginning. Line and column are counted only when they are told.
    Byte(usize),
    /// 1-based line, and column in characters.
    Line(usize, usize),
}

impl At {
    /// Something wrong at this place of `text`.
    pub(super) fn invalid(self, text: &str, problem: Problem) -> Invalid {
        match self {
            Self::Byte(offset) => Invalid::at_byte(text, offset, problem),
            Self::Line(line, column) => {
                let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
                Invalid::at("", problem, number(line), number(column))
            }
        }
    }
}

/// The JSON pointer (RFC 6901) to an item.
pub(super) fn pointer(key: &str) -> String {
    format!("/items/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A single value, as the text has it.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// What a scalar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    /// In any notation.
    Number,
    /// In any case.
    Boolean,
    /// However it was written.
    Null,
    /// JSON text.
    Json,
}

impl Scalar {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { text: text.into(), kind }
    }

    fn item(self, typing: Typing) -> Item {
        let (kind, value) = match (self.kind, typing) {
            (Kind::Boolean, Typing::Keep) => (ValueType::Boolean, self.text.to_ascii_lowercase()),
            (Kind::Boolean, Typing::Strings) => (ValueType::String, self.text.to_ascii_lowercase()),
            (Kind::Null, Typing::Keep) => (ValueType::Json, "null".to_owned()),
            (Kind::Null, Typing::Strings) => (ValueType::String, String::new()),
            (Kind::Json, _) => (ValueType::Json, self.text),
            (Kind::Number, Typing::Keep) => match number(&self.text) {
                Some(number) => (ValueType::Number, number),
                None => (ValueType::String, self.text),
            },
            (Kind::Number, Typing::Strings) | (Kind::String, _) => (ValueType::String, self.text),
        };
        Item { value: value.into(), kind, ..Item::default() }
    }

    /// As it stands inside of an array.
    pub(super) fn json(&self) -> String {
        let item = self.clone().item(Typing::Keep);
        if item.kind == ValueType::String { quote(item.value.expose()) } else { item.value.into_inner() }
    }
}

/// A JSON string.
pub(super) fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}

/// The JSON number that a literal of YAML or TOML means, with the digits that it has: `+1_000` is `1000`, `0x1F` is `31`,
/// `.5` is `0.5`. None when JSON has no such number, and for leading zeros.
pub(super) fn number(literal: &str) -> Option<String> {
    if is_number(literal) {
        return Some(literal.to_owned());
    }
    let (sign, digits) = match literal.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", literal.strip_prefix('+').unwrap_or(literal)),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let digits = digits.replace('_', "");
    let radix = match digits.get(..2) {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 10,
    };
    if radix != 10 {
        let digits = &digits[2..];
        let signed = digits.starts_with(['+', '-']);
        let value = u128::from_str_radix(digits, radix).ok().filter(|_| !signed)?;
        return Some(format!("{sign}{value}"));
    }
    let zero = match digits.strip_prefix('.') {
        Some(fraction) if fraction.starts_with(|c: char| c.is_ascii_digit()) => "0",
        _ => "",
    };
    let decimal = format!("{sign}{zero}{digits}").replace(".e", "e").replace(".E", "E");
    let decimal = decimal.strip_suffix('.').unwrap_or(&decimal);
    is_number(decimal).then(|| decimal.to_owned())
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

/// The items so far.
pub(super) struct Reading<'t> {
    text: &'t str,
    typing: Typing,
    items: Items,
    wrong: Vec<Invalid>,
    /// Keys whose objects are one item each, of type `json`.
    objects: HashSet<&'t str>,
    /// Bytes of keys and values that a document can still hold. Aliases make a short YAML text a very long document.
    room: usize,
}

impl<'t> Reading<'t> {
    pub(super) fn new(text: &'t str, typing: Typing, objects: HashSet<&'t str>) -> Self {
        Self { text, typing, items: Items::new(), wrong: Vec::new(), objects, room: limits::DOCUMENT_BYTES }
    }

    /// Whether an object under this key is one item.
    pub(super) fn is_one_item(&self, key: &str) -> bool {
        self.objects.contains(key)
    }

    /// Adds an item that stands at a place of the text.
    ///
    /// # Errors
    /// Something after which reading on makes no sense. An item that is only wrong is noted.
    pub(super) fn add(&mut self, key: String, value: Scalar, comment: String, at: At) -> Result<(), Invalid> {
        if self.items.len() == limits::ITEMS {
            return Err(at.invalid(self.text, Problem::TooMany { max: limits::ITEMS }));
        }
        let mut item = value.item(self.typing);
        item.comment = comment;
        self.room = self
            .room
            .checked_sub(key.len() + item.value.expose().len())
            .ok_or_else(|| at.invalid(self.text, Problem::TooLong { max: limits::DOCUMENT_BYTES }))?;
        if let Err(invalid) = check_key(&key).and_then(|()| item.check()) {
            return self.refuse(&key, invalid.problem, at);
        }
        match self.items.entry(key) {
            Entry::Vacant(place) => {
                place.insert(item);
                Ok(())
            }
            Entry::Occupied(place) => {
                let key = place.key().clone();
                self.refuse(&key.clone(), Problem::Duplicate { key }, at)
            }
        }
    }

    /// Notes that an item is wrong.
    ///
    /// # Errors
    /// The last one that is told.
    pub(super) fn refuse(&mut self, key: &str, problem: Problem, at: At) -> Result<(), Invalid> {
        let invalid = at.invalid(self.text, problem).of(pointer(key));
        if self.wrong.len() + 1 == MISTAKES {
            return Err(invalid);
        }
        self.wrong.push(invalid);
        Ok(())
    }

    /// The items, if nothing was wrong.
    pub(super) fn finish(mut self, end: Result<(), Invalid>) -> Result<Items, Vec<Invalid>> {
        self.wrong.extend(end.err());
        if self.wrong.is_empty() { Ok(self.items) } else { Err(self.wrong) }
    }
}

/// The comment that ends directly above `to`, where nothing but comments, blanks and the beginning of the line of `to`
/// stands since `from`.
pub(super) fn comment_above(text: &str, from: usize, to: usize, marks: &[char]) -> String {
    let between = text[from..to].replace("\r\n", "\n");
    let mut lines: Vec<&str> = between.split(['\n', '\r']).collect();
    lines.pop();
    let whole_lines = usize::from(from > 0).min(lines.len());
    comment_at_end_of(&lines[whole_lines..], marks)
}

/// The comment in the last lines, as one text, cut where it is longer than a comment may be. Its lines begin with a mark.
pub(super) fn comment_at_end_of(lines: &[&str], marks: &[char]) -> String {
    let marked = |line: &&&str| line.trim_start().starts_with(marks);
    let count = lines.iter().rev().take(limits::TEXT_BYTES).take_while(marked).count();
    let said = |line: &&str| {
        let line = &line.trim()[1..];
        line.strip_prefix(' ').unwrap_or(line).to_owned()
    };
    let mut comment = lines[lines.len() - count..].iter().map(said).collect::<Vec<_>>().join("\n");
    comment.truncate(comment.floor_char_boundary(limits::TEXT_BYTES));
    comment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_becomes_the_json_number_that_it_means() {
        for (literal, meant) in [
            ("1.50e3", "1.50e3"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("-0", "-0"),
            ("+5", "5"),
            ("1_000", "1000"),
            ("-1_0.2_5", "-10.25"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("0b101", "5"),
            ("0xFFFFFFFFFFFFFFFFFFFFFFFF", "79228162514264337593543950335"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("1.", "1"),
            ("1.e5", "1e5"),
            ("1E+5", "1E+5"),
        ] {
            assert_eq!(number(literal).as_deref(), Some(meant), "{literal}");
        }
        for literal in [
            "", "-", "+", ".", "e5", "0777", "-01", ".inf", "nan", "0x", "0x+1", "+-5", "1.2.3", "1 ", "1e", "0xG",
            "12é",
        ] {
            assert_eq!(number(literal), None, "{literal}");
        }
    }

    #[test]
    fn a_place_is_told_in_characters() {
        for text in ["a\né b", "a\r\né b", "a\ré b"] {
            let invalid = At::Byte(text.find('b').unwrap()).invalid(text, Problem::Blank);
            assert_eq!((invalid.line, invalid.column), (Some(2), Some(3)), "{text:?}");
        }
    }

    #[test]
    fn a_pointer_is_escaped() {
        assert_eq!(pointer("a/b~c"), "/items/a~1b~0c");
    }

    #[test]
    fn a_comment_is_what_stands_directly_above() {
        let text = "# not this\n\n#this\n  # and  \r\n#\nkey";
        assert_eq!(comment_above(text, 0, text.len() - 3, &['#']), "this\nand\n");
        let text = "a # tail\nkey";
        assert_eq!(comment_above(text, 1, text.len() - 3, &['#']), "");
        let text = "# not this\r\r#this\r# and\rkey";
        assert_eq!(comment_above(text, 0, text.len() - 3, &['#']), "this\nand");
    }
}
