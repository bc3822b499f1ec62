//! JSON. Values are taken as raw text, so that numbers keep their digits and arrays their white space.

use std::{borrow::Cow, collections::HashSet, fmt, rc::Rc};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    Codec, DEPTH, Frame, Media,
    reading::{At, Kind, Reading, Scalar, quote},
    syntax,
    tree::{Entry, Node, flatten},
};
use crate::domain::{
    content::{Format, Item, ValueType, deeper_than, json_error},
    error::{Invalid, Problem},
    limits,
};

pub(super) const CODEC: Codec = Codec {
    name: "json",
    media: Media { extension: "json", content_type: "application/json" },
    read,
    entry,
    comments: false,
    frame: Frame { empty: "{}\n", open: "{\n", between: ",\n", close: "\n}\n" },
};

/// Maximum number of values in a document. Each takes about 100 bytes while it is read.
const VALUES: usize = 400_000;

/// Checks a whole document; the same key twice in one object is an error.
pub(super) fn check(text: &str) -> Result<(), Invalid> {
    let raw = raw(text, DEPTH)?;
    check_size(text, usize::MAX)?;
    value(text, raw).map(drop)
}

fn read(text: &str, reading: &mut Reading) -> Result<(), Invalid> {
    let text = &*without_comments(text);
    let raw = raw(text, DEPTH)?;
    check_size(text, limits::ITEMS)?;
    match value(text, raw)?.node() {
        Node::Map(entries) => flatten(&entries, reading),
        _ => {
            let problem = syntax(Format::Json, "the top level is not an object: `{\"key\": value, …}` is expected");
            Err(at(text, raw).invalid(text, problem))
        }
    }
}

/// The text with blanks in the places of comments: `// …`, `# …` and `/* … */`. JSON has none, so a document with one is
/// refused; a text that items are read from is often cut out of a file that has some.
fn without_comments(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut done, mut at) = (0, 0);
    while let Some(found) = text[at..].find(['"', '/', '#']) {
        let start = at + found;
        let rest = &text[start..];
        at = start + 1;
        let end = if rest.starts_with('"') {
            at = end_of_string(text, start);
            continue;
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|end| end + 2)
        } else if rest.starts_with("//") || rest.starts_with('#') {
            rest.find(['\n', '\r']).or(Some(rest.len()))
        } else {
            None
        };
        let Some(end) = end else { continue };
        out.push_str(&text[done..start]);
        // Every byte keeps its place, which errors tell.
        out.extend(rest[..end].bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' }));
        (done, at) = (start + end, start + end);
    }
    if done == 0 { Cow::Borrowed(text) } else { Cow::Owned(out + &text[done..]) }
}

/// The place after the string that begins at `start`, or the end of the text.
fn end_of_string(text: &str, start: usize) -> usize {
    let mut bytes = text.bytes().enumerate().skip(start + 1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn entry(key: &str, item: &Item) -> Result<String, Invalid> {
    let value = match item.kind {
        ValueType::String => quote(&item.value),
        _ => item_value(item).map(|_| item.value.trim().to_owned())?,
    };
    Ok(format!("  {}: {value}", quote(key)))
}

/// The value of an item that is not a string, checked as if it stood in a document.
pub(super) fn item_value(item: &Item) -> Result<Value<'_>, Invalid> {
    value(&item.value, raw(&item.value, DEPTH - 1)?)
}

/// A JSON value. The maps of Rust would lose double keys, the number types digits.
pub(super) enum Value<'t> {
    /// A number, `true`, `false` or `null`.
    Literal(&'t str),
    String(String),
    List {
        raw: &'t str,
        values: Vec<Value<'t>>,
    },
    Map(Vec<Member<'t>>),
}

/// A key with its value, and where the key stands.
pub(super) struct Member<'t> {
    pub(super) key: String,
    pub(super) value: Value<'t>,
    at: At,
}

impl Value<'_> {
    /// As items are made of it: an array is one value, its text.
    fn node(self) -> Node {
        Node::Scalar(match self {
            Self::Literal("null") => Scalar::new(Kind::Null, "null"),
            Self::Literal(literal @ ("true" | "false")) => Scalar::new(Kind::Boolean, literal),
            Self::Literal(number) => Scalar::new(Kind::Number, number),
            Self::String(string) => Scalar::new(Kind::String, string),
            Self::List { raw, .. } => Scalar::new(Kind::Json, raw),
            Self::Map(members) => {
                let entry = |Member { key, value, at }| {
                    let node = Rc::new(Value::node(value));
                    Entry { key, node, comment: String::new(), at }
                };
                return Node::Map(members.into_iter().map(entry).collect());
            }
        })
    }
}

