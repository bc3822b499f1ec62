//! Memory and processor time of many waiting readers, and the time until all of them see a release.

use std::{fs, net::SocketAddr, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};

use crate::{
    Effort,
    bare::{Answer, Bare, EVENTS, WAIT},
    crowd::{Crowd, Kind},
    figures::{Result, Samples, Table, plot, short, whole},
    node::{CONFIG, Caller, Node, SetUp, memory, used},
    reads::wrk,
};

/// Keys of a config of about 1 KB.
const KEYS: usize = 10;
/// Number of tokens. One token may use a quarter of a server's slots for waiting readers.
const TOKENS: usize = 8;
/// Readers before the measurement, so that one-time allocations of the server are not counted.
const FIRST: usize = 50;

/// Prints the tables.
pub async fn measure(effort: Effort) -> Result<()> {
    let set_up = SetUp::embedded("waiting").await?;
    let fleet = Fleet::over(&set_up).await?;
    let node = set_up.start("a").await?;
    fleet.writer.fill(&node, CONFIG, KEYS).await?;
    let got = Answer::of(WAIT, fleet.reader.get(&node.config(CONFIG), &[]).await?).await?;
    let stream = fleet.reader.get(&format!("{}/api/v1/watch?config={CONFIG}", node.url), &[]).await?;
    let event = got.as_event(EVENTS, stream.headers())?;
    drop(stream);
    node.end().await?;

    let title = format!("Readers that wait, each over a connection of its own (an answer is {} bytes)", got.length());
    let table = Table::new(&title);
    let (mut each, mut late) = <(Vec<_>, Vec<_>)>::default();
    for (kind, name) in [(Kind::Poll, "long polls"), (Kind::Stream, "event streams")] {
        for many in [1].iter().chain(effort.sizes) {
            let bare = Bare::start(&[got.clone(), event.clone()]).await?;
            let limit = Run { kind, many: *many, fleet: &fleet, on: On::Bare(&bare) }.measure(effort).await?;
            // A new server each time, because an allocator does not return all memory.
            let node = set_up.start("a").await?;
            let ours = Run { kind, many: *many, fleet: &fleet, on: On::Node(&node) }.measure(effort).await?;
            let what =
                if *many == 1 { format!("one of the {name}") } else { format!("{} {name}", whole(*many as f64)) };
            node.end().await?;
            rows(&table, &what, *many, &ours, &limit);
            if *many > 1 {
                each.push((what.clone(), ours.woken / 1024.0));
                late.push((what, ours.seen.quantile(0.99)));
            }
        }
    }
    plot("memory of each that waits, KiB, after five releases", &each);
    plot("publish → seen, p99 over all, ms", &late);
    while_many_wait(effort, &set_up, &fleet).await
}

fn rows(table: &Table, what: &str, many: usize, ours: &Measured, limit: &Measured) {
    let p99 = |of: &Measured| of.seen.quantile(0.99);
    let seen = format!("{what}: publish → seen, ms (p50 / p99 / last)");
    let goal = if many > 1 { "p99 ≤ 250 ms" } else { "" };
    let ratio = if many > 1 { p99(ours) / p99(limit) } else { f64::NAN };
    table.row(seen, ours.seen.three(), format!("{} bare axum", limit.seen.three()), ratio, goal);
    if many == 1 {
        return;
    }
    let cost = format!("{what}: processor time for each, µs");
    table.row(cost, short(ours.cost), format!("{} bare axum", short(limit.cost)), ours.cost / limit.cost, "");
    for (when, ours, limit) in
        [("memory of each", ours.parked, limit.parked), ("after releases", ours.woken, limit.woken)]
    {
        let bare = format!("{} bare axum", whole(limit));
        table.row(format!("{what}: {when}, bytes"), whole(ours), bare, ours / limit, "≤ 10,240");
    }
}

/// The tokens of all clients.
struct Fleet {
    writer: Caller,
    reader: Caller,
    tokens: Vec<String>,
}

impl Fleet {
    async fn over(set_up: &SetUp) -> Result<Self> {
        let mut tokens = Vec::with_capacity(TOKENS);
        for number in 0..TOKENS {
            tokens.push(Caller::named_reader(set_up, &format!("fleet-{number}")).await?.token);
        }
        Ok(Self { writer: Caller::writer(set_up).await?, reader: Caller::reader(set_up).await?, tokens })
    }

    fn request(&self, path: &str, number: usize) -> String {
        let token = &self.tokens[number % TOKENS];
        let from = format!("x-instance: host-{number:05}\r\nuser-agent: shop/1.0");
        format!("GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n{from}\r\n\r\n")
    }
}

/// The server on which readers wait.
enum On<'a> {
    Node(&'a Node),
    Bare(&'a Bare),
}

struct Run<'a> {
    kind: Kind,
    many: usize,
    fleet: &'a Fleet,
    on: On<'a>,
}

struct Measured {
    /// Growth of the server's memory per waiting reader, in bytes, before any release.
    parked: f64,
    /// That growth after all readers have got releases and wait again.
    woken: f64,
    seen: Samples,
    /// Microseconds of the server's processor time per reader and release.
    cost: f64,
}

