//! TOML. Numbers and dates keep their original spelling.

use std::rc::Rc;

use ::toml::{
    Spanned, Value,
    de::{DeTable, DeValue, Error},
};
use toml_parser::{Source, lexer::TokenKind};

use super::{
    Codec, Frame, Media,
    collector::{ItemCollector, Position, Scalar, ScalarKind, comment_above, quote},
    json, syntax,
    tree::{TreeEntry, TreeNode, flatten},
};
use crate::domain::{
    content::{Format, Item, ValueType},
    error::{Invalid, Problem},
    json::{JsonMember, JsonValue},
    limits, unseen,
};

/// Maximum nesting that is written; the parser refuses 80 levels.
const MAX_WRITTEN_DEPTH: usize = 64;

pub(super) const CODEC: Codec = Codec {
    name: "toml",
    media: Media { extension: "toml", content_type: "application/toml; charset=utf-8" },
    read,
    entry,
    comments: true,
    types: true,
    frame: Frame::LINES,
};

/// Maximum number of tokens of a document: keys, values, punctuation, blanks and comments. The parser takes up to 150
/// bytes for each. Twenty thousand items need a quarter of them, or three quarters with tables and comments.
const MAX_TOKENS: usize = 600_000;

/// Checks a document, including numbers that exceed the limits of TOML.
pub(super) fn check(text: &str) -> Result<(), Invalid> {
    check_size(text, usize::MAX)?;
    document(text).map(drop)
}

fn read(text: &str, reading: &mut ItemCollector) -> Result<(), Invalid> {
    check_size(text, limits::ITEMS)?;
    flatten(&document(text)?, reading)
}

/// Counts the tokens, and the values that become items, before the parser builds a tree.
fn check_size(text: &str, items: usize) -> Result<(), Invalid> {
    let (mut arrays, mut assigned, mut found) = (0_usize, false, 0);
    for (n, token) in Source::new(text).lex().enumerate() {
        let at = Position::Byte(token.span().start());
        if n == MAX_TOKENS {
            return Err(
                at.invalid(text, problem(format!("more than {MAX_TOKENS} keys, values, signs, blanks and comments")))
            );
        }
        match token.kind() {
            TokenKind::Whitespace => continue,
            TokenKind::Equals if arrays == 0 => {
                assigned = true;
                continue;
            }
            TokenKind::LeftSquareBracket => arrays += 1,
            TokenKind::RightSquareBracket => arrays = arrays.saturating_sub(1),
            _ => {}
        }
        // A value in a table is an item, unless it is a table itself.
        found += usize::from(std::mem::take(&mut assigned) && token.kind() != TokenKind::LeftCurlyBracket);
        if found > items {
            return Err(at.invalid(text, Problem::TooMany { max: items }));
        }
    }
    Ok(())
}

fn document(text: &str) -> Result<Vec<TreeEntry>, Invalid> {
    let table = DeTable::parse(text).map_err(|error| unreadable(text, &error))?;
    let mut tree = Tree { text, ends: Vec::new() };
    tree.find_ends(table.get_ref());
    tree.ends.sort_unstable();
    tree.entries(table.get_ref())
}

fn unreadable(text: &str, error: &Error) -> Invalid {
    let Some(span) = error.span() else { return Invalid::new("", problem(error.message())) };
    // The parser's message does not help with an invisible character.
    let (before, from) = text.split_at(text.floor_char_boundary(span.start));
    let unseen = from.chars().next().filter(|c| !matches!(c, '\t' | '\n' | '\r') && unseen::is_unseen(*c));
    let problem = match unseen {
        Some(character) => unseen::problem(before.chars().rev().take_while(|c| !c.is_whitespace()).count(), character),
        None => problem(error.message()),
    };
    Position::Byte(span.start).invalid(text, problem)
}

fn problem(detail: impl Into<String>) -> Problem {
    syntax(Format::Toml, detail)
}

/// The text, for converting the parser's tables to nodes.
struct Tree<'t> {
    text: &'t str,
    /// End offsets of all keys and scalars. Text between two of them may be a comment and is never part of a string.
    ends: Vec<usize>,
}

