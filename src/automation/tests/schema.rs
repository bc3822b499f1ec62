//! Checks values against the part of JSON Schema that the description uses. Undeclared properties are mistakes.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::Reply;
use crate::automation::openapi::DOCUMENT;

pub(super) static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&DOCUMENT).unwrap());

/// Compares an answer with the description of its operation.
pub(super) fn check(method: &str, path: &str, reply: &Reply) {
    let described = operation(method, path).map(|operation| &operation["responses"]);
    let status = reply.status.to_string();
    let response = match described {
        Some(all) if all[&status].is_object() => Some(&all[&status]),
        Some(all) if reply.status >= 400 => Some(&all["default"]),
        Some(_) => panic!("{method} {path}: {status} is not described"),
        None => None,
    };
    let problem = &DESCRIPTION["components"]["responses"]["default"];
    let response = resolved(response.filter(|r| r.is_object()).unwrap_or(problem));
    let kind = reply.headers["content-type"].to_str().unwrap();
    let mut wrong = Vec::new();
    compare(&response["content"][kind]["schema"], &reply.body, "", &mut wrong);
    assert_eq!(wrong, [""; 0], "{method} {path}: {reply}");
    if reply.status >= 400 {
        assert_eq!(kind, "application/problem+json", "{method} {path}: {reply}");
        assert_eq!(reply.body["status"], reply.status);
        assert_eq!(reply.headers["x-request-id"].to_str().unwrap(), reply.body["request_id"]);
    }
    assert_eq!(reply.headers["x-content-type-options"], "nosniff");
}

fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let described = paths.iter().find(|(template, _)| fits(template, path))?.1;
    described.get(method)
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    let same = |(t, p): (&&str, &&str)| t.starts_with('{') || t == p;
    template.len() == path.len() && template.iter().zip(&path).all(same)
}

pub(super) fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(target) => DESCRIPTION.pointer(target.trim_start_matches('#')).unwrap_or_else(|| panic!("no {target}")),
        None => value,
    }
}

pub(super) fn compare(schema: &'static Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let schema = resolved(schema);
    assert!(schema.is_object(), "no schema for {at:?}: {value}");
    if schema.as_object().is_some_and(Map::is_empty) {
        return;
    }
    if let Some(kinds) = schema["oneOf"].as_array() {
        let fits = kinds.iter().filter(|kind| {
            let mut wrong = Vec::new();
            compare(kind, value, at, &mut wrong);
            wrong.is_empty()
        });
        if fits.count() != 1 {
            wrong.push(format!("{at}: does not match exactly one of {kinds:?}"));
        }
        return;
    }
    let mut unmet = Vec::new();
    if schema.get("if").is_some_and(|condition| {
        compare(condition, value, at, &mut unmet);
        !unmet.is_empty()
    }) {
        compare(&schema["else"], value, at, wrong);
    }
    let listed = |list: &Value| list.as_array().is_some_and(|all| all.contains(value));
    if schema.get("const").is_some_and(|only| only != value) || schema.get("enum").is_some_and(|all| !listed(all)) {
        wrong.push(format!("{at}: not one of those described"));
    }
    let of_kind = |kind: &Value| match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => false,
    };
    match &schema["type"] {
        Value::Null => {}
        Value::Array(kinds) if kinds.iter().any(of_kind) => {}
        kind if of_kind(kind) => {}
        kind => return wrong.push(format!("{at}: not {kind}")),
    }
    let members = value.as_object().into_iter().flatten();
    for (name, member) in members {
        let at = format!("{at}/{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Object(_)) => compare(&schema["additionalProperties"], member, &at, wrong),
            (Value::Null, Value::Bool(true)) => {}
            (Value::Null, _) => wrong.push(format!("{at}: not described")),
            (property, _) => compare(property, member, &at, wrong),
        }
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(required).is_none() {
            wrong.push(format!("{at}/{required}: not there"));
        }
    }
    for (n, element) in value.as_array().into_iter().flatten().enumerate() {
        compare(&schema["items"], element, &format!("{at}/{n}"), wrong);
    }
}

#[test]
fn an_answer_that_is_not_as_described_is_noticed() {
    let schema = &DESCRIPTION["components"]["schemas"]["Released"];
    let compared = |value: Value| {
        let mut wrong = Vec::new();
        compare(schema, &value, "", &mut wrong);
        wrong
    };
    assert_eq!(compared(serde_json::json!({"config": "a/b/c", "release": 1, "sha256": "0"})), [""; 0]);
    assert_eq!(
        compared(serde_json::json!({"config": "a/b/c", "release": "1", "relase": 1})),
        [r#"/release: not "integer""#, "/relase: not described", "/sha256: not there"]
    );
}