impl Run<'_> {
    async fn measure(self, effort: Effort) -> Result<Measured> {
        let pid = self.pid()?;
        let mut release = self.publish(0).await?;
        let mut first = self.crowd(FIRST, release)?;
        let waiting = spawn_blocking(move || first.answered());
        sleep(Duration::from_millis(20)).await;
        release = self.publish(1).await?.max(release);
        waiting.await??;
        let before = memory(pid)?;
        let mut crowd = self.crowd(self.many, release)?;
        if self.kind == Kind::Stream {
            crowd.answered()?;
        }
        let parked = self.settled(pid, before).await?;
        let (mut seen, mut cost) = (Samples::default(), 0.0);
        let rounds = if self.many == 1 { effort.rounds * 5 } else { effort.rounds.min(5) };
        for round in 2..rounds + 2 {
            let used_before = used(pid)?;
            let waiting = spawn_blocking(move || crowd.answered().map(|times| (crowd, times)));
            // Time for the reader thread to start waiting.
            sleep(Duration::from_millis(20)).await;
            let began = Instant::now().into_std();
            release = self.publish(round).await?;
            let times;
            (crowd, times) = waiting.await?.map_err(|error| format!("{}: {error}", self.url()))?;
            times.iter().for_each(|time| seen.add((*time - began).as_secs_f64() * 1e3));
            cost += used(pid)? - used_before;
            if self.kind == Kind::Poll {
                crowd.ask(self.request(release))?;
                // Until all readers wait again.
                sleep(Duration::from_millis(100 + self.many as u64 / 10)).await;
            }
        }
        let woken = self.settled(pid, before).await?;
        let cost = cost * 1e6 / (rounds * self.many) as f64;
        Ok(Measured { parked, woken, seen, cost })
    }

    /// Connects so many readers, which already have this release.
    fn crowd(&self, many: usize, release: u64) -> Result<Crowd> {
        Crowd::connect(self.kind, self.address()?, many, self.request(release))
    }

    fn request(&self, release: u64) -> impl Fn(usize) -> String {
        let path = match (&self.on, self.kind) {
            (On::Node(_), Kind::Poll) => format!("/api/v1/configs/{CONFIG}?after={release}&wait=90"),
            (On::Node(_), Kind::Stream) => format!("/api/v1/watch?config={CONFIG}"),
            (On::Bare(_), Kind::Poll) => WAIT.to_owned(),
            (On::Bare(_), Kind::Stream) => EVENTS.to_owned(),
        };
        move |number| self.fleet.request(&path, number)
    }

    async fn publish(&self, value: usize) -> Result<u64> {
        match self.on {
            On::Node(node) => self.fleet.writer.change(node, value).await,
            On::Bare(bare) => {
                self.fleet.writer.http.post(format!("{}/wake", bare.url)).send().await?.error_for_status()?;
                Ok(0)
            }
        }
    }

    /// Waits until the server is idle, and returns the growth of its memory per reader.
    async fn settled(&self, pid: u32, before: f64) -> Result<f64> {
        sleep(Duration::from_secs(2)).await;
        Ok((memory(pid)? - before) / self.many as f64)
    }

    fn pid(&self) -> Result<u32> {
        match self.on {
            On::Node(node) => node.pid(),
            On::Bare(bare) => bare.pid(),
        }
    }

    fn address(&self) -> Result<SocketAddr> {
        Ok(self.url().trim_start_matches("http://").parse()?)
    }

    fn url(&self) -> &str {
        match self.on {
            On::Node(node) => &node.url,
            On::Bare(bare) => &bare.url,
        }
    }
}

/// Measures reads per second while the largest number of readers of both kinds wait, compared with an idle server.
async fn while_many_wait(effort: Effort, set_up: &SetUp, fleet: &Fleet) -> Result<()> {
    let quiet_set_up = SetUp::embedded("waiting-quiet").await?;
    let (writer, quiet_reader) = (Caller::writer(&quiet_set_up).await?, Caller::reader(&quiet_set_up).await?);
    let (quiet, busy) = (quiet_set_up.start("a").await?, set_up.start("a").await?);
    writer.fill(&quiet, CONFIG, KEYS).await?;

    let many = effort.sizes.iter().copied().max().unwrap_or_default().min(max_readers()?);
    let release = fleet.writer.change(&busy, usize::MAX).await?;
    let mut crowds = Vec::new();
    for kind in [Kind::Poll, Kind::Stream] {
        let run = Run { kind, many, fleet, on: On::Node(&busy) };
        crowds.push(run.crowd(many, release)?);
    }
    sleep(Duration::from_secs(2)).await;
    let header = |reader: &Caller| [format!("Authorization: Bearer {}", reader.token)];
    let (mut ours, mut limit, mut ratio) = <(Samples, Samples, Samples)>::default();
    for round in 0..=effort.rounds {
        let with = wrk(&busy.config(CONFIG), &header(&fleet.reader), effort, busy.pid()?).await?.0;
        let without = wrk(&quiet.config(CONFIG), &header(&quiet_reader), effort, quiet.pid()?).await?.0;
        // The first round warms up.
        if round > 0 {
            ours.add(with);
            limit.add(without);
            ratio.add(with / without);
        }
    }
    let many = whole(many as f64);
    let table = Table::new(&format!("Reads a second while {many} long polls and {many} event streams wait"));
    let bare = format!("{} with nobody", whole(limit.median()));
    table.row("the whole config", whole(ours.median()), bare, ratio.median(), "ratio ≥ 0.9");
    Ok(())
}

/// Returns the number of readers of each of two kinds that fit into the limit of open files. The server reserves an
/// eighth of it for other uses.
fn max_readers() -> Result<usize> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).ok_or("no limit of files")?;
    let files: usize = line.split_whitespace().next().ok_or("no limit of files")?.parse()?;
    Ok((files / 8 * 7).saturating_sub(500) / 2 / 500 * 500)
}
