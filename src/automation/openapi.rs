//! The description of the HTTP API, as OpenAPI 3.1.
//!
//! Operations are described at their handlers and schemas at the types of bodies. This file adds the shared parts.

use std::sync::LazyLock;

use axum::{
    http::{HeaderName, header},
    response::IntoResponse,
};
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::{catalog, changes, releases};
use crate::{http::problem, reader};

/// The path of the description.
pub(super) const PATH: &str = "/api/v1/openapi.json";

/// The description as JSON. Tests compare the routes and every answer with it.
pub(super) static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| serde_json::to_string_pretty(&document()).expect("texts and numbers are JSON"));

/// The description of the writes, and the schema of refusals.
#[derive(OpenApi)]
#[openapi(
    paths(
        catalog::put_env,
        catalog::put_app,
        catalog::put_namespace,
        changes::create_change,
        changes::get_change,
        changes::discard_change,
        changes::publish_change,
        releases::list_releases,
        releases::roll_back,
        get_description,
    ),
    components(schemas(problem::ProblemBody))
)]
struct Writes;

/// Get this description
#[utoipa::path(get, path = PATH, security(),
    responses((status = 200, body = HashMap<String, serde_json::Value>, description = "OpenAPI 3.1.")))]
pub(super) async fn get_description() -> impl IntoResponse {
    const HEADERS: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (HEADERS, DOCUMENT.as_str())
}

