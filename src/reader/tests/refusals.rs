use serde_json::json;

use super::*;
use crate::auth::rate::Rate;

const PATHS: [&str; 4] =
    [SHOP, "/api/v1/configs/prod/shop", "/api/v1/watch?config=prod/shop/application", "/api/v1/watch"];

#[tokio::test]
async fn without_a_token_nothing_is_revealed() {
    let test = TestReader::new();
    for path in PATHS.into_iter().chain(["/api/v1/configs/prod/shop/nothing", "/api/v1/configs/PROD/shop/a?x=1"]) {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
            let got = test.ask(method, path).send().await;
            assert_eq!((got.status.as_u16(), got.header("www-authenticate")), (401, "Bearer"), "{method} {path}");
        }
    }
    assert_eq!(test.ask("GET", SHOP).send().await.problem(), "unauthenticated");
}

#[tokio::test]
async fn each_invalid_token_is_401_with_its_reason() {
    let test = TestReader::new();
    let (start, last) = test.token.split_at(test.token.len() - 1);
    let typo = format!("{start}{}", if last == "x" { "y" } else { "x" });
    let stranger = tokens::generate(TokenKind::Read).text;
    for (token, said) in [(&*typo, "incomplete or mistyped"), (&*stranger, "unknown"), ("", "incomplete or mistyped")] {
        let got = test.ask("GET", SHOP).token(token).send().await;
        assert_eq!((got.status.as_u16(), got.problem().as_str()), (401, "unauthenticated"));
        assert_eq!(got.header("www-authenticate"), r#"Bearer error="invalid_token""#);
        assert!(got.json()["detail"].as_str().unwrap().contains(said), "{}", got.body);
    }
    test.expire_in(Duration::ZERO);
    assert!(test.get(SHOP).send().await.body.contains("has expired"));
    test.revoke();
    let got = test.get(SHOP).send().await;
    assert!(got.status == 401 && got.body.contains("was revoked") && !got.body.contains(&test.token));
}

#[tokio::test]
async fn outside_a_tokens_scope_existence_is_not_revealed() {
    let test = TestReader::new();
    let token = test.token_for(TokenKind::Read, &["dev/*/*", "prod/mail/*"]);
    let mut told = Vec::new();
    for name in ["application", "nothingatal"] {
        for path in [
            format!("/api/v1/configs/prod/shop/{name}"),
            format!("/api/v1/configs/prod/shop/{name}/raw"),
            format!("/api/v1/configs/prod/shop/{name}?after=0&wait=1"),
            format!("/api/v1/watch?config=dev/shop/a&config=prod/shop/{name}"),
        ] {
            let got = test.get(&path).token(&token).send().await;
            assert_eq!((got.status.as_u16(), got.problem().as_str()), (403, "forbidden"), "{path}");
            let mut body = got.json();
            body["request_id"] = json!(null);
            told.push(body.to_string().replace(name, "…"));
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(test.get("/api/v1/configs/prod/shop").token(&token).send().await.status, 403);
}

#[tokio::test]
async fn inside_the_scope_a_missing_config_is_404() {
    let test = TestReader::new();
    for path in ["prod/shop/nothing", "prod/nothing", "prod/shop/nothing/raw", "prod/shop/nothing?after=0&wait=1"] {
        let got = test.get(&format!("/api/v1/configs/{path}")).send().await;
        assert_eq!((got.status.as_u16(), got.problem().as_str()), (404, "not-found"), "{path}");
    }
}

#[tokio::test]
async fn another_spelling_of_a_path_never_reaches_a_config() {
    let test = TestReader::new();
    for path in [
        "prod/shop/application/",
        "prod//shop/application",
        "/prod/shop/application",
        "prod/./shop/application",
        "prod/shop/x/../application",
        "prod/shop%2fapplication",
        "prod/shop%2Fapplication/raw",
        "prod/shop/%2561pplication",
        "prod/shop/%25%36%31pplication",
        "prod/shop/%61%zzpplication",
        "prod/shop/%61pplication%",
        "prod/shop/%41pplication",
        "prod/shop/%2e%2e/application",
        "prod/shop/%e1pplication",
        "prod/shop/application%2e",
        "prod/shop/application%00",
        "prod/shop/application;x=1",
        "prod/shop/Application",
        "PROD/shop/application",
        "prod/shop/application/RAW",
        "prod/shop/application/raw/",
        "prod/shop/",
        "prod/Shop",
    ] {
        let path = format!("/api/v1/configs/{path}");
        assert_eq!(test.get(&path).send().await.status, 404, "{path}");
        let strange = test.ask("GET", &path).send().await.status;
        assert!(strange == 401 || strange == 404, "{path}: {strange}");
    }
    assert_eq!(test.get("/api/v1/Configs/prod/shop/application").send().await.status, 404);
}

#[tokio::test]
async fn a_percent_encoded_name_is_the_same_config() {
    let test = TestReader::new();
    test.publish("prod/shop/a.b-c_j", 7);
    let narrow = test.token_for(TokenKind::Read, &["prod/shop/application"]);
    for (path, release) in [
        ("/api/v1/configs/prod/shop/%61pplication", 1),
        ("/api/v1/configs/%70%72%6f%64/%73hop/applicatio%6E", 1),
        ("/%61pi/v%31/%63onfigs/prod/shop/application", 1),
        ("/api/v1/configs/prod/shop/a%2Eb%2dc%5F%6a", 7),
    ] {
        let got = test.get(path).header("x-instance", "shop-1").send().await;
        assert_eq!(got.release(), release, "{path}");
        let status = if release == 1 { 200 } else { 403 };
        assert_eq!(
            test.get(path).token(&narrow).send().await.status,
            status,
            "the decoded name decides the access: {path}"
        );
        assert_eq!(test.ask("GET", path).send().await.status, 401, "{path}");
    }
    let raw = test.get("/api/v1/configs/prod/shop/%61pplication/%72aw").send().await;
    assert_eq!(raw.body, r#"{"timeout":"3000"}"#);
    assert_eq!(test.get("/api/v1/configs/prod/%73hop").send().await.json()["app"], "shop");
    let newer = test.get("/api/v1/configs/prod/shop/%61pplication?after=0&wait=1").send().await;
    assert_eq!(newer.release(), 1);
    for config in ["prod/shop/%61pplication", "prod%2Fshop%2f%61pplication"] {
        assert_eq!(test.get(&format!("/api/v1/watch?config={config}")).open().await.status(), 200, "{config}");
    }
    for config in ["prod/shop/%2561pplication", "prod/shop/%41pplication", "prod/shop/%zz"] {
        assert_eq!(test.get(&format!("/api/v1/watch?config={config}")).send().await.status, 422, "{config}");
    }
    assert_eq!(test.reader.instances.of_config(&"prod/shop/application".parse().unwrap(), now())[0].name, "shop-1");
}

#[tokio::test]
async fn other_methods_are_405() {
    let test = TestReader::new();
    for path in PATHS {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let got = test.ask(method, path).token(&test.token).send().await;
            assert_eq!((got.status.as_u16(), got.problem().as_str()), (405, "method-not-allowed"), "{method} {path}");
            assert_eq!(got.header("allow"), "GET, HEAD");
        }
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let test = TestReader::new();
    for (query, pointers) in [
        ("after=1&wait=0", vec!["wait"]),
        ("after=1&wait=91", vec!["wait"]),
        ("after=x&wait=soon", vec!["after", "wait"]),
        ("wait=5", vec!["after"]),
        ("aftr=1", vec!["aftr"]),
    ] {
        let got = test.get(&format!("{SHOP}?{query}")).send().await;
        assert_eq!((got.status.as_u16(), got.problem().as_str()), (422, "invalid"), "{query}");
        let errors = got.json()["errors"].as_array().unwrap().clone();
        let named: Vec<_> = errors.iter().map(|e| e["pointer"].as_str().unwrap().to_owned()).collect();
        assert_eq!(named, pointers);
        assert!(errors.iter().all(|e| !e["message"].as_str().unwrap().is_empty()));
    }
    assert_eq!(test.get("/api/v1/configs/prod/shop?after=1").send().await.status, 422);
    assert_eq!(test.get("/api/v1/watch").send().await.status, 422);
    assert_eq!(test.get("/api/v1/watch?config=prod/shop").send().await.status, 422);
}

#[tokio::test]
async fn an_automation_token_reads_what_it_may_write() {
    let test = TestReader::new();
    let token = test.token_for(TokenKind::Automation, &["prod/shop/*"]);
    assert_eq!(test.get(SHOP).token(&token).send().await.release(), 1);
    assert_eq!(test.get("/api/v1/configs/prod/mail/a").token(&token).send().await.status, 403);
}

#[tokio::test]
async fn before_the_store_is_ready_reads_are_refused_with_retry_after() {
    let stop = CancellationToken::new();
    let reader = Reader::new(Arc::new(TokenCache::new()), now, &ReaderSettings::default(), stop.clone());
    let mut test = TestReader { reader, stop, tokens: Mutex::default(), token: String::new() };
    let unknown = tokens::generate(TokenKind::Read).text;
    let got = test.ask("GET", SHOP).token(&unknown).send().await;
    assert_eq!((got.status.as_u16(), got.header("retry-after")), (503, "2"), "tokens are not loaded");

    test.token = test.token_for(TokenKind::Read, &["*/*/*"]);
    for path in PATHS.into_iter().take(3).chain(["/api/v1/configs/prod/shop/a?after=0&wait=1"]) {
        let got = test.get(path).send().await;
        assert_eq!((got.status.as_u16(), got.problem().as_str()), (503, "unavailable"), "{path}");
    }
    test.reader.store.declare_ready();
    assert_eq!(test.get(SHOP).send().await.status, 404);
}

#[tokio::test]
async fn a_read_waits_for_a_token_that_was_just_made() {
    let test = TestReader::new();
    let mut known = test.tokens.lock().clone();
    let token = test.token_for(TokenKind::Read, &["prod/*/*"]);
    let all = test.tokens.lock().clone();
    test.reader.tokens.replace(known.clone());
    let tokens = Arc::clone(&test.reader.tokens);
    tokio::spawn(async move {
        loop {
            tokens.refresh_requested().await;
            known.clone_from(&all);
            tokens.refresh(async { Ok::<_, ()>(known.clone()) }).await.unwrap();
        }
    });
    assert_eq!(test.get(SHOP).token(&token).send().await.status, 200);
    let mut polls = test.get(&format!("{SHOP}?after=0&wait=90")).token(&token).send().await;
    assert_eq!(polls.release(), 1);
    let stranger = tokens::generate(TokenKind::Read).text;
    polls = test.ask("POST", SHOP).token(&stranger).send().await;
    assert_eq!(polls.status, 401, "a token that is still unknown is refused");
}

#[tokio::test]
async fn one_token_does_not_take_all_slots_of_waiting_requests() {
    let test = TestReader::with(&ReaderSettings { waiters: 8, ..ReaderSettings::default() });
    let uri = format!("{SHOP}?after=1&wait=90");
    let mut parked: Vec<_> = (0..2).map(|_| Box::pin(test.get(&uri).send())).collect();
    for poll in &mut parked {
        assert!(futures::poll!(poll).is_pending());
    }
    for path in [&*uri, "/api/v1/watch?config=prod/shop/application"] {
        let got = test.get(path).send().await;
        assert_eq!((got.status.as_u16(), got.header("retry-after")), (429, "10"));
    }
    let other = test.token_for(TokenKind::Read, &["prod/*/*"]);
    let mut others = Box::pin(test.get(&uri).token(&other).send());
    assert!(futures::poll!(&mut others).is_pending());
    parked.pop();
    let mut again = Box::pin(test.get(&uri).send());
    assert!(futures::poll!(&mut again).is_pending());
}

#[tokio::test]
async fn a_token_above_its_rate_is_throttled_and_no_other_one() {
    let rate = Rate::per_second(1);
    let test = TestReader::with(&ReaderSettings { rate, ..ReaderSettings::default() });
    let other = test.token_for(TokenKind::Read, &["prod/*/*"]);
    let refused = loop {
        let got = test.get(SHOP).send().await;
        if got.status != 200 {
            break got;
        }
    };
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (429, "throttled"));
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(test.get(SHOP).token(&other).send().await.status, 200);
    test.change_tokens(|token| token.name = "renamed".into());
    assert_eq!(test.get(SHOP).send().await.status, 429, "a token keeps its count when its row changes");
}
