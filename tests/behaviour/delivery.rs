//! Delivery from SQL to the channel: in order and exactly once, with several nodes and after failures.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use trimtab::{
    channel::{Channel, Delivered},
    delivery::Publisher,
    domain::{
        access::{Actor, Role},
        content::{Format, Item, sha256},
        drift::{DriftKind, KeptSide},
        entry::Entry,
        error::{Error, Need, StateConflict},
        merge::Edit,
        release::{DelayReason, Delivery, Release},
    },
    fast_path::DeliveryAck,
    service::{LockState, PutNamespace, ResolveDrift, Service, now},
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
/// A document that another program writes.
const FOREIGN: &str = r#"{"a":"foreign"}"#;

/// Returns the whole history of a config, oldest first.
async fn history(site: &Site, id: &str) -> Vec<Release> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = site.service.releases(ana(), &config(id), before, 200).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        all.extend(page);
    }
    all.reverse();
    all
}

/// Waits until an environment is late for this reason. Other reasons, such as a busy lock, may come first.
async fn wait_until_late(site: &Site, reason: DelayReason) {
    eventually("an environment is late", async || site.service.late(ana()).iter().any(|late| late.reason == reason))
        .await;
}

/// Returns the outbox of dev.
async fn outbox(site: &Site) -> Vec<Entry> {
    let due = site.db.read().await.unwrap().outbox(&"dev".parse().unwrap(), None, 100).await.unwrap();
    due.into_iter().map(|due| due.entry.unwrap()).collect()
}

/// Writes releases to the channel as another node would.
async fn deliver_as_other_node(site: &Site, releases: &[Entry]) -> Delivered {
    let lock = site.channel.lock(&releases[0].config.env, LONG).await.unwrap();
    let delivered = site.channel.deliver(&lock, releases).await.unwrap();
    lock.release().await;
    delivered
}

/// Replaces the document of a release with a foreign one.
fn foreign(mut entry: Entry) -> Entry {
    entry.document = FOREIGN.into();
    Arc::make_mut(&mut entry.meta).sha256 = sha256(FOREIGN.as_bytes());
    entry
}

/// Returns an empty channel and a publisher for it.
fn emptied(site: &Site) -> (Channel, Publisher) {
    let channel = Channel::local();
    (channel.clone(), Publisher::new(site.db.clone(), channel, Arc::default(), CancellationToken::new()))
}

/// Deletes the latest release of a config in dev from the database.
async fn delete_latest_release(site: &Site, app: &str, seq: u64) {
    let of = format!("env = 'dev' and app = '{app}' and namespace = 'application'");
    let lost = |table: &str| format!("delete from {table} where {of} and seq = {seq}");
    let live = format!("update configs set live = {} where {of}", seq - 1);
    execute(&site.database, &[lost("due"), lost("deliveries"), lost("releases"), live].join("; ")).await;
}

/// Overwrites the release in the channel with a foreign one of this number.
async fn overwrite(site: &Site, id: &str, seq: u64) {
    let env = config(id).env;
    let lock = site.channel.lock(&env, LONG).await.unwrap();
    let listing = site.channel.list().await.unwrap();
    let mut entry = foreign(listing.entries.into_iter().find(|e| e.config == config(id)).unwrap());
    Arc::make_mut(&mut entry.meta).seq = seq;
    site.channel.repair(&lock, &[entry]).await.unwrap();
    lock.release().await;
}

