//! Exports of Apollo in all generations.

use super::*;
use crate::domain::{exchange::ImportQuestion, limits};

const ITEMS: &str = r##"[{"id":0,"namespaceId":0,"key":"","type":0,"value":"","comment":"# pool","lineNum":1,"dataChangeCreatedTime":"Mar 4, 2026, 9:15:02 AM"},
{"key":"db.url","type":0,"value":"jdbc:mysql://db?ssl\u003dtrue","comment":"primary","lineNum":2},
{"key":"","comment":"","lineNum":3},
{"key":"db.max","type":1,"value":"0x1F","comment":"","lineNum":4},
{"key":"on","type":2,"value":"true","lineNum":5},
{"key":"gone","value":"1","lineNum":0}]"##;

fn metadata(app: &str, name: &str, format: &str, is_public: bool) -> String {
    format!(r#"{{"name":"{name}","appId":"{app}","format":"{format}","isPublic":{is_public},"comment":""}}"#)
}

fn text(text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!(r#"[{{"key":"content","type":0,"value":{text},"comment":"","lineNum":1}}]"#)
}

/// Returns a full export of 2.x.
fn full() -> Vec<u8> {
    let (routes, shared) = (text("a: 1\n"), r#"[{"key":"currency","value":"EUR","lineNum":1}]"#);
    zipped(&[
        ("lin/Orders/app.metadata", "{}"),
        ("lin/Orders/PRO/default.cluster.metadata", "{}"),
        ("lin/Orders/PRO/shanghai.cluster.metadata", "{}"),
        ("lin/Orders/PRO/Orders+default+application.properties", ITEMS),
        ("lin/Orders/PRO/Orders+default+routes.yml", &routes),
        ("lin/Orders/PRO/Orders+default+blank.json", ""),
        ("lin/Orders/PRO/Orders+default+notes.txt.properties", shared),
        ("lin/Orders/PRO/Orders+shanghai+routes.yml", &routes),
        ("lin\\till\\DEV\\till+default+RETAIL.shared.properties", shared),
        ("Orders+application.appnamespace.metadata", &metadata("Orders", "application", "properties", false)),
        ("Orders+notes.txt.appnamespace.metadata", &metadata("Orders", "notes.txt", "properties", false)),
        ("Orders+routes.yml.appnamespace.metadata", &metadata("Orders", "routes.yml", "yml", false)),
        ("Orders+RETAIL.shared.appnamespace.metadata", &metadata("Orders", "RETAIL.shared", "properties", true)),
        ("other+x.appnamespace.metadata", &metadata("other", "x", "properties", false)),
        ("readme.txt", "hello"),
    ])
}

#[test]
fn full_export_of_2_x_is_read() {
    let export = read_file(full(), &ReadOptions::default()).unwrap();
    assert_eq!((export.product, export.generation), (Product::Apollo, "2.0 and later"));
    assert_eq!(
        lines(&export),
        [
            "dev/till/retail.shared kv {\"currency\":\"EUR\"}",
            "prod/orders/application kv {\"db.url\":\"jdbc:mysql://db?ssl=true\",\"db.max\":\"0x1F\",\"on\":true} # # pool / primary",
            "prod/orders/blank.json json (nothing)",
            "prod/orders/notes.txt kv {\"currency\":\"EUR\"}",
            "prod/orders/routes.yml yaml a: 1\n",
        ]
    );
    for expected in [
        "entries 1 readme.txt",
        "same-cluster 1 lin/Orders/PRO/Orders+shanghai+routes.yml",
        "may-be-missing 1 Orders/RETAIL.shared",
        "public-namespace 1 Orders/RETAIL.shared: till",
        "lowercased 3 DEV → dev, Orders → orders, RETAIL.shared → retail.shared",
        "renamed 1 PRO → prod",
        "loose-lines 1",
        "types-dropped 1 db.max",
        "deleted-keys 1 gone",
        "nothing-saved 1",
        "editing-state 1",
    ] {
        assert_note(&export, expected);
    }
}

#[test]
fn other_cluster_becomes_an_environment_or_is_left_out() {
    let archive = zipped(&[
        ("o/shop/PRO/shop+default+a.properties", "[]"),
        ("o/shop/PRO/shop+eu+a.properties", r#"[{"key":"k","value":"v","lineNum":1}]"#),
    ]);
    let export = read_file(archive.clone(), &ReadOptions::default()).unwrap();
    assert_eq!(lines(&export), ["prod/shop/a kv {}", "prod-eu/shop/a kv {\"k\":\"v\"}"]);
    let expected = ImportQuestion::Cluster { cluster: "PRO/eu".into(), assumed: "prod-eu".parse().unwrap() };
    assert_eq!(export.questions, [expected]);

    let leave_out = ReadOptions { envs: [("PRO/eu".to_owned(), None)].into(), ..ReadOptions::default() };
    let export = read_file(archive, &leave_out).unwrap();
    assert_eq!((lines(&export), export.questions.len()), (vec!["prod/shop/a kv {}".to_owned()], 0));
    assert_note(&export, "not-chosen 1");
}

#[test]
fn export_of_1_7_has_properties_and_plain_texts() {
    let properties = "=\nkey\\:1=a\\=b\\n c\nempty=\n";
    let archive = zipped(&[
        ("o/shop/DEV/shop+default+application.properties", properties),
        ("o/shop/DEV/shop+default+routes.json", "{\"a\": [1]}"),
        ("o/shop/DEV/shop+default+broken.json", "{\"a\": "),
    ]);
    let export = read_file(archive, &ReadOptions::default()).unwrap();
    assert_eq!(export.generation, "1.3 to 1.9");
    assert_eq!(
        lines(&export),
        [
            "dev/shop/application kv {\"key:1\":\"a=b\\n c\",\"empty\":\"\"}",
            "dev/shop/broken.json text {\"a\": ",
            "dev/shop/routes.json json {\"a\": [1]}",
        ]
    );
    assert_note(&export, "loose-lines 1");
    assert_note(&export, "stored-as-text 1 o/shop/DEV/shop+default+broken.json:1:6 (json)");
}

#[test]
fn single_namespace_of_each_generation_is_read() {
    let mut options = ReadOptions { product: Some(Product::Apollo), ..answers("dev", "shop") };
    let export = read_file("a.b = c:d = e\n\nempty =\n", &options).unwrap();
    assert_eq!(lines(&export), ["dev/shop/application kv {\"a.b\":\"c:d = e\",\"empty\":\"\"}"]);
    let export = read_file(ITEMS, &answers("dev", "shop")).unwrap();
    assert_eq!((export.product, export.configs.len(), export.questions.len()), (Product::Apollo, 1, 0));
    options.namespace = Some("routes.yml".parse().unwrap());
    assert_eq!(lines(&read_file(text("a: 1"), &options).unwrap()), ["dev/shop/routes.yml yaml a: 1"]);
    assert_eq!(read_file(ITEMS, &ReadOptions::default()).unwrap().questions.len(), 2, "environment and application");
}

#[test]
fn export_of_one_application_has_no_metadata() {
    let archive = zipped(&[
        ("shop/FAT/shop+default+application.properties", ITEMS),
        ("shop/FAT/shop+default+routes.yml", &text("a: 1")),
    ]);
    let export = read_file(archive, &ReadOptions::default()).unwrap();
    assert_eq!(export.generation, "2.0 and later, one application or namespace");
    assert_eq!(lines(&export)[1], "fat/shop/routes.yml yaml a: 1");
}

#[test]
fn what_trimtab_cannot_store_is_left_out_and_said() {
    let item = |key: &str, value: &str, comment: &str| serde_json::json!({"key": key, "value": value, "comment": comment, "lineNum": 1});
    let long = "长".repeat(100);
    let items = serde_json::to_string(&[
        item(&long, "1", ""),
        item(" blank ", "1", ""),
        item("zero\u{200b}width", "1", ""),
        item("fine", "1", &"注".repeat(1024)),
        item("fine", "2", ""),
        item("Fine", "3", ""),
    ]);
    let large = serde_json::to_string(&[item("k", &"v".repeat(limits::VALUE_BYTES + 1), "")]);
    let archive = zipped(&[
        ("o/shop/DEV/shop+default+a.properties", &items.unwrap()),
        ("o/shop/DEV/shop+default+large.properties", &large.unwrap()),
    ]);
    let export = read_file(archive, &ReadOptions::default()).unwrap();
    assert_eq!(lines(&export), ["dev/shop/a kv {\"fine\":\"2\",\"Fine\":\"3\"}"]);
    assert!(export.configs[0].is_incomplete());
    for expected in
        ["too-large 1 o/shop/DEV/shop+default+large.properties", "comments-cut 1 fine", "repeated-keys 1 fine"]
    {
        assert_note(&export, expected);
    }
    assert!(notes(&export).iter().any(|note| note.starts_with("keys 3 ")));
}

#[test]
fn file_in_gb18030_is_decoded() {
    let mut bytes = b"[{\"key\":\"k\",\"value\":\"".to_vec();
    bytes.extend([0xb6, 0xa9, 0xb5, 0xa5]);
    bytes.extend(b"\",\"lineNum\":1}]");
    let export = read_bytes("o/shop/DEV/shop+default+a.properties", &bytes, &ReadOptions::default()).unwrap();
    assert_eq!(lines(&export), ["dev/shop/a kv {\"k\":\"订单\"}"]);
    assert_note(&export, "charset 1 o/shop/DEV/shop+default+a.properties");
}

#[test]
fn byte_order_marks_are_ignored() {
    let options = answers("dev", "shop");
    let marked = |text: &str| format!("\u{feff}{text}");
    assert_eq!(lines(&read_file(marked(ITEMS), &options).unwrap()), lines(&read_file(ITEMS, &options).unwrap()));
    let archive = zipped(&[
        ("shop+notes.txt.appnamespace.metadata", &marked(&metadata("shop", "notes.txt", "properties", false))),
        ("o/shop/DEV/shop+default+notes.txt.properties", &marked(r#"[{"key":"k","value":"v","lineNum":1}]"#)),
        ("o/shop/DEV/shop+default+routes.yml", &marked(&text("a: 1"))),
    ]);
    let export = read_file(archive, &options).unwrap();
    assert_eq!(lines(&export), ["dev/shop/notes.txt kv {\"k\":\"v\"}", "dev/shop/routes.yml yaml a: 1"]);
}

#[test]
fn cluster_with_one_other_namespace_keeps_all() {
    let items = |value: &str| format!(r#"[{{"key":"k","value":"{value}","lineNum":1}}]"#);
    let archive = zipped(&[
        ("o/shop/PRO/shop+default+a.properties", &items("1")),
        ("o/shop/PRO/shop+default+b.properties", &items("1")),
        ("o/shop/PRO/shop+eu+a.properties", &items("1")),
        ("o/shop/PRO/shop+eu+b.properties", &items("2")),
        ("o/shop/PRO/shop+us+a.properties", &items("1")),
        ("o/web/PRO/web+default+a.properties", &items("1")),
        ("o/web/PRO/web+eu+a.properties", &items("1")),
    ]);
    let export = read_file(archive, &ReadOptions::default()).unwrap();
    let expected = ["prod/shop/a 1", "prod/shop/b 1", "prod/web/a 1", "prod-eu/shop/a 1", "prod-eu/shop/b 2"];
    let expected = expected.map(|line| line.replace(' ', " kv {\"k\":\"") + "\"}");
    assert_eq!(lines(&export), expected);
    assert_note(&export, "same-cluster 2 o/shop/PRO/shop+us+a.properties, o/web/PRO/web+eu+a.properties");
}

#[test]
fn text_namespace_is_its_live_content_item() {
    let deleted = r#"[{"key":"content","value":"a: 2","lineNum":1},{"key":"content","value":"a: 1","lineNum":0}]"#;
    let other = r#"[{"key":"x","value":"1","lineNum":1}]"#;
    let gone = r#"[{"key":"content","value":"a: 1","lineNum":0}]"#;
    let archive = zipped(&[
        ("o/shop/DEV/shop+default+deleted.yml", deleted),
        ("o/shop/DEV/shop+default+other.yml", other),
        ("o/shop/DEV/shop+default+gone.json", gone),
        ("o/shop/DEV/shop+default+list.json", "[]"),
    ]);
    let export = read_file(archive, &ReadOptions::default()).unwrap();
    assert_eq!(lines(&export), ["dev/shop/deleted.yml yaml a: 2", "dev/shop/list.json json []"]);
    assert_note(&export, "unreadable 2 o/shop/DEV/shop+default+other.yml, o/shop/DEV/shop+default+gone.json");

    let options = ReadOptions { namespace: Some("routes.yml".parse().unwrap()), ..answers("dev", "shop") };
    assert_eq!(lines(&read_file(deleted, &options).unwrap()), ["dev/shop/routes.yml yaml a: 2"]);
    let refusal = ExportRefusal::NotOf { product: Product::Apollo };
    assert_eq!(read_file(other, &options).unwrap_err(), refusal);
}
