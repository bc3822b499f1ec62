//! Exports of Nacos and r-nacos.

use super::*;
use crate::domain::exchange::{ImportLayout, ImportQuestion};

const METADATA: &str = "metadata:\n\
    - appName: cart\n  dataId: cart-prod.yaml\n  desc: 购物车\n  group: SHOP\n  type: yaml\n\
    - appName: ''\n  configTags: pay,eu\n  dataId: pay.properties\n  group: SHOP\n  type: properties\n\
    - dataId: banner.yaml\n  group: DEFAULT_GROUP\n  type: text\n\
    - dataId: com.acme.Cart:1.0.0::provider:cart\n  group: DEFAULT_GROUP\n  type: json\n";

fn zip() -> Vec<u8> {
    zipped(&[
        ("SHOP/cart-prod.yaml", "currency: EUR\ncurrency: CHF\n"),
        ("SHOP/pay.properties", "pay.url=https\\://pay\r\n"),
        ("DEFAULT_GROUP/banner.yaml", "text: hello\n"),
        ("DEFAULT_GROUP/com.acme.Cart:1.0.0::provider:cart", "{\"a\": 1, // why\n}"),
        ("DEFAULT_GROUP/cipher-aes-db", "user=app\n"),
        ("extra/deep/file.txt", "x"),
        ("__MACOSX/SHOP/._cart", "x"),
        (".metadata.yml", METADATA),
    ])
}

#[test]
fn export_with_metadata_is_read_by_groups() {
    let export = read_file(zip(), &answers("prod", "shared")).unwrap();
    assert_eq!((export.product, export.generation), (Product::Nacos, "1.4.6 and later"));
    assert_eq!(
        lines(&export),
        [
            "prod/shared/banner.yaml yaml text: hello\n",
            "prod/shared/com.acme.cart-1.0.0-provider-cart text {\"a\": 1, // why\n}",
            "prod/shop/cart-prod.yaml text currency: EUR\ncurrency: CHF\n",
            "prod/shop/pay.properties properties pay.url=https\\://pay\r\n",
        ]
    );
    assert_eq!(export.configs[2].description, "购物车");
    for expected in [
        "entries 1 extra/deep/file.txt",
        "encrypted 1 DEFAULT_GROUP/cipher-aes-db",
        "system-files 1",
        "format-guessed 1 text → yaml",
        "stored-as-text 1 SHOP/cart-prod.yaml:2:1 (yaml)",
        "descriptions 1",
        "renamed 2 SHOP → shop, com.acme.Cart:1.0.0::provider:cart → com.acme.cart-1.0.0-provider-cart",
    ] {
        assert_note(&export, expected);
    }
}

#[test]
fn unanswered_questions_are_asked() {
    let export = read_file(zip(), &ReadOptions::default()).unwrap();
    assert_eq!(export.questions.len(), 3);
    assert!(matches!(export.questions[2], ImportQuestion::Layout { assumed: ImportLayout::Groups, .. }));
}

#[test]
fn data_ids_can_name_applications_and_profiles() {
    let archive = zipped(&[
        ("DEFAULT_GROUP/cart.yaml", "a: 1"),
        ("DEFAULT_GROUP/cart-eu.yaml", "a: 2"),
        ("DEFAULT_GROUP/order-service-prod.yaml", "a: 3"),
        ("DEFAULT_GROUP/order-service.yaml", "a: 4"),
    ]);
    let options = ReadOptions { env: Some("dev".parse().unwrap()), ..ReadOptions::default() };
    let export = read_file(archive, &options).unwrap();
    assert_eq!(export.product, Product::RNacos);
    assert_eq!(
        lines(&export),
        [
            "dev/cart/application yaml a: 1",
            "dev/order-service/application yaml a: 4",
            "eu/cart/application yaml a: 2",
            "prod/order-service/application yaml a: 3",
        ]
    );
}

#[test]
fn old_metadata_have_application_names() {
    let archive = zipped(&[
        ("G.x/cart.v1.yaml", "a: 1"),
        ("G.x/plain", "b"),
        (".meta.yml", "G.x.cart.v1~yaml.app=cart\r\nG.x.plain.app=web\r\n"),
    ]);
    let options = ReadOptions { layout: Some(ImportLayout::AppNames), ..answers("dev", "none") };
    let export = read_file(archive, &options).unwrap();
    assert_eq!(lines(&export), ["dev/cart/cart.v1.yaml yaml a: 1", "dev/web/plain text b"]);
}

#[test]
fn repacked_and_empty_exports_are_recognised() {
    let archive = zipped(&[("my folder/G/a.json", "{}"), ("my folder/.metadata.yml", "metadata: []\n")]);
    let export = read_file(archive, &answers("dev", "x")).unwrap();
    assert_eq!(lines(&export), ["dev/g/a.json json {}"]);
    assert_note(&export, "common-folder 1 my folder");
    let empty = zipped(&[(".ignore", "empty config")]);
    assert_eq!(read_file(empty, &ReadOptions::default()).unwrap_err(), ExportRefusal::Empty);
}

#[test]
fn two_groups_of_one_application_stay_apart() {
    let archive = zipped(&[
        ("A/x.json", "{\"a\": 1}"),
        ("B/x.json", "{\"a\": 2}"),
        (
            ".metadata.yml",
            "metadata:\n- {dataId: x.json, group: A, appName: shop, type: json}\n- {dataId: x.json, group: B, appName: shop, type: json}\n",
        ),
    ]);
    let options = ReadOptions { layout: Some(ImportLayout::AppNames), ..answers("dev", "none") };
    let export = read_file(archive, &options).unwrap();
    let names: Vec<&str> = export.configs.iter().map(|found| found.config.namespace.as_str()).collect();
    assert!(names.len() == 2 && names[0] != names[1], "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("x-") && name.ends_with(".json")));
}
