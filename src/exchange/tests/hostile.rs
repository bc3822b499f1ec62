//! Hostile files: nothing panics, and everything that comes out is within the limits.

use proptest::{prelude::*, sample::select};

use super::*;
use crate::domain::{content::check_key, limits};

/// Samples of each product, to be mutated.
fn samples() -> Vec<Vec<u8>> {
    let item = r#"[{"key":"a","value":"1","lineNum":1},{"key":"","comment":"\# x","lineNum":2}]"#;
    vec![
        zipped(&[("o/shop/DEV/shop+default+a.properties", item), ("shop+a.appnamespace.metadata", "{}")]),
        zipped(&[("G/a.yaml", "a: 1"), (".metadata.yml", "metadata:\n- {dataId: a.yaml, group: G, type: yaml}\n")]),
        zipped(&[("trimtab.json", r#"{"trimtab":1,"configs":[]}"#)]),
        zipped(&[("application.yml", "a: 1\n---\nb: 2"), ("cart-prod.properties", "x=1\n#---\ny=2")]),
        zipped(&[("appsettings.json", "{\"a\": {\"b\": [1, null]},}")]),
        item.into(),
        r#"[{"key":"a/b/c","flags":0,"value":"YQ=="}]"#.into(),
        r#"{"header":{},"kvs":[{"key":"L2EvYg==","value":"YQ==","lease":"1"}],"count":1}"#.into(),
        r#"{"trimtab":1,"configs":[{"env":"E","app":"é","namespace":"","format":"kv","items":[{"key":"a","value":"1","type":"number"}]}]}"#.into(),
        "kind: ConfigMap\nmetadata: {name: a-config, labels: &l {app: x}}\ndata: {a: b, c.yaml: \"x: 1\"}\n---\n*l".into(),
    ]
}

fn check(bytes: &[u8]) {
    let products = Product::ALL.into_iter().map(Some).chain([None]);
    for product in products {
        let options = ReadOptions { product, ..ReadOptions::default() };
        let Ok(export) = read_file(bytes, &options) else { continue };
        let mut seen = std::collections::BTreeSet::new();
        for found in &export.configs {
            assert!(seen.insert(&found.config), "{} twice", found.config);
            if let Some(content) = &found.content {
                assert!(content.document().len() <= limits::DOCUMENT_BYTES);
                let keys = content.items().into_iter().flat_map(|items| items.keys());
                keys.for_each(|key| check_key(key).unwrap());
            }
        }
        for note in export.notes.iter() {
            assert!(note.count > 0 && !crate::texts::Lang::Zh.import_note(note).is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn random_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
    }

    #[test]
    fn mutated_samples_are_refused_or_read(
        sample in select(samples()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..6)
    ) {
        let mut bytes = sample;
        for (at, byte, kind) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => _ = bytes.remove(at),
            }
        }
        check(&bytes);
    }

    #[test]
    fn odd_paths_and_texts_are_refused_or_read(
        files in prop::collection::vec(("[a+/.A-Z\u{8ba2}-]{1,12}(\\.yml|\\.json|\\.properties)?", ".{0,40}|\\[[0-9{}\":,]{0,30}"), 1..6)
    ) {
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        for product in Product::ALL {
            let options = ReadOptions { product: Some(product), ..ReadOptions::default() };
            let _ = read_folder(&files, &options);
        }
        let _ = read_folder(&files, &ReadOptions::default());
    }
}

#[test]
fn deep_nesting_is_refused_without_a_stack_overflow() {
    for text in ["[".repeat(200_000), "{\"a\":".repeat(200_000), format!("kind: List\nitems: {}", "[".repeat(200_000))]
    {
        check(text.as_bytes());
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
