use std::{collections::BTreeSet, fmt::Write, sync::Arc};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use super::*;
use crate::domain::{content::sha256, entry::Meta, time::Time};

const WHOLE: SearchWindow = SearchWindow { items_from: 0, texts_from: 0, rows: 50 };

fn entry(config: &str, format: Format, document: &str) -> Entry {
    let meta = Meta {
        seq: 1,
        sha256: sha256(document.as_bytes()),
        format,
        author: "ana".to_owned(),
        message: String::new(),
        published_at: Time(0),
        change: "018f2f6e-0000-7000-8000-000000000000".parse().unwrap(),
    };
    Entry { config: config.parse().unwrap(), meta: Arc::new(meta), document: document.into() }
}

fn query(text: &str) -> SearchQuery {
    SearchQuery::parse(text).unwrap()
}

fn find(entries: &[Entry], text: &str) -> Found {
    search(entries, &query(text), WHOLE, || false)
}

/// Returns the keys of the items that are found in a document, in their order.
fn keys(document: &str, text: &str) -> Vec<String> {
    let found = find(&[entry("prod/shop/a", Format::Kv, document)], text);
    assert_eq!(found.items.count, found.items.hits.len());
    found.items.hits.into_iter().map(|hit| hit.key.unwrap()).collect()
}

/// Returns the hits in a text, as `line key: text`.
fn places(format: Format, document: &str, text: &str) -> Vec<String> {
    let found = find(&[entry("prod/shop/a", format, document)], text);
    let place = |hit: Hit| {
        let key = hit.key.map(|key| format!("{key}: ")).unwrap_or_default();
        format!("{} {key}{}", hit.line.unwrap(), hit.text.expose())
    };
    found.texts.hits.into_iter().map(place).collect()
}

#[test]
fn words_are_found_in_keys_and_values_in_any_case() {
    let document = r#"{"db.url":"mysql://db","db.pool":"16","title":"Été 商店","n":1.50e3,"on":true}"#;
    for (text, expected) in [
        ("URL", &["db.url"][..]),
        ("db", &["db.url", "db.pool"]),
        ("pool 16", &["db.pool"]),
        ("16 mysql", &[]),
        ("ÉTÉ", &["title"]),
        ("商店 été", &["title"]),
        ("1.50E3", &["n"]),
        ("TRUE", &["on"]),
        ("\"mysql://db\"", &["db.url"]),
        ("\"db pool\"", &[]),
        ("key:db", &["db.url", "db.pool"]),
        ("value:db", &["db.url"]),
        ("KEY:db value:16", &["db.pool"]),
        ("env:prod db", &["db.url", "db.pool"]),
        ("env:", &[]),
        ("", &[]),
        ("http://x", &[]),
    ] {
        assert_eq!(keys(document, text), expected, "{text}");
    }
}

#[test]
fn escapes_hide_no_hits() {
    let document = r#"{"a\"b":"1","caf\u00e9":"2","c":"line\nnext","d":"a\/b","e":"\ud83d\ude00","f":"\u0041b","g":{"x":"say \"h\u00ef\""},"h":"\\"}"#;
    for (text, expected) in [
        ("a\"b", "a\"b"),
        ("CAFÉ", "café"),
        ("next", "c"),
        ("a/b", "d"),
        ("😀", "e"),
        ("ab", "f"),
        ("hï\"", "g"),
        ("\\", "h"),
    ] {
        assert!(keys(document, text).contains(&expected.to_owned()), "{text}: {:?}", keys(document, text));
    }
    assert_eq!(keys(document, "nnext"), Vec::<String>::new(), "the n is part of an escape");
}

