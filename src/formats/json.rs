//! JSON. The parser of items ([`json::parse`]) also checks documents, so both refuse the same texts.

use std::{borrow::Cow, rc::Rc};

use super::{
    Codec, Frame, MAX_DEPTH, Media,
    collector::{ItemCollector, Position, Scalar, ScalarKind, quote},
    syntax,
    tree::{TreeEntry, TreeNode, flatten},
};
use crate::domain::{
    content::{Format, Item},
    error::{Invalid, Problem},
    json::{self, JsonMember, JsonValue},
    limits,
};

pub(super) const CODEC: Codec = Codec {
    name: "json",
    media: Media { extension: "json", content_type: "application/json" },
    read,
    entry,
    comments: false,
    types: true,
    frame: Frame { empty: "{}\n", open: "{\n", between: ",\n", close: "\n}\n" },
};

/// Maximum number of values in a document. The parser takes about 100 bytes for each.
const MAX_VALUES: usize = 400_000;

/// Checks a document. A duplicate key in an object is an error.
pub(super) fn check(text: &str) -> Result<(), Invalid> {
    check_size(text, usize::MAX)?;
    json::parse(text, MAX_DEPTH).map(drop)
}

fn read(text: &str, reading: &mut ItemCollector) -> Result<(), Invalid> {
    let text = &*without_comments(text);
    check_size(text, limits::ITEMS)?;
    match node(json::parse(text, MAX_DEPTH)?) {
        TreeNode::Map(entries) => flatten(&entries, reading),
        _ => {
            let problem = syntax(Format::Json, "the top level is not an object: `{\"key\": value, …}` is expected");
            Err(Invalid::at_byte(text, text.len() - text.trim_start().len(), problem))
        }
    }
}

/// Replaces comments with blanks: `// …`, `# …` and `/* … */`. JSON has no comments, so a document with one is refused.
/// A text for an import is often copied from a file that has some.
fn without_comments(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut done, mut at) = (0, 0);
    while let Some(found) = text[at..].find(['"', '/', '#']) {
        let start = at + found;
        let rest = &text[start..];
        at = start + 1;
        let end = if rest.starts_with('"') {
            let end = json::end_of_string(&mut text.bytes().enumerate().skip(start + 1));
            at = end.map_or(text.len(), |end| end + 1);
            continue;
        } else if let Some(inside) = rest.strip_prefix("/*") {
            match inside.find("*/") {
                Some(end) => Some(end + 4),
                // No later comment is closed either.
                None => break,
            }
        } else if rest.starts_with("//") || rest.starts_with('#') {
            rest.find(['\n', '\r']).or(Some(rest.len()))
        } else {
            None
        };
        let Some(end) = end else { continue };
        out.push_str(&text[done..start]);
        // Offsets stay the same for error positions.
        out.extend(rest[..end].bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' }));
        (done, at) = (start + end, start + end);
    }
    if done == 0 { Cow::Borrowed(text) } else { Cow::Owned(out + &text[done..]) }
}

/// Returns a text in which comments and trailing commas are blanks, as some products read JSON. Positions stay the same.
pub fn lenient_json(text: &str) -> String {
    let text = super::without_bom(text);
    let mut bytes = without_comments(text).into_owned().into_bytes();
    let mut comma = None;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b',' => comma = Some(at),
            b'}' | b']' => {
                if let Some(comma) = comma.take() {
                    bytes[comma] = b' ';
                }
            }
            b'"' => {
                comma = None;
                let rest = bytes.iter().copied().enumerate().skip(at + 1);
                at = json::end_of_string(&mut rest.into_iter()).unwrap_or(bytes.len());
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        at += 1;
    }
    String::from_utf8(bytes).expect("only ASCII characters were replaced")
}

fn entry(key: &str, item: &Item) -> Result<String, Invalid> {
    Ok(format!("  {}: {}", quote(key), item.raw().get()))
}

/// Parses the value of an item that is not a string.
///
/// # Errors
/// Values that [`Item::check`] refuses; older releases can contain them.
pub(super) fn item_value(item: &Item) -> Result<JsonValue<'_>, Invalid> {
    json::parse(item.value.expose().trim(), MAX_DEPTH - 1)
}

