//! The database and etcd, started as in `tools/with-servers.sh`, on disks that can be filled.

use std::{
    env,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use etcd_client::{Client, ConnectOptions};
use sqlx::{Connection, Executor, MySqlConnection, mysql::MySqlConnectOptions};
use tokio::{fs, process::Command, time::timeout};

use crate::process::{Process, Result, START, free_port, run, run_within};

const DATABASE: &str = "create database if not exists trimtab character set utf8mb4;
create user if not exists trimtab@'%' identified by 'trimtab';
grant all on `trimtab%`.* to trimtab@'%';
";
const ANSWER: Duration = Duration::from_secs(5);

/// A folder, which is a small disk where mounting is allowed.
pub struct Disk {
    folder: PathBuf,
    mounted: bool,
}

impl Disk {
    /// Creates a disk of so many megabytes, or an ordinary folder where mounting is not allowed.
    async fn make(folder: PathBuf, megabytes: u32, small: bool) -> Result<Self> {
        fs::create_dir_all(&folder).await?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "torture"]).arg(&folder);
        let mounted = small && run(&mut mount).await.is_ok();
        Ok(Self { folder, mounted })
    }

    /// Returns whether it is a small disk, which can be filled without harm to other files.
    pub fn is_small(&self) -> bool {
        self.mounted
    }

    /// Fills the disk to the last byte.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = std::fs::File::create(self.folder.join("ballast"))?;
        let mut size = 1024 * 1024;
        while size > 0 && self.mounted {
            match ballast.write_all(&vec![1; size]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => size /= 16,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Frees the space.
    pub fn free(&self) {
        let _ = std::fs::remove_file(self.folder.join("ballast"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.folder).status();
        }
    }
}

/// The database product: MariaDB from the system's packages, or MySQL with `TRIMTAB_SERVERS=latest`.
#[derive(Clone, Copy)]
enum Product {
    MariaDb,
    MySql,
}

impl Product {
    fn of_environment() -> Self {
        if env::var("TRIMTAB_SERVERS").is_ok_and(|servers| servers == "latest") { Self::MySql } else { Self::MariaDb }
    }

    fn program(self) -> &'static str {
        match self {
            Self::MariaDb => "mariadbd",
            Self::MySql => "mysqld",
        }
    }

    /// Returns the options that only this product has.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::MariaDb => &["--innodb-log-file-size=16M"],
            // Without the port of the X protocol and the system's folder for files.
            Self::MySql => &["--innodb-redo-log-capacity=32M", "--mysqlx=0", "--secure-file-priv="],
        }
    }

    /// Creates a new data folder.
    async fn install(self, folder: &Path, data: &str, user: &str) -> Result<()> {
        let mut install = match self {
            Self::MariaDb => {
                // Uses a wrapper, because mariadb-install-db --user would change the owner of a system folder.
                let wrapper = folder.join("mariadbd");
                fs::write(&wrapper, format!("#!/bin/sh\nexec mariadbd \"$@\" --user={user}\n")).await?;
                run(Command::new("chmod").arg("+x").arg(&wrapper)).await?;
                let mut install = Command::new("mariadb-install-db");
                install.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
                install.arg("--skip-name-resolve").env("MYSQLD_BOOTSTRAP", wrapper);
                install
            }
            Self::MySql => {
                let mut install = Command::new(self.program());
                install.args(["--no-defaults", "--initialize-insecure"]).args(self.options());
                install.arg(format!("--user={user}"));
                install
            }
        };
        run_within(START, install.arg(format!("--datadir={data}"))).await.map(drop)
    }
}

/// A MariaDB or MySQL server.
pub struct Database {
    pub process: Process,
    pub port: u16,
    pub disk: Disk,
    socket: PathBuf,
}

impl Database {
    /// Installs and starts a server.
    pub async fn start(folder: &Path, small: bool) -> Result<Self> {
        let (product, user) = (Product::of_environment(), run(Command::new("id").arg("-un")).await?);
        let disk = Disk::make(folder.join("database"), 400, small).await?;
        let (data, socket, init) = (disk.folder.join("data"), folder.join("mysql.sock"), folder.join("init.sql"));
        let data = data.display().to_string();
        fs::write(&init, DATABASE).await?;
        product.install(folder, &data, &user).await?;
        let port = free_port()?;
        let own = [
            format!("--user={user}"),
            format!("--datadir={data}"),
            // In a shared folder, a starting server would delete temporary tables of others and crash them.
            format!("--tmpdir={}", folder.display()),
            format!("--socket={}", socket.display()),
            format!("--init-file={}", init.display()),
            format!("--port={port}"),
        ];
        let mut args = vec![product.program(), "--no-defaults"];
        args.extend(own.iter().map(String::as_str));
        args.extend(product.options());
        args.extend([
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-buffer-pool-size=64M",
            "--max-connections=400",
        ]);
        let process = Process::new("database", folder, &args, &[]);
        let mut database = Self { process, port, disk, socket };
        database.up().await?;
        Ok(database)
    }

