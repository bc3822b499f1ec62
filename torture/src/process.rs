//! Processes that are started, killed, paused and restarted, and that never outlive the harness.

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

/// Result with any error. Errors of the harness are only reported.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Timeout of the start of a server, which takes about ten seconds on a loaded machine.
pub const START: Duration = Duration::from_secs(60);

/// Timeout of a command other than a server.
const COMMAND: Duration = Duration::from_secs(10);

/// A server process, with its arguments and environment for restarts.
pub struct Process {
    /// Name of the server.
    pub name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    folder: PathBuf,
    child: Option<Child>,
    paused: bool,
}

impl Process {
    /// Prepares a process that is not started yet. Its output goes to `<folder>/<name>.log`.
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

    /// Starts the process, if it does not run.
    pub fn start(&mut self) -> Result<()> {
        if self.runs() {
            return Ok(());
        }
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        // The server ends with the harness, even when that is killed. In its own group, Ctrl-C does not reach it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).args(&self.args).envs(self.env.iter().cloned()).process_group(0);
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn()?);
        self.paused = false;
        Ok(())
    }

    /// Returns whether the process runs.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Returns whether the harness killed the process or never started it.
    pub fn was_killed(&self) -> bool {
        self.child.is_none()
    }

    /// Kills the process with `SIGKILL`.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Pauses the process with `SIGSTOP`.
    pub async fn pause(&mut self) -> Result<()> {
        self.signal("-STOP").await?;
        self.paused = true;
        Ok(())
    }

    /// Resumes the process after a pause.
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

    /// Returns the path of the log.
    pub fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    /// Returns the last 20 lines of the log.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Starts the process and waits until `ready` returns true.
    pub async fn start_until<F: Future<Output = bool>>(&mut self, ready: impl Fn() -> F) -> Result<()> {
        // An earlier fault may end a running process only now, so it is restarted once.
        let mut again = self.runs();
        self.start()?;
        let end = Instant::now() + START;
        while !ready().await {
            if !self.runs() && std::mem::take(&mut again) {
                self.start()?;
            }
            if !self.runs() || Instant::now() > end {
                return Err(format!("{} does not start:\n{}", self.name, self.log_tail()).into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// Runs a command and returns its output. The time is limited, because `etcdctl snapshot save` waits for a paused etcd
/// for ever.
pub async fn run(command: &mut Command) -> Result<String> {
    run_within(COMMAND, command).await
}

/// Runs a command with this timeout and returns its output.
pub async fn run_within(limit: Duration, command: &mut Command) -> Result<String> {
    let ended = timeout(limit, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let out = ended.map_err(|_| format!("{command:?} did not end in {} s", limit.as_secs()))??;
    if !out.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&out.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Returns a free port, below the kernel's range for outgoing connections.
pub fn free_port() -> Result<u16> {
    use std::{
        net::TcpListener,
        sync::atomic::{AtomicU16, Ordering},
    };
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Harnesses that run at the same time use different ports, because a killed server needs its port again.
    let start = (std::process::id() as u16).wrapping_mul(4001);
    for _ in 0..12_000 {
        let port = 20_000 + (start.wrapping_add(NEXT.fetch_add(7, Ordering::Relaxed)) % 12_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no port is free".into())
}
