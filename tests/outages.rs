//! Requests while the database or etcd is paused, and afterwards. A separate test binary, because all tests of a binary
//! share these servers.

#[allow(dead_code, reason = "only tests/behaviour uses the other items")]
#[path = "behaviour/processes/node.rs"]
mod node;
#[allow(dead_code, reason = "only tests/behaviour uses the other items")]
#[path = "behaviour/support/mod.rs"]
mod support;

use std::sync::Arc;

use node::{Installation, Node, prepare, signal};
use serde_json::{Value, json};
use support::{LONG, eventually};
use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};

/// Held during an outage, so that there is one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A paused server. Dropping it resumes the server.
struct Paused(String);

impl Paused {
    async fn new(server: &str) -> Self {
        let file = std::env::var(format!("TRIMTAB_TEST_{server}_PIDFILE")).unwrap();
        let pid = std::fs::read_to_string(file).unwrap().trim().to_owned();
        signal("STOP", &pid).await;
        Self(pid)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        assert!(std::process::Command::new("kill").args(["-CONT", &self.0]).status().unwrap().success());
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(LONG).build().unwrap()
}

async fn start_and_prepare(place: &Installation, client: &reqwest::Client) -> (Arc<Node>, String) {
    let token = place.cli(&["token", "create", "--name", "ci", "--write", "*/*/*", "--admin"]).await;
    let node = Arc::new(place.start().await);
    prepare(&node.url(), client, &token).await;
    (node, token)
}

async fn publish(node: &Node, client: &reqwest::Client, token: &str, value: u64) -> reqwest::Response {
    let edit = json!({"config": "dev/shop/application", "set": {format!("n{value}"): "1"}});
    let body = json!({"message": "m", "edits": [edit], "publish": true});
    let request = client.post(format!("{}/api/v1/changes", node.url())).bearer_auth(token).json(&body);
    request.header("x-request-id", format!("outage-{value}")).send().await.unwrap()
}

async fn readiness(node: &Node, client: &reqwest::Client) -> (u16, Value) {
    let answer = client.get(format!("{}/readyz", node.url())).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Checks pages, API calls and health while the database is paused, with more requests than the pool has connections.
/// Without deadlines in the server they would wait until the timeout of the client.
async fn assert_answers_during_outage(node: &Arc<Node>, client: &reqwest::Client, token: &str) {
    let mut asked = Vec::new();
    for n in 0..60 {
        let (node, client, token) = (node.clone(), client.clone(), token.to_owned());
        asked.push(tokio::spawn(async move {
            let answer = if n % 2 == 0 {
                publish(&node, &client, &token, 100 + n).await
            } else {
                let page = client.get(node.url()).header("accept", "text/html");
                page.header("cookie", "trimtab=AAAAAAAAAAAAAAAAAAAAAA").send().await.unwrap()
            };
            assert_eq!(answer.status(), 503);
            assert!(answer.headers().contains_key("retry-after"), "{:?}", answer.headers());
            let body = answer.text().await.unwrap();
            if n % 2 == 0 {
                let problem: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(problem["request_id"], format!("outage-{}", 100 + n));
                assert_eq!(problem["type"], "/problems/unavailable");
            }
        }));
    }
    for (path, token) in [("/healthz", None), ("/metrics", None), ("/api/v1/configs/dev/shop/application", Some(token))]
    {
        let asks = client.get(format!("{}{path}", node.url()));
        let asks = if let Some(token) = token { asks.bearer_auth(token) } else { asks };
        assert_eq!(asks.send().await.unwrap().status(), 200, "{path}");
    }
    assert!(asked.iter().any(|request| !request.is_finished()), "these answers waited for the database");
    let (status, ready) = readiness(node, client).await;
    assert_eq!((status, &ready["ready"]), (503, &json!(false)));
    assert!(ready["reasons"].to_string().contains("the database does not answer"), "{ready}");
    for asked in asked {
        asked.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_database_gives_503_and_recovers() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let (Some(place), client) = (Installation::cluster().await, client()) else { return };
    let place = place.with_log();
    let (node, token) = start_and_prepare(&place, &client).await;
    // Some publishes are interrupted in the middle of a transaction.
    let (acknowledged, mut acknowledgements) = mpsc::unbounded_channel();
    let busy: Vec<_> = (1..9)
        .map(|n| {
            let (node, client, token) = (node.clone(), client.clone(), token.clone());
            let acknowledged = acknowledged.clone();
            tokio::spawn(async move {
                let mut value = 10_000 * n;
                while publish(&node, &client, &token, value).await.status().is_success() {
                    value += 1;
                    let _ = acknowledged.send(());
                }
            })
        })
        .collect();
    for _ in 0..50 {
        timeout(LONG, acknowledgements.recv()).await.expect("a publish is acknowledged").unwrap();
    }

    let paused = Paused::new("MYSQL").await;
    assert_answers_during_outage(&node, &client, &token).await;
    for busy in busy {
        busy.await.expect("an interrupted publish is answered");
    }
    drop(paused);

    let mut value = 100_000;
    eventually("publishes work again", async || {
        value += 1;
        publish(&node, &client, &token, value).await.status() == 200
    })
    .await;
    let all: Vec<_> = (0..40).map(|n| publish(&node, &client, &token, n)).collect();
    for answer in futures::future::join_all(all).await {
        assert_eq!(answer.status(), 200, "all connections of the pool work again");
    }
    let is_clean = async || support::open_transactions(place.database()).await.is_empty();
    eventually("no transaction is open", is_clean).await;
    let ready = readiness(&node, &client).await;
    assert_eq!((ready.0, &ready.1["degraded"]), (200, &json!(false)), "{ready:?}");
    let metrics = client.get(format!("{}/metrics", node.url())).send().await.unwrap().text().await.unwrap();
    assert!(
        !metrics.contains(r#"trimtab_sql_failures_total{reason="timeout"} 0"#),
        "no statement timed out: {metrics}"
    );
    let logged = place.logged();
    assert!(logged.lines().any(|line| line.contains("outage-100") && line.contains("database")), "{logged}");
    assert!(!logged.contains("tower_sessions_core"), "{logged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_etcd_makes_nodes_degraded_but_keeps_them_ready() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let (Some(place), client) = (Installation::cluster().await, client()) else { return };
    let (node, token) = start_and_prepare(&place, &client).await;
    assert_eq!(publish(&node, &client, &token, 1).await.status(), 200);
    assert_eq!(readiness(&node, &client).await.1["degraded"], false);

    let paused = Paused::new("ETCD").await;
    assert_eq!(publish(&node, &client, &token, 2).await.status(), 202);
    let mut ready = Value::Null;
    eventually("the node reports that etcd does not answer", async || {
        let status;
        (status, ready) = readiness(&node, &client).await;
        assert_eq!((status, &ready["ready"]), (200, &json!(true)));
        let reasons = ready["reasons"].to_string();
        reasons.contains("the channel has not been heard since") && reasons.contains("late in 1 environments")
    })
    .await;
    assert!(ready["degraded"] == true && !ready.to_string().contains("shop"), "{ready}");
    let metrics = client.get(format!("{}/metrics", node.url())).send().await.unwrap().text().await.unwrap();
    for told in [r#"trimtab_outbox_releases{env="dev"} 1"#, "trimtab_late_environments 1"] {
        assert!(metrics.contains(told), "{metrics}");
    }
    drop(paused);

    let is_whole = async || readiness(&node, &client).await.1["degraded"] == false;
    eventually("the node is no longer degraded", is_whole).await;
    assert_eq!(publish(&node, &client, &token, 3).await.status(), 200);
}
