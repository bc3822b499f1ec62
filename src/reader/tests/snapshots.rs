use serde_json::json;

use super::*;

#[tokio::test]
async fn a_snapshot_is_an_envelope_with_its_validator() {
    let got = TestReader::new().get(SHOP).send().await;
    let sha = sha256(br#"{"timeout":"3000"}"#);
    assert_eq!(
        got.json(),
        json!({
            "env": "prod", "app": "shop", "namespace": "application", "format": "kv", "release": 1, "sha256": sha,
            "published_at": "2026-11-22T16:31:00.123Z", "content": {"timeout": "3000"}
        })
    );
    for (name, value) in [
        ("content-type", "application/json"),
        ("etag", &*format!("\"{sha}\"")),
        ("x-config-release", "1"),
        ("cache-control", "private, no-cache"),
        ("x-content-type-options", "nosniff"),
        ("x-config-stale-since", ""),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn a_release_that_the_client_has_is_not_sent_again() {
    let test = TestReader::new();
    let etag = test.get(SHOP).send().await.header("etag").to_owned();
    for value in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".into()] {
        let got = test.get(SHOP).header("if-none-match", &value).send().await;
        assert_eq!((got.status.as_u16(), got.body.as_str()), (304, ""), "{value}");
        assert_eq!((got.header("etag"), got.header("x-config-release")), (&*etag, "1"));
        assert_eq!(got.header("content-type"), "");
    }
    test.publish("prod/shop/application", 2);
    assert_eq!(test.get(SHOP).header("if-none-match", &etag).send().await.release(), 2);
}

#[tokio::test]
async fn head_returns_the_same_headers_without_the_document() {
    let test = TestReader::new();
    let got = test.get(SHOP).send().await;
    let head = test.ask("HEAD", SHOP).token(&test.token).send().await;
    assert_eq!((head.status, head.body.as_str()), (got.status, ""));
    assert_eq!((head.header("etag"), head.header("content-type")), (got.header("etag"), "application/json"));
    assert_eq!(head.header("content-length"), got.body.len().to_string());
}

#[tokio::test]
async fn raw_is_the_document_with_its_own_type() {
    let test = TestReader::new();
    let got = test.get(&format!("{SHOP}/raw")).send().await;
    assert_eq!((got.body.as_str(), got.header("content-type")), (r#"{"timeout":"3000"}"#, "application/json"));
    assert_eq!(got.header("etag"), test.get(SHOP).send().await.header("etag"));

    let mut page = entry("prod/shop/page", 1, "<b>&amp;</b>");
    Arc::make_mut(&mut page.meta).format = Format::Text;
    test.reader.store.apply(vec![page]);
    let got = test.get("/api/v1/configs/prod/shop/page/raw").send().await;
    assert_eq!((got.body.as_str(), got.header("content-type")), ("<b>&amp;</b>", "text/plain; charset=utf-8"));
    assert_eq!(got.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn a_namespace_may_be_called_raw() {
    let test = TestReader::new();
    test.publish("prod/shop/raw", 4);
    assert_eq!(test.get("/api/v1/configs/prod/shop/raw").send().await.release(), 4);
    assert_eq!(test.get("/api/v1/configs/prod/shop/raw/raw").send().await.body, r#"{"n":"4"}"#);
}

#[tokio::test]
async fn an_application_has_all_namespaces_in_the_tokens_scope() {
    let test = TestReader::new();
    test.publish("prod/shop/mail", 2);
    test.publish("prod/shopping/mail", 9);
    let got = test.get("/api/v1/configs/prod/shop").send().await;
    let names = |got: &Got| {
        let configs = got.json()["configs"].as_array().unwrap().clone();
        configs.iter().map(|c| c["namespace"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((&got.json()["env"], &got.json()["app"]), (&json!("prod"), &json!("shop")));
    assert_eq!(names(&got), ["application", "mail"]);

    let again = test.get("/api/v1/configs/prod/shop").header("if-none-match", got.header("etag")).send().await;
    assert_eq!(again.status, 304);

    let narrow = test.token_for(TokenKind::Read, &["prod/shop/mail"]);
    let narrowed = test.get("/api/v1/configs/prod/shop").token(&narrow).send().await;
    assert_eq!(names(&narrowed), ["mail"]);
    assert_ne!(narrowed.header("etag"), got.header("etag"));
}

#[tokio::test]
async fn a_stale_answer_has_the_time_of_the_last_contact() {
    let test = TestReader::new();
    test.reader.store.set_stale(Some(Time(1_795_365_060_123)));
    let since = "2026-11-22T16:31:00.123Z";
    let got = test.get(SHOP).send().await;
    assert_eq!(got.header("x-config-stale-since"), since);
    let same = test.get(SHOP).header("if-none-match", got.header("etag")).send().await;
    assert_eq!((same.status.as_u16(), same.header("x-config-stale-since")), (304, since));
    test.reader.store.set_stale(None);
    assert_eq!(test.get(SHOP).send().await.header("x-config-stale-since"), "");
}

#[tokio::test]
async fn a_number_never_falls_for_readers() {
    let test = TestReader::new();
    test.publish("prod/shop/application", 3);
    test.publish("prod/shop/application", 2);
    assert_eq!(test.get(SHOP).send().await.release(), 3);
}

#[tokio::test]
async fn each_instance_is_recorded_with_the_release_that_it_got() {
    let test = TestReader::new();
    let ask = || test.get(SHOP).header("x-instance", "shop-1").header("user-agent", "shop/2.1");
    let etag = ask().send().await.header("etag").to_owned();
    let seen = || {
        let list = test.reader.instances.of_config(&"prod/shop/application".parse().unwrap(), now());
        list.into_iter().map(|i| (i.name, i.client, i.release)).collect::<Vec<_>>()
    };
    assert_eq!(seen(), [("shop-1".into(), "shop/2.1".into(), 1)]);

    test.publish("prod/shop/application", 2);
    test.ask("HEAD", SHOP).token(&test.token).header("x-instance", "shop-1").send().await;
    assert_eq!(seen()[0].2, 1, "HEAD transfers no document");
    ask().header("if-none-match", &etag).send().await;
    assert_eq!(seen()[0].2, 2);
}

#[tokio::test]
async fn the_request_id_is_returned() {
    let test = TestReader::new();
    assert_eq!(test.get(SHOP).header("x-request-id", "abc-1").send().await.header("x-request-id"), "abc-1");
    assert_eq!(test.get(SHOP).header("x-request-id", "a b").send().await.header("x-request-id"), "");
    let refused = test.get("/api/v1/configs/prod/shop/nothing");
    assert_eq!(refused.header("x-request-id", "abc-1").send().await.json()["request_id"], "abc-1");
}
