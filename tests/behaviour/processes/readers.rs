//! Reader nodes answer like consoles, need only etcd, and continue to answer without it.

use std::sync::Arc;

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use trimtab::{
    domain::{access::Actor, content::sha256},
    service::{Dispatch, Service},
    storage::Db,
};

use super::{
    etcd::PrivateEtcd,
    node::{Installation, Node, Outcome, ROOT, prepare},
};
use crate::support::{LONG, eventually};

const SHOP: &str = "/api/v1/configs/dev/shop/application";
const STALE: &str = "x-config-stale-since";

/// A console and a reader on one etcd, with release 1 of `dev/shop/application`.
struct Site {
    etcd: PrivateEtcd,
    place: Installation,
    console: Option<Node>,
    reader: Option<Node>,
    client: Client,
    /// A token that may write and read everything.
    token: String,
}

impl Site {
    async fn start() -> Option<Self> {
        let mut etcd = PrivateEtcd::new()?;
        etcd.start().await;
        let place = Installation::beside_etcd(&etcd.endpoint);
        let console = place.start().await;
        let client = client();
        let token = place.token().await;
        prepare(&console.url(), &client, &token).await;
        assert_eq!(console.publish(&client, &token, "n", 1).await, Outcome::Acknowledged(1));
        let reader = place.for_reader_node().start().await;
        let site = Self { etcd, place, console: Some(console), reader: Some(reader), client, token };
        eventually("the reader has the release", async || {
            let answer = site.ask(SHOP).await;
            answer.status() == StatusCode::OK && answer.headers().get(STALE).is_none()
        })
        .await;
        Some(site)
    }

    fn reader(&self) -> &Node {
        self.reader.as_ref().unwrap()
    }

    fn console(&self) -> &Node {
        self.console.as_ref().unwrap()
    }

    /// Sends a `GET` to the reader.
    async fn ask(&self, path: &str) -> Response {
        self.ask_with(&self.token, path).await
    }

    async fn ask_with(&self, token: &str, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.reader().url())).bearer_auth(token).send().await.unwrap()
    }

    async fn ready(&self) -> (StatusCode, Value) {
        let answer = self.ask("/readyz").await;
        (answer.status(), answer.json().await.unwrap())
    }

    async fn publish(&self, value: u64) -> u64 {
        match self.console().publish(&self.client, &self.token, "n", value).await {
            Outcome::Acknowledged(release) => release,
            Outcome::Unknown => panic!("no answer"),
        }
    }

    async fn new_token(&self) -> String {
        self.place.cli(&["token", "create", "--name", "t", "--read", "dev/shop/*"]).await
    }

    /// Revokes a token directly in the database, where the console finds it.
    async fn revoke(&self, token: &str) {
        let db = Db::open(&self.place.database().url).await.unwrap();
        let id = token.split('_').nth(1).unwrap();
        Service::new(db, Arc::new(Dispatch::default())).revoke_token(&Actor::shell(), id).await.unwrap();
    }

    async fn reader_is_stale(&self, stale: bool) {
        eventually("the reader has noticed the state of etcd", async || {
            let answer = self.ask(SHOP).await;
            assert_eq!(answer.status(), StatusCode::OK);
            answer.headers().contains_key(STALE) == stale
        })
        .await;
    }
}

fn client() -> Client {
    Client::builder().timeout(LONG).build().unwrap()
}

