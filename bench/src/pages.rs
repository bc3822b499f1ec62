//! The page of a config, and the files that a browser loads with it.

use std::time::Instant;

use reqwest::{Client, redirect::Policy};

use crate::{
    Effort,
    bare::{Answer, Bare},
    figures::{Result, Samples, Table, whole},
    node::{Caller, Node, SetUp},
};

/// The password of the administrator.
pub const PASSWORD: &str = "correct horse battery staple";

/// Prints the tables.
pub async fn measure(effort: Effort) -> Result<()> {
    let set_up = SetUp::embedded("pages").await?;
    set_up.administrator("ana", PASSWORD).await?;
    let writer = Caller::writer(&set_up).await?;
    let node = set_up.start("a").await?;
    let browser = Browser::log_in(&node).await?;

    let table = Table::new("The page of a config, logged in (p50 / p99 in ms)");
    let sizes = [(100, "/100", "", ""), (1_000, "/1000", "≤ 10 ms", ""), (10_000, "/10000", "≤ 60 ms", "")];
    let mut newest = String::new();
    for (keys, path, goal, none) in sizes {
        let config = format!("bench/shop/keys-{keys}");
        writer.fill(&node, &config, keys).await?;
        let url = format!("{}/configs/{config}", node.url);
        let bare = Bare::start(&[Answer::of(path, browser.get(&url, "identity").await?).await?]).await?;
        let bare_url = format!("{}{path}", bare.url);
        let (mut ours, mut limit, mut packed) = <(Timed, Timed, Timed)>::default();
        for round in 0..=effort.rounds * 4 {
            let three = [(&mut ours, &url, "identity"), (&mut limit, &bare_url, "identity"), (&mut packed, &url, "br")];
            for (timed, url, encoding) in three {
                browser.load(url, encoding, (round > 0).then_some(timed)).await?;
            }
        }
        let keys = whole(keys as f64);
        let ratio = f64::NAN;
        let size = |timed: &Timed| whole(timed.bytes as f64);
        let what = format!("{keys} keys, {} bytes of HTML: first byte", size(&ours));
        table.row(what, ours.first.both(), limit.first.both(), ratio, goal);
        table.row(format!("{keys} keys: all of it"), ours.all.both(), limit.all.both(), ratio, none);
        let what = format!("{keys} keys, brotli, {} bytes: first byte", size(&packed));
        table.row(what, packed.first.both(), "–", ratio, none);
        table.row(format!("{keys} keys, brotli: all of it"), packed.all.both(), "–", ratio, none);
        newest = url;
    }
    assets(&browser, &node, &newest).await
}

/// Prints the sizes of the files that a page loads.
async fn assets(browser: &Browser, node: &Node, page: &str) -> Result<()> {
    let table = Table::new("What a browser loads once (bytes as served with brotli)");
    let html = browser.get(page, "identity").await?.text().await?;
    let mut names: Vec<&str> = html.split(['"', '\'', '`']).filter(|part| part.starts_with("/pkg/")).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let answer = browser.get(&format!("{}{name}", node.url), "br").await?.error_for_status()?;
        let encoding = answer.headers().get("content-encoding").and_then(|e| e.to_str().ok()).unwrap_or("none");
        let what = format!("`{}` ({encoding})", kind(name));
        let size = answer.bytes().await?.len();
        table.plain(what, whole(size as f64), if name.ends_with(".wasm") { "≤ 120 KB" } else { "" });
    }
    Ok(())
}

fn kind(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[derive(Default)]
struct Timed {
    first: Samples,
    all: Samples,
    bytes: usize,
}

/// A logged-in browser.
pub struct Browser {
    http: Client,
    cookie: String,
}

impl Browser {
    /// Logs in as the administrator.
    pub async fn log_in(node: &Node) -> Result<Self> {
        let http = Client::builder().redirect(Policy::none()).build()?;
        let form = format!("name=ana&password={}", PASSWORD.replace(' ', "+"));
        let request = http.post(format!("{}/fn/log-in", node.url)).header("accept", "text/html");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = request.send().await?;
        // The cookies of the session and of the known browser.
        let cookies = answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let cookie = cookies.filter_map(|cookie| cookie.split(';').next()).collect::<Vec<_>>().join("; ");
        Ok(Self { http, cookie })
    }

    /// Loads a page or a file.
    pub async fn get(&self, url: &str, encoding: &str) -> Result<reqwest::Response> {
        let request = self.http.get(url).header("cookie", &self.cookie).header("accept", "text/html");
        Ok(request.header("accept-encoding", encoding).send().await?)
    }

    /// Requests the preview of an import in this format.
    pub async fn import(&self, url: &str, source: &str, text: &str) -> Result<reqwest::Response> {
        const BOUNDARY: &str = "what-no-text-has";
        let fields = [("source", source), ("text", text)];
        let mut body: String = fields
            .iter()
            .map(|(name, value)| {
                format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            })
            .collect();
        body.push_str(&format!("--{BOUNDARY}--\r\n"));
        let request = self.http.post(url).header("cookie", &self.cookie).header("accept", "text/html");
        let request = request.header("sec-fetch-site", "same-origin");
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        Ok(request.header("content-type", kind).body(body).send().await?)
    }

    /// Loads a page and records the times.
    async fn load(&self, url: &str, encoding: &str, into: Option<&mut Timed>) -> Result<()> {
        let began = Instant::now();
        let answer = self.get(url, encoding).await?;
        if answer.status() != 200 {
            return Err(format!("{url} was answered {}", answer.status()).into());
        }
        let first = began.elapsed().as_secs_f64() * 1e3;
        let bytes = answer.bytes().await?.len();
        if let Some(timed) = into {
            timed.first.add(first);
            timed.all.since(began);
            timed.bytes = bytes;
        }
        Ok(())
    }
}
