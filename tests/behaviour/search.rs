//! Search: who finds what, in live documents, open edits, messages and names.

use trimtab::{
    domain::{
        access::{Actor, Role},
        change::{Change, ChangeState},
        content::Item,
        merge::Edit,
        time::Time,
    },
    search::{SearchQuery, SearchWindow},
    service::{NewUser, PutApp, PutNamespace, Save, SearchResults, SkippedComments},
};

use crate::{on_both_set_ups, support::*};

const DEV: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";
const MAIL: &str = "dev/mail/application";
const ROUTES: &str = "dev/shop/routes.yaml";

/// Searches as a node that has received all releases.
async fn search(site: &Site, actor: &Actor, text: &str) -> SearchResults {
    let documents = site.channel.list().await.unwrap().entries;
    let window = SearchWindow { items_from: 0, texts_from: 0, rows: 50 };
    site.service.search(actor, &SearchQuery::parse(text).unwrap(), documents, window).await.unwrap()
}

/// Returns the keys and lines that are found, as `config key` and `config:line`.
fn places(results: &SearchResults) -> Vec<String> {
    let live = &results.live;
    assert_eq!((live.items.count, live.texts.count), (live.items.hits.len(), live.texts.hits.len()));
    let hits = live.items.hits.iter().chain(&live.texts.hits);
    hits.map(|hit| match (&hit.key, hit.line) {
        (Some(key), None) => format!("{} {key}", hit.config),
        (_, line) => format!("{}:{}", hit.config, line.unwrap()),
    })
    .collect()
}

/// Returns how many hits there are of edits, open changes, releases, environments, applications, namespaces and users.
fn counts(results: &SearchResults) -> [usize; 7] {
    [
        results.edits.hits.len(),
        results.changes.hits.len(),
        results.releases.hits.len(),
        results.envs.hits.len(),
        results.apps.hits.len(),
        results.namespaces.hits.len(),
        results.users.hits.len(),
    ]
}

fn viewer_of(pattern: &str) -> Actor {
    user_with_roles("vera", &[(pattern, Role::VIEWER)])
}

