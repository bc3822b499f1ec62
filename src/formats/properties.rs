//! Java properties, parsed like `java.util.Properties.load(Reader)`.
//!
//! The parser is our own, because the existing ones accept less than Java does. `java-properties` 2.0 refuses the
//! surrogate pairs that Java writes for emoji, and a comment that contains `\u`; its writer makes `\u1` of U+0001.
//! `jprop` 0.2 treats a tab before a key as part of the key, and refuses a backslash before an ordinary character.

use super::{
    Codec, Frame, Media,
    collector::{ItemCollector, Position, Scalar, ScalarKind, comment_above},
    cursor::Cursor,
    syntax, without_bom,
};
use crate::domain::{
    content::{Format, Item},
    error::Invalid,
};

pub(super) const CODEC: Codec = Codec {
    name: "properties",
    media: Media { extension: "properties", content_type: "text/plain; charset=utf-8" },
    read,
    entry,
    comments: true,
    types: false,
    frame: Frame::LINES,
};

/// Checks the escapes, the only possible errors.
pub(super) fn check(text: &str) -> Result<(), Invalid> {
    entries(text, |_, _, _, _| Ok(()))
}

/// A line of a properties text, with the comment directly above it.
pub struct PropertiesEntry {
    /// The key, which may be empty.
    pub key: String,
    /// The value.
    pub value: String,
    /// The comment.
    pub comment: String,
}

/// Parses keys and values in order, without checking keys. A key can be there several times.
///
/// # Errors
/// The position of an invalid escape, with an empty pointer.
pub fn properties_entries(text: &str) -> Result<Vec<PropertiesEntry>, Invalid> {
    let mut found = Vec::new();
    entries(without_bom(text), |key, value, comment, _| {
        found.push(PropertiesEntry { key, value, comment });
        Ok(())
    })?;
    Ok(found)
}

fn read(text: &str, reading: &mut ItemCollector) -> Result<(), Invalid> {
    entries(text, |key, value, comment, at| reading.add(key, Scalar::new(ScalarKind::String, value), comment, at))
}

