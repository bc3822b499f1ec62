//! Clients that disconnect at any moment leave no open transaction and no lock behind.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sqlx::Connection;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use super::node::{Installation, Node, Outcome, prepare};
use crate::support::{LONG, eventually, open_transactions};

on_both! {
    thousand_aborted_requests_leave_no_transaction_and_no_lock
}

const ABORTED: u64 = 1000;
const AT_ONCE: u64 = 20;
const SEED: u64 = 20_261_123;

async fn thousand_aborted_requests_leave_no_transaction_and_no_lock(place: Installation) {
    let place = place.with_log();
    let token: Arc<str> = place.token().await.into();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let node = Arc::new(place.start().await);
    prepare(&node.url(), &client, &token).await;
    let began = Instant::now();
    assert!(matches!(node.publish(&client, &token, "n", 0).await, Outcome::Acknowledged(1)));
    // Aborts fall between the first byte and the answer, on slow machines and under load, too.
    let window = began.elapsed().clamp(Duration::from_millis(10), Duration::from_millis(500)) * 3;
    let clients: Vec<_> = (0..AT_ONCE)
        .map(|n| {
            let (node, token) = (node.clone(), token.clone());
            tokio::spawn(async move {
                let mut dice = StdRng::seed_from_u64(SEED + n);
                for value in 0..ABORTED / AT_ONCE {
                    abort_one(&node, &token, n, value, window, &mut dice).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }

    // A lock or a connection that was left behind would make this 503.
    assert!(matches!(node.publish(&client, &token, "n", 1).await, Outcome::Acknowledged(_)));
    // The server may still work on the last aborted requests.
    eventually("no transaction is open", async || open_transactions(place.database()).await.is_empty()).await;
    if place.database().url.starts_with("sqlite") {
        let options = place.database().url.parse::<sqlx::sqlite::SqliteConnectOptions>().unwrap();
        let mut other = sqlx::SqliteConnection::connect_with(&options.busy_timeout(LONG)).await.unwrap();
        sqlx::query("begin immediate").execute(&mut other).await.expect("no transaction holds the database");
    }
    let logged = place.logged();
    assert!(!logged.contains("panicked") && !logged.contains("tower_sessions"), "{logged}");
    let url = format!("{}/metrics", node.url());
    let metrics = client.get(url).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("trimtab_sql_failures_total{reason=\"timeout\"} 0"), "{metrics}");
    let accepted = metrics.lines().find_map(|l| l.strip_prefix("trimtab_releases_accepted_total ")).unwrap();
    assert!(
        accepted.parse::<u64>().unwrap() > ABORTED / 20,
        "only {accepted} requests were accepted, too few for this test"
    );
}

/// Sends a request, or a part of it, waits a little and disconnects.
async fn abort_one(node: &Node, token: &str, n: u64, value: u64, window: Duration, dice: &mut StdRng) {
    let address = node.url().strip_prefix("http://").unwrap().to_owned();
    let edit = format!(r#"{{"config": "dev/shop/application", "set": {{"key{n}": "{value}"}}}}"#);
    let body = format!(r#"{{"message": "m", "edits": [{edit}], "publish": true}}"#);
    let write = format!(
        "POST /api/v1/changes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let page = "GET / HTTP/1.1\r\nhost: x\r\ncookie: trimtab=AAAAAAAAAAAAAAAAAAAAAA\r\n\r\n".to_owned();
    let form = "POST /fn/log-in HTTP/1.1\r\nhost: x\r\nsec-fetch-site: same-origin\r\n\
                content-type: application/x-www-form-urlencoded\r\ncontent-length: 26\r\n\r\n\
                name=nobody&password=wrong";
    let request = match value % 4 {
        0 => page,
        1 => form.to_owned(),
        _ => write,
    };
    let cut = if dice.random_bool(0.1) { dice.random_range(1..request.len()) } else { request.len() };
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&request.as_bytes()[..cut]).await.unwrap();
    sleep(window.mul_f64(dice.random())).await;
}
