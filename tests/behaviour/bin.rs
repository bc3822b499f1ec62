//! The recycle bin: archived objects are listed, restored, and removed for good from the database, the channel and the
//! readers.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use trimtab::{
    auth::tokens::TokenCache,
    channel::Channel,
    delivery::Publisher,
    domain::{
        access::{Actor, Role},
        bin::{BinObject, Removal},
        content::{Format, sha256},
        drift::{DriftKind, KeptSide},
        entry::Entry,
        error::{Error, Need, StateConflict},
    },
    reader::{Reader, ReaderSettings, feed},
    service::{PutApp, PutEnv, PutNamespace, ResolveDrift, now},
    tasks::TaskDriver,
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
const ROUTES: &str = "dev/shop/routes.yaml";
const MAIL: &str = "dev/mail/application";

fn root() -> Actor {
    Actor::user("root", "root", true, &[])
}

fn object(kind: &str, name: &str) -> BinObject {
    BinObject::parse(kind, name).unwrap()
}

fn shop() -> BinObject {
    object("app", "shop")
}

async fn archive(site: &Site, actor: &Actor, what: &BinObject) {
    let archived = Some(true);
    match what.clone() {
        BinObject::Env(name) => {
            let put = PutEnv { name, title: None, position: None, protected: None, archived };
            site.service.put_env(actor, put).await.unwrap();
        }
        BinObject::App(name) => {
            site.service.put_app(actor, PutApp { name, title: None, description: None, archived }).await.unwrap();
        }
        BinObject::Namespace(app, name) => {
            let put = PutNamespace { app, name, format: None, description: None, archived };
            site.service.put_namespace(actor, put).await.unwrap();
        }
    }
}

/// Archives an object and removes it for good.
async fn remove(site: &Site, what: &BinObject) {
    archive(site, &root(), what).await;
    site.service.remove(&root(), what, &what.to_string()).await.unwrap();
}

/// Creates the application shop with its namespace of keys again.
async fn create_shop(site: &Site) {
    let name: trimtab::domain::names::AppName = "shop".parse().unwrap();
    let put = PutApp { name: name.clone(), title: None, description: None, archived: None };
    site.service.create_app(&Actor::shell(), put).await.unwrap();
    let (namespace, format) = ("application".parse().unwrap(), Some(Format::Kv));
    let put = PutNamespace { app: name, name: namespace, format, description: None, archived: None };
    site.service.create_namespace(&Actor::shell(), put).await.unwrap();
}

async fn names(site: &Site, actor: &Actor) -> Vec<(String, String)> {
    let bin = site.service.bin(actor, 0, 100).await.unwrap();
    bin.into_iter().map(|archived| (archived.object.to_string(), archived.by)).collect()
}

/// Returns the entry of a config in a channel.
async fn entry(channel: &Channel, id: &str) -> Option<Entry> {
    channel.list().await.unwrap().entries.into_iter().find(|entry| entry.config == config(id))
}

/// Returns the numbers of a config's removal in the channel, if that is what it holds.
async fn removed_in(channel: &Channel, id: &str) -> Option<u64> {
    entry(channel, id).await.filter(|entry| entry.meta.is_removal()).map(|entry| entry.meta.seq)
}

async fn wait_until_removed(site: &Site, id: &str, seq: u64) {
    eventually("the removal is delivered", async || removed_in(&site.channel, id).await == Some(seq)).await;
    site.wait_until_recorded().await;
}

/// Writes releases to a channel as another node would.
async fn deliver_as_other_node(channel: &Channel, releases: &[Entry]) {
    let lock = channel.lock(&releases[0].config.env, LONG).await.unwrap();
    channel.deliver(&lock, releases).await.unwrap();
    lock.release().await;
}

