//! Processes that are started, killed, paused and started again, and that never outlive the harness.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

/// Anything may go wrong with the harness itself, and then there is nothing to be done but to say so.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How long anything may take to start; a loaded machine takes about ten seconds.
pub const START: Duration = Duration::from_secs(60);

/// How long a command may take that is no server.
const COMMAND: Duration = Duration::from_secs(10);

/// A server and how it is started.
pub struct Process {
    /// What it is called.
    pub name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    folder: PathBuf,
    child: Option<Child>,
    paused: bool,
}

impl Process {
    /// One that is not started yet. What it prints goes to `<folder>/<name>.log`.
    pub fn new(name: &str, folder: &Path, args: &[&str], env: &[(&str, String)]) -> Self {
        Self {
            name: name.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            env: env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            folder: folder.to_owned(),
            child: None,
            paused: false,
        }
    }

    /// Starts it, if it does not run.
    pub fn start(&mut self) -> Result<()> {
        if self.runs() {
            return Ok(());
        }
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        // It ends with this process even when that is killed; and in a group of its own ctrl-C does not reach it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).args(&self.args).envs(self.env.iter().cloned()).process_group(0);
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn()?);
        self.paused = false;
        Ok(())
    }

    /// Whether it was started and lives.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Whether it was killed by the harness, or never started.
    pub fn was_killed(&self) -> bool {
        self.child.is_none()
    }

    /// As `kill -9`.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Takes all time from it.
    pub async fn pause(&mut self) -> Result<()> {
        self.signal("-STOP").await?;
        self.paused = true;
        Ok(())
    }

    /// Gives it time again.
    pub async fn resume(&mut self) -> Result<()> {
        if std::mem::take(&mut self.paused) && self.runs() {
            self.signal("-CONT").await?;
        }
        Ok(())
    }

    async fn signal(&mut self, name: &str) -> Result<()> {
        let Some(pid) = self.child.as_ref().and_then(Child::id) else { return Ok(()) };
        if !Command::new("kill").args([name, &pid.to_string()]).status().await?.success() {
            return Err(format!("{} cannot be sent {name}", self.name).into());
        }
        Ok(())
    }

    /// Where it writes what it prints.
    pub fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    /// The end of what it printed, for people.
    pub fn said(&self) -> String {
        let text = std::fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Starts it and waits until `ready` says so.
    pub async fn start_until<F: Future<Output = bool>>(&mut self, ready: impl Fn() -> F) -> Result<()> {
        // What was done to it may end it only now.
        let mut again = self.runs();
        self.start()?;
        let end = Instant::now() + START;
        while !ready().await {
            if !self.runs() && std::mem::take(&mut again) {
                self.start()?;
            }
            if !self.runs() || Instant::now() > end {
                return Err(format!("{} does not start:\n{}", self.name, self.said()).into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// Runs a command to its end and gives what it printed. One that does not end is ended: `etcdctl snapshot save` waits for
/// a paused etcd for ever.
pub async fn run(command: &mut Command) -> Result<String> {
    run_within(COMMAND, command).await
}

/// Runs a command that may take this long.
pub async fn run_within(limit: Duration, command: &mut Command) -> Result<String> {
    let ended = timeout(limit, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let out = ended.map_err(|_| format!("{command:?} did not end in {} s", limit.as_secs()))??;
    if !out.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&out.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// A port that is free, below the range from which the kernel takes those of outgoing connections.
pub fn free_port() -> Result<u16> {
    use std::{
        net::TcpListener,
        sync::atomic::{AtomicU16, Ordering},
    };
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Far from those of another one that runs at the same time: what is killed has to find its port free again.
    let start = (std::process::id() as u16).wrapping_mul(4001);
    for _ in 0..12_000 {
        let port = 20_000 + (start.wrapping_add(NEXT.fetch_add(7, Ordering::Relaxed)) % 12_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no port is free".into())
}