fn entries(
    text: &str,
    mut found: impl FnMut(String, String, String, Position) -> Result<(), Invalid>,
) -> Result<(), Invalid> {
    let mut cursor = Cursor::new(text);
    let mut end = 0;
    loop {
        let blank = |c| is_blank(c) || matches!(c, '\n' | '\r');
        cursor.take_while(blank);
        match cursor.peek() {
            None => return Ok(()),
            Some('#' | '!') => drop(cursor.take_while(|c| !matches!(c, '\n' | '\r'))),
            Some('\\') if joins_lines(&mut cursor) => {}
            Some(_) => {
                let (start, at) = (cursor.offset, cursor.at());
                let key = part(text, &mut cursor, |c| is_blank(c) || matches!(c, '=' | ':'))?;
                skip_blanks(&mut cursor);
                if cursor.eat("=") || cursor.eat(":") {
                    skip_blanks(&mut cursor);
                }
                let value = part(text, &mut cursor, |_| false)?;
                found(key, value, comment_above(text, end, start, &['#', '!']), at)?;
                end = cursor.offset;
            }
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// Skips a backslash at the end of a line, and the blanks at the beginning of the next line.
fn joins_lines(cursor: &mut Cursor) -> bool {
    let joins = ["\\\r\n", "\\\n", "\\\r"].into_iter().any(|end| cursor.eat(end)) || is_last(cursor);
    if joins {
        cursor.take_while(is_blank);
    }
    joins
}

/// Skips a backslash that is the last character; it has no meaning.
fn is_last(cursor: &mut Cursor) -> bool {
    cursor.rest() == "\\" && cursor.eat("\\")
}

fn skip_blanks(cursor: &mut Cursor) {
    while !cursor.take_while(is_blank).is_empty() || joins_lines(cursor) {}
}

/// Parses a key or a value, up to the end of the line or a delimiter.
fn part(text: &str, cursor: &mut Cursor, ends: impl Fn(char) -> bool) -> Result<String, Invalid> {
    let mut part = String::new();
    while let Some(c) = cursor.peek() {
        match c {
            '\n' | '\r' => break,
            '\\' if joins_lines(cursor) => {}
            '\\' => part.push(escaped(text, cursor)?),
            c if ends(c) => break,
            c => {
                part.push(c);
                cursor.next();
            }
        }
    }
    Ok(part)
}

fn escaped(text: &str, cursor: &mut Cursor) -> Result<char, Invalid> {
    let at = cursor.at();
    cursor.eat("\\");
    if !cursor.rest().starts_with('u') {
        return Ok(match cursor.next() {
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('f') => '\x0c',
            other => other.unwrap_or_default(),
        });
    }
    let first = unit(cursor);
    let second = match first {
        Some(0xd800..=0xdbff) if cursor.eat("\\") => unit(cursor),
        _ => None,
    };
    char::decode_utf16([first, second].into_iter().flatten()).next().and_then(Result::ok).ok_or_else(|| {
        at.invalid(text, syntax(Format::Properties, "`\\u` needs four hexadecimal digits of a character"))
    })
}

/// Parses one UTF-16 unit, written `uXXXX`.
fn unit(cursor: &mut Cursor) -> Option<u16> {
    let digits = cursor.rest().get(1..5).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    (cursor.eat("u") && cursor.eat(digits)).then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

fn entry(key: &str, item: &Item) -> Result<String, Invalid> {
    Ok(format!("{}={}", escape(key, true), escape(item.value.expose(), false)))
}

/// Escapes to ASCII, as Java does: `load(InputStream)` decodes Latin-1, and resource bundles decode UTF-8.
fn escape(text: &str, is_key: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, c) in text.chars().enumerate() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0c' => out.push_str("\\f"),
            ' ' if is_key || n == 0 => out.push_str("\\ "),
            ':' | '=' | '#' | '!' if is_key => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}"))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{found, items};
    use super::*;
    use crate::formats::{ItemFormat, Typing, read, write};

    #[test]
    fn lines_are_parsed_like_java() {
        let text = "# c\r\n! c\r\na=1\r\n  b : 2 \n\tc 3\n\x0cd\n\ne=\\\n   x\\\r\n\ty\nf\\ g\\:h\\=i = j=k\nl\\\n  m==n\n\
                    o=\\t\\n\\q\\\"\\\\\np=中\\u4e2d\\ud83d\\ude00\nq=\\ \\ two \n=empty\n\\\n# comment\nr=1\\";
        let expected = [
            ("a", "1"),
            ("b", "2 "),
            ("c", "3"),
            ("d", ""),
            ("e", "xy"),
            ("f g:h=i", "j=k"),
            ("lm", "=n"),
            ("o", "\t\nq\"\\"),
            ("p", "中中😀"),
            ("q", "  two "),
            ("", "empty"),
            ("r", "1"),
        ];
        let mut seen = Vec::new();
        entries(text, |key, value, _, _| {
            seen.push((key, value));
            Ok(())
        })
        .unwrap();
        let seen: Vec<_> = seen.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_malformed_escape_is_an_error_in_keys_and_values_but_not_in_comments() {
        check("# C:\\users\n! \\u12").unwrap();
        for (text, place) in [
            ("a=1\né=\\u12g4", "2:3 "),
            ("a\\u=1", "1:2 "),
            ("a=\\ud83d", "1:3 "),
            ("a=\\ud83d\\u0041", "1:3 "),
            ("a=\\ude00", "1:3 "),
            ("a=\\u12", "1:3 "),
            ("a=\\u+123", "1:3 "),
        ] {
            assert_eq!(found(check(text)), format!("{place}`\\u` needs four hexadecimal digits of a character"));
        }
    }

    #[test]
    fn a_comment_directly_above_a_key_is_its_comment() {
        let text = "# licence\n\n# what a is\n!  for\na=1\nb=2\n# c\n\nc=3\n";
        let items = read(ItemFormat::Properties, text, Typing::Keep).unwrap();
        let comments: Vec<_> = items.values().map(|item| item.comment.as_str()).collect();
        assert_eq!(comments, ["what a is\n for", "", ""]);
        assert_eq!(write(ItemFormat::Properties, &items).unwrap(), "# what a is\n#  for\na=1\nb=2\nc=3\n");
    }

    #[test]
    fn a_duplicate_key_is_refused_by_read_but_legal_in_a_text() {
        check("a=1\na=2").unwrap();
        assert!(read(ItemFormat::Properties, "a=1\na=2", Typing::Keep).is_err());
        assert_eq!(items(ItemFormat::Properties, ""), Vec::<String>::new());
    }

    #[test]
    fn the_export_is_ascii() {
        assert_eq!(
            entry("a b", &Item::string(" 中😀\u{1}x y#=")).unwrap(),
            "a\\ b=\\ \\u4E2D\\uD83D\\uDE00\\u0001x y#="
        );
    }
}
