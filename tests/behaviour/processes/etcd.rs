//! A private etcd for one test, which can be paused, killed and restarted.

use std::{net::TcpListener, path::PathBuf, process::Stdio};

use tokio::process::{Child, Command};

use super::node::signal;
use crate::support::{eventually, servers};

/// An etcd process. Dropping it ends the process and removes its folder.
pub struct PrivateEtcd {
    process: Option<Child>,
    folder: PathBuf,
    pub endpoint: String,
}

impl Drop for PrivateEtcd {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl PrivateEtcd {
    /// Prepares an etcd that does not run yet. Returns `None` where tests run without servers.
    pub fn new() -> Option<Self> {
        servers()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("trimtab-etcd-{}-{port}", std::process::id()));
        Some(Self { process: None, folder, endpoint: format!("127.0.0.1:{port}") })
    }

    /// Starts etcd with its earlier data, and waits until it answers.
    pub async fn start(&mut self) {
        let url = format!("http://{}", self.endpoint);
        let process = Command::new("etcd")
            .arg("--data-dir")
            .arg(&self.folder)
            .args(["--listen-client-urls", &url, "--advertise-client-urls", &url])
            .args(["--listen-peer-urls", "http://127.0.0.1:0", "--logger", "zap", "--log-level", "error"])
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        self.process = Some(process.expect("etcd is on the path"));
        eventually("etcd answers", async || self.client().await.is_some()).await;
    }

    /// Connects to etcd past Trimtab. Returns `None` when it does not answer.
    pub async fn client(&self) -> Option<etcd_client::Client> {
        let mut client = etcd_client::Client::connect([&self.endpoint], None).await.ok()?;
        client.get("there", None).await.ok()?;
        Some(client)
    }

    /// Kills the process with `SIGKILL`.
    pub async fn kill(&mut self) {
        self.process.take().unwrap().kill().await.unwrap();
    }

    /// Removes the data of a stopped etcd.
    pub fn wipe(&self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }

    /// Pauses the process with `STOP` or resumes it with `CONT`.
    pub async fn signal(&self, name: &str) {
        signal(name, &self.process.as_ref().and_then(Child::id).unwrap().to_string()).await;
    }
}
