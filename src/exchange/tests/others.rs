//! Exports of Consul, etcd, Spring Cloud Config, Kubernetes and .NET.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::*;
use crate::domain::{
    error::Problem,
    exchange::{ImportLayout, ImportQuestion},
    limits,
};

fn base64(text: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(text)
}

fn consul(pairs: &[(&str, u64, &[u8])]) -> String {
    let pair = |(key, flags, value): &(&str, u64, &[u8])| serde_json::json!({"key": key, "flags": flags, "value": base64(value)});
    serde_json::to_string(&pairs.iter().map(pair).collect::<Vec<_>>()).unwrap()
}

#[test]
fn consul_paths_follow_spring_cloud_consul() {
    let text = consul(&[
        ("config/cart,prod/data", 0, b"currency: EUR\n"),
        ("config/cart/", 0, b""),
        ("config/cart/db/url", 0, b"mysql://db"),
        ("config/cart/db%2Fpool", 42, b"40"),
        ("config/cart/icon", 0, b"\x89P\xff\0"),
        ("config/cart/empty", 0, b""),
    ]);
    let export = read_file(text, &answers("dev", "x")).unwrap();
    assert_eq!(export.product, Product::Consul);
    assert_eq!(
        lines(&export),
        [
            "dev/cart/application kv {\"db.url\":\"mysql://db\",\"db%2Fpool\":\"40\",\"empty\":\"\"}".to_owned(),
            // A namespace has one format in all environments.
            "prod/cart/application.yaml yaml currency: EUR\n".to_owned(),
        ]
    );
    for expected in ["folder-marks 1", "flags 1 config/cart/db%2Fpool", "binary 1 config/cart/icon"] {
        assert_note(&export, expected);
    }
}

#[test]
fn consul_paths_can_name_environments_documents_or_keys() {
    let text = consul(&[("prod/shop/db/url", 0, b"1"), ("prod/shop/app.yaml", 0, b"a: 1\n")]);
    let with = |layout| {
        let options = ReadOptions { layout: Some(layout), ..answers("dev", "web") };
        lines(&read_file(text.clone(), &options).unwrap())
    };
    assert_eq!(with(ImportLayout::EnvAppKey), ["prod/shop/application kv {\"db.url\":\"1\",\"app.yaml\":\"a: 1\\n\"}"]);
    assert_eq!(with(ImportLayout::Keys), ["dev/web/application kv {\"db.url\":\"1\",\"app.yaml\":\"a: 1\\n\"}"]);
    assert_eq!(with(ImportLayout::Documents), ["prod/shop/app.yaml yaml a: 1\n", "shop/db/url text 1"]);
    let http = r#"[{"LockIndex":0,"Key":"a/b/c","Flags":0,"Value":null,"CreateIndex":1,"ModifyIndex":1}]"#;
    assert_eq!(lines(&read_file(http, &ReadOptions::default()).unwrap()), ["a/b/application kv {\"c\":\"\"}"]);
}

#[test]
fn etcd_answers_are_read_with_numbers_of_either_spelling() {
    let (key, value, lock) = (base64("/shop/cart.yaml"), base64("Port: 80\n"), base64("/shop/lock/7a"));
    for lease in ["7587869141232467123", "\"7587869141232467123\""] {
        let text = format!(
            r#"{{"header":{{"cluster_id":17237436991929493444,"revision":61}},"kvs":[{{"key":"{key}","value":"{value}"}},
            {{"key":"{lock}","value":"eA==","lease":{lease}}}],"count":"3"}}"#
        );
        let export = read_file(text, &answers("prod", "x")).unwrap();
        assert_eq!(export.product, Product::Etcd);
        assert_eq!(lines(&export), ["prod/shop/cart.yaml yaml Port: 80\n"]);
        assert_note(&export, "leases 1 /shop/lock/7a");
        assert_note(&export, "may-be-missing 1 2 / 3");
    }
    let values =
        format!(r#"{{"header":{{}},"kvs":[{{"key":"{key}","value":"{value}"}},{{"key":"{lock}"}}],"count":2}}"#);
    let export = read_file(values, &answers("prod", "x")).unwrap();
    assert_eq!(lines(&export), ["prod/shop/cart.yaml yaml Port: 80\n", "shop/lock/7a text (nothing)"]);
    assert_eq!(read_file("/shop/a\n1\n", &ReadOptions::default()).unwrap_err(), ExportRefusal::EtcdPlain);
    let mut snapshot = vec![0; 64];
    snapshot[16..20].copy_from_slice(&0xED0C_DAED_u32.to_le_bytes());
    assert_eq!(read_file(snapshot, &ReadOptions::default()).unwrap_err(), ExportRefusal::EtcdSnapshot);
}

