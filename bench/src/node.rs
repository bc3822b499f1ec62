//! A server as a user starts it, with its command line and its HTTP API.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{
    fs,
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{bare::new_database, figures::Result};

/// Config of most publishes.
pub const CONFIG: &str = "bench/shop/application";

/// A set-up, shared by its servers.
#[derive(Clone)]
pub struct SetUp {
    /// Name in the report.
    pub name: &'static str,
    /// URL of the database.
    pub database: String,
    /// Endpoint of etcd. `None` when the channel is memory.
    pub etcd: Option<String>,
    root: String,
    folder: PathBuf,
}

impl SetUp {
    /// Makes a set-up of SQLite and memory, in a new folder.
    pub async fn embedded(name: &str) -> Result<Self> {
        let folder = fresh(name).await?;
        let database = format!("sqlite://{}", folder.join("trimtab.db").display());
        Ok(Self { name: "SQLite, in-process", database, etcd: None, root: String::new(), folder })
    }

    /// Makes a set-up with a new database and root on the MariaDB and etcd of `tools/with-servers.sh`.
    pub async fn cluster(name: &str) -> Result<Self> {
        let (etcd, server) = (env::var("TRIMTAB_TEST_ETCD")?, env::var("TRIMTAB_TEST_MYSQL")?);
        let root = format!("trimtab_{name}");
        new_database(&server, &root).await?;
        let host = server.rsplit_once('/').ok_or("no database in the URL")?.0;
        let database = format!("{host}/{root}");
        let folder = fresh(&format!("cluster-{name}")).await?;
        Ok(Self { name: "MariaDB, etcd", database, etcd: Some(etcd), root, folder })
    }

    fn command(&self, folder: &Path) -> Result<Command> {
        let mut command = Command::new(env::var("TRIMTAB")?);
        command.env("TRIMTAB_DATA_DIR", folder).env("TRIMTAB_LISTEN", "127.0.0.1:0").env("TRIMTAB_LOG", "warn");
        // One token sends the requests of a whole fleet, so rates are unlimited.
        command.env("TRIMTAB_RATES__READS", "0").env("TRIMTAB_RATES__WRITES", "0").env("TRIMTAB_RATES__PAGES", "0");
        command.env("TRIMTAB_DATABASE__URL", &self.database).current_dir(folder).kill_on_drop(true);
        if let Some(etcd) = &self.etcd {
            command.env("TRIMTAB_ETCD__ENDPOINTS", etcd).env("TRIMTAB_ETCD__ROOT", &self.root);
        }
        Ok(command)
    }

    /// Runs a command and returns its output.
    pub async fn cli(&self, args: &[&str]) -> Result<String> {
        let out = self.command(&self.folder)?.args(args).stderr(Stdio::inherit()).output().await?;
        if !out.status.success() {
            return Err(format!("trimtab {args:?} failed").into());
        }
        Ok(String::from_utf8(out.stdout)?.trim().to_owned())
    }

    /// Creates an administrator.
    pub async fn administrator(&self, name: &str, password: &str) -> Result<()> {
        let file = self.folder.join("password");
        fs::write(&file, password).await?;
        let stdin = std::fs::File::open(&file)?;
        let mut command = self.command(&self.folder)?;
        let made = command.args(["admin", "create", name, "--password-stdin"]).stdin(stdin).output().await?;
        if made.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&made.stderr).into()) }
    }

    /// Starts a server. A second server of the same set-up is a second node.
    pub async fn start(&self, node: &str) -> Result<Node> {
        self.start_as("console", node).await
    }

    /// Starts a server in this role.
    pub async fn start_as(&self, role: &str, node: &str) -> Result<Node> {
        let folder = self.folder.join(node);
        fs::create_dir_all(&folder).await?;
        // On SQLite, commands find the server by the lock in its folder, so all use the folder of the set-up.
        let folder = if self.etcd.is_some() { &folder } else { &self.folder };
        let mut child = self.command(folder)?.arg("serve").env("TRIMTAB_ROLE", role).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(url) = line.strip_prefix("listening on ") {
                // Later output is discarded, so that the pipe never fills.
                let url = url.to_owned();
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Node { child, url });
            }
        }
        Err("the server ended before it listened".into())
    }
}

async fn fresh(name: &str) -> Result<PathBuf> {
    let folder = PathBuf::from(env::var("TRIMTAB_TEST_DIR")?).join(format!("bench-{name}"));
    fs::create_dir_all(&folder).await?;
    Ok(folder)
}

