//! A server in its own process.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::support::{Database, LONG, servers};

/// Prefix of all keys in a test's private etcd.
pub const ROOT: &str = "trimtab";

const PROGRAM: &str = env!("CARGO_BIN_EXE_trimtab");

/// Folder, database and settings of a server. They outlive the server's process.
#[derive(Clone)]
pub struct Installation {
    database: Database,
    folder: PathBuf,
    etcd: Option<(String, String)>,
    files: Option<u32>,
    role: &'static str,
    log: Option<PathBuf>,
    settings: Vec<(&'static str, String)>,
}

impl Installation {
    pub fn embedded() -> Self {
        Self::of(Database::sqlite())
    }

    fn of(database: Database) -> Self {
        let folder = database.folder().unwrap().to_owned();
        Self { database, folder, etcd: None, files: None, role: "console", log: None, settings: Vec::new() }
    }

    pub async fn cluster() -> Option<Self> {
        let (mysql, etcd) = servers()?;
        // Uses the folder of an SQLite database that is never created. It is removed after the test.
        let folder = Database::sqlite();
        let database = Database::mysql(&mysql).await.sharing_folder(&folder);
        let path = folder.folder().unwrap().to_owned();
        let root = path.file_name().unwrap().to_string_lossy().into_owned();
        Some(Self { folder: path, etcd: Some((etcd, root)), ..Self::of(database) })
    }

    /// Returns an installation for a console on SQLite and the test's private etcd.
    pub fn beside_etcd(endpoint: &str) -> Self {
        Self { etcd: Some((endpoint.to_owned(), ROOT.to_owned())), ..Self::embedded() }
    }

    /// Returns an installation for a reader node on the same etcd, without the database.
    pub fn for_reader_node(&self) -> Self {
        let folder = self.folder.join("reader");
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, role: "reader", ..self.clone() }
    }

    /// Returns the data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sets the maximum number of files that a server may open.
    pub fn with_files(mut self, files: u32) -> Self {
        self.files = Some(files);
        self
    }

    /// Adds a setting, by the name of its environment variable.
    pub fn with_setting(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// Writes the log of servers to a file, which [`Installation::logged`] returns.
    pub fn with_log(mut self) -> Self {
        self.log = Some(self.folder.join("server.log"));
        self.with_setting("TRIMTAB_LOG", "info")
    }

    /// Returns the log of all servers of this installation.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(self.log.as_ref().unwrap()).unwrap()
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the number of locks in etcd.
    pub async fn locks(&self) -> usize {
        let Some((endpoint, root)) = &self.etcd else { return 0 };
        let mut etcd = etcd_client::Client::connect([endpoint], None).await.unwrap();
        let locks = etcd_client::GetOptions::new().with_prefix();
        etcd.get(format!("{root}/locks/"), Some(locks)).await.unwrap().kvs().len()
    }

    fn command(&self, folder: &Path) -> Command {
        match self.files {
            None => self.configured(Command::new(PROGRAM), folder),
            Some(files) => self.configured(in_shell(&format!("ulimit -n {files}")), folder),
        }
    }

    fn configured(&self, mut command: Command, folder: &Path) -> Command {
        command.env("TRIMTAB_DATA_DIR", folder).env("TRIMTAB_LISTEN", "127.0.0.1:0").env("TRIMTAB_LOG", "error");
        command.env("TRIMTAB_ROLE", self.role).current_dir(folder);
        if self.role == "console" {
            command.env("TRIMTAB_DATABASE__URL", &self.database.url);
        }
        if let Some((endpoint, root)) = &self.etcd {
            command.env("TRIMTAB_ETCD__ENDPOINTS", endpoint).env("TRIMTAB_ETCD__ROOT", root);
        }
        command.envs(self.settings.iter().map(|(name, value)| (*name, value.as_str()))).kill_on_drop(true);
        command
    }

    /// Returns a command of the same program with these settings, in this installation's folder.
    pub fn cli_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(&self.folder);
        command.args(args);
        command
    }

    /// Returns a command like [`Installation::cli_command`], in a shell that has run `before`.
    pub fn limited_command(&self, before: &str, args: &[&str]) -> Command {
        let mut command = self.configured(in_shell(before), &self.folder);
        command.args(args);
        command
    }

