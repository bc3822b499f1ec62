//! The set-up that is broken: a database, etcd, two consoles, optional reader nodes, and a proxy in each link.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Client, redirect::Policy};
use serde_json::json;
use sqlx::Executor;
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use crate::{
    dice::Dice,
    mutation::{EMPTY_OUTBOX, Mutation, strip_compares},
    process::{Process, Result, START, free_port, run},
    proxy::{Mode, Proxy, Rewrite},
    servers::{Database, Etcd},
};

/// Configs of all publishes, in two environments with a lock each.
pub const CONFIGS: [&str; 4] = ["blue/shop/application", "blue/shop/limits", "red/shop/application", "red/shop/limits"];
const FORM: &str = "application/x-www-form-urlencoded";
const PASSWORD: &str = "correct horse battery staple";

/// Settings of set-ups.
#[derive(Clone)]
pub struct Recipe {
    /// Path of the binary.
    pub trimtab: PathBuf,
    /// Number of reader nodes.
    pub readers: usize,
    /// Whether to mount small disks that can be filled.
    pub disks: bool,
    /// Whether the binary has a fast path that can be switched off.
    pub has_fast_path: bool,
    /// A protection that is taken away.
    pub without: Option<Mutation>,
}

impl Recipe {
    /// Uses the binary of `TRIMTAB`, with two reader nodes if it supports them.
    pub async fn of_environment() -> Result<Self> {
        let trimtab = PathBuf::from(env::var("TRIMTAB").map_err(|_| "TRIMTAB names no binary")?);
        let mut asked = Command::new(&trimtab);
        asked.arg("config").env("TRIMTAB_ROLE", "reader").env("TRIMTAB_ETCD__ENDPOINTS", "127.0.0.1:2379");
        let readers = if run(&mut asked).await.is_ok() { 2 } else { 0 };
        let has_fast_path = run(Command::new(&trimtab).arg("config").env("TRIMTAB_FAST_PATH", "off")).await.is_ok();
        let disks = env::var("TORTURE_DISKS").is_ok();
        Ok(Self { trimtab: fs::canonicalize(trimtab)?, readers, disks, has_fast_path, without: None })
    }
}

/// A server of Trimtab.
pub struct Node {
    pub process: Process,
    /// Address of the server, which stays the same after a restart.
    pub url: String,
    /// Link from writing clients to the server.
    pub clients: Proxy,
    /// Link to the database, on consoles.
    pub sql: Option<Proxy>,
    pub etcd: Proxy,
}

/// All servers of a set-up.
pub struct Cluster {
    // Fields are dropped in this order, so servers end before their disks are removed.
    pub nodes: Vec<Node>,
    pub database: Database,
    pub etcd: Etcd,
    /// Number of consoles. They are the first nodes; the others are reader nodes.
    pub consoles: usize,
    pub write_token: String,
    pub read_token: String,
    folder: Folder,
}

