use futures::{FutureExt, future::join_all};

use super::*;
use crate::reader::snapshot::Shape;

/// Returns a document that compresses well.
fn text(bytes: usize) -> String {
    format!(r#"{{"n":"{}"}}"#, "value ".repeat(bytes / 6))
}

fn large() -> TestReader {
    let test = TestReader::with(&ReaderSettings { compression: Duration::from_secs(60), ..ReaderSettings::default() });
    test.reader.store.apply(vec![entry("prod/shop/application", 2, &text(3000))]);
    test
}

const APP: &str = "/api/v1/configs/prod/shop";

#[tokio::test]
async fn a_read_is_compressed_for_clients_that_accept_it() {
    let test = large();
    test.publish("prod/shop/mail", 5);
    for path in [SHOP, &format!("{SHOP}/raw"), &format!("{SHOP}?after=1&wait=90"), APP] {
        let plain = test.get(path).send().await;
        let packed = test.get(path).header("accept-encoding", "br;q=0.9, gzip, *;q=0.1").send().await;
        assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"), "{path}");
        assert!(packed.body == plain.body && packed.sent.len() * 4 < plain.sent.len(), "{path}");
        for name in ["content-type", "x-config-release", "cache-control", "x-content-type-options", "vary"] {
            assert_eq!(packed.header(name), plain.header(name), "{path} {name}");
        }
        assert_eq!(plain.header("vary"), "accept-encoding");
        assert_eq!(packed.header("etag"), format!("W/{}", plain.header("etag")));
        for refusing in ["", "br", "gzip;q=0", "gzip;q=0.2, identity;q=0.3", "identity"] {
            let got = test.get(path).header("accept-encoding", refusing).send().await;
            assert_eq!((got.header("content-encoding"), got.header("etag")), ("", plain.header("etag")), "{refusing}");
        }
    }
}

#[tokio::test]
async fn either_validator_stands_for_both_codings() {
    let test = large();
    for path in [SHOP, APP] {
        let strong = test.get(path).send().await.header("etag").to_owned();
        for given in [strong.clone(), format!("W/{strong}")] {
            for (coding, etag) in [("identity", strong.clone()), ("gzip", format!("W/{strong}"))] {
                let ask = test.get(path).header("accept-encoding", coding);
                let got = ask.header("if-none-match", &given).send().await;
                assert_eq!((got.status.as_u16(), got.header("etag")), (304, &*etag), "{path} {given} {coding}");
                assert_eq!((got.header("vary"), got.header("content-encoding")), ("accept-encoding", ""));
            }
        }
    }
}

#[tokio::test]
async fn a_small_read_is_compressed_only_if_nothing_else_is_accepted() {
    let test = TestReader::new();
    for path in [SHOP, APP] {
        let plain = test.get(path).header("accept-encoding", "gzip").send().await;
        assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
        let packed = test.get(path).header("accept-encoding", "gzip, identity;q=0").send().await;
        assert_eq!((packed.header("content-encoding"), &packed.body), ("gzip", &plain.body));
        for nothing in ["identity;q=0", "*;q=0", "br, *;q=0"] {
            let got = test.get(path).header("accept-encoding", nothing).send().await;
            assert_eq!((got.status.as_u16(), got.problem().as_str()), (406, "not-acceptable"), "{nothing}");
        }
    }
}

#[tokio::test]
async fn head_returns_the_length_of_the_compressed_document() {
    let test = large();
    for path in [SHOP, APP] {
        let got = test.get(path).header("accept-encoding", "gzip").send().await;
        let head = test.ask("HEAD", path).token(&test.token).header("accept-encoding", "gzip").send().await;
        assert_eq!((head.header("content-encoding"), head.sent.len()), ("gzip", 0));
        assert_eq!(head.header("content-length"), got.sent.len().to_string());
    }
}

#[tokio::test]
async fn a_release_is_compressed_once() {
    let test = large();
    let ask = || test.get(SHOP).header("accept-encoding", "gzip").send();
    let (first, second) = (ask().await, ask().await);
    assert_eq!(first.sent.as_ptr(), second.sent.as_ptr());
    test.publish("prod/shop/mail", 3);
    let app = || test.get(APP).header("accept-encoding", "gzip").send();
    assert_eq!(app().await.sent, app().await.sent);
}

#[tokio::test]
async fn large_documents_are_compressed_outside_of_the_threads_that_answer() {
    let test = large();
    test.reader.store.apply(vec![entry("prod/shop/application", 3, &text(200_000))]);
    test.reader.store.apply((0..40).map(|n| entry(&format!("prod/shop/n{n}"), 1, &text(3000))).collect());
    let mut asks: Vec<_> = (0..20).map(|_| Box::pin(test.get(SHOP).header("accept-encoding", "gzip").send())).collect();
    for ask in &mut asks {
        assert!(ask.now_or_never().is_none(), "it waits for the compressor");
    }
    let got = join_all(asks).await;
    assert!(got.iter().all(|got| got.header("content-encoding") == "gzip" && got.release() == 3));
    assert!(got.iter().all(|one| one.sent.as_ptr() == got[0].sent.as_ptr()), "all answers share the bytes");
    let app = test.get(APP).header("accept-encoding", "gzip").send().await;
    assert_eq!((app.header("content-encoding"), &app.body), ("gzip", &test.get(APP).send().await.body));
}

#[tokio::test]
async fn an_answer_is_sent_uncompressed_if_compression_takes_too_long() {
    let test = TestReader::with(&ReaderSettings { compression: Duration::ZERO, ..ReaderSettings::default() });
    test.reader.store.apply(vec![entry("prod/shop/application", 3, &text(200_000))]);
    let turn = Arc::clone(&test.reader.compressor.turn).acquire_owned().await.unwrap();
    for path in [SHOP, APP] {
        let only = test.get(path).header("accept-encoding", "gzip, identity;q=0").send().await;
        assert_eq!((only.status.as_u16(), only.header("retry-after")), (503, "2"), "{path}");
        let got = test.get(path).header("accept-encoding", "gzip").send().await;
        assert_eq!((got.status.as_u16(), got.header("content-encoding")), (200, ""), "{path}");
    }
    drop(turn);
    let held = test.reader.store.get("prod/shop/application").unwrap();
    let begun = held.form(Shape::Envelope).begin(Bytes::new(), &test.reader.compressor).unwrap();
    assert!(begun.await.is_some(), "the compression goes on without a request");
    let got = test.get(SHOP).header("accept-encoding", "gzip").send().await;
    assert_eq!(got.header("content-encoding"), "gzip");
}

#[tokio::test]
async fn a_stream_is_not_compressed() {
    let test = large();
    let uri = "/api/v1/watch?config=prod/shop/application";
    let response = test.get(uri).header("accept-encoding", "gzip").open().await;
    assert_eq!((response.status().as_u16(), response.headers().get("content-encoding")), (200, None));
}

#[tokio::test]
async fn answers_share_the_bytes_of_the_release() {
    let test = large();
    test.reader.store.apply(vec![entry("prod/shop/mail", 3, &text(100_000))]);
    let held = test.reader.store.get("prod/shop/mail").unwrap();
    let mut frames = Vec::new();
    let mut body = test.get(APP).open().await.into_body().into_data_stream();
    while let Some(frame) = futures::StreamExt::next(&mut body).await {
        frames.push(frame.unwrap());
    }
    assert!(frames.iter().any(|frame| frame.as_ptr() == held.envelope().as_ptr()), "the large document is not copied");
    assert_eq!(String::from_utf8(frames.concat()).unwrap(), test.get(APP).send().await.body);
}
