//! Writing clients: publishers and editors. Without a definite answer they retry with the same idempotency key.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, StatusCode};
use serde_json::{Map, Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    cluster::CONFIGS,
    dice::Dice,
    history::{Action, Edit, EventKind, Recorder},
};

/// Maximum time of retries after the writers were stopped. Longer than the longest chain of the server's deadlines.
pub const INSIST: Duration = Duration::from_secs(30);

/// State that all clients of a round share. Cheap to clone.
#[derive(Clone)]
pub struct Round {
    pub seed: u64,
    pub recorder: Recorder,
    /// The consoles' names and addresses, through the proxies of their clients.
    pub consoles: Arc<[(String, String)]>,
    pub token: Arc<str>,
    /// False when no new operation may begin.
    pub on: watch::Receiver<bool>,
    pub ops: Arc<AtomicU64>,
    /// Minimum number of bytes of each value.
    pub bulk: usize,
}

/// Result of an operation.
enum End {
    Done(Value),
    Refused,
    /// No definite answer came.
    Open,
}

/// A writing client.
pub struct Writer {
    round: Round,
    name: String,
    dice: Dice,
}

/// A request to the API.
struct Request {
    action: Action,
    path: String,
    message: String,
    edits: Vec<Edit>,
    base: Option<u64>,
    body: Value,
}

impl Writer {
    pub fn new(round: &Round, name: String) -> Self {
        Self { round: round.clone(), dice: Dice::new(round.seed, &name), name }
    }

    fn goes_on(&self) -> bool {
        *self.round.on.borrow()
    }

    fn message(&self) -> (u64, String) {
        let op = self.round.ops.fetch_add(1, Ordering::Relaxed);
        (op, format!("{}-{}-{op}", self.round.seed, self.name))
    }

    fn value(&self, op: u64) -> String {
        format!("{}-{op}-{}", self.round.seed, "x".repeat(self.round.bulk))
    }

    /// Publishes its own keys, in one or two configs at a time.
    pub async fn publish(mut self) {
        while self.goes_on() {
            sleep(self.dice.millis(20, 120)).await;
            let (op, message) = self.message();
            let (first, second) = (self.dice.below(CONFIGS.len()), self.dice.below(CONFIGS.len()));
            let mut configs = vec![CONFIGS[first]];
            if self.dice.once_in(3) && second != first {
                configs.push(CONFIGS[second]);
            }
            let key = format!("{}-{}", self.name, self.dice.below(3));
            let edit = |config: &&str| Edit { config: (*config).into(), key: key.clone(), value: self.value(op) };
            let edits = configs.iter().map(edit).collect();
            let request = Request::change(Action::Publish, message, edits, None);
            self.ask(op, request).await;
        }
    }

    /// Publishes a key, tries to overwrite it based on an older release, saves it again based on the live one, and
    /// sometimes publishes that.
    pub async fn edit(mut self) {
        while self.goes_on() {
            sleep(self.dice.millis(20, 150)).await;
            let (op, message) = self.message();
            let config = *self.dice.pick(&CONFIGS);
            let edit = |op| {
                let (config, key) = (config.to_owned(), self.name.clone());
                vec![Edit { config, key, value: self.value(op) }]
            };
            let request = Request::change(Action::Publish, message, edit(op), None);
            let End::Done(made) = self.ask(op, request).await else { continue };
            let Some(release) = made["releases"][0]["release"].as_u64() else { continue };

            let (op, message) = self.message();
            let edits = vec![Edit { config: config.to_owned(), key: self.name.clone(), value: self.value(op) }];
            self.ask(op, Request::change(Action::Stale, message, edits, Some(release - 1))).await;

            let (op, message) = self.message();
            let edits = vec![Edit { config: config.to_owned(), key: self.name.clone(), value: self.value(op) }];
            let request = Request::change(Action::Save, message.clone(), edits.clone(), Some(release));
            let End::Done(saved) = self.ask(op, request).await else { continue };
            if self.dice.once_in(2) {
                let (op, _) = self.message();
                let path = format!("changes/{}/publish", saved["id"].as_str().unwrap_or_default());
                let body = json!({"diff_sha256": saved["diff_sha256"]});
                let action = Action::PublishSaved;
                self.ask(op, Request { action, path, message, edits, base: None, body }).await;
            }
        }
    }