/// A folder that is removed with its set-up.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Cluster {
    /// Starts everything. The seed decides which consoles deliver without their fast path.
    pub async fn start(recipe: &Recipe, seed: u64) -> Result<Self> {
        let made = run(Command::new("mktemp").args(["-d", "-t", "trimtab-torture.XXXXXX"])).await?;
        let folder = Folder(PathBuf::from(made));
        let path = folder.0.clone();
        let database = Database::start(&path, recipe.disks).await?;
        let etcd = Etcd::start(&path, recipe.disks).await?;
        let (mut nodes, mut dice) = (Vec::new(), Dice::new(seed, "fast_path"));
        for n in 0..2 + recipe.readers {
            let is_slow = n < 2 && recipe.has_fast_path && dice.once_in(2);
            nodes.push(Node::new(recipe, &path, n, &database, &etcd, is_slow).await?);
        }
        let mut cluster =
            Self { nodes, database, etcd, consoles: 2, write_token: String::new(), read_token: String::new(), folder };
        cluster.up().await?;
        let cli = |args: &[&str]| cluster.command(recipe, args);
        let write = run(&mut cli(&["token", "create", "--name", "w", "--write", "*/*/*", "--admin"])).await?;
        let read = run(&mut cli(&["token", "create", "--name", "r", "--read", "*/*/*"])).await?;
        cluster.administrator(recipe).await?;
        (cluster.write_token, cluster.read_token) = (write, read);
        cluster.prepare().await?;
        if recipe.without == Some(Mutation::WithoutOutbox) {
            cluster.database.root().await?.execute(EMPTY_OUTBOX).await?;
        }
        cluster.until_all_serve().await?;
        Ok(cluster)
    }

    /// Waits until every node knows the token and the releases.
    async fn until_all_serve(&self) -> Result<()> {
        let (http, end) = (Client::builder().timeout(Duration::from_secs(2)).build()?, Instant::now() + START);
        for (node, config) in self.nodes.iter().flat_map(|node| CONFIGS.map(|config| (node, config))) {
            let url = format!("{}/api/v1/configs/{config}", node.url);
            while !http.get(&url).bearer_auth(&self.read_token).send().await.is_ok_and(|a| a.status().is_success()) {
                if Instant::now() > end {
                    return Err(format!("{} does not serve {config}", node.name()).into());
                }
                sleep(Duration::from_millis(30)).await;
            }
        }
        Ok(())
    }

    fn database_url(&self) -> String {
        format!("mysql://trimtab:trimtab@127.0.0.1:{}/trimtab", self.database.port)
    }

    /// Returns a command of Trimtab's command line, past all proxies.
    fn command(&self, recipe: &Recipe, args: &[&str]) -> Command {
        let mut command = Command::new(&recipe.trimtab);
        command.args(args).env("TRIMTAB_DATABASE__URL", self.database_url()).env("TRIMTAB_LOG", "error");
        command.env("TRIMTAB_ETCD__ENDPOINTS", format!("127.0.0.1:{}", self.etcd.port));
        command.env("TRIMTAB_DATA_DIR", self.folder.0.join("commands")).current_dir(&self.folder.0);
        command
    }

    async fn administrator(&self, recipe: &Recipe) -> Result<()> {
        let file = self.folder.0.join("password");
        fs::write(&file, PASSWORD)?;
        let mut command = self.command(recipe, &["admin", "create", "ana", "--password-stdin"]);
        let made = command.stdin(fs::File::open(&file)?).output().await?;
        if made.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&made.stderr).into()) }
    }

    /// Creates the configs, each with a first release.
    async fn prepare(&self) -> Result<()> {
        let http = Client::new();
        let mut puts: Vec<(String, serde_json::Value)> = vec![("apps/shop".into(), json!({}))];
        puts.extend(["blue", "red"].map(|env| (format!("envs/{env}"), json!({}))));
        puts.extend(["application", "limits"].map(|n| (format!("apps/shop/namespaces/{n}"), json!({"format": "kv"}))));
        let api = |path: &str| format!("{}/api/v1/{path}", self.nodes[0].url);
        for (path, body) in puts {
            let request = http.put(api(&path)).bearer_auth(&self.write_token).json(&body);
            request.send().await?.error_for_status()?;
        }
        let edits: Vec<_> = CONFIGS.iter().map(|c| json!({"config": c, "set": {"first": "release"}})).collect();
        let body = json!({"message": "first", "publish": true, "edits": edits});
        let request = http.post(api("changes")).bearer_auth(&self.write_token).json(&body);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Heals everything: restores links, frees disks, resumes paused servers and starts stopped ones. Returns the names
    /// of servers that had ended without being killed.
    pub async fn up(&mut self) -> Result<Vec<String>> {
        for node in &self.nodes {
            for link in [Some(&node.clients), node.sql.as_ref(), Some(&node.etcd)].into_iter().flatten() {
                link.set(Mode::Whole);
            }
        }
        self.database.disk.free();
        self.etcd.disk.free();
        for process in self.processes() {
            process.resume().await?;
        }
        self.database.up().await?;
        self.etcd.up().await?;
        self.database.read_only(false).await?;
        let mut ended = Vec::new();
        for node in &mut self.nodes {
            if !node.process.was_killed() && !node.process.runs() {
                ended.push(node.process.name.clone());
            }
            node.up().await?;
        }
        Ok(ended)
    }

    /// Returns all processes.
    pub fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        let nodes = self.nodes.iter_mut().map(|node| &mut node.process);
        nodes.chain([&mut self.database.process, &mut self.etcd.process])
    }

    /// Ends all servers.
    pub async fn end(&mut self) -> Result<()> {
        for process in self.processes() {
            process.kill().await?;
        }
        Ok(())
    }

    /// Repairs a config through the form of its page.
    pub async fn repair(&self, config: &str) -> Result<()> {
        let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(20)).build()?;
        let post = |path: &str, form: String| {
            let request = http.post(format!("{}/fn/{path}", self.nodes[0].url)).header("sec-fetch-site", "same-origin");
            request.header("accept", "text/html").header("content-type", FORM).body(form)
        };
        let answer = post("log-in", format!("name=ana&password={}", PASSWORD.replace(' ', "+"))).send().await?;
        // The cookies of the session and of the known browser.
        let cookies = answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let cookie = cookies.filter_map(|cookie| cookie.split(';').next()).collect::<Vec<_>>().join("; ");
        let form = format!("config={}", config.replace('/', "%2F"));
        let answer = post("repair", form).header("cookie", cookie).send().await?;
        let status = answer.status();
        if status.is_redirection() { Ok(()) } else { Err(format!("a repair was answered {status}").into()) }
    }

    /// Counts the log lines of all nodes that contain a text.
    pub fn lines(&self, of: &str) -> usize {
        let logs = self.nodes.iter().map(|node| fs::read(node.process.log()).unwrap_or_default());
        logs.map(|log| String::from_utf8_lossy(&log).lines().filter(|line| line.contains(of)).count()).sum()
    }

    /// Copies the logs of all servers to a folder.
    pub fn keep_logs(&mut self, into: &Path) -> Result<()> {
        for process in self.processes() {
            let log = process.log();
            if let Some(name) = log.file_name() {
                fs::copy(&log, into.join(name))?;
            }
        }
        Ok(())
    }
}

