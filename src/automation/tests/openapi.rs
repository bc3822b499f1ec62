//! `GET /api/v1/openapi.json`.

use std::collections::BTreeSet;

use axum::Router;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Api, schema::DESCRIPTION};
use crate::{
    automation::{openapi::PATH, routes},
    reader::{self, Reader, ReaderSettings},
    service::now,
};

/// Paths of the reader.
const READ: [&str; 4] = [
    "/api/v1/configs/{env}/{app}/{namespace}",
    "/api/v1/configs/{env}/{app}/{namespace}/raw",
    "/api/v1/configs/{env}/{app}",
    "/api/v1/watch",
];

#[tokio::test]
async fn the_description_needs_no_token() {
    let api = Api::new().await;
    let reply = api.client_without_token().get(PATH).await;
    assert_eq!((reply.status, &reply.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    assert_eq!(reply.body, *DESCRIPTION);
    assert_eq!(api.client_without_token().ask("POST", PATH).await.status, 405);
}

#[tokio::test]
async fn the_readers_paths_are_there_beside_these() {
    let mut api = Api::new().await;
    let reader = Reader::new(api.tokens.clone(), now, &ReaderSettings::default(), CancellationToken::new());
    api.router = Router::new().fallback_service(reader::in_front(reader, api.router.clone()));
    let shop = api.shop().await;
    for path in READ {
        let reply = shop.ask("PATCH", &path.replace(['{', '}'], "")).await;
        assert_eq!((reply.status, &reply.headers["allow"]), (405, &"GET, HEAD".parse().unwrap()), "{path}");
    }
    let there = shop.get("/api/v1/configs/dev/shop/application/releases").await;
    assert_eq!(there.status, 200);
    assert_eq!(shop.get("/api/v1/configs/dev/shop/application/nothing").await.status, 404);
}

#[test]
fn it_describes_every_path_and_no_other() {
    let described: BTreeSet<&str> = DESCRIPTION["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let there = routes().into_iter().map(|(path, ..)| path).chain(READ).chain([PATH]);
    assert_eq!(described, there.collect());
    assert_eq!(DESCRIPTION["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn it_describes_every_method_of_a_path_and_no_other() {
    let api = Api::new().await;
    let shop = api.shop().await;
    for (path, ..) in routes() {
        let described = DESCRIPTION["paths"][path].as_object().unwrap().keys();
        let mut described: BTreeSet<String> = described.map(|m| m.to_uppercase()).collect();
        if described.contains("GET") {
            described.insert("HEAD".into());
        }
        let path = path.replace(['{', '}'], "");
        let reply = shop.ask("PATCH", &path).await;
        assert_eq!(reply.refusal(), "405 /problems/method-not-allowed", "{path}");
        let allowed = reply.headers["allow"].to_str().unwrap().split(", ").map(str::to_owned).collect();
        assert_eq!(described, allowed, "{path}");
        for method in allowed {
            let reply = shop.ask(&method, &path).await;
            assert_ne!(reply.status, 405, "{method} {path}: {reply}");
        }
    }
}

#[test]
fn all_that_it_refers_to_is_there() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, member)| match member.as_str() {
                Some(target) if name == "$ref" => found.push(target.into()),
                _ => references(member, found),
            }),
            Value::Array(elements) => elements.iter().for_each(|e| references(e, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&DESCRIPTION, &mut found);
    assert!(found.len() > 50);
    for target in &found {
        assert!(DESCRIPTION.pointer(target.trim_start_matches('#')).is_some(), "{target}");
    }
    let components = DESCRIPTION["components"].as_object().unwrap();
    for (kind, parts) in components.iter().filter(|(kind, _)| *kind != "securitySchemes") {
        for name in parts.as_object().unwrap().keys() {
            let target = format!("#/components/{kind}/{name}");
            assert!(found.contains(&target), "nothing refers to {target}");
        }
    }
}

#[test]
fn every_operation_has_a_summary_and_an_id_of_its_own() {
    let paths = DESCRIPTION["paths"].as_object().unwrap().values();
    let operations: Vec<&Value> = paths.flat_map(|item| item.as_object().unwrap().values()).collect();
    for operation in &operations {
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{operation}");
    }
    // Generated clients use the operation ids as method names.
    let mut ids: Vec<&str> = operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [
            "create_change",
            "discard_change",
            "get_change",
            "get_config",
            "get_configs",
            "get_description",
            "get_document",
            "list_releases",
            "publish_change",
            "put_app",
            "put_env",
            "put_namespace",
            "roll_back",
            "watch_configs",
        ]
    );
}
