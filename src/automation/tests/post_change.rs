//! `POST /api/v1/changes`.

use serde_json::{Value, json};

use super::Api;

const CHANGES: &str = "/api/v1/changes";
const DEV: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";

#[tokio::test]
async fn a_change_is_made_and_waits() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let edits =
        json!([{"config": DEV, "base": 0, "set": {"b": "1", "a": 2.50, "c": {"value": "x", "comment": "why"}}}]);
    let reply = shop.post(CHANGES, json!({"message": "First", "edits": edits})).await;
    assert_eq!(reply.status, 201, "{reply}");
    let id = reply.text("/id");
    assert_eq!(reply.headers["location"], format!("/api/v1/changes/{id}"));
    assert_eq!(reply.body["url"], format!("https://trimtab.example/changes/{id}"));
    assert_eq!((&reply.body["state"], &reply.body["message"]), (&json!("open"), &json!("First")));
    let set = json!({"b": "1", "a": 2.50, "c": {"value": "x", "type": "string", "comment": "why"}});
    assert_eq!(reply.body["edits"], json!([{"config": DEV, "base": 0, "set": set}]));
    assert_eq!(shop.document(DEV).await, "{}");
}

#[tokio::test]
async fn a_change_is_published_at_once_when_asked_to() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let edits = json!([
        {"config": DEV, "set": {"on": true, "n": 0, "s": "0"}},
        {"config": "dev/shop/nginx", "text": "worker_processes 4;\n"},
    ]);
    let reply = shop.post(CHANGES, json!({"message": "First", "edits": edits, "publish": true})).await;
    assert_eq!(reply.status, 200, "{reply}");
    assert_eq!(reply.body["state"], "published");
    let of: Vec<_> =
        [0, 1].map(|n| (&reply.body["releases"][n]["config"], &reply.body["releases"][n]["release"])).into();
    assert_eq!(of, [(&json!(DEV), &json!(1)), (&json!("dev/shop/nginx"), &json!(1))]);
    assert_eq!(reply.body["delivery"]["state"], "delivered");
    assert!(reply.body["delivery"]["revision"].as_i64().unwrap() > 0);
    assert_eq!(shop.document(DEV).await, r#"{"on":true,"n":0,"s":"0"}"#);
    assert_eq!(shop.document("dev/shop/nginx").await, "worker_processes 4;\n");
}

#[tokio::test]
async fn undelivered_publish_reports_the_reason() {
    let api = Api::without_channel().await;
    let edits = json!([{"config": DEV, "set": {"a": "1"}}]);
    let reply = api.shop().await.post(CHANGES, json!({"edits": edits, "publish": true})).await;
    assert_eq!((reply.status, &reply.body["state"]), (202, &json!("published")), "{reply}");
    assert_eq!(
        reply.body["delivery"],
        json!({"state": "accepted", "late_because": "delivery is taking longer than usual"})
    );
    assert_eq!(reply.headers["location"], format!("/api/v1/changes/{}", reply.text("/id")));
}

#[tokio::test]
async fn a_number_stands_in_the_document_as_it_was_written() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let set = r#"{"a": 1.50e3, "b": 12345678901234567890123, "c": {"value": {"z": 1.0}, "type": "json"}}"#;
    let body = format!(r#"{{"edits": [{{"config": "{DEV}", "set": {set}}}], "publish": true}}"#);
    let reply = shop.post_text(CHANGES, body).await;
    assert_eq!(reply.status, 200, "{reply}");
    assert_eq!(shop.document(DEV).await, r#"{"a":1.50e3,"b":12345678901234567890123,"c":{"z": 1.0}}"#);
}

#[tokio::test]
async fn a_value_without_a_comment_keeps_the_one_that_is_there() {
    let api = Api::new().await;
    let shop = api.shop().await;
    shop.publish(json!({"a": {"value": "1", "comment": "why"}, "b": {"value": "1", "comment": "why"}})).await;
    let edits = json!([{"config": DEV, "set": {"a": "2", "b": {"value": "2", "comment": "because"}}}]);
    let reply = shop.post(CHANGES, json!({"edits": edits})).await;
    assert_eq!(reply.body.pointer("/edits/0/set/a/comment"), Some(&json!("why")), "{reply}");
    assert_eq!(reply.body.pointer("/edits/0/set/b/comment"), Some(&json!("because")), "{reply}");
}

#[tokio::test]
async fn all_edits_go_in_or_none() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let edits = json!([{"config": DEV, "set": {"a": "1"}}, {"config": "dev/shop/flags", "text": "{"}]);
    let reply = shop.post(CHANGES, json!({"edits": edits, "publish": true})).await;
    assert_eq!((reply.status, reply.pointers()), (422, vec!["/edits/1/text"]), "{reply}");
    assert!(reply.body["errors"][0]["line"].is_u64(), "{reply}");
    assert_eq!(shop.document(DEV).await, "{}");
}

