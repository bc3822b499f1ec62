//! A server that is shut down answers all requests, releases its locks and does not wait for incomplete requests.
//! Idle clients do not take all connection slots.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};

use super::node::{Installation, Node, Outcome, prepare};
use crate::support::{LONG, eventually};

on_both! {
    server_answers_all_requests_before_it_ends
}

async fn sent(node: &Node, text: &str) -> TcpStream {
    let address = node.url().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Waits until a metric of a server has a value.
async fn wait_for_metric(node: &Node, line: &str) {
    eventually(line, async || {
        let metrics = reqwest::get(format!("{}/metrics", node.url())).await.unwrap().text().await.unwrap();
        metrics.lines().any(|shown| shown == line)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn incomplete_request_does_not_delay_shutdown() {
    let place = Installation::embedded().with_log();
    let node = place.start().await;
    let _head = sent(&node, "POST /fn/log-in HTTP/1.1\r\nhost: x\r\n").await;
    let body = "POST /fn/log-in HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\
                content-type: application/x-www-form-urlencoded\r\n\r\nname=";
    let _body = sent(&node, body).await;
    // These two, and the one that reads the metrics.
    wait_for_metric(&node, "trimtab_connections 3").await;
    // Shorter than the 10 s after which an incomplete head ends its connection anyway.
    timeout(Duration::from_secs(8), node.shut_down()).await.expect("neither delays the shutdown");
    let logged = place.logged();
    assert!(!logged.contains("cut off"), "{logged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn token_works_as_soon_as_it_is_printed() {
    let place = Installation::embedded();
    let node = place.start().await;
    let client = reqwest::Client::new();
    for _ in 0..5 {
        let token = place.cli(&["token", "create", "--name", "t", "--read", "prod/shop/*"]).await;
        let url = format!("{}/api/v1/configs/prod/shop/nothing", node.url());
        let status = client.get(url).bearer_auth(&token).send().await.unwrap().status();
        assert_ne!(status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_make_room_for_active_clients() {
    let node = Installation::embedded().with_files(300).start().await;
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(sent(&node, "").await);
    }
    let mut asks = sent(&node, "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let mut answer = String::new();
    let read = asks.read_to_string(&mut answer);
    timeout(LONG, read).await.expect("an answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Reads a stream until `end` has come.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let (mut read, mut piece) = (String::new(), [0; 4096]);
    while !read.contains(end) {
        let n = timeout(LONG, stream.read(&mut piece)).await;
        let n = n.unwrap_or_else(|_| panic!("silent after {read}")).unwrap();
        assert_ne!(n, 0, "closed after {read}");
        read += std::str::from_utf8(&piece[..n]).unwrap();
    }
    read
}

async fn server_answers_all_requests_before_it_ends(place: Installation) {
    const READ: &str = "/api/v1/configs/dev/shop";
    let token = place.token().await;
    let client = reqwest::Client::builder().timeout(LONG).build().unwrap();
    let node = Arc::new(place.start().await);
    prepare(&node.url(), &client, &token).await;
    let quiet = format!("{}/api/v1/apps/shop/namespaces/quiet", node.url());
    client.put(quiet).bearer_auth(&token).json(&serde_json::json!({"format": "kv"})).send().await.unwrap();
    let edit = serde_json::json!({"config": "dev/shop/quiet", "set": {"a": "1"}});
    let body = serde_json::json!({"message": "m", "edits": [edit], "publish": true});
    let changes = format!("{}/api/v1/changes", node.url());
    assert_eq!(client.post(changes).bearer_auth(&token).json(&body).send().await.unwrap().status(), 200);

    let asks = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    let mut stream = sent(&node, &asks("/api/v1/watch?config=dev/shop/quiet")).await;
    until(&mut stream, "\"release\":1,").await;
    let mut poll = sent(&node, &asks(&format!("{READ}/quiet?after=1&wait=90"))).await;
    wait_for_metric(&node, r#"trimtab_open_watches{kind="poll"} 1"#).await;
    let ending = Arc::new(AtomicBool::new(false));
    let (acknowledged, mut acknowledgements) = mpsc::unbounded_channel();
    let publishers: Vec<_> = (0..4)
        .map(|n| {
            let (node, client, token, ending) = (node.clone(), client.clone(), token.clone(), ending.clone());
            let acknowledged = acknowledged.clone();
            tokio::spawn(async move {
                let mut highest = 0;
                for value in 0.. {
                    // Like a load balancer, which sends no new requests after `/readyz` has failed.
                    if ending.load(Ordering::Acquire) {
                        break;
                    }
                    match node.publish(&client, &token, &format!("key{n}"), value).await {
                        Outcome::Acknowledged(release) => {
                            highest = release;
                            let _ = acknowledged.send(());
                        }
                        Outcome::Unknown => panic!("a publish was not answered"),
                    }
                }
                highest
            })
        })
        .collect();
    for _ in 0..10 {
        timeout(LONG, acknowledgements.recv()).await.expect("a publish is acknowledged").unwrap();
    }

    node.begin_shutdown().await;
    let readiness = loop {
        let answer =
            client.get(format!("{}/readyz", node.url())).send().await.expect("the ending server still answers");
        if answer.status() == 503 {
            break answer.text().await.unwrap();
        }
    };
    ending.store(true, Ordering::Release);
    assert!(readiness.contains("the server is ending"), "{readiness}");
    let mut highest = 0;
    for publisher in publishers {
        highest = highest.max(publisher.await.unwrap());
    }
    assert!(until(&mut stream, "0\r\n\r\n").await.contains("retry: "));
    assert!(until(&mut poll, "\r\n\r\n").await.starts_with("HTTP/1.1 304"));
    Arc::into_inner(node).unwrap().wait_for_exit().await;
    assert_eq!(place.locks().await, 0, "an ended server has released its locks");
    let node = place.start().await;
    node.wait_for(&client, &token, highest).await;
}