const SPRING: [(&str, &str); 6] = [
    (
        "application.yml",
        "server: {port: 1}\nlist: [1, 2]\n# kept\nshared: all\n---\nspring.config.activate.on-profile: prod\nserver.port: 2\n\
         ---\nspring.config.activate.on-profile: a & !b\nx: 1\n",
    ),
    (
        "cart.yml",
        "server:\n  port: 3\nname: cart\n---\nspring:\n  config:\n    activate:\n      onProfile: [prod]\nname: cart-prod\n",
    ),
    ("cart.properties", "name=from properties\nsecret={cipher}AQA\n"),
    ("application-prod.yml", "list: [3]\n"),
    ("cart-prod.yml", "own: true\n"),
    ("README.md", "# hello"),
];

#[test]
fn spring_files_are_merged_in_the_order_of_spring() {
    let export = read_folder(&SPRING, &ReadOptions::default()).unwrap();
    assert_eq!(export.product, Product::Spring);
    let expected = "prod/cart/application yaml server.port: 3\nlist: [3]\n# kept\nshared: all\nname: \"from properties\"\nown: true\n";
    assert_eq!(lines(&export), [expected]);
    for expected in [
        "entries 1 README.md",
        "encrypted 1 cart.properties: secret",
        "conditions 1 application.yml: a & !b",
        "properties-first 1 name",
        "files-merged 5",
    ] {
        assert_note(&export, expected);
    }
}

/// Reads files of Spring, and returns the lines of complete configs and of incomplete ones.
fn spring(files: &[(&str, &str)], options: &ReadOptions) -> (Vec<String>, Vec<String>) {
    let mut export = read_folder(files, options).unwrap();
    let incomplete = export.configs.extract_if(.., |found| found.is_incomplete()).collect();
    let rest = lines(&export);
    export.configs = incomplete;
    (rest, lines(&export))
}

#[test]
fn merged_config_that_lacks_a_document_is_incomplete() {
    for (path, text, note) in [
        ("application-prod.yml", "version: @project.version@\n", "unreadable 1 application-prod.yml:1"),
        ("application-prod.yml", "p: {cipher}AQA\n", "unreadable 1 application-prod.yml:1"),
        ("application-prod.yml", "p: '{cipher}AQA'\n", "encrypted 1 application-prod.yml: p"),
        (
            "application-prod.yml",
            "spring.config.activate.on-cloud-platform: kubernetes\np: 1\n",
            "conditions 1 application-prod.yml: kubernetes",
        ),
        (
            "application-prod.properties",
            "spring.config.activate.on-profile[0]=a & b\np=1\n",
            "conditions 1 application-prod.properties: a & b",
        ),
        ("application-prod.yml", "id: !!int 123456789012345678901234567890\n", "unreadable 1 application-prod.yml: id"),
    ] {
        let files = [("application.yml", "a: 1\n"), ("application-dev.yml", "d: 1\n"), (path, text)];
        let (complete, incomplete) = spring(&files, &ReadOptions::default());
        let expected = ["dev/application/application yaml a: 1\nd: 1\n"];
        assert_eq!((&complete[..], incomplete.len()), (&expected.map(str::to_owned)[..], 1), "{text}");
        assert_eq!(incomplete, ["prod/application/application yaml a: 1\n"], "{text}");
        assert_note(&read_folder(&files, &ReadOptions::default()).unwrap(), note);
    }
    let plain = spring(&[("application.yml", "---\n# none\n---\n\n--- # one\na: 1\n---\n")], &answers("dev", "x"));
    assert_eq!(plain, (vec!["dev/application/application yaml a: 1\n".to_owned()], vec![]));
    let nothing = spring(&[("application-prod.yml", "a: @b@\n")], &ReadOptions::default());
    assert_eq!(nothing, (vec![], vec!["prod/application/application yaml (nothing)".to_owned()]));
}

