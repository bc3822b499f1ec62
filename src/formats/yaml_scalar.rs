//! Kinds of YAML scalars. A scalar is a number only if all readers parse it as the same number.

use granit_parser::{ScalarStyle, Tag};

use super::{
    collector::{ScalarKind, number},
    syntax,
};
use crate::domain::{content::Format, error::Problem};

pub(super) fn problem(detail: impl Into<String>) -> Problem {
    syntax(Format::Yaml, detail)
}

/// Returns whether the tag is `!`, which makes any scalar a string.
pub(super) fn is_plain_string(tag: &Tag) -> bool {
    matches!(tag.parts(), ("", "!") | ("!", ""))
}

/// Returns the kind of a scalar in the core schema of YAML 1.2, with numbers restricted to those of all readers.
pub(super) fn kind(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> ScalarKind {
    let is_string = match tag {
        Some(tag) => is_plain_string(tag) || tag.is_yaml_core_schema_tag("str"),
        None => style != ScalarStyle::Plain,
    };
    let is_tagged_number = tag.is_some_and(|tag| ["int", "float"].iter().any(|name| tag.is_yaml_core_schema_tag(name)));
    match text {
        _ if is_string => ScalarKind::String,
        "" | "~" | "null" | "Null" | "NULL" => ScalarKind::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => ScalarKind::Boolean,
        _ if is_number_everywhere(text) || is_tagged_number && number(text).is_some() => ScalarKind::Number,
        _ => ScalarKind::String,
    }
}

/// Maximum number of significant digits that a double preserves.
const MAX_DOUBLE_DIGITS: usize = 17;

/// Returns whether a plain scalar is the same number for readers of YAML 1.1 and 1.2 and of JSON, with 64-bit numbers.
///
/// - Integers are decimal, or hexadecimal without a sign, have no leading zeros, and fit into a signed 64-bit integer.
///   Readers that only have doubles round longer ones in YAML and JSON alike.
/// - Other numbers have a point and at most 17 digits, and an exponent has a sign (`1e3` is a string in YAML 1.1). They
///   are neither infinite nor rounded to zero.
pub(super) fn is_number_everywhere(text: &str) -> bool {
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_signed = unsigned.len() < text.len();
    let has_no_leading_zero = |whole: &str| whole == "0" || !whole.starts_with('0');
    if let Some(hex) = text.strip_prefix("0x") {
        return hex.bytes().all(|b| b.is_ascii_hexdigit()) && i64::from_str_radix(hex, 16).is_ok();
    }
    if is_digits(unsigned) {
        return has_no_leading_zero(unsigned) && text.parse::<i64>().is_ok();
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "+0"));
    let Some((whole, fraction)) = mantissa.split_once('.') else { return false };
    let is_float = is_digits(whole)
        && is_digits(fraction)
        && has_no_leading_zero(whole)
        && (!whole.is_empty() || !fraction.is_empty() && !is_signed)
        && exponent.strip_prefix(['+', '-']).is_some_and(|digits| !digits.is_empty() && is_digits(digits));
    let digits = [whole, fraction].concat();
    let digits = digits.trim_matches('0');
    let is_kept = |double: f64| double.is_finite() && (double != 0.0 || digits.is_empty());
    is_float && digits.len() <= MAX_DOUBLE_DIGITS && text.parse().is_ok_and(is_kept)
}

#[cfg(test)]
mod tests {
    use super::super::tests::typed;
    use crate::formats::{ItemFormat, Typing, read};

    /// The expectations hold for PyYAML 6, ruamel.yaml 0.19, go-yaml 3, npm yaml 2 and js-yaml 5 alike.
    #[test]
    fn a_number_is_the_same_for_every_reader() {
        for (literal, number) in [
            ("0", "0"),
            ("-0", "-0"),
            ("+1", "1"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("0x1F", "31"),
            ("0x7fffffffffffffff", "9223372036854775807"),
            (".5", "0.5"),
            ("1.", "1"),
            ("+1.50", "1.50"),
            ("-0.0", "-0.0"),
            ("1.5e+3", "1.5e+3"),
            ("1.E-3", "1E-3"),
            (".5e+3", "0.5e+3"),
            ("0.12345678901234567", "0.12345678901234567"),
            ("1.00000000000000000000", "1.00000000000000000000"),
            ("1.7976931348623157e+308", "1.7976931348623157e+308"),
        ] {
            let items = read(ItemFormat::Yaml, &format!("a: {literal}\nb: [{literal}]"), Typing::Keep).unwrap();
            assert_eq!(typed(&items), [format!("a number {number}"), format!("b json [{number}]")], "{literal}");
        }
        let strings = "12e4567 0e123 1234e56 1e999 1.0e+999 -1.0e+999 1.0e-999 1e3 1E3 1e+3 1.5e3 1.5e+ -.5 +.5 1_000 1_000.5 017 \
                       0777 08 00 01.5 0o17 -0x1F 0b101 0X1F 0x 1:30 190:20:30 .inf -.INF .nan nan 9223372036854775808 \
                       -9223372036854775809 18446744073709551615 0x8000000000000000 12345678901234567890123 \
                       0.123456789012345678 3.14159265358979323846 123456789012345678.5 1.2.3 2024-01-31 2024_01 . + 1- 1.e １";
        for literal in strings.split(' ') {
            let items = read(ItemFormat::Yaml, &format!("a: {literal}\nb: [{literal}]"), Typing::Keep).unwrap();
            assert_eq!(typed(&items), [format!("a string {literal}"), format!("b json [\"{literal}\"]")], "{literal}");
        }
    }

    #[test]
    fn a_tagged_number_may_have_any_notation() {
        let text = "a: !!float 1e3\nb: !!int 0o17\nc: [!!int 12345678901234567890123, !!float 1e999]\nd: !!int x\n";
        assert_eq!(
            typed(&read(ItemFormat::Yaml, text, Typing::Keep).unwrap()),
            ["a number 1e3", "b number 15", "c json [12345678901234567890123,1e999]", "d string x"]
        );
    }
}
