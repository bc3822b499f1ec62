//! `PUT /api/v1/apps/{app}/namespaces/{namespace}`.

use serde_json::json;

use super::Api;

#[tokio::test]
async fn a_namespace_is_made_once_and_then_changed() {
    let api = Api::new().await;
    let admin = api.admin().await;
    let path = "/api/v1/apps/shop/namespaces/limits";
    let made = admin.put(path, json!({"format": "yaml"})).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body, json!({"app": "shop", "namespace": "limits", "format": "yaml", "description": ""}));
    let changed = admin.put(path, json!({"format": "toml", "description": "Who may how much"})).await;
    assert_eq!((changed.status, &changed.body["format"]), (200, &json!("toml")));
    let same = admin.put(path, json!({})).await;
    assert_eq!((same.status, same.body), (200, changed.body));
}

#[tokio::test]
async fn keys_and_values_are_what_a_namespace_holds_unless_it_says_otherwise() {
    let api = Api::new().await;
    let reply = api.admin().await.put("/api/v1/apps/shop/namespaces/limits", json!({})).await;
    assert_eq!((reply.status, &reply.body["format"]), (201, &json!("kv")));
}

#[tokio::test]
async fn the_format_stays_once_there_is_an_edit() {
    let api = Api::new().await;
    api.shop().await.open("dev/shop/application", json!({"a": "1"})).await;
    let reply = api.admin().await.put("/api/v1/apps/shop/namespaces/application", json!({"format": "json"})).await;
    assert_eq!((reply.status, reply.pointers()), (422, vec!["/format"]));
}

#[tokio::test]
async fn there_is_no_namespace_without_its_application() {
    let api = Api::new().await;
    let reply = api.admin().await.put("/api/v1/apps/nothing/namespaces/application", json!({"format": "kv"})).await;
    assert_eq!(reply.refusal(), "404 /problems/not-found");
}

#[tokio::test]
async fn a_token_that_only_writes_its_application_makes_none() {
    let api = Api::new().await;
    let reply = api.shop().await.put("/api/v1/apps/shop/namespaces/limits", json!({"format": "kv"})).await;
    assert_eq!(reply.refusal(), "403 /problems/forbidden");
}

#[tokio::test]
async fn a_wrong_field_is_pointed_at() {
    let api = Api::new().await;
    let admin = api.admin().await;
    for (path, body, pointers) in [
        ("shop/namespaces/A", json!({}), vec!["namespace"]),
        ("Shop/namespaces/a", json!({}), vec!["app"]),
        ("shop/namespaces/a", json!({"format": "ini"}), vec!["/format"]),
        ("shop/namespaces/a", json!({"format": 1}), vec!["/format"]),
    ] {
        let reply = admin.put(&format!("/api/v1/apps/{path}"), body).await;
        assert_eq!((reply.status, reply.pointers()), (422, pointers), "{reply}");
    }
}
