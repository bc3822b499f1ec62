//! Hostile files: nothing panics, and everything that comes out is within the limits.

use std::collections::BTreeSet;

use proptest::{
    prelude::*,
    sample::{Index, select},
};

use super::*;
use crate::{
    domain::{content::check_key, exchange::ImportNote, limits},
    formats,
    texts::Lang,
};

/// Samples of each product, to be mutated. A single file has an empty path.
fn samples() -> Vec<Vec<ExportEntry>> {
    let item = r##"[{"key":"a","value":"1","lineNum":1},{"key":"","comment":"# x","lineNum":2}]"##;
    let own =
        r#"{"trimtab":1,"configs":[{"env":"dev","app":"a","namespace":"n","format":"text","file":"texts/dev/a/n"}]}"#;
    let samples: [&[(&str, &str)]; 10] = [
        &[("o/shop/DEV/shop+default+a.properties", item), ("shop+a.appnamespace.metadata", "{}")],
        &[("G/a.yaml", "a: 1"), (".metadata.yml", "metadata:\n- {dataId: a.yaml, group: G, type: yaml}\n")],
        &[("trimtab.json", own), ("texts/dev/a/n", "x")],
        &[("application.yml", "a: 1\n---\nb: 2"), ("cart-prod.properties", "x=1\n#---\ny=2")],
        &[("appsettings.json", "{\"a\": {\"b\": [1, null]},}"), ("appsettings.Dev.json", "{\"A\": 1}")],
        &[("", item)],
        &[("", r#"[{"key":"a/b/c","flags":0,"value":"YQ=="}]"#)],
        &[(
            "",
            r#"{"header":{},"kvs":[{"key":"L2EvYg==","value":"YQ==","lease":"1"},{"key":"L2EvYy9k","value":"YQ=="}],"count":"2"}"#,
        )],
        &[(
            "",
            r#"{"trimtab":1,"configs":[{"env":"E","app":"é","namespace":"","format":"kv","items":[{"key":"a","value":"1","type":"number"}]}]}"#,
        )],
        &[(
            "",
            "kind: ConfigMap\nmetadata: {name: a-config, labels: &l {app: x}}\ndata: {a: b, c.yaml: \"x: 1\"}\nother: *l",
        )],
    ];
    let entry = |(path, text): &(&str, &str)| ExportEntry { path: (*path).into(), bytes: text.as_bytes().into() };
    samples.iter().map(|files| files.iter().map(entry).collect()).collect()
}

/// Reads a source as an export of each product, and checks everything that comes out. Returns the number of exports.
fn check(source: &ExportSource) -> usize {
    let products = Product::ALL.into_iter().map(Some).chain([None]);
    let read = |product| read(source.clone(), &ReadOptions { product, ..ReadOptions::default() });
    products.filter_map(|product| read(product).ok()).inspect(check_export).count()
}

fn check_file(bytes: &[u8]) -> usize {
    check(&ExportSource::File(bytes.to_vec()))
}

fn check_export(export: &ReadExport) {
    let mut seen = BTreeSet::new();
    for found in &export.configs {
        assert!(seen.insert(&found.config), "{} twice", found.config);
        assert!(found.description.len() <= limits::TEXT_BYTES);
        found.notes.iter().for_each(check_note);
        match &found.content {
            None => {}
            Some(Content::Text(text)) => formats::check(found.format, text.expose()).unwrap(),
            Some(content @ Content::Kv(items)) => {
                assert!(found.format == Format::Kv && items.len() <= limits::ITEMS);
                assert!(content.document().len() <= limits::DOCUMENT_BYTES);
                for (key, item) in items {
                    check_key(key).unwrap();
                    item.check().unwrap();
                    assert!(item.value.expose().len() <= limits::VALUE_BYTES);
                }
            }
        }
    }
    export.notes.iter().for_each(check_note);
    export.questions.iter().for_each(|question| assert!(!Lang::Zh.import_question(question).is_empty()));
}

fn check_note(note: &ImportNote) {
    assert!(note.count > 0 && note.examples.len() <= ImportNote::MAX_EXAMPLES.min(note.count), "{note:?}");
    assert!(note.examples.iter().all(|example| example.chars().count() <= 201), "{note:?}");
    assert!(!Lang::Zh.import_note(note).is_empty());
}

fn mutate(bytes: &mut Vec<u8>, at: Index, byte: u8, kind: u8) {
    match kind {
        0 if !bytes.is_empty() => *at.get_mut(bytes) = byte,
        1 if !bytes.is_empty() => _ = bytes.remove(at.index(bytes.len())),
        _ => bytes.insert(at.index(bytes.len() + 1), byte),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn random_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check_file(&bytes);
    }

    #[test]
    fn mutated_files_are_refused_or_read(
        mut files in select(samples()),
        edits in prop::collection::vec((any::<Index>(), any::<Index>(), any::<u8>(), 0..3_u8), 0..6)
    ) {
        for (file, at, byte, kind) in edits {
            mutate(&mut file.get_mut(&mut files).bytes, at, byte, kind);
        }
        match &files[..] {
            [single] if single.path.is_empty() => _ = check_file(&single.bytes),
            _ => {
                let from_folder = check(&ExportSource::Folder(files.clone()));
                prop_assert_eq!(from_folder, check_file(&zip_of(&files).unwrap()), "an archive is read like a folder");
            }
        }
    }

    #[test]
    fn mutated_archives_are_refused_or_read(
        files in select(samples()),
        edits in prop::collection::vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..4)
    ) {
        let mut archive = zip_of(&files).unwrap();
        edits.into_iter().for_each(|(at, byte, kind)| mutate(&mut archive, at, byte, kind));
        check_file(&archive);
    }

    #[test]
    fn odd_paths_and_texts_are_refused_or_read(
        files in prop::collection::btree_map("[a+/.A-Z\u{8ba2}-]{1,12}(\\.yml|\\.json|\\.properties)?", ".{0,40}|\\[[0-9{}\":,]{0,30}", 1..6)
    ) {
        let entry = |(path, text): (String, String)| ExportEntry { path, bytes: text.into_bytes() };
        check(&ExportSource::Folder(files.into_iter().map(entry).collect()));
    }
}

#[test]
fn samples_are_read() {
    for files in samples() {
        let read = match &files[..] {
            [single] if single.path.is_empty() => check_file(&single.bytes),
            _ => check_file(&zip_of(&files).unwrap()),
        };
        assert!(read >= 2, "{files:?} is recognised, and read as what it is");
    }
}

/// Reads these items and texts of Apollo, and returns the number of configs with content.
fn contents(files: &[(&str, &str)]) -> usize {
    let files: Vec<(String, &str)> =
        files.iter().map(|(name, text)| (format!("o/shop/DEV/shop+default+{name}"), *text)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let Ok(export) = read_folder(&files, &ReadOptions::default()) else { return 0 };
    check_export(&export);
    export.configs.iter().filter(|found| found.content.is_some() && !found.is_incomplete()).count()
}

#[test]
fn content_at_a_limit_is_read_and_above_it_is_left_out() {
    let items = |items: &[(String, String)]| {
        let item = |(key, value): &(String, String)| serde_json::json!({"key": key, "value": value, "lineNum": 1});
        serde_json::to_string(&items.iter().map(item).collect::<Vec<_>>()).unwrap()
    };
    let one = |key: usize, value: usize| items(&[("k".repeat(key), "v".repeat(value))]);
    // The document is `{"a":"…","b":"…"}`.
    let document = |bytes: usize| {
        let half = limits::DOCUMENT_BYTES / 2;
        items(&[("a".into(), "v".repeat(half)), ("b".into(), "v".repeat(bytes - half - 15))])
    };
    let many = |n: usize| items(&(0..n).map(|n| (n.to_string(), String::new())).collect::<Vec<_>>());
    let text = |bytes: usize| "x".repeat(bytes);
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for (name, at_limit, above) in [
        ("key.properties", one(limits::KEY_BYTES, 1), one(limits::KEY_BYTES + 1, 1)),
        ("value.properties", one(1, limits::VALUE_BYTES), one(1, limits::VALUE_BYTES + 1)),
        ("document.properties", document(limits::DOCUMENT_BYTES), document(limits::DOCUMENT_BYTES + 1)),
        ("items.properties", many(limits::ITEMS), many(limits::ITEMS + 1)),
        ("text.txt", text(limits::DOCUMENT_BYTES), text(limits::DOCUMENT_BYTES + 1)),
    ] {
        assert_eq!((contents(&[(name, &at_limit)]), contents(&[(name, &above)])), (1, 0), "{name}");
    }
    let format = |levels: usize| {
        let files = [("o/shop/DEV/shop+default+a.json", &*nested(levels))];
        read_folder(&files, &ReadOptions::default()).unwrap().configs[0].format
    };
    assert_eq!((format(limits::NESTING), format(limits::NESTING + 1)), (Format::Json, Format::Text));
    let comment = |bytes: usize| {
        let item =
            serde_json::json!([{"key": "a", "value": "", "comment": "c".repeat(bytes), "lineNum": 1}]).to_string();
        let files = [("o/shop/DEV/shop+default+a.properties", &*item)];
        read_folder(&files, &ReadOptions::default()).unwrap().configs.remove(0).notes.has(NoteKind::CommentsCut)
    };
    assert_eq!((comment(limits::TEXT_BYTES), comment(limits::TEXT_BYTES + 1)), (false, true));
}

#[test]
fn export_above_a_limit_is_refused() {
    let large = read_file(vec![b'x'; MAX_EXPORT_BYTES + 1], &ReadOptions::default()).unwrap_err();
    assert_eq!(large, ExportRefusal::TooLarge { max: MAX_EXPORT_BYTES });
    assert_eq!(read_file(vec![b'x'; MAX_EXPORT_BYTES], &ReadOptions::default()).unwrap_err(), ExportRefusal::Unknown);
    let folder = |entries: usize, bytes: usize| {
        let entry = |n| ExportEntry { path: format!("{n}.yml"), bytes: vec![b' '; bytes] };
        let spring =
            ReadOptions { product: Some(Product::Spring), layout: Some(ImportLayout::AsIs), ..ReadOptions::default() };
        read(ExportSource::Folder((0..entries).map(entry).collect()), &spring)
    };
    assert!(folder(MAX_ENTRIES, 1).is_ok());
    assert_eq!(folder(MAX_ENTRIES + 1, 1).unwrap_err(), ExportRefusal::TooManyEntries { max: MAX_ENTRIES });
    assert!(folder(64, MAX_EXPORT_BYTES / 64).is_ok());
    assert_eq!(folder(65, MAX_EXPORT_BYTES / 64).unwrap_err(), ExportRefusal::TooLarge { max: MAX_EXPORT_BYTES });
}

#[test]
fn deep_nesting_is_refused_without_a_stack_overflow() {
    for text in ["[".repeat(200_000), "{\"a\":".repeat(200_000), format!("kind: List\nitems: {}", "[".repeat(200_000))]
    {
        check_file(text.as_bytes());
    }
}

#[test]
fn common_files_that_are_no_export_are_refused() {
    for (text, expected) in [
        ("", ExportRefusal::Empty),
        ("[]", ExportRefusal::Empty),
        ("hello world", ExportRefusal::Unknown),
        ("{\"a\": 1}", ExportRefusal::Unknown),
        ("{\"version\":\"1\",\"flags\":{},\"values\":{}}", ExportRefusal::FeatureFlags),
        ("{\"features\":[],\"segments\":[]}", ExportRefusal::FeatureFlags),
    ] {
        assert_eq!(read_file(text, &ReadOptions::default()).unwrap_err(), expected, "{text}");
    }
    let etcd = ReadOptions { product: Some(Product::Etcd), ..ReadOptions::default() };
    assert_eq!(read_file("{\"a\": 1}", &etcd).unwrap_err(), ExportRefusal::NotOf { product: Product::Etcd });
}
