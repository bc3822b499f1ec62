//! Tests of all formats, and helpers for the tests of each.

use proptest::{prelude::*, sample::select, test_runner::TestCaseResult};

use super::*;
use crate::domain::content::{ValueType, check_key};

/// Returns the result of a check: `line:column detail`, or `ok`.
pub(super) fn found(checked: Result<(), Invalid>) -> String {
    checked.map_or_else(|invalid| said(&invalid), |()| "ok".to_owned())
}

fn said(invalid: &Invalid) -> String {
    let place = match (invalid.line, invalid.column) {
        (Some(line), Some(column)) => format!("{line}:{column} "),
        _ => String::new(),
    };
    let problem = match &invalid.problem {
        Problem::Syntax { detail, .. } => detail.clone(),
        Problem::Duplicate { key } => format!("duplicate {key}"),
        problem => format!("{problem:?}"),
    };
    place + &problem
}

/// Formats problems: `pointer line:column detail`.
pub(super) trait Problems {
    fn problems(self) -> Vec<String>;
}

impl<T> Problems for Result<T, Vec<Invalid>> {
    fn problems(self) -> Vec<String> {
        let wrong = self.err().unwrap_or_default();
        wrong.iter().map(|invalid| format!("{} {}", invalid.pointer, said(invalid))).collect()
    }
}

/// Returns `key=value` of all items.
pub(super) fn items(source: ItemFormat, text: &str) -> Vec<String> {
    read(source, text, Typing::Keep)
        .unwrap()
        .iter()
        .map(|(key, item)| format!("{key}={}", item.value.expose()))
        .collect()
}

/// Returns `key type value` of all items.
pub(super) fn typed(items: &Items) -> Vec<String> {
    items.iter().map(|(key, item)| format!("{key} {} {}", item.kind.as_str(), item.value.expose())).collect()
}

const HOSTILE: [&str; 44] = [
    "", " ", "  ", "\t", "\n", "\r\n", "\r", "\n\n", "'", "\"", "`", "\\", "\\n", "#", " #", "# ", "=", ":", ": ",
    "- ", "${X}", "$(x)", "é", "商店", "😀", "\u{2028}", "\u{85}", "\u{feff}", "\u{a0}", "\0", "\u{1}", "\u{b}",
    "\u{c}", "\u{1b}", "\u{7f}", "\u{9f}", "\u{fffe}", "'''", "\"\"\"", "---", "a", "b c", "{", "]",
];

const LOOKALIKES: [&str; 26] = [
    "true",
    "False",
    "yes",
    "no",
    "on",
    "null",
    "~",
    "NULL",
    "123",
    "-1",
    "1.5",
    "1e5",
    "0x1F",
    "0777",
    "1_000",
    ".inf",
    "nan",
    "2024-01-31",
    "12:30:45",
    "1979-05-27T07:32:00Z",
    "<<",
    "[1]",
    "{}",
    "{\"a\":1}",
    "!!str x",
    "*a",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => select(&LOOKALIKES[..]).prop_map(str::to_owned),
        5 => prop::collection::vec(select(&HOSTILE[..]), 0..8).prop_map(|parts| parts.concat()),
        2 => any::<String>(),
    ]
}

fn key() -> impl Strategy<Value = String> {
    text().prop_map(|key| if check_key(&key).is_ok() { key } else { "plain.key".to_owned() })
}

fn comment() -> impl Strategy<Value = String> {
    select(&["", "", "what it is", "# 'odd' \"one\": [x", "two\n\n lines", "!é"][..]).prop_map(str::to_owned)
}

fn item() -> impl Strategy<Value = Item> {
    const NUMBERS: [&str; 7] = ["0", "-0", "1.50e3", "-1E+5", "9223372036854775807", "0.10", "1e-7"];
    const JSON: [&str; 6] =
        ["null", "{}", "[]", "[1.50,-0]", "[null,true,\"a\\u0000\\\"é\u{2028}😀\\n\"]", "[[],{\"\":{\"a: b\":[{}]}}]"];
    let of = |kind| move |value: String| Item { kind, ..Item::string(value) };
    let value = prop_oneof![
        6 => text().prop_map(Item::string),
        1 => select(&NUMBERS[..]).prop_map(str::to_owned).prop_map(of(ValueType::Number)),
        1 => select(&["true", "false"][..]).prop_map(str::to_owned).prop_map(of(ValueType::Boolean)),
        1 => select(&JSON[..]).prop_map(str::to_owned).prop_map(of(ValueType::Json)),
    ];
    (value, comment()).prop_map(|(item, comment)| Item { comment, ..item })
}

