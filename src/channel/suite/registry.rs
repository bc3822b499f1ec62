//! The node registry. In memory there is no registry.

use std::collections::{BTreeSet, VecDeque};

use tokio::time::timeout;

use super::{
    super::{
        AheadReport, Channel, MAX_AHEAD_RELEASES, MAX_REPLY_BYTES, NodeId, NodeRegistry, RegistryEvent, RegistryFilter,
        RegistryWatch,
    },
    Bench, Raw, TEST_TIMEOUT,
};
use crate::domain::{access::Pattern, names::ConfigId, numbers};

fn node_registry(channel: &Channel) -> NodeRegistry {
    channel.node_registry().expect("etcd has a node registry")
}

fn scope() -> Pattern {
    "prod/shop/*".parse().unwrap()
}

/// A watch whose events are taken one by one, because several may come together.
struct EventReader {
    watch: RegistryWatch,
    pending: VecDeque<RegistryEvent>,
}

impl EventReader {
    fn of(watch: RegistryWatch) -> Self {
        Self { watch, pending: VecDeque::new() }
    }

    async fn next(&mut self) -> RegistryEvent {
        let next = async {
            loop {
                if let Some(event) = self.pending.pop_front() {
                    return event;
                }
                self.pending.extend(self.watch.next().await.unwrap());
            }
        };
        timeout(TEST_TIMEOUT, next).await.expect("an event in time")
    }
}

async fn node_ids(registry: &NodeRegistry) -> BTreeSet<NodeId> {
    let events = registry.list().await.unwrap().events;
    events.into_iter().filter_map(|n| if let RegistryEvent::Joined(id, _) = n { Some(id) } else { None }).collect()
}

#[test]
fn memory_has_no_node_registry() {
    assert!(Channel::local().node_registry().is_none());
}

#[tokio::test]
async fn nodes_register_query_and_reply() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let (console, reader) = (node_registry(&bench.channel), node_registry(&bench.other));
    let nobody = console.list().await.unwrap();
    assert!(nobody.events.is_empty());
    let mut everything = EventReader::of(console.watch(RegistryFilter::All, nobody.revision).await.unwrap());
    let mut asks = EventReader::of(reader.watch(RegistryFilter::Queries, nobody.revision).await.unwrap());

    let (one, two) = (console.join(false).await.unwrap(), reader.join(true).await.unwrap());
    let here = [everything.next().await, everything.next().await];
    for (event, member, reader) in [(&here[0], &one, false), (&here[1], &two, true)] {
        assert!(
            matches!(event, RegistryEvent::Joined(id, about) if *id == member.id() && about.reader == reader),
            "{event:?}"
        );
    }
    one.write_query(&scope(), 4096).await.unwrap();
    let asked = RegistryEvent::Queried { by: one.id(), scope: scope(), reply_bytes: 4096 };
    assert_eq!(asks.next().await, asked, "this watch returns only queries");
    assert_eq!(everything.next().await, asked);
    assert!(
        node_registry(&bench.raw().channel().await).list().await.unwrap().events.contains(&asked),
        "a later node lists it, too"
    );
    two.write_reply(&scope(), "{}").await.unwrap();
    assert_eq!(everything.next().await, RegistryEvent::Replied { by: two.id(), scope: scope(), value: b"{}".to_vec() });

    two.withdraw_reply(&scope()).await.unwrap();
    one.end_query(&scope()).await.unwrap();
    assert_eq!(keys(bench.raw()).await, 2, "two names are left");
    two.write_reply(&scope(), "{}").await.unwrap();
    assert!(matches!(everything.next().await, RegistryEvent::Replied { .. }));
    let gone = two.id();
    two.leave().await;
    assert_eq!(everything.next().await, RegistryEvent::Left(gone));
    assert_eq!(node_ids(&console).await, [one.id()].into());
    assert_eq!(keys(bench.raw()).await, 1, "its reply ended with it");
}

async fn keys(raw: &mut Raw) -> i64 {
    let all = etcd_client::GetOptions::new().with_prefix().with_count_only();
    raw.client.get(format!("{}/nodes/", raw.root), Some(all)).await.unwrap().count()
}

/// Returns the number of writes of each key of the registry.
async fn versions(raw: &mut Raw) -> Vec<i64> {
    let all = etcd_client::GetOptions::new().with_prefix();
    let found = raw.client.get(format!("{}/nodes/", raw.root), Some(all)).await.unwrap();
    found.kvs().iter().map(|kv| kv.version()).collect()
}