    /// Runs a command of the same program with these settings, and returns its output.
    pub async fn cli(&self, args: &[&str]) -> String {
        let out = self.cli_command(args).output().await.unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    /// Runs a command that reads from stdin.
    pub async fn cli_with(&self, args: &[&str], input: &str) {
        let mut child = self.command(&self.folder).args(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        assert!(child.wait().await.unwrap().success(), "{args:?}");
    }

    /// Creates a token that may write everything.
    pub async fn token(&self) -> String {
        self.cli(&["token", "create", "--name", "ci", "--write", "*/*/*", "--admin"]).await
    }

    /// Returns whether the channel is etcd.
    pub fn has_etcd(&self) -> bool {
        self.etcd.is_some()
    }

    /// Revokes the leases of all locks. etcd itself expires those of dead holders after six seconds.
    pub async fn revoke_lock_leases(&self) {
        let Some((endpoint, root)) = &self.etcd else { return };
        let mut etcd = etcd_client::Client::connect([endpoint], None).await.unwrap();
        let locks = etcd_client::GetOptions::new().with_prefix();
        let held = etcd.get(format!("{root}/locks/"), Some(locks)).await.unwrap();
        for lock in held.kvs() {
            // It may have expired meanwhile.
            let _ = etcd.lease_revoke(lock.lease()).await;
        }
    }

    /// Starts a server and waits until it listens.
    pub async fn start(&self) -> Node {
        let mut command = self.command(&self.folder);
        if let Some(log) = &self.log {
            let log = std::fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
            command.stderr(log);
        }
        let mut child = command.arg("serve").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(url) = line.strip_prefix("listening on ") {
                    return url.to_owned();
                }
            }
            panic!("the server ended before it listened");
        };
        let url = timeout(LONG, listening).await.expect("a server listens");
        Node { child, url }
    }
}

/// A running server.
pub struct Node {
    child: Child,
    url: String,
}

/// Result of a publish, as the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server answered that this release is accepted or delivered.
    Acknowledged(u64),
    /// The connection broke, so the release may be accepted or not.
    Unknown,
}

impl Node {
    /// Returns the address of the server.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Kills the process with `SIGKILL`.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Shuts the server down and waits until it has ended.
    pub async fn shut_down(self) {
        self.begin_shutdown().await;
        self.wait_for_exit().await;
    }

    /// Sends the signal to shut down.
    pub async fn begin_shutdown(&self) {
        signal("TERM", &self.child.id().unwrap().to_string()).await;
    }

    /// Waits until the server has ended, and checks its exit code.
    pub async fn wait_for_exit(mut self) {
        let ended = timeout(LONG, self.child.wait()).await.expect("the server ends");
        assert_eq!(ended.unwrap().code(), Some(0));
    }

    /// Publishes one key in `dev/shop/application`.
    pub async fn publish(&self, client: &reqwest::Client, token: &str, key: &str, value: u64) -> Outcome {
        let edit = json!({"config": "dev/shop/application", "set": {key: value.to_string()}});
        let body = json!({"message": "crash test", "edits": [edit], "publish": true});
        let request = client.post(format!("{}/api/v1/changes", self.url)).bearer_auth(token).json(&body);
        let Ok(answer) = request.send().await else { return Outcome::Unknown };
        let status = answer.status();
        let Ok(body) = answer.json::<Value>().await else { return Outcome::Unknown };
        match status.as_u16() {
            200 | 202 => Outcome::Acknowledged(body["releases"][0]["release"].as_u64().unwrap()),
            _ => panic!("{status}: {body}"),
        }
    }

    /// Returns release and content of `dev/shop/application` from the read endpoint.
    pub async fn read(&self, client: &reqwest::Client, token: &str) -> (u64, Value) {
        let url = format!("{}/api/v1/configs/dev/shop/application", self.url);
        let body: Value = client.get(url).bearer_auth(token).send().await.unwrap().json().await.unwrap();
        (body["release"].as_u64().unwrap_or_default(), body["content"].clone())
    }

    /// Waits until the read endpoint holds at least this release.
    pub async fn wait_for(&self, client: &reqwest::Client, token: &str, release: u64) -> Value {
        let waiting = async {
            loop {
                let (seq, content) = self.read(client, token).await;
                if seq >= release {
                    return content;
                }
                let url = format!("{}/api/v1/configs/dev/shop/application?after={seq}&wait=5", self.url);
                client.get(url).bearer_auth(token).send().await.unwrap();
            }
        };
        timeout(LONG, waiting).await.expect("the release arrives")
    }
}

/// Returns a command that replaces a shell, after it has run `before`, with the program.
fn in_shell(before: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before}; exec \"$0\" \"$@\""), PROGRAM]);
    shell
}

/// Sends a signal to a process.
pub async fn signal(name: &str, pid: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), pid]).status().await.unwrap().success());
}

/// Creates the environment, application and namespace for [`Node::publish`].
pub async fn prepare(url: &str, client: &reqwest::Client, token: &str) {
    for (path, body) in [
        ("envs/dev", json!({})),
        ("apps/shop", json!({})),
        ("apps/shop/namespaces/application", json!({"format": "kv"})),
    ] {
        let answer = client.put(format!("{url}/api/v1/{path}")).bearer_auth(token).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }
}