fn all_items() -> impl Strategy<Value = Items> {
    prop::collection::vec((key(), item()), 0..6).prop_map(|items| items.into_iter().collect())
}

/// Returns the items in a form that the format can represent.
fn representable(source: ItemFormat, items: Items) -> Items {
    items
        .into_iter()
        .enumerate()
        .map(|(n, (key, mut item))| {
            match source {
                ItemFormat::Json => item.comment.clear(),
                ItemFormat::Yaml => {}
                ItemFormat::Toml => item.value = item.value.expose().replace("null", "0").into(),
                ItemFormat::Properties => item.kind = ValueType::String,
                ItemFormat::Dotenv => {
                    item.kind = ValueType::String;
                    item.value = item.value.expose().replace('\0', "").replace("${", "{").into();
                    let key = format!("_K.{n}-");
                    // If the format refuses the value, the rest without the special characters is valid.
                    if write(source, &Items::from([(key.clone(), item.clone())])).is_err() {
                        item.value = item.value.expose().replace(['\r', '\'', '\\'], "").into();
                    }
                    return (key, item);
                }
            }
            if source == ItemFormat::Toml && item.kind == ValueType::Json && item.value.expose() == "0" {
                item.kind = ValueType::Number;
            }
            (key, item)
        })
        .collect()
}

fn roundtrip(source: ItemFormat, items: Items) -> TestCaseResult {
    let items: Vec<_> = representable(source, items).into_iter().collect();
    let written = write(source, &items.iter().cloned().collect()).unwrap();
    for text in [written.clone(), format!("\u{feff}{written}")] {
        let back: Vec<_> =
            read(source, &text, Typing::Keep).unwrap_or_else(|e| panic!("{e:?} in {text}")).into_iter().collect();
        prop_assert_eq!(&back, &items, "{}", &text);
    }
    Ok(())
}

/// Checks that importing a text over existing items changes nothing. Otherwise returns the items that were parsed.
fn changes_nothing(source: ItemFormat, text: &str, there: &Items) -> Result<(), String> {
    let read = read_replacing(there, source, text, Typing::Keep).map_err(|wrong| format!("{wrong:?}"))?;
    let same = read.len() == there.len()
        && read.iter().all(|(key, item)| {
            // A file without comments removes no existing comment.
            there.get(key).is_some_and(|old| {
                item.has_same_content(&Item { comment: item.comment.clone(), ..old.clone() })
                    && (item.comment.is_empty() || item.comment == old.comment)
            })
        });
    if same { Ok(()) } else { Err(format!("{read:?}")) }
}

