//! Tests of the channel: one suite for memory and for etcd.
//!
//! The etcd half needs a server in `TRIMTAB_TEST_ETCD` (`host:port`).
//! Each test uses its own root.

mod delivery;
mod foreign;
pub(crate) mod go;
mod locks;
mod measure;
mod outage;
pub(crate) mod proxy;
mod reading;
mod registry;
mod secured;
mod tokens;

use std::{sync::Arc, time::Duration};

use etcd_client::Client;
use tokio::{
    sync::{RwLock, RwLockReadGuard},
    time::timeout,
};
use uuid::Uuid;

use super::{Channel, ChannelError, EtcdSettings, Lock, ReleaseWatch, Timing};
use crate::{
    domain::{
        bin::Removal,
        content::{Format, sha256},
        entry::{Entry, Meta},
        names::EnvName,
        time::Time,
    },
    prerequisites,
};

/// Timeout of steps that must succeed.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Held exclusively by the test of compaction, which affects all of etcd.
static QUIET: RwLock<()> = RwLock::const_new(());

/// Runs tests on both channels.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod local {
            $(#[tokio::test] async fn $name() { super::$name(super::Bench::local()).await })*
        }
        mod etcd {
            $(#[tokio::test] async fn $name() {
                if let Some(bench) = super::Bench::etcd().await { super::$name(bench).await }
            })*
        }
    };
}
use on_both;

/// A channel as two nodes see it, and direct access to its etcd.
struct Bench {
    channel: Channel,
    /// The channel of another node.
    other: Channel,
    raw: Option<Raw>,
}

/// etcd without the channel.
struct Raw {
    client: Client,
    endpoint: String,
    root: String,
    quiet: Option<RwLockReadGuard<'static, ()>>,
}

impl Bench {
    fn local() -> Self {
        let channel = Channel::local();
        Self { other: channel.clone(), channel, raw: None }
    }

    async fn etcd() -> Option<Self> {
        let endpoint = prerequisites::server("TRIMTAB_TEST_ETCD")?;
        let client = Client::connect([&endpoint], None).await.expect("a client connects lazily");
        let root = format!("test/{}", &Uuid::new_v4().simple().to_string()[..12]);
        let raw = Raw { client, endpoint, root, quiet: Some(QUIET.read().await) };
        let (channel, other) = (raw.channel().await, raw.channel().await);
        Some(Self { channel, other, raw: Some(raw) })
    }

    fn raw(&mut self) -> &mut Raw {
        self.raw.as_mut().expect("a test of etcd")
    }

    /// Ends the lease of a lock, so that its holder loses it.
    async fn expire(&mut self, lock: &Lock) {
        match (&self.channel, lock) {
            (Channel::Local(local), lock) => local.force_release(lock.env()),
            (Channel::Etcd(_), Lock::Etcd(lock)) => {
                self.raw().client.lease_revoke(lock.lease()).await.unwrap();
            }
            _ => unreachable!("a lock of the other channel"),
        }
    }

    /// Drops the history.
    async fn compact(&mut self) {
        if let Channel::Local(local) = &self.channel {
            return local.compact();
        }
        let revision = self.channel.head().await.unwrap().revision;
        let raw = self.raw();
        raw.quiet = None;
        let alone = QUIET.write().await;
        raw.client.compact(revision, None).await.unwrap();
        raw.quiet = Some(alone.downgrade());
    }
}

impl Raw {
    fn settings(&self, endpoints: &[&str]) -> EtcdSettings {
        EtcdSettings {
            endpoints: endpoints.iter().map(|&endpoint| endpoint.to_owned()).collect(),
            root: self.root.clone(),
            ..EtcdSettings::default()
        }
    }

    async fn channel(&self) -> Channel {
        Channel::etcd(self.settings(&[&self.endpoint])).await.unwrap()
    }

    /// Returns a channel with short timeouts.
    async fn channel_with_short_timeouts(&self, endpoints: &[&str]) -> Channel {
        self.channel_with(short_timeouts(), endpoints).await
    }

    async fn channel_with(&self, timing: Timing, endpoints: &[&str]) -> Channel {
        Channel::etcd(EtcdSettings { timing, ..self.settings(endpoints) }).await.unwrap()
    }

    async fn put(&mut self, key: &str, value: impl Into<Vec<u8>>) {
        self.client.put(format!("{}/{key}", self.root), value, None).await.unwrap();
    }

    async fn leased(&mut self, key: &str, value: impl Into<Vec<u8>>, lease: i64) {
        let options = etcd_client::PutOptions::new().with_lease(lease);
        self.client.put(format!("{}/{key}", self.root), value, Some(options)).await.unwrap();
    }

    async fn delete(&mut self, key: &str) {
        self.client.delete(format!("{}/{key}", self.root), None).await.unwrap();
    }

    async fn get(&mut self, key: &str) -> String {
        let found = self.client.get(format!("{}/{key}", self.root), None).await.unwrap();
        found.kvs()[0].value_str().unwrap().to_owned()
    }
}

/// Returns short timeouts that still suffice on a busy machine.
fn short_timeouts() -> Timing {
    let ms = Duration::from_millis;
    Timing { ttl: Duration::from_secs(3), connect: ms(700), call: ms(900), page: ms(1000), silence: ms(400) }
}

fn env(name: &str) -> EnvName {
    name.parse().unwrap()
}

/// Returns a release of a config of `prod`.
fn release(config: &str, seq: u64, document: &str) -> Entry {
    Entry {
        config: format!("prod/{config}").parse().unwrap(),
        meta: Arc::new(Meta {
            seq,
            sha256: sha256(document.as_bytes()),
            format: Format::Kv,
            author: "ada".into(),
            message: format!("release \"{seq}\"\n商店"),
            published_at: Time(1_795_363_200_123),
            change: "0198c0de-0000-7000-8000-000000000000".parse().unwrap(),
        }),
        document: document.into(),
    }
}

/// Returns a small release.
fn small(config: &str, seq: u64) -> Entry {
    release(config, seq, &format!("{{\"seq\":\"{seq}\"}}"))
}

/// Returns the removal of a config of `prod`.
fn removal(config: &str, seq: u64) -> Entry {
    let id = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
    let removal = Removal { id, by: "ada".into(), at: Time(1_795_363_200_456) };
    Entry::removal(format!("prod/{config}").parse().unwrap(), seq, &removal)
}

/// Waits for the next releases of a watch, at most [`TEST_TIMEOUT`].
async fn next(watch: &mut ReleaseWatch) -> Result<Vec<Entry>, ChannelError> {
    timeout(TEST_TIMEOUT, watch.next()).await.expect("a release in time")
}

/// Returns the numbers of the releases of a listing or a batch, by config.
fn numbers(entries: &[Entry]) -> Vec<(String, u64)> {
    let number = |entry: &Entry| (format!("{}/{}", entry.config.app, entry.config.namespace), entry.meta.seq);
    entries.iter().map(number).collect()
}

/// Polls a condition until it is true, at most [`TEST_TIMEOUT`].
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TEST_TIMEOUT, wait).await.unwrap_or_else(|_| panic!("{what} never came true"));
}
