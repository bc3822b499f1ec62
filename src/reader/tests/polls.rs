use std::pin::pin;

use futures::{FutureExt, poll};

use super::*;

#[tokio::test]
async fn a_newer_release_is_answered_at_once() {
    let test = TestReader::new();
    test.publish("prod/shop/application", 5);
    assert_eq!(test.get(&format!("{SHOP}?after=4&wait=90")).send().await.release(), 5);
    assert_eq!(test.get(&format!("{SHOP}?after=0")).send().await.release(), 5);
    assert_eq!(test.get(&format!("{SHOP}?after=5")).send().await.status, 304);
}

#[tokio::test]
async fn a_release_that_arrives_during_the_wait_is_answered() {
    let test = TestReader::new();
    let mut parked = pin!(test.get(&format!("{SHOP}?after=1&wait=90")).send());
    assert!(poll!(&mut parked).is_pending());
    test.publish("prod/shop/other", 1);
    assert!(poll!(&mut parked).is_pending());
    test.publish("prod/shop/application", 2);
    assert_eq!(parked.await.release(), 2);
}

#[tokio::test]
async fn a_poll_of_the_raw_document_waits_as_well() {
    let test = TestReader::new();
    let mut parked = pin!(test.get(&format!("{SHOP}/raw?after=1&wait=90")).send());
    assert!(poll!(&mut parked).is_pending());
    test.publish("prod/shop/application", 2);
    assert_eq!(parked.await.body, r#"{"n":"2"}"#);
}

#[tokio::test(start_paused = true)]
async fn without_a_newer_release_it_is_304_after_the_wait() {
    let test = TestReader::new();
    let began = tokio::time::Instant::now();
    let got = test.get(&format!("{SHOP}?after=1&wait=90")).send().await;
    assert_eq!((got.status.as_u16(), got.header("x-config-release")), (304, "1"));
    assert_eq!(began.elapsed(), Duration::from_secs(90));
}

fn with_lag(lag: Duration) -> TestReader {
    TestReader::with(&ReaderSettings { lag, ..ReaderSettings::default() })
}

#[tokio::test]
async fn a_client_that_is_ahead_gets_the_latest_release_at_once() {
    let test = with_lag(Duration::from_millis(20));
    test.publish("prod/shop/application", 4);
    let etag = test.get(SHOP).send().await.header("etag").to_owned();
    for query in ["after=5&wait=90", "after=9007199254740991&wait=90", "after=5"] {
        assert_eq!(test.get(&format!("{SHOP}?{query}")).send().await.release(), 4, "{query}");
        let got = test.get(&format!("{SHOP}?{query}")).header("if-none-match", &etag).send().await;
        assert_eq!(got.release(), 4, "the number decides, not the validator: {query}");
        let raw = test.get(&format!("{SHOP}/raw?{query}")).send().await;
        assert_eq!((raw.status.as_u16(), raw.header("x-config-release")), (200, "4"), "{query}");
    }
    let mut next = pin!(test.get(&format!("{SHOP}?after=4&wait=90")).send());
    assert!(poll!(&mut next).is_pending());
    test.publish("prod/shop/application", 5);
    assert_eq!(next.await.release(), 5, "the client continues from the lower number");
}

#[tokio::test]
async fn a_node_that_lags_catches_up_before_it_answers() {
    let test = with_lag(Duration::from_secs(3600));
    let mut parked = pin!(test.get(&format!("{SHOP}?after=3&wait=90")).send());
    assert!(poll!(&mut parked).is_pending());
    test.publish("prod/shop/application", 2);
    assert!(poll!(&mut parked).is_pending());
    test.publish("prod/shop/application", 3);
    assert!(poll!(&mut parked).is_pending(), "the client has this release");
    test.publish("prod/shop/application", 4);
    assert_eq!(parked.await.release(), 4);
}

#[tokio::test]
async fn a_disconnected_node_answers_no_client_with_an_older_release() {
    let test = with_lag(Duration::ZERO);
    test.reader.store.set_stale(Some(now()));
    let got = test.get(&format!("{SHOP}?after=3")).send().await;
    assert_eq!((got.status.as_u16(), got.header("x-config-release")), (304, "1"));
    assert_eq!(test.get(&format!("{SHOP}?after=3&wait=1")).send().await.status, 304);
    let mut parked = pin!(test.get(&format!("{SHOP}?after=3&wait=1")).send());
    assert!(poll!(&mut parked).is_pending());
    test.reader.store.set_stale(None);
    assert_eq!(parked.await.release(), 1, "the node is connected by the end of the wait");
}

#[tokio::test]
async fn a_client_of_another_server_gets_the_first_release_whatever_its_number() {
    let test = with_lag(Duration::ZERO);
    let mut parked = pin!(test.get("/api/v1/configs/prod/shop/new?after=7&wait=90").send());
    assert!(poll!(&mut parked).is_pending());
    test.publish("prod/shop/new", 1);
    assert_eq!(parked.await.release(), 1);
}

#[tokio::test]
async fn a_roll_back_to_the_same_bytes_is_a_newer_release() {
    let test = TestReader::new();
    let etag = test.get(SHOP).send().await.header("etag").to_owned();
    test.reader.store.apply(vec![entry("prod/shop/application", 3, r#"{"timeout":"3000"}"#)]);
    let got = test.get(&format!("{SHOP}?after=2&wait=90")).header("if-none-match", &etag).send().await;
    assert_eq!((got.release(), got.header("etag")), (3, &*etag));
}

#[tokio::test]
async fn a_poll_can_wait_for_the_first_release() {
    let test = TestReader::new();
    let mut parked = pin!(test.get("/api/v1/configs/prod/shop/new?after=0&wait=90").send());
    assert!(poll!(&mut parked).is_pending());
    test.publish("prod/shop/new", 1);
    assert_eq!(parked.await.release(), 1);
}

#[tokio::test]
async fn a_revoked_token_ends_its_polls() {
    let test = TestReader::new();
    let mut parked = pin!(test.get(&format!("{SHOP}?after=1&wait=90")).send());
    assert!(poll!(&mut parked).is_pending());
    test.revoke();
    let got = parked.await;
    assert_eq!((got.status.as_u16(), got.problem().as_str()), (401, "unauthenticated"));
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_ends_its_polls() {
    let test = TestReader::new();
    test.expire_in(Duration::from_secs(80));
    let mut parked = pin!(test.get(&format!("{SHOP}?after=1&wait=90")).send());
    assert!(poll!(&mut parked).is_pending());
    assert_eq!(parked.await.status, 401);
}

#[tokio::test]
async fn a_stopping_server_answers_304() {
    let test = TestReader::new();
    let mut parked = pin!(test.get(&format!("{SHOP}?after=1&wait=90")).send());
    assert!(poll!(&mut parked).is_pending());
    test.stop.cancel();
    assert_eq!(parked.await.status, 304);
}

#[tokio::test]
async fn too_many_waiting_requests_are_refused_with_retry_after() {
    let test = TestReader::with(&ReaderSettings { waiters: 1, ..ReaderSettings::default() });
    let uri = format!("{SHOP}?after=1&wait=90");
    let mut parked = Box::pin(test.get(&uri).send());
    assert!(poll!(&mut parked).is_pending());
    let got = test.get(&uri).send().await;
    assert_eq!((got.status.as_u16(), got.header("retry-after")), (503, "2"));
    assert_eq!(test.get("/api/v1/watch?config=prod/shop/application").send().await.status, 503);
    assert_eq!(test.get(SHOP).send().await.status, 200, "snapshots need no slot");

    drop(parked);
    let mut parked = pin!(test.get(&uri).send());
    assert!((&mut parked).now_or_never().is_none());
    test.publish("prod/shop/application", 2);
    assert_eq!(parked.await.release(), 2);
}

#[tokio::test]
async fn a_waiting_instance_is_recorded_with_its_release() {
    let test = TestReader::new();
    let mut parked = pin!(test.get(&format!("{SHOP}?after=1&wait=90")).header("x-instance", "shop-1").send());
    assert!(poll!(&mut parked).is_pending());
    let seen = || test.reader.instances.of_config(&"prod/shop/application".parse().unwrap(), now())[0].release;
    assert_eq!(seen(), 1);
    test.publish("prod/shop/application", 2);
    parked.await;
    assert_eq!(seen(), 2);
}

#[tokio::test]
async fn a_removed_config_is_answered_as_one_that_never_existed() {
    let test = TestReader::new();
    let never = test.get("/api/v1/configs/prod/shop/nothing").send().await;
    let mut parked = pin!(test.get(&format!("{SHOP}?after=1&wait=90")).send());
    let mut raw = pin!(test.get(&format!("{SHOP}/raw?after=1&wait=90")).send());
    assert!(poll!(&mut parked).is_pending() && poll!(&mut raw).is_pending());
    test.remove("prod/shop/application", 2);
    let gone = parked.await;
    assert_eq!(gone.status, 404);
    assert_eq!(raw.await.status, 404);
    let now = test.get(SHOP).send().await;
    let said = |body: &str| body.split(",\"request_id\"").next().unwrap().replace("application", "nothing");
    assert_eq!((now.status, said(&now.body)), (never.status, said(&never.body)));
    assert_eq!(said(&gone.body), said(&now.body));
    let mut next = pin!(test.get(&format!("{SHOP}?after=1&wait=90")).send());
    assert!(poll!(&mut next).is_pending(), "it may come again");
    test.publish("prod/shop/application", 3);
    assert_eq!(next.await.release(), 3);
}
