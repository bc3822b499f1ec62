//! A rollback makes a new release; release numbers never decrease.

use trimtab::{
    domain::{
        content::Item,
        error::{Error, Problem, StateConflict},
        merge::Edit,
    },
    service::{KeyRelease, Rollback},
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

    async fn history_of_a_key_has_the_releases_that_changed_it(site: Site) {
        let site = site.with_shop().await;
        let publish = async |edits: Vec<(String, Edit)>| {
            let saves = vec![save(SHOP, edits)];
            site.service.save_and_publish(ana(), "test".into(), String::new(), saves, None).await.unwrap();
        };
        let history = async |key: &str, before| {
            let found = site.service.key_history(ana(), &config(SHOP), key, before).await.unwrap();
            let value = |item: &Option<Item>| item.as_ref().map_or("–".into(), |item| item.value.expose().to_owned());
            let change = |change: &KeyRelease| {
                format!("{}: {} → {}", change.release.seq, value(&change.old), value(&change.new))
            };
            (found.changes.iter().map(change).collect::<Vec<_>>(), found.next)
        };
        assert_eq!(history("a", None).await, (vec![], None), "nothing is published");
        publish(vec![set("other", "1")]).await;
        publish(vec![set("a", "1")]).await;
        publish(vec![set("other", "2")]).await;
        publish(vec![set("a", "2")]).await;
        publish(vec![remove("a")]).await;
        publish(vec![set("other", "3")]).await;
        site.service.roll_back(ana(), back(SHOP, 3)).await.unwrap();
        publish(vec![set("other", "4")]).await;
        let all = ["7: – → 1", "5: 2 → –", "4: 1 → 2", "2: – → 1"];
        assert_eq!(history("a", None).await, (all.map(String::from).to_vec(), None));
        assert_eq!(history("a", Some(5)).await, (all[2..].iter().map(|s| (*s).to_owned()).collect(), None));
        assert_eq!(history("never", None).await, (vec![], None));
        // Long histories come in parts.
        for n in 0..25 {
            publish(vec![set("a", &format!("x{n}"))]).await;
        }
        let (first, next) = history("a", None).await;
        let (rest, end) = history("a", next).await;
        assert_eq!((first.len(), first[0].as_str(), end), (20, "33: x23 → x24", None));
        assert_eq!((rest.len(), rest[0].as_str(), rest[8].as_str()), (9, "13: x3 → x4", "2: – → 1"));
        let hidden = site.service.key_history(&user_with_roles("nobody", &[]), &config(SHOP), "a", None).await.unwrap_err();
        assert!(matches!(hidden, Error::NotFound(_)), "{hidden:?}");
    }

    async fn each_line_of_a_text_has_the_release_that_last_changed_it(site: Site) {
        const ROUTES: &str = "dev/shop/routes.yaml";
        let site = site.with_shop().await;
        let publish = async |content: &str| {
            let saves = vec![save(ROUTES, vec![text(content)])];
            site.service.save_and_publish(ana(), "test".into(), String::new(), saves, None).await.unwrap();
        };
        let lines = async || {
            let blamed = site.service.blame(ana(), &config(ROUTES)).await.unwrap().unwrap();
            let named: Vec<u64> = blamed.releases.keys().copied().collect();
            (blamed.lines.into_iter().flatten().collect::<Vec<_>>(), named)
        };
        assert!(site.service.blame(ana(), &config(ROUTES)).await.unwrap().is_none(), "nothing is published");
        publish("a: 1\nb: 1\nc: 1\n").await;
        publish("a: 1\nb: 2\nc: 1\n").await;
        publish("new: 1\na: 1\nb: 2\nc: 1\n").await;
        assert_eq!(lines().await, (vec![3, 1, 2, 1], vec![1, 2, 3]));
        // A rollback changes the lines that it brings back, and a release without a change of the text changes none.
        site.service.roll_back(ana(), back(ROUTES, 1)).await.unwrap();
        assert_eq!(lines().await, (vec![1, 4, 1], vec![1, 4]));
        // Older lines than those of the last 200 releases have no release.
        for n in 0..200 {
            publish(&format!("a: 1\nb: {}\nc: 1\n", n + 10)).await;
        }
        let blamed = site.service.blame(ana(), &config(ROUTES)).await.unwrap().unwrap();
        assert_eq!((blamed.lines, blamed.since), (vec![None, Some(204), None], 5));
        assert!(site.service.blame(ana(), &config(SHOP)).await.unwrap().is_none(), "items have no lines");
        let hidden = site.service.blame(&user_with_roles("nobody", &[]), &config(ROUTES)).await.unwrap_err();
        assert!(matches!(hidden, Error::NotFound(_)), "{hidden:?}");
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