/// Describes the whole API.
fn document() -> Value {
    let mut api = reader::Operations::openapi();
    api.merge(Writes::openapi());
    let mut document = json!(api);
    document["info"] = json!({
        "title": "Trimtab",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Configuration for programs. A config is one namespace of one application in one environment, \
            written env/app/namespace. Names match [a-z0-9][a-z0-9._-]{0,63}. Times are RFC 3339 in UTC.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    document["security"] = json!([{"token": []}]);
    document["tags"] = json!([
        {"name": "read", "description": "Requires a token whose scope covers the config: a read token, or an automation token."},
        {"name": "write", "description": "Requires an automation token."},
    ]);
    for (path, item) in members(&mut document["paths"]).filter(|(path, _)| *path != PATH) {
        complete(path, item);
    }
    let components = &mut document["components"];
    members(&mut components["schemas"]).for_each(|(_, schema)| forbid_null(schema));
    // utoipa has no attributes for these schemas.
    let schemas = &mut components["schemas"];
    *part(schemas, "/Published/properties/state") = json!({"const": "published"});
    *part(schemas, "/Value/oneOf/1") = json!({"type": "number"});
    let item = part(schemas, "/Item");
    let is_json = json!({"type": {"const": "json"}});
    item["if"] = json!({"required": ["type"], "properties": is_json, "additionalProperties": true});
    let plain = json!({"value": {"type": ["string", "number", "boolean"]}});
    item["else"] = json!({"properties": plain, "additionalProperties": true});
    members(&mut shared()).for_each(|(kind, parts)| components[kind] = parts.take());
    document
}

/// Returns the parts that several operations refer to. The name of a shared response is its status.
fn shared() -> Value {
    let text = |description| json!({"description": description, "schema": {"type": "string"}});
    let name = |name| json!({"name": name, "in": "path", "required": true, "schema": refer("schemas", "Name")});
    let header = |name, description| json!({"name": name, "in": "header", "description": description, "schema": {"type": "string"}});
    let problem = |description| json!({"description": description, "content": {"application/problem+json": {"schema": refer("schemas", "Problem")}}});
    let mut shared = json!({
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "parameters": {
            "env": name("env"),
            "app": name("app"),
            "namespace": name("namespace"),
            "id": {"name": "id", "in": "path", "required": true, "schema": refer("schemas", "ChangeId")},
            "instance": header("X-Instance", "Name of the instance."),
            "if_none_match": header("If-None-Match", "Validators of the answers that the client has."),
            "accept_encoding": header("Accept-Encoding", "gzip is offered, from 1 KB on."),
            "idempotency_key": header("Idempotency-Key", "Makes a retry safe for a day. The same key with the same \
                request gets the same answer. The same key with another request gets 422."),
        },
        "headers": {
            "ETag": text("Validator of the document; weak when the answer is compressed. If-None-Match accepts either form."),
            "StaleSince": text("Time since which this node has been cut off from etcd; absent while it is connected."),
        },
        "responses": {
            "202": {
                "description": "Published and stored in the database, but not delivered yet; late_because has the reason. \
                    Delivery continues.",
                "headers": {"Location": text("The change.")},
                "content": {"application/json": {"schema": refer("schemas", "Published")}},
            },
            "409": problem("Not possible in this state: the difference no longer matches diff_sha256 (the answer has the \
                current hash), there is no difference, the change is published or discarded, or an object is archived."),
            "412": problem("Keys were changed by another author since base; conflicts lists them."),
            "422": problem("The content is invalid; errors has the positions. Or a protected environment requires message \
                and confirm. Or the Idempotency-Key was used for another request."),
            "default": problem("400 not JSON, or not one valid Host header, 401 no valid token, 403 not allowed, 404 \
                missing, or \
                not visible to the token, 405, 406 neither gzip nor uncompressed is accepted, 409, 412, 413 larger than 8 MiB, 415 not \
                application/json or compressed, 422 invalid, 429 and 503 retry after Retry-After."),
        },
    });
    let key = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
    shared["parameters"]["idempotency_key"]["schema"] = key;
    shared["headers"]["StaleSince"]["schema"]["format"] = json!("date-time");
    let seconds = json!({"description": "Seconds; with 429 and 503.", "schema": {"type": "integer"}});
    shared["responses"]["default"]["headers"] = json!({"Retry-After": seconds});
    shared
}

/// Adds references to shared parts to the operations of a path. A response without a description becomes a reference to
/// the shared response of its status.
fn complete(path: &str, item: &mut Value) {
    for (method, operation) in members(item) {
        let mut shared: Vec<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
        if operation["tags"] == json!(["read"]) {
            shared.push("instance");
        }
        let responses = &mut operation["responses"];
        if responses["304"].is_object() {
            shared.extend(["if_none_match", "accept_encoding"]);
            responses["200"]["headers"]["ETag"] = refer("headers", "ETag");
            responses["200"]["headers"]["X-Config-Stale-Since"] = refer("headers", "StaleSince");
        }
        if method == "post" {
            shared.push("idempotency_key");
        }
        responses["default"] = json!({});
        members(responses)
            .filter(|(_, response)| response["description"].as_str().is_none_or(str::is_empty))
            .for_each(|(status, response)| *response = refer("responses", status));
        let shared = shared.into_iter().map(|name| refer("parameters", name));
        match operation["parameters"].as_array_mut() {
            Some(own) => own.extend(shared),
            None => operation["parameters"] = shared.collect(),
        }
    }
}

/// Removes `null` from optional members. An optional member is absent or has a value.
fn forbid_null(schema: &mut Value) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required = |name: &String| required.as_array().is_some_and(|all| all.contains(&json!(name)));
    let properties = schema.get_mut("properties").into_iter().flat_map(members);
    for (_, member) in properties.filter(|(name, _)| !is_required(name)) {
        let either = |key| Some(<[Value; 2]>::try_from(member.get(key)?.as_array()?.clone()).ok()?[0].take());
        match (either("type"), either("oneOf")) {
            (Some(kind), _) => member["type"] = kind,
            (_, Some(reference)) => *member = reference,
            (None, None) => {}
        }
    }
}

fn refer(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// Returns the part at a pointer. Panics if it is missing, because a write would add a schema that nothing refers to.
fn part<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    value.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}"))
}

fn members(object: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    object.as_object_mut().into_iter().flatten()
}
