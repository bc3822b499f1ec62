//! Tests of the contents of pages, for users with different permissions.

use super::console_tests::{PASSWORD, TestConsole};
use crate::{
    clock::now,
    domain::{access::Actor, content::Item, merge::Edit},
    reader::instances::{InstanceIdentity, InstanceName},
    service::Save,
};

#[tokio::test]
async fn long_tables_have_pages_and_parts_for_the_island() {
    let site = TestConsole::at("http://localhost").await;
    let ana = site.service.user(&Actor::shell(), &site.id_of("ana").await).await.unwrap();
    let config: crate::domain::names::ConfigId = "dev/shop/application".parse().unwrap();
    let edits = (0..1200).map(|n| (format!("key.{n:04}"), Edit::Set(Item::string(format!("value {n}"))))).collect();
    let save = Save { config, change: None, base: None, version: None, edits };
    site.service.save(&ana.actor(), save).await.unwrap();
    let cookie = site.log_in("ana").await;
    let page = async |address: &str| {
        let answer = site.get(&format!("/configs/dev/shop/application{address}"), &cookie).await;
        assert_eq!(answer.status, 200, "{address}");
        let indices = answer.body.split("aria-rowindex=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse());
        let indices: Vec<usize> = indices.map(Result::unwrap).collect();
        (indices, answer.body)
    };
    // Row 1 is the heading.
    let rows = |from: usize, to: usize| std::iter::once(1).chain(from + 2..to + 2).collect::<Vec<_>>();
    for (address, from, to) in [
        ("", 0, 500),
        ("?page=2", 500, 1000),
        ("?page=3", 1000, 1200),
        ("?page=99", 1000, 1200),
        ("?at=key.0700", 500, 1000),
        ("?edit=key.1100&page=1", 1000, 1200),
        ("?q=key.07", 0, 100),
        ("?q=value+key&page=2", 500, 1000),
        ("?q=nothing", 0, 0),
        ("/rows?from=150", 150, 250),
        ("/rows?from=1190", 1175, 1200),
        ("/rows?from=90&q=key.07", 75, 100),
        ("/rows?from=5000", 1200, 1200),
    ] {
        let (indices, body) = page(address).await;
        assert_eq!(indices, rows(from, to), "{address}");
        assert_eq!(body.contains("<html"), !address.starts_with("/rows"), "{address}");
    }
    let (_, body) = page("?edit=key.1100").await;
    assert!(body.contains("class=\"editing\"") && body.contains("value=\"value 1100\""));
    assert!(page("/rows?q=key.07").await.1.contains("data-matching=\"100\""));
    let eve = site.log_in("eve").await;
    assert_eq!(site.get("/configs/dev/shop/application/rows", &eve).await.status, 404);
}

#[tokio::test]
async fn releases_of_an_application_and_comparisons_hide_what_the_user_may_not_see() {
    let site = TestConsole::at("http://localhost").await;
    let publish = async |config: &str, value: &str| {
        let config: crate::domain::names::ConfigId = config.parse().unwrap();
        let (confirm, edits) = (config.env.to_string(), vec![("a".to_owned(), Edit::Set(Item::string(value)))]);
        let saves = vec![Save { config, change: None, base: None, version: None, edits }];
        site.service.save_and_publish(&Actor::shell(), "why".into(), confirm, saves, None).await.unwrap();
    };
    for (config, value) in [
        ("dev/shop/application", "1"),
        ("dev/shop/application", "2"),
        ("prod/shop/application", "1"),
        ("dev/mail/application", "3"),
        ("prod/mail/application", "4"),
    ] {
        publish(config, value).await;
    }
    let (ana, eve) = (site.log_in("ana").await, site.log_in("eve").await);
    let page = site.get("/apps/shop/releases", &ana).await;
    assert_eq!((page.status, page.body.matches("class=\"dot\"").count()), (200, 3), "{}", page.body);
    assert!(page.body.contains("<title>Release 2 of dev/shop/application, "), "{}", page.body);
    // The picture has no lane, and the table no row, of a hidden environment.
    let page = site.get("/apps/mail/releases", &eve).await;
    assert_eq!((page.status, page.body.matches("class=\"dot\"").count()), (200, 1));
    assert!(!page.body.contains("prod"), "{}", page.body);
    let answers = ["/apps/shop/releases", "/apps/none/releases"].map(async |path| {
        let answer = site.get(path, &eve).await;
        (answer.status, answer.body.contains("class=\"timeline\""))
    });
    assert_eq!(futures::future::join_all(answers).await, [(404, false), (404, false)]);

    let compare = async |with: &str, cookie: &str| {
        site.get(&format!("/configs/dev/mail/application/difference?with={with}"), cookie).await
    };
    let both = site.log_in("root").await;
    let compared = compare("prod/shop/application", &both).await;
    assert_eq!(compared.status, 200);
    assert!(compared.body.contains("prod/shop/application, release 1"), "{}", compared.body);
    assert!(
        compared.body.contains("/configs/prod/shop/application/difference?from=dev%2Fmail%2Fapplication&amp;to=live")
    );
    let (hidden, missing) =
        (compare("prod/shop/application", &eve).await, compare("prod/none/application", &eve).await);
    assert_eq!((hidden.status, missing.status), (404, 404));
    assert!(hidden.body.contains("prod/shop/application does not exist, or you have no access to it."));
    assert!(missing.body.contains("prod/none/application does not exist, or you have no access to it."));
    assert!(!hidden.body.contains("<option value=\"prod/shop/application\""), "{}", hidden.body);
    assert_eq!(compare("prod/shop", &eve).await.status, 422);
    // The list of a config's releases chooses any two of them. By default they are the newest ones.
    let list = site.get("/configs/dev/shop/application/releases", &ana).await.body;
    let chosen: Vec<_> = list
        .split("<input type=\"radio\"")
        .skip(1)
        .filter(|input| input.split('>').next().unwrap().contains("checked"))
        .collect();
    assert_eq!(chosen.len(), 2);
    assert!(chosen[0].contains("name=\"to\" value=\"2\"") && chosen[1].contains("name=\"from\" value=\"1\""), "{list}");
}

#[tokio::test]
async fn stars_and_pictures_are_on_the_pages() {
    let site = TestConsole::at("http://localhost").await;
    let ana = site.log_in("ana").await;
    let config = "/configs/prod/shop/application";
    for (path, of) in [("/apps/shop", "shop"), (config, "prod/shop/application")] {
        assert!(site.get(path, &ana).await.body.contains(r#"aria-pressed="false""#), "{path}");
        let answer = site.island("/fn/set-favourite", &ana, &[("of", of), ("marked", "true")]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(site.get(path, &ana).await.body.contains(r#"aria-pressed="true""#), "{path}");
    }
    for path in ["/", "/search?brief=true"] {
        let page = site.get(path, &ana).await.body;
        assert!(page.contains(r#"id="favourites""#) && page.contains(&format!(r#"href="{config}""#)), "{path}");
    }
    let eve = site.log_in("eve").await;
    assert!(!site.get("/", &eve).await.body.contains(config), "favourites of another user");
    // Nothing has read yet. Then there is a read, and a release.
    let shop = "prod/shop/application";
    assert!(site.get("/apps/shop", &ana).await.body.contains("Nothing has read here yet"));
    site.reader.store.apply(vec![crate::reader::tests::entry(shop, 1, "{}")]);
    let visitor = |name: &'static str| InstanceIdentity { name: InstanceName::Named(name.into()), client: "".into() };
    for name in ["a", "b"] {
        site.reader.instances.record(shop, "token", &visitor(name), 1, now());
    }
    site.reader.sample_history();
    let root = site.log_in("root").await;
    for (path, who, shown) in [
        ("/apps/shop", &ana, true),
        ("/delivery/prod", &ana, true),
        ("/envs/prod", &root, true),
        ("/delivery/dev", &ana, false),
        ("/apps/mail", &eve, false),
    ] {
        let page = site.get(path, who).await.body.replace("<!>", "");
        assert!(page.contains(r#"id="last-day""#) && page.contains("Kept in the memory of this node"), "{path}");
        assert_eq!(page.contains("Now <b>2</b>, at most <b>2</b>"), shown, "{path}");
    }
}

#[tokio::test]
async fn the_bin_lists_restores_and_removes_archived_objects() {
    let site = TestConsole::at("http://localhost").await;
    let (root, ana) = (site.log_in("root").await, site.log_in("ana").await);
    let archived = site.island("/fn/archive-app", &root, &[("app", "shop"), ("archived", "true")]).await;
    assert_eq!(archived.status, 200, "{}", archived.body);
    let listed = site.get("/bin", &root).await;
    assert_eq!(listed.status, 200);
    for says in ["/bin/app/shop", "by root", "name=\"kind\"", "Archived applications"] {
        assert!(listed.body.contains(says), "{says}: {}", listed.body);
    }
    let empty = site.get("/bin", &ana).await;
    assert!(empty.status == 200 && empty.body.contains("The recycle bin is empty"), "{}", empty.body);
    assert_eq!(site.get("/bin/app/shop", &ana).await.status, 403);
    for nothing in ["/bin/app/mail", "/bin/app/none", "/bin/user/shop", "/bin/namespace/shop", "/bin/env/a/b"] {
        assert_eq!(site.get(nothing, &root).await.status, 404, "{nothing}");
    }
    let config: crate::domain::names::ConfigId = "prod/shop/application".parse().unwrap();
    let page = site.get("/bin/app/shop", &root).await;
    assert!(page.status == 200 && page.body.contains("No instance has read it"), "{}", page.body);
    assert!(page.body.contains("name=\"confirm\"") && !page.body.contains("name=\"proof\""), "{}", page.body);

    let fields = |confirm: &'static str| [("kind", "app"), ("name", "shop"), ("confirm", confirm)];
    site.make_password_old(&root).await;
    assert!(site.get("/bin/app/shop", &root).await.body.contains("name=\"proof\""));
    let refused = site.island("/fn/remove-for-good", &root, &fields("shop")).await;
    assert!(refused.status == 422 && refused.body.contains("/proof"), "{}", refused.body);
    let proof = [("proof", PASSWORD)];
    let refused = site.island("/fn/remove-for-good", &root, &[&fields("mail")[..], &proof].concat()).await;
    assert!(refused.status == 422 && refused.body.contains("/confirm"), "{}", refused.body);
    // The typed password gave the session a new id.
    let root = refused.cookies();
    let done = site.island("/fn/remove-for-good", &root, &fields("shop")).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(site.get("/bin", &root).await.body.contains("The recycle bin is empty"));
    assert_eq!(site.get(&format!("/configs/{config}"), &root).await.status, 404);

    site.island("/fn/archive-env", &root, &[("env", "dev"), ("archived", "true")]).await;
    let restored = site.island("/fn/restore", &root, &[("kind", "env"), ("name", "dev")]).await;
    assert_eq!(restored.status, 200, "{}", restored.body);
    assert!(site.get("/envs", &root).await.body.contains("href=\"/bin\""));
}
