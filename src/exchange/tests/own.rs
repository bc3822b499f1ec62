//! Trimtab's own export, which is read back without loss.

use proptest::{prelude::*, sample::select};

use super::*;
use crate::domain::{
    content::{Item, Items, ValueType, check_key},
    limits,
};

fn texts() -> impl Strategy<Value = String> {
    prop::collection::vec(
        select(vec!["a", "é", "商店", "\n", "\r\n", "\t", " ", "\"", "\\", "\u{1}", "\u{2028}", "\u{feff}", "😀"]),
        0..8,
    )
    .prop_map(|parts| parts.concat())
}

fn items() -> impl Strategy<Value = Content> {
    let typed = select(vec![
        ("1.50e3", ValueType::Number),
        ("true", ValueType::Boolean),
        (" {\"z\": 1, \"a\": []} ", ValueType::Json),
        ("null", ValueType::Json),
    ]);
    let item = prop_oneof![
        texts().prop_map(|value| (value, ValueType::String)),
        typed.prop_map(|(value, kind)| (value.to_owned(), kind)),
    ];
    let entry = (texts(), item, texts());
    prop::collection::vec(entry, 0..6).prop_map(|entries| {
        let entries = entries.into_iter().filter(|(key, ..)| check_key(key).is_ok());
        let item = |(key, (value, kind), comment)| (key, Item { value: String::into(value), kind, comment, since: 0 });
        Content::Kv(entries.map(item).collect::<Items>())
    })
}

fn configs() -> impl Strategy<Value = Vec<ExportedConfig>> {
    let content = prop_oneof![
        items().prop_map(|content| (Format::Kv, Some(content))),
        texts().prop_map(|text| (Format::Text, Some(Content::Text(format!("{text}x").into())))),
        Just((Format::Yaml, Some(Content::Text("a: 1\r\n# end".into())))),
        Just((Format::Json, None)),
    ];
    prop::collection::vec((0..3_u8, content, "[a-z ]{0,10}"), 1..8).prop_map(|all| {
        let config = |(n, (env, (format, content), description)): (usize, (u8, _, String))| ExportedConfig {
            config: format!("env{env}/app/n{n}.json").parse().unwrap(),
            format,
            description,
            content,
        };
        let mut all: Vec<_> = all.into_iter().enumerate().map(config).collect();
        all.sort_by(|a: &ExportedConfig, b| a.config.cmp(&b.config));
        all
    })
}

/// Compares the whole: names, formats, descriptions, contents.
fn assert_equal(bytes: impl Into<Vec<u8>>, configs: &[ExportedConfig]) {
    let export = read_file(bytes, &ReadOptions::default()).unwrap();
    assert_eq!((export.product, export.questions.len()), (Product::Trimtab, 0));
    assert_eq!(export.configs.len(), configs.len());
    for (found, config) in export.configs.iter().zip(configs) {
        assert_eq!((&found.config, found.format), (&config.config, config.format));
        assert_eq!(found.description, config.description);
        assert!(found.content == config.content, "{} differs", found.config);
        let is_equal = found.notes.iter().all(|note| note.kind == NoteKind::NothingSaved);
        assert!(is_equal, "{:?}", found.notes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn exports_are_read_back_without_loss(configs in configs()) {
        assert_equal(write_json(&configs), &configs);
        let archive = write_zip(&configs);
        assert_equal(archive.clone(), &configs);
        prop_assert!(archive == write_zip(&configs), "the same configs give the same bytes");
    }
}

#[test]
fn changed_or_later_exports_are_refused() {
    let later = read_file(r#"{"trimtab": 2, "unknown": []}"#, &ReadOptions::default());
    assert_eq!(later.unwrap_err(), ExportRefusal::Version { version: 2 });
    let manifest = r#"{"trimtab": 1, "configs": [{"env": "dev", "app": "a", "namespace": "n", "format": "text",
        "file": "texts/dev/a/n", "sha256": "00"}]}"#;
    let expected = ExportRefusal::Manifest { path: "texts/dev/a/n".into() };
    for files in [&[("trimtab.json", manifest)][..], &[("trimtab.json", manifest), ("texts/dev/a/n", "x")]] {
        assert_eq!(read_file(zipped(files), &ReadOptions::default()).unwrap_err(), expected);
    }
    let broken = read_file("{\"trimtab\": 1,\n \"configs\": 3}", &ReadOptions::default()).unwrap_err();
    let ExportRefusal::Mistake { invalid, .. } = broken else { panic!("{broken:?}") };
    assert_eq!(invalid.line, Some(2));
}

#[test]
fn names_of_other_products_do_not_hide_our_own_export() {
    for namespace in ["app.metadata", "x.appnamespace.metadata", "application.yml", "appsettings.json"] {
        let content = Some(Content::Text("x".into()));
        let config = format!("dev/app/{namespace}").parse().unwrap();
        let configs = [ExportedConfig { config, format: Format::Text, description: String::new(), content }];
        assert_equal(write_zip(&configs), &configs);
    }
}

#[test]
fn large_configs_are_read_back() {
    let item = |n: usize| {
        let item = Item { comment: "comment ".repeat(30), ..Item::string("v") };
        (format!("section-{n}.key"), item)
    };
    let items = Content::Kv((0..limits::ITEMS).map(item).collect());
    let text = Content::Text("\u{1}".repeat(limits::DOCUMENT_BYTES).into());
    let config = |namespace: &str, format, content| {
        let config = format!("dev/app/{namespace}").parse().unwrap();
        ExportedConfig { config, format, description: String::new(), content: Some(content) }
    };
    let mut configs = vec![config("items", Format::Kv, items)];
    // Equal texts are packed far below the ratio at which archives of other products are refused.
    configs.extend((0..12).map(|n| config(&format!("text-{n:02}"), Format::Text, text.clone())));
    let archive = write_zip(&configs);
    assert_equal(archive.clone(), &configs);
    let mut unpacked = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let entry = |n| {
        let mut file: zip::read::ZipFile<_> = unpacked.by_index(n).unwrap();
        let mut entry = ExportEntry { path: file.name().to_owned(), bytes: Vec::new() };
        std::io::Read::read_to_end(&mut file, &mut entry.bytes).unwrap();
        entry
    };
    let files: Vec<ExportEntry> = (0..=configs.len()).map(entry).collect();
    assert!(files.iter().any(|file| file.bytes.len() > 4 * limits::DOCUMENT_BYTES), "{files:?}");
    let export = read(ExportSource::Folder(files), &ReadOptions::default()).unwrap();
    assert!(export.configs.iter().map(|found| &found.content).eq(configs.iter().map(|config| &config.content)));
}