impl Tree<'_> {
    fn find_ends(&mut self, table: &DeTable) {
        for (key, value) in table {
            let end = key.span().end;
            let is_dotted = self.text[end..].trim_start_matches([' ', '\t']).starts_with('.');
            self.ends.extend((!is_dotted).then_some(end));
            self.find_ends_in(value);
        }
    }

    fn find_ends_in(&mut self, value: &Spanned<DeValue>) {
        match value.get_ref() {
            DeValue::Table(table) => self.find_ends(table),
            DeValue::Array(values) => values.iter().for_each(|value| self.find_ends_in(value)),
            _ => self.ends.push(value.span().end),
        }
    }

    fn entries(&self, table: &DeTable) -> Result<Vec<TreeEntry>, Invalid> {
        table
            .iter()
            .map(|(key, value)| {
                let start = key.span().start;
                let from = match self.ends.partition_point(|end| *end <= start) {
                    0 => 0,
                    n => self.ends[n - 1],
                };
                Ok(TreeEntry {
                    key: key.get_ref().to_string(),
                    node: Rc::new(self.node(value)?),
                    comment: comment_above(self.text, from, start, &['#']),
                    at: Position::Byte(start),
                })
            })
            .collect()
    }

    fn node(&self, value: &Spanned<DeValue>) -> Result<TreeNode, Invalid> {
        let written = &self.text[value.span()];
        let fault = |detail| Err(Position::Byte(value.span().start).invalid(self.text, problem(detail)));
        Ok(TreeNode::Scalar(match value.get_ref() {
            DeValue::String(string) => Scalar::new(ScalarKind::String, string.as_ref()),
            DeValue::Integer(n) if i64::from_str_radix(n.as_str(), n.radix()).is_err() => return fault(INTEGER),
            DeValue::Float(n) if is_beyond_float(n.as_str()) => return fault(FLOAT),
            DeValue::Integer(_) | DeValue::Float(_) => Scalar::new(ScalarKind::Number, written),
            DeValue::Boolean(_) => Scalar::new(ScalarKind::Boolean, written),
            DeValue::Datetime(_) => Scalar::new(ScalarKind::String, written),
            DeValue::Array(values) => {
                let nodes = values.iter().map(|value| self.node(value).map(Rc::new)).collect::<Result<_, _>>()?;
                return Ok(TreeNode::List(nodes));
            }
            DeValue::Table(table) => return Ok(TreeNode::Map(self.entries(table)?)),
        }))
    }
}

const INTEGER: &str = "an integer of TOML has at most 64 bits";
const FLOAT: &str = "this number is larger than a TOML float";

fn is_beyond_float(literal: &str) -> bool {
    !literal.contains("inf") && literal.parse().is_ok_and(f64::is_infinite)
}

/// # Errors
/// Values that TOML cannot represent: `null`, integers above 64 bits, floats that are too large, very deep nesting.
fn entry(key: &str, item: &Item) -> Result<String, Invalid> {
    let value = match item.kind {
        // The library chooses the quotes, so that a text of several lines stays readable.
        ValueType::String => Value::String(item.value.expose().to_owned()).to_string(),
        _ => {
            let mut value = String::new();
            push_value(&mut value, &json::item_value(item)?, 0)?;
            value
        }
    };
    Ok(format!("{} = {value}", name(key)))
}

fn push_value(out: &mut String, value: &JsonValue, depth: usize) -> Result<(), Invalid> {
    let fault = |detail: &str| Err(Invalid::new("", problem(detail)));
    match value {
        _ if depth > MAX_WRITTEN_DEPTH => return fault("nested deeper than 64 levels"),
        JsonValue::Literal("null") => return fault("TOML has no null"),
        JsonValue::Literal(n) if is_integer(n) && n.parse::<i64>().is_err() => return fault(INTEGER),
        JsonValue::Literal(n) if is_beyond_float(n) => return fault(FLOAT),
        JsonValue::Literal(literal) => out.push_str(literal),
        JsonValue::String(string) => out.push_str(&basic(string)),
        JsonValue::List { values, .. } => {
            out.push('[');
            for (n, value) in values.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                push_value(out, value, depth + 1)?;
            }
            out.push(']');
        }
        JsonValue::Map(members) => {
            out.push('{');
            for (n, JsonMember { key, value, .. }) in members.iter().enumerate() {
                out.push_str(if n == 0 { " " } else { ", " });
                out.push_str(&name(key));
                out.push_str(" = ");
                push_value(out, value, depth + 1)?;
            }
            out.push_str(" }");
        }
    }
    Ok(())
}

fn is_integer(literal: &str) -> bool {
    !literal.contains(['.', 'e', 'E']) && literal != "true" && literal != "false"
}

/// Writes a key, without quotes if possible.
fn name(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { basic(key) }
}

