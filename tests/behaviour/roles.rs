//! Who may do what, whoever asks.

use trimtab::{
    domain::{
        access::{Actor, Role},
        error::{Error, Need},
    },
    service::{Late, PutApp, PutEnv, PutNamespace, Why, now},
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";

on_both_set_ups! {
    async fn what_may_not_be_seen_does_not_exist(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        let change = site.service.save(ana(), save(SHOP, vec![set("a", "2")])).await.unwrap().change;
        let stranger = someone("eve", &[("*/mail/*", Role::OWNER)]);
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
        let viewer = someone("vera", &[("*/shop/*", Role::VIEWER)]);
        let editor = someone("ed", &[("*/shop/*", Role::EDITOR)]);
        let refused = site.service.save(&viewer, save(SHOP, vec![set("a", "1")])).await.unwrap_err();
        assert_eq!(refused, Error::Forbidden(Need::Edit));
        let change = site.service.save(&editor, save(SHOP, vec![set("a", "1")])).await.unwrap().change;
        assert_eq!(site.publish(&editor, &change.id).await.unwrap_err(), Error::Forbidden(Need::Publish));
        site.publish(ana(), &change.id).await.unwrap();
    }

    async fn a_role_in_one_environment_is_none_in_another(site: Site) {
        let site = site.with_shop().await;
        let dev = someone("dev", &[("dev/shop/*", Role::PUBLISHER), ("prod/shop/*", Role::VIEWER)]);
        site.publish_key(&dev, SHOP, "a", "1").await;
        let refused = site.service.save(&dev, save(PROD, vec![set("a", "1")])).await.unwrap_err();
        assert_eq!(refused, Error::Forbidden(Need::Edit));
    }

    async fn an_application_shows_what_of_it_may_be_seen(site: Site) {
        let site = site.with_shop().await;
        let guest = someone("gus", &[(SHOP, Role::VIEWER)]);
        let shop = site.service.app(&guest, &"shop".parse().unwrap()).await.unwrap();
        assert_eq!(shop.envs.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["dev"]);
        assert_eq!(shop.rows.iter().map(|(ns, _)| ns.name.as_str()).collect::<Vec<_>>(), ["application"]);
        let cards = site.service.apps(&guest).await.unwrap();
        assert_eq!(cards.iter().map(|c| (c.app.name.as_str(), c.namespaces)).collect::<Vec<_>>(), [("shop", 1)]);
        let owner = someone("olga", &[("*/shop/*", Role::OWNER)]);
        let shop = site.service.app(&owner, &"shop".parse().unwrap()).await.unwrap();
        assert_eq!((shop.envs.len(), shop.rows.len()), (2, 2));
        assert!(shop.rows.iter().all(|(_, cells)| cells.len() == 2 && cells.iter().all(|cell| cell.visible)));
    }

    async fn what_is_late_is_said_to_those_who_see_it(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        let late = Late { env: "prod".parse().unwrap(), since: now(), why: Why::Slow, waiting: 1 };
        site.dispatch().status.set_late(late);
        assert_eq!(site.service.late(ana()).len(), 1);
        assert_eq!(site.service.late(&someone("gus", &[(SHOP, Role::OWNER)])), []);
        assert_eq!(site.dispatch().status.late().len(), 1);
        // What a driver said has addresses in it.
        let why = Why::Channel(Some("etcd at http://10.0.0.1:2379: connection refused".into()));
        site.dispatch().status.set_late(Late { env: "prod".parse().unwrap(), since: now(), why: why.clone(), waiting: 1 });
        assert_eq!(site.service.late(&Actor::shell()).pop().unwrap().why, why);
        assert_eq!(site.service.late(ana()).pop().unwrap().why, Why::Channel(None));
    }

    async fn a_creator_makes_and_owns_what_its_patterns_name(site: Site) {
        let site = site.with_shop().await;
        let put = |name: &str| PutApp { name: name.parse().unwrap(), title: None, description: None, archived: None };
        let namespace = |app: &str| PutNamespace {
            app: app.parse().unwrap(),
            name: "more".parse().unwrap(),
            format: None,
            description: None,
            archived: None,
        };
        let s = &site.service;
        let of_new = Actor::token("1", "new", true, &["*/new/*".parse().unwrap()]);
        assert!(s.put_app(&of_new, put("new")).await.unwrap());
        assert!(s.put_namespace(&of_new, namespace("new")).await.unwrap());
        for refused in [
            s.put_app(&of_new, put("other")).await.err(),
            s.put_app(&of_new, PutApp { archived: Some(true), ..put("shop") }).await.err(),
            s.put_namespace(&of_new, namespace("shop")).await.err(),
            s.app(&of_new, &"shop".parse().unwrap()).await.err(),
        ] {
            assert!(matches!(refused, Some(Error::NotFound(_))), "{refused:?}");
        }
        let of_all = Actor::token("2", "all", true, &[]);
        assert!(s.put_app(&of_all, put("other")).await.unwrap());
        assert!(s.put_namespace(&of_all, namespace("shop")).await.unwrap());
    }

    async fn only_administrators_change_environments_and_nobody_else_hears_which_exist(site: Site) {
        let site = site.with_shop().await;
        let s = &site.service;
        let root = Actor::user("root", "root", true, &[]);
        let token = Actor::token("1", "ci", true, &["*/shop/*".parse().unwrap()]);
        let owner = someone("olga", &[("*/*/*", Role::OWNER)]);
        let put = |name: &str| PutEnv {
            name: name.parse().unwrap(),
            title: None,
            position: None,
            protected: Some(false),
            archived: None,
        };
        let order = async || s.envs().await.unwrap().into_iter().map(|env| env.name.to_string()).collect::<Vec<_>>();
        for name in ["prod", "nowhere"] {
            for (actor, earlier) in [(&token, true), (&owner, true), (&owner, false)] {
                let refused = s.move_env(actor, &name.parse().unwrap(), earlier).await;
                assert_eq!(refused, Err(Error::Forbidden(Need::Administer)), "{name}");
            }
            assert_eq!(s.put_env(&owner, put(name)).await, Err(Error::Forbidden(Need::Administer)), "{name}");
            assert_eq!(s.loosens(&owner, &put(name)).await, Err(Error::Forbidden(Need::Administer)), "{name}");
        }
        assert_eq!(s.put_env(&token, put("prod")).await, Err(Error::Forbidden(Need::Administer)));
        assert_eq!(order().await, ["dev", "prod"]);
        s.move_env(&root, &"prod".parse().unwrap(), true).await.unwrap();
        s.move_env(&root, &"prod".parse().unwrap(), true).await.unwrap();
        assert_eq!(order().await, ["prod", "dev"]);
        assert!(matches!(s.move_env(&root, &"nowhere".parse().unwrap(), true).await, Err(Error::NotFound(_))));
        assert!(s.loosens(&root, &put("prod")).await.unwrap());
        assert!(!s.put_env(&root, put("prod")).await.unwrap());
        assert!(!s.loosens(&root, &put("prod")).await.unwrap(), "it is not protected any more");
    }

    async fn only_administrators_manage_people_and_create_applications(site: Site) {
        let site = site.with_shop().await;
        let owner = someone("olga", &[("*/*/*", Role::OWNER)]);
        assert!(matches!(site.service.users(&owner, "", 10).await, Err(Error::Forbidden(_))));
        let put = PutApp { name: "new".parse().unwrap(), title: None, description: None, archived: None };
        assert!(matches!(site.service.put_app(&owner, put.clone()).await, Err(Error::Forbidden(_))));
        assert!(site.service.put_app(&Actor::shell(), put).await.unwrap());
    }
}
