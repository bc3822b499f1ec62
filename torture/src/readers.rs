//! Reading clients: snapshots, long polls and event streams on each node, and one reader directly from etcd.

use std::{collections::HashMap, time::Duration};

use etcd_client::{EventType, GetOptions, KeyValue, WatchOptions};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};

use crate::{
    clients::cause,
    cluster::{CONFIGS, Node},
    dice::Dice,
    history::{EventKind, ReadKind, Recorder},
    state::EtcdRelease,
};

/// Timeout of a snapshot.
const PATIENCE: Duration = Duration::from_secs(1);
/// Maximum silence of a stream, which gets a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(20);
const ROOT: &str = "trimtab";
/// Name of etcd in the history.
const ETCD: &str = "etcd";

/// Returns the names of all reading clients.
pub fn names(nodes: &[Node]) -> Vec<String> {
    let hows = [ReadKind::Snapshot, ReadKind::Poll, ReadKind::Stream];
    let at_nodes = nodes.iter().flat_map(|node| hows.map(|how| name(how, node.name())));
    at_nodes.chain([name(ReadKind::Etcd, ETCD)]).collect()
}

/// A client that reads from one node.
#[derive(Clone)]
pub struct Reader {
    pub recorder: Recorder,
    /// The node's name and address.
    pub node: (String, String),
    pub token: String,
    pub seed: u64,
}

impl Reader {
    /// Reads live releases repeatedly.
    pub async fn snapshots(self) {
        let (mut dice, http) = (Dice::new(self.seed, &self.node.0), Client::new());
        let mut validators: HashMap<&str, (u64, String)> = HashMap::new();
        loop {
            let config = *dice.pick(&CONFIGS);
            let raw = dice.once_in(2);
            let mut request = self.get(&http, &format!("configs/{config}{}", if raw { "/raw" } else { "" }));
            request = request.timeout(PATIENCE);
            if let Some((_, etag)) = validators.get(config).filter(|_| dice.once_in(2)) {
                request = request.header("if-none-match", format!("\"{etag}\""));
            }
            match self.snapshot(request, raw).await {
                Ok(Some((seq, sha256))) => {
                    validators.insert(config, (seq, sha256.clone()));
                    self.saw(ReadKind::Snapshot, config, seq, sha256);
                }
                Ok(None) => {
                    if let Some((seq, sha256)) = validators.get(config).cloned() {
                        self.saw(ReadKind::Snapshot, config, seq, sha256);
                    }
                }
                Err(why) => self.missed(config, why),
            }
            sleep(dice.millis(30, 80)).await;
        }
    }

    /// Reads a release. Returns `None` when it is not modified.
    async fn snapshot(&self, request: RequestBuilder, raw: bool) -> Result<Option<(u64, String)>, String> {
        let answer = request.send().await.map_err(|error| cause(&error))?;
        match answer.status().as_u16() {
            304 => return Ok(None),
            200 => {}
            other => return Err(format!("status {other}")),
        }
        if !raw {
            let said: Value = answer.json().await.map_err(|error| cause(&error))?;
            return envelope(&said).map(|(_, seq, sha256)| Some((seq, sha256))).ok_or_else(|| "not an envelope".into());
        }
        let number = |answer: &Response| answer.headers().get("x-config-release")?.to_str().ok()?.parse().ok();
        let seq = number(&answer).ok_or("no release is named")?;
        let document = answer.bytes().await.map_err(|error| cause(&error))?;
        let sha256 = if is_empty(&document) { String::new() } else { sha256(&document) };
        Ok(Some((seq, sha256)))
    }

