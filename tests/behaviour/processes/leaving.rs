//! A server that is told to end does not wait for what nobody sends, and more clients than it has places for do not
//! take it from the others.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::node::{Node, Place};

async fn sent(node: &Node, text: &str) -> TcpStream {
    let address = node.url().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_request_does_not_keep_a_server() {
    let node = Place::embedded().start().await;
    let _head = sent(&node, "POST /fn/log-in HTTP/1.1\r\nhost: x\r\n").await;
    let body = "POST /fn/log-in HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\
                content-type: application/x-www-form-urlencoded\r\n\r\nname=";
    let _body = sent(&node, body).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let took = node.leave().await;
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_works_once_it_is_printed() {
    let place = Place::embedded();
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
async fn clients_that_say_nothing_leave_room_for_others() {
    let node = Place::embedded().with_files(300).start().await;
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(sent(&node, "").await);
    }
    let mut asks = sent(&node, "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let mut answer = String::new();
    let read = asks.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(5), read).await.expect("an answer within 5 s").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
