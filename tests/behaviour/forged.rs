//! An attacker writes to etcd for a while. Afterwards an administrator sees all that is left of it and can undo it.

use std::{sync::Arc, time::Duration};

use etcd_client::Client;
use serde_json::Value;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use trimtab::{
    auth::tokens::TokenCache,
    channel::{AheadReport, Channel, EtcdSettings, RegistryFilter, TokenList},
    delivery::{tokens_task, write_tokens},
    domain::{
        access::Actor,
        content::sha256,
        drift::{DriftKind, KeptSide},
        error::{Error, Need, StateConflict},
        release::Release,
        token::{TokenKind, TokenRefusal},
    },
    reader::{
        Reader, ReaderSettings, feed,
        known_tokens::KnownTokens,
        nodes::{self, Nodes},
    },
    service::{LockState, NewToken, ResolveDrift, Service, ShownToken, now},
    tasks::TaskDriver,
};

use crate::support::*;

const SHOP: &str = "dev/shop/application";
const FORGED: &str = r#"{"a":"forged"}"#;
/// Milliseconds by which clocks may differ.
const SKEW: i64 = 4 * 60_000;

/// Starts an installation on MariaDB and etcd, with release 1 of the shop.
async fn shop() -> Option<Site> {
    let site = Site::cluster().await?.with_shop().await;
    assert_delivered(&site.publish_key(ana(), SHOP, "a", "1").await);
    site.wait_until_recorded().await;
    Some(site)
}

/// Connects to etcd past Trimtab, as an attacker with an account of etcd.
async fn raw() -> Client {
    let (_, etcd) = servers().unwrap();
    Client::connect([&etcd], None).await.unwrap()
}

async fn read(site: &Site, key: &str) -> String {
    let found = raw().await.get(format!("{}/{key}", site.root), None).await.unwrap();
    found.kvs()[0].value_str().unwrap().to_owned()
}

async fn write(site: &Site, key: &str, value: &str) {
    raw().await.put(format!("{}/{key}", site.root), value, None).await.unwrap();
}

/// Writes a document with matching metadata, in one transaction as consoles do.
async fn forge(site: &Site, seq: &str, document: &str, change: impl Fn(String) -> String) {
    use etcd_client::{Txn, TxnOp};
    let mut meta: Value = serde_json::from_str(&read(site, &format!("meta/{SHOP}")).await).unwrap();
    meta["sha256"] = sha256(document.as_bytes()).into();
    meta["seq"] = "SEQ".into();
    let meta = change(meta.to_string().replace("\"SEQ\"", seq));
    let puts = [("config", document), ("meta", meta.as_str())];
    let puts = puts.map(|(half, value)| TxnOp::put(format!("{}/{half}/{SHOP}", site.root), value, None));
    raw().await.txn(Txn::new().and_then(puts)).await.unwrap();
}

fn unchanged(meta: String) -> String {
    meta
}

/// Reads document and metadata of the shop's release, so that the forger can restore them without a trace in etcd.
async fn halves(site: &Site) -> [(String, String); 2] {
    let (document, meta) = (format!("config/{SHOP}"), format!("meta/{SHOP}"));
    [(document.clone(), read(site, &document).await), (meta.clone(), read(site, &meta).await)]
}

async fn put_back(site: &Site, halves: &[(String, String); 2]) {
    for (key, value) in halves {
        write(site, key, value).await;
    }
}

fn settle(wins: KeptSide, seq: u64) -> ResolveDrift {
    ResolveDrift { config: config(SHOP), kept_side: wins, seq, message: "forged".into(), confirm: String::new() }
}

/// Compares the channel with the database and returns the kind of the drift, if there is one.
async fn drift(site: &Site) -> Option<DriftKind> {
    site.publisher().reconcile().await.unwrap();
    site.service.drifts(ana()).pop().map(|drift| drift.kind)
}

async fn releases(site: &Site) -> Vec<Release> {
    site.service.releases(ana(), &config(SHOP), None, 200).await.unwrap()
}

/// The part of a reader node that follows etcd.
struct ReaderNode {
    reader: Arc<Reader>,
    tokens: Arc<KnownTokens>,
    stop: CancellationToken,
}

