//! Tests of requests that every endpoint refuses.

use axum::body::{Body, Bytes};
use futures::{FutureExt, stream};
use serde_json::json;

use super::Api;

const CHANGES: &str = "/api/v1/changes";

#[tokio::test]
async fn an_unknown_path_is_not_there() {
    let api = Api::new().await;
    let shop = api.shop().await;
    for path in ["/api/v1/nothing", "/api/v1/changes/x/y/z", "/api/v1/configs/dev/shop/application/rollback/x"] {
        assert_eq!(shop.get(path).await.refusal(), "404 /problems/not-found", "{path}");
    }
}

#[tokio::test]
async fn what_is_no_name_is_not_there() {
    let api = Api::new().await;
    let shop = api.shop().await;
    for path in [
        "/api/v1/changes/1",
        "/api/v1/changes/0198C0DE-0000-7000-8000-000000000000",
        "/api/v1/configs/dev/shop/%2e%2e/releases",
        "/api/v1/configs/dev/Shop/application/releases",
        "/api/v1/configs/dev/shop/a%2fb/releases",
        "/api/v1/configs/dev/shop/%ff/releases",
    ] {
        assert_eq!(shop.get(path).await.refusal(), "404 /problems/not-found", "{path}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_malformed_at_its_line_and_column() {
    let api = Api::new().await;
    let reply = api.shop().await.post_text(CHANGES, "{\n  \"edits\": [,]\n}").await;
    assert_eq!(reply.refusal(), "400 /problems/malformed");
    assert_eq!((&reply.body["errors"][0]["line"], &reply.body["errors"][0]["column"]), (&json!(2), &json!(13)));
    for bad in ["", "{}x", "\u{feff}{}", "{'edits': 1}"] {
        assert_eq!(api.shop().await.post_text(CHANGES, bad).await.status, 400, "{bad:?}");
    }
}

#[tokio::test]
async fn what_does_not_say_that_it_is_json_is_not_taken() {
    let api = Api::new().await;
    let shop = api.shop().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let request = shop.request("POST", CHANGES).header("content-type", kind);
        let reply = api.send(request.body(r#"{"edits": []}"#.into()).unwrap()).await;
        assert_eq!(reply.refusal(), "415 /problems/unsupported-type", "{kind}");
        assert_eq!(reply.headers["accept"], "application/json");
    }
}

#[tokio::test]
async fn a_compressed_body_is_not_taken() {
    let api = Api::new().await;
    let (shop, admin) = (api.shop().await, api.admin().await);
    for (caller, method, path) in [
        (&admin, "PUT", "/api/v1/envs/dev"),
        (&admin, "PUT", "/api/v1/apps/shop"),
        (&admin, "PUT", "/api/v1/apps/shop/namespaces/application"),
        (&shop, "POST", CHANGES),
        (&shop, "POST", "/api/v1/changes/01980000-0000-7000-8000-000000000000/publish"),
        (&shop, "POST", "/api/v1/configs/dev/shop/application/rollback"),
    ] {
        for coding in ["gzip", "br", "identity, deflate"] {
            let request = caller.request(method, path).header("content-type", "application/json");
            let reply = api.send(request.header("content-encoding", coding).body("{}".into()).unwrap()).await;
            assert_eq!(reply.refusal(), "415 /problems/unsupported-coding", "{method} {path}");
            assert_eq!(reply.headers["accept-encoding"], "identity");
            assert!(reply.text("/detail").contains("uncompressed"), "{reply}");
        }
    }
    let request = admin.request("PUT", "/api/v1/envs/dev").header("content-type", "application/json");
    let reply = api.send(request.header("content-encoding", "identity").body("{}".into()).unwrap()).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_body_of_more_than_8_mib_is_too_large() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    assert_eq!(shop.post_text(CHANGES, padded(8 << 20)).await.status, 422);
    let reply = shop.post_text(CHANGES, padded((8 << 20) + 1)).await;
    assert_eq!(reply.refusal(), "413 /problems/too-large");
    assert!(reply.text("/detail").contains("8 MiB"), "{reply}");
}

#[tokio::test]
async fn a_misspelled_field_is_named_with_the_nearest_first() {
    let api = Api::new().await;
    let edits = json!([{"config": "dev/shop/application", "sett": {"a": "1"}}]);
    let reply = api.shop().await.post(CHANGES, json!({"mesage": "x", "edits": edits})).await;
    assert_eq!(reply.refusal(), "422 /problems/invalid");
    assert_eq!(reply.pointers(), ["/mesage", "/edits/0/sett", "/edits/0/set"]);
    let said = reply.text("/errors/0/message");
    assert!(said.contains("“mesage”") && said.contains("message, "), "{said}");
    assert!(reply.text("/errors/1/message").contains("Use one of: set,"), "{reply}");
}

#[tokio::test]
async fn a_parameter_that_does_nothing_is_refused() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let edits = json!([{"config": "dev/shop/application", "set": {"a": "1"}}]);
    let body = json!({"edits": edits, "publish": true});
    let reply = shop.post("/api/v1/changes?dry_run=true", body).await;
    assert_eq!((reply.status, reply.pointers()), (422, vec!["dry_run"]));
    assert_eq!(shop.document("dev/shop/application").await, "{}");
}

#[tokio::test]
async fn unavailable_database_has_retry_after() {
    let api = Api::new().await;
    let shop = api.shop().await;
    api.db.close().await;
    let reply = shop.get("/api/v1/configs/dev/shop/application/releases").await;
    assert_eq!(reply.refusal(), "503 /problems/unavailable");
    assert_eq!(reply.headers["retry-after"], "2");
}

#[tokio::test]
async fn large_bodies_of_one_token_have_a_bound_and_small_ones_always_come() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let endless = || {
        let body = Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>());
        shop.request("POST", CHANGES).header("content-type", "application/json").body(body).unwrap()
    };
    let mut parked: Vec<_> = (0..8).map(|_| Box::pin(api.send(endless()))).collect();
    for one in &mut parked {
        assert!(one.now_or_never().is_none());
    }
    let refused = api.send(endless()).await;
    assert_eq!(
        (refused.refusal().as_str(), &refused.headers["retry-after"]),
        ("503 /problems/unavailable", &"2".parse().unwrap())
    );
    assert_eq!(shop.publish(json!({"a": "1"})).await, 1);
    drop(parked);
    assert!(api.send(endless()).now_or_never().is_none(), "there is room again");
}
