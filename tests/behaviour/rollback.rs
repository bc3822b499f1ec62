//! A rollback makes a new release; release numbers never decrease.

use trimtab::{
    domain::error::{Error, Problem, StateConflict},
    service::Rollback,
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";

fn back(id: &str, to: u64) -> Rollback {
    Rollback {
        config: config(id),
        to,
        message: "back".into(),
        confirm: config(id).env.to_string(),
        live: None,
        idempotency: None,
    }
}

on_both_set_ups! {
    async fn rollback_publishes_older_content_as_a_new_release(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.publish_key(ana(), SHOP, "a", "2").await;
        let done = site.service.roll_back(ana(), back(SHOP, 1)).await.unwrap();
        assert_delivered(&done);
        assert_eq!((done.releases[0].seq, done.releases[0].rolled_back_to), (3, Some(1)));
        assert_eq!(site.in_channel(SHOP).await, Some((3, r#"{"a":"1"}"#.into())));
        let history = site.service.releases(ana(), &config(SHOP), None, 10).await.unwrap();
        assert_eq!(history.iter().map(|r| r.seq).collect::<Vec<_>>(), [3, 2, 1]);
    }

    async fn first_release_can_be_restored(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.publish_key(ana(), SHOP, "b", "2").await;
        site.service.roll_back(ana(), back(SHOP, 1)).await.unwrap();
        assert_eq!(site.in_channel(SHOP).await.unwrap().1, r#"{"a":"1"}"#);
    }

    async fn open_changes_keep_their_edits_after_a_rollback(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.publish_key(ana(), SHOP, "a", "bad").await;
        let change = site.service.save(marek(), save(SHOP, vec![set("b", "new")])).await.unwrap().change;
        site.service.roll_back(ana(), back(SHOP, 1)).await.unwrap();
        site.publish(marek(), &change.id).await.unwrap();
        assert_eq!(site.in_channel(SHOP).await.unwrap().1, r#"{"a":"1","b":"new"}"#);
    }

    async fn rollback_to_live_content_or_a_missing_release_is_refused(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        assert_eq!(site.service.roll_back(ana(), back(SHOP, 1)).await.unwrap_err(), Error::State(StateConflict::Empty));
        let never = site.service.roll_back(ana(), back(SHOP, 9)).await.unwrap_err();
        assert!(matches!(&never, Error::Invalid(w) if w[0].problem == Problem::Release { release: 9 }), "{never:?}");
    }

    async fn rollback_in_protected_environment_requires_its_name(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), PROD, "a", "1").await;
        site.publish_key(ana(), PROD, "a", "2").await;
        let unconfirmed = Rollback { confirm: String::new(), ..back(PROD, 1) };
        assert!(matches!(site.service.roll_back(ana(), unconfirmed).await, Err(Error::Invalid(_))));
        site.service.roll_back(ana(), back(PROD, 1)).await.unwrap();
    }

    async fn rollback_is_refused_when_live_release_has_changed(site: Site) {
        let site = site.with_shop().await;
        for value in ["1", "2", "3"] {
            site.publish_key(ana(), SHOP, "a", value).await;
        }
        let stale = Rollback { live: Some(2), ..back(SHOP, 1) };
        assert!(matches!(site.service.roll_back(ana(), stale).await, Err(Error::Stale(_))));
    }
}
