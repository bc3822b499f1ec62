//! A publish releases exactly the difference that its author saw, all of it or nothing.

use trimtab::{
    domain::{
        access::{Actor, Role},
        error::{Error, Problem, StateConflict},
        release::Delivery,
    },
    service::{Idempotency, PublishRequest},
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
const MAIL: &str = "dev/mail/application";
const PROD: &str = "prod/shop/application";

on_both_set_ups! {
    async fn publish_is_in_the_channel_when_answered_as_delivered(site: Site) {
        let site = site.with_shop().await;
        let published = site.publish_key(ana(), SHOP, "db.url", "mysql://db").await;
        assert_delivered(&published);
        assert_eq!(published.releases[0].seq, 1);
        assert_eq!(site.in_channel(SHOP).await, Some((1, r#"{"db.url":"mysql://db"}"#.into())));
    }

    async fn change_of_several_configs_is_published_as_one(site: Site) {
        let site = site.with_shop().await;
        let saves = vec![save(SHOP, vec![set("a", "1")]), save(MAIL, vec![set("b", "1")])];
        let done = site.service.save_and_publish(ana(), "both".into(), String::new(), saves, None).await.unwrap();
        assert_delivered(&done);
        assert_eq!(done.releases.len(), 2);
        let again = site.publication(&done.change).await;
        assert_eq!(again.releases[0].change, again.releases[1].change);
        assert!(site.in_channel(SHOP).await.is_some() && site.in_channel(MAIL).await.is_some());
    }

    async fn conflict_in_one_config_stops_the_whole_change(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), MAIL, "b", "1").await;
        let saves = vec![save(SHOP, vec![set("a", "1")]), save(MAIL, vec![set("b", "ana")])];
        let change = site.service.save_all(ana(), "both".into(), saves, None).await.unwrap();
        site.publish_key(marek(), MAIL, "b", "marek").await;

        assert!(matches!(site.publish(ana(), &change).await, Err(Error::Conflict(_))));
        assert_eq!(site.in_channel(SHOP).await, None);
        assert_eq!(site.in_channel(MAIL).await.unwrap().1, r#"{"b":"marek"}"#);
    }

    async fn publish_is_refused_when_difference_has_changed(site: Site) {
        let site = site.with_shop().await;
        let change = site.service.save(ana(), save(SHOP, vec![set("a", "1")])).await.unwrap().change;
        let seen = site.service.change(ana(), &change.id).await.unwrap().diff_sha256;
        site.service.save(ana(), save(SHOP, vec![set("b", "1")])).await.unwrap();

        let publish = |sha: String| PublishRequest {
            change: change.id.clone(), diff_sha256: Some(sha), message: None, confirm: String::new(), idempotency: None,
        };
        let refused = site.service.publish(ana(), publish(seen)).await.unwrap_err();
        let Error::Stale(now_is) = refused else { panic!("{refused:?}") };
        site.service.publish(ana(), publish(now_is)).await.unwrap();
    }

    async fn difference_hash_ignores_other_keys_published_meanwhile(site: Site) {
        let site = site.with_shop().await;
        let change = site.service.save(ana(), save(SHOP, vec![set("a", "1")])).await.unwrap().change;
        let seen = site.service.change(ana(), &change.id).await.unwrap().diff_sha256;
        site.publish_key(marek(), SHOP, "b", "1").await;
        assert_eq!(site.service.change(ana(), &change.id).await.unwrap().diff_sha256, seen);
        site.publish(ana(), &change.id).await.unwrap();
        assert_eq!(site.in_channel(SHOP).await.unwrap().1, r#"{"b":"1","a":"1"}"#);
    }

    async fn publish_to_protected_environment_requires_message_and_name(site: Site) {
        let site = site.with_shop().await;
        let change = site.service.save(ana(), save(PROD, vec![set("a", "1")])).await.unwrap().change;
        let publish = |message: &str, confirm: &str| PublishRequest {
            change: change.id.clone(),
            diff_sha256: None,
            message: Some(message.into()),
            confirm: confirm.into(),
            idempotency: None,
        };
        let refused = site.service.publish(ana(), publish(" ", "dev")).await.unwrap_err();
        let Error::Invalid(wrong) = refused else { panic!("{refused:?}") };
        assert_eq!(wrong.iter().map(|w| w.pointer.as_str()).collect::<Vec<_>>(), ["/message", "/confirm"]);
        assert_eq!(wrong[1].problem, Problem::Confirm { expected: "prod".into() });
        site.service.publish(ana(), publish("why", "prod")).await.unwrap();
    }

    async fn publish_of_empty_change_is_refused(site: Site) {
        let site = site.with_shop().await;
        let change = site.service.save(ana(), save(SHOP, vec![set("a", "1")])).await.unwrap().change;
        site.service.revert(ana(), &change.id, &config(SHOP), "a").await.unwrap();
        assert_eq!(site.publish(ana(), &change.id).await.unwrap_err(), Error::State(StateConflict::Empty));
    }

    async fn change_published_twice_at_once_makes_one_release(site: Site) {
        let site = site.with_shop().await;
        let change = site.service.save(ana(), save(SHOP, vec![set("a", "1")])).await.unwrap().change;
        let (one, two) = tokio::join!(site.publish(ana(), &change.id), site.publish(ana(), &change.id));
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
        assert_eq!(site.in_channel(SHOP).await.unwrap().0, 1);
    }

    async fn retry_with_same_idempotency_key_gets_same_answer(site: Site) {
        let site = site.with_shop().await;
        let key = |body: &str| Some(Idempotency { key: "deploy-17".into(), body_sha256: body.repeat(64) });
        let go = |body: &'static str| {
            let saves = vec![save(SHOP, vec![set("a", body)])];
            site.service.save_and_publish(ana(), "m".into(), String::new(), saves, key(body))
        };
        let first = go("1").await.unwrap();
        let again = go("1").await.unwrap();
        assert_eq!(first.change, again.change);
        assert_eq!(site.in_channel(SHOP).await.unwrap().0, 1);
        let other = go("2").await.unwrap_err();
        assert!(matches!(&other, Error::Invalid(w) if w[0].problem == Problem::Idempotency), "{other:?}");
    }

    async fn retry_without_permission_is_refused(site: Site) {
        let site = site.with_shop().await;
        let go = async |actor: &Actor| {
            let key = Idempotency { key: "k".into(), body_sha256: "0".repeat(64) };
            let saves = vec![save(SHOP, vec![set("a", "1")])];
            site.service.save_and_publish(actor, "m".into(), String::new(), saves, Some(key)).await
        };
        go(&user_with_roles("eve", &[("*/shop/*", Role::PUBLISHER)])).await.unwrap();
        let refused = go(&user_with_roles("eve", &[("*/mail/*", Role::PUBLISHER)])).await.unwrap_err();
        assert!(matches!(refused, Error::NotFound(_)), "{refused:?}");
    }

    async fn concurrent_retries_make_one_release(site: Site) {
        let site = site.with_shop().await;
        let go = || {
            let key = Idempotency { key: "k".into(), body_sha256: "0".repeat(64) };
            let saves = vec![save(SHOP, vec![set("a", "1")])];
            site.service.save_and_publish(ana(), "m".into(), String::new(), saves, Some(key))
        };
        let answers = futures::future::join_all((0..8).map(|_| go())).await;
        let changes: std::collections::BTreeSet<_> = answers.iter().flatten().map(|p| p.change.clone()).collect();
        assert_eq!(changes.len(), 1, "{answers:?}");
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(site.in_channel(SHOP).await.unwrap().0, 1);
    }

    async fn publish_without_running_publisher_is_accepted_and_delivered_later(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        let published = site.publish_key(ana(), SHOP, "a", "1").await;
        assert!(matches!(published.delivery, Delivery::Accepted { .. }), "{:?}", published.delivery);
        assert_eq!(site.in_channel(SHOP).await, None);
        site.deliver().await;
        assert_eq!(site.in_channel(SHOP).await.unwrap().0, 1);
        assert_delivered(&site.publication(&published.change).await);
    }
}
