//! A node that is killed at any moment loses no acknowledged publish, and delivers it after the restart.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::node::{Installation, Outcome, prepare};
use crate::support::execute;

on_both! {
    log_contains_no_values_at_any_level
    fifty_kills_lose_no_acknowledged_publish
}

const KILLS: u64 = 50;
const SEED: u64 = 20_261_122;

async fn fifty_kills_lose_no_acknowledged_publish(place: Installation) {
    let token = place.token().await;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let mut dice = StdRng::seed_from_u64(SEED);
    let mut node = place.start().await;
    prepare(&node.url(), &client, &token).await;

    let (mut value, mut acknowledged, mut highest) = (0, None, 0);
    let began = Instant::now();
    assert!(matches!(node.publish(&client, &token, "n", value).await, Outcome::Acknowledged(1)));
    // The kill falls between the first byte of a request and some publishes later, on slow machines, too.
    let window = began.elapsed().clamp(Duration::from_millis(10), Duration::from_secs(1)) * 3;
    for _ in 0..KILLS {
        let end = tokio::time::sleep(window.mul_f64(dice.random()));
        let publishing = async {
            loop {
                value += 1;
                match node.publish(&client, &token, "n", value).await {
                    Outcome::Acknowledged(release) => (acknowledged, highest) = (Some(value), highest.max(release)),
                    Outcome::Unknown => break,
                }
            }
        };
        tokio::select! { () = end => {} () = publishing => {} }
        node.kill().await;
        place.revoke_lock_leases().await;
        node = place.start().await;
        let content = node.wait_for(&client, &token, highest).await;
        if let Some(acknowledged) = acknowledged {
            let there: u64 = content["n"].as_str().unwrap().parse().unwrap();
            assert!(there >= acknowledged, "value {acknowledged} was acknowledged, but {there} is delivered");
        }
    }
    assert!(highest >= KILLS / 4, "only {highest} publishes were acknowledged, too few for this test");
    assert_every_release_exists_once(&node.url(), &client, &token, highest).await;
}

async fn assert_every_release_exists_once(url: &str, client: &reqwest::Client, token: &str, highest: u64) {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let before_query = before.map(|b: u64| format!("&before={b}")).unwrap_or_default();
        let url = format!("{url}/api/v1/configs/dev/shop/application/releases?limit=200{before_query}");
        let page: serde_json::Value = client.get(url).bearer_auth(token).send().await.unwrap().json().await.unwrap();
        let numbers: Vec<u64> =
            page["releases"].as_array().unwrap().iter().map(|r| r["release"].as_u64().unwrap()).collect();
        let Some(last) = numbers.last() else { break };
        before = Some(*last);
        all.extend(numbers);
    }
    all.reverse();
    assert_eq!(all, (1..=all.len() as u64).collect::<Vec<_>>());
    assert!(all.len() as u64 >= highest);
}

#[tokio::test(flavor = "multi_thread")]
async fn unacknowledged_deliveries_are_read_at_once_after_a_restart() {
    const RELEASES: u64 = 250;
    let place = Installation::embedded();
    let token = place.token().await;
    let client = reqwest::Client::new();
    let node = place.start().await;
    prepare(&node.url(), &client, &token).await;
    for n in 1..=RELEASES {
        assert_eq!(node.publish(&client, &token, "n", n).await, Outcome::Acknowledged(n));
    }
    node.shut_down().await;
    // As after a kill before the acknowledgements, with so many releases that their delivery takes a moment.
    let unmarked = "delete from deliveries; \
                    insert into due select env, app, namespace, seq, accepted_at from releases";
    execute(place.database(), unmarked).await;
    let node = place.start().await;
    assert_eq!(node.read(&client, &token).await, (RELEASES, serde_json::json!({"n": RELEASES.to_string()})));
}

async fn log_contains_no_values_at_any_level(place: Installation) {
    let place = place.with_log();
    let token = place.token().await;
    let client = reqwest::Client::new();
    let node = place.clone().with_setting("TRIMTAB_LOG", "info,sqlx=trace").start().await;
    prepare(&node.url(), &client, &token).await;
    assert_eq!(node.publish(&client, &token, "canary", 1).await, Outcome::Acknowledged(1));
    node.shut_down().await;
    let (logged, hex) = (place.logged(), "63616e617279");
    assert!(!logged.contains("canary") && !logged.contains(hex), "{logged}");
}
