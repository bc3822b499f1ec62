//! Permissions in the service, for users, tokens and the command line.

use trimtab::{
    domain::{
        access::{Actor, Role},
        content::ValueType,
        error::{Error, Need, Problem},
    },
    service::{DelayReason, EnteredPart, EnteredText, LateEnv, PutApp, PutEnv, PutNamespace, now},
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";

on_both_set_ups! {
    async fn invisible_objects_are_reported_as_not_found(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        let change = site.service.save(ana(), save(SHOP, vec![set("a", "2")])).await.unwrap().change;
        let stranger = user_with_roles("eve", &[("*/mail/*", Role::OWNER)]);
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

    async fn viewer_cannot_edit_and_editor_cannot_publish(site: Site) {
        let site = site.with_shop().await;
        let viewer = user_with_roles("vera", &[("*/shop/*", Role::VIEWER)]);
        let editor = user_with_roles("ed", &[("*/shop/*", Role::EDITOR)]);
        let refused = site.service.save(&viewer, save(SHOP, vec![set("a", "1")])).await.unwrap_err();
        assert_eq!(refused, Error::Forbidden(Need::Edit));
        let change = site.service.save(&editor, save(SHOP, vec![set("a", "1")])).await.unwrap().change;
        assert_eq!(site.publish(&editor, &change.id).await.unwrap_err(), Error::Forbidden(Need::Publish));
        site.publish(ana(), &change.id).await.unwrap();
    }

    async fn check_of_a_typed_text_needs_the_permission_of_a_save(site: Site) {
        let site = site.with_shop().await;
        const TEXT: &str = "dev/shop/routes.yaml";
        let check = async |actor: &Actor, config: &str, kind: Option<ValueType>, text: &str| {
            let text = EnteredText { sent: text.into(), ..EnteredText::default() };
            let part = kind.map_or(EnteredPart::Document, EnteredPart::Value);
            site.service.check_entered_text(actor, &config.parse().unwrap(), part, &text).await
        };
        let editor = user_with_roles("ed", &[("dev/shop/*", Role::EDITOR)]);
        let viewer = user_with_roles("vera", &[("*/shop/*", Role::VIEWER)]);
        let stranger = user_with_roles("eve", &[("*/mail/*", Role::OWNER)]);
        let wrong = "a: 1\nb: [\n";
        assert_eq!(check(&viewer, TEXT, None, wrong).await, Err(Error::Forbidden(Need::Edit)));
        for config in [TEXT, "dev/none/routes.yaml", "dev/shop/none"] {
            let refused = check(&stranger, config, None, wrong).await.unwrap_err();
            assert!(matches!(refused, Error::NotFound(_)), "{refused:?}");
        }
        // The problem is that of a save.
        let found = check(&editor, TEXT, None, wrong).await.unwrap().unwrap();
        let refused = site.service.save(&editor, save(TEXT, vec![text(wrong)])).await.unwrap_err();
        assert_eq!(refused, Error::Invalid(vec![found.of("/text")]));
        assert_eq!(check(&editor, TEXT, None, "a: 1\n").await, Ok(None));
        let found = check(&editor, SHOP, Some(ValueType::Json), "{\n1").await.unwrap().unwrap();
        assert_eq!(found.line, Some(2));
        assert_eq!(check(&editor, SHOP, Some(ValueType::String), "{\n1").await, Ok(None));
        for (config, kind) in [(SHOP, None), (TEXT, Some(ValueType::Json))] {
            let found = check(&editor, config, kind, "1").await.unwrap().unwrap();
            assert!(matches!(found.problem, Problem::Kind { .. }), "{found:?}");
        }
    }

    async fn role_in_one_environment_has_no_effect_in_another(site: Site) {
        let site = site.with_shop().await;
        let dev = user_with_roles("dev", &[("dev/shop/*", Role::PUBLISHER), ("prod/shop/*", Role::VIEWER)]);
        site.publish_key(&dev, SHOP, "a", "1").await;
        let refused = site.service.save(&dev, save(PROD, vec![set("a", "1")])).await.unwrap_err();
        assert_eq!(refused, Error::Forbidden(Need::Edit));
    }

    async fn application_shows_only_visible_environments_and_namespaces(site: Site) {
        let site = site.with_shop().await;
        let guest = user_with_roles("gus", &[(SHOP, Role::VIEWER)]);
        let shop = site.service.app(&guest, &"shop".parse().unwrap()).await.unwrap();
        assert_eq!(shop.envs.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["dev"]);
        assert_eq!(shop.rows.iter().map(|(ns, _)| ns.name.as_str()).collect::<Vec<_>>(), ["application"]);
        let cards = site.service.apps(&guest).await.unwrap();
        assert_eq!(cards.iter().map(|c| (c.app.name.as_str(), c.namespaces)).collect::<Vec<_>>(), [("shop", 1)]);
        let owner = user_with_roles("olga", &[("*/shop/*", Role::OWNER)]);
        let shop = site.service.app(&owner, &"shop".parse().unwrap()).await.unwrap();
        assert_eq!((shop.envs.len(), shop.rows.len()), (2, 2));
        assert!(shop.rows.iter().all(|(_, cells)| cells.len() == 2 && cells.iter().all(|cell| cell.visible)));
    }

    async fn late_environment_is_reported_only_to_users_who_see_it(site: Site) {
        let site = site.with_shop().await.accepting_only().await;
        let late = LateEnv { env: "prod".parse().unwrap(), since: now(), reason: DelayReason::Slow, waiting: 1 };
        site.dispatch().status.set_late(late);
        assert_eq!(site.service.late(ana()).len(), 1);
        assert_eq!(site.service.late(&user_with_roles("gus", &[(SHOP, Role::OWNER)])), []);
        assert_eq!(site.dispatch().status.late().len(), 1);
        // A driver's message contains addresses.
        let why = DelayReason::Channel(Some("etcd at http://10.0.0.1:2379: connection refused".into()));
        site.dispatch().status.set_late(LateEnv { env: "prod".parse().unwrap(), since: now(), reason: why.clone(), waiting: 1 });
        assert_eq!(site.service.late(&Actor::shell()).pop().unwrap().reason, why);
        assert_eq!(site.service.late(ana()).pop().unwrap().reason, DelayReason::Channel(None));
    }

    async fn creator_token_creates_apps_and_namespaces_in_its_patterns(site: Site) {
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

    async fn only_administrators_change_environments_and_refusals_do_not_reveal_them(site: Site) {
        let site = site.with_shop().await;
        let s = &site.service;
        let root = Actor::user("root", "root", true, &[]);
        let token = Actor::token("1", "ci", true, &["*/shop/*".parse().unwrap()]);
        let owner = user_with_roles("olga", &[("*/*/*", Role::OWNER)]);
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
            assert_eq!(s.removes_protection(&owner, &put(name)).await, Err(Error::Forbidden(Need::Administer)), "{name}");
        }
        assert_eq!(s.put_env(&token, put("prod")).await, Err(Error::Forbidden(Need::Administer)));
        assert_eq!(order().await, ["dev", "prod"]);
        s.move_env(&root, &"prod".parse().unwrap(), true).await.unwrap();
        s.move_env(&root, &"prod".parse().unwrap(), true).await.unwrap();
        assert_eq!(order().await, ["prod", "dev"]);
        assert!(matches!(s.move_env(&root, &"nowhere".parse().unwrap(), true).await, Err(Error::NotFound(_))));
        assert!(s.removes_protection(&root, &put("prod")).await.unwrap());
        assert!(!s.put_env(&root, put("prod")).await.unwrap());
        assert!(!s.removes_protection(&root, &put("prod")).await.unwrap(), "the environment is already unprotected");
    }

    async fn only_administrators_manage_users_and_create_applications(site: Site) {
        let site = site.with_shop().await;
        let owner = user_with_roles("olga", &[("*/*/*", Role::OWNER)]);
        assert!(matches!(site.service.users(&owner, "", 10).await, Err(Error::Forbidden(_))));
        let put = PutApp { name: "new".parse().unwrap(), title: None, description: None, archived: None };
        assert!(matches!(site.service.put_app(&owner, put.clone()).await, Err(Error::Forbidden(_))));
        assert!(site.service.put_app(&Actor::shell(), put).await.unwrap());
    }
}
