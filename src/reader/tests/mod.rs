//! Tests of reads from a program's view.

mod coding;
mod history;
mod polls;
mod protocols;
mod refusals;
mod snapshots;
mod streams;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, Request, StatusCode},
    response::Response,
};
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{Reader, ReaderSettings, gzip::tests::unpacked, in_front};
use crate::{
    auth::tokens::{self, TokenCache, tests::made},
    channel::Listing,
    clock::now,
    domain::{
        bin::Removal,
        content::{Format, sha256},
        entry::{Entry, Meta},
        time::Time,
        token::{Token, TokenKind},
    },
};

/// Returns a release of a `kv` config.
pub fn entry(config: &str, seq: u64, document: &str) -> Entry {
    Entry {
        config: config.parse().unwrap(),
        meta: Arc::new(Meta {
            seq,
            sha256: sha256(document.as_bytes()),
            format: Format::Kv,
            author: "ana".into(),
            message: String::new(),
            published_at: Time(1_795_365_060_123),
            change: "01980000-0000-7000-8000-000000000000".parse().unwrap(),
        }),
        document: document.into(),
    }
}

pub const SHOP: &str = "/api/v1/configs/prod/shop/application";

/// A reader with one config, `prod/shop/application`, at release 1, and a token that reads all of `prod`.
struct TestReader {
    reader: Arc<Reader>,
    stop: CancellationToken,
    tokens: Mutex<Vec<Token>>,
    token: String,
}

impl TestReader {
    fn new() -> Self {
        Self::with(&ReaderSettings::default())
    }

    fn with(settings: &ReaderSettings) -> Self {
        let stop = CancellationToken::new();
        let reader = Reader::new(Arc::new(TokenCache::new()), now, settings, stop.clone());
        let mut test = Self { reader, stop, tokens: Mutex::default(), token: String::new() };
        test.token = test.token_for(TokenKind::Read, &["prod/*/*"]);
        let entries = vec![entry("prod/shop/application", 1, r#"{"timeout":"3000"}"#)];
        test.reader.store.adopt(Listing { entries, ..Listing::default() });
        test
    }

    fn token_for(&self, kind: TokenKind, patterns: &[&str]) -> String {
        let (token, text) = made(kind, patterns);
        self.tokens.lock().push(token);
        self.change_tokens(|_| {});
        text
    }

    fn change_tokens(&self, change: impl FnMut(&mut Token)) {
        let mut tokens = self.tokens.lock();
        tokens.iter_mut().for_each(change);
        self.reader.tokens.replace(tokens.clone());
    }

    fn revoke(&self) {
        self.change_tokens(|token| token.revoked_at = Some(now()));
    }

    fn expire_in(&self, time: Duration) {
        let at = now().plus_ms(time.as_millis().try_into().unwrap());
        self.change_tokens(|token| token.expires_at = Some(at));
    }

    fn publish(&self, config: &str, seq: u64) {
        self.reader.store.apply(vec![entry(config, seq, &format!(r#"{{"n":"{seq}"}}"#))]);
    }

    /// Removes a config for good.
    fn remove(&self, config: &str, seq: u64) {
        let id = "01980000-0000-7000-8000-000000000001".parse().unwrap();
        let removal = Removal { id, by: "ana".into(), at: Time(1_795_365_060_124) };
        self.reader.store.apply(vec![Entry::removal(config.parse().unwrap(), seq, &removal)]);
    }

    /// Prepares a GET with the token.
    fn get(&self, uri: &str) -> Ask {
        self.ask("GET", uri).header("authorization", &format!("Bearer {}", self.token))
    }

    /// Prepares a request without headers.
    fn ask(&self, method: &str, uri: &str) -> Ask {
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        Ask { reader: Arc::clone(&self.reader), request }
    }
}

/// A prepared request.
struct Ask {
    reader: Arc<Reader>,
    request: Request<Body>,
}

impl Ask {
    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    async fn open(self) -> Response {
        in_front(self.reader, Router::new()).oneshot(self.request).await.unwrap()
    }

    async fn send(self) -> Got {
        let (parts, body) = self.open().await.into_parts();
        let exact = body.size_hint().exact();
        let sent = axum::body::to_bytes(body, 1 << 26).await.unwrap();
        assert!(exact.is_none_or(|length| length == sent.len() as u64), "{exact:?}");
        let body = match parts.headers.get("content-encoding") {
            Some(coding) if !sent.is_empty() => {
                assert_eq!(coding, "gzip");
                unpacked(&sent)
            }
            _ => String::from_utf8(sent.to_vec()).unwrap(),
        };
        Got { status: parts.status, headers: parts.headers, body, sent }
    }
}

/// A whole answer.
#[derive(Debug)]
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    /// The decoded body.
    body: String,
    sent: Bytes,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|v| v.to_str().unwrap()).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn release(&self) -> u64 {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()["release"].as_u64().unwrap()
    }

    /// Checks that the answer is a complete refusal, and returns its type.
    fn problem(&self) -> String {
        let body = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["request_id"], self.header("x-request-id"));
        assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        body["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned()
    }
}
