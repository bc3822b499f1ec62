//! `DELETE /api/v1/changes/{id}`.

use serde_json::json;

use super::Api;

const DEV: &str = "dev/shop/application";

#[tokio::test]
async fn a_discarded_change_stays_discarded() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, diff) = shop.open(DEV, json!({"a": "1"})).await;
    let path = format!("/api/v1/changes/{id}");
    for _ in 0..2 {
        let reply = shop.delete(&path).await;
        assert_eq!((reply.status, &reply.body["state"]), (200, &json!("discarded")), "{reply}");
    }
    let publish = shop.post(&format!("{path}/publish"), json!({"diff_sha256": diff})).await;
    assert_eq!(publish.refusal(), "409 /problems/state");
    assert_eq!(shop.get(&path).await.body["state"], "discarded");
}

#[tokio::test]
async fn a_published_change_is_not_discarded() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, diff) = shop.open(DEV, json!({"a": "1"})).await;
    let path = format!("/api/v1/changes/{id}");
    assert_eq!(shop.post(&format!("{path}/publish"), json!({"diff_sha256": diff})).await.status, 200);
    assert_eq!(shop.delete(&path).await.refusal(), "409 /problems/state");
}

#[tokio::test]
async fn a_colleagues_change_is_not_discarded() {
    let api = Api::new().await;
    let (one, other) = (api.shop().await, api.shop().await);
    let (id, _) = one.open(DEV, json!({"a": "1"})).await;
    let path = format!("/api/v1/changes/{id}");
    assert_eq!(other.delete(&path).await.refusal(), "403 /problems/forbidden");
    assert_eq!(one.get(&path).await.body["state"], "open");
}

#[tokio::test]
async fn a_change_that_another_token_left_is_discarded_by_one_that_owns_all_of_it() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, _) = shop.open(DEV, json!({"a": "1"})).await;
    let path = format!("/api/v1/changes/{id}");
    let owner = api.admin().await;
    assert_eq!(owner.delete(&path).await.body["state"], "discarded");
    assert_eq!(shop.get(&path).await.body["state"], "discarded");
}
