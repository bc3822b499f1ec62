//! `POST /api/v1/configs/{env}/{app}/{namespace}/rollback`.

use serde_json::json;

use super::Api;

const DEV: &str = "dev/shop/application";
const ROLLBACK: &str = "/api/v1/configs/dev/shop/application/rollback";

#[tokio::test]
async fn an_older_content_comes_back_as_a_new_release() {
    let api = Api::new().await;
    let shop = api.shop().await;
    shop.publish(json!({"a": "1"})).await;
    shop.publish(json!({"a": "2", "b": "2"})).await;
    let reply = shop.post(ROLLBACK, json!({"to": 1, "message": "Too slow"})).await;
    assert_eq!(reply.status, 200, "{reply}");
    assert_eq!(
        (&reply.body["releases"][0]["release"], &reply.body["delivery"]["state"]),
        (&json!(3), &json!("delivered"))
    );
    assert_eq!(shop.document(DEV).await, r#"{"a":"1"}"#);
    let newest = &shop.get("/api/v1/configs/dev/shop/application/releases").await.body["releases"][0];
    assert_eq!((&newest["rolled_back_to"], &newest["message"]), (&json!(1), &json!("Too slow")));
    let change = shop.get(&format!("/api/v1/changes/{}", reply.text("/id"))).await;
    assert_eq!(change.body["edits"], json!([{"config": DEV, "base": 2, "set": {"a": "1"}, "remove": ["b"]}]));
}

#[tokio::test]
async fn what_is_live_already_is_nothing_to_roll_back_to() {
    let api = Api::new().await;
    let shop = api.shop().await;
    shop.publish(json!({"a": "1"})).await;
    assert_eq!(shop.post(ROLLBACK, json!({"to": 1})).await.refusal(), "409 /problems/state");
}

#[tokio::test]
async fn a_protected_environment_wants_a_message_and_its_name() {
    let api = Api::new().await;
    let shop = api.shop().await;
    for value in ["1", "2"] {
        let edits = json!([{"config": "prod/shop/application", "set": {"a": value}}]);
        let body = json!({"message": "Why", "confirm": "prod", "edits": edits, "publish": true});
        assert_eq!(shop.post("/api/v1/changes", body).await.status, 200);
    }
    let path = "/api/v1/configs/prod/shop/application/rollback";
    let bare = shop.post(path, json!({"to": 1})).await;
    assert_eq!((bare.status, bare.pointers()), (422, vec!["/message", "/confirm"]));
    let full = shop.post(path, json!({"to": 1, "message": "Why", "confirm": "prod"})).await;
    assert_eq!(full.status, 200, "{full}");
}

#[tokio::test]
async fn what_is_accepted_and_not_delivered_says_why() {
    let api = Api::without_channel().await;
    let shop = api.shop().await;
    for value in ["1", "2"] {
        let edits = json!([{"config": DEV, "set": {"a": value}}]);
        shop.post("/api/v1/changes", json!({"edits": edits, "publish": true})).await;
    }
    let reply = shop.post(ROLLBACK, json!({"to": 1})).await;
    assert_eq!((reply.status, &reply.body["delivery"]["state"]), (202, &json!("accepted")), "{reply}");
}

#[tokio::test]
async fn a_wrong_field_is_pointed_at() {
    let api = Api::new().await;
    let shop = api.shop().await;
    shop.publish(json!({"a": "1"})).await;
    for (body, pointers) in [
        (json!({}), vec!["/to"]),
        (json!({"to": 0}), vec!["/to"]),
        (json!({"to": 7}), vec!["/to"]),
        (json!({"to": "1", "message": 1}), vec!["/to", "/message"]),
        (json!({"to": 1, "message": "x".repeat(2001)}), vec!["/message"]),
    ] {
        let reply = shop.post(ROLLBACK, body).await;
        assert_eq!((reply.status, reply.pointers()), (422, pointers), "{reply}");
    }
}