#[tokio::test]
async fn a_membership_ends_with_its_lease() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let registry = node_registry(&bench.channel);
    let member = registry.join(false).await.unwrap();
    let mut watch =
        EventReader::of(registry.watch(RegistryFilter::All, registry.list().await.unwrap().revision).await.unwrap());
    bench.raw().client.lease_revoke(member.id().0).await.unwrap();
    assert_eq!(watch.next().await, RegistryEvent::Left(member.id()));
    assert!(member.write_reply(&scope(), "{}").await.is_err(), "a node that is gone leaves no reply");
    let again = registry.join(false).await.unwrap();
    assert!(again.id() != member.id() && node_ids(&registry).await == [again.id()].into());
}

#[tokio::test]
async fn keys_that_no_node_wrote_are_ignored() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let registry = node_registry(&bench.channel);
    let mut watch =
        EventReader::of(registry.watch(RegistryFilter::All, registry.list().await.unwrap().revision).await.unwrap());
    let name = |bytes: usize| format!("{{\"name\":\"{}\",\"reader\":true}}", "n".repeat(bytes));
    let ahead = |ahead: &str| format!("{{\"name\":\"n\",\"reader\":true,\"ahead\":{ahead}}}");
    let many = vec!["[\"prod/shop/a\",1]"; MAX_AHEAD_RELEASES + 1].join(",");
    let raw = bench.raw();
    let id = raw.client.lease_grant(60, None).await.unwrap().id();
    let own = format!("names/{id:x}");
    for (key, value) in [
        (own.clone(), name(129)),
        (own.clone(), name(20_000)),
        (own.clone(), "[]".into()),
        (own.clone(), ahead("{\"tokens\":9007199254740992}")),
        (own.clone(), ahead("{\"releases\":[[\"prod/shop/a\",18446744073709551615]]}")),
        (own.clone(), ahead(&format!("{{\"releases\":[{many}]}}"))),
        (format!("names/{id:x}/8"), name(1)),
        (format!("asks/{id:x}/prod/shop"), "{\"room\":1}".into()),
        (format!("asks/{id:x}/*/*/*"), "{}".into()),
        (format!("answers/{id:x}/*/*/*"), "x".repeat(MAX_REPLY_BYTES + 1)),
        ("anything".into(), String::new()),
    ] {
        raw.leased(&format!("nodes/{key}"), value, id).await;
    }
    raw.delete("nodes/anything").await;
    // No node writes a key without a lease or with another node's lease: it would never end.
    raw.put("nodes/names/7", name(1)).await;
    raw.leased("nodes/names/7", name(1), id).await;
    raw.leased(&format!("nodes/{own}"), name(128), id).await;
    assert!(
        matches!(watch.next().await, RegistryEvent::Joined(found, _) if found == NodeId(id)),
        "the first valid event"
    );
    assert_eq!(registry.list().await.unwrap().events.len(), 1);
}

#[tokio::test]
async fn later_releases_on_reader_nodes_are_written_once_and_end_with_them() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let (console, reader) = (node_registry(&bench.channel), node_registry(&bench.other));
    let mut watch =
        EventReader::of(console.watch(RegistryFilter::All, console.list().await.unwrap().revision).await.unwrap());
    let mut disturbances = bench.channel.disturbances();
    let (mut one, mut two) = (reader.join(true).await.unwrap(), reader.join(true).await.unwrap());
    let config: ConfigId = "prod/shop/a".parse().unwrap();
    assert!(
        matches!(watch.next().await, RegistryEvent::Joined(..))
            && matches!(watch.next().await, RegistryEvent::Joined(..))
    );
    disturbances.mark_unchanged();
    assert_eq!(bench.channel.ahead().await.unwrap(), AheadReport::default());

    one.report_ahead(AheadReport { tokens: Some(7), releases: vec![(config.clone(), 900)] }).await.unwrap();
    assert!(
        matches!(watch.next().await, RegistryEvent::Joined(id, about) if id == one.id() && about.ahead.tokens == Some(7))
    );
    assert!(disturbances.has_changed().unwrap(), "a console must write a later one");
    two.report_ahead(AheadReport { tokens: Some(6), releases: vec![(config.clone(), 901)] }).await.unwrap();
    let mut forger = reader.join(true).await.unwrap();
    forger
        .report_ahead(AheadReport {
            tokens: Some(numbers::MAX_NUMBER),
            releases: vec![(config.clone(), numbers::MAX_NUMBER)],
        })
        .await
        .unwrap();
    let all = AheadReport { tokens: Some(7), releases: vec![(config, 901)] };
    assert_eq!(bench.channel.ahead().await.unwrap(), all);
    let written = versions(bench.raw()).await;
    two.report_ahead(AheadReport { tokens: Some(6), ..all.clone() }).await.unwrap();
    assert_eq!(versions(bench.raw()).await, written, "an unchanged report is not written again");

    one.report_ahead(AheadReport::default()).await.unwrap();
    two.leave().await;
    forger.leave().await;
    assert_eq!(bench.channel.ahead().await.unwrap(), AheadReport::default());
    assert_eq!(keys(bench.raw()).await, 1);
}