/// A running server.
pub struct Node {
    child: Child,
    /// Address of the server.
    pub url: String,
}

impl Node {
    /// Returns the address of a config.
    pub fn config(&self, config: &str) -> String {
        format!("{}/api/v1/configs/{config}", self.url)
    }

    /// Kills the server. Afterwards another one may start in its folder.
    pub async fn end(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Returns the process id.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().ok_or_else(|| "the server has ended".into())
    }
}

/// Returns the processor time that a process has used, in seconds.
pub fn used(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The 12th and 13th fields after the name in brackets are user and system time, in hundredths.
    let after = stat.rsplit_once(')').ok_or("no stat")?.1;
    let ticks = after.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<std::result::Result<f64, _>>()? / 100.0)
}

/// Returns the resident memory of a process, in bytes.
pub fn memory(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}

/// A program with a token.
#[derive(Clone)]
pub struct Caller {
    /// HTTP client, which keeps its connections.
    pub http: Client,
    /// The token.
    pub token: String,
}

impl Caller {
    /// Creates a caller that may do everything but read secrets.
    pub async fn writer(set_up: &SetUp) -> Result<Self> {
        let token = set_up.cli(&["token", "create", "--name", "writer", "--write", "*/*/*", "--admin"]).await?;
        Ok(Self { http: Client::new(), token })
    }

    /// Creates a caller that may read.
    pub async fn reader(set_up: &SetUp) -> Result<Self> {
        Self::named_reader(set_up, "reader").await
    }

    /// Creates a caller that may read, with a token of this name.
    pub async fn named_reader(set_up: &SetUp, name: &str) -> Result<Self> {
        let token = set_up.cli(&["token", "create", "--name", name, "--read", "*/*/*"]).await?;
        Ok(Self { http: Client::new(), token })
    }

    /// Sends a `GET` with further headers.
    pub async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Response> {
        let request = headers.iter().fold(self.http.get(url), |request, (name, value)| request.header(*name, *value));
        Ok(request.bearer_auth(&self.token).send().await?)
    }

    /// Makes the environment, the application and the namespace of a config, and `keys` keys in it.
    pub async fn fill(&self, node: &Node, config: &str, keys: usize) -> Result<()> {
        let names: Vec<&str> = config.split('/').collect();
        let [env, app, namespace] = names[..] else { return Err("not a config".into()) };
        self.put(node, &format!("envs/{env}"), json!({})).await?;
        self.put(node, &format!("apps/{app}"), json!({})).await?;
        self.put(node, &format!("apps/{app}/namespaces/{namespace}"), json!({"format": "kv"})).await?;
        let set = (0..keys).map(|n| {
            let key = format!("service-{:02}.section-{:02}.property-{n:05}", n % 97, n % 31);
            (key, Value::String(format!("a value of ordinary length, number {n}")))
        });
        self.publish(node, config, set.collect()).await.map(drop)
    }

    /// Creates an environment, an application or a namespace.
    pub async fn put(&self, node: &Node, path: &str, body: Value) -> Result<()> {
        let request = self.http.put(format!("{}/api/v1/{path}", node.url)).bearer_auth(&self.token).json(&body);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Publishes values and returns the release after its delivery.
    pub async fn publish(&self, node: &Node, config: &str, set: serde_json::Map<String, Value>) -> Result<u64> {
        self.publish_all(node, &[json!({"config": config, "set": set})]).await
    }

    /// Publishes edits as one change and returns the first release after the delivery.
    pub async fn publish_all(&self, node: &Node, edits: &[Value]) -> Result<u64> {
        let body = json!({"message": "bench", "publish": true, "edits": edits});
        let request = self.http.post(format!("{}/api/v1/changes", node.url)).bearer_auth(&self.token).json(&body);
        let answer = request.send().await?;
        let (status, said) = (answer.status(), answer.text().await?);
        if status != StatusCode::OK {
            return Err(format!("a publish was answered {status}: {said}").into());
        }
        let said: Value = serde_json::from_str(&said)?;
        said["releases"][0]["release"].as_u64().ok_or_else(|| "a publish without a release".into())
    }

    /// Publishes another value of one key.
    pub async fn change(&self, node: &Node, value: usize) -> Result<u64> {
        let set = json!({"service-00.section-00.property-00000": format!("another value, {value}")});
        self.publish(node, CONFIG, set.as_object().cloned().unwrap_or_default()).await
    }
}