#[test]
fn conditions_of_documents_are_found_in_every_spelling() {
    for (path, condition) in [
        ("application.properties", "spring.config.activate.on-profile[0]=qa\nspring.config.activate.on-profile[1]=x"),
        ("application.properties", "spring.config.activate.onProfile=qa, x"),
        ("application.yml", "spring.config.activate: {on-profile: [qa, x]}"),
        ("application.yml", "spring: {profiles: 'qa,x'}"),
    ] {
        let separator = if path.ends_with("yml") { "---" } else { "#---" };
        let (first, second) = if path.ends_with("yml") { ("a: 'b'", "c: 'd'") } else { ("a=b", "c=d") };
        let text = format!("{first}\n{separator}\n{condition}\n{second}\n");
        let (complete, incomplete) = spring(&[(path, &text), ("application-dev.yml", "")], &ReadOptions::default());
        let line = |env: &str, rest: &str| format!("{env}/application/application yaml a: b\n{rest}");
        assert_eq!(complete, [line("dev", ""), line("qa", "c: d\n"), line("x", "c: d\n")], "{condition}");
        assert!(incomplete.is_empty(), "{incomplete:?}");
    }
}

#[test]
fn spring_configuration_without_a_profile_needs_an_environment() {
    let files = [("application.yml", "a: 1\n"), ("cart.yml", "b: 1\n"), ("cart-prod.yml", "c: 1\n")];
    let prod = "prod/cart/application yaml a: 1\nb: 1\nc: 1\n".to_owned();
    let base = "dev/cart/application yaml a: 1\nb: 1\n".to_owned();
    let asked = read_folder(&files, &ReadOptions::default()).unwrap();
    assert_eq!(lines(&asked), [&*prod]);
    assert!(asked.questions.contains(&ImportQuestion::BaseEnv), "{:?}", asked.questions);

    let mapped = |env: Option<&str>| {
        let envs = [(String::new(), env.map(|env| env.parse().unwrap()))].into();
        ReadOptions { envs, ..ReadOptions::default() }
    };
    for (options, expected) in [
        (answers("dev", "x"), vec![base.clone(), prod.clone()]),
        (mapped(Some("dev")), vec![base, prod.clone()]),
        (mapped(None), vec![prod.clone()]),
        // The configuration of the profile is for the same environment, and includes the other one.
        (answers("prod", "x"), vec![prod.clone()]),
    ] {
        let export = read_folder(&files, &options).unwrap();
        assert_eq!(lines(&export), expected);
        assert!(!export.questions.contains(&ImportQuestion::BaseEnv), "{:?}", export.questions);
    }
    let profiles_alone =
        read_folder(&files[2..], &ReadOptions { product: Some(Product::Spring), ..ReadOptions::default() });
    assert!(!profiles_alone.unwrap().questions.contains(&ImportQuestion::BaseEnv));
}

#[test]
fn spring_files_can_stay_as_they_are() {
    let options = ReadOptions { layout: Some(ImportLayout::AsIs), ..answers("default", "x") };
    let export = read_folder(&SPRING[3..5], &options).unwrap();
    assert_eq!(
        lines(&export),
        ["prod/application/application yaml list: [3]\n", "prod/cart/application yaml own: true\n"]
    );
}

