//! From SQL to the channel: in order, exactly once, whoever does it and whatever falls over.

use std::{collections::BTreeMap, time::Duration};

use trimtab::{
    channel::Entry,
    domain::{
        content::sha256,
        release::{Release, Why},
    },
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

    async fn a_delivery_that_was_not_marked_is_not_made_twice(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        // In the channel, but the node died before it told the database.
        let env = "dev".parse().unwrap();
        let due = site.db.read().await.unwrap().due(&env, 10).await.unwrap();
        let lock = site.channel.lock(&env, WAIT).await.unwrap();
        let entries: Vec<_> = due.into_iter().map(|d| d.entry).collect();
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
        let ours = site.db.read().await.unwrap().due(&env, 1).await.unwrap().pop().unwrap().entry;
        // Somebody else wrote a release of that number.
        let document = r#"{"a":"foreign"}"#;
        let mut foreign = Entry { document: document.into(), ..ours.clone() };
        foreign.meta.sha256 = sha256(document.as_bytes());
        let lock = site.channel.lock(&env, WAIT).await.unwrap();
        site.channel.deliver(&lock, &[foreign]).await.unwrap();
        lock.release().await;

        let node = site.another_node().await;
        assert_delivered(&node.publish_key(ana(), "dev/mail/application", "b", "1").await);
        let late = node.service.late().pop().expect("the environment is late");
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
        let fresh = trimtab::channel::Channel::local();
        let dispatch = std::sync::Arc::new(trimtab::service::Dispatch::default());
        let publisher =
            trimtab::delivery::Publisher::new(site.db.clone(), fresh.clone(), dispatch, tokio_util::sync::CancellationToken::new());
        assert_eq!(publisher.reconcile().await.unwrap(), 2);
        assert_eq!(publisher.reconcile().await.unwrap(), 0);
        assert_eq!(fresh.list().await.unwrap().entries.len(), 2);
    }
}
