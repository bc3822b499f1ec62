//! Tests of authentication.

use std::{convert::Infallible, pin::pin};

use axum::body::Body;
use futures::stream;
use serde_json::json;
use tokio::sync::oneshot;

use super::Api;
use crate::{
    automation::routes,
    domain::{access::Actor, token::TokenKind},
};

#[tokio::test]
async fn every_path_needs_a_token() {
    let api = Api::new().await;
    let there = routes().map(|(path, ..)| path.replace(['{', '}'], ""));
    let odd =
        ["/api/v1/", "/api/v1/nothing", "/api/v1/changes/", "/api/v1//changes", "/api/v1/CHANGES"].map(String::from);
    for path in there.iter().chain(&odd) {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let reply = api.client_without_token().ask(method, path).await;
            assert!(reply.status == 401 || reply.status == 404 && path == "/api/v1/", "{method} {path}: {reply}");
        }
    }
    assert_eq!(api.client_without_token().get(&there[3]).await.headers["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn unknown_token_is_refused() {
    let api = Api::new().await;
    let mut shop = api.shop().await;
    shop.token = Some(crate::auth::tokens::generate(TokenKind::Automation).text);
    let reply = shop.get("/api/v1/changes").await;
    assert_eq!(reply.refusal(), "401 /problems/unauthenticated");
    assert_eq!(reply.headers["www-authenticate"], r#"Bearer error="invalid_token""#);
}

#[tokio::test]
async fn a_revoked_token_opens_nothing() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let (id, _) = shop.open("dev/shop/application", json!({"a": "1"})).await;
    let token = &api.service.known_tokens().await.unwrap()[0].id;
    api.service.revoke_token(&Actor::shell(), token).await.unwrap();
    api.tokens.replace(api.service.known_tokens().await.unwrap());
    assert_eq!(shop.get(&format!("/api/v1/changes/{id}")).await.status, 401);
}

#[tokio::test]
async fn a_token_that_is_revoked_before_the_body_has_come_does_nothing() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let ((send, sent), (read, is_read)) = (oneshot::channel(), oneshot::channel());
    let body = Body::from_stream(stream::once(async {
        read.send(()).unwrap();
        Ok::<String, Infallible>(sent.await.unwrap())
    }));
    let request = shop.request("POST", "/api/v1/changes").header("content-type", "application/json");
    let mut parked = pin!(api.send(request.body(body).unwrap()));
    // The server reads the body after it has checked the token.
    tokio::select! {
        reply = &mut parked => panic!("answered before the body: {reply}"),
        begun = is_read => begun.unwrap(),
    }
    let token = &api.service.known_tokens().await.unwrap()[0].id;
    api.service.revoke_token(&Actor::shell(), token).await.unwrap();
    api.tokens.replace(api.service.known_tokens().await.unwrap());
    let edits = json!([{"config": "dev/shop/application", "set": {"a": "1"}}]);
    send.send(json!({"edits": edits, "publish": true}).to_string()).unwrap();
    assert_eq!(parked.await.refusal(), "401 /problems/unauthenticated");
    let releases = api.shop().await.get("/api/v1/configs/dev/shop/application/releases").await;
    assert_eq!(releases.body["releases"], json!([]), "{releases}");
}

#[tokio::test]
async fn a_token_that_was_just_made_is_waited_for() {
    let api = Api::new().await;
    let shop = api.shop().await;
    api.tokens.replace(Vec::new());
    let (tokens, service) = (api.tokens.clone(), api.service.clone());
    tokio::spawn(async move {
        loop {
            tokens.refresh_requested().await;
            tokens.refresh(service.known_tokens()).await.unwrap();
        }
    });
    shop.open("dev/shop/application", json!({"a": "1"})).await;
}

#[tokio::test]
async fn a_read_token_writes_nothing() {
    let api = Api::new().await;
    let reader = api.caller(TokenKind::Read, false, "*/shop/*").await;
    for (path, allow, _) in routes() {
        let path = path.replace(['{', '}'], "");
        for method in allow.split(", ").filter(|method| *method != "HEAD") {
            let reply = reader.ask(method, &path).await;
            assert_eq!(reply.refusal(), "403 /problems/forbidden", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_token_that_writes_one_application_knows_of_no_other() {
    let api = Api::new().await;
    let (shop, mail) = (api.shop().await, api.caller(TokenKind::Automation, false, "*/mail/*").await);
    let (id, diff) = mail.open("dev/mail/application", json!({"a": "1"})).await;
    let edit = json!([{"config": "dev/mail/application", "set": {"a": "2"}}]);
    let replies = [
        shop.get(&format!("/api/v1/changes/{id}")).await,
        shop.delete(&format!("/api/v1/changes/{id}")).await,
        shop.post(&format!("/api/v1/changes/{id}/publish"), json!({"diff_sha256": diff})).await,
        shop.post("/api/v1/changes", json!({"edits": edit})).await,
        shop.get("/api/v1/configs/dev/mail/application/releases").await,
        shop.post("/api/v1/configs/dev/mail/application/rollback", json!({"to": 1})).await,
        shop.put("/api/v1/apps/mail", json!({})).await,
        shop.put("/api/v1/apps/nothing", json!({})).await,
        shop.put("/api/v1/apps/mail/namespaces/application", json!({})).await,
    ];
    for (n, reply) in replies.iter().enumerate() {
        assert_eq!(reply.refusal(), "404 /problems/not-found", "{n}");
    }
    assert_eq!(mail.get(&format!("/api/v1/changes/{id}")).await.body["state"], "open");
}
