//! `PUT /api/v1/envs/{env}`.

use serde_json::json;

use super::Api;
use crate::domain::token::TokenKind;

#[tokio::test]
async fn an_environment_is_made_once_and_saying_it_again_changes_nothing() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let made = admin.put("/api/v1/envs/staging", json!({"title": "Staging", "rank": 15})).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body, json!({"env": "staging", "title": "Staging", "rank": 15, "protected": false}));
    for same in [json!({}), json!({"title": "Staging", "rank": 15, "protected": false}), json!({"rank": 15})] {
        let again = admin.put("/api/v1/envs/staging", same.clone()).await;
        assert_eq!((again.status, &again.body), (200, &made.body), "{same}");
    }
}

#[tokio::test]
async fn a_token_changes_no_environment_that_exists() {
    let api = Api::new().await;
    for pattern in ["*/shop/*", "*/*/*"] {
        let admin = api.caller(TokenKind::Automation, true, pattern).await;
        let before = admin.put("/api/v1/envs/prod", json!({})).await.body;
        for change in [
            json!({"protected": false}),
            json!({"title": "Mine"}),
            json!({"rank": 1}),
            json!({"rank": 0, "protected": true}),
        ] {
            let reply = admin.put("/api/v1/envs/prod", change.clone()).await;
            assert_eq!(reply.refusal(), "403 /problems/forbidden", "{pattern}: {change}");
        }
        assert_eq!(admin.put("/api/v1/envs/prod", json!({})).await.body, before);
        let other = format!("new-{}", pattern.len());
        assert_eq!(admin.put(&format!("/api/v1/envs/{other}"), json!({"rank": 0})).await.status, 201);
        assert_eq!(admin.put("/api/v1/envs/prod", json!({})).await.body, before, "a new one moves no other");
    }
}

#[tokio::test]
async fn a_new_environment_stands_behind_the_others() {
    let api = Api::new().await;
    let reply = api.admin().await.put("/api/v1/envs/dr", json!({})).await;
    assert_eq!((reply.status, &reply.body["rank"]), (201, &json!(20)));
}

#[tokio::test]
async fn only_a_token_that_may_create_makes_one() {
    let api = Api::new().await;
    let shop = api.shop().await;
    for env in ["staging", "prod"] {
        let reply = shop.put(&format!("/api/v1/envs/{env}"), json!({"protected": false})).await;
        assert_eq!(reply.refusal(), "403 /problems/forbidden", "{env}");
    }
}

#[tokio::test]
async fn a_wrong_field_is_pointed_at() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let long = "t".repeat(2001);
    for (path, body, pointers) in [
        ("Staging", json!({}), vec!["env"]),
        ("a%2fb", json!({}), vec!["env"]),
        ("x", json!({"rank": -1, "title": 5, "protected": "yes"}), vec!["/title", "/rank", "/protected"]),
        ("x", json!({"rank": 2_147_483_648_u64}), vec!["/rank"]),
        ("x", json!({"title": long}), vec!["/title"]),
        ("x", json!({"name": "x"}), vec!["/name"]),
        ("x", json!([]), vec![""]),
    ] {
        let reply = admin.put(&format!("/api/v1/envs/{path}"), body).await;
        assert_eq!((reply.status, reply.pointers()), (422, pointers), "{reply}");
    }
}
