//! Tests of the endpoints through their router, on SQLite in a temporary folder and the in-process channel.
//! Every answer is compared with `openapi.json`.

mod authenticate;
mod delete_change;
mod get_change;
mod get_releases;
mod idempotency;
mod nulls;
mod openapi;
mod post_change;
mod post_rollback;
mod publish_change;
mod put_app;
mod put_env;
mod put_namespace;
mod refusals;
mod schema;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request},
};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

use super::{Automation, router};
use crate::{
    auth::tokens::TokenCache,
    channel::Channel,
    delivery::Publisher,
    domain::{access::Actor, token::TokenKind},
    service::{Dispatch, NewToken, PutApp, PutEnv, PutNamespace, Service},
    storage::Db,
};

/// A server with the environments `dev` and `prod` (protected), the applications `shop` (`application`: kv, `nginx`:
/// text, `flags`: json) and `mail` (`application`: kv), and no release.
struct Api {
    router: Router,
    service: Service,
    db: Db,
    tokens: Arc<TokenCache>,
    folder: PathBuf,
    _stop: DropGuard,
}

impl Api {
    async fn new() -> Self {
        Self::start(true).await
    }

    /// Starts a server without a publisher, so that releases stay accepted.
    async fn without_channel() -> Self {
        Self::start(false).await
    }

    async fn start(delivers: bool) -> Self {
        let folder = std::env::temp_dir().join(format!("trimtab-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let db = Db::open(&format!("sqlite://{}", folder.join("trimtab.db").display())).await.unwrap();
        let (dispatch, stop) = (Arc::new(Dispatch::default()), CancellationToken::new());
        let mut service = Service::new(db.clone(), dispatch.clone());
        if delivers {
            tokio::spawn(Publisher::new(db.clone(), Channel::local(), dispatch, stop.clone()).run());
        } else {
            service = service.with_delivery_timeout(Duration::ZERO);
        }
        let tokens = Arc::new(TokenCache::new());
        let automation = Automation::new(service.clone(), tokens.clone(), "https://trimtab.example/");
        let api = Self { router: router(automation), service, db, tokens, folder, _stop: stop.drop_guard() };
        api.create_objects().await;
        api
    }

    async fn create_objects(&self) {
        let shell = Actor::shell();
        for (name, protected) in [("dev", false), ("prod", true)] {
            let protected = Some(protected);
            let put = PutEnv { name: name.parse().unwrap(), title: None, position: None, protected, archived: None };
            self.service.put_env(&shell, put).await.unwrap();
        }
        for name in ["shop", "mail"] {
            let put = PutApp { name: name.parse().unwrap(), title: None, description: None, archived: None };
            self.service.put_app(&shell, put).await.unwrap();
        }
        for (app, name, format) in [
            ("shop", "application", "kv"),
            ("shop", "nginx", "text"),
            ("shop", "flags", "json"),
            ("mail", "application", "kv"),
        ] {
            let (app, name, format) = (app.parse().unwrap(), name.parse().unwrap(), Some(format.parse().unwrap()));
            let put = PutNamespace { app, name, format, description: None, archived: None };
            self.service.put_namespace(&shell, put).await.unwrap();
        }
    }

    /// Returns a caller that may write the application `shop`.
    async fn shop(&self) -> Caller<'_> {
        self.caller(TokenKind::Automation, false, "*/shop/*").await
    }

    /// Returns a caller that may create applications and environments.
    async fn admin(&self) -> Caller<'_> {
        self.caller(TokenKind::Automation, true, "*/*/*").await
    }

    async fn caller(&self, kind: TokenKind, creator: bool, pattern: &str) -> Caller<'_> {
        let patterns = vec![pattern.parse().unwrap()];
        let new = NewToken { name: "pipeline".into(), kind, patterns, creator, expires_at: None };
        let shown = self.service.create_token(&Actor::shell(), new).await.unwrap();
        self.tokens.replace(self.service.known_tokens().await.unwrap());
        Caller { api: self, token: Some(shown.text) }
    }

    fn client_without_token(&self) -> Caller<'_> {
        Caller { api: self, token: None }
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().as_str().to_lowercase(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 24).await.unwrap();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        let reply = Reply { status: parts.status.as_u16(), headers: parts.headers, body };
        if method != "head" {
            schema::check(&method, &path, &reply);
        }
        reply
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A client of the API, with a token or without.
struct Caller<'a> {
    api: &'a Api,
    token: Option<String>,
}

impl Caller<'_> {
    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    async fn ask(&self, method: &str, path: &str) -> Reply {
        self.api.send(self.request(method, path).body(Body::empty()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.ask("DELETE", path).await
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        self.write(self.request("PUT", path), body.to_string()).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.write(self.request("POST", path), body.to_string()).await
    }

    async fn post_once(&self, key: &str, path: &str, body: Value) -> Reply {
        self.write(self.request("POST", path).header("idempotency-key", key), body.to_string()).await
    }

    async fn post_text(&self, path: &str, body: impl Into<String>) -> Reply {
        self.write(self.request("POST", path), body.into()).await
    }

    async fn write(&self, request: axum::http::request::Builder, body: String) -> Reply {
        let request = request.header("content-type", "application/json");
        self.api.send(request.body(body.into()).unwrap()).await
    }

    /// Publishes values of `dev/shop/application` and returns the number of the release.
    async fn publish(&self, set: Value) -> u64 {
        let edits = json!([{"config": "dev/shop/application", "set": set}]);
        let reply = self.post("/api/v1/changes", json!({"edits": edits, "publish": true})).await;
        assert_eq!(reply.status, 200, "{reply}");
        reply.body["releases"][0]["release"].as_u64().unwrap()
    }

    /// Opens a change that sets values of a config. Returns its id and the hash of its difference.
    async fn open(&self, config: &str, set: Value) -> (String, String) {
        let reply = self.post("/api/v1/changes", json!({"edits": [{"config": config, "set": set}]})).await;
        assert_eq!(reply.status, 201, "{reply}");
        (reply.text("/id"), reply.text("/diff_sha256"))
    }

    /// Returns the document of a config's live release.
    async fn document(&self, config: &str) -> String {
        let (_, content) = self.api.service.live_content(&Actor::shell(), &config.parse().unwrap()).await.unwrap();
        content.document()
    }
}

/// An answer.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    fn text(&self, pointer: &str) -> String {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no {pointer} in {self}")).to_owned()
    }

    /// Returns the JSON pointers of the mistakes.
    fn pointers(&self) -> Vec<&str> {
        self.body["errors"].as_array().into_iter().flatten().map(|e| e["pointer"].as_str().unwrap()).collect()
    }

    /// Returns status and kind of a refusal: `422 /problems/invalid`.
    fn refusal(&self) -> String {
        format!("{} {}", self.status, self.body["type"].as_str().unwrap_or_default())
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}