/// Reads a stream until it contains a text, or to its end.
async fn until(stream: &mut Response, text: &str) -> String {
    let mut all = String::new();
    while let Some(chunk) = stream.chunk().await.unwrap() {
        all.push_str(std::str::from_utf8(&chunk).unwrap());
        if all.contains(text) {
            return all;
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_gives_the_same_answers_as_a_console() {
    let Some(site) = Site::start().await else { return };
    let narrow = site.new_token().await;
    let etag = site.ask(SHOP).await.headers()["etag"].clone();
    for (token, path) in [
        (&site.token, SHOP.to_owned()),
        (&narrow, format!("{SHOP}/raw")),
        (&narrow, "/api/v1/configs/dev/shop".to_owned()),
        (&narrow, format!("{SHOP}?after=0&wait=1")),
        (&narrow, format!("{SHOP}?after=x")),
        (&site.token, "/api/v1/configs/dev/shop/nothing".to_owned()),
        (&narrow, "/api/v1/configs/dev/mail/application".to_owned()),
        (&"nonsense".to_owned(), SHOP.to_owned()),
    ] {
        for validator in ["\"other\"", etag.to_str().unwrap()] {
            let mut answers = Vec::new();
            for url in [site.console().url(), site.reader().url()] {
                let request = site.client.get(format!("{url}{path}")).header("if-none-match", validator);
                let answer = request.header("x-request-id", "one").bearer_auth(token).send().await.unwrap();
                let mut headers = answer.headers().clone();
                headers.remove("date");
                answers.push((answer.status(), headers, answer.text().await.unwrap()));
            }
            assert_eq!(answers[0], answers[1], "{path}");
        }
    }

    for elsewhere in ["/", "/log-in", "/apps", "/fn/log-in", "/api/v1/changes", "/api/v1/openapi.json", "/pkg/x.js"] {
        let answer = site.ask(elsewhere).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{elsewhere}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{elsewhere}");
        let problem: Value = answer.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains("Use a console node"), "{elsewhere}: {problem}");
    }
    assert_eq!(site.ask("/healthz").await.status(), StatusCode::OK);
    let (status, ready) = site.ready().await;
    assert!(status == StatusCode::OK && ready["degraded"] == false, "{ready}");
    assert!(!site.place.for_reader_node().folder().join("trimtab.db").exists(), "a reader opens no database");
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_sends_new_releases_to_streams_and_long_polls() {
    let Some(site) = Site::start().await else { return };
    let mut stream = site.ask("/api/v1/watch?config=dev/shop/application").await;
    until(&mut stream, "\"release\":1").await;
    let path = format!("{SHOP}?after=1&wait=30");
    let poll = site.ask(&path);
    let (answer, release) = tokio::join!(poll, site.publish(2));
    assert_eq!(release, 2);
    assert_eq!(answer.json::<Value>().await.unwrap()["release"], 2);
    assert!(until(&mut stream, "\"release\":2").await.contains("\"release\":2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_token_works_at_once_and_revoked_token_ends_its_stream_and_long_poll() {
    let Some(site) = Site::start().await else { return };
    for _ in 0..5 {
        let token = site.new_token().await;
        assert_eq!(site.ask_with(&token, SHOP).await.status(), StatusCode::OK);
    }
    let token = site.new_token().await;
    let mut stream = site.ask_with(&token, "/api/v1/watch?config=dev/shop/application").await;
    until(&mut stream, "\"release\":1").await;
    let path = format!("{SHOP}?after=1&wait=30");
    let ends = async {
        let (poll, _) = tokio::join!(site.ask_with(&token, &path), until(&mut stream, "never"));
        assert_eq!(poll.status(), StatusCode::UNAUTHORIZED);
    };
    tokio::join!(ends, site.revoke(&token));
    let refused: Value = site.ask_with(&token, SHOP).await.json().await.unwrap();
    assert!(refused["status"] == 401 && refused["detail"].as_str().unwrap().contains("revoked"), "{refused}");
    assert_eq!(site.ask(SHOP).await.status(), StatusCode::OK, "other tokens stay valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_starts_from_its_disk_without_etcd() {
    let Some(mut site) = Site::start().await else { return };
    site.publish(2).await;
    site.reader().wait_for(&site.client, &site.token, 2).await;
    let etag = site.ask(SHOP).await.headers()["etag"].clone();
    let before = trimtab::service::now();
    site.etcd.kill().await;

    for how in ["left", "killed"] {
        let gone = site.reader.take().unwrap();
        match how {
            "left" => gone.shut_down().await,
            _ => gone.kill().await,
        }
        site.reader = Some(site.place.for_reader_node().start().await);
        let answer = site.ask(SHOP).await;
        assert_eq!((answer.status(), &answer.headers()["etag"]), (StatusCode::OK, &etag), "{how}");
        let since = answer.headers()[STALE].to_str().unwrap().to_owned();
        assert!(since.ends_with('Z') && since <= trimtab::service::now().rfc3339(), "{since}");
        // This is the time of the last contact with etcd, not of the reader's start.
        assert!(since <= before.plus_ms(30_000).rfc3339(), "{since}");
        assert_eq!(answer.json::<Value>().await.unwrap()["release"], 2);
        let mut stream = site.ask("/api/v1/watch?config=dev/shop/application").await;
        assert!(stream.headers().contains_key(STALE));
        until(&mut stream, "\"release\":2").await;
        let (status, ready) = site.ready().await;
        assert!(status == StatusCode::OK && ready["degraded"] == true, "{ready}");
        assert!(ready["reasons"][0].as_str().unwrap().contains("have not been confirmed by etcd"), "{ready}");
    }

    // A console keeps the same file, and reads tokens from the database.
    site.console.take().unwrap().shut_down().await;
    site.console = Some(site.place.start().await);
    let url = format!("{}{SHOP}", site.console().url());
    let answer = site.client.get(url).bearer_auth(&site.token).send().await.unwrap();
    assert_eq!((answer.status(), &answer.headers()["etag"]), (StatusCode::OK, &etag));
    assert!(answer.headers().contains_key(STALE));

    site.etcd.start().await;
    site.reader_is_stale(false).await;
    let release = site.publish(3).await;
    site.reader().wait_for(&site.client, &site.token, release).await;
    eventually("the reader is no longer degraded", async || site.ready().await.1["degraded"] == false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_reader_restarts_with_all_it_has_shown() {
    let Some(mut site) = Site::start().await else { return };
    let mut token = String::new();
    for value in 2..8 {
        let release = site.publish(value).await;
        site.reader().wait_for(&site.client, &site.token, release).await;
        token = site.new_token().await;
        assert_eq!(site.ask_with(&token, SHOP).await.status(), StatusCode::OK);
    }
    site.reader.take().unwrap().kill().await;
    site.etcd.kill().await;

    site.reader = Some(site.place.for_reader_node().start().await);
    let answer = site.ask_with(&token, SHOP).await;
    assert_eq!(answer.status(), StatusCode::OK, "the last token is known");
    assert_eq!(answer.json::<Value>().await.unwrap()["release"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_started_before_the_console_is_ready_with_the_first_release() {
    let Some(mut etcd) = PrivateEtcd::new() else { return };
    etcd.start().await;
    let (place, client) = (Installation::beside_etcd(&etcd.endpoint), client());
    let reader = place.for_reader_node().start().await;
    let console = place.start().await;
    let token = place.token().await;
    // The reader has listed an empty channel, watches it and has the tokens.
    let answer = async |path: &str| client.get(format!("{}{path}", reader.url())).bearer_auth(&token).send().await;
    eventually("the reader knows the token", async || {
        answer("/readyz").await.unwrap().text().await.unwrap().matches("since the start").count() == 1
    })
    .await;
    prepare(&console.url(), &client, &token).await;
    assert_eq!(console.publish(&client, &token, "n", 1).await, Outcome::Acknowledged(1));
    eventually("the reader is ready", async || answer("/readyz").await.unwrap().status() == StatusCode::OK).await;
    let ready: Value = answer("/readyz").await.unwrap().json().await.unwrap();
    let tasks: Vec<&str> = ready["tasks"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(tasks, ["feed", "known_tokens", "last_good", "nodes"]);
    assert_eq!(answer(SHOP).await.unwrap().json::<Value>().await.unwrap()["release"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_reports_that_etcd_does_not_answer() {
    let Some(site) = Site::start().await else { return };
    site.etcd.signal("STOP").await;
    site.reader_is_stale(true).await;
    let (status, ready) = site.ready().await;
    assert!(status == StatusCode::OK && ready["degraded"] == true, "{ready}");
    site.etcd.signal("CONT").await;
    site.reader_is_stale(false).await;
    let release = site.publish(2).await;
    site.reader().wait_for(&site.client, &site.token, release).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_without_data_is_unready_until_etcd_answers() {
    let Some(mut etcd) = PrivateEtcd::new() else { return };
    let place = Installation::beside_etcd(&etcd.endpoint);
    let kept = place.for_reader_node().folder().join("last-known-good");
    std::fs::write(&kept, "half of a fi").unwrap();
    let reader = place.for_reader_node().start().await;
    let client = client();
    let token = place.token().await;
    for path in [SHOP, "/api/v1/configs/dev/shop", "/api/v1/watch?config=dev/shop/application"] {
        let answer = client.get(format!("{}{path}", reader.url())).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        assert!(answer.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0, "{path}");
    }
    assert_eq!(client.get(format!("{}/healthz", reader.url())).send().await.unwrap().status(), StatusCode::OK);
    let ready = client.get(format!("{}/readyz", reader.url())).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let ready: Value = ready.json().await.unwrap();
    assert!(ready["reasons"].to_string().contains("last-known-good.damaged-") && !kept.exists(), "{ready}");

    etcd.start().await;
    let console = place.start().await;
    prepare(&console.url(), &client, &token).await;
    assert_eq!(console.publish(&client, &token, "n", 1).await, Outcome::Acknowledged(1));
    let url = format!("{}{SHOP}", reader.url());
    eventually("the reader answers", async || {
        client.get(&url).bearer_auth(&token).send().await.unwrap().status() == StatusCode::OK
    })
    .await;
    eventually("the release is on disk", async || kept.exists()).await;
}

/// Writes a forged release of the shop, in the form in which a console writes.
async fn forge(etcd: &PrivateEtcd, seq: u64, document: &str) {
    use etcd_client::{Txn, TxnOp};
    let (mut client, config) = (etcd.client().await.unwrap(), "dev/shop/application");
    let there = client.get(format!("{ROOT}/meta/{config}"), None).await.unwrap();
    let mut meta: Value = serde_json::from_slice(there.kvs()[0].value()).unwrap();
    meta["seq"] = seq.into();
    meta["sha256"] = sha256(document.as_bytes()).into();
    let puts = [("config", document.to_owned()), ("meta", meta.to_string())];
    let puts = puts.map(|(half, value)| TxnOp::put(format!("{ROOT}/{half}/{config}"), value, None));
    client.txn(Txn::new().and_then(puts)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn console_shows_no_release_unknown_to_its_database() {
    let Some(mut site) = Site::start().await else { return };
    site.publish(2).await;
    site.reader().wait_for(&site.client, &site.token, 2).await;
    let right = site.console().read(&site.client, &site.token).await;
    forge(&site.etcd, 900, r#"{"n":"forged"}"#).await;
    // A reader node knows only etcd, so it accepts and keeps the forged release.
    site.reader().wait_for(&site.client, &site.token, 900).await;
    let folder = site.place.for_reader_node().folder().to_owned();
    eventually("the reader has it on disk", async || {
        std::fs::read_to_string(folder.join("last-known-good")).is_ok_and(|kept| kept.contains("forged"))
    })
    .await;
    let console_is_right = async |site: &Site| {
        assert_eq!(site.console().read(&site.client, &site.token).await, right);
    };
    eventually("the drift is reported", async || {
        console_is_right(&site).await;
        let ready = site.client.get(format!("{}/readyz", site.console().url())).send().await.unwrap();
        ready.json::<Value>().await.unwrap()["drifts"] == 1
    })
    .await;
    let metrics = site.client.get(format!("{}/metrics", site.console().url())).send().await.unwrap();
    assert!(metrics.text().await.unwrap().contains("trimtab_drifts{kind=\"ahead\"} 1\n"));

    // Nor after a restart: with its own file, without one, and with a reader's file while etcd is down.
    for kept in ["its own", "nothing", "a reader's"] {
        site.console.take().unwrap().shut_down().await;
        let (own, others) = (site.place.folder().join("last-known-good"), folder.join("last-known-good"));
        match kept {
            "nothing" => std::fs::remove_file(&own).unwrap(),
            "a reader's" => {
                std::fs::copy(others, own).unwrap();
                site.etcd.kill().await;
            }
            _ => {}
        }
        site.console = Some(site.place.start().await);
        eventually("the console answers", async || site.console().read(&site.client, &site.token).await.0 > 0).await;
        console_is_right(&site).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_ahead_of_etcd_reports_it() {
    let Some(site) = Site::start().await else { return };
    let mut etcd = site.etcd.client().await.unwrap();
    let mut before = Vec::new();
    for half in ["config", "meta"] {
        let key = format!("{ROOT}/{half}/dev/shop/application");
        let found = etcd.get(key.as_str(), None).await.unwrap();
        before.push((key, found.kvs()[0].value().to_vec()));
    }
    forge(&site.etcd, 900, r#"{"n":"forged"}"#).await;
    site.reader().wait_for(&site.client, &site.token, 900).await;
    for (key, value) in before {
        etcd.put(key, value, None).await.unwrap();
    }
    eventually("the reader reports it", async || {
        site.ready().await.1["reasons"].to_string().contains("later releases than etcd")
    })
    .await;
    assert_eq!(site.ready().await.0, StatusCode::OK, "the reader stays ready");
    assert!(site.ask("/metrics").await.text().await.unwrap().contains("trimtab_store_ahead 1\n"));
    eventually("the console reports it, too", async || {
        let ready = site.client.get(format!("{}/readyz", site.console().url())).send().await.unwrap();
        ready.json::<Value>().await.unwrap()["drifts"] == 1
    })
    .await;

    etcd.put(format!("{ROOT}/readers/tokens"), "{\"version\":9007199254740991,\"tokens\":[]}", None).await.unwrap();
    assert_eq!(site.ask(SHOP).await.status(), StatusCode::OK, "a list with a version from the future ends no token");
    let token = site.new_token().await;
    assert_eq!(site.ask_with(&token, SHOP).await.status(), StatusCode::OK, "such a list does not prevent a newer one");
}

#[tokio::test(flavor = "multi_thread")]
async fn wiped_etcd_does_not_empty_a_reader() {
    let Some(mut site) = Site::start().await else { return };
    site.console.take().unwrap().shut_down().await;
    let all = etcd_client::DeleteOptions::new().with_prefix();
    let deleted = site.etcd.client().await.unwrap().delete(format!("{ROOT}/"), Some(all)).await.unwrap();
    assert_eq!(deleted.deleted(), 4, "a document, its metadata, the tokens and the name of the reader");

    // After a restart of etcd the reader lists it again and finds nothing.
    site.etcd.kill().await;
    site.reader_is_stale(true).await;
    site.etcd.start().await;
    site.reader_is_stale(false).await;
    assert_eq!(site.ask(SHOP).await.json::<Value>().await.unwrap()["release"], 1);

    let (status, ready) = site.ready().await;
    assert!(status == StatusCode::OK && ready["reasons"].to_string().contains("etcd holds no release"), "{ready}");

    // A restarted reader keeps its release, too.
    site.reader.take().unwrap().shut_down().await;
    site.reader = Some(site.place.for_reader_node().start().await);
    site.reader_is_stale(false).await;
    assert_eq!(site.ask(SHOP).await.json::<Value>().await.unwrap()["release"], 1);

    // A console refills etcd.
    site.console = Some(site.place.start().await);
    let release = site.publish(2).await;
    assert_eq!(release, 2);
    site.reader().wait_for(&site.client, &site.token, 2).await;
    let token = site.new_token().await;
    assert_eq!(site.ask_with(&token, SHOP).await.status(), StatusCode::OK);
}
