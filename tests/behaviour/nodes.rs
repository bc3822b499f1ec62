//! Readers of all nodes, collected by the console that shows them.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use trimtab::{
    auth::tokens::TokenCache,
    channel::{Channel, EtcdSettings, RegistryFilter},
    domain::{access::Pattern, time::Time},
    reader::{
        Reader, ReaderSettings,
        instances::{InstanceIdentity, InstanceName},
        nodes::{self, Nodes, Readers},
    },
    service::now,
    tasks::TaskDriver,
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
/// The account that opens the pages.
const ACCOUNT: &str = "ana";

/// The part of a node that these tests need: it knows its own readers and the other nodes.
struct Node {
    reader: Arc<Reader>,
    nodes: Arc<Nodes>,
    stop: CancellationToken,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Node {
    /// Starts a console, or a reader node when `hears` is [`RegistryFilter::Queries`].
    async fn of(site: &Site, name: &str, hears: RegistryFilter) -> Self {
        let channel = if site.root.is_empty() {
            site.channel.clone()
        } else {
            let (_, etcd) = servers().unwrap();
            let settings = EtcdSettings { node: name.into(), ..etcd_settings(&etcd, &site.root) };
            Channel::etcd(settings).await.unwrap()
        };
        let stop = CancellationToken::new();
        let reader = Reader::new(Arc::new(TokenCache::new()), now, &ReaderSettings::default(), stop.clone());
        let registry = channel.node_registry();
        let nodes = Nodes::new(reader.clone(), name, registry.is_some());
        if let Some(registry) = registry {
            TaskDriver::new(now, stop.clone()).start([nodes::link::task(nodes.clone(), registry, hears, None)]);
        }
        Self { reader, nodes, stop }
    }

    /// Records a read of this node by an instance.
    fn read_by(&self, instance: &str, config: &str, release: u64) {
        self.read_at(now(), instance, config, release);
    }

    fn read_at(&self, time: Time, instance: &str, config: &str, release: u64) {
        let visitor = InstanceIdentity { name: InstanceName::Named(instance.into()), client: "curl/8".into() };
        self.reader.instances.record(config, "token", &visitor, release, time);
    }

    /// Waits until the readers that a page of this node shows fulfil the condition, and returns them.
    async fn wait_until_shown(&self, config_of: &str, what: impl Fn(&Readers) -> bool) -> Readers {
        let id = config(config_of);
        let shown = async {
            loop {
                drop(self.nodes.query(ACCOUNT, (&id).into()).coverage().await);
                let readers = self.nodes.readers(&id);
                if what(&readers) {
                    return readers;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, shown).await.unwrap_or_else(|_| panic!("the page shows {:?}", self.nodes.readers(&id)))
    }

    /// Waits until this node knows so many other nodes, of which exactly these do not answer.
    async fn wait_for_nodes(&self, others: usize, silent: &[&str]) {
        let known = async {
            loop {
                let told = self.nodes.query(ACCOUNT, (&config(SHOP)).into()).coverage().await;
                let names: Vec<&str> = told.silent.iter().map(|about| &*about.name).collect();
                if !told.unreachable && told.others == others && names == silent {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, known).await.unwrap_or_else(|_| panic!("not {others} other nodes with only {silent:?} silent"));
    }
}

/// Returns each reader with its release and the node that it reads from, if that is another one.
fn reader_rows(readers: &Readers) -> Vec<(&str, u64, Option<&str>)> {
    readers.instances.iter().map(|i| (&*i.name, i.release, i.node.as_deref())).collect()
}

on_both_set_ups! {
    async fn reader_is_shown_once_at_the_node_of_its_last_read(site: Site) {
        let here = Node::of(&site, "here", RegistryFilter::All).await;
        here.read_by("a", SHOP, 1);
        here.read_at(now().plus_ms(-1000), "b", SHOP, 1);
        if site.root.is_empty() {
            // A single node has no other to query.
            let readers = here.wait_until_shown(SHOP, |_| true).await;
            assert_eq!(reader_rows(&readers), [("a", 1, None), ("b", 1, None)]);
            return;
        }
        let (console, reader) = (Node::of(&site, "console", RegistryFilter::All).await, Node::of(&site, "eu-1", RegistryFilter::Queries).await);
        here.wait_for_nodes(2, &[]).await;
        reader.read_by("c", SHOP, 1);
        reader.read_by("d", "dev/mail/application", 9);
        reader.read_by("b", SHOP, 2);
        console.read_by("192.0.2.7", SHOP, 2);

        // The page is updated while it is open.
        let readers = here.wait_until_shown(SHOP, |readers| readers.seen(2).0 == 2 && readers.all() == 4).await;
        let expected = [("192.0.2.7", 2, Some("console")), ("a", 1, None), ("b", 2, Some("eu-1")), ("c", 1, Some("eu-1"))];
        assert_eq!(reader_rows(&readers), expected);
        assert_eq!(here.nodes.seen(&config(SHOP), 2), (2, 4), "both ways to count agree");
        // The other console shows them, too.
        let there = console.wait_until_shown(SHOP, |readers| readers.all() == 4).await;
        assert_eq!(reader_rows(&there)[2], ("b", 2, Some("eu-1")));

        let all: Pattern = "*/*/*".parse().unwrap();
        let answered = here.nodes.query(ACCOUNT, all.clone()).coverage().await;
        assert!(answered.silent.is_empty(), "{answered:?}");
        let under: Vec<(String, usize)> =
            here.nodes.under(&all).into_iter().map(|(config, readers)| (config.to_string(), readers.all())).collect();
        assert_eq!(under, [("dev/mail/application".to_owned(), 1), (SHOP.to_owned(), 4)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_node_disappears_and_unresponsive_node_is_named() {
    let Some(site) = Site::cluster().await else { return };
    let here = Node::of(&site, "here", RegistryFilter::All).await;
    let (leaves, _stays) =
        (Node::of(&site, "leaves", RegistryFilter::Queries).await, Node::of(&site, "stays", RegistryFilter::All).await);
    leaves.read_by("a", SHOP, 1);
    here.wait_until_shown(SHOP, |readers| readers.all() == 1).await;
    here.wait_for_nodes(2, &[]).await;
    drop(leaves);
    here.wait_until_shown(SHOP, |readers| readers.all() == 0).await;
    here.wait_for_nodes(1, &[]).await;

    // The name of a killed node lasts until its lease expires.
    let lease = raw().await.lease_grant(60, None).await.unwrap().id();
    let (name, options) =
        (format!("{}/nodes/names/{lease:x}", site.root), etcd_client::PutOptions::new().with_lease(lease));
    raw().await.put(name.as_str(), "{\"name\":\"eu-2\",\"reader\":true}", Some(options)).await.unwrap();
    here.wait_for_nodes(2, &["eu-2"]).await;
    let other: Pattern = "dev/mail/*".parse().unwrap();
    let told = here.nodes.query(ACCOUNT, other.clone()).coverage().await;
    assert_eq!(told.silent.iter().map(|about| (&*about.name, about.reader)).collect::<Vec<_>>(), [("eu-2", true)]);
    assert_eq!(here.nodes.query(ACCOUNT, other).coverage().await.silent.len(), 1);
    raw().await.delete(name, None).await.unwrap();
    here.wait_for_nodes(1, &[]).await;
}

async fn raw() -> etcd_client::Client {
    let (_, etcd) = servers().unwrap();
    etcd_client::Client::connect([&etcd], None).await.unwrap()
}

/// Returns the keys below the root with this prefix, and their values.
async fn keys(site: &Site, begin: &str) -> Vec<(String, String)> {
    let all = etcd_client::GetOptions::new().with_prefix();
    let found = raw().await.get(format!("{}/{begin}", site.root), Some(all)).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    found.kvs().iter().map(|kv| (text(kv.key()), text(kv.value()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_write_nothing_without_an_open_page() {
    let Some(site) = Site::cluster().await else { return };
    let here = Node::of(&site, "here", RegistryFilter::All).await;
    let reader = Node::of(&site, "eu-1", RegistryFilter::Queries).await;
    reader.read_by("a", SHOP, 1);
    let written = async || (keys(&site, "nodes/asks/").await.len(), keys(&site, "nodes/answers/").await.len());
    eventually("both nodes have joined", async || keys(&site, "nodes/names/").await.len() == 2).await;
    for n in 0..1000 {
        reader.read_by(&format!("shop-{n}"), SHOP, n);
    }
    assert_eq!(written().await, (0, 0));
    here.wait_until_shown(SHOP, |readers| readers.all() == 1001).await;
    assert_eq!(written().await, (1, 1), "there is one query, and no node answers its own");
    let [(_, value)] = &keys(&site, "nodes/answers/").await[..] else { panic!("not exactly one answer") };
    assert!(value.contains("shop-999") && !value.contains("token"), "{value}");
    eventually("the query and the answer expire", async || written().await == (0, 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_recover_from_wiped_registry_and_foreign_writes() {
    let Some(site) = Site::cluster().await else { return };
    let here = Node::of(&site, "here", RegistryFilter::All).await;
    let other = Node::of(&site, "other", RegistryFilter::All).await;
    other.read_by("a", SHOP, 1);
    here.wait_until_shown(SHOP, |readers| readers.all() == 1).await;
    let [(answer, _)] = &keys(&site, "nodes/answers/").await[..] else { panic!("not exactly one answer") };
    raw().await.put(answer.as_str(), "{\"clients\":[]", None).await.unwrap();
    other.read_by("b", SHOP, 1);
    here.wait_until_shown(SHOP, |readers| readers.all() == 2).await;

    let all = etcd_client::DeleteOptions::new().with_prefix();
    raw().await.delete(format!("{}/", site.root), Some(all)).await.unwrap();
    other.read_by("c", SHOP, 1);
    here.wait_until_shown(SHOP, |readers| readers.all() == 3).await;
    here.wait_for_nodes(1, &[]).await;
}
