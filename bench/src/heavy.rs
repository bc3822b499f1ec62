//! Reads of one application while a session works with the large contents of another one.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    Effort,
    figures::{Result, Samples, Table, short, whole},
    node::{CONFIG, Caller, Node, SetUp, memory},
    pages::Browser,
};

/// Number of requests that one session sends at once.
const AT_ONCE: usize = 16;
/// Pause between two reads.
const PAUSE: Duration = Duration::from_millis(10);
const PASSWORD: &str = "correct horse battery staple";
/// Bytes of each text that is compared.
const TEXT: usize = 1_200_000;
/// Bytes of each text that is imported.
const IMPORT: usize = 2_800_000;

/// A request of the session.
struct HeavyRequest {
    what: &'static str,
    path: String,
    /// The format and the text of an import.
    import: Option<(&'static str, String)>,
}

/// Prints the table.
pub async fn measure(effort: Effort) -> Result<()> {
    let set_up = SetUp::embedded("heavy").await?;
    set_up.administrator("ana", PASSWORD).await?;
    let writer = Caller::writer(&set_up).await?;
    let reader = Caller::reader(&set_up).await?;
    let node = set_up.start("a").await?;
    let browser = Browser::log_in(&node).await?;
    writer.fill(&node, CONFIG, 100).await?;
    publish(&writer, &node).await?;
    let table =
        Table::new(&format!("Reads of one application during {AT_ONCE} requests of one session for another one"));
    for asked in all() {
        for _ in 0..effort.rounds.div_ceil(4) {
            let (slowest, grown, took, answers) = try_one(&node, &reader, &browser, &asked).await?;
            table.plain(format!("{}: slowest read", asked.what), format!("{} ms", short(slowest)), "< 200 ms");
            table.plain("more memory", format!("{} MB", whole(grown / 1e6)), "≤ 300 MB");
            table.plain("all answered after", format!("{} ms", short(took)), "");
            table.plain("answers", answers, "");
        }
    }
    node.end().await
}

/// Publishes two releases of large contents.
async fn publish(writer: &Caller, node: &Node) -> Result<()> {
    writer.put(node, "apps/heavy", json!({})).await?;
    let (mut lines, mut shuffled) = (String::new(), Vec::new());
    for n in 0.. {
        if lines.len() > TEXT {
            break;
        }
        lines.push_str(&format!("{:x} is line {n}\n", mixed(n)));
        shuffled.push(format!("the line {}\n", n % 50_000));
    }
    let other = lines.replace("is line", "was a line");
    let twisted: Vec<String> =
        (0..shuffled.len()).map(|n| shuffled[mixed(n) as usize % shuffled.len()].clone()).collect();
    let words: String = (0..TEXT / 8).map(|n| format!("{:07x} ", mixed(n) & 0xfff_ffff)).collect();
    let short: String = (0..TEXT / 2).map(|n| if mixed(n) & 1 == 0 { "a\n" } else { "b\n" }).collect();
    let texts = [
        ("lines", [lines.clone(), other[..TEXT.min(other.len())].to_owned()]),
        ("line", [words.clone(), words.replace('0', "1")]),
        ("shuffled", [shuffled.concat(), twisted.concat()]),
        ("short", [short.clone(), short.replace("a\nb", "b\na")]),
    ];
    for (name, both) in texts {
        writer.put(node, &format!("apps/heavy/namespaces/{name}"), json!({"format": "text"})).await?;
        for text in both {
            writer.publish_all(node, &[json!({"config": format!("bench/heavy/{name}"), "text": text})]).await?;
        }
    }
    writer.put(node, "apps/heavy/namespaces/keys", json!({"format": "kv"})).await?;
    for release in 0..2 {
        let set =
            (0..20_000).map(|n| (format!("section-{}.key-{n}", n % 97), Value::String(format!("{release} of {n}"))));
        writer.publish(node, "bench/heavy/keys", set.collect()).await?;
    }
    Ok(())
}

/// Returns a pseudorandom number.
fn mixed(n: usize) -> u64 {
    (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

fn all() -> Vec<HeavyRequest> {
    let page = |what, path: &str| HeavyRequest { what, path: format!("/configs/bench/heavy/{path}"), import: None };
    let import = |what, source, text: String| HeavyRequest {
        what,
        path: "/configs/bench/heavy/keys/import".to_owned(),
        import: Some((source, text)),
    };
    let many = |line: &dyn Fn(usize) -> String, bytes: usize| {
        let mut text = String::new();
        for n in 0.. {
            if text.len() > bytes {
                break;
            }
            text.push_str(&line(n));
        }
        text
    };
    let good: Vec<String> = (0..20_000).map(|n| format!("\"section-{}.key-{n}\": \"new {n}\"", n % 97)).collect();
    vec![
        page("differences of all lines", "lines/difference?from=1&to=2&all=1"),
        page("the same, side by side", "lines/difference?from=1&to=2&all=1&view=split"),
        page("differences of one long line", "line/difference?from=1&to=2&all=1"),
        page("differences of shuffled lines", "shuffled/difference?from=1&to=2&all=1"),
        page("differences of short lines", "short/difference?from=1&to=2&all=1"),
        page("differences of 20,000 keys", "keys/difference?from=1&to=2&all=1"),
        page("pages of 20,000 keys", "keys"),
        page("pages of a long text", "lines"),
        page("exports", "keys/export?format=toml"),
        import("refused imports of TOML, many keys", "toml", many(&|n| format!("k{n}=1\n"), IMPORT)),
        import("refused imports of TOML, an array", "toml", format!("a=[{}]", "1,".repeat(IMPORT / 2))),
        import("refused imports of TOML, dotted keys", "toml", many(&|n| format!("a.b.c{n}.d.e=1\n"), IMPORT)),
        import("refused imports of TOML, inline tables", "toml", many(&|n| format!("k{n}={{a={{b={{}}}}}}\n"), IMPORT)),
        import("refused imports of JSON", "json", format!("{{\"a\":[{}1]}}", "1,".repeat(IMPORT / 2))),
        import("refused imports of properties", "properties", many(&|n| format!("k{n}=1\n"), IMPORT)),
        import("previews of imports", "json", format!("{{{}}}", good.join(",\n"))),
    ]
}

/// Sends the requests at once. Returns the slowest read in milliseconds, the growth of the memory in bytes, the time
/// until all were answered in milliseconds, and a summary of the answers.
async fn try_one(
    node: &Node,
    reader: &Caller,
    browser: &Browser,
    asked: &HeavyRequest,
) -> Result<(f64, f64, f64, String)> {
    let url = format!("{}{}", node.url, asked.path);
    let (before, began) = (memory(node.pid()?)?, Instant::now());
    let requests = join_all((0..AT_ONCE).map(|_| async {
        match &asked.import {
            Some((source, text)) => browser.import(&url, source, text).await,
            None => Ok(browser.get(&url, "br").await?),
        }
    }));
    let answered = async {
        let mut statuses: Vec<(StatusCode, usize)> = Vec::new();
        for answer in requests.await {
            let answer = answer?;
            let status = answer.status();
            statuses.push((status, answer.bytes().await?.len()));
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((statuses, began.elapsed().as_secs_f64() * 1e3))
    };
    let mut answered = std::pin::pin!(answered);
    let (mut reads, mut most) = (Samples::default(), before);
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (statuses, took) = loop {
        tokio::select! {
            done = &mut answered => break done?,
            _ = ticks.tick() => {
                // In a task, so that the requests continue meanwhile.
                let (http, token, url) = (reader.http.clone(), reader.token.clone(), node.config(CONFIG));
                let mut read = tokio::spawn(async move {
                    let began = Instant::now();
                    let answer = http.get(url).bearer_auth(token).send().await?.error_for_status()?;
                    answer.bytes().await?;
                    Ok::<_, reqwest::Error>(began.elapsed().as_secs_f64() * 1e3)
                });
                tokio::select! {
                    done = &mut answered => { reads.add(read.await??); break done?; }
                    read = &mut read => reads.add(read??),
                }
                most = most.max(memory(node.pid()?)?);
            }
        }
    };
    let mut counted: Vec<(StatusCode, usize, usize)> = Vec::new();
    for (status, bytes) in statuses {
        match counted.iter_mut().find(|(known, ..)| *known == status) {
            Some((_, count, most)) => (*count, *most) = (*count + 1, bytes.max(*most)),
            None => counted.push((status, 1, bytes)),
        }
    }
    let said: Vec<String> = counted
        .iter()
        .map(|(status, n, bytes)| format!("{n} × {} ({} bytes)", status.as_u16(), whole(*bytes as f64)))
        .collect();
    Ok((reads.quantile(1.0), most - before, took, said.join(", ")))
}
