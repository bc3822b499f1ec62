//! Tests of `/healthz`, `/readyz` and `/metrics`.

use std::time::Duration;

use super::node::{Installation, Node, Outcome, prepare};

on_both! {
    health_endpoints_report_activity_and_state
}

/// The background tasks of every console.
const CONSOLE_TASKS: [&str; 11] = [
    "bin",
    "delivery_acks",
    "feed",
    "history",
    "publisher",
    "reader_tokens",
    "reconciler",
    "repairs",
    "session_streams",
    "sweep",
    "token_refresh",
];

async fn get_text(node: &Node, client: &reqwest::Client, path: &str) -> (u16, String) {
    let answer = client.get(format!("{}{path}", node.url())).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Returns the value of a metric, given by its name and labels.
fn number(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{metrics}")).parse().unwrap()
}

async fn health_endpoints_report_activity_and_state(place: Installation) {
    let etcd = place.has_etcd();
    let token = place.token().await;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let node = place.start().await;
    prepare(&node.url(), &client, &token).await;
    for value in 0..3 {
        assert!(matches!(node.publish(&client, &token, "n", value).await, Outcome::Acknowledged(_)));
    }
    node.wait_for(&client, &token, 3).await;
    let url = format!("{}/api/v1/configs/dev/shop/application", node.url());
    let etag = client.get(&url).bearer_auth(&token).header("x-instance", "a").send().await.unwrap();
    let etag = etag.headers()["etag"].clone();
    let same = client.get(&url).bearer_auth(&token).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(same.status(), 304);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
    assert_eq!(get_text(&node, &client, "/login").await.0, 200);

    let (status, metrics) = get_text(&node, &client, "/metrics").await;
    assert_eq!(status, 200);
    let modern = client.get(format!("{}/metrics", node.url())).header("accept", "application/openmetrics-text");
    let modern = modern.send().await.unwrap();
    assert_eq!(modern.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(modern.text().await.unwrap().ends_with("# EOF\n") && !metrics.contains("EOF"), "{metrics}");
    for name in
        ["trimtab_releases_accepted_total", "trimtab_releases_delivered_total", "trimtab_delivery_seconds_count"]
    {
        assert_eq!(number(&metrics, name), 3.0, "{name}");
    }
    assert!(number(&metrics, r#"trimtab_config_requests_total{kind="config",status="200"}"#) >= 2.0);
    for status in ["304", "4xx"] {
        // The wait for the third release may have got several such answers.
        assert!(
            number(&metrics, &format!(r#"trimtab_config_requests_total{{kind="config",status="{status}"}}"#)) >= 1.0
        );
    }
    let api = metrics.lines().filter(|line| line.starts_with(r#"http_server_requests_total{part="api",method="P"#));
    let api = api.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap());
    assert_eq!(api.sum::<f64>(), 6.0);
    assert_eq!(number(&metrics, r#"http_server_requests_total{part="console",method="GET",status="200"}"#), 1.0);
    for name in [
        "trimtab_sql_statement_seconds_count",
        "trimtab_sql_commit_seconds_count",
        "trimtab_lock_wait_seconds_count",
        "trimtab_channel_revision",
        "trimtab_channel_full_resyncs_total",
        "trimtab_reconciliations_total",
        "trimtab_connections",
        "trimtab_instances",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    ] {
        assert!(number(&metrics, name) >= 1.0, "{name} in\n{metrics}");
    }
    assert_eq!(number(&metrics, "trimtab_etcd_request_seconds_count") > 0.0, etcd);
    for zero in [r#"trimtab_drifts{kind="ahead"}"#, "trimtab_late_environments", r#"trimtab_open_watches{kind="poll"}"#]
    {
        assert_eq!(number(&metrics, zero), 0.0, "{zero}");
    }
    for secret in ["shop", "application", "ci"] {
        let named = metrics.lines().any(|line| line.contains(&format!("\"{secret}\"")));
        assert!(!named, "{secret} is in the public metrics");
    }

    let (status, ready) = get_text(&node, &client, "/readyz").await;
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    assert_eq!((status, &ready["ready"], &ready["degraded"]), (200, &true.into(), &false.into()), "{ready}");
    assert!(ready["reconciled_at"].is_string() && ready["reasons"] == serde_json::json!([]), "{ready}");
    let mut tasks: Vec<&str> =
        ready["tasks"].as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap()).collect();
    tasks.sort_unstable();
    let beside_etcd = if etcd { &["last_good", "nodes"][..] } else { &[] };
    let mut expected = [&CONSOLE_TASKS[..], beside_etcd].concat();
    expected.sort_unstable();
    assert_eq!(tasks, expected);
    for task in tasks {
        assert!(number(&metrics, &format!(r#"trimtab_task_failures_total{{task="{task}"}}"#)) >= 0.0);
    }
    for task in ["feed", "publisher", "reconciler", "token_refresh"] {
        assert!(number(&metrics, &format!(r#"trimtab_task_last_success_timestamp_seconds{{task="{task}"}}"#)) > 0.0);
    }
    assert_eq!(get_text(&node, &client, "/healthz").await, (200, "ok\n".to_owned()));
}