impl Node {
    async fn new(
        recipe: &Recipe,
        folder: &Path,
        n: usize,
        database: &Database,
        etcd: &Etcd,
        is_slow: bool,
    ) -> Result<Self> {
        let (console, port) = (n < 2, free_port()?);
        let name = if console { format!("console-{n}") } else { format!("reader-{}", n - 2) };
        let without_fence = recipe.without == Some(Mutation::WithoutFence);
        let etcd = Proxy::rewriting(etcd.port, without_fence.then_some(strip_compares as Rewrite)).await?;
        let sql = if console { Some(Proxy::to(database.port).await?) } else { None };
        let data = folder.join(format!("{name}-data"));
        fs::create_dir_all(&data)?;
        let mut env = vec![
            ("TRIMTAB_LISTEN", format!("127.0.0.1:{port}")),
            ("TRIMTAB_DATA_DIR", data.display().to_string()),
            ("TRIMTAB_NODE", name.clone()),
            ("TRIMTAB_LOG", "info".to_owned()),
            ("TRIMTAB_ETCD__ENDPOINTS", etcd.address.to_string()),
        ];
        match &sql {
            Some(sql) => {
                let url = format!("mysql://trimtab:trimtab@{}/trimtab", sql.address);
                env.push(("TRIMTAB_DATABASE__URL", url));
            }
            None => env.push(("TRIMTAB_ROLE", "reader".to_owned())),
        }
        if is_slow {
            env.push(("TRIMTAB_FAST_PATH", "off".to_owned()));
        }
        let program = recipe.trimtab.display().to_string();
        let process = Process::new(&name, folder, &[&program, "serve"], &env);
        let clients = Proxy::to(port).await?;
        Ok(Self { process, url: format!("http://127.0.0.1:{port}"), clients, sql, etcd })
    }

    /// Returns the name of the node.
    pub fn name(&self) -> &str {
        &self.process.name
    }

    /// Starts the node, if it does not run, and waits until it answers. Like a supervisor, it restarts a node that
    /// gives up because its database is not ready yet.
    pub async fn up(&mut self) -> Result<()> {
        let end = Instant::now() + START;
        let http = Client::builder().timeout(Duration::from_secs(2)).build()?;
        loop {
            self.process.start()?;
            let answer = http.get(format!("{}/healthz", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("{} does not start:\n{}", self.name(), self.process.log_tail()).into());
            }
            sleep(Duration::from_millis(30)).await;
        }
    }
}
