//! From SQL to the channel: in order, exactly once, whoever does it and whatever falls over.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use trimtab::{
    channel::{Channel, Entry, Meta},
    delivery::Publisher,
    domain::{
        access::{Actor, Role},
        content::sha256,
        drift::DriftKind,
        error::{Error, Need, State},
        release::{Delivery, Release, Why},
    },
    service::{LockState, Settle, Wins},
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
const WAIT: Duration = Duration::from_secs(5);

/// The whole history of a config, oldest first.
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

/// Somebody else's program writes a release of that number over the one that is there.
async fn overwrite(site: &Site, id: &str, seq: u64) {
    let env = config(id).env;
    let lock = site.channel.lock(&env, WAIT).await.unwrap();
    let document: Arc<str> = r#"{"a":"foreign"}"#.into();
    let listing = site.channel.list().await.unwrap();
    let mut entry = listing.entries.into_iter().find(|e| e.config == config(id)).unwrap();
    entry.meta = Arc::new(Meta { seq, sha256: sha256(document.as_bytes()), ..Meta::clone(&entry.meta) });
    entry.document = document;
    site.channel.repair(&lock, &[entry]).await.unwrap();
    lock.release().await;
}

on_both_set_ups! {
    async fn two_nodes_publish_at_once_and_nothing_is_lost_or_doubled(site: Site) {
        const EACH: usize = 200;
        let site = site.with_shop().await;
        let other = site.another_node().await;
        let (shared, own) = (SHOP, ["dev/mail/application", "dev/shop/application"]);
        let run = async |node: &Site, name: &'static str| {
            for n in 0..EACH {
                // Half of them meet in one config, in a key of the node's own.
                let id = if n % 2 == 0 { shared } else { own[0] };
                let done = node.publish_key(ana(), id, name, &n.to_string()).await;
                assert_delivered(&done);
            }
        };
        tokio::join!(run(&site, "one"), run(&other, "two"));

        site.settled().await;
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

    async fn what_a_dead_node_accepted_another_delivers(site: Site) {
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

    async fn delivery_is_shown_to_whoever_sees_what_is_delivered(site: Site) {
        let site = site.with_shop().await;
        assert_delivered(&site.publish_key(ana(), SHOP, "a", "1").await);
        assert_delivered(&site.publish_key(ana(), "dev/mail/application", "b", "1").await);
        site.settled().await;
        overwrite(&site, SHOP, 7).await;
        site.publisher().reconcile().await.unwrap();

        let all = site.service.deliveries(ana()).await.unwrap();
        let dev = all.iter().find(|delivery| delivery.env.name.as_str() == "dev").unwrap();
        assert!(all.len() > 1 && dev.late.is_none() && dev.waiting == 0 && dev.took().len() == 2);
        assert_eq!(dev.releases.iter().map(|r| r.config.to_string()).collect::<Vec<_>>(), ["dev/mail/application", SHOP]);
        assert_eq!(dev.drifts.len(), 1);
        assert!(site.service.compared_at().is_some());

        let viewer = someone("vera", &[("dev/mail/*", Role::Viewer)]);
        let seen = site.service.deliveries(&viewer).await.unwrap();
        assert_eq!(seen.iter().map(|delivery| delivery.env.name.as_str()).collect::<Vec<_>>(), ["dev"]);
        assert_eq!(seen[0].releases.len(), 1, "shop is not told of");
        assert!(seen[0].drifts.is_empty());
        let (dev, prod) = ("dev".parse().unwrap(), "prod".parse().unwrap());
        assert!(matches!(site.service.lock_of(&viewer, &prod).await, Err(Error::NotFound(_))));
        assert!(matches!(site.service.deliver_again(&viewer, &dev).await, Err(Error::Forbidden(_))));
    }

    async fn who_holds_the_lock_is_told(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        let (service, env) = (site.service.clone().over(site.channel.clone()), "dev".parse().unwrap());
        assert_eq!(service.lock_of(ana(), &env).await.unwrap(), LockState::Free);
        let lock = site.channel.lock(&env, WAIT).await.unwrap();
        assert!(matches!(service.lock_of(ana(), &env).await.unwrap(), LockState::Held(_)));
        lock.release().await;
    }

    async fn a_delivery_that_was_not_marked_is_not_made_twice(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        // In the channel, but the node died before it told the database.
        let env = "dev".parse().unwrap();
        let due = site.db.read().await.unwrap().due(&env, 10).await.unwrap();
        let lock = site.channel.lock(&env, WAIT).await.unwrap();
        let entries = due;
        let first = site.channel.deliver(&lock, &entries).await.unwrap();
        lock.release().await;

        site.deliver().await;
        let release = history(&site, SHOP).await.pop().unwrap();
        assert!(release.delivered_at.is_some());
        let listing = site.channel.list().await.unwrap();
        assert_eq!(listing.entries.len(), 1);
        assert!(listing.revision >= first.revision);
    }

    async fn what_the_channel_does_not_take_waits_for_people_and_the_rest_goes_on(site: Site) {
        let site = site.with_shop().await;
        let env = "dev".parse().unwrap();
        let site = site.accepting_only().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        let ours = site.db.read().await.unwrap().due(&env, 1).await.unwrap().pop().unwrap();
        // Somebody else wrote a release of that number.
        let document = r#"{"a":"foreign"}"#;
        let mut foreign = Entry { document: document.into(), ..ours.clone() };
        Arc::make_mut(&mut foreign.meta).sha256 = sha256(document.as_bytes());
        let lock = site.channel.lock(&env, WAIT).await.unwrap();
        site.channel.deliver(&lock, &[foreign]).await.unwrap();
        lock.release().await;

        let node = site.another_node().await;
        assert_delivered(&node.publish_key(ana(), "dev/mail/application", "b", "1").await);
        let late = node.service.late(ana()).pop().expect("the environment is late");
        assert_eq!(late.why, Why::Mismatch(config(SHOP), 1));
        assert_eq!(node.in_channel(SHOP).await, Some((1, document.into())));

        let lock = site.channel.lock(&env, WAIT).await.unwrap();
        site.channel.repair(&lock, &[ours]).await.unwrap();
        lock.release().await;
        node.settled().await;
        assert_eq!(node.in_channel(SHOP).await, Some((1, r#"{"a":"1"}"#.into())));
    }

    async fn a_channel_that_lost_everything_is_filled_again(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.publish_key(ana(), "dev/mail/application", "b", "1").await;
        site.settled().await;
        let fresh = Channel::local();
        let publisher = Publisher::new(site.db.clone(), fresh.clone(), Arc::default(), CancellationToken::new());
        assert_eq!(publisher.reconcile().await.unwrap(), 2);
        assert_eq!(publisher.reconcile().await.unwrap(), 0);
        assert_eq!(fresh.list().await.unwrap().entries.len(), 2);
    }

    async fn a_foreign_write_is_an_alarm_until_somebody_repairs_it(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.settled().await;
        overwrite(&site, SHOP, 1).await;
        let reconciler = site.publisher();
        assert_eq!(reconciler.reconcile().await.unwrap(), 0, "nobody's bytes are overwritten unasked");
        let drift = site.service.drifts(ana()).pop().expect("an alarm");
        assert_eq!((drift.config, drift.kind), (config(SHOP), DriftKind::Foreign { seq: 1 }));

        let viewer = someone("vera", &[("*/shop/*", Role::Viewer)]);
        assert_eq!(site.service.repair(&viewer, &config(SHOP)).await, Err(Error::Forbidden(Need::Publish)));
        site.service.repair(ana(), &config(SHOP)).await.unwrap();
        let (seq, document) = site.in_channel(SHOP).await.unwrap();
        assert_eq!((seq, document.trim()), (1, r#"{"a":"1"}"#));
        assert_eq!(site.service.drifts(ana()), []);
        assert_eq!(reconciler.reconcile().await.unwrap(), 0);
        assert_delivered(&site.publish_key(ana(), SHOP, "a", "2").await);
    }

    async fn nothing_is_published_where_the_channel_is_ahead_of_the_database(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.settled().await;
        // The database was restored from a backup of before releases 2 to 7.
        overwrite(&site, SHOP, 7).await;
        site.publisher().reconcile().await.unwrap();
        let drift = site.service.drifts(ana()).pop().expect("an alarm");
        assert_eq!(drift.kind, DriftKind::Ahead { live: 1, seq: 7 });
        let saves = vec![save(SHOP, vec![set("a", "2")])];
        let refused = site.service.save_and_publish(ana(), "m".into(), String::new(), saves, None).await;
        assert_eq!(refused.unwrap_err(), Error::State(State::Ahead));
        assert_eq!(site.service.repair(ana(), &config(SHOP)).await, Err(Error::State(State::Ahead)));
        assert_eq!(site.in_channel(SHOP).await.unwrap().0, 7, "the channel is never overwritten");
        assert_delivered(&site.publish_key(ana(), "dev/mail/application", "b", "1").await);
    }

    async fn an_administrator_decides_which_side_counts_and_numbers_go_on(site: Site) {
        for (wins, seq, value) in [(Wins::Channel, 7, "foreign"), (Wins::Database, 8, "1")] {
            let app = if wins == Wins::Channel { "shop" } else { "mail" };
            let site = site.another_node().await.with_shop().await;
            let id = format!("dev/{app}/application");
            site.publish_key(ana(), &id, "a", "1").await;
            site.settled().await;
            overwrite(&site, &id, 7).await;
            site.publisher().reconcile().await.unwrap();
            let settle = Settle { config: config(&id), wins, seq: 7, message: "restored".into(), confirm: String::new() };
            let refused = site.service.settle(ana(), settle.clone()).await.unwrap_err();
            assert_eq!(refused, Error::Forbidden(Need::Administer));
            let stale = site.service.settle(&Actor::shell(), Settle { seq: 6, ..settle.clone() }).await.unwrap_err();
            assert!(matches!(stale, Error::Stale(_)), "{stale:?}");
            let settled = site.service.settle(&Actor::shell(), settle).await.unwrap();
            assert_delivered(&settled);
            assert_eq!((settled.releases[0].seq, settled.releases[0].previous), (seq, 1));
            site.settled().await;
            let (there, document) = site.in_channel(&id).await.unwrap();
            assert_eq!((there, document), (seq, format!(r#"{{"a":"{value}"}}"#)));

            site.publisher().reconcile().await.unwrap();
            assert_eq!(site.service.drifts(ana()), []);
            assert_delivered(&site.publish_key(ana(), &id, "a", "2").await);
            let release = history(&site, &id).await.pop().unwrap();
            assert_eq!((release.seq, release.previous), (seq + 1, seq));
            let change = site.service.change(ana(), &settled.change).await.unwrap();
            assert_eq!(change.configs[0].diff.is_empty(), wins == Wins::Database);
        }
    }

    async fn a_release_that_readers_would_never_get_is_not_called_delivered(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.settled().await;
        // No node has compared yet, so the release is accepted.
        overwrite(&site, SHOP, 7).await;
        let published = site.publish_key(ana(), SHOP, "a", "2").await;
        assert!(matches!(published.delivery, Delivery::Accepted { .. }), "{:?}", published.delivery);
        let late = site.service.late(ana()).pop().expect("the environment is late");
        assert_eq!(late.why, Why::Ahead(config(SHOP), 7));
    }
}
