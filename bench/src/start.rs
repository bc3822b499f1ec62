//! Start-up time of a server, and memory of its configs.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::{
    Effort,
    figures::{Result, Samples, Table, plot, short, whole},
    node::{Caller, Node, SetUp, memory},
};

/// Number of environments. Every application has a config in each.
const ENVS: usize = 5;
/// Number of edits in one change.
const EDITS: usize = 20;
/// Pause that is longer than the publisher keeps a lock after the last release.
const LOCKED: Duration = Duration::from_millis(1500);
const MB: f64 = 1e6;

/// Prints the tables.
pub async fn measure(effort: Effort) -> Result<()> {
    let empty = SetUp::embedded("start-empty").await?;
    let table = Table::new("Memory of a server (MB resident, `VmRSS`, 2 s after its first answer)");
    let node = empty.start("a").await?;
    sleep(Duration::from_secs(2)).await;
    table.plain("empty", short(memory(node.pid()?)? / MB), "≤ 30 MB");
    node.end().await?;

    let most = effort.sizes.iter().copied().max().unwrap_or_default();
    for (kilobytes, goal) in [(1, "≤ 70 MB"), (10, "")] {
        for set_up in [SetUp::embedded(&format!("memory-{kilobytes}")).await?, cluster("memory", kilobytes).await?] {
            let site = Site::over(set_up, kilobytes).await?;
            site.fill(0, most).await?;
            for role in site.roles() {
                let (_, node) = site.started(role, "memory").await?;
                sleep(Duration::from_secs(2)).await;
                let (documents, at_rest) = ((most * site.bytes) as f64 / MB, memory(node.pid()?)? / MB);
                let what =
                    format!("{}, {role}: {} configs of {} bytes", site.set_up.name, whole(most as f64), site.bytes);
                let goal = if most == 10_000 { goal } else { "" };
                let limit = format!("{} documents", short(documents));
                table.row(&what, short(at_rest), &limit, at_rest / documents, goal);
                site.read_all(&node, most).await?;
                let read = memory(node.pid()?)? / MB;
                table.row(format!("{what}, after each was read"), short(read), limit, read / documents, "");
                node.end().await?;
            }
        }
    }
    cold(effort).await
}

async fn cluster(name: &str, kilobytes: usize) -> Result<SetUp> {
    SetUp::cluster(&format!("{name}{kilobytes}")).await
}

/// Measures the time from the start of the process until it is ready and a config was read.
async fn cold(effort: Effort) -> Result<()> {
    let table =
        Table::new("Cold start: from exec to `/readyz` 200 and the first read (configs of 1 KB; ms, median / worst)");
    let mut bars = Vec::new();
    for set_up in [SetUp::embedded("start").await?, cluster("start", 1).await?] {
        let site = Site::over(set_up, 1).await?;
        let mut have = 0;
        for size in effort.sizes {
            site.fill(have, *size).await?;
            have = *size;
            for role in site.roles() {
                let mut took = Samples::default();
                for round in 0..effort.rounds.min(5) {
                    // In a new folder, without data of an earlier start.
                    let (time, node) = site.started(role, &format!("{role}-{size}-{round}")).await?;
                    took.add(time);
                    node.end().await?;
                }
                let what = format!("{}, {role}: {}", site.set_up.name, whole(*size as f64));
                let value = format!("{} / {}", short(took.median()), short(took.quantile(1.0)));
                table.plain(format!("{what} configs"), value, if *size == 10_000 { "≤ 1,000 ms" } else { "" });
                bars.push((what, took.median()));
            }
        }
    }
    plot("cold start, ms, by configs", &bars);
    Ok(())
}

/// A set-up with many configs.
struct Site {
    set_up: SetUp,
    writer: Caller,
    reader: Caller,
    document: Map<String, Value>,
    /// Bytes of a document.
    bytes: usize,
}

impl Site {
    async fn over(set_up: SetUp, kilobytes: usize) -> Result<Self> {
        let value = |n: usize| format!("a value of ordinary length, number {n:05}, and some words more");
        let item = |n: usize| (format!("service-{n:05}.section.property"), Value::String(value(n)));
        let document: Map<String, Value> = (0..kilobytes * 10).map(item).collect();
        let bytes = serde_json::to_vec(&document)?.len();
        let (writer, reader) = (Caller::writer(&set_up).await?, Caller::reader(&set_up).await?);
        Ok(Self { set_up, writer, reader, document, bytes })
    }

    fn roles(&self) -> &'static [&'static str] {
        if self.set_up.etcd.is_some() { &["console", "reader"] } else { &["console"] }
    }

    /// Creates configs through the API, to raise their number from `from` to `to`.
    async fn fill(&self, from: usize, to: usize) -> Result<()> {
        let node = self.set_up.start("filling").await?;
        for env in 0..ENVS {
            self.writer.put(&node, &format!("envs/e{env}"), json!({})).await?;
        }
        let apps: Vec<_> = (from / ENVS..to / ENVS).map(|app| format!("app-{app:05}")).collect();
        for app in &apps {
            self.writer.put(&node, &format!("apps/{app}"), json!({})).await?;
            self.writer.put(&node, &format!("apps/{app}/namespaces/application"), json!({"format": "kv"})).await?;
        }
        for env in 0..ENVS {
            for apps in apps.chunks(EDITS) {
                let config = |app| format!("e{env}/{app}/application");
                let edit = |app| json!({"config": config(app), "set": self.document});
                self.writer.publish_all(&node, &apps.iter().map(edit).collect::<Vec<_>>()).await?;
            }
        }
        // A server that ends earlier does not release the lock, and would block the next publish.
        sleep(LOCKED).await;
        node.end().await
    }

    /// Starts a server. Returns the time until it answered, in milliseconds.
    async fn started(&self, role: &str, folder: &str) -> Result<(f64, Node)> {
        let began = Instant::now();
        let node = self.set_up.start_as(role, folder).await?;
        for url in [format!("{}/readyz", node.url), node.config("e4/app-00000/application")] {
            // A server without releases or tokens answers 503 or 401.
            while self.reader.get(&url, &[]).await?.status() != 200 {
                sleep(Duration::from_millis(1)).await;
                if began.elapsed() > Duration::from_secs(60) {
                    return Err(format!("{url} is not answered").into());
                }
            }
        }
        Ok((began.elapsed().as_secs_f64() * 1e3, node))
    }

    async fn read_all(&self, node: &Node, most: usize) -> Result<()> {
        for app in 0..most / ENVS {
            for env in 0..ENVS {
                let url = node.config(&format!("e{env}/app-{app:05}/application"));
                self.reader.get(&url, &[]).await?.error_for_status()?.bytes().await?;
            }
        }
        Ok(())
    }
}