impl Drop for ReaderNode {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl ReaderNode {
    async fn of(site: &Site) -> Self {
        let (_, etcd) = servers().unwrap();
        let settings = EtcdSettings { node: "eu-1".into(), ..etcd_settings(&etcd, &site.root) };
        let (channel, stop) = (Channel::etcd(settings).await.unwrap(), CancellationToken::new());
        let table = Arc::new(TokenCache::new());
        let reader = Reader::new(table.clone(), now, &ReaderSettings::default(), stop.clone());
        let (tokens, registry) = (Arc::new(KnownTokens::new(table)), channel.node_registry().unwrap());
        let nodes = Nodes::new(reader.clone(), "eu-1", true);
        TaskDriver::new(now, stop.clone()).start([
            nodes::link::task(nodes, registry, RegistryFilter::Queries, Some(tokens.clone())),
            feed::task(channel.clone(), reader.store.clone(), None, now),
            tokens.task(channel, None, now),
        ]);
        Self { reader, tokens, stop }
    }

    fn holds(&self) -> (u64, String) {
        let held = self.reader.store.get(SHOP);
        held.map(|held| (held.seq(), held.entry.document.expose().trim().to_owned())).unwrap_or_default()
    }

    async fn comes_to_hold(&self, seq: u64, document: &str) {
        eventually(&format!("the reader holds release {seq}"), async || self.holds() == (seq, document.into())).await;
    }