#[test]
fn properties_of_spring_have_documents_too() {
    let files = [("application.properties", "a=1\nb=1\n#---\nspring.config.activate.on-profile=qa\nb=2\n")];
    let export = read_folder(&files, &ReadOptions::default()).unwrap();
    assert_eq!(lines(&export), ["qa/application/application yaml a: \"1\"\nb: \"2\"\n"]);
}

const MANIFESTS: &str = r#"apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: cart-config
    namespace: prod
    labels: {app.kubernetes.io/name: cart}
    annotations: {kubectl.kubernetes.io/last-applied-configuration: "hidden"}
  data: {LOG_LEVEL: info, PORT: 80, app.yaml: "currency: EUR\n"}
  binaryData: {logo.png: iVBORw3/, note.txt: aGVsbG8=}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: kube-root-ca.crt, namespace: prod}, data: {ca.crt: x}}
- {apiVersion: v1, kind: Secret, metadata: {name: db-secret, namespace: prod}, data: {password: aHVzaA==}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web-config}
data: {a: "1"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
"#;

#[test]
fn config_maps_are_read_and_secrets_are_left_out() {
    let export = read_file(MANIFESTS, &answers("dev", "x")).unwrap();
    assert_eq!(export.product, Product::Kubernetes);
    assert_eq!(
        lines(&export),
        [
            "dev/web/web-config kv {\"a\":\"1\"}",
            "prod/cart/app.yaml yaml currency: EUR\n",
            "prod/cart/cart-config kv {\"LOG_LEVEL\":\"info\",\"PORT\":\"80\"}",
            "prod/cart/note.txt text hello",
        ]
    );
    for expected in [
        "secrets 1 prod/db-secret",
        "managed-objects 1 prod/kube-root-ca.crt",
        "other-objects 1 Deployment web",
        "source-texts 1 PORT",
        "binary 1 logo.png",
        "labels 1",
    ] {
        assert_note(&export, expected);
    }
    let all = format!("{:?} {:?}", notes(&export), lines(&export));
    assert!(!all.contains("hush") && !all.contains("aHVzaA") && !all.contains("hidden"), "{all}");
    let folder =
        read_folder(&[("a.yaml", MANIFESTS), ("b.yaml", "kind: Secret\nmetadata: {name: x}")], &answers("dev", "x"));
    assert_eq!(folder.unwrap().configs.len(), 4);
}

#[test]
fn manifest_with_a_mistake_is_refused_with_its_place() {
    let refusal = read_file("kind: ConfigMap\ndata: {a: 1\n", &ReadOptions::default()).unwrap_err();
    let ExportRefusal::Mistake { invalid, .. } = refusal else { panic!("{refusal:?}") };
    assert!(invalid.line.is_some());
}

#[test]
fn settings_of_dotnet_are_merged_by_environment() {
    let files = [
        (
            "appsettings.json",
            "{\n // why\n \"Logging\": {\"LogLevel\": {\"Default\": \"Info\", \"Microsoft.AspNetCore\": \"Warning\"}},\n \"List\": [\"a\", \"b\"], \"On\": true, \"Port\": 80, \"None\": null,\n \"ConnectionStrings\": {\"Db\": \"x\"},\n}",
        ),
        ("appsettings.Production.json", "{\"logging\": {\"loglevel\": {\"default\": \"Error\"}}, \"List\": [\"x\"]}"),
        ("launchSettings.json", "{}"),
    ];
    let options = ReadOptions { app: Some("web".parse().unwrap()), ..ReadOptions::default() };
    let export = read_folder(&files, &options).unwrap();
    assert_eq!(export.product, Product::DotNet);
    assert_eq!(
        lines(&export),
        [
            "production/web/appsettings kv {\"logging:loglevel:default\":\"Error\",\"Logging:LogLevel:Microsoft.AspNetCore\":\"Warning\",\"List:0\":\"x\",\"List:1\":\"b\",\"On\":true,\"Port\":80,\"None\":null,\"ConnectionStrings:Db\":\"x\"}"
        ]
    );
    assert_note(&export, "likely-secrets 1 ConnectionStrings:Db");
    assert_note(&export, "entries 1 launchSettings.json");
}

#[test]
fn byte_order_marks_are_ignored() {
    let pairs = consul(&[("a/b/c", 0, b"1")]);
    let etcd = format!(r#"{{"header":{{}},"kvs":[{{"key":"{}","value":"MQ=="}}],"count":1}}"#, base64("a/b/c"));
    let manifest = "kind: ConfigMap\nmetadata: {name: c, namespace: a, labels: {app: b}}\ndata: {c: '1'}\n".to_owned();
    let settings = "{\"c\": 1}".to_owned();
    for (text, product) in
        [(pairs, Product::Consul), (etcd, Product::Etcd), (manifest, Product::Kubernetes), (settings, Product::DotNet)]
    {
        let options = ReadOptions { product: (product == Product::DotNet).then_some(product), ..answers("a", "b") };
        let export = read_file(format!("\u{feff}{text}"), &options).unwrap();
        assert_eq!((export.product, lines(&export)), (product, lines(&read_file(text, &options).unwrap())));
    }
    let nacos = read_folder(&[("G/a.txt", "\u{feff}a"), ("G/b.json", "\u{feff}{}")], &answers("dev", "x")).unwrap();
    assert_eq!(lines(&nacos), ["dev/g/a.txt text \u{feff}a", "dev/g/b.json json {}"], "a plain text is kept as it is");
}

#[test]
fn only_properties_of_spring_are_read_in_another_charset() {
    let latin1 = b"city=Z\xfcrich\n";
    let export = read_bytes("application.properties", latin1, &answers("dev", "x")).unwrap();
    assert_eq!(lines(&export), ["dev/application/application yaml city: \"Zürich\"\n"]);
    assert_note(&export, "latin1 1 application.properties");
    let as_is = ReadOptions { layout: Some(ImportLayout::AsIs), ..answers("dev", "x") };
    let export = read_bytes("application.properties", latin1, &as_is).unwrap();
    assert_eq!(lines(&export), ["dev/application/application properties city=Zürich\n"]);
    assert_note(&export, "latin1 1 application.properties");

    for (path, bytes) in
        [("application.yml", &b"city: Z\xfcrich"[..]), ("appsettings.json", b"{\"City\": \"Z\xfcrich\"}")]
    {
        let refusal = read_bytes(path, bytes, &answers("dev", "x")).unwrap_err();
        assert_eq!(refusal, ExportRefusal::Charset { path: path.into() });
    }
    let kubernetes = ReadOptions { product: Some(Product::Kubernetes), ..answers("dev", "x") };
    let refusal = read_bytes("a.yaml", b"kind: ConfigMap\ndata: {a: \xfc}", &kubernetes).unwrap_err();
    assert_eq!(refusal, ExportRefusal::Charset { path: "a.yaml".into() });
    let entry = |path: &str, bytes: &[u8]| ExportEntry { path: path.into(), bytes: bytes.into() };
    let files = vec![entry("G/a.yaml", b"a: Z\xfcrich"), entry("G/b.yaml", b"b: 1")];
    let export = read(ExportSource::Folder(files), &answers("dev", "x")).unwrap();
    assert_eq!(lines(&export), ["dev/g/b.yaml yaml b: 1"]);
    assert_note(&export, "binary 1 G/a.yaml");
}

#[test]
fn folder_around_files_is_no_group_of_nacos() {
    let options = answers("dev", "web");
    let read = |files: &[(&str, &str)]| {
        let export = read_file(zipped(files), &options).unwrap();
        (export.product, lines(&export))
    };
    let spring = [("repo/application.yml", "a: 1\n"), ("repo/cart.yml", "b: 1\n")];
    assert_eq!(read(&spring), (Product::Spring, vec!["dev/cart/application yaml a: 1\nb: 1\n".to_owned()]));
    let settings = [("web/appsettings.json", "{\"a\": 1}"), ("web/readme.md", "x")];
    assert_eq!(read(&settings), (Product::DotNet, vec!["dev/web/appsettings kv {\"a\":1}".to_owned()]));
    let group = [("DEFAULT_GROUP/application.yml", "a: 1\n")];
    assert_eq!(read(&group).0, Product::RNacos);
    let two = [("A/application.yml", "a: 1\n"), ("B/application.yml", "a: 1\n")];
    assert_eq!(read(&two).0, Product::RNacos);
    let other = [("A/x.yml", "a: 1\n")];
    assert_eq!(read(&other).0, Product::RNacos);
}

#[test]
fn paths_that_would_get_one_key_stay_apart() {
    let text = consul(&[
        ("prod/shop/db/url", 0, b"1"),
        ("prod/shop/db.url", 0, b"2"),
        ("prod/shop//db/url", 0, b"3"),
        ("prod/shop/db/url/", 0, b"4"),
        ("prod/shop/db/pool", 0, b"5"),
    ]);
    let with = |layout| {
        let options = ReadOptions { layout: Some(layout), ..answers("dev", "web") };
        lines(&read_file(text.clone(), &options).unwrap())
    };
    let items = "kv {\"db/url\":\"1\",\"db.url\":\"2\",\"/db/url\":\"3\",\"db/url/\":\"4\",\"db.pool\":\"5\"}";
    assert_eq!(with(ImportLayout::EnvAppKey), [format!("prod/shop/application {items}")]);
    assert_eq!(with(ImportLayout::AppProfileKey), [format!("dev/shop/application {items}")]);
    assert_eq!(with(ImportLayout::Keys), [format!("dev/web/application {items}")]);
}

#[test]
fn last_of_equal_objects_counts() {
    let object =
        |value: &str| format!("kind: ConfigMap\nmetadata: {{name: c, namespace: dev}}\ndata: {{a: '{value}'}}\n");
    let twice = format!("{}---\n{}", object("1"), object("2"));
    let export = read_file(twice.clone(), &answers("dev", "x")).unwrap();
    assert_eq!(lines(&export), ["dev/c/c kv {\"a\":\"2\"}"]);
    assert_note(&export, "repeated-paths 1 dev/c");

    // Objects of two files may belong to two clusters.
    let export = read_folder(&[("a.yaml", &twice), ("b.yaml", &object("3"))], &answers("dev", "x")).unwrap();
    let values: Vec<String> = export.configs.iter().map(|found| found.content.as_ref().unwrap().document()).collect();
    assert_eq!((values.len(), values.contains(&"{\"a\":\"1\"}".to_owned())), (2, false));
    assert_note(&export, "repeated-paths 1 a.yaml: dev/c");
}

#[test]
fn settings_of_dotnet_have_limits_while_they_are_merged() {
    let settings = |n: usize| {
        let members: Vec<String> = (0..n).map(|n| format!("\"k{n}\": {n}")).collect();
        format!("{{\"a\": {{{}}}}}", members.join(", "))
    };
    let most = settings(limits::ITEMS);
    let export = read_folder(&[("appsettings.json", &most)], &answers("dev", "web")).unwrap();
    assert_eq!(export.configs[0].content.as_ref().unwrap().items().unwrap().len(), limits::ITEMS);
    let refusal =
        read_folder(&[("appsettings.json", &settings(limits::ITEMS + 1))], &answers("dev", "web")).unwrap_err();
    let ExportRefusal::Mistake { path, invalid } = refusal else { panic!("{refusal:?}") };
    assert_eq!((&*path, invalid.problem), ("appsettings.json", Problem::TooMany { max: limits::ITEMS }));

    let paths: Vec<String> = (0..100).map(|n| format!("appsettings.E{n}.json")).collect();
    let own = paths.iter().map(|path| (path.as_str(), "{}"));
    let files: Vec<(&str, &str)> = own.chain([("appsettings.json", most.as_str())]).collect();
    assert_eq!(read_folder(&files, &answers("dev", "web")).unwrap_err(), ExportRefusal::Expands);
}
