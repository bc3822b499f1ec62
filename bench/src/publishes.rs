//! Time of a publish until it is accepted, delivered, and received by a waiting reader.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use crate::{
    Effort,
    bare::{Bare, PUBLISH, Puts, Sql, careful_mariadb},
    figures::{Result, Samples, Table, short},
    node::{CONFIG, Caller, Node, SetUp},
};

const KEYS: usize = 100;
/// Number of publishes in a row.
const ROW: usize = 20;
/// Pause that is longer than the publisher keeps its lock.
const APART: Duration = Duration::from_millis(1300);

/// Prints a table for each set-up.
pub async fn measure(effort: Effort) -> Result<()> {
    careful_mariadb().await?;
    for set_up in [SetUp::embedded("publishes").await?, SetUp::cluster("publishes").await?] {
        Run::begin(&set_up).await?.measure(effort).await?;
    }
    Ok(())
}

struct Run {
    set_up: SetUp,
    writer: Caller,
    reader: Caller,
    /// The node for publishes.
    node: Node,
    /// Another node for reads, where there can be one.
    other: Option<Node>,
    sql: Sql,
    puts: Option<Puts>,
    /// A bare HTTP server that does the same commit and put.
    behind: Bare,
    ledger: Sql,
    document: String,
    counter: usize,
}

impl Run {
    async fn begin(set_up: &SetUp) -> Result<Self> {
        let (writer, reader) = (Caller::writer(set_up).await?, Caller::reader(set_up).await?);
        let node = set_up.start("a").await?;
        let other = if set_up.etcd.is_some() { Some(set_up.start("b").await?) } else { None };
        writer.fill(&node, CONFIG, KEYS).await?;
        let raw = reader.get(&format!("{}/raw", node.config(CONFIG)), &[]).await?;
        let document = raw.text().await?;
        Ok(Self {
            set_up: set_up.clone(),
            behind: Bare::publisher(set_up, &document).await?,
            document,
            writer,
            reader,
            node,
            other,
            sql: Sql::bare(&set_up.database).await?,
            puts: Puts::open(set_up.etcd.as_deref()).await?,
            ledger: Sql::of(set_up).await?,
            counter: 0,
        })
    }

    async fn measure(mut self, effort: Effort) -> Result<()> {
        let table = Table::new(&format!("Publishes: {} (p50 / p99 in ms)", self.set_up.name));
        let what = match self.puts {
            Some(_) => "commit + put",
            None => "commit",
        };
        let (mut row, mut accepted, mut bare, mut behind) = <(Samples, Samples, Samples, Samples)>::default();
        // Warms up.
        let _ = (self.row().await?, self.bare().await?);
        for _ in 0..effort.rounds {
            row.append(self.row().await?);
            bare.append(self.bare().await?);
            behind.append(self.behind().await?);
            accepted.append(self.accepted().await?);
        }
        let limit = format!("{} {what}", bare.both());
        let ratio = |of: &Samples, limit: &Samples| of.median() / limit.median();
        table.row("accepted, in a row", accepted.both(), &limit, ratio(&accepted, &bare), "");
        table.row("delivered, in a row", row.both(), &limit, ratio(&row, &bare), "ratio ≤ 2, later 1.3");
        let limit = format!("{} {what}, as a bare POST", behind.both());
        table.row("delivered, in a row", row.both(), &limit, ratio(&row, &behind), "");

        let (mut alone, mut bare) = <(Samples, Samples)>::default();
        for _ in 0..effort.rounds * 5 {
            sleep(APART).await;
            let value = self.next();
            alone.time(self.writer.change(&self.node, value)).await?;
            bare.append(self.bare_of(1).await?);
        }
        let limit = format!("{} {what}", bare.both());
        table.row("delivered, one alone", alone.both(), &limit, ratio(&alone, &bare), "ratio ≤ 2");

        let (mut seen, mut bare) = <(Samples, Samples)>::default();
        for _ in 0..effort.rounds {
            seen.append(self.seen().await?);
            bare.append(self.bare().await?);
        }
        let limit = format!("{} {what}", bare.both());
        let goal = if self.other.is_some() { "≤ 6 / 20 ms" } else { "≤ 1.8 / 6 ms" };
        let set_up = if self.other.is_some() { "on another node" } else { "on the same node" };
        let what = format!("with a long poll {set_up}, in a row");
        table.row(what, seen.both(), &limit, ratio(&seen, &bare), goal);
        println!("\nFastest of each: row {}, seen {} ms.", short(row.quantile(0.0)), short(seen.quantile(0.0)));
        Ok(())
    }

    fn next(&mut self) -> usize {
        self.counter += 1;
        self.counter
    }

    /// Measures publishes until the answer, which comes after the delivery.
    async fn row(&mut self) -> Result<Samples> {
        let mut row = Samples::default();
        for _ in 0..ROW {
            let value = self.next();
            row.time(self.writer.change(&self.node, value)).await?;
        }
        Ok(row)
    }

    /// Measures publishes until the release is in the database. The database is polled without a pause, which uses a
    /// whole core.
    async fn accepted(&mut self) -> Result<Samples> {
        let mut accepted = Samples::default();
        for _ in 0..ROW {
            let (value, before) = (self.next(), self.ledger.newest().await?);
            let began = Instant::now();
            let ledger = async {
                while self.ledger.newest().await? == before {}
                accepted.since(began);
                Ok(())
            };
            tokio::try_join!(self.writer.change(&self.node, value), ledger)?;
        }
        Ok(accepted)
    }

    /// Measures publishes until a waiting long poll has the release.
    async fn seen(&mut self) -> Result<Samples> {
        let mut seen = Samples::default();
        for _ in 0..ROW {
            let (value, release) = (self.next(), self.ledger.newest().await?);
            let url = self.other.as_ref().unwrap_or(&self.node).config(CONFIG);
            let poll = self.reader.clone();
            let waiting = tokio::spawn(async move {
                let got = poll.get(&format!("{url}?after={release}&wait=30"), &[]).await?;
                got.error_for_status()?.bytes().await?;
                Result::Ok(Instant::now())
            });
            // Time for the long poll to start waiting.
            sleep(Duration::from_millis(20)).await;
            let began = Instant::now();
            self.writer.change(&self.node, value).await?;
            seen.add((waiting.await?? - began).as_secs_f64() * 1e3);
        }
        Ok(seen)
    }

    /// Measures a commit and a put behind a bare HTTP server, which is the lower bound for any server.
    async fn behind(&mut self) -> Result<Samples> {
        let (mut behind, url) = (Samples::default(), format!("{}{PUBLISH}", self.behind.url));
        for _ in 0..ROW {
            let body = json!({"message": "bench", "publish": true, "edits": []});
            let publish = async { Ok(self.writer.http.post(&url).json(&body).send().await?.error_for_status()?) };
            behind.time(publish).await?;
        }
        Ok(behind)
    }

    async fn bare(&mut self) -> Result<Samples> {
        self.bare_of(ROW).await
    }

    /// Measures a commit and a put in sequence, which a publish needs at least.
    async fn bare_of(&mut self, times: usize) -> Result<Samples> {
        let mut bare = Samples::default();
        for _ in 0..times {
            let began = Instant::now();
            self.sql.commit(&self.document).await?;
            if let Some(puts) = &mut self.puts {
                puts.put(&self.document).await?;
            }
            bare.since(began);
        }
        Ok(bare)
    }
}
