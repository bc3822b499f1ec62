//! `GET /api/v1/changes/{id}`.

use serde_json::json;

use super::Api;

const DEV: &str = "dev/shop/application";

#[tokio::test]
async fn an_open_change_shows_its_edits_and_the_hash_of_its_difference() {
    let api = Api::new().await;
    let shop = api.shop().await;
    shop.publish(json!({"a": "1", "b": "1"})).await;
    let body = json!({"edits": [{"config": DEV, "set": {"a": "2"}, "remove": ["b"]}]});
    let made = shop.post("/api/v1/changes", body).await;
    let shown = shop.get(&format!("/api/v1/changes/{}", made.text("/id"))).await;
    assert_eq!((shown.status, &shown.body), (200, &made.body));
    assert_eq!(shown.body["edits"], json!([{"config": DEV, "base": 1, "set": {"a": "2"}, "remove": ["b"]}]));
    assert_eq!(shown.body["author"], "token pipeline");
}

#[tokio::test]
async fn a_change_whose_key_was_changed_meanwhile_shows_the_conflict() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, before) = shop.open(DEV, json!({"a": "1"})).await;
    shop.publish(json!({"a": "2"})).await;
    let shown = shop.get(&format!("/api/v1/changes/{id}")).await;
    let conflict = json!({"config": DEV, "key": "a", "base": null, "theirs": "2", "mine": "1"});
    assert_eq!(shown.body["conflicts"], json!([conflict]));
    assert_ne!(shown.text("/diff_sha256"), before);
}

#[tokio::test]
async fn a_published_change_shows_what_it_did_and_how_far_it_has_come() {
    let api = Api::new().await;
    let shop = api.shop().await;
    shop.publish(json!({"a": "1", "b": "1"})).await;
    let edits = json!([{"config": DEV, "set": {"a": 2}, "remove": ["b"]}, {"config": "dev/shop/nginx", "text": "x"}]);
    let done = shop.post("/api/v1/changes", json!({"edits": edits, "publish": true})).await;
    let shown = shop.get(&format!("/api/v1/changes/{}", done.text("/id"))).await;
    assert_eq!((shown.status, &shown.body["state"]), (200, &json!("published")), "{shown}");
    assert_eq!(shown.body["releases"], done.body["releases"]);
    assert_eq!(shown.body["delivery"], done.body["delivery"]);
    let edits = json!([
        {"config": DEV, "base": 1, "set": {"a": 2}, "remove": ["b"]},
        {"config": "dev/shop/nginx", "base": 0, "text": "x"},
    ]);
    assert_eq!(shown.body["edits"], edits);
}

#[tokio::test]
async fn a_change_that_is_not_delivered_says_so_at_once() {
    let api = Api::without_channel().await;
    let shop = api.shop().await;
    let edits = json!([{"config": DEV, "set": {"a": "1"}}]);
    let done = shop.post("/api/v1/changes", json!({"edits": edits, "publish": true})).await;
    let shown = shop.get(&format!("/api/v1/changes/{}", done.text("/id"))).await;
    assert_eq!((shown.status, &shown.body["delivery"]["state"]), (200, &json!("accepted")));
}

#[tokio::test]
async fn a_colleague_of_the_same_application_sees_it_too() {
    let api = Api::new().await;
    let (one, other) = (api.shop().await, api.shop().await);
    let (id, _) = one.open(DEV, json!({"a": "1"})).await;
    assert_eq!(other.get(&format!("/api/v1/changes/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_change_that_was_never_made_is_not_there() {
    let api = Api::new().await;
    let reply = api.shop().await.get("/api/v1/changes/0198c0de-0000-7000-8000-000000000000").await;
    assert_eq!(reply.refusal(), "404 /problems/not-found");
}

#[tokio::test]
async fn head_answers_as_get_does_without_a_body() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, _) = shop.open(DEV, json!({"a": "1"})).await;
    let reply = shop.ask("HEAD", &format!("/api/v1/changes/{id}")).await;
    assert_eq!((reply.status, reply.body), (200, json!(null)));
    assert_eq!(reply.headers["cache-control"], "no-store");
}
