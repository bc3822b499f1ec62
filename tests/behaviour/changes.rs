//! Tests of changes and their edits, and of imports.

use trimtab::{
    domain::{
        access::{Actor, Role},
        change::ChangeState,
        content::{Item, ValueType},
        error::{Error, Invalid, Need, Problem, StateConflict},
        merge::Edit,
        names::ConfigId,
        sensitive::Sensitive,
    },
    formats::{ItemFormat, Typing},
    service::{CopyKeys, CopyMode, Import, ImportMode, KeyAgreement, NamespaceDifference, NewUser, Promotion},
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";
const ROUTES: &str = "dev/shop/routes.yaml";

/// Returns an import of `.properties`.
fn import(id: &str, text: &str) -> Import {
    let (source, typing, mode) = (ItemFormat::Properties, Typing::Keep, ImportMode::Merge);
    Import { config: config(id), source, text: text.into(), typing, mode, allow_empty: false }
}

on_both_set_ups! {
    async fn open_changes_are_listed_page_by_page(site: Site) {
        const ALL: usize = 120;
        let site = site.with_shop().await;
        for n in 0..ALL {
            let saves = vec![save("dev/shop/application", vec![set("n", &n.to_string())])];
            site.service.save_all(ana(), format!("change {n}"), saves, None).await.unwrap();
        }
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let (views, next) = site.service.open_changes(ana(), after).await.unwrap();
            seen.extend(views.into_iter().map(|view| view.change.message));
            pages += 1;
            after = next;
            if after.is_none() {
                break;
            }
        }
        let expected: Vec<String> = (0..ALL).rev().map(|n| format!("change {n}")).collect();
        assert_eq!((seen, pages), (expected, 3));
        let stranger = user_with_roles("vera", &[("dev/mail/*", Role::VIEWER)]);
        assert_eq!(site.service.open_changes(&stranger, None).await.unwrap().0.len(), 0);
    }

    async fn edit_is_shown_as_pending_and_not_as_live(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.service.save(ana(), save(SHOP, vec![set("a", "2"), set("b", "1")])).await.unwrap();

        let hers = site.service.config(ana(), &config(SHOP), None).await.unwrap();
        assert_eq!(value(&hers.content, "a"), Some("1"));
        let mine = hers.mine.unwrap();
        assert_eq!((value(&mine.config.after, "a"), value(&mine.config.after, "b")), (Some("2"), Some("1")));

        let his = site.service.config(marek(), &config(SHOP), None).await.unwrap();
        assert!(his.mine.is_none());
        assert_eq!(his.others[0].change.author_name, "ana");
        assert_eq!(his.others[0].keys.len(), 2);
    }

    async fn byte_order_mark_is_removed_from_text(site: Site) {
        let site = site.with_shop().await;
        let saved = site.service.save(ana(), save(ROUTES, vec![text("\u{feff}a: 1\n")])).await.unwrap();
        site.publish(ana(), &saved.change.id).await.unwrap();
        assert_eq!(site.in_channel(ROUTES).await, Some((1, "a: 1\n".into())));

        let import = |text: &str| Import {
            config: config(ROUTES),
            source: ItemFormat::Yaml,
            text: text.into(),
            typing: Typing::Keep,
            mode: ImportMode::Merge,
            allow_empty: false,
        };
        assert!(site.service.import(ana(), &import("\u{feff}a: 1\n"), None).await.unwrap().is_none(), "the content is live already");
        let saved = site.service.import(ana(), &import("\u{feff}a: 2\n"), None).await.unwrap().unwrap();
        site.publish(ana(), &saved.change.id).await.unwrap();
        assert_eq!(site.in_channel(ROUTES).await, Some((2, "a: 2\n".into())));

        let second = Problem::Unseen { character: '\u{feff}', position: 1 };
        let refused = Error::from(Invalid::at("/text", second, 1, 1));
        let twice = "\u{feff}\u{feff}a: 3\n";
        assert_eq!(site.service.save(ana(), save(ROUTES, vec![text(twice)])).await.unwrap_err(), refused);
        assert_eq!(site.service.import(ana(), &import(twice), None).await.unwrap_err(), refused);
    }

    async fn edits_of_two_authors_stay_in_separate_changes(site: Site) {
        let site = site.with_shop().await;
        let hers = site.service.save(ana(), save(SHOP, vec![set("a", "ana")])).await.unwrap().change;
        let his = site.service.save(marek(), save(SHOP, vec![set("b", "marek")])).await.unwrap().change;
        assert_ne!(hers.id, his.id);

        site.publish(marek(), &his.id).await.unwrap();
        assert_eq!(site.in_channel(SHOP).await, Some((1, r#"{"b":"marek"}"#.into())));

        let refused = site.service.save(marek(), trimtab::service::Save { change: Some(hers.id), ..save(SHOP, vec![set("c", "1")]) });
        assert_eq!(refused.await.unwrap_err(), Error::Forbidden(Need::Author));
    }

    async fn save_on_an_old_release_merges_other_keys_and_refuses_the_same_key(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        site.publish_key(marek(), SHOP, "a", "2").await;

        let merged = site.service.save(ana(), save_on(SHOP, 1, vec![set("b", "1")])).await.unwrap();
        let refused = site.service.save(ana(), save_on(SHOP, 1, vec![set("a", "3")])).await.unwrap_err();
        let Error::Conflict(conflicts) = refused else { panic!("{refused:?}") };
        let c = &conflicts[0];
        let sides = [&c.base, &c.theirs, &c.mine].map(|side| side.as_ref().map(Sensitive::expose));
        assert_eq!(sides, [Some("1"), Some("2"), Some("3")]);

        site.publish(ana(), &merged.change.id).await.unwrap();
        assert_eq!(site.in_channel(SHOP).await, Some((3, r#"{"a":"2","b":"1"}"#.into())));
    }

    async fn stale_save_from_second_tab_of_same_author_is_refused(site: Site) {
        let site = site.with_shop().await;
        let first = site.service.save(ana(), save(SHOP, vec![set("a", "tab one")])).await.unwrap().change;
        let stale = trimtab::service::Save { version: Some(first.version - 1), ..save(SHOP, vec![set("a", "tab two")]) };
        assert!(matches!(site.service.save(ana(), stale).await, Err(Error::Conflict(_))));
        let fresh = trimtab::service::Save { version: Some(first.version), ..save(SHOP, vec![set("a", "tab two")]) };
        site.service.save(ana(), fresh).await.unwrap();
    }

    async fn edit_back_to_live_value_leaves_change_empty(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), SHOP, "a", "1").await;
        let change = site.service.save(ana(), save(SHOP, vec![set("a", "2"), remove("nothing")])).await.unwrap().change;
        site.service.save(ana(), save(SHOP, vec![set("a", "1")])).await.unwrap();
        assert!(site.service.change(ana(), &change.id).await.unwrap().configs.is_empty());
        assert!(site.service.my_changes(ana()).await.unwrap().is_empty());
    }

    async fn reverted_key_is_removed_from_the_change(site: Site) {
        let site = site.with_shop().await;
        let change = site.service.save(ana(), save(SHOP, vec![set("a", "1"), set("b", "1")])).await.unwrap().change;
        site.service.revert(ana(), &change.id, &config(SHOP), "a").await.unwrap();
        site.publish(ana(), &change.id).await.unwrap();
        assert_eq!(site.in_channel(SHOP).await, Some((1, r#"{"b":"1"}"#.into())));
    }

    async fn discarded_change_accepts_no_more_edits(site: Site) {
        let site = site.with_shop().await;
        let change = site.service.save(ana(), save(SHOP, vec![set("a", "1")])).await.unwrap().change;
        site.service.discard(ana(), &change.id).await.unwrap();
        let again = trimtab::service::Save { change: Some(change.id.clone()), ..save(SHOP, vec![set("a", "1")]) };
        assert!(matches!(site.service.save(ana(), again).await, Err(Error::State(_))));
        assert!(matches!(site.publish(ana(), &change.id).await, Err(Error::State(_))));
    }

    async fn change_of_disabled_author_is_discarded_only_by_owners_of_all_its_configs(site: Site) {
        let site = site.with_shop().await;
        let (service, root) = (&site.service, Actor::shell());
        let new = NewUser { name: "gone".into(), password: "a very long password".into(), administrator: false, roles: vec![("*/*/*".parse().unwrap(), Role::EDITOR)] };
        let account = service.create_user(&root, new).await.unwrap();
        let author = account.actor();
        let both = vec![save(SHOP, vec![set("a", "1")]), save("dev/mail/application", vec![set("a", "1")])];
        let open = async |actor: &Actor, saves| service.save_all(actor, "left behind".into(), saves, None).await.unwrap();
        let (shop, all) = (open(&author, vec![save(SHOP, vec![set("a", "1")])]).await, open(&author, both).await);
        let administrator = Actor::user("root", "root", true, &[]);
        let owner = user_with_roles("olga", &[("*/shop/*", Role::OWNER), ("*/*/*", Role::EDITOR)]);
        let publisher = marek();
        for actor in [&administrator, &owner, publisher, &root] {
            assert!(!service.change(actor, &shop).await.unwrap().may_discard);
            assert_eq!(service.discard(actor, &shop).await.unwrap_err(), Error::Forbidden(Need::Author));
        }

        service.change_user(&root, &account.id, false, true, Vec::new()).await.unwrap();
        assert_eq!(service.discard(publisher, &shop).await.unwrap_err(), Error::Forbidden(Need::Own));
        assert_eq!(service.discard(&owner, &all).await.unwrap_err(), Error::Forbidden(Need::Own));
        assert!(service.change(&owner, &shop).await.unwrap().may_discard);
        service.discard(&owner, &shop).await.unwrap();
        service.discard(&administrator, &all).await.unwrap();
        for id in [&shop, &all] {
            assert_eq!(service.change(&administrator, id).await.unwrap().change.state, ChangeState::Discarded);
        }
        let noted = format!("select count(*) from audit_events where action = 'change.discard' and object = '{shop}' and actor_name = 'olga' and detail = 'of gone'");
        assert_eq!(count(&site.database, &noted).await, 1);

        let token = Actor::token("1", "ci", false, &["*/shop/*".parse().unwrap()]);
        for program in [&token, &root] {
            let id = open(program, vec![save(SHOP, vec![set("a", "1")])]).await;
            assert_eq!(service.discard(publisher, &id).await.unwrap_err(), Error::Forbidden(Need::Own));
            service.discard(&owner, &id).await.unwrap();
        }
    }

    async fn import_into_new_change_is_compared_with_live_content(site: Site) {
        let site = site.with_shop().await;
        let service = &site.service;
        site.publish_key(ana(), SHOP, "a", "1").await;
        service.save(ana(), save(SHOP, vec![set("a", "2"), set("pending", "1")])).await.unwrap();
        assert_eq!(service.import_into_new_change(ana(), &import(SHOP, "a=1"), String::new()).await.unwrap_err(), Error::State(StateConflict::Empty));

        let first = service.import_into_new_change(ana(), &import(SHOP, "b=1"), String::new()).await.unwrap();
        let second = service.import_into_new_change(ana(), &import(SHOP, "b=1"), String::new()).await.unwrap();
        assert_ne!(first, second);
        let published = service.import_and_publish(ana(), &import(SHOP, "c=1"), String::new(), String::new()).await.unwrap();
        assert_delivered(&published);
        assert_eq!(site.in_channel(SHOP).await, Some((2, r#"{"a":"1","c":"1"}"#.into())));
        assert_eq!(service.change(ana(), &first).await.unwrap().configs[0].diff.counts().added, 1);
    }

    async fn refused_import_leaves_no_change(site: Site) {
        let site = site.with_shop().await;
        let service = &site.service;
        site.publish_key(ana(), PROD, "a", "1").await;
        let long = format!("a={}\nb={}", "x".repeat(1_000_000), "x".repeat(480_000));
        let endless = "x".repeat(2001);
        let replace = |text: &str| Import { mode: ImportMode::Replace, ..import(PROD, text) };
        for (wanted, message, confirm) in [
            (import(PROD, "a=2"), "why", ""),
            (import(PROD, "a=2"), "", "prod"),
            (import(PROD, "a=2"), "why", "dev"),
            (import(PROD, "a\nb\\u12"), "why", "prod"),
            (import(PROD, &long), "why", "prod"),
            (import(PROD, "a=2"), endless.as_str(), "prod"),
            (replace(""), "why", "prod"),
            (replace("# nothing\n \n"), "why", "prod"),
            (Import { source: ItemFormat::Json, allow_empty: true, ..replace("// a\n{\"a\": 1,,}") }, "why", "prod"),
            (import(PROD, "a=2"), "\u{200b}\u{3164}", "prod"),
            (Import { source: ItemFormat::Json, ..replace("{}") }, "why", "prod"),
            (Import { source: ItemFormat::Json, ..replace("\u{feff} \n") }, "why", "prod"),
            (Import { source: ItemFormat::Yaml, ..replace("---\n") }, "why", "prod"),
            (Import { source: ItemFormat::Toml, ..replace("# nothing\n") }, "why", "prod"),
        ] {
            let refused = service.import_and_publish(ana(), &wanted, message.into(), confirm.into()).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{:?}: {refused:?}", wanted.text);
        }
        assert!(service.my_changes(ana()).await.unwrap().is_empty());
        assert_eq!(count(&site.database, "select count(*) from changes where state = 'open'").await, 0);
        assert_eq!(site.in_channel(PROD).await.unwrap().0, 1);

        let lines = Import { allow_empty: true, ..replace("# of an old Mac\ra=1\rb=2\r") };
        assert_eq!(service.preview_import(ana(), &lines).await.unwrap().diff.counts().removed, 0);
        let empty = Import { allow_empty: true, ..replace("# nothing") };
        service.import_and_publish(ana(), &empty, "why".into(), "prod".into()).await.unwrap();
        assert_eq!(site.in_channel(PROD).await, Some((2, "{}".into())));
    }

    async fn concurrent_imports_stay_separate(site: Site) {
        let site = site.with_shop().await;
        let service = &site.service;
        let replace = |n: usize| Import { mode: ImportMode::Replace, ..import(SHOP, &format!("k{n}=1\nall={n}")) };
        let imports: Vec<Import> = (0..8).map(replace).collect();
        let done = imports.iter().map(|import| service.import_and_publish(ana(), import, String::new(), String::new()));
        for published in futures::future::join_all(done).await {
            let release = &published.unwrap().releases[0];
            let (_, content) = service.release_with_content(ana(), &config(SHOP), release.seq).await.unwrap();
            let key = format!("k{}", value(&content, "all").unwrap());
            assert!(content.items().unwrap().len() == 2 && value(&content, &key) == Some("1"), "{content:?}");
        }
    }

    async fn export_to_unsupported_format_is_refused(site: Site) {
        let site = site.with_shop().await;
        let service = &site.service;
        service.save_and_publish(ana(), String::new(), String::new(), vec![save(ROUTES, vec![text("a: 1\n")])], None).await.unwrap();
        for asked in [None, Some("yaml"), Some("YML"), Some(".yml")] {
            assert_eq!(service.export(ana(), &config(ROUTES), asked, None).await.unwrap().text, "a: 1\n".into());
        }
        for asked in ["json", "toml", "text", ""] {
            let refused = service.export(ana(), &config(ROUTES), Some(asked), None).await;
            assert!(matches!(&refused, Err(Error::Invalid(wrong)) if wrong[0].pointer == "/format"), "{asked}");
        }
        site.publish_key(ana(), SHOP, "a", "1").await;
        assert_eq!(service.export(ana(), &config(SHOP), None, None).await.unwrap().media.extension, "json");
        assert_eq!(service.export(ana(), &config(SHOP), Some("env"), None).await.unwrap().text, "a=1\n".into());
        assert!(service.export(ana(), &config(SHOP), Some("xml"), None).await.is_err());
    }

    async fn invalid_values_are_refused_with_their_position(site: Site) {
        let site = site.with_shop().await;
        let json = Item { value: "{\n \"a\": }".into(), kind: ValueType::Json, ..Item::default() };
        let refused = site.service.save(ana(), save(SHOP, vec![("j/1".into(), Edit::Set(json))])).await.unwrap_err();
        let Error::Invalid(wrong) = refused else { panic!("{refused:?}") };
        assert_eq!((wrong[0].pointer.as_str(), wrong[0].line), ("/set/j~11/value", Some(2)));

        let refused = site.service.save(ana(), save(ROUTES, vec![text("a: [1\nb: 2\n")])).await.unwrap_err();
        let Error::Invalid(wrong) = refused else { panic!("{refused:?}") };
        assert!(matches!(wrong[0].problem, Problem::Syntax { .. }) && wrong[0].line.is_some(), "{wrong:?}");

        for blank in ["", " \n\t\n"] {
            assert!(matches!(site.service.save(ana(), save(ROUTES, vec![text(blank)])).await, Err(Error::Invalid(_))));
        }
        let other_kind = site.service.save(ana(), save(ROUTES, vec![set("a", "1")])).await;
        assert!(matches!(other_kind, Err(Error::Invalid(_))));
    }

    async fn sizes_are_limited_and_largest_value_is_delivered(site: Site) {
        let site = site.with_shop().await;
        let long = "x".repeat(1024 * 1024);
        site.publish_key(ana(), SHOP, &"k".repeat(256), &long).await;
        let (_, document) = site.in_channel(SHOP).await.unwrap();
        assert!(document.len() > 1024 * 1024);
        for edits in [vec![set("k", &format!("{long}x"))], vec![set(&"k".repeat(257), "1")], vec![set("k", &long)]] {
            let refused = site.service.save(ana(), save(SHOP, edits)).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "over 1 MiB, over 256 bytes, over 1.4 MiB together");
        }
    }

    async fn hostile_text_is_delivered_unchanged(site: Site) {
        let site = site.with_shop().await;
        let hostile = "</textarea><script>alert(1)</script>\r\n\t\u{0}\u{1}\u{2028}\u{202e}😀\\\"' 商店";
        site.publish_key(ana(), SHOP, "</script>.键", hostile).await;
        let (_, document) = site.in_channel(SHOP).await.unwrap();
        let map: std::collections::HashMap<String, String> = serde_json::from_str(&document).unwrap();
        assert_eq!(map["</script>.键"], hostile);
        let crlf = "a: 1\r\n# 注释 comment\r\nb: 'x'\r\n";
        let change = site.service.save(ana(), save(ROUTES, vec![text(crlf)])).await.unwrap().change;
        site.publish(ana(), &change.id).await.unwrap();
        assert_eq!(site.in_channel(ROUTES).await.unwrap().1, crlf);
    }

    async fn keys_are_compared_and_copied_between_environments(site: Site) {
        let site = site.with_shop().await;
        let publish = async |id: &str, edits| {
            let saves = vec![save(id, edits)];
            let env = config(id).env.to_string();
            site.service.save_and_publish(ana(), "test".into(), env, saves, None).await.unwrap();
        };
        publish(SHOP, vec![set("same", "1"), set("other", "dev"), set("new", "x")]).await;
        publish(PROD, vec![set("same", "1"), set("other", "prod"), set("old", "y")]).await;
        let (app, namespace) = (config(SHOP).app, config(SHOP).namespace);
        let matrix = async |actor: &Actor| site.service.key_matrix(actor, &app, &namespace).await;
        let all = matrix(ana()).await.unwrap();
        let rows: Vec<_> = all.rows.iter().map(|row| (row.key.as_str(), row.agreement())).collect();
        let expected = [
            ("same", KeyAgreement::Same),
            ("other", KeyAgreement::Differs),
            ("new", KeyAgreement::Missing),
            ("old", KeyAgreement::Missing),
        ];
        assert_eq!(rows, expected);
        assert_eq!(all.envs.iter().map(|(env, may_edit)| (env.name.as_str(), *may_edit)).collect::<Vec<_>>(), [
            ("dev", true),
            ("prod", true)
        ]);
        let copy = |mode, keys: &[&str]| CopyKeys {
            from: config(SHOP),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            to: vec![config(SHOP), config(PROD)],
            mode,
        };
        let edits = async |copy| {
            let change = site.service.copy_keys(ana(), copy, |n| format!("{n} copied")).await?;
            let view = site.service.change(ana(), &change).await.unwrap();
            let edits = view.configs.iter().flat_map(|c| &c.edits);
            assert_eq!(view.change.message, format!("{} copied", edits.clone().count()));
            Ok::<_, Error>(edits.map(|e| format!("{} {}={:?}", e.config.env, e.key, e.edit.value())).collect::<Vec<_>>())
        };
        // A key counts once, and only if it is copied.
        let keys = ["same", "other", "new", "old", "never", "new"];
        assert_eq!(edits(copy(CopyMode::AddMissing, &keys)).await.unwrap(), [r#"prod new=Some("x")"#]);
        let overwritten = edits(copy(CopyMode::Overwrite, &keys)).await.unwrap();
        assert_eq!(overwritten, [r#"prod other=Some("dev")"#, r#"prod new=Some("x")"#]);
        let nothing = edits(copy(CopyMode::Overwrite, &["same", "old"])).await;
        assert_eq!(nothing, Err(Error::State(StateConflict::NothingToCopy)));
        // Nothing is shown or copied beyond the permissions.
        let viewer = user_with_roles("vera", &[("dev/shop/*", Role::VIEWER), ("prod/shop/*", Role::EDITOR)]);
        assert_eq!(matrix(&viewer).await.unwrap().envs.iter().map(|(_, may)| *may).collect::<Vec<_>>(), [false, true]);
        let developer = user_with_roles("dora", &[("dev/shop/*", Role::EDITOR)]);
        assert_eq!(matrix(&developer).await.unwrap().envs.len(), 1);
        let copied = site.service.copy_keys(&developer, copy(CopyMode::AddMissing, &["new"]), |_| String::new()).await;
        let refused = copied.unwrap_err();
        assert!(matches!(refused, Error::NotFound(_)), "{refused:?}");
        let stranger = user_with_roles("sam", &[("dev/mail/*", Role::EDITOR)]);
        assert!(matches!(matrix(&stranger).await.unwrap_err(), Error::NotFound(_)));
    }

    async fn differences_between_environments_are_promoted_in_one_change(site: Site) {
        let site = site.with_shop().await;
        let publish = async |id: &str, edits| {
            let saves = vec![save(id, edits)];
            let env = config(id).env.to_string();
            site.service.save_and_publish(ana(), "test".into(), env, saves, None).await.unwrap();
        };
        let routes_in_prod = ROUTES.replace("dev/", "prod/");
        publish(SHOP, vec![set("same", "1"), set("other", "dev"), set("new", "x")]).await;
        publish(PROD, vec![set("same", "1"), set("other", "prod"), set("old", "y")]).await;
        publish(ROUTES, vec![text("a: 1\n")]).await;
        publish(&routes_in_prod, vec![text("a: 2\n")]).await;
        let (shop, routes) = (config(SHOP), config(ROUTES));
        let (app, from, to) = (shop.app.clone(), shop.env.clone(), config(PROD).env);
        let differences = async |actor: &Actor| {
            let found = site.service.env_differences(actor, &app, &from, &to).await?;
            let row = |d: NamespaceDifference| {
                (d.namespace.name.to_string(), d.counts.added, d.counts.changed, d.counts.removed, d.may_edit)
            };
            Ok::<_, Error>(found.into_iter().map(row).filter(|row| row.1 + row.2 + row.3 > 0).collect::<Vec<_>>())
        };
        let mut found = differences(ana()).await.unwrap();
        found.sort();
        let expected = [(shop.namespace.to_string(), 1, 1, 1, true), (routes.namespace.to_string(), 0, 1, 0, true)];
        assert_eq!(found.iter().map(|row| row.0.clone()).collect::<Vec<_>>(), expected.clone().map(|row| row.0));
        assert_eq!(found[0], expected[0]);

        let promotion = |removes, namespaces: &[&ConfigId]| Promotion {
            app: app.clone(),
            from: from.clone(),
            to: to.clone(),
            namespaces: namespaces.iter().map(|id| id.namespace.clone()).collect(),
            removes,
        };
        let promote = async |actor: &Actor, promotion| {
            let change = site.service.promote(actor, promotion, "promote".into()).await?;
            let view = site.service.change(ana(), &change).await.unwrap();
            let edits = view.configs.iter().flat_map(|c| &c.edits);
            Ok::<_, Error>(edits.map(|e| format!("{}={:?}", e.key, e.edit.value())).collect::<Vec<_>>())
        };
        let kept = promote(ana(), promotion(false, &[&shop])).await.unwrap();
        assert_eq!(kept, [r#"other=Some("dev")"#, r#"new=Some("x")"#]);
        let all = promote(ana(), promotion(true, &[&shop, &routes, &shop])).await.unwrap();
        assert_eq!(all.len(), 4, "{all:?}");
        assert!(all.contains(&"old=None".into()) && all.contains(&r#"=Some("a: 1\n")"#.into()), "{all:?}");

        // Nothing is shown or copied beyond the permissions.
        let viewer = user_with_roles("vera", &[("dev/shop/*", Role::EDITOR), ("prod/shop/*", Role::VIEWER)]);
        assert!(differences(&viewer).await.unwrap().iter().all(|row| !row.4));
        let refused = promote(&viewer, promotion(false, &[&shop])).await.unwrap_err();
        assert_eq!(refused, Error::Forbidden(Need::Edit));
        let developer = user_with_roles("dora", &[("dev/shop/*", Role::EDITOR)]);
        assert_eq!(differences(&developer).await.unwrap(), []);
        assert!(matches!(promote(&developer, promotion(false, &[&shop])).await.unwrap_err(), Error::NotFound(_)));
    }

    async fn new_keys_keep_the_order_of_their_edits(site: Site) {
        let site = site.with_shop().await;
        let edits = ["z", "m", "a"].map(|k| set(k, "1")).to_vec();
        let change = site.service.save(ana(), save(SHOP, edits)).await.unwrap().change;
        site.service.save(ana(), save(SHOP, vec![set("b", "1")])).await.unwrap();
        site.publish(ana(), &change.id).await.unwrap();
        assert_eq!(site.in_channel(SHOP).await.unwrap().1, r#"{"z":"1","m":"1","a":"1","b":"1"}"#);
    }
}
