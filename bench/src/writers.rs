//! Publishes per second, of one writer and of several at once.

use std::time::{Duration, Instant};

use futures::future::try_join_all;

use crate::{
    Effort,
    bare::{Puts, Sql, careful_mariadb},
    figures::{Result, Table, short},
    node::{Caller, Node, SetUp},
};

const KEYS: usize = 10;
/// Number of concurrent writers.
const MANY: usize = 16;

/// Prints a table for each set-up.
pub async fn measure(effort: Effort) -> Result<()> {
    careful_mariadb().await?;
    for set_up in [SetUp::embedded("writers").await?, SetUp::cluster("writers").await?] {
        let writer = Caller::writer(&set_up).await?;
        let node = set_up.start("a").await?;
        let table = Table::new(&format!("Publishes a second: {}", set_up.name));
        let commits = if set_up.etcd.is_some() { "commit + put" } else { "commit" };
        // A second writer of SQLite only waits for the first.
        let at_once = if set_up.etcd.is_some() { MANY } else { 1 };
        for (writers, envs, what) in [
            (1, 1, "one writer".to_owned()),
            (MANY, 1, format!("{MANY} writers, a config each, one environment")),
            (MANY, MANY, format!("{MANY} writers, an environment each")),
        ] {
            let configs: Vec<_> = (0..writers).map(|n| format!("e{}/app-{n}/application", n % envs)).collect();
            for config in &configs {
                writer.fill(&node, config, KEYS).await?;
            }
            let ours = published(&writer, &node, &configs, effort).await?;
            let limit = committed(&set_up, writers.min(at_once), effort).await?;
            table.row(what, short(ours), format!("{} {commits}", short(limit)), ours / limit, "");
        }
    }
    Ok(())
}

/// Returns the duration of a measurement.
fn span(effort: Effort) -> Duration {
    Duration::from_secs(2 * effort.seconds as u64)
}

/// Measures publishes per second, with one writer per config.
async fn published(writer: &Caller, node: &Node, configs: &[String], effort: Effort) -> Result<f64> {
    let end = Instant::now() + span(effort);
    let writers = configs.iter().map(async |config| {
        let mut done = 0;
        while Instant::now() < end {
            let set = serde_json::json!({"service-00.section-00.property-00000": format!("{:?}", Instant::now())});
            writer.publish(node, config, set.as_object().cloned().unwrap_or_default()).await?;
            done += 1;
        }
        Result::Ok(done)
    });
    let done: u32 = try_join_all(writers).await?.into_iter().sum();
    Ok(f64::from(done) / span(effort).as_secs_f64())
}

/// Measures commits per second over several connections, each followed by a put where there is an etcd.
async fn committed(set_up: &SetUp, connections: usize, effort: Effort) -> Result<f64> {
    let document = "x".repeat(1000);
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push((Sql::bare(&set_up.database).await?, Puts::open(set_up.etcd.as_deref()).await?));
    }
    let end = Instant::now() + span(effort);
    let document = &document;
    let writers = open.into_iter().map(async |(mut sql, mut puts)| {
        let mut done = 0;
        while Instant::now() < end {
            sql.commit(document).await?;
            if let Some(puts) = &mut puts {
                puts.put(document).await?;
            }
            done += 1;
        }
        Result::Ok(done)
    });
    let done: u32 = try_join_all(writers).await?.into_iter().sum();
    Ok(f64::from(done) / span(effort).as_secs_f64())
}
