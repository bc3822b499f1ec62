//! Collects the items that a parser finds, and their problems.

use std::collections::HashSet;

use indexmap::map::Entry;

use super::Typing;
use crate::domain::{
    content::{Item, Items, ValueType, check_key},
    error::{Invalid, Problem},
    limits,
};

/// Maximum number of problems reported at once.
pub const MAX_PROBLEMS: usize = 50;

/// A position in the text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Position {
    /// Byte offset. Line and column are computed only for a report.
    Byte(usize),
    /// 1-based line, and column in characters.
    Line(usize, usize),
}

impl Position {
    /// Returns a problem at this position of `text`.
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

/// Returns the JSON pointer (RFC 6901) to an item.
pub(super) fn pointer(key: &str) -> String {
    format!("/items/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A single value in its original spelling.
#[derive(Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) kind: ScalarKind,
}

/// Kind of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarKind {
    String,
    /// A number in any notation.
    Number,
    /// A boolean in any case.
    Boolean,
    /// Null in any spelling.
    Null,
    /// JSON text.
    Json,
}

impl Scalar {
    pub(super) fn new(kind: ScalarKind, text: impl Into<String>) -> Self {
        Self { text: text.into(), kind }
    }

    fn item(self, typing: Typing) -> Item {
        let (kind, value) = match (self.kind, typing) {
            (ScalarKind::Boolean, Typing::Keep) => (ValueType::Boolean, self.text.to_ascii_lowercase()),
            (ScalarKind::Boolean, Typing::Strings) => (ValueType::String, self.text.to_ascii_lowercase()),
            (ScalarKind::Null, Typing::Keep) => (ValueType::Json, "null".to_owned()),
            (ScalarKind::Null, Typing::Strings) => (ValueType::String, String::new()),
            (ScalarKind::Json, _) => (ValueType::Json, self.text),
            (ScalarKind::Number, Typing::Keep) => match number(&self.text) {
                Some(number) => (ValueType::Number, number),
                None => (ValueType::String, self.text),
            },
            (ScalarKind::Number, Typing::Strings) | (ScalarKind::String, _) => (ValueType::String, self.text),
        };
        Item { value: value.into(), kind, ..Item::default() }
    }

    /// Returns the JSON of the scalar as an element of an array.
    pub(super) fn json(&self) -> String {
        let item = self.clone().item(Typing::Keep);
        if item.kind == ValueType::String { quote(item.value.expose()) } else { item.value.into_inner() }
    }
}

/// Returns a JSON string.
pub(super) fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}

/// Returns the JSON number for a literal of YAML or TOML, with its digits: `+1_000` is `1000`, `0x1F` is `31`, `.5` is
/// `0.5`. `None` if JSON has no such number, and for leading zeros.
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

/// The items found so far.
pub(super) struct ItemCollector<'t> {
    text: &'t str,
    typing: Typing,
    items: Items,
    /// Position of each item.
    positions: Vec<Position>,
    problems: Vec<Invalid>,
    /// Keys whose objects become one item of type `json`.
    objects: HashSet<&'t str>,
    /// Remaining bytes for keys and values in the document. Aliases can expand a short YAML text enormously.
    remaining_bytes: usize,
}

impl<'t> ItemCollector<'t> {
    pub(super) fn new(text: &'t str, typing: Typing, objects: HashSet<&'t str>) -> Self {
        Self {
            text,
            typing,
            items: Items::new(),
            positions: Vec::new(),
            problems: Vec::new(),
            objects,
            remaining_bytes: limits::DOCUMENT_BYTES,
        }
    }

    /// Returns whether an object under this key becomes one item.
    pub(super) fn is_one_item(&self, key: &str) -> bool {
        self.objects.contains(key)
    }

    /// Adds an item at a position of the text.
    ///
    /// # Errors
    /// An error that stops the parser. The problem of a single item is only recorded.
    pub(super) fn add(&mut self, key: String, value: Scalar, comment: String, at: Position) -> Result<(), Invalid> {
        if self.items.len() == limits::ITEMS {
            return Err(at.invalid(self.text, Problem::TooMany { max: limits::ITEMS }));
        }
        let mut item = value.item(self.typing);
        item.comment = comment;
        self.remaining_bytes = self
            .remaining_bytes
            .checked_sub(key.len() + item.value.expose().len())
            .ok_or_else(|| at.invalid(self.text, Problem::TooLong { max: limits::DOCUMENT_BYTES }))?;
        if let Err(invalid) = check_key(&key).and_then(|()| item.check()) {
            return self.refuse(&key, invalid.problem, at);
        }
        match self.items.entry(key) {
            Entry::Vacant(place) => {
                place.insert(item);
                self.positions.push(at);
                Ok(())
            }
            Entry::Occupied(place) => {
                let key = place.key().clone();
                self.refuse(&key.clone(), Problem::Duplicate { key }, at)
            }
        }
    }

    /// Records the problem of an item.
    ///
    /// # Errors
    /// The last problem that is reported, which stops the parser.
    pub(super) fn refuse(&mut self, key: &str, problem: Problem, at: Position) -> Result<(), Invalid> {
        let invalid = at.invalid(self.text, problem).of(pointer(key));
        if self.problems.len() + 1 == MAX_PROBLEMS {
            return Err(invalid);
        }
        self.problems.push(invalid);
        Ok(())
    }

    /// Returns the items with their positions, those before and beside problems included.
    pub(super) fn located(self) -> impl Iterator<Item = (String, Item, Position)> {
        self.items.into_iter().zip(self.positions).map(|((key, item), at)| (key, item, at))
    }

    /// Returns the items if there was no problem.
    pub(super) fn finish(mut self, end: Result<(), Invalid>) -> Result<Items, Vec<Invalid>> {
        self.problems.extend(end.err());
        if self.problems.is_empty() { Ok(self.items) } else { Err(self.problems) }
    }
}

/// Returns the comment directly above `to`. Between `from` and `to` the text must contain only comments, blanks and the
/// beginning of the line of `to`.
pub(super) fn comment_above(text: &str, from: usize, to: usize, marks: &[char]) -> String {
    let between = text[from..to].replace("\r\n", "\n");
    let mut lines: Vec<&str> = between.split(['\n', '\r']).collect();
    lines.pop();
    let whole_lines = usize::from(from > 0).min(lines.len());
    comment_at_end_of(&lines[whole_lines..], marks)
}

/// Joins the comment lines, which begin with one of `marks`, at the end of `lines`. Truncates the text to the limit.
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
    fn a_literal_becomes_the_equal_json_number() {
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
    fn columns_count_characters() {
        for text in ["a\né b", "a\r\né b", "a\ré b"] {
            let invalid = Position::Byte(text.find('b').unwrap()).invalid(text, Problem::Blank);
            assert_eq!((invalid.line, invalid.column), (Some(2), Some(3)), "{text:?}");
        }
    }

    #[test]
    fn a_pointer_is_escaped() {
        assert_eq!(pointer("a/b~c"), "/items/a~1b~0c");
    }

    #[test]
    fn only_a_comment_directly_above_is_taken() {
        let text = "# not this\n\n#this\n  # and  \r\n#\nkey";
        assert_eq!(comment_above(text, 0, text.len() - 3, &['#']), "this\nand\n");
        let text = "a # tail\nkey";
        assert_eq!(comment_above(text, 1, text.len() - 3, &['#']), "");
        let text = "# not this\r\r#this\r# and\rkey";
        assert_eq!(comment_above(text, 0, text.len() - 3, &['#']), "this\nand");
    }
}