#[tokio::test]
async fn keys_that_nobody_else_changed_are_merged() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let base = shop.publish(json!({"a": "1", "b": "1", "c": "1"})).await;
    shop.publish(json!({"b": "2"})).await;
    let edits = json!([{"config": DEV, "base": base, "set": {"a": "9", "d": "9"}, "remove": ["c"]}]);
    let reply = shop.post(CHANGES, json!({"edits": edits, "publish": true})).await;
    assert_eq!(reply.status, 200, "{reply}");
    assert_eq!(shop.document(DEV).await, r#"{"a":"9","b":"2","d":"9"}"#);
}

#[tokio::test]
async fn a_key_that_somebody_else_changed_is_a_conflict() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let base = shop.publish(json!({"a": "1", "b": "1"})).await;
    shop.publish(json!({"a": "2", "b": "2", "c": "2"})).await;
    let edits = json!([{"config": DEV, "base": base, "set": {"a": "9", "c": "9"}, "remove": ["b"]}]);
    let reply = shop.post(CHANGES, json!({"edits": edits})).await;
    assert_eq!(reply.refusal(), "412 /problems/conflict");
    assert_eq!(
        reply.body["conflicts"],
        json!([
            {"config": DEV, "key": "a", "base": "1", "theirs": "2", "mine": "9"},
            {"config": DEV, "key": "c", "base": null, "theirs": "2", "mine": "9"},
            {"config": DEV, "key": "b", "base": "1", "theirs": "2", "mine": null},
        ])
    );
}

#[tokio::test]
async fn the_conflicts_of_all_configs_are_told_at_once() {
    let api = Api::new().await;
    let shop = api.shop().await;
    shop.publish(json!({"a": "1"})).await;
    let edits = json!([
        {"config": "dev/shop/nginx", "base": 0, "text": "x"},
        {"config": DEV, "base": 0, "set": {"a": "2"}},
    ]);
    let nginx = json!([{"config": "dev/shop/nginx", "text": "y"}]);
    assert_eq!(shop.post(CHANGES, json!({"edits": nginx, "publish": true})).await.status, 200);
    let reply = shop.post(CHANGES, json!({"edits": edits})).await;
    assert_eq!(
        reply.body["conflicts"],
        json!([
            {"config": "dev/shop/nginx", "key": "", "base": "", "theirs": "y", "mine": "x"},
            {"config": DEV, "key": "a", "base": null, "theirs": "1", "mine": "2"},
        ])
    );
}

#[tokio::test]
async fn an_edit_without_a_base_is_made_on_what_is_live() {
    let api = Api::new().await;
    let shop = api.shop().await;
    shop.publish(json!({"a": "1"})).await;
    assert_eq!(shop.publish(json!({"a": "2"})).await, 2);
    let edits = json!([{"config": DEV, "base": 0, "set": {"a": "3"}}]);
    let reply = shop.post(CHANGES, json!({"edits": edits, "publish": true})).await;
    assert_eq!(reply.refusal(), "412 /problems/conflict");
}

#[tokio::test]
async fn what_is_there_already_is_nothing_to_publish() {
    let api = Api::new().await;
    let shop = api.shop().await;
    shop.publish(json!({"a": "1"})).await;
    let body = json!({"edits": [{"config": DEV, "set": {"a": "1"}, "remove": ["b"]}], "publish": true});
    assert_eq!(shop.post(CHANGES, body).await.refusal(), "409 /problems/state");
}

