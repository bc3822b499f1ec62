//! `GET /api/v1/configs/{env}/{app}/{namespace}/releases`.

use serde_json::{Value, json};

use super::Api;

const RELEASES: &str = "/api/v1/configs/dev/shop/application/releases";

#[tokio::test]
async fn releases_come_newest_first_page_by_page() {
    let api = Api::new().await;
    let shop = api.shop().await;
    for n in 1..=5 {
        assert_eq!(shop.publish(json!({"n": n})).await, n);
    }
    let page = async |query: &str| {
        let reply = shop.get(&format!("{RELEASES}{query}")).await;
        assert_eq!(reply.status, 200, "{reply}");
        let numbers: Vec<u64> =
            reply.body["releases"].as_array().unwrap().iter().map(|r| r["release"].as_u64().unwrap()).collect();
        (numbers, reply.body["next_before"].clone())
    };
    assert_eq!(page("").await, (vec![5, 4, 3, 2, 1], Value::Null));
    assert_eq!(page("?limit=2").await, (vec![5, 4], json!(4)));
    assert_eq!(page("?limit=2&before=4").await, (vec![3, 2], json!(2)));
    assert_eq!(page("?limit=2&before=2").await, (vec![1], Value::Null));
    assert_eq!(page("?before=1").await, (vec![], Value::Null));
}

#[tokio::test]
async fn a_release_says_who_made_it_when_and_why() {
    let api = Api::new().await;
    let shop = api.shop().await;
    let edits = json!([{"config": "dev/shop/application", "set": {"a": "1"}}]);
    let done = shop.post("/api/v1/changes", json!({"message": "First", "edits": edits, "publish": true})).await;
    assert_eq!(
        shop.get(&format!("/api/v1/changes/{}", done.text("/id"))).await.body["delivery"],
        done.body["delivery"]
    );
    let body = shop.get(RELEASES).await.body;
    assert_eq!(body["config"], "dev/shop/application");
    let release = &body["releases"][0];
    assert_eq!((&release["author"], &release["message"]), (&json!("token pipeline"), &json!("First")));
    assert_eq!((&release["change"], &release["sha256"]), (&done.body["id"], &done.body["releases"][0]["sha256"]));
    assert_eq!(release["revision"], done.body["delivery"]["revision"]);
}

#[tokio::test]
async fn a_config_without_a_release_has_an_empty_page() {
    let api = Api::new().await;
    let reply = api.shop().await.get(RELEASES).await;
    assert_eq!((reply.status, reply.body), (200, json!({"config": "dev/shop/application", "releases": []})));
}

#[tokio::test]
async fn a_config_that_is_not_there_has_no_page() {
    let api = Api::new().await;
    let reply = api.shop().await.get("/api/v1/configs/dev/shop/nothing/releases").await;
    assert_eq!(reply.refusal(), "404 /problems/not-found");
}

#[tokio::test]
async fn a_wrong_parameter_is_pointed_at() {
    let api = Api::new().await;
    let shop = api.shop().await;
    for (query, pointers) in
        [("limit=0&before=x", vec!["limit", "before"]), ("limit=201", vec!["limit"]), ("after=1", vec!["after"])]
    {
        let reply = shop.get(&format!("{RELEASES}?{query}")).await;
        assert_eq!((reply.status, reply.pointers()), (422, pointers), "{reply}");
    }
}

#[tokio::test]
async fn a_percent_encoded_name_is_the_same_config() {
    let api = Api::new().await;
    let shop = api.shop().await;
    shop.publish(json!({"a": "1"})).await;
    let plain = shop.get(RELEASES).await;
    let encoded = shop.get("/api/v1/configs/%64ev/sho%70/%61pplicatio%6E/releases").await;
    assert_eq!((encoded.status, &encoded.body), (200, &plain.body));
    for other in ["%2561pplication", "%41pplication", "%61%zz"] {
        let reply = shop.get(&format!("/api/v1/configs/dev/shop/{other}/releases")).await;
        assert_eq!(reply.refusal(), "404 /problems/not-found", "{other}");
    }
}
