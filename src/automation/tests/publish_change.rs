//! `POST /api/v1/changes/{id}/publish`.

use serde_json::json;

use super::Api;

const DEV: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";

#[tokio::test]
async fn the_difference_that_was_looked_at_is_published() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, diff) = shop.open(DEV, json!({"a": "1"})).await;
    let reply = shop.post(&format!("/api/v1/changes/{id}/publish"), json!({"diff_sha256": diff})).await;
    assert_eq!((reply.status, &reply.body["id"]), (200, &json!(id)), "{reply}");
    assert_eq!(reply.body["releases"][0]["release"], 1);
    assert_eq!(shop.document(DEV).await, r#"{"a":"1"}"#);
}

#[tokio::test]
async fn another_difference_is_not_published() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, _) = shop.open(DEV, json!({"a": "1"})).await;
    let path = format!("/api/v1/changes/{id}/publish");
    let stale = shop.post(&path, json!({"diff_sha256": "0".repeat(64)})).await;
    assert_eq!(stale.refusal(), "409 /problems/stale");
    assert_eq!(shop.document(DEV).await, "{}");
    let looked_again = stale.text("/diff_sha256");
    assert_eq!(shop.post(&path, json!({"diff_sha256": looked_again})).await.status, 200);
}

#[tokio::test]
async fn what_merges_meanwhile_leaves_the_difference_as_it_was() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, diff) = shop.open(DEV, json!({"a": "1"})).await;
    shop.publish(json!({"b": "2"})).await;
    let reply = shop.post(&format!("/api/v1/changes/{id}/publish"), json!({"diff_sha256": diff})).await;
    assert_eq!(reply.status, 200, "{reply}");
    assert_eq!(shop.document(DEV).await, r#"{"b":"2","a":"1"}"#);
}

#[tokio::test]
async fn a_key_that_was_changed_meanwhile_is_a_conflict() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, diff) = shop.open(DEV, json!({"a": "1"})).await;
    shop.publish(json!({"a": "2"})).await;
    let reply = shop.post(&format!("/api/v1/changes/{id}/publish"), json!({"diff_sha256": diff})).await;
    assert_eq!(reply.refusal(), "412 /problems/conflict");
    assert_eq!(reply.body["conflicts"][0]["theirs"], "2");
}

#[tokio::test]
async fn a_change_is_published_once() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, diff) = shop.open(DEV, json!({"a": "1"})).await;
    let path = format!("/api/v1/changes/{id}/publish");
    assert_eq!(shop.post(&path, json!({"diff_sha256": diff})).await.status, 200);
    assert_eq!(shop.post(&path, json!({"diff_sha256": diff})).await.refusal(), "409 /problems/state");
}

#[tokio::test]
async fn a_protected_environment_wants_a_message_and_its_name() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, diff) = shop.open(PROD, json!({"a": "1"})).await;
    let path = format!("/api/v1/changes/{id}/publish");
    let bare = shop.post(&path, json!({"diff_sha256": diff})).await;
    assert_eq!((bare.status, bare.pointers()), (422, vec!["/message", "/confirm"]));
    let full = shop.post(&path, json!({"diff_sha256": diff, "message": "Why", "confirm": "prod"})).await;
    assert_eq!(full.status, 200, "{full}");
    let releases = shop.get("/api/v1/configs/prod/shop/application/releases").await;
    assert_eq!(releases.body["releases"][0]["message"], "Why");
}

#[tokio::test]
async fn a_colleague_may_publish_what_they_looked_at() {
    let api = Api::new().await;
    let (one, other) = (api.shop().await, api.shop().await);
    let (id, diff) = one.open(DEV, json!({"a": "1"})).await;
    let reply = other.post(&format!("/api/v1/changes/{id}/publish"), json!({"diff_sha256": diff})).await;
    assert_eq!(reply.status, 200, "{reply}");
}

#[tokio::test]
async fn what_was_looked_at_must_be_said() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, _) = shop.open(DEV, json!({"a": "1"})).await;
    let path = format!("/api/v1/changes/{id}/publish");
    for (body, pointers) in [
        (json!({}), vec!["/diff_sha256"]),
        (json!({"diff_sha256": 1, "message": 2, "confirm": 3}), vec!["/diff_sha256", "/message", "/confirm"]),
        (json!({"diff_sha256": "zz"}), vec!["/diff_sha256"]),
        (json!({"diff_sha256": "z".repeat(64)}), vec!["/diff_sha256"]),
        (json!({"diff": "x"}), vec!["/diff", "/diff_sha256"]),
    ] {
        let reply = shop.post(&path, body).await;
        assert_eq!((reply.status, reply.pointers()), (422, pointers), "{reply}");
    }
}