#[tokio::test]
async fn a_protected_environment_wants_a_message_and_its_name() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let publish = async |message: Value, confirm: Value| {
        let edits = json!([{"config": PROD, "set": {"a": "1"}}, {"config": DEV, "set": {"a": "1"}}]);
        let body = json!({"message": message, "confirm": confirm, "edits": edits, "publish": true});
        shop.post(CHANGES, body).await
    };
    assert_eq!(publish(Value::Null, Value::Null).await.pointers(), ["/message", "/confirm"]);
    assert_eq!(publish(json!("  "), json!("prod")).await.pointers(), ["/message"]);
    assert_eq!(publish(json!("Why"), json!("dev")).await.pointers(), ["/confirm"]);
    assert_eq!(publish(json!("Why"), json!("prod")).await.status, 200);
}

#[tokio::test]
async fn a_change_of_a_protected_environment_may_wait_without_them() {
    let api = Api::new().await;
    api.shop().await.open(PROD, json!({"a": "1"})).await;
}

#[tokio::test]
async fn a_wrong_edit_is_pointed_at() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let huge = "v".repeat((1 << 20) + 1);
    for (edits, pointers) in [
        (json!(null), vec!["/edits"]),
        (json!([]), vec!["/edits"]),
        (json!([{"config": DEV, "text": "x"}]), vec!["/edits/0/text"]),
        (json!([{"config": "dev/shop/nginx", "set": {"a": "1"}}]), vec!["/edits/0/set"]),
        (json!([{"config": "dev/shop/nginx", "text": " \n"}]), vec!["/edits/0/text"]),
        (json!([{"config": DEV, "set": {}}]), vec!["/edits/0/set"]),
        (json!([{"config": DEV, "base": 7, "set": {"a": "1"}}]), vec!["/edits/0/base"]),
        (json!([{"config": DEV, "set": {"a": {"value": "1", "secret": true}}}]), vec!["/edits/0/set/a/secret"]),
        (json!([{"config": DEV, "set": {"a": {"valeu": "1"}}}]), vec!["/edits/0/set/a/valeu", "/edits/0/set/a/value"]),
        (
            json!([{"config": DEV, "set": {"a": huge, " b": null}}]),
            vec!["/edits/0/set/a", "/edits/0/set/ b", "/edits/0/set/ b"],
        ),
    ] {
        let reply = shop.post(CHANGES, json!({"edits": edits})).await;
        assert_eq!((reply.status, reply.pointers()), (422, pointers), "{reply}");
    }
}

#[tokio::test]
async fn a_config_that_is_not_there_or_put_away_takes_no_edit() {
    let api = Api::new().await;
    let (shop, shell) = (api.shop().await, crate::domain::access::Actor::shell());
    let edit = async |config: &str| shop.post(CHANGES, json!({"edits": [{"config": config, "set": {"a": "1"}}]})).await;
    assert_eq!(edit("dev/shop/nothing").await.refusal(), "404 /problems/not-found");
    assert_eq!(edit("nowhere/shop/application").await.refusal(), "404 /problems/not-found");
    let put_away =
        crate::service::PutApp { name: "shop".parse().unwrap(), title: None, description: None, archived: Some(true) };
    api.service.put_app(&shell, put_away).await.unwrap();
    assert_eq!(edit(DEV).await.refusal(), "409 /problems/state");
    let another = api.admin().await.put("/api/v1/apps/shop/namespaces/another", json!({"format": "kv"})).await;
    assert_eq!(another.refusal(), "409 /problems/state");
}

#[tokio::test]
async fn more_than_one_transaction_of_the_channel_takes_is_refused_when_it_is_saved() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let set: serde_json::Map<_, _> = (0..3).map(|n| (n.to_string(), json!("v".repeat(500_000)))).collect();
    let reply = shop.post(CHANGES, json!({"edits": [{"config": DEV, "set": set}]})).await;
    assert_eq!((reply.status, reply.pointers()), (422, vec!["/edits"]), "{}", reply.status);
}