/// Returns items that some format does not restore exactly.
fn hard_items() -> Items {
    let of = |kind: ValueType, value: &str| Item { kind, ..Item::string(value) };
    let noted = |comment: &str| Item { comment: comment.into(), ..Item::string("1") };
    [
        ("object", of(ValueType::Json, "{\"url\": \"x\",\n \"p\": [1, 2], \"o\": {\"a\": {}}}")),
        ("dots", of(ValueType::Json, r#"{"a.b":1,"a":{"b":2}}"#)),
        ("nul", of(ValueType::Json, r#"{"":1}"#)),
        ("list", of(ValueType::Json, "[1, 2]")),
        ("text", of(ValueType::Json, "\"x\"")),
        ("number", of(ValueType::Json, "5")),
        ("truth", of(ValueType::Json, "true")),
        ("blanks", of(ValueType::Number, "5.0")),
        ("on", of(ValueType::Boolean, "true")),
        ("ends", noted("x ")),
        ("lines", noted("a\r\nb")),
        ("cr", noted("a\rb")),
        ("tab", noted("\tx")),
        ("nbsp", noted("x\u{a0}")),
        ("break", noted("x\n")),
    ]
    .map(|(key, item)| (key.to_owned(), item))
    .into()
}

#[test]
fn an_export_of_hard_items_changes_nothing() {
    for source in ItemFormat::ALL {
        for (key, item) in hard_items() {
            let alone = Items::from([(key, item)]);
            assert_eq!(changes_nothing(source, &write(source, &alone).unwrap(), &alone), Ok(()), "{source}");
        }
    }
}

#[test]
fn an_edited_export_changes_only_the_edited_items() {
    let there = hard_items();
    let read = |source, text| typed(&read_replacing(&there, source, text, Typing::Keep).unwrap());
    assert_eq!(
        read(ItemFormat::Json, r#"{"object": {"url": "y"}, "list": [1, 3], "new": {"a": 1}}"#),
        [r#"object json {"url":"y"}"#, "list json [1, 3]", "new.a number 1",]
    );
    assert_eq!(
        read(ItemFormat::Yaml, "object: {url: y}\nnumber: 6\n"),
        [r#"object json {"url":"y"}"#, "number number 6"]
    );
    assert_eq!(read(ItemFormat::Toml, "[object]\nurl = 'y'\n"), [r#"object json {"url":"y"}"#]);
    // The format has strings only, so values get the type of the existing item if possible.
    assert_eq!(
        read(ItemFormat::Properties, "blanks=6\non=false\nlist=[3]\nobject={}\nnew=1"),
        ["blanks number 6", "on boolean false", "list json [3]", "object json {}", "new string 1",]
    );
    assert_eq!(read(ItemFormat::Dotenv, "blanks=six\non=yes"), ["blanks string six", "on string yes"]);
    let strings =
        read_replacing(&there, ItemFormat::Json, r#"{"blanks": 5.0, "object": {"a": 1}}"#, Typing::Strings).unwrap();
    assert_eq!(typed(&strings), ["blanks string 5.0", "object.a string 1"]);
}

#[test]
fn a_text_that_is_blank_or_too_long_is_refused_in_every_format() {
    for format in Format::ALL {
        for blank in ["", " \r\n\t", "\u{feff}\n"] {
            assert_eq!(found(check(format, blank)), "Blank", "{format}");
        }
        let long = "x".repeat(limits::DOCUMENT_BYTES + 1);
        assert_eq!(found(check(format, &long)), format!("TooLong {{ max: {} }}", limits::DOCUMENT_BYTES));
    }
    assert_eq!(found(check(Format::Text, &"x".repeat(limits::DOCUMENT_BYTES))), "ok");
    assert_eq!(found(check(Format::Kv, "{}")), "Kind { format: Kv }");
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_ignored() {
    for (source, text) in [
        (ItemFormat::Properties, "a=1\r\nb=2\r\n"),
        (ItemFormat::Dotenv, "a=1\r\nb='2'\r\n"),
        (ItemFormat::Json, "{\r\n\"a\": 1,\r\n\"b\": 2}\r\n"),
        (ItemFormat::Yaml, "a: 1\r\nb: 2\r\n"),
        (ItemFormat::Toml, "a = 1\r\nb = 2\r\n"),
    ] {
        assert_eq!(items(source, &format!("\u{feff}{text}")), ["a=1", "b=2"], "{source}");
    }
}

#[test]
fn one_byte_order_mark_is_removed_and_a_second_one_refused() {
    let second = "1:1 Unseen { character: '\\u{feff}', position: 1 }";
    for (format, text) in [
        (Format::Json, "{\"a\": 1}"),
        (Format::Yaml, "a: 1"),
        (Format::Toml, "a = 1"),
        (Format::Properties, "a=1"),
        (Format::Xml, "<?xml version=\"1.0\"?><a/>"),
    ] {
        let once = format!("\u{feff}{text}");
        assert_eq!(stored(format, &once), text, "{format}");
        assert_eq!(found(check(format, text)), "ok", "{format}");
        assert_eq!(found(check(format, stored(format, &format!("\u{feff}{once}")))), second, "{format}");
    }
    assert_eq!(stored(Format::Text, "\u{feff}a"), "\u{feff}a", "plain text stays unchanged");
    assert_eq!(found(check(Format::Text, "\u{feff}\u{feff}a")), "ok");
    for source in ItemFormat::ALL {
        let said = read(source, "\u{feff}\u{feff}a: 1", Typing::Keep).problems();
        assert_eq!(said, [format!(" {second}")], "{source}");
    }
}

#[test]
fn line_ends_of_old_macs_are_accepted() {
    for (source, text) in [
        (ItemFormat::Properties, "# c\ra=1\rb=2\r"),
        (ItemFormat::Dotenv, "# c\ra=1\rb='2' # d\r"),
        (ItemFormat::Dotenv, "a=1\rb=2"),
        (ItemFormat::Dotenv, "a=1 # d\r\rb=\"2\"\r"),
        (ItemFormat::Json, "{\r\"a\": 1,\r\"b\": 2}\r"),
        (ItemFormat::Yaml, "# c\ra: 1\rb: 2\r"),
    ] {
        assert_eq!(items(source, text), ["a=1", "b=2"], "{source} {text:?}");
    }
    let commented = read(ItemFormat::Dotenv, "# head\r\r# what a is\ra=1\r", Typing::Keep).unwrap();
    assert_eq!(commented["a"].comment, "what a is");
    // TOML does not allow such line ends and reports their position.
    assert_eq!(found(check(Format::Toml, "a = 1\rb = 2")).split_once(' ').unwrap().0, "2:1");
    for (source, text, said) in [
        (ItemFormat::Dotenv, "a=1\rb", " 2:2 `=` is expected after a name"),
        (ItemFormat::Properties, "a=1\r\rb=\\u12", " 3:3 `\\u` needs four hexadecimal digits of a character"),
        (ItemFormat::Json, "{\"a\": 1,\r\"a\": 2}", " 2:1 duplicate a"),
    ] {
        assert_eq!(read(source, text, Typing::Keep).problems(), [said], "{source}");
    }
}

#[test]
fn a_source_is_found_by_its_name_and_by_a_file_name() {
    for source in ItemFormat::ALL {
        assert_eq!(source.as_str().parse(), Ok(source));
        assert_eq!(ItemFormat::from_file_name(&format!("dir.json/A.{}", source.media().extension)), Some(source));
    }
    for (name, source) in [("yml", ItemFormat::Yaml), (".ENV", ItemFormat::Dotenv), ("Props", ItemFormat::Properties)] {
        assert_eq!(name.parse(), Ok(source));
    }
    assert!("ini".parse::<ItemFormat>().is_err());
    assert!(is_name_of(Format::Yaml, ".YML") && is_name_of(Format::Text, "txt") && !is_name_of(Format::Json, "yaml"));
    assert_eq!(media(Format::Kv), ItemFormat::Json.media());
    assert_eq!(media(Format::Text).extension, "txt");
}

#[test]
fn an_empty_set_of_items_is_restored() {
    for source in ItemFormat::ALL {
        assert_eq!(items(source, &write(source, &Items::new()).unwrap()), Vec::<String>::new());
    }
}

#[test]
fn an_export_is_readable() {
    let item = |kind, value: &str| Item { kind, ..Item::string(value) };
    let items = Items::from([
        ("db.url".into(), Item { comment: "Where it is.\nAsk Ann.".into(), ..Item::string("mysql://a:b@c/d?e=f#g") }),
        ("db.pool".into(), item(ValueType::Number, "1.50e3")),
        ("on".into(), item(ValueType::Boolean, "true")),
        ("list".into(), item(ValueType::Json, "[1, {\"a\": \"b\"}]")),
        ("text".into(), Item::string("server {\n  listen 80;\n}\n")),
        ("word".into(), Item::string("plain")),
        ("no".into(), Item::string("no")),
    ]);
    let yaml = "# Where it is.\n# Ask Ann.\ndb.url: \"mysql://a:b@c/d?e=f#g\"\ndb.pool: !!float 1.50e3\n\"on\": true\n\
                list: [1, {\"a\": \"b\"}]\ntext: |\n  server {\n    listen 80;\n  }\nword: plain\n\"no\": \"no\"\n";
    assert_eq!(write(ItemFormat::Yaml, &items).unwrap(), yaml);
    let toml = "# Where it is.\n# Ask Ann.\n\"db.url\" = \"mysql://a:b@c/d?e=f#g\"\n\"db.pool\" = 1.50e3\non = true\n\
                list = [1, { a = \"b\" }]\ntext = \"\"\"\nserver {\n  listen 80;\n}\n\"\"\"\nword = \"plain\"\nno = \"no\"\n";
    assert_eq!(write(ItemFormat::Toml, &items).unwrap(), toml);
    let json = "{\n  \"db.url\": \"mysql://a:b@c/d?e=f#g\",\n  \"db.pool\": 1.50e3,\n  \"on\": true,\n  \
                \"list\": [1, {\"a\": \"b\"}],\n  \"text\": \"server {\\n  listen 80;\\n}\\n\",\n  \
                \"word\": \"plain\",\n  \"no\": \"no\"\n}\n";
    assert_eq!(write(ItemFormat::Json, &items).unwrap(), json);
}

#[test]
fn a_json_object_is_read_back_as_several_items() {
    let items = Items::from([("a".into(), Item { kind: ValueType::Json, ..Item::string("{\"b\": 1, \"c\": {}}") })]);
    for source in [ItemFormat::Json, ItemFormat::Yaml, ItemFormat::Toml] {
        let back = read(source, &write(source, &items).unwrap(), Typing::Keep).unwrap();
        assert_eq!(typed(&back), ["a.b number 1", "a.c json {}"]);
    }
}

#[test]
fn a_number_that_readers_of_yaml_read_differently_is_written_with_its_tag() {
    let item = |kind, value: &str| Item { kind, ..Item::string(value) };
    let items = Items::from([
        ("a".into(), item(ValueType::Number, "1e3")),
        ("b".into(), item(ValueType::Number, "18446744073709551615")),
        ("c".into(), item(ValueType::Json, "[0.123456789012345678,-7,1E99]")),
        ("d".into(), item(ValueType::Number, "1.5e+3")),
    ]);
    let yaml = write(ItemFormat::Yaml, &items).unwrap();
    assert_eq!(
        yaml,
        "a: !!float 1e3\nb: !!int 18446744073709551615\nc: [!!float 0.123456789012345678, -7, !!float 1E99]\nd: 1.5e+3\n"
    );
    assert_eq!(read(ItemFormat::Yaml, &yaml, Typing::Keep).unwrap(), items);
}

#[test]
fn stored_values_that_would_now_be_refused_can_be_exported() {
    let item = |kind, value: &str| Item { kind, ..Item::string(value) };
    let items = Items::from([
        ("dup".into(), item(ValueType::Json, "{\"a\":1,\"a\":2}")),
        ("half".into(), item(ValueType::Json, "[\"\\ud800\"]")),
        ("num".into(), item(ValueType::Number, "\u{3000}5")),
    ]);
    let json = "{\n  \"dup\": {\"a\":1,\"a\":2},\n  \"half\": [\"\\ud800\"],\n  \"num\": 5\n}\n";
    assert_eq!(write(ItemFormat::Json, &items).unwrap(), json);
    for source in [ItemFormat::Yaml, ItemFormat::Toml] {
        let problems = write(source, &items).problems();
        assert_eq!(
            problems,
            ["/items/dup 1:8 duplicate a", "/items/half 1:2 unexpected end of hex escape"],
            "{source}"
        );
    }
}

#[test]
fn up_to_fifty_problems_are_reported() {
    let text: String = (0..100).map(|n| format!("\\ k{n}=1\n")).collect();
    let problems = read(ItemFormat::Properties, &text, Typing::Keep).problems();
    assert_eq!((problems.len(), &*problems[1]), (50, "/items/ k1 2:1 Blanks"));
    let key = "k".repeat(257);
    assert_eq!(
        read(ItemFormat::Json, &format!("{{\"a\": 1,\n \"{key}\": 1}}"), Typing::Keep).problems(),
        [format!("/items/{key} 2:2 TooLong {{ max: 256 }}")]
    );
}

#[test]
fn more_than_a_config_can_hold_is_refused() {
    let text: String = (0..=limits::ITEMS).map(|n| format!("k{n}=1\n")).collect();
    assert_eq!(read(ItemFormat::Properties, &text, Typing::Keep).problems(), [" 20001:1 TooMany { max: 20000 }"]);
    let text = format!("a={0}\nb={0}\n", "x".repeat(limits::VALUE_BYTES));
    assert_eq!(read(ItemFormat::Dotenv, &text, Typing::Keep).problems(), [" 2:1 TooLong { max: 1468006 }"]);
    let text = format!("a={}\n", "x".repeat(limits::VALUE_BYTES + 1));
    assert_eq!(read(ItemFormat::Dotenv, &text, Typing::Keep).problems(), ["/items/a 1:1 TooLong { max: 1048576 }"]);
    assert!(read(ItemFormat::Dotenv, &"#".repeat(MAX_SOURCE_BYTES + 1), Typing::Keep).is_err());
}

#[test]
fn a_value_of_a_mebibyte_is_restored() {
    for source in ItemFormat::ALL {
        let line = match source {
            ItemFormat::Dotenv => "商店 \"b\" \\ $X # c\n",
            _ => "商店 'a' \"b\" \\ ${X} # c\r\n",
        };
        let value = line.repeat(limits::VALUE_BYTES / line.len());
        let items = Items::from([("a".into(), Item::string(value)), ("b".into(), Item::string("x\n".repeat(100_000)))]);
        let text = write(source, &items).unwrap();
        assert!(text.len() <= MAX_SOURCE_BYTES);
        assert!(read(source, &text, Typing::Keep).unwrap() == items, "{source}");
    }
}

/// Returns items of one repeated character, whose document has the maximum size.
fn whole_document(of: char) -> Items {
    let spelled = serde_json::to_string(&of).unwrap().len() - 2;
    let count = (limits::DOCUMENT_BYTES / 2 - 100) / spelled;
    let value = || Item::string(of.to_string().repeat(count));
    let items = Items::from([("first".to_owned(), value()), ("second".to_owned(), value())]);
    let document = crate::domain::content::Content::Kv(items.clone()).document().len();
    assert!((limits::DOCUMENT_BYTES - 300..=limits::DOCUMENT_BYTES).contains(&document), "{document}");
    items
}

#[test]
fn no_spelling_of_a_document_is_too_long_to_be_parsed() {
    for of in
        ['a', '\u{1}', '\n', '"', '\'', '\\', '$', '#', '\u{7f}', '\u{85}', 'é', '\u{2028}', '商', '\u{feff}', '😀']
    {
        let items = whole_document(of);
        for source in ItemFormat::ALL {
            let text = write(source, &items).unwrap();
            assert!(text.len() <= MAX_SOURCE_BYTES, "{of:?} as {source}: {}", text.len());
        }
    }
    for (source, of) in [(ItemFormat::Properties, 'é'), (ItemFormat::Toml, '\u{7f}'), (ItemFormat::Yaml, '\u{7f}')] {
        let items = whole_document(of);
        let text = write(source, &items).unwrap();
        assert!(text.len() > limits::DOCUMENT_BYTES, "{of:?} as {source}: {}", text.len());
        assert!(read(source, &text, Typing::Keep).unwrap() == items, "{of:?} as {source}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn large_contents_are_restored(units in prop::collection::vec(text(), 1..4), bytes in 1_000..200_000_usize) {
        let value = |unit: &String| unit.repeat(bytes / unit.len().max(1));
        let items: Items =
            units.iter().enumerate().map(|(n, unit)| (format!("k{n}"), Item::string(value(unit)))).collect();
        for source in ItemFormat::ALL {
            let items: Items = representable(source, items.clone());
            let text = write(source, &items).unwrap();
            prop_assert!(text.len() <= MAX_SOURCE_BYTES);
            prop_assert!(read(source, &text, Typing::Keep).unwrap() == items, "{} {:?}", source, units);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn properties_are_restored(items in all_items()) { roundtrip(ItemFormat::Properties, items)?; }

    #[test]
    fn dotenv_is_restored(items in all_items()) { roundtrip(ItemFormat::Dotenv, items)?; }

    #[test]
    fn json_is_restored(items in all_items()) { roundtrip(ItemFormat::Json, items)?; }

    #[test]
    fn yaml_is_restored(items in all_items()) { roundtrip(ItemFormat::Yaml, items)?; }

    #[test]
    fn toml_is_restored(items in all_items()) { roundtrip(ItemFormat::Toml, items)?; }

    #[test]
    fn an_export_changes_nothing(items in all_items()) {
        for source in ItemFormat::ALL {
            let items = match source {
                ItemFormat::Dotenv => items.values().enumerate().map(|(n, item)| (format!("K{n}"), item.clone())).collect(),
                _ => items.clone(),
            };
            // Some formats refuse some items: see the tests of each.
            let Ok(text) = write(source, &items) else { continue };
            prop_assert_eq!(changes_nothing(source, &text, &items), Ok(()), "{} {}", source, text);
        }
    }

    #[test]
    fn no_text_breaks_a_reader(parts in prop::collection::vec(prop_oneof![select(&HOSTILE[..]), select(&LOOKALIKES[..])], 0..30)) {
        let text = parts.concat();
        for source in ItemFormat::ALL {
            let _ = read(source, &text, Typing::Keep);
        }
        for format in Format::ALL {
            let _ = check(format, &text);
        }
    }
}
