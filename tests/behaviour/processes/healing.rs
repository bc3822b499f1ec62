//! Damage in etcd is repaired as soon as it is seen, and waiting deliveries continue as soon as etcd answers. Both
//! happen long before the regular comparison, which runs every 30 s.

use std::{sync::Arc, time::Duration};

use etcd_client::{Client, DeleteOptions, GetOptions};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use trimtab::{
    domain::release::Delivery,
    reader::{feed, store::SnapshotStore},
    service::now,
    tasks::TaskDriver,
};

use super::{
    etcd::PrivateEtcd,
    node::{Installation, Node, Outcome, ROOT, prepare},
};
use crate::support::*;

const SHOP: &str = "dev/shop/application";
/// Maximum time of a repair, so that it is not the one of the regular comparison.
const SOON: Duration = Duration::from_secs(10);

async fn soon(what: &str, is_so: impl AsyncFnMut() -> bool) {
    within(SOON, what, is_so).await;
}

/// A console beside an etcd, with release 1 of `dev/shop/application`.
struct ConsoleWithEtcd {
    etcd: PrivateEtcd,
    console: Node,
    http: reqwest::Client,
    /// Keeps the folder until the end of the test.
    _place: Installation,
}

impl ConsoleWithEtcd {
    async fn start() -> Option<Self> {
        let mut etcd = PrivateEtcd::new()?;
        etcd.start().await;
        let (place, http) = (Installation::beside_etcd(&etcd.endpoint), reqwest::Client::new());
        let console = place.start().await;
        let token = place.token().await;
        prepare(&console.url(), &http, &token).await;
        assert_eq!(console.publish(&http, &token, "n", 1).await, Outcome::Acknowledged(1));
        Some(Self { etcd, console, http, _place: place })
    }

    async fn drifts(&self) -> Value {
        let answer = self.http.get(format!("{}/readyz", self.console.url())).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["drifts"].clone()
    }
}

/// Counts the keys of releases in etcd.
async fn releases(etcd: &mut Client) -> usize {
    let mut found = 0;
    for half in ["config", "meta"] {
        let all = Some(GetOptions::new().with_prefix().with_count_only());
        found += etcd.get(format!("{ROOT}/{half}/"), all).await.unwrap().count();
    }
    usize::try_from(found).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_deletes_are_repaired_and_foreign_writes_reported_at_once() {
    let Some(site) = ConsoleWithEtcd::start().await else { return };
    let mut etcd = site.etcd.client().await.unwrap();
    for half in ["config", "meta"] {
        etcd.delete(format!("{ROOT}/{half}/"), Some(DeleteOptions::new().with_prefix())).await.unwrap();
    }
    soon("all releases are in etcd again", async || releases(&mut etcd).await == 2).await;

    etcd.put(format!("{ROOT}/config/{SHOP}"), "{}", None).await.unwrap();
    soon("the drift is reported", async || site.drifts().await == 1).await;
    let lies = etcd.get(format!("{ROOT}/config/{SHOP}"), None).await.unwrap();
    assert_eq!(lies.kvs()[0].value_str().unwrap(), "{}", "a foreign document is not overwritten without a repair");
}

#[tokio::test(flavor = "multi_thread")]
async fn wiped_etcd_is_refilled_soon_after_its_restart() {
    let Some(mut site) = ConsoleWithEtcd::start().await else { return };
    site.etcd.kill().await;
    site.etcd.wipe();
    site.etcd.start().await;
    let mut etcd = site.etcd.client().await.unwrap();
    soon("all releases are in etcd again", async || releases(&mut etcd).await == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_releases_are_delivered_soon_after_etcd_restarts() {
    let Some(mut etcd) = PrivateEtcd::new() else { return };
    etcd.start().await;
    // The publisher's pause after a failure is longer than the test waits.
    let site = Site::beside(&etcd.endpoint, SOON * 6).await.with_shop().await;
    let (source, store) = (site.channel.clone(), Arc::new(SnapshotStore::default()));
    TaskDriver::new(now, CancellationToken::new()).start([feed::task(source, store.clone(), None, now)]);
    site.publish_key(ana(), SHOP, "a", "1").await;
    soon("the feed has the release", async || store.get(SHOP).is_some()).await;

    etcd.kill().await;
    let published = site.publish_key(ana(), SHOP, "a", "2").await;
    assert!(matches!(published.delivery, Delivery::Accepted { .. }), "{:?}", published.delivery);
    soon("the environment is late", async || !site.service.late(ana()).is_empty()).await;
    etcd.start().await;
    soon("the second release is delivered", async || store.get(SHOP).unwrap().seq() == 2).await;
    site.wait_until_recorded().await;
}