fn foreign(mut entry: Entry) -> Entry {
    entry.document = r#"{"a":"foreign"}"#.into();
    Arc::make_mut(&mut entry.meta).sha256 = sha256(br#"{"a":"foreign"}"#);
    entry
}

async fn counted(site: &Site, table: &str) -> i64 {
    count(&site.database, &format!("select count(*) from {table} where app = 'shop'")).await
}

/// Makes an object look as if it was archived this many days ago.
async fn age(site: &Site, table: &str, name: &str, days: i64) {
    let at = now().plus_ms(-days * 24 * 3_600_000).0;
    execute(&site.database, &format!("update {table} set archived_at = {at} where name = '{name}'")).await;
}

on_both_set_ups! {
    async fn archived_objects_are_listed_with_who_and_when_and_restored(site: Site) {
        let site = site.with_shop().await;
        let owner = user_with_roles("olga", &[("*/shop/*", Role::OWNER)]);
        let began = now();
        archive(&site, &owner, &object("namespace", "shop/routes.yaml")).await;
        archive(&site, &root(), &object("env", "prod")).await;
        archive(&site, &root(), &object("app", "mail")).await;
        // Another change of an archived object keeps its actor.
        let title = Some("Mail".to_owned());
        let put = PutApp { name: "mail".parse().unwrap(), title, description: None, archived: Some(true) };
        site.service.put_app(&Actor::shell(), put).await.unwrap();

        let listed = site.service.bin(&root(), 0, 100).await.unwrap();
        assert!(listed.is_sorted_by(|a, b| a.at >= b.at) && listed.iter().all(|one| (began..=now()).contains(&one.at)));
        let mut all = names(&site, &root()).await;
        all.sort();
        let by = |name: &str, by: &str| (name.to_owned(), by.to_owned());
        assert_eq!(all, [by("mail", "root"), by("prod", "root"), by("shop/routes.yaml", "olga")]);
        assert_eq!(names(&site, &owner).await, [by("shop/routes.yaml", "olga")]);
        assert_eq!(names(&site, ana()).await, []);
        let pages: Vec<_> = [site.service.bin(&root(), 0, 2).await.unwrap(), site.service.bin(&root(), 2, 2).await.unwrap()].concat();
        assert_eq!(pages, listed);

        let refused = site.service.restore(ana(), &object("namespace", "shop/routes.yaml")).await;
        assert_eq!(refused.unwrap_err(), Error::Forbidden(Need::Own));
        site.service.restore(&owner, &object("namespace", "shop/routes.yaml")).await.unwrap();
        for what in [object("env", "prod"), object("app", "mail")] {
            site.service.restore(&root(), &what).await.unwrap();
        }
        assert_eq!(names(&site, &root()).await, []);
        assert_delivered(&site.publish_key(ana(), MAIL, "a", "1").await);
        let missing = site.service.restore(&root(), &object("app", "nothing")).await;
        assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
    }

    async fn a_removal_needs_an_administrator_an_archived_object_and_its_name(site: Site) {
        let site = site.with_shop().await;
        let owner = user_with_roles("olga", &[("*/shop/*", Role::OWNER)]);
        let state = site.service.remove(&root(), &shop(), "shop").await;
        assert_eq!(state.unwrap_err(), Error::State(StateConflict::NotArchived));
        archive(&site, &owner, &shop()).await;
        assert_eq!(site.service.remove(&owner, &shop(), "shop").await.unwrap_err(), Error::Forbidden(Need::Administer));
        assert!(site.service.removal(&owner, &shop()).await.is_err());
        for wrong in ["", "Shop", "mail"] {
            let refused = site.service.remove(&root(), &shop(), wrong).await;
            assert!(matches!(&refused, Err(Error::Invalid(all)) if all[0].pointer == "/confirm"), "{refused:?}");
        }
        let missing = site.service.remove(&root(), &object("app", "none"), "none").await;
        assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
        site.service.remove(&root(), &shop(), " shop ").await.unwrap();
        let again = site.service.remove(&root(), &shop(), "shop").await;
        assert!(matches!(again, Err(Error::NotFound(_))), "{again:?}");
        let noted = "select count(*) from audit_events where action = 'app.remove' and object = 'shop' and actor_name = 'root'";
        assert_eq!(count(&site.database, noted).await, 1);
    }

    async fn a_removed_application_leaves_the_channel_and_its_name_goes_on_counting(site: Site) {
        let site = site.with_shop().await;
        for n in 1..=3 {
            assert_delivered(&site.publish_key(ana(), SHOP, "n", &n.to_string()).await);
        }
        assert_delivered(&site.publish_key(ana(), "prod/shop/application", "n", "1").await);
        assert_delivered(&site.publish_key(ana(), MAIL, "n", "1").await);
        site.wait_until_recorded().await;
        remove(&site, &shop()).await;
        wait_until_removed(&site, SHOP, 4).await;
        wait_until_removed(&site, "prod/shop/application", 2).await;
        assert_eq!(site.in_channel(SHOP).await, Some((4, String::new())), "the document is gone");
        assert_eq!(site.in_channel(MAIL).await, Some((1, r#"{"n":"1"}"#.into())));
        for table in ["configs", "releases", "due", "deliveries", "edits", "namespaces"] {
            assert_eq!(counted(&site, table).await, 0, "{table}");
        }
        assert_eq!(counted(&site, "removed_releases").await, 4);
        assert!(matches!(site.service.app(&root(), &"shop".parse().unwrap()).await, Err(Error::NotFound(_))));

        create_shop(&site).await;
        let draft = site.service.save(ana(), save(SHOP, vec![set("a", "new")])).await.unwrap().change.id;
        let done = site.publish(ana(), &draft).await.unwrap();
        assert_delivered(&done);
        assert_eq!((done.releases[0].seq, done.releases[0].previous), (5, 0));
        assert_delivered(&site.publish_key(ana(), SHOP, "b", "2").await);
        assert_eq!(site.in_channel(SHOP).await, Some((6, r#"{"a":"new","b":"2"}"#.into())));
        assert_eq!(site.service.releases(ana(), &config(SHOP), None, 10).await.unwrap().len(), 2);
        site.publisher().reconcile().await.unwrap();
        assert_eq!(site.service.drifts(&root()), []);

        // A second removal with this name is apart from the first one.
        remove(&site, &shop()).await;
        wait_until_removed(&site, SHOP, 7).await;
        assert_eq!(counted(&site, "removed_releases").await, 6);
        assert_eq!(count(&site.database, "select count(distinct object_id) from removed_releases").await, 2);
        create_shop(&site).await;
        archive(&site, &root(), &shop()).await;
        let preview = site.service.removal(&root(), &shop()).await.unwrap();
        let releases: Vec<u64> = preview.earlier.iter().map(|(_, releases)| *releases).collect();
        assert_eq!(releases, [2, 4], "the last first");
    }

    async fn namespaces_and_environments_are_removed_alone(site: Site) {
        let site = site.with_shop().await;
        assert_delivered(&site.publish_key(ana(), SHOP, "n", "1").await);
        let saves = vec![save(ROUTES, vec![text("a: 1\n")])];
        site.service.save_and_publish(ana(), "test".into(), String::new(), saves, None).await.unwrap();
        assert_delivered(&site.publish_key(ana(), "prod/mail/application", "n", "1").await);
        site.wait_until_recorded().await;
        remove(&site, &object("namespace", "shop/routes.yaml")).await;
        wait_until_removed(&site, ROUTES, 2).await;
        remove(&site, &object("env", "prod")).await;
        wait_until_removed(&site, "prod/mail/application", 2).await;
        assert_eq!(site.in_channel(SHOP).await, Some((1, r#"{"n":"1"}"#.into())));
        let envs: Vec<String> = site.service.envs().await.unwrap().into_iter().map(|env| env.name.to_string()).collect();
        assert_eq!(envs, ["dev"]);
        let matrix = site.service.app(&root(), &"shop".parse().unwrap()).await.unwrap();
        assert_eq!(matrix.rows.len(), 1);
        let noted = "select count(*) from audit_events where action in ('env.remove', 'namespace.remove')";
        assert_eq!(count(&site.database, noted).await, 2);
    }

    async fn open_changes_lose_only_their_edits_of_removed_configs(site: Site) {
        let site = site.with_shop().await;
        let draft = site.service.save(marek(), save(SHOP, vec![set("a", "1")])).await.unwrap().change;
        let both = trimtab::service::Save { change: Some(draft.id.clone()), ..save(MAIL, vec![set("b", "2")]) };
        let before = site.service.save(marek(), both).await.unwrap().change;
        archive(&site, &root(), &shop()).await;
        let preview = site.service.removal(&root(), &shop()).await.unwrap();
        let touched: Vec<_> = preview.changes.iter().map(|change| (&change.id, &*change.author_name)).collect();
        assert_eq!(touched, [(&draft.id, "marek")]);
        assert_eq!(preview.configs, [config(SHOP)]);
        site.service.remove(&root(), &shop(), "shop").await.unwrap();
        let after = site.service.change(marek(), &draft.id).await.unwrap();
        let configs: Vec<String> = after.configs.iter().map(|one| one.config.to_string()).collect();
        assert!(configs == [MAIL] && after.change.version > before.version, "{configs:?}");
        assert_delivered(&site.publish(marek(), &draft.id).await.unwrap());
        // A config without a release leaves nothing in the channel, and its numbers begin at 1.
        assert_eq!(site.in_channel(SHOP).await, None);
        create_shop(&site).await;
        assert_eq!(site.publish_key(ana(), SHOP, "a", "1").await.releases[0].seq, 1);
    }

    async fn a_removal_survives_a_crash_before_its_delivery(site: Site) {
        let dead = site.with_shop().await.accepting_only().await;
        dead.publish_key(ana(), SHOP, "n", "1").await;
        dead.deliver().await;
        // Accepted and never delivered: it goes with the config.
        dead.publish_key(ana(), SHOP, "n", "2").await;
        let late = dead.db.read().await.unwrap().outbox(&"dev".parse().unwrap(), None, 9).await.unwrap();
        let late: Vec<Entry> = late.into_iter().map(|due| due.entry.unwrap()).collect();
        remove(&dead, &shop()).await;
        assert_eq!(dead.in_channel(SHOP).await, Some((1, r#"{"n":"1"}"#.into())), "nothing is delivered yet");

        let other = dead.another_node().await;
        wait_until_removed(&other, SHOP, 3).await;
        other.deliver().await;
        // A worker that read the outbox before the removal brings nothing back.
        deliver_as_other_node(&other.channel, &late).await;
        assert_eq!(removed_in(&other.channel, SHOP).await, Some(3));
        assert_eq!(other.publisher().reconcile().await.unwrap(), 0);
        assert_eq!((other.service.drifts(&root()), removed_in(&other.channel, SHOP).await), (vec![], Some(3)));
    }

    async fn a_channel_restored_from_a_backup_gets_the_removal_again(site: Site) {
        let site = site.with_shop().await;
        assert_delivered(&site.publish_key(ana(), SHOP, "n", "1").await);
        site.wait_until_recorded().await;
        let old = entry(&site.channel, SHOP).await.unwrap();
        remove(&site, &shop()).await;
        wait_until_removed(&site, SHOP, 2).await;
        for there in [vec![], vec![old.clone()]] {
            let restored = Channel::local();
            if !there.is_empty() {
                deliver_as_other_node(&restored, &there).await;
            }
            Publisher::new(site.db.clone(), restored.clone(), dispatch(), CancellationToken::new()).reconcile().await.unwrap();
            assert_eq!(removed_in(&restored, SHOP).await, Some(2), "{}", there.len());
        }
    }

    async fn a_foreign_document_under_a_removed_name_is_left_alone(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        site.publish_key(ana(), SHOP, "n", "1").await;
        site.deliver().await;
        let lock = site.channel.lock(&"dev".parse().unwrap(), LONG).await.unwrap();
        let forged = foreign(entry(&site.channel, SHOP).await.unwrap());
        site.channel.repair(&lock, std::slice::from_ref(&forged)).await.unwrap();
        lock.release().await;
        remove(&site, &shop()).await;
        let publisher = site.publisher();
        publisher.drain_once().await.unwrap();
        assert_eq!(entry(&site.channel, SHOP).await, Some(forged));
        let late = site.service.late(&root());
        assert!(late.iter().any(|late| late.env.as_str() == "dev"), "{late:?}");
        publisher.reconcile().await.unwrap();
        let drifts: Vec<DriftKind> = site.service.drifts(&root()).into_iter().map(|drift| drift.kind).collect();
        assert_eq!(drifts, [DriftKind::Foreign { seq: 2 }]);
    }

    async fn a_forged_removal_is_an_alarm_that_an_administrator_undoes(site: Site) {
        let site = site.with_shop().await;
        assert_delivered(&site.publish_key(ana(), SHOP, "n", "1").await);
        site.wait_until_recorded().await;
        let id = "01980000-0000-7000-8000-000000000001".parse().unwrap();
        let forged = Entry::removal(config(SHOP), 2, &Removal { id, by: "eve".into(), at: now() });
        deliver_as_other_node(&site.channel, &[forged]).await;
        site.publisher().reconcile().await.unwrap();
        let drifts: Vec<DriftKind> = site.service.drifts(&root()).into_iter().map(|drift| drift.kind).collect();
        assert_eq!(drifts, [DriftKind::Ahead { live: 1, seq: 2 }]);
        let keep = |kept_side| ResolveDrift {
            config: config(SHOP),
            kept_side,
            seq: 2,
            message: "forged".into(),
            confirm: String::new(),
        };
        let nothing = site.service.resolve_drift(&root(), keep(KeptSide::Channel)).await;
        assert!(matches!(nothing, Err(Error::Stale(_))), "{nothing:?}");
        assert_delivered(&site.service.resolve_drift(&root(), keep(KeptSide::Database)).await.unwrap());
        assert_eq!(site.in_channel(SHOP).await, Some((3, r#"{"n":"1"}"#.into())));
    }

    async fn objects_are_removed_after_their_time_in_the_bin(site: Site) {
        let site = site.with_shop().await;
        assert_delivered(&site.publish_key(ana(), SHOP, "n", "1").await);
        let service = site.service.clone().with_bin_days(30);
        let all = [shop(), object("app", "mail"), object("env", "prod"), object("namespace", "mail/routes.yaml")];
        for what in [&all[0], &all[2], &all[3]] {
            archive(&site, &root(), what).await;
        }
        archive(&site, &root(), &all[1]).await;
        age(&site, "apps", "shop", 31).await;
        age(&site, "apps", "mail", 29).await;
        age(&site, "envs", "prod", 100).await;
        // It was archived before the actor was recorded.
        execute(&site.database, "update envs set archived_by = null where name = 'prod'").await;
        let listed = service.bin(&root(), 0, 9).await.unwrap();
        let ends: Vec<(String, Option<i64>)> = listed
            .iter()
            .map(|one| (one.object.to_string(), service.removed_at(one).map(|end| end.ms_since(now()) / 3_600_000)))
            .collect();
        assert!(ends.contains(&("shop".into(), Some(-24))) && ends.contains(&("prod".into(), None)), "{ends:?}");

        site.service.remove_expired().await.unwrap();
        assert_eq!(names(&site, &root()).await.len(), 4, "without a number of days nothing is removed");
        let (one, two) = tokio::join!(service.remove_expired(), service.remove_expired());
        assert_eq!((one.unwrap(), two.unwrap()), (false, false));
        let mut left: Vec<String> = names(&site, &root()).await.into_iter().map(|(name, _)| name).collect();
        left.sort();
        assert_eq!(left, ["mail", "mail/routes.yaml", "prod"]);
        wait_until_removed(&site, SHOP, 2).await;
        let noted = "select count(*) from audit_events where action = 'app.remove' and actor = 'system'";
        assert_eq!(count(&site.database, noted).await, 1);
        // A restored object is not removed, although it was archived for long.
        age(&site, "apps", "mail", 31).await;
        site.service.restore(&root(), &all[1]).await.unwrap();
        service.remove_expired().await.unwrap();
        assert!(site.service.app(&root(), &"mail".parse().unwrap()).await.is_ok());
    }

    async fn readers_of_a_removed_config_get_nothing_until_the_name_is_used_again(site: Site) {
        let site = site.with_shop().await;
        assert_delivered(&site.publish_key(ana(), SHOP, "n", "1").await);
        assert_delivered(&site.publish_key(ana(), MAIL, "n", "1").await);
        let stop = CancellationToken::new();
        let reader = Reader::new(Arc::new(TokenCache::new()), now, &ReaderSettings::default(), stop.clone());
        let tasks = TaskDriver::new(now, stop);
        tasks.start([feed::task(site.channel.clone(), reader.store.clone(), None, now)]);
        let seq = |id: &str| reader.store.get(id).map(|snapshot| snapshot.seq());
        eventually("the reader has both", async || (seq(SHOP), seq(MAIL)) == (Some(1), Some(1))).await;
        remove(&site, &shop()).await;
        eventually("the reader has it no more", async || seq(SHOP).is_none()).await;
        assert_eq!(seq(MAIL), Some(1));
        create_shop(&site).await;
        assert_delivered(&site.publish_key(ana(), SHOP, "n", "2").await);
        eventually("the reader has the new one", async || seq(SHOP) == Some(3)).await;
        tasks.end().await;
    }
}
