//! `Idempotency-Key`.

use serde_json::json;

use super::Api;

const CHANGES: &str = "/api/v1/changes";
const DEV: &str = "dev/shop/application";

#[tokio::test]
async fn a_retry_gets_the_first_answer_and_does_nothing() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let body = json!({"edits": [{"config": DEV, "set": {"a": "1"}}], "publish": true});
    let first = shop.post_once("k1", CHANGES, body.clone()).await;
    shop.publish(json!({"a": "2"})).await;
    let retry = shop.post_once("k1", CHANGES, body).await;
    assert_eq!((retry.status, &retry.body), (200, &first.body));
    assert_eq!(shop.document(DEV).await, r#"{"a":"2"}"#);
}

#[tokio::test]
async fn a_change_that_waits_is_made_once_too() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let body = json!({"edits": [{"config": DEV, "set": {"a": "1"}}]});
    let (first, retry) =
        (shop.post_once("k1", CHANGES, body.clone()).await, shop.post_once("k1", CHANGES, body.clone()).await);
    assert_eq!((retry.status, &retry.body), (201, &first.body));
    let other = shop.post_once("k2", CHANGES, body).await;
    assert_ne!(other.text("/id"), first.text("/id"));
}

#[tokio::test]
async fn a_publish_and_a_roll_back_are_done_once() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, diff) = shop.open(DEV, json!({"a": "1"})).await;
    let publish = format!("/api/v1/changes/{id}/publish");
    for _ in 0..2 {
        let reply = shop.post_once("k1", &publish, json!({"diff_sha256": diff})).await;
        assert_eq!((reply.status, &reply.body["releases"][0]["release"]), (200, &json!(1)), "{reply}");
    }
    shop.publish(json!({"a": "2"})).await;
    for _ in 0..2 {
        let reply = shop.post_once("k2", "/api/v1/configs/dev/shop/application/rollback", json!({"to": 1})).await;
        assert_eq!((reply.status, &reply.body["releases"][0]["release"]), (200, &json!(3)), "{reply}");
    }
}

#[tokio::test]
async fn a_key_does_not_serve_two_requests() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let body = json!({"edits": [{"config": DEV, "set": {"a": "1"}}]});
    let id = shop.post_once("k1", CHANGES, body).await.text("/id");
    let other_body = shop.post_once("k1", CHANGES, json!({"edits": [{"config": DEV, "set": {"a": "2"}}]})).await;
    let publish = format!("/api/v1/changes/{id}/publish");
    let other_path = shop.post_once("k1", &publish, json!({"diff_sha256": "0".repeat(64)})).await;
    for reply in [other_body, other_path] {
        assert_eq!((reply.status, reply.pointers()), (422, vec!["idempotency-key"]), "{reply}");
    }
}

#[tokio::test]
async fn a_key_is_its_tokens_own() {
    let api = Api::new().await;
    let (one, other) = (api.shop().await, api.shop().await);
    let body = json!({"edits": [{"config": DEV, "set": {"a": "1"}}]});
    let first = one.post_once("k1", CHANGES, body.clone()).await;
    let second = other.post_once("k1", CHANGES, body).await;
    assert_eq!(second.status, 201);
    assert_ne!(first.text("/id"), second.text("/id"));
}

#[tokio::test]
async fn what_was_refused_may_be_tried_again_with_its_key() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let body = json!({"edits": [{"config": "dev/shop/later", "set": {"a": "1"}}]});
    assert_eq!(shop.post_once("k1", CHANGES, body.clone()).await.status, 404);
    assert_eq!(api.admin().await.put("/api/v1/apps/shop/namespaces/later", json!({})).await.status, 201);
    assert_eq!(shop.post_once("k1", CHANGES, body).await.status, 201);
}

#[tokio::test]
async fn concurrent_retries_run_once_and_get_the_same_answer() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let body = json!({"edits": [{"config": DEV, "set": {"a": "1"}}], "publish": true});
    let both = tokio::join!(shop.post_once("k1", CHANGES, body.clone()), shop.post_once("k1", CHANGES, body));
    assert_eq!((both.0.status, &both.0.body), (200, &both.1.body));
}

#[tokio::test]
async fn an_odd_key_is_refused() {
    let api = Api::new().await;
    let body = json!({"edits": [{"config": DEV, "set": {"a": "1"}}]});
    for key in ["", "two words", &"k".repeat(256)] {
        let reply = api.shop().await.post_once(key, CHANGES, body.clone()).await;
        assert_eq!((reply.status, reply.pointers()), (422, vec!["idempotency-key"]), "{key}");
    }
}