    fn lets_in(&self, token: &ShownToken) -> Result<(), TokenRefusal> {
        self.reader.tokens.authenticate(&token.text, now()).map(drop)
    }
}

/// The background tasks of a console except publishing: it writes tokens, compares, and follows other nodes.
struct Console {
    stop: CancellationToken,
}

impl Drop for Console {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Console {
    fn of(site: &Site) -> Self {
        let (stop, table) = (CancellationToken::new(), Arc::new(TokenCache::new()));
        let reader = Reader::new(table.clone(), now, &ReaderSettings::default(), stop.clone());
        let (nodes, registry) = (Nodes::new(reader, "console", true), site.channel.node_registry().unwrap());
        TaskDriver::new(now, stop.clone()).start([
            nodes::link::task(nodes, registry, RegistryFilter::All, None),
            tokens_task(site.service.clone(), site.channel.clone(), table.clone()),
            site.publisher().reconciler_task(),
        ]);
        tokio::spawn(stop.clone().run_until_cancelled_owned(see_tokens(site.service.clone(), table)));
        Self { stop }
    }
}

/// Refreshes the token cache every second, as a server does.
async fn see_tokens(service: Service, table: Arc<TokenCache>) {
    loop {
        table.refresh(service.known_tokens()).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
}

async fn new_token(site: &Site) -> ShownToken {
    let new = NewToken {
        name: "t".into(),
        kind: TokenKind::Read,
        patterns: vec!["dev/shop/*".parse().unwrap()],
        creator: false,
        expires_at: None,
    };
    site.service.create_token(&Actor::shell(), new).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_release_number_is_reported_and_repaired() {
    let Some(site) = shop().await else { return };
    let reader = ReaderNode::of(&site).await;
    reader.comes_to_hold(1, r#"{"a":"1"}"#).await;
    let later = (now().0 + 3 * SKEW).to_string();
    for seq in ["18446744073709551615", "9223372036854775807", "9007199254740992", "9007199254740991", &later, "0"] {
        forge(&site, seq, FORGED, unchanged).await;
        assert_eq!(drift(&site).await, Some(DriftKind::Foreign { seq: 1 }), "{seq}");
        site.service.repair(ana(), &config(SHOP)).await.unwrap();
        assert_eq!(drift(&site).await, None, "{seq}");
        let (there, document) = site.in_channel(SHOP).await.unwrap();
        assert_eq!((there, document.trim()), (1, r#"{"a":"1"}"#), "{seq}");
    }
    assert_eq!(reader.holds(), (1, r#"{"a":"1"}"#.into()), "the reader took none of the forged releases");
    // Release numbers continue as if nothing had happened.
    assert_delivered(&site.publish_key(ana(), SHOP, "a", "2").await);
    reader.comes_to_hold(2, r#"{"a":"2"}"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn highest_accepted_forged_number_leaves_room_for_a_correction() {
    let Some(site) = shop().await else { return };
    let reader = ReaderNode::of(&site).await;
    let seq = u64::try_from(now().0 + SKEW).unwrap();
    forge(&site, &seq.to_string(), FORGED, unchanged).await;
    reader.comes_to_hold(seq, FORGED).await;
    assert_eq!(drift(&site).await, Some(DriftKind::Ahead { live: 1, seq }));
    let settled = site.service.resolve_drift(&Actor::shell(), settle(KeptSide::Database, seq)).await.unwrap();
    assert_delivered(&settled);
    assert_eq!(settled.releases[0].seq, seq + 1);
    reader.comes_to_hold(seq + 1, r#"{"a":"1"}"#).await;
    assert_eq!(drift(&site).await, None);
    assert_delivered(&site.publish_key(ana(), SHOP, "a", "2").await);
    reader.comes_to_hold(seq + 2, r#"{"a":"2"}"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_release_held_only_by_a_reader_is_reported_and_undone() {
    let Some(site) = shop().await else { return };
    let (reader, before) = (ReaderNode::of(&site).await, halves(&site).await);
    forge(&site, "900", FORGED, unchanged).await;
    reader.comes_to_hold(900, FORGED).await;
    put_back(&site, &before).await;
    eventually("the reader knows that it is ahead", async || reader.reader.store.ahead(9) == [(config(SHOP), 900)])
        .await;
    // etcd and the database agree and only the reader differs. It reports that to consoles.
    let _console = Console::of(&site);
    eventually("the drift is reported", async || {
        site.service.drifts(ana()).pop().is_some_and(|drift| drift.kind == DriftKind::Held { live: 1, seq: 900 })
    })
    .await;

    let saves = vec![save(SHOP, vec![set("a", "2")])];
    let refused = site.service.save_and_publish(ana(), "m".into(), String::new(), saves, None).await;
    assert_eq!(refused.unwrap_err(), Error::State(StateConflict::Ahead), "a new release would not reach the reader");
    let nothing = site.service.resolve_drift(&Actor::shell(), settle(KeptSide::Channel, 900)).await.unwrap_err();
    assert!(matches!(nothing, Error::Stale(_)), "the content held by the reader is not in the channel: {nothing:?}");
    let settled = site.service.resolve_drift(&Actor::shell(), settle(KeptSide::Database, 900)).await.unwrap();
    assert_delivered(&settled);
    assert_eq!(settled.releases[0].seq, 901);
    reader.comes_to_hold(901, r#"{"a":"1"}"#).await;
    eventually("the drift is no longer reported", async || drift(&site).await.is_none()).await;
    assert_delivered(&site.publish_key(ana(), SHOP, "a", "2").await);
    reader.comes_to_hold(902, r#"{"a":"2"}"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn right_document_with_forged_metadata_is_reported() {
    let Some(site) = shop().await else { return };
    for (from, to) in [("\"format\":\"kv\"", "\"format\":\"text\""), ("\"published_at\":\"2", "\"published_at\":\"9")] {
        let change = |meta: String| {
            assert!(meta.contains(from), "{meta}");
            meta.replace(from, to)
        };
        forge(&site, "1", r#"{"a":"1"}"#, change).await;
        assert_eq!(drift(&site).await, Some(DriftKind::Foreign { seq: 1 }), "{to}");
        site.service.repair(ana(), &config(SHOP)).await.unwrap();
        assert_eq!(drift(&site).await, None, "{to}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn release_is_not_marked_delivered_for_a_foreign_one_with_its_number() {
    let Some(site) = shop().await else { return };
    let site = site.accepting_only().await;
    // A stopping publisher delivers all accepted releases and releases its lock.
    eventually("the publisher has ended", async || {
        let (key, all) = (format!("{}/locks/", site.root), etcd_client::GetOptions::new().with_prefix());
        raw().await.get(key, Some(all)).await.unwrap().kvs().is_empty()
    })
    .await;
    for value in ["2", "3", "4"] {
        site.publish_key(ana(), SHOP, "a", value).await;
    }
    for seq in ["3", "4"] {
        forge(&site, seq, FORGED, unchanged).await;
        let publisher = trimtab::delivery::Publisher::new(
            site.db.clone(),
            site.channel.clone(),
            dispatch(),
            CancellationToken::new(),
        );
        publisher.drain_once().await.unwrap();
        let delivered: Vec<u64> =
            releases(&site).await.iter().filter(|r| r.delivered_at.is_some()).map(|r| r.seq).collect();
        assert_eq!(delivered, [1], "{seq} in etcd is foreign");
        assert_eq!(drift(&site).await, Some(DriftKind::Foreign { seq: 4 }), "{seq}");
    }
    let node = site.another_node().await;
    node.publisher().reconcile().await.unwrap();
    node.service.repair(ana(), &config(SHOP)).await.unwrap();
    node.wait_until_recorded().await;
    let (seq, document) = node.in_channel(SHOP).await.unwrap();
    assert_eq!((seq, document.trim()), (4, r#"{"a":"4"}"#));
    assert!(releases(&node).await.iter().all(|release| release.delivered_at.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_reaches_reader_after_any_forged_list() {
    let Some(site) = shop().await else { return };
    let (_console, reader) = (Console::of(&site), ReaderNode::of(&site).await);
    let stays = new_token(&site).await;
    eventually("the token is known", async || reader.lets_in(&stays).is_ok()).await;
    let forged = |version: i64| format!("{{\"version\":{version},\"tokens\":[]}}");
    let near = now().0 + SKEW;
    for (version, put_back) in
        [(i64::MAX, false), ((1 << 53) - 1, false), (near, false), (near + 10_000, true), ((1 << 53) - 1, true)]
    {
        let (revoked, before) = (new_token(&site).await, read(&site, "readers/tokens").await);
        eventually("the token is known", async || reader.lets_in(&revoked).is_ok()).await;
        write(&site, "readers/tokens", &forged(version)).await;
        if put_back {
            // The console may replace the forged list before this test sees its effect.
            eventually("the reader has seen the forged list", async || {
                reader.tokens.refused().is_some()
                    || reader.tokens.list().unwrap().tokens.is_empty()
                    || read(&site, "readers/tokens").await != forged(version)
            })
            .await;
            write(&site, "readers/tokens", &before).await;
        }
        eventually("the reader has the tokens of the database again", async || reader.lets_in(&stays).is_ok()).await;
        site.service.revoke_token(&Actor::shell(), &revoked.token.id).await.unwrap();
        eventually(&format!("a revocation reaches the reader after a forged list of version {version}"), async || {
            reader.lets_in(&revoked) == Err(TokenRefusal::Revoked)
        })
        .await;
        assert_eq!(reader.lets_in(&stays), Ok(()));
    }
    eventually("the reader refuses no list", async || {
        reader.tokens.refused().is_none() && reader.tokens.ahead_version().is_none()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn token_list_is_written_once_above_the_version_of_readers() {
    let Some(site) = shop().await else { return };
    new_token(&site).await;
    let heard = async || site.channel.tokens(0).await.unwrap().list.unwrap();
    let tell = async || {
        write_tokens(&site.service, &site.channel).await.unwrap();
        heard().await
    };
    let first = tell().await;
    let mut member = site.channel.node_registry().unwrap().join(true).await.unwrap();
    let version = first.version + 100_000;
    member.report_ahead(AheadReport { tokens: Some(version), releases: vec![] }).await.unwrap();
    let second = tell().await;
    assert_eq!((second.version, &second.tokens), (version + 1, &first.tokens));
    assert_eq!(tell().await, second);
    // A version beyond the bound is ignored: no reader accepts it, and no later list could follow it.
    member.report_ahead(AheadReport { tokens: Some((1 << 53) - 1), releases: vec![] }).await.unwrap();
    assert_eq!(tell().await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn installation_without_tokens_replaces_a_forged_list() {
    let Some(site) = shop().await else { return };
    let other = Site::embedded().await;
    let made = new_token(&other).await.token.into();
    let list = TokenList { version: u64::try_from(now().0).unwrap(), tokens: vec![made] };
    write(&site, "readers/tokens", &serde_json::to_string(&list).unwrap()).await;
    write_tokens(&site.service, &site.channel).await.unwrap();
    let there = site.channel.tokens(0).await.unwrap().list.unwrap();
    assert!(there.tokens.is_empty() && there.version > list.version, "{there:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_lock_is_removed_by_an_administrator() {
    let Some(site) = shop().await else { return };
    let env = "dev".parse().unwrap();
    // The forged lock has no lease, so it would never expire.
    eventually("the lock is free", async || site.channel.holder(&env).await.unwrap().is_none()).await;
    write(&site, "locks/dev/1", "").await;
    let service =
        site.service.clone().with_channel(site.channel.clone()).with_delivery_timeout(Duration::from_millis(300));
    let saves = vec![save(SHOP, vec![set("a", "2")])];
    service.save_and_publish(ana(), "m".into(), String::new(), saves, None).await.unwrap();
    assert!(matches!(service.lock_of(ana(), &env).await.unwrap(), LockState::Held(_)));
    assert_eq!(service.free_lock(ana(), &env).await, Err(Error::Forbidden(Need::Administer)));
    service.free_lock(&Actor::shell(), &env).await.unwrap();
    site.wait_until_recorded().await;
    assert_eq!(site.in_channel(SHOP).await, Some((2, r#"{"a":"2"}"#.into())));
}