    /// Sends a request until a definite answer comes.
    async fn ask(&mut self, op: u64, request: Request) -> End {
        let key = format!("{}-{op}", request.message);
        let mut until = None;
        for attempt in 0.. {
            let (node, url) = self.dice.pick(&self.round.consoles).clone();
            // Some attempts have a short timeout.
            let patience = if self.dice.once_in(3) { self.dice.millis(300, 1500) } else { Duration::from_secs(8) };
            let note = |what| self.round.recorder.note(&self.name, &node, what);
            note(EventKind::Invoke {
                op,
                attempt,
                action: request.action,
                message: request.message.clone(),
                edits: request.edits.clone(),
                base: request.base,
            });
            match self.post(&format!("{url}/api/v1/{}", request.path), &key, &request.body, patience).await {
                Ok((200..=202, said)) => {
                    let (releases, delivered) = (releases(&said), said["delivery"]["state"] == "delivered");
                    note(EventKind::Ok { op, releases, delivered });
                    return End::Done(said);
                }
                // In progress, throttled or unavailable: the operation may still succeed or fail.
                Ok((status, said)) if status >= 500 || status == 429 || is_in_progress(status, &said) => {
                    note(EventKind::Unknown { op, why: format!("{status}: {}", said["detail"]) });
                }
                Ok((status, said)) => {
                    note(EventKind::Fail { op, status, why: said["detail"].to_string() });
                    return End::Refused;
                }
                Err(error) => note(EventKind::Unknown { op, why: cause(&error) }),
            }
            if !self.goes_on() && *until.get_or_insert(Instant::now() + INSIST) < Instant::now() {
                return End::Open;
            }
            sleep(self.dice.millis(50, 400)).await;
        }
        End::Open
    }

    async fn post(&self, url: &str, key: &str, body: &Value, patience: Duration) -> reqwest::Result<(u16, Value)> {
        // A new connection for each attempt, so that none is sent on a broken one.
        let http = Client::builder().timeout(patience).pool_max_idle_per_host(0).build()?;
        let request = http.post(url).bearer_auth(&self.round.token).header("idempotency-key", key).json(body);
        let answer = request.send().await?;
        let status: StatusCode = answer.status();
        let said = answer.bytes().await?;
        Ok((status.as_u16(), serde_json::from_slice(&said).unwrap_or_default()))
    }
}

impl Request {
    fn change(action: Action, message: String, edits: Vec<Edit>, base: Option<u64>) -> Self {
        let change = |edit: &Edit| {
            let mut asked = Map::from_iter([
                ("config".to_owned(), json!(edit.config)),
                ("set".to_owned(), json!({ &edit.key: edit.value })),
            ]);
            if let Some(base) = base {
                asked.insert("base".to_owned(), json!(base));
            }
            Value::Object(asked)
        };
        let changes: Vec<Value> = edits.iter().map(change).collect();
        let body = json!({"message": message, "publish": action == Action::Publish, "edits": changes});
        Self { action, path: "changes".into(), message, edits, base, body }
    }
}

/// Returns whether the answer says that the state forbids the operation now. For these clients the only such state is
/// an earlier attempt that is in progress.
fn is_in_progress(status: u16, said: &Value) -> bool {
    status == 409 && said["type"] == "/problems/state"
}

fn releases(said: &Value) -> Vec<(String, u64)> {
    let one = |made: &Value| Some((made["config"].as_str()?.to_owned(), made["release"].as_u64()?));
    said["releases"].as_array().into_iter().flatten().filter_map(one).collect()
}

/// Returns the root cause of an error, without the address.
pub fn cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if error.is_timeout() { "no answer in time".into() } else { deepest.to_string() }
}