    /// Starts it, if it does not run, and waits until it answers.
    pub async fn up(&mut self) -> Result<()> {
        let socket = self.socket.clone();
        self.process.start_until(|| async { root(&socket).await.is_ok() }).await
    }

    /// Connects as root, past the proxies.
    pub async fn root(&self) -> Result<MySqlConnection> {
        root(&self.socket).await
    }

    /// Ends the connections of all nodes. Returns their number.
    pub async fn kill_connections(&self) -> Result<usize> {
        let mut root = self.root().await?;
        let ids: Vec<i64> = sqlx::query_scalar("select id from information_schema.processlist where user = 'trimtab'")
            .fetch_all(&mut root)
            .await?;
        for id in &ids {
            // It may have ended already.
            let _ = sqlx::query("kill connection ?").bind(id).execute(&mut root).await;
        }
        Ok(ids.len())
    }

    /// Makes the database read-only, or writable again.
    pub async fn read_only(&self, on: bool) -> Result<()> {
        let mut root = self.root().await?;
        let statement = if on { "set global read_only = 1" } else { "set global read_only = 0" };
        timeout(ANSWER, root.execute(statement)).await??;
        Ok(())
    }
}

async fn root(socket: &Path) -> Result<MySqlConnection> {
    let options = MySqlConnectOptions::new().socket(socket).username("root").database("trimtab");
    Ok(timeout(ANSWER, MySqlConnection::connect_with(&options)).await??)
}

/// An etcd with one member.
pub struct Etcd {
    pub process: Process,
    pub port: u16,
    pub disk: Disk,
    peer: String,
}

impl Etcd {
    /// Starts etcd.
    pub async fn start(folder: &Path, small: bool) -> Result<Self> {
        let disk = Disk::make(folder.join("etcd"), 640, small).await?;
        let (port, peer) = (free_port()?, format!("http://127.0.0.1:{}", free_port()?));
        let (data, client) = (disk.folder.join("data"), format!("http://127.0.0.1:{port}"));
        let args = [
            "etcd",
            "--name=torture",
            "--logger=zap",
            &format!("--data-dir={}", data.display()),
            &format!("--listen-client-urls={client}"),
            &format!("--advertise-client-urls={client}"),
            &format!("--listen-peer-urls={peer}"),
            &format!("--initial-advertise-peer-urls={peer}"),
            &format!("--initial-cluster=torture={peer}"),
        ];
        let process = Process::new("etcd", folder, &args, &[]);
        let mut etcd = Self { process, port, disk, peer };
        etcd.up().await?;
        Ok(etcd)
    }

    /// Starts it, if it does not run, and waits until it answers.
    pub async fn up(&mut self) -> Result<()> {
        let port = self.port;
        let ready = || async move {
            let Ok(mut client) = client(port).await else { return false };
            client.get("torture", None).await.is_ok()
        };
        self.process.start_until(ready).await
    }

    /// Connects past the proxies.
    pub async fn client(&self) -> Result<Client> {
        client(self.port).await
    }

    /// Saves a snapshot to a file.
    pub async fn save(&self) -> Result<PathBuf> {
        // Outside of the small disk.
        let file = self.disk.folder.with_file_name("snapshot");
        let mut save = Command::new("etcdctl");
        save.env("ETCDCTL_API", "3").arg(format!("--endpoints=127.0.0.1:{}", self.port));
        run(save.args(["snapshot", "save"]).arg(&file)).await?;
        Ok(file)
    }

    /// Kills etcd and restores such a snapshot. Afterwards etcd is stopped.
    pub async fn restore(&mut self, file: &Path) -> Result<()> {
        self.process.kill().await?;
        let data = self.disk.folder.join("data");
        fs::remove_dir_all(&data).await?;
        // etcd 3.6 and later restore with etcdutl, which does not exist before 3.5.
        let has_own = run(Command::new("etcdutl").arg("version")).await.is_ok();
        let mut restore = Command::new(if has_own { "etcdutl" } else { "etcdctl" });
        restore.env("ETCDCTL_API", "3").args(["snapshot", "restore"]).arg(file);
        restore.args(["--name=torture", &format!("--initial-cluster=torture={}", self.peer)]);
        restore.arg(format!("--initial-advertise-peer-urls={}", self.peer));
        run(restore.arg(format!("--data-dir={}", data.display()))).await?;
        Ok(fs::remove_file(file).await?)
    }
}

async fn client(port: u16) -> Result<Client> {
    let options = ConnectOptions::new().with_connect_timeout(ANSWER).with_timeout(ANSWER);
    Ok(Client::connect([format!("127.0.0.1:{port}")], Some(options)).await?)
}

/// Returns the versions of all programs.
pub async fn versions(trimtab: &Path) -> Vec<String> {
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    let database = Command::new(Product::of_environment().program());
    for mut command in [Command::new(trimtab), database, Command::new("etcd"), Command::new("rustc")] {
        match run(command.arg("--version")).await {
            Ok(text) => found.push(first(text)),
            Err(error) => found.push(format!("unknown ({error})")),
        }
    }
    found
}