    /// Waits for each newer release of one config.
    pub async fn polls(self, config: &'static str) {
        let (http, mut after) = (Client::new(), 0);
        loop {
            let path = format!("configs/{config}?after={after}&wait=5");
            let asked = self.get(&http, &path).timeout(Duration::from_secs(8)).send().await;
            let said = match asked {
                Ok(answer) if answer.status() == 200 => answer.json::<Value>().await.ok(),
                Ok(answer) if answer.status() == 304 => continue,
                _ => None,
            };
            match said.as_ref().and_then(envelope) {
                Some((_, seq, sha256)) => {
                    self.saw(ReadKind::Poll, config, seq, sha256);
                    // Never decreased: with a lower number, the next poll would return at once.
                    after = after.max(seq);
                }
                None => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Follows all configs in an event stream.
    pub async fn stream(self) {
        let http = Client::new();
        let query: Vec<String> = CONFIGS.iter().map(|config| format!("config={config}")).collect();
        loop {
            if let Ok(mut answer) = self.get(&http, &format!("watch?{}", query.join("&"))).send().await {
                let mut text = String::new();
                while let Ok(Ok(Some(chunk))) = timeout(SILENCE, answer.chunk()).await {
                    text.push_str(&String::from_utf8_lossy(&chunk));
                    while let Some(end) = text.find("\n\n") {
                        self.event(&text[..end]);
                        text.drain(..end + 2);
                    }
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn event(&self, text: &str) {
        let data = text.lines().find_map(|line| line.strip_prefix("data:"));
        let said: Option<Value> = data.and_then(|data| serde_json::from_str(data.trim()).ok());
        if let Some((config, seq, sha256)) = said.as_ref().and_then(envelope) {
            self.saw(ReadKind::Stream, &config, seq, sha256);
        }
    }

    fn get(&self, http: &Client, path: &str) -> RequestBuilder {
        http.get(format!("{}/api/v1/{path}", self.node.1)).bearer_auth(&self.token)
    }

    fn saw(&self, how: ReadKind, config: &str, seq: u64, sha256: String) {
        saw(&self.recorder, &self.node.0, how, config, seq, sha256);
    }

    fn missed(&self, config: &str, why: String) {
        let what = EventKind::Missed { config: config.to_owned(), why };
        self.recorder.note(&name(ReadKind::Snapshot, &self.node.0), &self.node.0, what);
    }
}

fn saw(recorder: &Recorder, node: &str, how: ReadKind, config: &str, seq: u64, sha256: String) {
    let config = config.to_owned();
    let what = match sha256.is_empty() {
        true => EventKind::Empty { how, config, seq },
        false => EventKind::Seen { how, config, seq, sha256 },
    };
    recorder.note(&name(how, node), node, what);
}

/// Returns the name of a reading client.
pub fn name(how: ReadKind, node: &str) -> String {
    format!("{}@{node}", format!("{how:?}").to_lowercase())
}

/// Returns config, release and hash of an envelope. The hash is empty when the content is empty.
fn envelope(said: &Value) -> Option<(String, u64, String)> {
    let text = |name: &str| said[name].as_str();
    let config = format!("{}/{}/{}", text("env")?, text("app")?, text("namespace")?);
    let full = said["content"].as_object().is_some_and(|content| !content.is_empty());
    let sha256 = if full { text("sha256")?.to_owned() } else { String::new() };
    Some((config, said["release"].as_u64()?, sha256))
}

fn is_empty(document: &[u8]) -> bool {
    let text = String::from_utf8_lossy(document);
    matches!(text.trim(), "" | "{}")
}

/// Returns the SHA-256 in the form of release metadata.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Follows etcd directly: records every write in order, with the resulting state of both keys of a config.
pub async fn from_etcd(recorder: Recorder, port: u16) {
    let mut state = Keys::default();
    loop {
        // After any error it lists again.
        let _ = follow(&recorder, port, &mut state).await;
        sleep(Duration::from_millis(50)).await;
    }
}

async fn follow(recorder: &Recorder, port: u16, state: &mut Keys) -> Result<(), etcd_client::Error> {
    let mut etcd = etcd_client::Client::connect([format!("127.0.0.1:{port}")], None).await?;
    let (from, to) = (format!("{ROOT}/config/"), format!("{ROOT}/meta0"));
    let listed = etcd.get(from.as_str(), Some(GetOptions::new().with_range(to.as_str()))).await?;
    let revision = listed.header().map_or(0, |header| header.revision());
    listed.kvs().iter().for_each(|kv| state.put(kv));
    state.tell(recorder);
    let options = WatchOptions::new().with_range(to).with_start_revision(revision + 1);
    let mut watch = etcd.watch(from, Some(options)).await?;
    while let Some(answer) = watch.message().await? {
        if answer.canceled() {
            return Ok(());
        }
        let mut at = 0;
        for event in answer.events() {
            let Some(kv) = event.kv() else { continue };
            // Both keys of a delivery come at one revision.
            if kv.mod_revision() != at {
                state.tell(recorder);
                at = kv.mod_revision();
            }
            match event.event_type() {
                EventType::Put => state.put(kv),
                EventType::Delete => state.delete(kv),
            }
        }
        state.tell(recorder);
    }
    Ok(())
}

/// State of both keys of each config.
#[derive(Default)]
pub struct Keys {
    /// Hash of each document, and of the form in which a repair writes it.
    documents: HashMap<String, (String, String)>,
    numbers: HashMap<String, u64>,
    touched: Vec<String>,
}

impl Keys {
    /// Adds a written key.
    pub fn put(&mut self, kv: &KeyValue) {
        let Some((config, is_meta)) = half(kv) else { return };
        if is_meta {
            let meta: Value = serde_json::from_slice(kv.value()).unwrap_or_default();
            self.numbers.insert(config.clone(), meta["seq"].as_u64().unwrap_or_default());
        } else {
            self.documents.insert(config.clone(), (sha256(kv.value()), stirred(kv.value())));
        }
        self.touched.push(config);
    }

    fn delete(&mut self, kv: &KeyValue) {
        match half(kv) {
            Some((config, true)) => drop(self.numbers.remove(&config)),
            Some((config, false)) => drop(self.documents.remove(&config)),
            None => {}
        }
    }

    /// Returns a config's release, if both keys exist.
    pub fn whole(&self, config: &str) -> Option<EtcdRelease> {
        let (sha256, stirred) = self.documents.get(config)?.clone();
        Some(EtcdRelease { seq: *self.numbers.get(config)?, sha256, rewritten_sha256: stirred })
    }

    fn tell(&mut self, recorder: &Recorder) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort();
        touched.dedup();
        for config in touched {
            if let Some(EtcdRelease { seq, sha256, .. }) = self.whole(&config) {
                saw(recorder, ETCD, ReadKind::Etcd, &config, seq, sha256);
            }
        }
    }
}

/// Returns the hash of a document with its last line end removed, or one added.
fn stirred(document: &[u8]) -> String {
    match document.strip_suffix(b"\n") {
        Some(less) => sha256(less),
        None => sha256(&[document, b"\n"].concat()),
    }
}

fn half(kv: &KeyValue) -> Option<(String, bool)> {
    let key = kv.key_str().ok()?.strip_prefix(ROOT)?;
    match key.strip_prefix("/config/") {
        Some(config) => Some((config.to_owned(), false)),
        None => key.strip_prefix("/meta/").map(|config| (config.to_owned(), true)),
    }
}