/// Counts values, and those that become items, of a text that is JSON, before a tree is made of them all.
fn check_size(text: &str, items: usize) -> Result<(), Invalid> {
    let (mut arrays, mut values, mut found, mut named) = (0, 1, 0, false);
    let mut bytes = text.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        if byte.is_ascii_whitespace() {
            continue;
        }
        // What stands in an object is an item, the object is none.
        found += usize::from(std::mem::take(&mut named) && byte != b'{');
        let at = At::Byte(offset);
        if found > items {
            return Err(at.invalid(text, Problem::TooMany { max: items }));
        }
        match byte {
            b',' if values == VALUES => {
                return Err(at.invalid(text, syntax(Format::Json, format!("more than {VALUES} values"))));
            }
            b',' => values += 1,
            b':' => named = arrays == 0,
            b'[' => arrays += 1,
            b']' => arrays -= 1,
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
    Ok(())
}

/// The value of a part of the text, which is not too deep.
fn value<'t>(text: &str, part: &'t RawValue) -> Result<Value<'t>, Invalid> {
    let unreadable = |error: serde_json::Error| at(text, part).invalid(text, json_error(&error).problem);
    let raw = part.get();
    Ok(match raw.as_bytes()[0] {
        b'{' => {
            let Members(members) = serde_json::from_str(raw).map_err(unreadable)?;
            let mut seen = HashSet::new();
            let member = |(name, part): (&'t RawValue, &'t RawValue)| {
                let key: String = serde_json::from_str(name.get()).map_err(unreadable)?;
                let at = at(text, name);
                if !seen.insert(key.clone()) {
                    return Err(at.invalid(text, Problem::Duplicate { key }));
                }
                Ok(Member { key, value: value(text, part)?, at })
            };
            Value::Map(members.into_iter().map(member).collect::<Result<_, _>>()?)
        }
        b'[' => {
            let parts: Vec<&RawValue> = serde_json::from_str(raw).map_err(unreadable)?;
            let values = parts.into_iter().map(|part| value(text, part)).collect::<Result<_, _>>()?;
            Value::List { raw, values }
        }
        b'"' => Value::String(serde_json::from_str(raw).map_err(unreadable)?),
        _ => Value::Literal(raw),
    })
}

/// The place of a part of the text.
fn at(text: &str, part: &RawValue) -> At {
    At::Byte(part.get().as_ptr().addr() - text.as_ptr().addr())
}

/// The text without the white space around it, when it is JSON of at most so many levels.
fn raw(text: &str, depth: usize) -> Result<&RawValue, Invalid> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        let invalid = json_error(&error);
        // The parser counts columns in bytes.
        if let (Some(line), Some(column)) = (invalid.line, invalid.column) {
            let start = text.split_inclusive('\n').take(line as usize - 1).map(str::len).sum::<usize>();
            let line = text[start..].split('\n').next().unwrap_or_default();
            return At::Byte(start + line.len().min(column as usize - 1)).invalid(text, invalid.problem);
        }
        invalid
    })?;
    match deeper_than(depth, text) {
        Some(at) => Err(At::Byte(at).invalid(text, syntax(Format::Json, format!("nested deeper than {DEPTH} levels")))),
        None => Ok(raw),
    }
}

