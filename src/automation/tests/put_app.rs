//! `PUT /api/v1/apps/{app}`.

use serde_json::json;

use super::Api;
use crate::domain::token::TokenKind;

#[tokio::test]
async fn an_application_is_made_once_and_then_changed() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let made = admin.put("/api/v1/apps/billing", json!({"title": "Billing"})).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body, json!({"app": "billing", "title": "Billing", "description": ""}));
    let changed = admin.put("/api/v1/apps/billing", json!({"description": "Sends bills"})).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.body, json!({"app": "billing", "title": "Billing", "description": "Sends bills"}));
}

#[tokio::test]
async fn a_token_that_only_writes_its_application_does_not_change_it() {
    let api = Api::new().await;
    let reply = api.shop().await.put("/api/v1/apps/shop", json!({"title": "Mine"})).await;
    assert_eq!(reply.refusal(), "403 /problems/forbidden");
}

#[tokio::test]
async fn partial_token_creates_namespaces_but_changes_nothing() {
    let api = Api::new().await;
    for pattern in ["dev/shop/*", "*/shop/nginx", "dev/shop/nginx"] {
        let part = api.caller(TokenKind::Automation, true, pattern).await;
        assert_eq!(part.put("/api/v1/apps/shop", json!({})).await.status, 200, "{pattern}");
        for (path, change) in [
            ("apps/shop", json!({"title": "Mine"})),
            ("apps/shop", json!({"description": "Mine"})),
            ("apps/shop/namespaces/nginx", json!({"format": "yaml"})),
            ("apps/shop/namespaces/nginx", json!({"description": "Mine"})),
        ] {
            let reply = part.put(&format!("/api/v1/{path}"), change.clone()).await;
            assert_eq!(reply.refusal(), "403 /problems/forbidden", "{pattern}: {path} {change}");
        }
        assert_eq!(part.put("/api/v1/apps/mail", json!({"title": "Mine"})).await.status, 404, "{pattern}");
    }
    let dev = api.caller(TokenKind::Automation, true, "dev/shop/*").await;
    assert_eq!(dev.put("/api/v1/apps/shop/namespaces/new", json!({"format": "json"})).await.status, 201);
}

#[tokio::test]
async fn a_wrong_field_is_pointed_at() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for (path, body, pointers) in [
        ("Billing", json!({}), vec!["app"]),
        ("x", json!({"title": 1, "description": []}), vec!["/title", "/description"]),
        ("x", json!({"title": "a\u{0}"}), vec!["/title"]),
    ] {
        let reply = admin.put(&format!("/api/v1/apps/{path}"), body).await;
        assert_eq!((reply.status, reply.pointers()), (422, pointers), "{reply}");
    }
}
