//! A lock holder that is paused past its lease, and resumed in the critical section, writes nothing.

use std::{process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
};
use trimtab::{
    channel::{Channel, ChannelError, EtcdSettings, Timing},
    domain::{
        content::{Format, sha256},
        entry::{Entry, Meta},
        time::Time,
    },
};

use super::node::signal;
use crate::support::{config, etcd_settings, servers};

/// Set in the process that is paused: `endpoint|root`.
const CHILD: &str = "TRIMTAB_TEST_PAUSED";

fn settings(endpoint: &str, root: &str) -> EtcdSettings {
    // The shortest lease that etcd grants.
    EtcdSettings {
        timing: Timing { ttl: Duration::from_secs(2), ..Timing::default() },
        ..etcd_settings(endpoint, root)
    }
}

fn entry(seq: u64, document: &str) -> Entry {
    let meta = Meta {
        seq,
        sha256: sha256(document.as_bytes()),
        format: Format::Kv,
        author: "ana".into(),
        message: String::new(),
        published_at: Time(0),
        change: "01a2045b-6bd5-7671-9919-2e11781e7657".parse().unwrap(),
    };
    Entry { config: config("prod/shop/application"), meta: meta.into(), document: document.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_holder_paused_past_its_lease_writes_nothing() {
    let Some((_, endpoint)) = servers() else { return };
    let root = format!("paused-{}", std::process::id());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "processes::paused::paused_lock_holder_process", "--nocapture"])
        .env(CHILD, format!("{endpoint}|{root}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pid = child.id().unwrap().to_string();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = async |what: &str| {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, rest)) = line.split_once(what) {
                return rest.to_owned();
            }
        }
        panic!("the child ended without printing {what:?}");
    };

    said("locked").await;
    signal("STOP", &pid).await;
    // Acquiring the lock proves that the paused holder's lease has expired.
    let channel = Channel::etcd(settings(&endpoint, &root)).await.unwrap();
    let env = "prod".parse().unwrap();
    let lock = channel.lock(&env, Duration::from_secs(30)).await.unwrap();
    channel.deliver(&lock, &[entry(1, r#"{"by":"the second holder"}"#)]).await.unwrap();
    lock.release().await;
    let before = channel.list().await.unwrap();

    signal("CONT", &pid).await;
    child.stdin.take().unwrap().write_all(b"go\n").await.unwrap();
    assert_eq!(said("wrote: ").await, "fenced");
    let after = channel.list().await.unwrap();
    assert_eq!(after.entries, before.entries);
    assert_eq!(after.entries[0].document.expose(), r#"{"by":"the second holder"}"#);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child process of the test above"]
async fn paused_lock_holder_process() {
    let place = std::env::var(CHILD).expect("started by the test above");
    let (endpoint, root) = place.split_once('|').unwrap();
    let channel = Channel::etcd(settings(endpoint, root)).await.unwrap();
    let lock = channel.lock(&"prod".parse().unwrap(), Duration::from_secs(5)).await.unwrap();
    println!("locked");
    let go = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    go.await.unwrap().unwrap();
    // The process continues without knowing of the pause. Its release is later, so that only the fence stops it.
    let outcome = match channel.deliver(&lock, &[entry(2, r#"{"by":"the paused holder"}"#)]).await {
        Ok(_) => "something".to_owned(),
        Err(ChannelError::Fenced { .. }) => "fenced".to_owned(),
        Err(other) => format!("{other:?}"),
    };
    println!("wrote: {outcome}");
}