on_both_set_ups! {
    async fn two_nodes_publishing_at_once_lose_and_duplicate_nothing(site: Site) {
        const EACH: usize = 200;
        let site = site.with_shop().await;
        let other = site.another_node().await;
        let (shared, own) = (SHOP, ["dev/mail/application", "dev/shop/application"]);
        let run = async |node: &Site, name: &'static str| {
            for n in 0..EACH {
                // Half of the publishes of both nodes go to one config, each node to its own key.
                let id = if n % 2 == 0 { shared } else { own[0] };
                let done = node.publish_key(ana(), id, name, &n.to_string()).await;
                assert_delivered(&done);
            }
        };
        tokio::join!(run(&site, "one"), run(&other, "two"));

        site.wait_until_recorded().await;
        let mut releases = 0;
        for id in [SHOP, "dev/mail/application"] {
            let all = history(&site, id).await;
            assert_eq!(all.iter().map(|r| r.seq).collect::<Vec<_>>(), (1..=all.len() as u64).collect::<Vec<_>>());
            assert!(all.iter().all(|r| r.delivered_at.is_some()));
            assert!(all.is_sorted_by_key(|r| r.revision), "delivered in order");
            let (seq, document) = site.in_channel(id).await.unwrap();
            let last = all.last().unwrap();
            assert_eq!((seq, &trimtab::domain::content::sha256(document.as_bytes())), (last.seq, &last.sha256));
            let values: BTreeMap<String, String> = serde_json::from_str(&document).unwrap();
            let latest = if id == SHOP { EACH - 2 } else { EACH - 1 };
            assert_eq!(values, BTreeMap::from([("one".into(), latest.to_string()), ("two".into(), latest.to_string())]));
            releases += all.len();
        }
        assert_eq!(releases, 2 * EACH);
    }

    async fn releases_of_a_dead_node_are_delivered_by_another(site: Site) {
        let dead = site.with_shop().await.accepting_only().await;
        for n in 0..5 {
            dead.publish_key(ana(), SHOP, "n", &n.to_string()).await;
        }
        let other = dead.another_node().await;
        let changes = history(&other, SHOP).await;
        for release in &changes {
            assert_delivered(&other.publication(&release.change).await);
        }
        assert_eq!(other.in_channel(SHOP).await, Some((5, r#"{"n":"4"}"#.into())));
    }

    async fn deliveries_are_shown_only_for_visible_configs(site: Site) {
        let site = site.with_shop().await;
        assert_delivered(&site.publish_key(ana(), SHOP, "a", "1").await);
        assert_delivered(&site.publish_key(ana(), "dev/mail/application", "b", "1").await);
        site.wait_until_recorded().await;
        overwrite(&site, SHOP, 7).await;
        site.publisher().reconcile().await.unwrap();

        let all = site.service.deliveries(ana()).await.unwrap();
        let dev = all.iter().find(|delivery| delivery.env.name.as_str() == "dev").unwrap();
        assert!(all.len() > 1 && dev.late.is_none() && dev.waiting == 0 && dev.delivery_times().len() == 2);
        assert_eq!(dev.releases.iter().map(|r| r.config.to_string()).collect::<Vec<_>>(), ["dev/mail/application", SHOP]);
        assert_eq!(dev.drifts.len(), 1);
        assert!(site.service.compared_at().is_some());

        let viewer = user_with_roles("vera", &[("dev/mail/*", Role::VIEWER)]);
        let seen = site.service.deliveries(&viewer).await.unwrap();
        assert_eq!(seen.iter().map(|delivery| delivery.env.name.as_str()).collect::<Vec<_>>(), ["dev"]);
        assert_eq!(seen[0].releases.len(), 1, "shop is not visible");
        assert!(seen[0].drifts.is_empty());
        let (dev, prod) = ("dev".parse().unwrap(), "prod".parse().unwrap());
        assert!(matches!(site.service.lock_of(&viewer, &prod).await, Err(Error::NotFound(_))));
        assert!(matches!(site.service.deliver_again(&viewer, &dev).await, Err(Error::Forbidden(_))));
    }

    async fn delivery_page_flushes_pending_acknowledgements(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        let Delivered { revision, .. } = deliver_as_other_node(&site, &outbox(&site).await).await;
        let page = async || {
            let dev = site.service.delivery_to(ana(), &"dev".parse().unwrap()).await.unwrap();
            dev.releases[0].delivered_at
        };
        assert_eq!(page().await, None);

        let ack = DeliveryAck { releases: vec![(config(SHOP), 1)], revision, delivered_at: now() };
        let fast_path = &site.dispatch().fast_path;
        if let Err(ack) = fast_path.defer(ack) {
            let mut tx = site.db.write().await.unwrap();
            ack.store(&mut tx).await.unwrap();
            tx.commit().await.unwrap();
        } else {
            let flush = async {
                fast_path.acks.wait_flush_requested().await;
                fast_path.acks.flush(&site.db).await.unwrap()
            };
            let (_, flushed) = timeout(LONG, async { tokio::join!(page(), flush) }).await.expect("the page requests it");
            assert!(flushed);
        }
        assert!(page().await.is_some());
    }

    async fn lock_state_shows_a_held_lock(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        let (service, env) = (site.service.clone().with_channel(site.channel.clone()), "dev".parse().unwrap());
        assert_eq!(service.lock_of(ana(), &env).await.unwrap(), LockState::Free);
        let lock = site.channel.lock(&env, LONG).await.unwrap();
        assert!(matches!(service.lock_of(ana(), &env).await.unwrap(), LockState::Held(_)));
        lock.release().await;
    }

    async fn unacknowledged_delivery_is_not_repeated(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        // The release is in the channel, but the node died before the acknowledgement.
        let first = deliver_as_other_node(&site, &outbox(&site).await).await;

        site.deliver().await;
        let release = history(&site, SHOP).await.pop().unwrap();
        assert!(release.delivered_at.is_some());
        let listing = site.channel.list().await.unwrap();
        assert_eq!(listing.entries.len(), 1);
        assert!(listing.revision >= first.revision);
    }

    async fn mismatched_release_waits_for_repair_and_others_are_delivered(site: Site) {
        let site = site.with_shop().await;
        let env = "dev".parse().unwrap();
        let site = site.accepting_only().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        let ours = outbox(&site).await.pop().unwrap();
        // The channel has a foreign release of this number.
        deliver_as_other_node(&site, &[foreign(ours.clone())]).await;

        let node = site.another_node().await;
        assert_delivered(&node.publish_key(ana(), "dev/mail/application", "b", "1").await);
        wait_until_late(&node, DelayReason::Mismatch(config(SHOP), 1)).await;
        assert_eq!(node.in_channel(SHOP).await, Some((1, FOREIGN.into())));

        let lock = site.channel.lock(&env, LONG).await.unwrap();
        site.channel.repair(&lock, &[ours]).await.unwrap();
        lock.release().await;
        node.wait_until_recorded().await;
        assert_eq!(node.in_channel(SHOP).await, Some((1, r#"{"a":"1"}"#.into())));
    }

    async fn many_blocked_releases_do_not_stop_other_configs(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        site.publish_key(ana(), SHOP, "a", "0").await;
        deliver_as_other_node(&site, &[foreign(outbox(&site).await.pop().unwrap())]).await;
        // More than one page of the outbox.
        for n in 1..=110 {
            site.publish_key(ana(), SHOP, "a", &n.to_string()).await;
        }
        site.publish_key(ana(), "dev/mail/application", "b", "1").await;
        site.deliver().await;
        assert_eq!(site.in_channel("dev/mail/application").await, Some((1, r#"{"b":"1"}"#.into())));
        assert_eq!(site.in_channel(SHOP).await, Some((1, FOREIGN.into())));
    }

    async fn large_changes_are_delivered_whole_from_a_full_outbox(site: Site) {
        const CONFIGS: usize = 60;
        let site = site.with_shop().await.accepting_only().await;
        let configs: Vec<String> = (0..CONFIGS).map(|n| format!("dev/shop/n{n}")).collect();
        for id in &configs {
            let (format, description, archived) = (Some(Format::Text), None, None);
            let namespace = config(id).namespace;
            let put = PutNamespace { app: "shop".parse().unwrap(), name: namespace, format, description, archived };
            site.service.put_namespace(&Actor::shell(), put).await.unwrap();
        }
        for value in ["one", "two", "three"] {
            let saves = configs.iter().map(|id| save(id, vec![text(value)])).collect();
            site.service.save_and_publish(ana(), "m".into(), String::new(), saves, None).await.unwrap();
        }
        let mut watch = site.channel.watch(site.channel.head().await.unwrap().revision).await.unwrap();
        site.deliver().await;
        for value in ["one", "two", "three"] {
            let came = watch.next().await.unwrap();
            assert!(came.len() == CONFIGS && came.iter().all(|entry| entry.document.expose() == value), "{value}: {came:?}");
        }
    }

    async fn unreadable_release_does_not_stop_other_configs(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.publish_key(ana(), "dev/mail/application", "b", "1").await;
        execute(&site.database, "update releases set content = 'x' where app = 'shop'").await;
        let mut watch = site.channel.watch(site.channel.head().await.unwrap().revision).await.unwrap();
        let node = site.another_node().await;
        let came = timeout(LONG, watch.next()).await.expect("mail arrives").unwrap();
        assert_eq!(came[0].config, config("dev/mail/application"));
        wait_until_late(&node, DelayReason::Unreadable(config(SHOP), 1)).await;
        let viewer = user_with_roles("vera", &[("dev/mail/*", Role::VIEWER)]);
        assert_eq!(node.service.late(&viewer).pop().unwrap().reason, DelayReason::Slow, "an invisible config is not named");
    }

    async fn reused_release_number_does_not_overwrite_the_channel(site: Site) {
        let site = site.with_shop().await;
        for value in ["1", "2"] {
            assert_delivered(&site.publish_key(ana(), SHOP, "a", value).await);
        }
        site.wait_until_recorded().await;
        delete_latest_release(&site, "shop", 2).await;
        let impatient = site.service.clone().with_delivery_timeout(Duration::from_secs(1));
        for value in ["other", "later"] {
            let saves = vec![save(SHOP, vec![set("a", value)])];
            let done = impatient.save_and_publish(ana(), "m".into(), String::new(), saves, None).await.unwrap();
            assert!(matches!(done.delivery, Delivery::Accepted { .. }), "{:?}", done.delivery);
            assert_eq!(site.in_channel(SHOP).await, Some((2, r#"{"a":"2"}"#.into())));
        }
        wait_until_late(&site, DelayReason::Mismatch(config(SHOP), 2)).await;
    }

    async fn change_is_not_delivered_in_part_when_channel_is_ahead(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.wait_until_recorded().await;
        // The database was restored from a backup, and no comparison has run yet.
        overwrite(&site, SHOP, 7).await;
        let both = ["dev/mail/application", SHOP].map(|id| save(id, vec![set("a", "2")])).to_vec();
        let impatient = site.service.clone().with_delivery_timeout(Duration::from_secs(1));
        let done = impatient.save_and_publish(ana(), "m".into(), String::new(), both, None).await.unwrap();
        assert!(matches!(done.delivery, Delivery::Accepted { .. }), "{:?}", done.delivery);
        wait_until_late(&site, DelayReason::Ahead(config(SHOP), 7)).await;
        assert_eq!(site.in_channel("dev/mail/application").await, None);
    }

    async fn rest_of_a_change_with_an_overtaken_release_is_delivered(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        let both = ["dev/mail/application", SHOP].map(|id| save(id, vec![set("a", "1")])).to_vec();
        site.service.save_and_publish(ana(), "m".into(), String::new(), both, None).await.unwrap();
        site.publish_key(ana(), SHOP, "a", "2").await;
        // A repair writes only the latest release.
        let latest = outbox(&site).await.into_iter().find(|entry| entry.meta.seq == 2).unwrap();
        deliver_as_other_node(&site, &[latest]).await;
        site.deliver().await;
        assert!(outbox(&site).await.is_empty());
        assert_eq!(site.in_channel("dev/mail/application").await, Some((1, r#"{"a":"1"}"#.into())));
        assert_eq!(site.in_channel(SHOP).await, Some((2, r#"{"a":"2"}"#.into())));
    }

    async fn content_restored_from_channel_is_not_the_remembered_one(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        let (key, edit) = set("a", "2");
        let Edit::Set(item) = edit else { unreachable!() };
        let noted = Edit::Set(Item { comment: "why".into(), ..item });
        let saves = vec![save(SHOP, vec![(key, noted)])];
        site.service.save_and_publish(ana(), "m".into(), String::new(), saves, None).await.unwrap();
        site.wait_until_recorded().await;
        delete_latest_release(&site, "shop", 2).await;
        site.publisher().reconcile().await.unwrap();
        let (message, confirm) = ("restored".into(), String::new());
        let settle = ResolveDrift { config: config(SHOP), kept_side: KeptSide::Channel, seq: 2, message, confirm };
        assert_delivered(&site.service.resolve_drift(&Actor::shell(), settle).await.unwrap());
        let (_, content) = site.service.live_content(ana(), &config(SHOP)).await.unwrap();
        let item = &content.items().unwrap()["a"];
        assert_eq!((item.value.expose(), item.comment.as_str()), ("2", ""), "a document has no comments");
    }

    async fn repair_is_audited_even_when_the_caller_gives_up(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.wait_until_recorded().await;
        let service = Service::new(site.db.clone(), Arc::default());
        let noted = format!("select count(*) from audit_events where action = 'channel.repair' and object = '{SHOP}'");
        // No worker executes repairs of this service, so the caller gives up.
        let shop = config(SHOP);
        tokio::select! {
            done = service.repair(ana(), &shop) => panic!("repaired without a worker: {done:?}"),
            () = eventually("the repair is audited", async || count(&site.database, &noted).await == 1) => {}
        }
    }

    async fn empty_channel_is_refilled(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.publish_key(ana(), "dev/mail/application", "b", "1").await;
        site.wait_until_recorded().await;
        let (fresh, publisher) = emptied(&site);
        assert_eq!(publisher.reconcile().await.unwrap(), 2);
        assert_eq!(publisher.reconcile().await.unwrap(), 0);
        assert_eq!(fresh.list().await.unwrap().entries.len(), 2);
    }

    async fn unreadable_release_does_not_prevent_refill_of_the_others(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.publish_key(ana(), "dev/mail/application", "b", "1").await;
        site.wait_until_recorded().await;
        execute(&site.database, "update releases set content = 'x' where app = 'shop'").await;
        let (fresh, publisher) = emptied(&site);
        publisher.reconcile().await.unwrap();
        let there: Vec<String> = fresh.list().await.unwrap().entries.iter().map(|e| e.config.to_string()).collect();
        assert_eq!(there, ["dev/mail/application"]);
    }

    async fn foreign_write_is_reported_until_repaired(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.wait_until_recorded().await;
        overwrite(&site, SHOP, 1).await;
        let reconciler = site.publisher();
        assert_eq!(reconciler.reconcile().await.unwrap(), 0, "a foreign document is not overwritten without a repair");
        let drift = site.service.drifts(ana()).pop().expect("a reported drift");
        assert_eq!((drift.config, drift.kind), (config(SHOP), DriftKind::Foreign { seq: 1 }));

        let viewer = user_with_roles("vera", &[("*/shop/*", Role::VIEWER)]);
        assert_eq!(site.service.repair(&viewer, &config(SHOP)).await, Err(Error::Forbidden(Need::Publish)));
        site.service.repair(ana(), &config(SHOP)).await.unwrap();
        let (seq, document) = site.in_channel(SHOP).await.unwrap();
        assert_eq!((seq, document.trim()), (1, r#"{"a":"1"}"#));
        assert_eq!(site.service.drifts(ana()), []);
        assert_eq!(reconciler.reconcile().await.unwrap(), 0);
        assert_delivered(&site.publish_key(ana(), SHOP, "a", "2").await);
    }

    async fn comparison_during_publishes_finds_no_drift(site: Site) {
        let site = site.with_shop().await;
        let publish = async {
            for value in 0..40 {
                assert_delivered(&site.publish_key(ana(), SHOP, "a", &value.to_string()).await);
            }
        };
        let compare = async {
            loop {
                assert_eq!(site.publisher().reconcile().await.unwrap(), 0);
                assert_eq!(site.service.drifts(ana()), []);
            }
        };
        tokio::select! {
            () = publish => {}
            () = compare => {}
        }
    }

    async fn publish_is_refused_when_channel_is_ahead_of_database(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.wait_until_recorded().await;
        // The database was restored from a backup made before releases 2 to 7.
        overwrite(&site, SHOP, 7).await;
        site.publisher().reconcile().await.unwrap();
        let drift = site.service.drifts(ana()).pop().expect("a reported drift");
        assert_eq!(drift.kind, DriftKind::Ahead { live: 1, seq: 7 });
        let saves = vec![save(SHOP, vec![set("a", "2")])];
        let refused = site.service.save_and_publish(ana(), "m".into(), String::new(), saves, None).await;
        assert_eq!(refused.unwrap_err(), Error::State(StateConflict::Ahead));
        assert_eq!(site.service.repair(ana(), &config(SHOP)).await, Err(Error::State(StateConflict::Ahead)));
        assert_eq!(site.in_channel(SHOP).await.unwrap().0, 7, "the channel is never overwritten");
        assert_delivered(&site.publish_key(ana(), "dev/mail/application", "b", "1").await);
    }

    async fn administrator_resolves_drift_and_numbers_continue(site: Site) {
        for (kept_side, seq, value) in [(KeptSide::Channel, 7, "foreign"), (KeptSide::Database, 8, "1")] {
            let app = if kept_side == KeptSide::Channel { "shop" } else { "mail" };
            let site = site.another_node().await.with_shop().await;
            let id = format!("dev/{app}/application");
            site.publish_key(ana(), &id, "a", "1").await;
            site.wait_until_recorded().await;
            overwrite(&site, &id, 7).await;
            site.publisher().reconcile().await.unwrap();
            let resolution = ResolveDrift { config: config(&id), kept_side, seq: 7, message: "restored".into(), confirm: String::new() };
            let refused = site.service.resolve_drift(ana(), resolution.clone()).await.unwrap_err();
            assert_eq!(refused, Error::Forbidden(Need::Administer));
            let stale = site.service.resolve_drift(&Actor::shell(), ResolveDrift { seq: 6, ..resolution.clone() }).await.unwrap_err();
            assert!(matches!(stale, Error::Stale(_)), "{stale:?}");
            let settled = site.service.resolve_drift(&Actor::shell(), resolution).await.unwrap();
            assert_delivered(&settled);
            assert_eq!((settled.releases[0].seq, settled.releases[0].previous), (seq, 1));
            site.wait_until_recorded().await;
            let (there, document) = site.in_channel(&id).await.unwrap();
            assert_eq!((there, document), (seq, format!(r#"{{"a":"{value}"}}"#)));

            site.publisher().reconcile().await.unwrap();
            assert_eq!(site.service.drifts(ana()), []);
            assert_delivered(&site.publish_key(ana(), &id, "a", "2").await);
            let release = history(&site, &id).await.pop().unwrap();
            assert_eq!((release.seq, release.previous), (seq + 1, seq));
            let change = site.service.change(ana(), &settled.change).await.unwrap();
            assert_eq!(change.configs[0].diff.is_empty(), kept_side == KeptSide::Database);
        }
    }

    async fn release_behind_the_channel_is_not_marked_delivered(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.wait_until_recorded().await;
        // No comparison has run yet, so the release is accepted.
        overwrite(&site, SHOP, 7).await;
        let published = site.publish_key(ana(), SHOP, "a", "2").await;
        assert!(matches!(published.delivery, Delivery::Accepted { .. }), "{:?}", published.delivery);
        let late = site.service.late(ana()).pop().expect("the environment is late");
        assert_eq!(late.reason, DelayReason::Ahead(config(SHOP), 7));
    }
}
