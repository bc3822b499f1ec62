//! Reads per second, with the whole config and with "not modified".

use tokio::process::Command;

use crate::{
    Effort,
    bare::{Answer, Bare},
    figures::{Result, Samples, Table, short, whole},
    node::{CONFIG, Caller, SetUp, used},
};

const KEYS: usize = 100;
/// Options of `wrk`: one thread, which leaves the server the other core of a machine with two.
const WRK: [&str; 2] = ["-t1", "-c64"];

/// Prints the table. Both set-ups answer reads from memory with the same code, so one is enough.
pub async fn measure(effort: Effort) -> Result<()> {
    let set_up = SetUp::embedded("reads").await?;
    let (writer, reader) = (Caller::writer(&set_up).await?, Caller::reader(&set_up).await?);
    let node = set_up.start("a").await?;
    writer.fill(&node, CONFIG, KEYS).await?;

    let url = node.config(CONFIG);
    let whole_answer = reader.get(&url, &[]).await?;
    let etag = whole_answer.headers()["etag"].to_str()?.to_owned();
    let unchanged = reader.get(&url, &[("if-none-match", &etag)]).await?;
    let table = Table::new("Reads a second (`wrk -t1 -c64`, 100 keys)");
    let length = whole_answer.content_length().unwrap_or_default();
    let answers = [Answer::of("/200", whole_answer).await?, Answer::of("/304", unchanged).await?];
    let bare = Bare::start(&answers).await?;

    for (path, what) in [("/200", format!("the whole config, {length} bytes")), ("/304", "304".to_owned())] {
        let mut headers = vec![format!("Authorization: Bearer {}", reader.token)];
        if path == "/304" {
            headers.push(format!("If-None-Match: {etag}"));
        }
        let bare_url = format!("{}{path}", bare.url);
        let (mut ours, mut limit) = <(Loaded, Loaded)>::default();
        let (mut rate, mut cost) = <(Samples, Samples)>::default();
        for round in 0..=effort.rounds {
            let us = wrk(&url, &headers, effort, node.pid()?).await?;
            let it = wrk(&bare_url, &headers, effort, bare.pid()?).await?;
            // The first round warms up.
            if round > 0 {
                ours.add(us);
                limit.add(it);
                rate.add(us.0 / it.0);
                cost.add(us.1 / it.1);
            }
        }
        let (value, bare) = (whole(ours.rate.median()), whole(limit.rate.median()));
        table.row(&what, value, format!("{bare} bare axum"), rate.median(), "ratio ≥ 0.9");
        let (value, bare) = (short(ours.cost.median()), short(limit.cost.median()));
        let what = format!("{what}: processor time, µs each");
        table.row(what, value, format!("{bare} bare axum"), cost.median(), "");
    }
    Ok(())
}

/// Performance of a server under load: requests per second, and processor time per request in microseconds. The latter
/// does not depend on other load of the machine.
#[derive(Default)]
struct Loaded {
    rate: Samples,
    cost: Samples,
}

impl Loaded {
    fn add(&mut self, (rate, cost): (f64, f64)) {
        self.rate.add(rate);
        self.cost.add(cost);
    }
}

/// Puts load on a server with `wrk`. Returns requests per second and processor time per request in microseconds.
pub async fn wrk(url: &str, headers: &[String], effort: Effort, server: u32) -> Result<(f64, f64)> {
    let mut command = Command::new("wrk");
    command.args(WRK).arg(format!("-d{}s", effort.seconds));
    for header in headers {
        command.args(["-H", header]);
    }
    let before = used(server)?;
    let out = command.arg(url).output().await?;
    let used = used(server)? - before;
    let said = String::from_utf8(out.stdout)?;
    if said.contains("Non-2xx") || said.contains("Socket errors") {
        return Err(format!("wrk {url}:\n{said}").into());
    }
    let number = |after: Option<&str>| after.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    let rate = number(said.lines().find_map(|line| line.strip_prefix("Requests/sec:")));
    let requests = number(said.lines().find(|line| line.contains("requests in")));
    let (rate, requests) = rate.zip(requests).ok_or_else(|| said.clone())?;
    Ok((rate, used * 1e6 / requests))
}
