//! Writes items as YAML that readers of 1.1 and 1.2 parse alike.

use super::{
    json,
    yaml_scalar::{is_number_everywhere, problem},
};
use crate::domain::{
    content::{Item, ValueType},
    error::Invalid,
    json::{JsonMember, JsonValue},
};

/// Maximum number of characters of a key without the indicator `?`.
const MAX_SIMPLE_KEY_CHARS: usize = 1000;

pub(super) fn entry(key: &str, item: &Item) -> Result<String, Invalid> {
    let value = match item.kind {
        ValueType::String if is_block(item.value.expose()) => block(item.value.expose()),
        ValueType::String => scalar(item.value.expose()),
        _ => {
            let mut value = String::new();
            push_flow(&mut value, &json::item_value(item)?)?;
            value
        }
    };
    Ok(format!("{}: {value}", scalar(key)))
}

/// Writes a string, without quotes if every reader parses it as that string.
fn scalar(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if begins && text.chars().all(plain) && !words.contains(&&*text.to_ascii_lowercase()) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Returns whether readers of YAML 1.1 and 1.2 give a character no special meaning.
fn is_plain_character(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_plain_character(c) => out.push(c),
            c => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Returns whether a text can be a block scalar. Blanks and line ends at its edges would need further indicators.
fn is_block(text: &str) -> bool {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    text.contains('\n')
        && !lines.starts_with(['\n', ' '])
        && !lines.ends_with('\n')
        && lines.split('\n').all(|line| line.chars().all(is_plain_character) && !line.ends_with(' '))
        && !lines.is_empty()
}

fn block(text: &str) -> String {
    let mut out = String::from(if text.ends_with('\n') { "|" } else { "|-" });
    for line in text.lines() {
        out.push_str(if line.is_empty() { "\n" } else { "\n  " });
        out.push_str(line);
    }
    out
}

/// Returns the tag that a number needs so that every reader, including [`super::read`], parses it as a number.
///
/// # Errors
/// Numbers that go-yaml cannot represent; it would refuse the whole file.
fn number_tag(literal: &str) -> Result<&'static str, Invalid> {
    let fault = |detail: &str| Err(Invalid::new("", problem(detail)));
    match literal {
        "null" | "true" | "false" => Ok(""),
        _ if is_number_everywhere(literal) => Ok(""),
        _ if literal.contains(['.', 'e', 'E']) => match literal.parse() {
            Ok(f64::INFINITY | f64::NEG_INFINITY) => fault("some parsers reject numbers of this size"),
            _ => Ok("!!float "),
        },
        _ if literal.parse::<u64>().is_err() && literal.parse::<i64>().is_err() => {
            fault("some parsers reject integers of more than 64 bits")
        }
        _ => Ok("!!int "),
    }
}

fn push_flow(out: &mut String, value: &JsonValue) -> Result<(), Invalid> {
    match value {
        JsonValue::Literal(literal) => {
            out.push_str(number_tag(literal)?);
            out.push_str(literal);
        }
        JsonValue::String(string) => out.push_str(&quoted(string)),
        JsonValue::List { values, .. } => {
            out.push('[');
            for (n, value) in values.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                push_flow(out, value)?;
            }
            out.push(']');
        }
        JsonValue::Map(members) => {
            out.push('{');
            for (n, JsonMember { key, value, .. }) in members.iter().enumerate() {
                let key = quoted(key);
                out.push_str(if n == 0 { "" } else { ", " });
                out.push_str(if key.len() > MAX_SIMPLE_KEY_CHARS { "? " } else { "" });
                out.push_str(&key);
                out.push_str(": ");
                push_flow(out, value)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::items;
    use super::*;
    use crate::formats::ItemFormat;

    #[test]
    fn strings_that_older_readers_misinterpret_are_quoted() {
        for plain in ["a", "db.url", "_x/y-z.1", "nobody"] {
            assert_eq!(scalar(plain), plain);
        }
        for text in
            ["", "1", "no", "Yes", "y", "null", "~", ".inf", "a b", "a:", "é", "0x1F", "2024-01-31", "12:30", "<<"]
        {
            assert!(scalar(text).starts_with('"'), "{text}");
        }
        assert_eq!(scalar("é\u{2028}\u{85}\u{1}\u{feff}\"\\😀"), r#""é\u2028\u0085\u0001\uFEFF\"\\😀""#);
    }

    #[test]
    fn a_multi_line_text_is_written_as_a_block_if_possible() {
        for text in ["a\n\n  b\nc", "a\nb\n", "#a\n---\n"] {
            assert!(is_block(text), "{text:?}");
        }
        for text in ["", "a", "\n", "\na", " a\nb", "a \nb", "a\n\n", "a\r\nb", "a\n\tb", "a\n\u{85}b"] {
            assert!(!is_block(text), "{text:?}");
        }
    }

    #[test]
    fn a_number_that_some_reader_cannot_represent_is_refused() {
        let number = |literal: &str| entry("a", &Item { kind: ValueType::Number, ..Item::string(literal) });
        for kept in ["18446744073709551615", "-9223372036854775808", "1e300", "0.12345678901234567890"] {
            assert!(number(kept).is_ok(), "{kept}");
        }
        for lost in ["18446744073709551616", "-9223372036854775809", "12345678901234567890123", "1e400", "-1.0e+999"] {
            assert!(number(lost).is_err(), "{lost}");
        }
        let json = Item { kind: ValueType::Json, ..Item::string("[1e999]") };
        assert!(entry("a", &json).is_err());
    }

    #[test]
    fn a_very_long_key_in_json_gets_an_indicator() {
        let key = "é".repeat(2000);
        let json = format!("[{{\"{key}\":1}}]");
        let written = entry("a", &Item { kind: ValueType::Json, ..Item::string(&*json) }).unwrap();
        assert_eq!(items(ItemFormat::Yaml, &written), [format!("a={json}")]);
    }
}