/// Counts the values, and those that become items, before a tree is built.
fn check_size(text: &str, items: usize) -> Result<(), Invalid> {
    let (mut arrays, mut values, mut found, mut named) = (0_usize, 1, 0, false);
    let mut bytes = text.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        if byte.is_ascii_whitespace() {
            continue;
        }
        // A value in an object is an item, unless it is an object itself.
        found += usize::from(std::mem::take(&mut named) && byte != b'{');
        let at = Position::Byte(offset);
        if found > items {
            return Err(at.invalid(text, Problem::TooMany { max: items }));
        }
        match byte {
            b',' if values == MAX_VALUES => {
                return Err(at.invalid(text, syntax(Format::Json, format!("more than {MAX_VALUES} values"))));
            }
            b',' => values += 1,
            b':' => named = arrays == 0,
            b'[' => arrays += 1,
            // The parser checks the syntax later.
            b']' => arrays = arrays.saturating_sub(1),
            b'"' => _ = json::end_of_string(&mut bytes),
            _ => {}
        }
    }
    Ok(())
}

/// Converts a value to a node. An array is one node with its text.
fn node(value: JsonValue) -> TreeNode {
    TreeNode::Scalar(match value {
        JsonValue::Literal("null") => Scalar::new(ScalarKind::Null, "null"),
        JsonValue::Literal(literal @ ("true" | "false")) => Scalar::new(ScalarKind::Boolean, literal),
        JsonValue::Literal(number) => Scalar::new(ScalarKind::Number, number),
        JsonValue::String(string) => Scalar::new(ScalarKind::String, string),
        JsonValue::List { raw, .. } => Scalar::new(ScalarKind::Json, raw),
        JsonValue::Map(members) => {
            let entry = |JsonMember { key, value, offset }| TreeEntry {
                key,
                node: Rc::new(node(value)),
                comment: String::new(),
                at: Position::Byte(offset),
            };
            return TreeNode::Map(members.into_iter().map(entry).collect());
        }
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn comments_and_trailing_commas_become_blanks() {
        for (text, expected) in [
            ("{\"a\": 1, }", "{\"a\": 1  }"),
            ("[1, 2, // x\n]", "[1, 2      \n]"),
            ("{\"a,}\": \",]\",}", "{\"a,}\": \",]\" }"),
            ("[[1],]", "[[1] ]"),
            ("{\"a", "{\"a"),
        ] {
            assert_eq!(super::lenient_json(text), expected, "{text}");
        }
    }

    use super::super::tests::{Problems, found, items, typed};
    use super::*;
    use crate::formats::{ItemFormat, Typing, read};

    #[test]
    fn values_keep_their_digits_and_their_text() {
        let text = "{\"n\": 1.50e3, \"big\": 12345678901234567890123, \"huge\": 1e999, \"t\": true, \"nothing\": null,\n \
                    \"s\": \"1\", \"list\": [ 1,\n {\"a\": 2} ], \"empty\": {}}";
        assert_eq!(
            typed(&read(ItemFormat::Json, text, Typing::Keep).unwrap()),
            [
                "n number 1.50e3",
                "big number 12345678901234567890123",
                "huge number 1e999",
                "t boolean true",
                "nothing json null",
                "s string 1",
                "list json [ 1,\n {\"a\": 2} ]",
                "empty json {}",
            ]
        );
        assert_eq!(
            typed(&read(ItemFormat::Json, text, Typing::Strings).unwrap())[..5],
            [
                "n string 1.50e3",
                "big string 12345678901234567890123",
                "huge string 1e999",
                "t string true",
                "nothing string "
            ]
        );
    }

    #[test]
    fn comments_are_ignored_at_an_import() {
        let text = "// one: {\n# two\r\n/* \"three\n */ {\"a\": \"// # /* \\\" //\", // é\n  \"b\": [1, /* two */ 2] # end\n} //";
        assert_eq!(items(ItemFormat::Json, text), ["a=// # /* \" //", "b=[1,           2]"]);
        assert_eq!(read(ItemFormat::Json, "// é\n{\"a\": /* e */}", Typing::Keep).problems(), [" 2:14 expected value"]);
        assert_eq!(read(ItemFormat::Json, "/* {\"a\": 1}", Typing::Keep).problems(), [" 1:1 expected value"]);
        assert_eq!(items(ItemFormat::Json, "/*/ x */{\"a\": 1}"), ["a=1"]);
        // Quadratic time would be hours here.
        let unclosed = "/* ".repeat(crate::formats::MAX_SOURCE_BYTES / 3);
        assert_eq!(read(ItemFormat::Json, &unclosed, Typing::Keep).problems(), [" 1:1 expected value"]);
        assert_eq!(found(check("// c\n{}")), "1:1 expected value");
    }

    #[test]
    fn nested_keys_are_joined_with_dots() {
        let text = r#"{"db": {"url": "x", "pool": {"max": 1}}, "": {"a": 2}}"#;
        assert_eq!(items(ItemFormat::Json, text), ["db.url=x", "db.pool.max=1", ".a=2"]);
    }

    #[test]
    fn a_duplicate_key_is_an_error_at_any_level() {
        check("{\"a\": [{\"b\": 1}, {\"b\": 1}], \"b\": {\"a\": 1}}").unwrap();
        assert_eq!(found(check("{\"é\": [{\"b\": 1, \"b\": 2}]}")), "1:17 duplicate b");
        assert_eq!(found(check("{\"a\": 1,\n \"\\u0061\": 2}")), "2:2 duplicate a");
        assert_eq!(
            read(ItemFormat::Json, "{\"a.b\": 1, \"a\": {\"b\": 2}}", Typing::Keep).problems(),
            ["/items/a.b 1:18 duplicate a.b"]
        );
    }

    #[test]
    fn an_error_has_its_line_and_its_column_in_characters() {
        assert_eq!(found(check("{\n  \"é\": ,\n}")), "2:8 expected value");
        assert_eq!(found(check("{\r  \"é\": ,\r}")), "2:8 expected value");
        assert_eq!(found(check("{\"a\": 1} x")), "1:10 trailing characters");
        assert_eq!(found(check("{\"a\": 1")), "1:7 EOF while parsing an object");
        assert_eq!(found(check("{\n \"a\": \"\\ud800\"}")), "2:7 unexpected end of hex escape");
        assert_eq!(
            read(ItemFormat::Json, " [1]", Typing::Keep).problems(),
            [" 1:2 the top level is not an object: `{\"key\": value, …}` is expected"]
        );
    }

    #[test]
    fn deep_nesting_is_refused_without_a_stack_overflow() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |depth| format!("{}1{}", open.repeat(depth), close.repeat(depth));
            check(&nested(MAX_DEPTH)).unwrap();
            let place = 1 + MAX_DEPTH * open.len();
            assert_eq!(found(check(&nested(MAX_DEPTH + 1))), format!("1:{place} nested deeper than 128 levels"));
            assert_eq!(found(check(&nested(100_000))), format!("1:{place} nested deeper than 128 levels"));
            assert!(found(check(&open.repeat(100_000))).contains("EOF"));
        }
        check(&format!("\"{}\\\"[\"", "[".repeat(MAX_DEPTH + 1))).unwrap();
    }

    #[test]
    fn too_many_values_are_refused_before_a_tree_is_built() {
        let most = limits::ITEMS;
        let object = |member: &dyn Fn(usize) -> String, n: usize| {
            format!("{{{}}}", (0..n).map(member).collect::<Vec<_>>().join(","))
        };
        let plain = |n: usize| format!("\"k{n}:\": [1, {{\"a\": 2}}]");
        let nested = |n: usize| format!("\"k{n}\": {{\"a\": {{\"b\": \"[\\\",\"}}}}");
        for member in [&plain as &dyn Fn(usize) -> String, &nested] {
            assert_eq!(read(ItemFormat::Json, &object(member, most), Typing::Keep).unwrap().len(), most);
            let wrong = read(ItemFormat::Json, &object(member, most + 1), Typing::Keep).problems();
            assert!(wrong.len() == 1 && wrong[0].contains("20000"), "{wrong:?}");
        }
        check(&object(&plain, most + 1)).unwrap();
        let array = |n: usize| format!("[{}]", vec!["1"; n].join(","));
        check(&array(MAX_VALUES)).unwrap();
        assert_eq!(found(check(&array(MAX_VALUES + 1))), "1:800001 more than 400000 values");
    }
}