/// The members of an object, double keys and all.
struct Members<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Problems, found, items, typed};
    use super::*;
    use crate::formats::{Source, Typing, read};

    #[test]
    fn values_keep_their_digits_and_their_text() {
        let text = "{\"n\": 1.50e3, \"big\": 12345678901234567890123, \"huge\": 1e999, \"t\": true, \"nothing\": null,\n \
                    \"s\": \"1\", \"list\": [ 1,\n {\"a\": 2} ], \"empty\": {}}";
        assert_eq!(
            typed(&read(Source::Json, text, Typing::Keep).unwrap()),
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
            typed(&read(Source::Json, text, Typing::Strings).unwrap())[..5],
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
    fn comments_are_skipped_where_items_are_read() {
        let text = "// one: {\n# two\r\n/* \"three\n */ {\"a\": \"// # /* \\\" //\", // é\n  \"b\": [1, /* two */ 2] # end\n} //";
        assert_eq!(items(Source::Json, text), ["a=// # /* \" //", "b=[1,           2]"]);
        assert_eq!(read(Source::Json, "// é\n{\"a\": /* e */}", Typing::Keep).problems(), [" 2:14 expected value"]);
        assert_eq!(read(Source::Json, "/* {\"a\": 1}", Typing::Keep).problems(), [" 1:1 expected value"]);
        assert_eq!(found(check("// c\n{}")), "1:1 expected value");
    }

    #[test]
    fn nested_keys_are_joined_with_dots() {
        let text = r#"{"db": {"url": "x", "pool": {"max": 1}}, "": {"a": 2}}"#;
        assert_eq!(items(Source::Json, text), ["db.url=x", "db.pool.max=1", ".a=2"]);
    }

    #[test]
    fn the_same_key_twice_is_an_error_wherever_it_is() {
        check("{\"a\": [{\"b\": 1}, {\"b\": 1}], \"b\": {\"a\": 1}}").unwrap();
        assert_eq!(found(check("{\"é\": [{\"b\": 1, \"b\": 2}]}")), "1:17 duplicate b");
        assert_eq!(found(check("{\"a\": 1,\n \"\\u0061\": 2}")), "2:2 duplicate a");
        assert_eq!(
            read(Source::Json, "{\"a.b\": 1, \"a\": {\"b\": 2}}", Typing::Keep).problems(),
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
            read(Source::Json, " [1]", Typing::Keep).problems(),
            [" 1:2 the top level is not an object: `{\"key\": value, …}` is expected"]
        );
    }

    #[test]
    fn too_much_is_refused_before_it_is_a_tree() {
        let most = limits::ITEMS;
        let object = |member: &dyn Fn(usize) -> String, n: usize| {
            format!("{{{}}}", (0..n).map(member).collect::<Vec<_>>().join(","))
        };
        let plain = |n: usize| format!("\"k{n}:\": [1, {{\"a\": 2}}]");
        let nested = |n: usize| format!("\"k{n}\": {{\"a\": {{\"b\": \"[\\\",\"}}}}");
        for member in [&plain as &dyn Fn(usize) -> String, &nested] {
            assert_eq!(read(Source::Json, &object(member, most), Typing::Keep).unwrap().len(), most);
            let wrong = read(Source::Json, &object(member, most + 1), Typing::Keep).problems();
            assert!(wrong.len() == 1 && wrong[0].contains("20000"), "{wrong:?}");
        }
        check(&object(&plain, most + 1)).unwrap();
        let array = |n: usize| format!("[{}]", vec!["1"; n].join(","));
        check(&array(VALUES)).unwrap();
        assert_eq!(found(check(&array(VALUES + 1))), "1:800001 more than 400000 values");
    }

    #[test]
    fn deep_nesting_is_refused_without_a_stack_overflow() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |depth| format!("{}1{}", open.repeat(depth), close.repeat(depth));
            check(&nested(DEPTH)).unwrap();
            let place = 1 + DEPTH * open.len();
            assert_eq!(found(check(&nested(DEPTH + 1))), format!("1:{place} nested deeper than 128 levels"));
            assert_eq!(found(check(&nested(100_000))), format!("1:{place} nested deeper than 128 levels"));
            assert!(found(check(&open.repeat(100_000))).contains("EOF"));
        }
        check(&format!("\"{}\\\"[\"", "[".repeat(DEPTH + 1))).unwrap();
    }
}