on_both_set_ups! {
    async fn live_values_are_found_only_by_those_who_see_them(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), PROD, "db.url", "mysql://needle").await;
        site.publish_key(ana(), DEV, "db.url", "mysql://needle").await;
        site.publish_key(ana(), MAIL, "needle.url", "smtp://x").await;
        let saves = vec![save(ROUTES, vec![text("a:\n  b: needle\n")])];
        site.service.save_and_publish(ana(), "test".into(), "dev".into(), saves, None).await.unwrap();
        let all = [
            "dev/mail/application needle.url",
            "dev/shop/application db.url",
            "prod/shop/application db.url",
            "dev/shop/routes.yaml:2",
        ];
        assert_eq!(places(&search(&site, ana(), "NEEDLE").await), all);
        assert_eq!(places(&search(&site, ana(), "needle app:shop env:dev").await), [all[1], all[3]]);
        assert_eq!(places(&search(&site, ana(), "a.b needle").await), [all[3]]);
        assert_eq!(places(&search(&site, &viewer_of("prod/*/*"), "needle").await), [all[2]]);
        assert_eq!(places(&search(&site, &viewer_of("*/mail/*"), "key:url").await), [all[0]]);
        let nobody = user_with_roles("eve", &[]);
        let results = search(&site, &nobody, "needle").await;
        assert_eq!((places(&results), counts(&results)), (vec![], [0; 7]));
    }

    async fn open_edits_are_found_by_those_who_see_the_whole_change(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), DEV, "needle", "1").await;
        let commented = Edit::Set(Item { comment: "why=\"Needle\"".into(), ..Item::string("1") });
        let edits = vec![set("a", "needle_1"), ("b".into(), commented), remove("needle"), set("c", "other")];
        let change = site.service.save(ana(), save(DEV, edits)).await.unwrap().change;
        let found = |results: &SearchResults| -> Vec<(String, Option<String>)> {
            let edits = results.edits.hits.iter();
            edits.map(|hit| (hit.key.clone(), hit.text.as_ref().map(|text| text.expose().to_owned()))).collect()
        };
        let edit = |key: &str, text: Option<&str>| (key.to_owned(), text.map(str::to_owned));
        let all = [edit("a", Some("needle_1")), edit("b", Some("1")), edit("needle", None)];
        assert_eq!(found(&search(&site, marek(), "needle").await), all);
        assert_eq!(found(&search(&site, marek(), "eedle_").await), all[..1], "_ is no wildcard");
        assert_eq!(found(&search(&site, marek(), "y=\"NEEDLE\"").await), all[1..2]);
        assert_eq!(found(&search(&site, marek(), "value:needle").await), all[..1]);
        assert_eq!(found(&search(&site, marek(), "key:needle").await), all[2..]);
        assert_eq!(found(&search(&site, marek(), "needle app:mail").await), []);
        assert_eq!(found(&search(&site, &viewer_of("dev/shop/*"), "needle").await), all);
        assert_eq!(found(&search(&site, &viewer_of("prod/*/*"), "needle").await), []);
        site.service.save(ana(), Save { change: Some(change.id.clone()), ..save(PROD, vec![set("x", "1")]) }).await.unwrap();
        assert_eq!(found(&search(&site, &viewer_of("dev/shop/*"), "needle").await), [], "the change has a hidden part");
        site.service.discard(ana(), &change.id).await.unwrap();
        assert_eq!(found(&search(&site, marek(), "needle").await), []);
    }

    async fn many_hidden_or_similar_edits_hide_no_hits(site: Site) {
        let site = site.with_shop().await;
        let mine = site.service.save(ana(), save(DEV, vec![set("a", "a string")])).await.unwrap().change;
        let many = |value: &str| -> Vec<_> { (0..450).map(|n| set(&format!("k.{n}"), value)).collect() };
        // Both changes are edited later, so they come first. JSON writes the type of each value beside it.
        site.service.save(ana(), save(PROD, many("a string"))).await.unwrap();
        site.service.save(marek(), save(DEV, many("another value"))).await.unwrap();
        let guest = viewer_of("dev/*/*");
        let results = search(&site, &guest, "string").await;
        let keys: Vec<_> = results.edits.hits.iter().map(|hit| (&hit.change.id, hit.key.as_str())).collect();
        assert_eq!(keys, [(&mine.id, "a")]);
        assert!(!results.edits.has_more && !results.is_partial);
        let results = search(&site, &guest, "k.").await;
        assert_eq!((results.edits.hits.len(), results.edits.has_more), (20, true));
        let results = search(&site, &viewer_of("prod/*/*"), "another").await;
        assert_eq!((results.edits.hits.len(), results.edits.has_more), (0, false));
    }

    async fn many_hidden_messages_hide_no_hits(site: Site) {
        let site = site.with_shop().await;
        let message = || "Raise the pool".to_owned();
        let saves = vec![save(DEV, vec![set("a", "1")])];
        site.service.save_and_publish(ana(), message(), "dev".into(), saves, None).await.unwrap();
        // Published and open changes that touch no config, so that only their author sees them.
        let mut db = site.db.write().await.unwrap();
        for n in 0..450_u64 {
            let state = if n % 2 == 0 { ChangeState::Published } else { ChangeState::Open };
            let id = format!("ffffffff-0000-7000-8000-{n:012}").parse().unwrap();
            let (author, at) = ("nobody".to_owned(), Time(i64::MAX / 2));
            let change = Change { id, author: author.clone(), author_name: author, message: message(), state, version: 1, created_at: at, updated_at: at };
            db.insert_change(&change).await.unwrap();
        }
        db.commit().await.unwrap();
        let open = site.service.save(ana(), save(DEV, vec![set("a", "2")])).await.unwrap().change;
        site.service.describe(ana(), &open.id, &message()).await.unwrap();
        let results = search(&site, marek(), "pool").await;
        assert_eq!(counts(&results), [0, 1, 1, 0, 0, 0, 0]);
        assert!(!results.changes.has_more && !results.releases.has_more);
    }

    async fn large_edits_leave_time_for_everything_else(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), DEV, "needle", "1").await;
        let large = format!("a: {}\nb: needle\n", "x".repeat(1024 * 1024));
        let edit = async |n: u32| {
            let author = user_with_roles(&format!("user-{n}"), &[("*/*/*", Role::OWNER)]);
            site.service.save(&author, save(ROUTES, vec![text(&large)])).await.unwrap();
        };
        edit(0).await;
        let results = search(&site, marek(), "needle").await;
        let excerpt = results.edits.hits[0].text.as_ref().unwrap().expose();
        assert!(excerpt.contains("needle") && excerpt.len() < 300 && !results.is_partial, "{excerpt}");
        for n in 1..=8 {
            edit(n).await;
        }
        let results = search(&site, marek(), "needle").await;
        assert!(results.is_partial, "nine texts exceed the limit");
        assert_eq!((results.edits.hits.len(), places(&results)), (7, vec![format!("{DEV} needle")]));
        assert!(!search(&site, &viewer_of("prod/*/*"), "needle").await.is_partial, "hidden edits are not read");
        assert!(!search(&site, marek(), "absent").await.is_partial);
    }

    async fn archived_configs_are_named(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), DEV, "needle", "1").await;
        site.publish_key(ana(), MAIL, "needle", "1").await;
        assert!(search(&site, ana(), "needle").await.archived.is_empty());
        let shell = Actor::shell();
        let archive = PutApp { name: "mail".parse().unwrap(), title: None, description: None, archived: Some(true) };
        site.service.put_app(&shell, archive).await.unwrap();
        let archived = search(&site, ana(), "needle").await.archived;
        assert_eq!(archived.into_iter().collect::<Vec<_>>(), [MAIL.parse().unwrap()]);
    }

    async fn comments_of_live_items_are_found(site: Site) {
        let site = site.with_shop().await;
        let commented = |comment: &str| vec![("a".into(), Edit::Set(Item { comment: comment.into(), ..Item::string("1") })), set("b", "2")];
        let publish = async |comment: &str| {
            let saves = vec![save(DEV, commented(comment))];
            site.service.save_and_publish(ana(), "test".into(), "dev".into(), saves, None).await.unwrap()
        };
        let found = async |actor: &Actor, text: &str| -> Vec<String> {
            // The first search after a publish may end before the comments are read.
            let results = std::cell::RefCell::new(SearchResults::default());
            eventually("the comments are read", async || {
                let found = search(&site, actor, text).await;
                let is_whole = found.skipped_comments == SkippedComments::default();
                results.replace(found);
                is_whole
            })
            .await;
            let hits = results.into_inner().comments.hits;
            hits.into_iter().map(|hit| format!("{} {}: {}", hit.config, hit.key, hit.comment)).collect()
        };
        publish("Ask the vault").await;
        assert_eq!(found(marek(), "VAULT ask").await, ["dev/shop/application a: Ask the vault"]);
        assert_eq!(found(marek(), "key:a vault").await, ["dev/shop/application a: Ask the vault"]);
        assert_eq!(found(marek(), "value:vault").await, Vec::<String>::new());
        assert_eq!(found(&viewer_of("prod/*/*"), "vault").await, Vec::<String>::new());
        publish("Ask Ana").await;
        assert_eq!(found(marek(), "vault").await, Vec::<String>::new());
        assert_eq!(found(marek(), "ana").await, ["dev/shop/application a: Ask Ana"]);
    }

    async fn messages_of_changes_and_releases_are_found(site: Site) {
        let site = site.with_shop().await;
        let change = site.service.save(ana(), save(DEV, vec![set("a", "1")])).await.unwrap().change;
        site.service.describe(ana(), &change.id, "First line\nÉtage 100% done").await.unwrap();
        assert_eq!(counts(&search(&site, marek(), "étage 100%").await), [0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(counts(&search(&site, marek(), "étage 200%").await), [0; 7]);
        assert_eq!(counts(&search(&site, &viewer_of("prod/*/*"), "étage").await), [0; 7]);
        let saves = vec![save(DEV, vec![set("b", "1")]), save(MAIL, vec![set("b", "1")])];
        let message = "Raise the pool".to_owned();
        site.service.save_and_publish(ana(), message, "dev".into(), saves, None).await.unwrap();
        let releases = async |actor: &Actor, text: &str| -> Vec<String> {
            let results = search(&site, actor, text).await;
            let hits = results.releases.hits.iter().flat_map(|hit| &hit.releases);
            hits.map(|(config, seq)| format!("{config} {seq}")).collect()
        };
        assert_eq!(releases(marek(), "pool RAISE").await, ["dev/mail/application 1", "dev/shop/application 1"]);
        assert_eq!(releases(&viewer_of("*/mail/*"), "pool").await, ["dev/mail/application 1"]);
        assert_eq!(releases(marek(), "pool app:shop").await, ["dev/shop/application 1"]);
        assert_eq!(releases(&viewer_of("prod/*/*"), "pool").await, Vec::<String>::new());
        assert_eq!(releases(marek(), "key:pool").await, Vec::<String>::new());
    }

    async fn names_and_titles_are_found(site: Site) {
        let site = site.with_shop().await;
        let shell = Actor::shell();
        let title = |name: &str, title: &str| PutApp {
            name: name.parse().unwrap(),
            title: Some(title.into()),
            description: Some("Sells things".into()),
            archived: None,
        };
        site.service.put_app(&shell, title("shop", "商店 Storefront")).await.unwrap();
        let described = PutNamespace {
            app: "mail".parse().unwrap(),
            name: "application".parse().unwrap(),
            format: None,
            description: Some("Sends letters".into()),
            archived: None,
        };
        site.service.put_namespace(&shell, described).await.unwrap();
        for (text, expected) in [
            ("STOREFRONT", [0, 0, 0, 0, 1, 0, 0]),
            ("商店", [0, 0, 0, 0, 1, 0, 0]),
            ("sells things", [0, 0, 0, 0, 1, 0, 0]),
            ("letters", [0, 0, 0, 0, 0, 1, 0]),
            ("routes", [0, 0, 0, 0, 0, 2, 0]),
            ("routes app:shop", [0, 0, 0, 0, 0, 1, 0]),
            ("prod", [0, 0, 0, 1, 0, 0, 0]),
        ] {
            assert_eq!(counts(&search(&site, ana(), text).await), expected, "{text}");
        }
        let guest = viewer_of("dev/mail/application");
        assert_eq!(counts(&search(&site, &guest, "storefront").await), [0; 7]);
        assert_eq!(counts(&search(&site, &guest, "routes").await), [0; 7]);
        assert_eq!(counts(&search(&site, &guest, "prod").await), [0; 7]);
    }

    async fn only_administrators_find_users(site: Site) {
        let site = site.with_shop().await;
        let new = NewUser { name: "marguerite".into(), password: "correct horse battery staple".into(), administrator: false, roles: vec![] };
        site.service.create_user(&Actor::shell(), new).await.unwrap();
        let root = Actor::user("root", "root", true, &[]);
        let found = search(&site, &root, "MARGUE").await;
        assert_eq!(found.users.hits.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["marguerite"]);
        assert_eq!(counts(&search(&site, &root, "margue env:dev").await), [0; 7]);
        let owner = user_with_roles("olga", &[("*/*/*", Role::OWNER)]);
        assert_eq!(counts(&search(&site, &owner, "MARGUE").await), [0; 7]);
    }
}
