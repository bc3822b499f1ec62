//! Tests that the endpoints accept `null` exactly where `openapi.json` allows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    Api,
    schema::{DESCRIPTION, compare, resolved},
};

/// Returns a body with all members of an operation.
fn sample(operation: &str, diff_sha256: &str) -> Value {
    match operation {
        "put /api/v1/envs/{env}" => json!({"title": "Development", "rank": 1, "protected": false}),
        "put /api/v1/apps/{app}" => json!({"title": "Shop", "description": "Sells"}),
        "put /api/v1/apps/{app}/namespaces/{namespace}" => json!({"format": "kv", "description": "Everything"}),
        "post /api/v1/changes" => json!({
            "message": "Why",
            "edits": [
                {
                    "config": "dev/shop/application",
                    "base": 1,
                    "set": {
                        "text": "1",
                        "item": {"value": "1", "type": "string", "secret": false, "comment": "Why"},
                        "json": {"value": 1, "type": "json"},
                    },
                    "remove": ["x"],
                },
                {"config": "dev/shop/nginx", "base": 0, "text": "worker_processes 1;"},
            ],
            "publish": false,
            "confirm": "",
        }),
        "post /api/v1/changes/{id}/publish" => json!({"diff_sha256": diff_sha256, "message": "Why", "confirm": ""}),
        "post /api/v1/configs/{env}/{app}/{namespace}/rollback" => json!({"to": 1, "message": "Why", "confirm": ""}),
        other => panic!("{other} takes a body, but has no sample"),
    }
}

/// For each object schema, the declared properties and those that the samples contain.
type Seen = BTreeMap<usize, (BTreeSet<String>, BTreeSet<String>)>;

/// Collects the pointers of all values in a sample, and the properties of the schemas that it uses.
fn places(schema: &'static Value, sample: &Value, at: &str, found: &mut Vec<String>, seen: &mut Seen) {
    let mut schema = resolved(schema);
    if let Some(kinds) = schema["oneOf"].as_array() {
        let fits = |kind: &&'static Value| {
            let mut wrong = Vec::new();
            compare(kind, sample, at, &mut wrong);
            wrong.is_empty()
        };
        schema = resolved(kinds.iter().find(fits).unwrap());
    }
    for (n, element) in sample.as_array().into_iter().flatten().enumerate().filter(|_| schema["items"].is_object()) {
        found.push(format!("{at}/{n}"));
        places(&schema["items"], element, &format!("{at}/{n}"), found, seen);
    }
    let Some(properties) = schema.get("properties").or(schema.get("additionalProperties")) else { return };
    let of = seen.entry(std::ptr::from_ref(schema).addr()).or_default();
    if let Some(all) = schema["properties"].as_object() {
        of.0.extend(all.keys().cloned());
    }
    of.1.extend(sample.as_object().into_iter().flatten().map(|(name, _)| name.clone()));
    for (name, member) in sample.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        let property = if schema["properties"].is_object() { &properties[name] } else { properties };
        found.push(at.clone());
        places(property, member, &at, found, seen);
    }
}

#[tokio::test]
async fn null_is_taken_where_the_description_says_so_and_nowhere_else() {
    let api = Api::new().await;
    let (shop, admin) = (api.shop().await, api.admin().await);
    assert_eq!(shop.publish(json!({"x": "1"})).await, 1);
    let (change, diff_sha256) = shop.open("dev/shop/application", json!({"a": "1"})).await;
    let (mut taken, mut seen) = (Vec::new(), Seen::new());
    let operations = DESCRIPTION["paths"].as_object().unwrap().iter().flat_map(|(path, operations)| {
        let with_body =
            operations.as_object().unwrap().iter().filter(|(_, operation)| operation["requestBody"].is_object());
        with_body
            .map(move |(method, operation)| (method, path, &operation["requestBody"]["content"]["application/json"]))
    });
    for (method, path, body) in operations {
        let (operation, schema) = (format!("{method} {path}"), &body["schema"]);
        let sample = sample(&operation, &diff_sha256);
        // A token may create an environment, but not change an existing one.
        let env = if path == "/api/v1/envs/{env}" { "fresh" } else { "dev" };
        let filled = path.replace("{env}", env).replace("{app}", "shop").replace("{namespace}", "application");
        let (method, filled) = (method.to_uppercase(), filled.replace("{id}", &change));
        let caller = if method == "PUT" { &admin } else { &shop };
        let send = async |body: &Value| {
            let request = caller.request(&method, &filled);
            caller.write(request, body.to_string()).await
        };

        let mut found = vec![String::new()];
        places(schema, &sample, "", &mut found, &mut seen);
        for pointer in found {
            let mut body = sample.clone();
            *body.pointer_mut(&pointer).unwrap() = Value::Null;
            let mut wrong = Vec::new();
            compare(schema, &body, "", &mut wrong);
            let reply = send(&body).await;
            if wrong.is_empty() {
                assert!(reply.status < 300, "{operation} {pointer}: {reply}");
                taken.push(format!("{operation} {pointer}"));
            } else {
                assert_eq!((reply.status, reply.pointers()), (422, vec![&*pointer]), "{operation}: {reply}");
            }
        }
        let reply = send(&sample).await;
        assert!(reply.status < 300, "{operation} takes its sample: {reply}");
    }
    assert_eq!(taken, ["post /api/v1/changes /edits/0/set/json/value"]);
    let left_out: Vec<_> = seen.values().filter(|(all, has)| !all.is_subset(has)).collect();
    assert!(left_out.is_empty(), "no sample has all of these: {left_out:?}");
}
