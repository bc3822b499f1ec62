//! Interoperation with Go programs (`tests/go`): etcd's `concurrency` locks, and a reader that polls its key.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{
    super::{ChannelError, Lock},
    Bench, TEST_TIMEOUT, env as named, eventually, small,
};
use crate::prerequisites;

/// A running Go program that answers each line with one line.
struct Program {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Program {
    async fn start(name: &str, arguments: [&str; 2]) -> Option<Self> {
        let mut process = Command::new(programs()?.join(name))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Some(Self { _process: process, input, output })
    }

    async fn send(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn line(&mut self) -> String {
        let line = timeout(TEST_TIMEOUT, self.output.next_line()).await.expect("a line in time");
        line.unwrap().expect("the program ended")
    }

    async fn ask(&mut self, line: &str) -> String {
        self.send(line).await;
        self.line().await
    }
}

/// Builds the programs of `tests/go` once and returns their folder. Without `go`, or if its modules cannot be fetched,
/// the test is skipped.
pub(crate) fn programs() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    let go = |arguments: &[&str]| {
        let mut go = std::process::Command::new("go");
        go.args(arguments).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/go")).output()
    };
    let missing = match go(&["mod", "download"]) {
        Err(error) => Some(format!("go cannot be started: {error}")),
        Ok(output) if !output.status.success() => {
            Some(format!("go cannot fetch its modules: {}", String::from_utf8_lossy(&output.stderr)))
        }
        Ok(_) => None,
    };
    if let Some(missing) = missing {
        prerequisites::skip(&missing, "cd tests/go && go mod download");
        return None;
    }
    let programs = env::current_exe().unwrap().with_file_name("go-interop");
    let output = go(&["build", "-o", &format!("{}/", programs.display()), "./..."]).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(programs)
}

/// Returns a bench, and a Go program that uses the lock of `prod`.
async fn beside_go() -> Option<(Bench, Program)> {
    let bench = Bench::etcd().await?;
    let raw = bench.raw.as_ref().unwrap();
    let go = Program::start("mutex", [&raw.endpoint, &format!("{}/locks/prod", raw.root)]).await?;
    Some((bench, go))
}

#[tokio::test]
async fn a_lock_held_by_trimtab_excludes_go() {
    let Some((mut bench, mut go)) = beside_go().await else { return };
    let lock = bench.channel.lock(&named("prod"), TEST_TIMEOUT).await.unwrap();
    assert_eq!(go.ask("trylock").await, "locked");
    go.send("lock").await;
    eventually("go waits", async || bench.channel.has_waiters(&lock).await).await;
    bench.channel.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    lock.release().await;
    assert_eq!(go.line().await, "ok");

    // Likewise when the lease expires.
    assert_eq!(go.ask("unlock").await, "ok");
    let lock = bench.channel.lock(&named("prod"), TEST_TIMEOUT).await.unwrap();
    go.send("lock").await;
    eventually("go waits", async || bench.channel.has_waiters(&lock).await).await;
    bench.expire(&lock).await;
    assert_eq!(go.line().await, "ok");
    assert_eq!(go.ask("owner").await, "true");
    let fenced = bench.channel.deliver(&lock, &[small("a/x", 2)]).await;
    assert_eq!(fenced, Err(ChannelError::Fenced { env: named("prod") }));
}

#[tokio::test]
async fn a_lock_held_by_go_excludes_trimtab() {
    let Some((bench, mut go)) = beside_go().await else { return };
    assert_eq!(go.ask("lock").await, "ok");
    assert_eq!(go.ask("owner").await, "true");
    let busy = bench.channel.lock(&named("prod"), Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(busy, ChannelError::Busy { env: named("prod") });
    let holder = bench.channel.holder(&named("prod")).await.unwrap().unwrap();
    assert_eq!(holder.node, None, "a Go program gives no name");

    let (channel, prod) = (bench.channel.clone(), named("prod"));
    let next = tokio::spawn(async move { channel.lock(&prod, TEST_TIMEOUT).await });
    assert_eq!(go.ask("owner").await, "true");
    assert_eq!(go.ask("unlock").await, "ok");
    let lock: Lock = next.await.unwrap().unwrap();
    bench.channel.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    assert_eq!(go.ask("trylock").await, "locked");
}

#[tokio::test]
async fn a_go_program_that_polls_its_key_sees_every_state() {
    let Some(bench) = Bench::etcd().await else { return };
    let raw = bench.raw.as_ref().unwrap();
    let lock = bench.channel.lock(&named("prod"), TEST_TIMEOUT).await.unwrap();
    bench.channel.deliver(&lock, &[small("shop/application", 1)]).await.unwrap();
    let key = format!("{}/config/prod/shop/application", raw.root);
    let Some(mut go) = Program::start("poll", [&raw.endpoint, &key]).await else { return };
    assert_eq!(go.line().await, "1");
    for seq in 2..=4 {
        bench.channel.deliver(&lock, &[small("shop/application", seq)]).await.unwrap();
        assert_eq!(go.line().await, seq.to_string());
    }
}
