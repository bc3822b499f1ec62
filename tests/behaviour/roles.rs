//! Who may do what, whoever asks.

use trimtab::domain::{
    access::{Actor, Role},
    error::{Error, Need},
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";

on_both_set_ups! {
    async fn what_may_not_be_seen_does_not_exist(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        let change = site.service.save(ana(), save(SHOP, vec![set("a", "2")])).await.unwrap().change;
        let stranger = someone("eve", &[("*/mail/*", Role::Owner)]);
        let s = &site.service;
        let shop = config(SHOP);
        for refused in [
            s.config(&stranger, &shop, None).await.err(),
            s.releases(&stranger, &shop, None, 10).await.err(),
            s.release_with_content(&stranger, &shop, 1).await.err(),
            s.change(&stranger, &change.id).await.err(),
            s.revert(&stranger, &change.id, &shop, "a").await.err(),
            s.discard(&stranger, &change.id).await.err(),
            s.app(&stranger, &"shop".parse().unwrap()).await.err(),
            s.save(&stranger, save(SHOP, vec![set("a", "3")])).await.err(),
            site.publish(&stranger, &change.id).await.err(),
        ] {
            assert!(matches!(refused, Some(Error::NotFound(_))), "{refused:?}");
        }
    }

    async fn a_viewer_looks_an_editor_edits_a_publisher_publishes(site: Site) {
        let site = site.with_shop().await;
        let viewer = someone("vera", &[("*/shop/*", Role::Viewer)]);
        let editor = someone("ed", &[("*/shop/*", Role::Editor)]);
        let refused = site.service.save(&viewer, save(SHOP, vec![set("a", "1")])).await.unwrap_err();
        assert_eq!(refused, Error::Forbidden(Need::Edit));
        let change = site.service.save(&editor, save(SHOP, vec![set("a", "1")])).await.unwrap().change;
        assert_eq!(site.publish(&editor, &change.id).await.unwrap_err(), Error::Forbidden(Need::Publish));
        site.publish(ana(), &change.id).await.unwrap();
    }

    async fn a_role_in_one_environment_is_none_in_another(site: Site) {
        let site = site.with_shop().await;
        let dev = someone("dev", &[("dev/shop/*", Role::Publisher), ("prod/shop/*", Role::Viewer)]);
        site.publish_key(&dev, SHOP, "a", "1").await;
        let refused = site.service.save(&dev, save(PROD, vec![set("a", "1")])).await.unwrap_err();
        assert_eq!(refused, Error::Forbidden(Need::Edit));
    }

    async fn only_administrators_manage_people_and_create_applications(site: Site) {
        let site = site.with_shop().await;
        let owner = someone("olga", &[("*/*/*", Role::Owner)]);
        assert!(matches!(site.service.users(&owner, "", 10).await, Err(Error::Forbidden(_))));
        let put = trimtab::service::PutApp { name: "new".parse().unwrap(), title: None, description: None, archived: None };
        assert!(matches!(site.service.put_app(&owner, put.clone()).await, Err(Error::Forbidden(_))));
        assert!(site.service.put_app(&Actor::shell(), put).await.unwrap());
    }
}