/// Writes a string on one line. JSON has the same escapes, except that it does not escape U+007F.
fn basic(text: &str) -> String {
    quote(text).replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Problems, found, items, typed};
    use super::*;
    use crate::domain::content::Items;
    use crate::formats::{ItemFormat, Typing, read, write};

    #[test]
    fn values_keep_their_spelling() {
        let text = "title = \"t\"\r\nn = 1_000\nhex = 0xFF\nf = 1.50e3\ninf = -inf\non = true\nday = 1979-05-27 07:32:00Z\n\
                    a = [1, 2.50, 'x', { k = 1979-05-27, n = nan }]\n[db.main]\nurl = '''\na\nb'''\nopts.x = +1\nempty = {}\n\
                    [[list]]\nz = 1\na = 0b11\n[[list]]\n";
        assert_eq!(
            typed(&read(ItemFormat::Toml, text, Typing::Keep).unwrap()),
            [
                "title string t",
                "n number 1000",
                "hex number 255",
                "f number 1.50e3",
                "inf string -inf",
                "on boolean true",
                "day string 1979-05-27 07:32:00Z",
                "a json [1,2.50,\"x\",{\"k\":\"1979-05-27\",\"n\":\"nan\"}]",
                "db.main.url string a\nb",
                "db.main.opts.x number 1",
                "db.main.empty json {}",
                "list json [{\"z\":1,\"a\":3},{}]",
            ]
        );
        assert_eq!(
            typed(&read(ItemFormat::Toml, text, Typing::Strings).unwrap())[1..3],
            ["n string 1_000", "hex string 0xFF"]
        );
    }

    #[test]
    fn an_error_has_its_position() {
        for (text, said) in [
            ("a = 1\n'é' = x", "2:7 "),
            ("a = 1\na = 2", "2:1 duplicate key"),
            ("a = 12345678901234567890123", "1:5 an integer of TOML has at most 64 bits"),
            ("a = [1e999]", "1:6 this number is larger than a TOML float"),
            ("a = 1\rb = 2", "2:1 carriage return must be followed by newline"),
        ] {
            let found = found(check(text));
            assert!(found.starts_with(said), "{text}: {found}");
        }
        assert_eq!(
            read(ItemFormat::Toml, "a.b = 1\n\"a.b\" = 2", Typing::Keep).problems(),
            ["/items/a.b 2:1 duplicate a.b"]
        );
    }

    #[test]
    fn too_many_values_are_refused_before_a_tree_is_built() {
        let most = limits::ITEMS;
        let many = |line: &dyn Fn(usize) -> String, n: usize| (0..n).map(line).collect::<String>();
        let plain = |n: usize| format!("k{n} = 1\n");
        let table = |n: usize| format!("k{n} = {{ a.b = [1, 2] }} # comment\n");
        for line in [&plain as &dyn Fn(usize) -> String, &table] {
            assert_eq!(read(ItemFormat::Toml, &many(line, most), Typing::Keep).unwrap().len(), most);
            let wrong = read(ItemFormat::Toml, &many(line, most + 1), Typing::Keep).problems();
            assert!(wrong[0].contains(&format!("{}:", most + 1)) && wrong.len() == 1, "{wrong:?}");
        }
        // The limit of items applies to imports only, and an array is one item.
        check(&many(&plain, most + 1)).unwrap();
        let array = |n: usize| format!("a = [{}]", "1,".repeat(n));
        check(&array(MAX_TOKENS / 2 - 10)).unwrap();
        for text in
            [array(MAX_TOKENS / 2), "a={b={c=1}}\n".repeat(100_000), "[[a]]\n".repeat(200_000), "[".repeat(1_000_000)]
        {
            assert!(found(check(&text)).ends_with("more than 600000 keys, values, signs, blanks and comments"));
        }
    }

    #[test]
    fn a_comment_directly_above_a_key_is_its_comment() {
        let text =
            "# head\n\n# a\na = '''\n# text\n'''\n# tables have none\n[t]\n# one\n# two\nb.c = 1 # tail\nd = 2\n";
        let items = read(ItemFormat::Toml, text, Typing::Keep).unwrap();
        let comments: Vec<_> = items.values().map(|item| item.comment.as_str()).collect();
        assert_eq!(comments, ["a", "one\ntwo", ""]);
    }

    #[test]
    fn deep_nesting_is_refused_without_a_stack_overflow() {
        for text in [
            format!("a = {}", "[".repeat(100_000)),
            format!("a = {}", "{a=".repeat(100_000)),
            format!("{} = 1", ["a"; 100_000].join(".")),
            format!("[{}]", ["a"; 100_000].join(".")),
        ] {
            assert!(check(&text).is_err());
        }
    }

    #[test]
    fn values_that_toml_cannot_represent_are_refused() {
        let item = |kind, value: &str| Item { kind, ..Item::string(value) };
        let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let items = Items::from([
            ("null".into(), item(ValueType::Json, "[null]")),
            ("big".into(), item(ValueType::Number, "12345678901234567890123")),
            ("huge".into(), item(ValueType::Number, "1e999")),
            ("deep".into(), item(ValueType::Json, &nested)),
            ("twice".into(), item(ValueType::Json, "[{\"a\": 1, \"a\": 2}]")),
        ]);
        assert_eq!(
            write(ItemFormat::Toml, &items).problems(),
            [
                "/items/null TOML has no null",
                "/items/big an integer of TOML has at most 64 bits",
                "/items/huge this number is larger than a TOML float",
                "/items/deep nested deeper than 64 levels",
                "/items/twice 1:11 duplicate a",
            ]
        );
    }

    #[test]
    fn json_is_written_as_arrays_and_inline_tables() {
        let json = r#"[{"a b": [1.50, "x\u007f\n"], "c": {}}]"#;
        let written = entry("k.l", &Item { kind: ValueType::Json, ..Item::string(json) }).unwrap();
        assert_eq!(written, r#""k.l" = [{ "a b" = [1.50, "x\u007F\n"], c = { } }]"#);
        assert_eq!(items(ItemFormat::Toml, &written), ["k.l=[{\"a b\":[1.50,\"x\u{7f}\\n\"],\"c\":{}}]"]);
    }
}
