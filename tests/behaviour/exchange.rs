//! Tests of importing and exporting whole applications and environments.

use std::collections::BTreeMap;

use trimtab::{
    domain::{
        access::{Actor, Role},
        change::ChangeState,
        content::{Content, Format, Item},
        error::{Error, Need},
        limits,
    },
    exchange::{self, ExportEntry, ExportSource, FoundConfig, ReadOptions},
    service::{
        ApplyExport, CloneApp, ConfigChoice, ConfigOutcome, PutApp, PutNamespace, RefusedConfig, Service, SizeLimit,
    },
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
const ROUTES: &str = "dev/shop/routes.yaml";

/// Reads an export of Apollo with these files.
fn apollo(files: &[(&str, &str)]) -> Vec<FoundConfig> {
    let item = |(path, bytes): &(&str, &str)| ExportEntry { path: (*path).into(), bytes: bytes.as_bytes().to_vec() };
    let source = ExportSource::Folder(files.iter().map(item).collect());
    exchange::read(source, &ReadOptions::default()).unwrap().configs
}

/// Returns the JSON of items.
fn items(items: &[(&str, &str)]) -> String {
    let item = |(key, value): &(&str, &str)| serde_json::json!({"key": key, "value": value, "lineNum": 1});
    serde_json::to_string(&items.iter().map(item).collect::<Vec<_>>()).unwrap()
}

fn apply(configs: Vec<FoundConfig>) -> ApplyExport {
    let (choice, message) = (ConfigChoice::Merge, "import".to_owned());
    ApplyExport { configs, choice, choices: BTreeMap::new(), create: false, allow_incomplete: false, message }
}

/// Publishes a number in two configs at once.
async fn publish_both(service: &Service, n: usize) {
    let saves = vec![save(SHOP, vec![set("n", &n.to_string())]), save(ROUTES, vec![text(&format!("n: {n}\n"))])];
    service.save_and_publish(ana(), "test".into(), "dev".into(), saves, None).await.unwrap();
}

/// Returns why each config is refused.
fn refusals(preview: &trimtab::service::ExportPreview) -> Vec<(String, RefusedConfig)> {
    preview.refused().map(|(config, why)| (config.to_string(), why.clone())).collect()
}

on_both_set_ups! {
    async fn clone_has_the_namespaces_and_an_open_change_with_the_content(site: Site) {
        let (site, shell) = (site.with_shop().await, Actor::shell());
        publish_both(&site.service, 1).await;
        let prod = vec![save("prod/shop/application", vec![set("n", "9")])];
        site.service.save_and_publish(ana(), "test".into(), "prod".into(), prod, None).await.unwrap();
        // An edit that is not published is not copied.
        site.service.save(ana(), save(SHOP, vec![set("draft", "1")])).await.unwrap();
        let clone = |to: &str, envs: &[&str]| CloneApp {
            from: "shop".parse().unwrap(),
            to: to.parse().unwrap(),
            title: "Copy".into(),
            envs: envs.iter().map(|env| env.parse().unwrap()).collect(),
        };
        let changes = site.service.clone_app(&shell, clone("copy", &["dev"]), "Clone shop".into()).await.unwrap();
        let view = site.service.change(&shell, &changes[0]).await.unwrap();
        assert_eq!((changes.len(), view.change.message.as_str()), (1, "Clone shop"));
        let configs: Vec<String> = view.configs.iter().map(|c| c.config.to_string()).collect();
        assert_eq!(configs, ["dev/copy/application", "dev/copy/routes.yaml"]);
        assert_eq!(view.configs[0].after.items().unwrap().len(), 1);
        assert_eq!(view.configs[1].after.text(), Some("n: 1\n"));
        let matrix = site.service.app(&shell, &"copy".parse().unwrap()).await.unwrap();
        assert_eq!((matrix.app.title.as_str(), matrix.rows.len()), ("Copy", 2));
        // Nothing is live before a publish. A clone without contents has the namespaces alone.
        assert_eq!(site.in_channel("dev/copy/application").await, None);
        assert!(site.service.clone_app(&shell, clone("empty", &[]), String::new()).await.unwrap().is_empty());
        assert_eq!(site.service.app(&shell, &"empty".parse().unwrap()).await.unwrap().rows.len(), 2);
        let taken = site.service.clone_app(&shell, clone("mail", &["dev"]), String::new()).await.unwrap_err();
        assert!(matches!(&taken, Error::Invalid(all) if all[0].pointer == "/to"), "{taken:?}");
        // An archived application keeps its name.
        let put = PutApp { name: "mail".parse().unwrap(), title: None, description: None, archived: Some(true) };
        site.service.put_app(&shell, put).await.unwrap();
        let taken = site.service.clone_app(&shell, clone("mail", &["dev"]), String::new()).await.unwrap_err();
        assert!(matches!(&taken, Error::Invalid(all) if all[0].pointer == "/to"), "{taken:?}");
        let missing = CloneApp { from: "nothing".parse().unwrap(), ..clone("other", &["dev"]) };
        assert!(matches!(site.service.clone_app(&shell, missing, String::new()).await, Err(Error::NotFound(_))));
        // Without the right to create applications, or to see this one, nothing is learnt and nothing made.
        let owner = user_with_roles("olga", &[("*/shop/*", Role::OWNER)]);
        let refused = site.service.clone_app(&owner, clone("hers", &["dev"]), String::new()).await.unwrap_err();
        assert!(matches!(refused, Error::Forbidden(_)), "{refused:?}");
        assert!(site.service.app(&shell, &"hers".parse().unwrap()).await.is_err());
        // The file of the application is read back.
        let file = site.service.export_file(&shell, None, Some(&"shop".parse().unwrap()), true).await.unwrap();
        let source = ExportSource::File(file);
        let read = exchange::read(source, &ReadOptions::default()).unwrap().configs;
        assert_eq!(read.iter().filter(|found| found.content.is_some()).count(), 3);
        let hidden = site.service.export_file(&user_with_roles("sam", &[]), None, Some(&"shop".parse().unwrap()), true).await;
        assert!(matches!(hidden, Err(Error::NotFound(_))), "{hidden:?}");
    }

    async fn import_creates_what_is_missing_and_publishes_nothing(site: Site) {
        let (site, shell) = (site.with_shop().await, Actor::shell());
        let found = apollo(&[
            ("o/Orders/DEV/Orders+default+application.properties", &items(&[("a", "1")])),
            ("o/Orders/PRO/Orders+default+application.properties", &items(&[("a", "2")])),
            ("o/Orders/PRO/Orders+default+blank.json", ""),
        ]);
        let preview = site.service.preview_export(&shell, &apply(found.clone())).await.unwrap();
        assert!(preview.changes.is_empty());
        assert!(refusals(&preview).iter().all(|(_, why)| *why == RefusedConfig::Missing), "{preview:?}");

        let with_create = ApplyExport { create: true, ..apply(found) };
        let refused = site.service.apply_export(ana(), &with_create).await.unwrap();
        assert!(refusals(&refused.preview).iter().all(|(_, why)| *why == RefusedConfig::MayNotCreate));
        assert!(site.db.read().await.unwrap().app(&"orders".parse().unwrap()).await.unwrap().is_none());

        let applied = site.service.apply_export(&shell, &with_create).await.unwrap();
        assert_eq!(applied.preview.new_apps, ["orders".parse().unwrap()]);
        let created: Vec<_> = applied.preview.new_namespaces.iter().map(|(_, name, format)| (name.as_str(), *format)).collect();
        assert_eq!(created, [("application", Format::Kv), ("blank.json", Format::Json)]);
        let mut messages = Vec::new();
        for id in &applied.changes {
            let view = site.service.change(&shell, id).await.unwrap();
            assert_eq!((view.change.state, view.configs.len()), (ChangeState::Open, 1));
            messages.push((view.configs[0].config.to_string(), view.change.message));
        }
        let expected = [("dev/orders/application", "import (1/2)"), ("prod/orders/application", "import (2/2)")];
        assert_eq!(messages, expected.map(|(config, message)| (config.to_owned(), message.to_owned())));
        assert_eq!(site.in_channel("dev/orders/application").await, None, "nothing is published by itself");

        site.publish(&shell, &applied.changes[0]).await.unwrap();
        assert_eq!(site.in_channel("dev/orders/application").await, Some((1, r#"{"a":"1"}"#.into())));
        let again = site.service.preview_export(&shell, &with_create).await.unwrap();
        let same = again.configs.iter().filter(|config| matches!(config.outcome, ConfigOutcome::Same)).count();
        assert_eq!((same, again.changes.len()), (1, 1), "what is live is not imported again");
    }

    async fn import_is_compared_with_what_is_live_by_key(site: Site) {
        let site = site.with_shop().await;
        let live = vec![save(SHOP, vec![set("same", "1"), set("other", "1"), set("only-live", "1")])];
        site.service.save_and_publish(ana(), "test".into(), "dev".into(), live, None).await.unwrap();
        let found = apollo(&[(
            "o/shop/DEV/shop+default+application.properties",
            &items(&[("same", "1"), ("other", "2"), ("new", "3")]),
        )]);
        for (choice, expected, document) in [
            (ConfigChoice::Merge, (1, 1, 0), r#"{"same":"1","other":"2","only-live":"1","new":"3"}"#),
            (ConfigChoice::Replace, (0, 0, 1), r#"{"same":"1","other":"2","new":"3"}"#),
        ] {
            let wanted = ApplyExport { choice, ..apply(found.clone()) };
            let applied = site.service.apply_export(ana(), &wanted).await.unwrap();
            let outcome = &applied.preview.configs[0].outcome;
            assert!(matches!(outcome, ConfigOutcome::Edited { only_live: 1, .. }), "{outcome:?}");
            let counts = outcome.diff().unwrap().counts();
            assert_eq!((counts.added, counts.changed, counts.removed), expected);
            site.publish(ana(), &applied.changes[0]).await.unwrap();
            assert_eq!(site.in_channel(SHOP).await.unwrap().1, document);
        }
    }

    async fn config_that_cannot_be_imported_is_refused_with_the_reason(site: Site) {
        let (site, shell) = (site.with_shop().await, Actor::shell());
        let text = r#"[{"key":"content","value":"{}","lineNum":1}]"#;
        let found = apollo(&[
            ("o/shop/DEV/shop+default+routes.yaml.properties", &items(&[("a", "1")])),
            ("o/shop/DEV/shop+default+application.properties", &items(&[("a", "1"), (" blank", "1")])),
            ("o/shop/UAT/shop+default+application.properties", &items(&[("a", "1")])),
            ("o/shop/PRO/shop+default+missing.json", text),
        ]);
        let preview = site.service.preview_export(&shell, &apply(found.clone())).await.unwrap();
        assert_eq!(refusals(&preview), [
            ("dev/shop/application".to_owned(), RefusedConfig::Incomplete),
            ("dev/shop/routes.yaml".to_owned(), RefusedConfig::Format { live: Format::Yaml, found: Format::Kv }),
            ("prod/shop/missing.json".to_owned(), RefusedConfig::Missing),
            ("uat/shop/application".to_owned(), RefusedConfig::NoEnv),
        ]);
        let incomplete = ApplyExport { allow_incomplete: true, ..apply(found.clone()) };
        let applied = site.service.apply_export(&shell, &incomplete).await.unwrap();
        assert_eq!((applied.changes.len(), refusals(&applied.preview).len()), (1, 3));

        let viewer = user_with_roles("vera", &[("dev/shop/*", Role::VIEWER)]);
        let preview = site.service.preview_export(&viewer, &apply(found.clone())).await.unwrap();
        let whys: Vec<_> = refusals(&preview).into_iter().map(|(_, why)| why).collect();
        assert_eq!(whys[..2], [RefusedConfig::NotAllowed(Need::Edit), RefusedConfig::NotAllowed(Need::Edit)]);
        assert_eq!(whys[2..], [RefusedConfig::NoAccess, RefusedConfig::NoAccess], "an unseen config looks non-existent");

        let archived = PutNamespace {
            app: "shop".parse().unwrap(),
            name: "application".parse().unwrap(),
            format: None,
            description: None,
            archived: Some(true),
        };
        site.service.put_namespace(&shell, archived).await.unwrap();
        let preview = site.service.preview_export(&shell, &incomplete).await.unwrap();
        assert_eq!(refusals(&preview)[0].1, RefusedConfig::Archived);
    }

    async fn large_import_becomes_several_changes(site: Site) {
        let (site, shell) = (site.with_shop().await, Actor::shell());
        let files: Vec<(String, String)> = (0..70)
            .map(|n| (format!("o/shop/DEV/shop+default+n{n}.properties"), items(&[("a", "1")])))
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let wanted = ApplyExport { create: true, ..apply(apollo(&files)) };
        let applied = site.service.apply_export(&shell, &wanted).await.unwrap();
        let sizes: Vec<usize> = applied.preview.changes.iter().map(Vec::len).collect();
        assert_eq!((sizes, applied.changes.len()), (vec![60, 10], 2));
        for id in &applied.changes {
            site.publish(&shell, id).await.unwrap();
        }
        assert_eq!(site.in_channel("dev/shop/n69").await, Some((1, r#"{"a":"1"}"#.into())));
    }

    async fn exported_application_is_imported_without_loss(site: Site) {
        let (site, shell) = (site.with_shop().await, Actor::shell());
        let typed = Item {
            value: "1.50e3".into(),
            kind: trimtab::domain::content::ValueType::Number,
            comment: "how much".into(),
            since: 0,
        };
        let edits = vec![("n".to_owned(), trimtab::domain::merge::Edit::Set(typed)), set("s", "é\r\n")];
        let saves = vec![save(SHOP, edits), save("dev/shop/routes.yaml", vec![text("a: 1\r\n")])];
        site.service.save_and_publish(ana(), "test".into(), "dev".into(), saves, None).await.unwrap();

        let shop = "shop".parse().unwrap();
        let exported = site.service.export_all(ana(), None, Some(&shop)).await.unwrap();
        assert_eq!(exported.len(), 4, "two namespaces in two environments");
        let apps = BTreeMap::from([("shop".to_owned(), Some("copy".parse().unwrap()))]);
        let options = ReadOptions { apps, ..ReadOptions::default() };
        for bytes in [exchange::write_zip(&exported), exchange::write_json(&exported).into_bytes()] {
            let same = exchange::read(ExportSource::File(bytes.clone()), &ReadOptions::default()).unwrap().configs;
            let preview = site.service.preview_export(&shell, &apply(same)).await.unwrap();
            assert!(preview.changes.is_empty() && preview.refused().count() == 0, "{preview:?}");

            let copies = exchange::read(ExportSource::File(bytes), &options).unwrap().configs;
            let wanted = ApplyExport { create: true, ..apply(copies) };
            for id in site.service.apply_export(&shell, &wanted).await.unwrap().changes {
                site.publish(&shell, &id).await.unwrap();
            }
            let copied = site.service.export_all(ana(), None, Some(&"copy".parse().unwrap())).await.unwrap();
            let document = |config: &exchange::ExportedConfig| config.content.as_ref().map(|content| content.document());
            assert!(exported.iter().map(document).eq(copied.iter().map(document)));
        }
        assert_eq!(site.in_channel("dev/copy/application").await, Some((1, "{\"n\":1.50e3,\"s\":\"é\\r\\n\"}".into())));
        let viewer = user_with_roles("vera", &[("dev/shop/application", Role::VIEWER)]);
        assert_eq!(site.service.export_all(&viewer, None, None).await.unwrap().len(), 1);
        assert!(site.service.export_all(&viewer, Some(&"prod".parse().unwrap()), None).await.is_err());
    }

    async fn config_that_would_exceed_a_limit_is_refused_in_the_preview(site: Site) {
        let site = site.with_shop().await;
        let named = |prefix: &str, n: usize| -> Vec<(String, String)> {
            (0..n).map(|n| (format!("{prefix}{n}"), "1".to_owned())).collect()
        };
        let live = named("live", 15_000).iter().map(|(key, value)| set(key, value)).collect();
        site.service.save_and_publish(ana(), "test".into(), "dev".into(), vec![save(SHOP, live)], None).await.unwrap();
        let large = set("large", &"x".repeat(limits::DOCUMENT_BYTES / 2));
        let saves = vec![save("dev/mail/application", vec![large])];
        site.service.save_and_publish(ana(), "test".into(), "dev".into(), saves, None).await.unwrap();
        let found = |n: usize| {
            let other = named("other", n);
            let other: Vec<(&str, &str)> = other.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let half = "y".repeat(limits::DOCUMENT_BYTES / 2);
            apollo(&[
                ("o/shop/DEV/shop+default+application.properties", &items(&other)),
                ("o/mail/DEV/mail+default+application.properties", &items(&[("second", &half)])),
                ("o/new/DEV/new+default+application.properties", &items(&[("a", "1")])),
            ])
        };
        for (choice, n, expected) in [
            (ConfigChoice::Merge, 10_000, SizeLimit::Items(25_000)),
            (ConfigChoice::Replace, 15_000, SizeLimit::Edits(30_000)),
        ] {
            let wanted = ApplyExport { choice, create: true, ..apply(found(n)) };
            let applied = site.service.apply_export(&Actor::shell(), &wanted).await.unwrap();
            let refused = refusals(&applied.preview);
            assert_eq!(refused.last(), Some(&(SHOP.to_owned(), RefusedConfig::TooLarge(expected))), "{refused:?}");
            if choice == ConfigChoice::Merge {
                assert!(matches!(refused[0].1, RefusedConfig::TooLarge(SizeLimit::Bytes(_))), "{refused:?}");
            }
            assert_eq!(applied.changes.len(), 1, "the other configs are imported");
        }
        // A namespace is not created for a config that is refused.
        let mut large = found(1);
        large.retain(|found| found.config.app.as_str() == "new");
        large[0].config.app = "huge".parse().unwrap();
        large[0].content = Some(Content::Kv((0..=limits::ITEMS).map(|n| (n.to_string(), Item::string("1"))).collect()));
        let wanted = ApplyExport { create: true, ..apply(large) };
        let preview = site.service.preview_export(&Actor::shell(), &wanted).await.unwrap();
        assert!(preview.new_apps.is_empty() && preview.new_namespaces.is_empty(), "{preview:?}");
    }

    async fn import_that_meets_a_newer_release_leaves_no_change(site: Site) {
        let site = site.with_shop().await;
        let found = apollo(&[
            ("o/shop/DEV/shop+default+application.properties", &items(&[("a", "1")])),
            ("o/shop/PRO/shop+default+application.properties", &items(&[("a", "1"), ("b", "1")])),
        ]);
        let wanted = apply(found);
        let preview = site.service.preview_export(ana(), &wanted).await.unwrap();
        assert_eq!(preview.changes.len(), 2);
        site.publish_key(marek(), "prod/shop/application", "other", "1").await;
        let applied = site.service.apply_preview(ana(), &wanted, preview.clone()).await.unwrap();
        assert_eq!(applied.changes.len(), 2, "another key is no conflict");
        for change in &applied.changes {
            site.service.discard(ana(), change).await.unwrap();
        }

        site.publish_key(marek(), "prod/shop/application", "a", "2").await;
        let before = count(&site.database, "select count(*) from changes").await;
        let refused = site.service.apply_preview(ana(), &wanted, preview).await.unwrap_err();
        let Error::Conflict(conflicts) = refused else { panic!("{refused:?}") };
        assert_eq!((conflicts.len(), &*conflicts[0].key), (1, "a"));
        let after = count(&site.database, "select count(*) from changes").await;
        let open = count(&site.database, "select count(*) from changes where state = 'open'").await;
        assert_eq!((after, open), (before, 0), "the change for dev was saved first, in the same transaction");
    }

    async fn import_that_fails_leaves_nothing(site: Site) {
        let (site, shell) = (site.with_shop().await, Actor::shell());
        let found = apollo(&[
            ("o/orders/DEV/orders+default+application.properties", &items(&[("a", "1")])),
            ("o/shop/PRO/shop+default+application.properties", &items(&[("a", "1")])),
        ]);
        let wanted = ApplyExport { create: true, ..apply(found) };
        let preview = site.service.preview_export(&shell, &wanted).await.unwrap();
        assert_eq!((preview.new_apps.len(), preview.changes.len()), (1, 2));
        let put = PutNamespace {
            app: "shop".parse().unwrap(),
            name: "application".parse().unwrap(),
            format: None,
            description: None,
            archived: Some(true),
        };
        site.service.put_namespace(&shell, put).await.unwrap();
        let refused = site.service.apply_preview(&shell, &wanted, preview).await.unwrap_err();
        assert!(matches!(refused, Error::State(_)), "{refused:?}");
        assert!(site.db.read().await.unwrap().app(&"orders".parse().unwrap()).await.unwrap().is_none());
        assert_eq!(count(&site.database, "select count(*) from changes").await, 0);
        assert_eq!(count(&site.database, "select count(*) from audit_events where object like '%orders%'").await, 0);
    }

    async fn import_makes_what_its_preview_showed_or_nothing(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(marek(), SHOP, "a", "0").await;
        let found = apollo(&[
            ("o/shop/DEV/shop+default+application.properties", &items(&[("a", "1"), ("b", "1")])),
            ("o/shop/PRO/shop+default+application.properties", &items(&[("a", "1")])),
        ]);
        let wanted = apply(found);
        let preview = site.service.preview_export(ana(), &wanted).await.unwrap();
        let seen = preview.sha256();
        assert_eq!(seen, site.service.preview_export(ana(), &wanted).await.unwrap().sha256());
        let open = "select count(*) from changes where state = 'open'";
        assert_eq!(count(&site.database, open).await, 0, "a preview changes nothing");

        // Each of these would show another preview.
        let skip = ApplyExport { choices: BTreeMap::from([(config(SHOP), ConfigChoice::Skip)]), ..wanted.clone() };
        let replace = ApplyExport { choice: ConfigChoice::Replace, ..wanted.clone() };
        for other in [&skip, &ApplyExport { configs: wanted.configs[..1].to_vec(), ..wanted.clone() }] {
            let refused = site.service.apply_seen_export(ana(), other, &seen).await.unwrap_err();
            assert!(matches!(refused, Error::Stale(_)), "{refused:?}");
        }
        assert_eq!(seen, site.service.preview_export(ana(), &replace).await.unwrap().sha256(), "no other key is live");
        let viewer = user_with_roles("vera", &[("*/shop/*", Role::VIEWER)]);
        let refused = site.service.apply_seen_export(&viewer, &wanted, &seen).await.unwrap_err();
        assert!(matches!(refused, Error::Stale(_)), "she sees that nothing can be imported: {refused:?}");

        // A release of another key in one of the configs makes the preview stale, too.
        site.publish_key(marek(), "prod/shop/application", "other", "1").await;
        let refused = site.service.apply_seen_export(ana(), &wanted, &seen).await.unwrap_err();
        let Error::Stale(now) = refused else { panic!("{refused:?}") };
        assert_eq!(count(&site.database, open).await, 0);
        let applied = site.service.apply_seen_export(ana(), &wanted, &now).await.unwrap();
        assert_eq!(applied.changes.len(), 2);
        for (change, (expected, edits)) in applied.changes.iter().zip([(SHOP, 2), ("prod/shop/application", 1)]) {
            let view = site.service.change(ana(), change).await.unwrap();
            assert_eq!((view.configs[0].config.to_string().as_str(), view.configs[0].diff.counts().total()), (expected, edits));
        }
        let own = site.service.own_changes(ana(), &applied.changes).await.unwrap();
        assert_eq!(own.iter().map(|change| change.message.as_str()).collect::<Vec<_>>(), ["import (1/2)", "import (2/2)"]);
        assert!(site.service.own_changes(marek(), &applied.changes).await.unwrap().is_empty());
    }

    async fn live_content_is_kept_or_replaced_by_choice(site: Site) {
        let site = site.with_shop().await;
        let live = vec![save(SHOP, vec![set("same", "1"), set("other", "1"), set("only-live", "1")]), save(ROUTES, vec![text("a: 1\n")])];
        site.service.save_and_publish(ana(), "test".into(), "dev".into(), live, None).await.unwrap();
        let kv = items(&[("same", "1"), ("other", "2"), ("new", "3")]);
        let found = apollo(&[
            ("o/shop/DEV/shop+default+application.properties", &kv),
            ("o/shop/DEV/shop+default+routes.yaml", r#"[{"key":"content","value":"a: 2\n","lineNum":1}]"#),
            ("o/shop/DEV/shop+default+fresh.properties", &kv),
        ]);
        let effects = async |choice: ConfigChoice| {
            let wanted = ApplyExport { choice, create: true, ..apply(found.clone()) };
            let preview = site.service.preview_export(&Actor::shell(), &wanted).await.unwrap();
            let effect = |previewed: &trimtab::service::PreviewedConfig| match &previewed.outcome {
                ConfigOutcome::Edited { edits, differing, .. } => Some((edits.len(), *differing)),
                ConfigOutcome::Skipped { differing, .. } => Some((0, *differing)),
                other => panic!("{other:?}"),
            };
            (preview.configs.iter().filter_map(effect).collect::<Vec<_>>(), preview.new_namespaces.len())
        };
        // In the order application, fresh, routes.yaml: edits, and keys with other live values.
        assert_eq!(effects(ConfigChoice::Merge).await, (vec![(2, 1), (3, 0), (1, 1)], 1));
        assert_eq!(effects(ConfigChoice::Replace).await, (vec![(3, 1), (3, 0), (1, 1)], 1));
        assert_eq!(effects(ConfigChoice::KeepLive).await, (vec![(1, 1), (3, 0), (0, 1)], 1));
        assert_eq!(effects(ConfigChoice::Skip).await, (vec![(0, 1), (0, 0), (0, 1)], 0));

        // One config differs from the choice for all.
        let choices = BTreeMap::from([(config(SHOP), ConfigChoice::KeepLive), (config("dev/shop/fresh"), ConfigChoice::Skip)]);
        let wanted = ApplyExport { choices, ..apply(found.clone()) };
        let applied = site.service.apply_export(ana(), &wanted).await.unwrap();
        assert_eq!((applied.changes.len(), applied.preview.refused().count()), (1, 0));
        site.publish(ana(), &applied.changes[0]).await.unwrap();
        let document = r#"{"same":"1","other":"1","only-live":"1","new":"3"}"#;
        assert_eq!(site.in_channel(SHOP).await.unwrap().1, document);
        assert_eq!(site.in_channel(ROUTES).await.unwrap().1, "a: 2\n");
        // What is skipped is not created, and without the right to create it is no refusal.
        assert!(site.service.format(ana(), &config("dev/shop/fresh")).await.is_err());
        // A config that would be refused is skipped instead, if so chosen.
        let choices = BTreeMap::from([(config("dev/shop/fresh"), ConfigChoice::Merge)]);
        let wanted = ApplyExport { choices, choice: ConfigChoice::Skip, ..apply(found) };
        let preview = site.service.preview_export(ana(), &wanted).await.unwrap();
        assert_eq!(refusals(&preview), [("dev/shop/fresh".to_owned(), RefusedConfig::Missing)]);
    }

    async fn import_of_the_largest_size_in_the_console_is_one_transaction(site: Site) {
        let (site, shell) = (site.with_shop().await, Actor::shell());
        let value = "x".repeat(1000);
        let keys: Vec<(String, String)> = (0..30).map(|n| (format!("key{n}"), value.clone())).collect();
        let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let files: Vec<(String, String)> = (0..250)
            .map(|n| (format!("o/a{n}/DEV/a{n}+default+application.properties"), items(&keys)))
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let wanted = ApplyExport { create: true, ..apply(apollo(&files)) };
        let seen = site.service.preview_export(&shell, &wanted).await.unwrap();
        assert_eq!((seen.new_apps.len(), seen.new_namespaces.len()), (250, 250));
        let applied = site.service.apply_seen_export(&shell, &wanted, &seen.sha256()).await.unwrap();
        assert_eq!(applied.changes.len(), seen.changes.len());
        assert_eq!(count(&site.database, "select count(*) from edits").await, 250 * 30);
    }

    async fn export_is_of_one_moment(site: Site) {
        let site = site.with_shop().await;
        publish_both(&site.service, 0).await;
        let document = |content: &Content| content.document();
        let mut snapshot = site.db.read_snapshot().await.unwrap();
        let first = snapshot.live_config(&config(SHOP), None).await.unwrap().unwrap();
        publish_both(&site.service, 1).await;
        let second = snapshot.live_config(&config(ROUTES), None).await.unwrap().unwrap();
        snapshot.commit().await.unwrap();
        assert_eq!((document(&first.content), document(&second.content)), (r#"{"n":"0"}"#.into(), "n: 0\n".into()));
        let live = site.db.read().await.unwrap().live_config(&config(ROUTES), None).await.unwrap().unwrap();
        assert_eq!(document(&live.content), "n: 1\n", "later reads on the same connection are not of that moment");

        let service = site.service.clone();
        let publishes = tokio::spawn(async move {
            for n in 2..12 {
                publish_both(&service, n).await;
            }
        });
        let (dev, shop) = ("dev".parse().unwrap(), "shop".parse().unwrap());
        while !publishes.is_finished() {
            let exported = site.service.export_all(ana(), Some(&dev), Some(&shop)).await.unwrap();
            let documents: Vec<String> =
                exported.iter().filter_map(|config| config.content.as_ref()).map(document).collect();
            let number = documents[0].trim_matches(|c: char| !c.is_ascii_digit());
            assert_eq!(documents[1], format!("n: {number}\n"));
        }
        publishes.await.unwrap();
    }
}
