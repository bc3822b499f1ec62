//! Tests of what the home page shows: favourites, and changes of others to publish.

use trimtab::{
    domain::{
        access::{Actor, Role},
        error::{Error, Problem},
        favourite::{Favourite, MAX_FAVOURITES},
    },
    service::{NewUser, PutApp, PutNamespace},
};

use crate::{on_both_set_ups, support::*};

const PROD: &str = "prod/shop/application";

/// Returns the actor's favourites as texts.
async fn favourites(site: &Site, actor: &Actor) -> Vec<String> {
    site.service.favourites(actor).await.unwrap().iter().map(Favourite::to_string).collect()
}

async fn mark(site: &Site, actor: &Actor, of: &str, is_marked: bool) -> Result<(), Error> {
    site.service.set_favourite(actor, of.parse().unwrap(), is_marked).await
}

async fn archive_app(site: &Site, app: &str, archived: bool) {
    let put = PutApp { name: app.parse().unwrap(), title: None, description: None, archived: Some(archived) };
    site.service.put_app(&Actor::shell(), put).await.unwrap();
}

on_both_set_ups! {
    async fn favourites_are_kept_for_each_user(site: Site) {
        let site = site.with_shop().await;
        for of in [PROD, "mail", "shop", "dev/shop/application", "shop"] {
            mark(&site, ana(), of, true).await.unwrap();
        }
        assert_eq!(favourites(&site, ana()).await, ["mail", "shop", "dev/shop/application", PROD]);
        assert!(favourites(&site, marek()).await.is_empty());
        for of in ["mail", "mail", "dev/shop/application"] {
            mark(&site, ana(), of, false).await.unwrap();
        }
        assert_eq!(favourites(&site, ana()).await, ["shop", PROD]);
        let is_one = async |of: &str| site.service.is_favourite(ana(), &of.parse().unwrap()).await.unwrap();
        assert!(is_one("shop").await && is_one(PROD).await && !is_one("mail").await);
        // The ids of accounts are longer than those of these actors.
        let name = "rita".to_owned();
        let new = NewUser { name, password: "correct horse battery".into(), administrator: true, roles: Vec::new() };
        let rita = site.service.create_user(&Actor::shell(), new).await.unwrap().actor();
        mark(&site, &rita, PROD, true).await.unwrap();
        assert_eq!(favourites(&site, &rita).await, [PROD]);
    }

    async fn only_visible_objects_are_favourites(site: Site) {
        let site = site.with_shop().await;
        let eve = user_with_roles("eve", &[("dev/shop/*", Role::VIEWER)]);
        for hidden in [PROD, "mail", "dev/mail/application", "gone", "dev/shop/gone", "gone/shop/application"] {
            let refused = mark(&site, &eve, hidden, true).await.unwrap_err();
            assert!(matches!(&refused, Error::NotFound(what) if what == hidden), "{hidden}: {refused:?}");
            mark(&site, &eve, hidden, false).await.unwrap();
        }
        mark(&site, &eve, "shop", true).await.unwrap();
        mark(&site, &eve, "dev/shop/application", true).await.unwrap();
        // What the user may no longer see is no longer listed, and comes back with the role.
        let less = user_with_roles("eve", &[("prod/mail/*", Role::VIEWER)]);
        assert!(favourites(&site, &less).await.is_empty());
        assert_eq!(favourites(&site, &eve).await, ["shop", "dev/shop/application"]);
        archive_app(&site, "shop", true).await;
        assert!(favourites(&site, &eve).await.is_empty());
        archive_app(&site, "shop", false).await;
        let put = PutNamespace {
            app: "shop".parse().unwrap(),
            name: "application".parse().unwrap(),
            format: None,
            description: None,
            archived: Some(true),
        };
        site.service.put_namespace(&Actor::shell(), put).await.unwrap();
        assert_eq!(favourites(&site, &eve).await, ["shop"]);
    }

    async fn the_number_of_favourites_is_bounded(site: Site) {
        let site = site.with_shop().await;
        for n in 0..MAX_FAVOURITES {
            archive_app(&site, &format!("app-{n}"), false).await;
            mark(&site, ana(), &format!("app-{n}"), true).await.unwrap();
        }
        let refused = mark(&site, ana(), "shop", true).await.unwrap_err();
        let Error::Invalid(all) = refused else { panic!("{refused:?}") };
        assert_eq!((all[0].pointer.as_str(), &all[0].problem), ("/of", &Problem::TooMany { max: MAX_FAVOURITES }));
        mark(&site, ana(), "app-7", true).await.unwrap();
        assert_eq!(favourites(&site, ana()).await.len(), MAX_FAVOURITES);
        mark(&site, ana(), "app-7", false).await.unwrap();
        mark(&site, ana(), "shop", true).await.unwrap();
    }

    async fn changes_of_others_wait_for_those_who_may_publish_all_of_them(site: Site) {
        let site = site.with_shop().await;
        let eve = user_with_roles("eve", &[("*/*/*", Role::EDITOR)]);
        let change = site.service.save(&eve, save(PROD, vec![set("a", "1")])).await.unwrap().change.id;
        let waiting = async |actor: &Actor| {
            let changes = site.service.publishable_changes(actor, 5).await.unwrap();
            changes.into_iter().map(|summary| (summary.change.id, summary.counts.total())).collect::<Vec<_>>()
        };
        assert_eq!(waiting(ana()).await, [(change.clone(), 1)]);
        assert!(waiting(&eve).await.is_empty(), "an own change");
        for (name, pattern, role) in [("ed", "*/*/*", Role::EDITOR), ("dev", "dev/*/*", Role::PUBLISHER)] {
            assert!(waiting(&user_with_roles(name, &[(pattern, role)])).await.is_empty(), "{name}");
        }
        let prod = user_with_roles("prod", &[("prod/*/*", Role::PUBLISHER)]);
        assert_eq!(waiting(&prod).await.len(), 1);
        let more = trimtab::service::Save { change: Some(change.clone()), ..save("dev/shop/application", vec![set("b", "2")]) };
        site.service.save(&eve, more).await.unwrap();
        assert!(waiting(&prod).await.is_empty(), "it may publish a part of it");
        assert_eq!(waiting(ana()).await, [(change.clone(), 2)]);
        site.service.discard(&eve, &change).await.unwrap();
        assert!(waiting(ana()).await.is_empty());
    }
}