#[test]
fn best_keys_come_first_then_the_order_of_the_documents() {
    let entries = [
        entry("dev/shop/a", Format::Kv, r#"{"x":"url","my.url":"1","url.old":"2","URL":"3"}"#),
        entry("prod/shop/a", Format::Kv, r#"{"url":"4","y":"an url"}"#),
    ];
    let found = find(&entries, "url");
    let order: Vec<_> = found.items.hits.iter().map(|hit| hit.key.as_deref().unwrap()).collect();
    assert_eq!(order, ["URL", "url", "url.old", "my.url", "x", "y"]);
    let second = search(&entries, &query("url"), SearchWindow { items_from: 2, rows: 2, ..WHOLE }, || false).items;
    assert_eq!(second.hits, found.items.hits[2..4]);
    assert_eq!((second.count, found.items.count), (6, 6));
}

#[test]
fn exact_keys_are_found_beyond_the_hits_that_are_counted() {
    let mut document = "{".to_owned();
    for n in 0..MAX_COUNTED {
        let _ = write!(document, "\"a.key.{n}\":\"key\",");
    }
    document.push_str(r#""a.more":"key","key.one":"1","Key":"2","key.two":"3"}"#);
    let found = find(&[entry("prod/shop/a", Format::Kv, &document)], "key").items;
    let first: Vec<_> = found.hits.iter().take(4).map(|hit| hit.key.as_deref().unwrap()).collect();
    assert_eq!(first, ["Key", "key.one", "key.two", "a.key.0"]);
    assert_eq!((found.count, found.hits.len()), (MAX_COUNTED, 50));
    let few = SearchWindow { rows: 1, ..WHOLE };
    let found = search(&[entry("prod/shop/a", Format::Kv, &document)], &query("key"), few, || false).items;
    assert_eq!(found.hits[0].key.as_deref(), Some("Key"));
}

#[test]
fn places_in_texts_have_lines_and_nested_keys() {
    let yaml = "# ports\nserver:\n  port: 8080\n  host: db\nother: 8080\n";
    assert_eq!(places(Format::Yaml, yaml, "8080"), ["3 port: 8080", "5 other: 8080"]);
    assert_eq!(places(Format::Yaml, yaml, "server.port"), ["3 server.port: 8080"]);
    assert_eq!(places(Format::Yaml, yaml, "server 8080"), ["3 server.port: 8080"]);
    assert_eq!(places(Format::Yaml, yaml, "key:port"), ["3 server.port: 8080"]);
    assert_eq!(places(Format::Yaml, yaml, "value:port"), ["1 # ports", "3 port: 8080"]);
    assert_eq!(places(Format::Yaml, yaml, "server.host 8080"), Vec::<String>::new());
    assert_eq!(places(Format::Json, "{\"a\": {\n \"b\": \"caf\\u00e9\"}}", "CAFÉ"), ["2 a.b: café"]);
    assert_eq!(places(Format::Json, "{\"a\":{\"x\":1,\"y\":1}}", "key:a 1"), ["1 a.x: 1", "1 a.y: 1"]);
    assert_eq!(places(Format::Toml, "[a.b]\nc = 'one'\n", "a.b.c"), ["2 a.b.c: one"]);
    assert_eq!(places(Format::Properties, "x=1\nshop=\\u5546\\u5e97\n", "商店"), ["2 shop: 商店"]);
    assert_eq!(
        places(Format::Properties, "pay.url=https\\://pay\nlong=ab\\\n  cd\n", "https://pay"),
        ["1 pay.url: https://pay"]
    );
    assert_eq!(places(Format::Properties, "long=ab\\\n  cd\n", "abcd"), ["1 long: abcd"]);
    assert_eq!(places(Format::Json, r#"{"a":"http:\/\/db","b":"C:\\dir"}"#, "http://db"), ["1 a: http://db"]);
    assert_eq!(places(Format::Json, r#"{"a":"http:\/\/db","b":"C:\\dir"}"#, r"c:\dir"), [r"1 b: C:\dir"]);
    assert_eq!(places(Format::Yaml, "a: \"say \\\"hi\\\"\"\n", "say\"hi\""), Vec::<String>::new());
    assert_eq!(places(Format::Yaml, "a: \"x\\\"y\"\n", "x\"y"), ["1 a: x\"y"]);
    assert_eq!(places(Format::Yaml, "a: 'it''s'\n", "it's"), ["1 a: it's"]);
    assert_eq!(places(Format::Toml, r#"a = "caf\u00e9 \"x\"""#, "café"), [r#"1 a: café "x""#]);
    assert_eq!(places(Format::Xml, "<a>\n<b>one</b>\n</a>", "ONE"), ["2 <b>one</b>"]);
    assert_eq!(places(Format::Text, "one\r\n\r\ntwo one\r\none", "one"), ["1 one", "3 two one", "4 one"]);
    assert_eq!(places(Format::Text, "a b\na\nb a", "b a"), ["1 a b", "3 b a"]);
    assert_eq!(places(Format::Yaml, "a: [\nb.c: 1\n", "b.c"), ["2 b.c: 1"], "a text that cannot be read has lines");
}

#[test]
fn long_values_are_cut_around_the_first_word() {
    let document = format!("{{\"k\":\"{}needle{}\"}}", "é".repeat(500), "é".repeat(500));
    let found = find(&[entry("prod/shop/a", Format::Kv, &document)], "needle").items;
    let text = found.hits[0].text.expose();
    assert!(text.starts_with("…é") && text.ends_with("é…") && text.contains("needle") && text.len() < 260, "{text}");
}

#[test]
fn marks_are_all_words_without_overlaps() {
    let marks = |text: &str, words: &str| -> Vec<String> {
        query(words).marks(text).into_iter().map(|mark| text[mark].to_owned()).collect()
    };
    assert_eq!(marks("db.URL of the DB", "url db"), ["db", "URL", "DB"]);
    assert_eq!(marks("banana", "ana nan"), ["anan"]);
    assert_eq!(marks("Été", "té é"), ["Été"]);
}

#[test]
fn a_search_ends_early_and_says_so() {
    let entries = [entry("dev/shop/a", Format::Kv, r#"{"a":"1"}"#), entry("prod/shop/a", Format::Kv, r#"{"a":"1"}"#)];
    let left = std::cell::Cell::new(1);
    let found = search(&entries, &query("a"), WHOLE, || left.replace(left.get() - 1) == 0);
    assert!(found.is_partial && found.items.count == 1);
    assert!(!find(&entries, "a").is_partial && !search(&entries, &query(""), WHOLE, || true).is_partial);
}

#[test]
fn filters_name_environments_and_applications() {
    let covers = |text: &str, config: &str| query(text).covers(&config.parse().unwrap());
    assert!(covers("x", "prod/shop/a") && covers("env:prod app:shop", "prod/shop/a"));
    assert!(covers("env:dev env:prod", "prod/shop/a") && !covers("env:pro", "prod/shop/a"));
    assert!(!covers("app:mail env:prod", "prod/shop/a"));
    assert!(SearchQuery::parse(&"a".repeat(MAX_QUERY_BYTES + 1)).is_err());
    SearchQuery::parse(&"é".repeat(MAX_QUERY_BYTES / 2)).unwrap();
}

/// Writes a JSON string and escapes some characters that need no escape.
fn written(text: &str, escaped: u32) -> String {
    let mut out = String::from("\"");
    for (n, c) in text.chars().enumerate() {
        if escaped >> (n % 32) & 1 == 1 {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(out, "\\u{unit:04x}"));
        } else {
            let quoted = serde_json::to_string(&c).unwrap();
            out.push_str(&quoted[1..quoted.len() - 1]);
        }
    }
    out + "\""
}

fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// An item of a random document: key, value, the characters that are escaped, and whether any are.
type RandomItem = (String, String, u32, bool);

/// Returns a document of these items, with their index at the end of each key, and the keys of those that have all
/// words.
fn document(items: &[RandomItem], words: &[String]) -> (String, BTreeSet<String>) {
    let mut document = "{".to_owned();
    let mut expected = BTreeSet::new();
    for (n, (key, value, escapes, sparse)) in items.iter().enumerate() {
        let key = format!("{key}{n}");
        let escapes = if *sparse { 0 } else { *escapes };
        let separator = if n == 0 { "" } else { " , " };
        let _ = write!(document, "{separator}{}:{}", written(&key, escapes), written(value, escapes.rotate_left(7)));
        let (folded_key, folded_value) = (folded(&key), folded(value));
        if words.iter().all(|word| folded_key.contains(&folded(word)) || folded_value.contains(&folded(word))) {
            expected.insert(key);
        }
    }
    document.push('}');
    (document, expected)
}

proptest! {
    #[test]
    fn the_scan_finds_what_a_comparison_of_each_item_finds(
        items in vec((vec(select(&["a", "A", "é", "É", "中", "\"", "\\", "/", "\n", ".", "😀", "n", "u"][..]), 0..6).prop_map(|key| key.concat()), vec(select(&["a", "b", "é", "中", "\"", "\\", "/", "\n", ".", "n", "u"][..]), 0..6).prop_map(|value| value.concat()), any::<u32>(), any::<bool>()), 0..12),
        words in vec(vec(select(&["a", "A", "B", "É", "中", "\\", "/", ".", "😀", "n", "u"][..]), 1..3), 1..3),
    ) {
        let words: Vec<String> = words.iter().map(|word| word.concat()).collect();
        let (document, expected) = document(&items, &words);
        let found: BTreeSet<String> = keys(&document, &words.join(" ")).into_iter().collect();
        prop_assert_eq!(found, expected, "{} in {}", words.join(" "), document);
    }

    /// Only a part of such a word is looked for, and the document decides which one.
    #[test]
    fn long_words_are_found_by_their_rarest_part(
        items in vec(("[a-cA-C.]{6,14}", r#"[a-c:/"\\-]{12,24}"#, any::<u32>(), any::<bool>()), 1..12),
        cuts in vec((any::<Index>(), any::<bool>(), any::<Index>(), 6..=12_usize), 1..3),
    ) {
        let cut = |(item, in_key, from, length): (Index, bool, Index, usize)| {
            let (key, value, ..) = item.get(&items);
            let text = if in_key { key } else { value };
            let from = from.index(text.len() - 5);
            // A quote at the beginning of a word has a meaning.
            text[from..text.len().min(from + length)].trim_start_matches('"').to_owned()
        };
        let words: Vec<String> = cuts.into_iter().map(cut).filter(|word| !word.is_empty()).collect();
        prop_assume!(!words.is_empty());
        let (document, expected) = document(&items, &words);
        let found: BTreeSet<String> = keys(&document, &words.join(" ")).into_iter().collect();
        prop_assert_eq!(found, expected, "{} in {}", words.join(" "), document);
    }

    #[test]
    fn no_text_makes_a_search_fail(document in "\\PC{0,60}", text in "\\PC{0,30}", format in select(&Format::ALL[..])) {
        find(&[entry("prod/shop/a", format, &document)], &text);
    }
}
