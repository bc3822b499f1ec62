//! The page of the search among a million keys, and as the limit one pass over the same bytes for the same word.

use std::{hint::black_box, time::Instant};

use memchr::memmem::Finder;
use serde_json::{Map, Value, json};

use crate::{
    Effort,
    figures::{Result, Samples, Table, short, whole},
    node::{Caller, Node, SetUp},
    pages::{Browser, PASSWORD},
};

/// Keys of each config.
const KEYS: usize = 5_000;
/// Searches of each query for each round.
const SEARCHES: usize = 10;
/// The value of one key.
const NEEDLE: &str = "needle-in-the-last-config";

/// Prints a table for each set-up.
pub async fn measure(effort: Effort) -> Result<()> {
    for set_up in [SetUp::embedded("search").await?, SetUp::cluster("search").await?] {
        set_up.administrator("ana", PASSWORD).await?;
        let (writer, reader) = (Caller::writer(&set_up).await?, Caller::reader(&set_up).await?);
        let node = set_up.start("a").await?;
        let configs: Vec<String> = (0..effort.search_configs).map(|n| format!("bench/app-{n:03}/keys")).collect();
        writer.put(&node, "envs/bench", json!({})).await?;
        for (n, config) in configs.iter().enumerate() {
            fill(&writer, &node, config, n + 1 == configs.len()).await?;
        }
        let mut documents = Vec::new();
        for config in &configs {
            let answer = reader.get(&format!("{}/raw", node.config(config)), &[]).await?.error_for_status()?;
            documents.push(answer.bytes().await?);
        }
        let bytes: usize = documents.iter().map(|document| document.len()).sum();
        let (keys, bytes) = (whole((configs.len() * KEYS) as f64), whole(bytes as f64));
        let table = Table::new(&format!("Search among {keys} keys, {bytes} bytes: {} (p50 / p95 in ms)", set_up.name));
        let browser = Browser::log_in(&node).await?;
        for (what, query, word) in [
            ("a value that occurs once", NEEDLE, NEEDLE),
            ("a word that does not occur", "nothing-like-it", "nothing-like-it"),
            ("a key of every config", "service-48.section-00.property-04898", "service-48.section-00.property-04898"),
            ("a part of a key and a word of its value", "property-049 ordinary", "property-049"),
            ("a key in one application", "app:app-007 property-00123", "property-00123"),
            ("a word of every value", "ordinary", "ordinary"),
            ("a letter", "e", "e"),
        ] {
            let (mut ours, mut limit) = (Samples::default(), Samples::default());
            for _ in 0..effort.rounds * SEARCHES {
                let url = format!("{}/search?q={}", node.url, query.replace(' ', "+"));
                ours.time(async { Ok(browser.get(&url, "br").await?.error_for_status()?.bytes().await?) }).await?;
                let (finder, began) = (Finder::new(word), Instant::now());
                black_box(documents.iter().filter(|document| finder.find(document).is_some()).count());
                limit.since(began);
            }
            let ratio = ours.median() / limit.median();
            table.row(format!("{what}: `{query}`"), both(&ours), both(&limit), ratio, "p95 ≤ 100 ms");
        }
        node.end().await?;
    }
    Ok(())
}

/// Publishes the keys of a config.
async fn fill(writer: &Caller, node: &Node, config: &str, is_last: bool) -> Result<()> {
    let app = config.split('/').nth(1).ok_or("not a config")?;
    writer.put(node, &format!("apps/{app}"), json!({})).await?;
    writer.put(node, &format!("apps/{app}/namespaces/keys"), json!({"format": "kv"})).await?;
    let item = |n: usize| {
        let value =
            if is_last && n + 1 == KEYS { NEEDLE.to_owned() } else { format!("an ordinary value of {app}, {n}") };
        (format!("service-{:02}.section-{:02}.property-{n:05}", n % 97, n % 31), Value::String(value))
    };
    writer.publish(node, config, (0..KEYS).map(item).collect::<Map<_, _>>()).await.map(drop)
}

fn both(samples: &Samples) -> String {
    format!("{} / {}", short(samples.median()), short(samples.quantile(0.95)))
}
