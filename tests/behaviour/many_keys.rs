//! Tests of actions on many selected keys of a config.

use trimtab::{
    domain::{
        access::{Actor, Role},
        content::{Item, ValueType},
        error::{Error, Problem, StateConflict},
        merge::Edit,
    },
    formats::{self, ItemFormat},
    service::{CopyKeys, CopyMode, EnteredPart, EnteredText, FormBase, SelectedKeys},
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";

fn these(keys: &[&str]) -> SelectedKeys {
    SelectedKeys::These(keys.iter().map(|key| (*key).to_owned()).collect())
}

fn listed(filter: &str, except: &[&str]) -> SelectedKeys {
    SelectedKeys::Listed { filter: filter.to_owned(), except: except.iter().map(|key| (*key).to_owned()).collect() }
}

/// Returns the state of the config that the page of `actor` shows.
async fn shown(site: &Site, actor: &Actor) -> FormBase {
    let view = site.service.config(actor, &config(SHOP), None).await.unwrap();
    let change = view.mine.as_ref().map(|mine| mine.change.id.clone());
    let version = view.mine.as_ref().map_or(0, |mine| mine.change.version);
    FormBase { config: config(SHOP), change, base: view.live_seq(), version }
}

/// Returns the edits of the actor's first change, as `key=value`, or `-key` for a removal.
async fn edits(site: &Site, actor: &Actor) -> Vec<String> {
    let view = site.service.config(actor, &config(SHOP), None).await.unwrap();
    let edits = view.mine.iter().flat_map(|mine| &mine.config.edits);
    edits
        .map(|edit| edit.edit.value().map_or_else(|| format!("-{}", edit.key), |value| format!("{}={value}", edit.key)))
        .collect()
}

/// Publishes `db.url=1`, `db.user=2`, `http.port=3`, `log=db`.
async fn prepare(site: Site) -> Site {
    let site = site.with_shop().await;
    let set = [("db.url", "1"), ("db.user", "2"), ("http.port", "3"), ("log", "db")].map(|(k, v)| set(k, v)).to_vec();
    site.service.save_and_publish(ana(), "test".into(), "dev".into(), vec![save(SHOP, set)], None).await.unwrap();
    site
}

on_both_set_ups! {
    async fn selected_keys_are_removed_and_reverted(site: Site) {
        let site = prepare(site).await;
        site.service.save(ana(), save(SHOP, vec![set("added", "9"), set("log", "new")])).await.unwrap();
        // A key that only the change has is reverted. One that the page does not list is ignored.
        let at = shown(&site, ana()).await;
        site.service.remove_items(ana(), at, &these(&["db.user", "added", "db.url", "never"])).await.unwrap();
        assert_eq!(edits(&site, ana()).await, ["log=new", "-db.url", "-db.user"]);
        let at = shown(&site, ana()).await;
        site.service.revert_items(ana(), at, &these(&["db.url", "log", "http.port"])).await.unwrap();
        assert_eq!(edits(&site, ana()).await, ["-db.user"]);
        let at = shown(&site, ana()).await;
        let nothing = site.service.revert_items(ana(), at.clone(), &these(&["http.port"])).await;
        assert_eq!(nothing.unwrap_err(), Error::State(StateConflict::NoEdits));
        let none = site.service.remove_items(ana(), at, &these(&["never"])).await.unwrap_err();
        assert!(matches!(&none, Error::Invalid(all) if all[0].pointer == "/keys" && all[0].problem == Problem::Required));
    }

    async fn all_listed_keys_are_those_of_the_filter(site: Site) {
        let site = prepare(site).await;
        let at = shown(&site, ana()).await;
        // The filter also finds values, and its case does not count.
        site.service.remove_items(ana(), at, &listed("DB", &["db.user"])).await.unwrap();
        assert_eq!(edits(&site, ana()).await, ["-db.url", "-log"]);
        let at = shown(&site, ana()).await;
        site.service.revert_items(ana(), at, &listed("", &["log"])).await.unwrap();
        assert_eq!(edits(&site, ana()).await, ["-log"]);
    }

    async fn key_that_somebody_else_published_is_not_removed(site: Site) {
        let site = prepare(site).await;
        let at = shown(&site, ana()).await;
        site.publish_key(ana(), SHOP, "log", "theirs").await;
        let refused = site.service.remove_items(ana(), at, &listed("", &[])).await.unwrap_err();
        let Error::Conflict(conflicts) = refused else { panic!("{refused:?}") };
        assert_eq!(conflicts.iter().map(|c| c.key.as_str()).collect::<Vec<_>>(), ["log"]);
        assert!(edits(&site, ana()).await.is_empty());
    }

    async fn edits_are_moved_to_another_change(site: Site) {
        let site = prepare(site).await;
        site.service.save(ana(), save(SHOP, vec![set("db.url", "x"), set("log", "y"), set("new", "z")])).await.unwrap();
        let at = shown(&site, ana()).await;
        let from = at.change.clone().unwrap();
        let selected = these(&["db.url", "new", "http.port"]);
        let other = site.service.move_edits(ana(), at.clone(), &selected, None).await.unwrap();
        let keys = async |change| {
            let view = site.service.change(ana(), &change).await.unwrap();
            view.configs.iter().flat_map(|c| &c.edits).map(|e| (e.key.clone(), e.base)).collect::<Vec<_>>()
        };
        assert_eq!(keys(other.clone()).await, [("db.url".to_owned(), 1), ("new".to_owned(), 1)]);
        assert_eq!(keys(from.clone()).await, [("log".to_owned(), 1)]);
        // Nothing is left to move, and an edit of the other change is never replaced.
        let at = FormBase { change: Some(from.clone()), ..at };
        let nothing = site.service.move_edits(ana(), at.clone(), &selected, Some(other.clone())).await;
        assert_eq!(nothing.unwrap_err(), Error::State(StateConflict::NoEdits));
        let into = |id: &_| trimtab::service::Save { change: Some(Clone::clone(id)), ..save(SHOP, vec![set("new", "mine")]) };
        site.service.save(ana(), into(&from)).await.unwrap();
        let both = site.service.move_edits(ana(), at.clone(), &these(&["new"]), Some(other.clone())).await;
        assert_eq!(both.unwrap_err(), Error::State(StateConflict::EditedInTarget));
        let same = site.service.move_edits(ana(), at.clone(), &these(&["new"]), Some(from.clone())).await;
        assert_eq!(same.unwrap_err(), Error::State(StateConflict::EditedInTarget));
        // Back again, past the other one.
        let at = FormBase { change: Some(other.clone()), ..at };
        site.service.move_edits(ana(), at, &these(&["db.url"]), Some(from.clone())).await.unwrap();
        assert_eq!(keys(from).await.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["log", "new", "db.url"]);
        assert_eq!(keys(other).await.len(), 1);
    }

    async fn keys_are_copied_and_written_with_the_edits_of_the_author(site: Site) {
        let site = prepare(site).await;
        site.service.save(ana(), save(SHOP, vec![set("db.url", "mine"), remove("log")])).await.unwrap();
        let at = shown(&site, ana()).await;
        let selected = these(&["db.url", "log", "http.port"]);
        let copy = CopyKeys { from: config(SHOP), keys: Vec::new(), to: vec![config(PROD)], mode: CopyMode::AddMissing };
        let change = site.service.copy_items(ana(), &at, &selected, copy, |n| format!("{n} copied")).await.unwrap();
        let view = site.service.change(ana(), &change).await.unwrap();
        assert_eq!(view.change.message, "2 copied");
        let copied: Vec<_> = view.configs.iter().flat_map(|c| &c.edits).map(|e| (e.key.as_str(), e.edit.value())).collect();
        assert_eq!(copied, [("db.url", Some("mine")), ("http.port", Some("3"))]);
        let write = async |format| {
            site.service.export_items(ana(), &config(SHOP), at.change.as_ref(), &selected, format).await
        };
        assert_eq!(write("properties").await.unwrap().text.expose(), "db.url=mine\nhttp.port=3\n");
        let map: serde_json::Value = serde_json::from_str(write("json").await.unwrap().text.expose()).unwrap();
        assert_eq!(map, serde_json::json!({"db.url": "mine", "http.port": "3"}));
        assert!(matches!(write("docx").await, Err(Error::Invalid(_))));
    }

    async fn items_are_edited_as_one_text_in_each_format(site: Site) {
        let site = site.with_shop().await;
        let item = |value: &str, kind, comment: &str| {
            Edit::Set(Item { value: value.into(), kind, comment: comment.into(), since: 0 })
        };
        let set = [
            ("text", item("a = b # c", ValueType::String, "for the shop")),
            ("number", item("1.50", ValueType::Number, "")),
            ("switch", item("true", ValueType::Boolean, "")),
            ("object", item("{ \"a\" : [1] }", ValueType::Json, "")),
            ("lines", item("one\ntwo\n", ValueType::String, "")),
        ];
        let set = set.map(|(key, edit)| (key.to_owned(), edit)).to_vec();
        site.service.save_and_publish(ana(), "test".into(), "dev".into(), vec![save(SHOP, set)], None).await.unwrap();
        let enter = async |source, text: &str| {
            let text = EnteredText { sent: text.into(), ..EnteredText::default() };
            site.service.enter_items(ana(), shown(&site, ana()).await, source, &text).await
        };
        for source in ItemFormat::ALL {
            let view = site.service.config(ana(), &config(SHOP), None).await.unwrap();
            let text = formats::write(source, view.author_content().items().unwrap()).unwrap();
            assert!(enter(source, &text).await.unwrap().is_none(), "{source}: {text}");
            let text = text.replace("1.50", "2").replace("switch", "toggle");
            enter(source, &text).await.unwrap().unwrap();
            // Formats with strings only keep the type of a number; a new key has none to keep.
            let changed = edits(&site, ana()).await;
            assert_eq!(changed, ["number=2", "toggle=true", "-switch"], "{source}: {text}");
            let after = site.service.config(ana(), &config(SHOP), None).await.unwrap();
            let number = &after.author_content().items().unwrap()["number"];
            assert_eq!(number.kind, ValueType::Number, "{source}");
            assert_eq!(after.author_content().items().unwrap()["text"].comment, "for the shop", "{source}");
            site.service.discard(ana(), &after.mine.unwrap().change.id).await.unwrap();
        }
        // A format with comments also edits them.
        enter(ItemFormat::Properties, "text=a = b # c\n").await.unwrap().unwrap();
        let after = site.service.config(ana(), &config(SHOP), None).await.unwrap();
        assert_eq!(after.author_content().items().unwrap().len(), 1);
        assert_eq!(after.author_content().items().unwrap()["text"].comment, "");
        // Mistakes have a line, while typing and when saved.
        let wrong = "{\n  \"a\": 1,\n  oops\n}";
        let refused = enter(ItemFormat::Json, wrong).await.unwrap_err();
        let Error::Invalid(problems) = refused else { panic!("{refused:?}") };
        assert_eq!((problems[0].pointer.as_str(), problems[0].line), ("/text", Some(3)));
        let typed = EnteredText { sent: wrong.into(), ..EnteredText::default() };
        let part = EnteredPart::Items(ItemFormat::Json);
        let found = site.service.check_entered_text(ana(), &config(SHOP), part, &typed).await.unwrap();
        assert_eq!(found.unwrap().line, Some(3));
    }

    async fn text_of_items_never_overwrites_what_somebody_else_published(site: Site) {
        let site = prepare(site).await;
        let at = shown(&site, ana()).await;
        site.publish_key(ana(), SHOP, "log", "theirs").await;
        let text = EnteredText { sent: "db.url=1\ndb.user=2\nhttp.port=4\nlog=db\n".into(), ..EnteredText::default() };
        let refused = site.service.enter_items(ana(), at, ItemFormat::Properties, &text).await.unwrap_err();
        let Error::Conflict(conflicts) = refused else { panic!("{refused:?}") };
        assert_eq!(conflicts.iter().map(|c| c.key.as_str()).collect::<Vec<_>>(), ["log"]);
        assert!(edits(&site, ana()).await.is_empty());
    }

    async fn selected_keys_are_edited_only_with_permission(site: Site) {
        let site = prepare(site).await;
        let viewer = user_with_roles("vera", &[("dev/shop/*", Role::VIEWER)]);
        let at = shown(&site, &viewer).await;
        let all = listed("", &[]);
        let refused = site.service.remove_items(&viewer, at.clone(), &all).await.unwrap_err();
        assert!(matches!(refused, Error::Forbidden(_)), "{refused:?}");
        let copy = CopyKeys { from: config(SHOP), keys: Vec::new(), to: vec![config(PROD)], mode: CopyMode::Overwrite };
        let refused = site.service.copy_items(&viewer, &at, &all, copy, |_| String::new()).await.unwrap_err();
        assert!(matches!(refused, Error::NotFound(_) | Error::Forbidden(_)), "{refused:?}");
        // What a viewer sees, a viewer may copy to the clipboard.
        let file = site.service.export_items(&viewer, &config(SHOP), None, &all, "json").await.unwrap();
        assert!(file.text.expose().contains("http.port"));
        let stranger = user_with_roles("sam", &[("dev/mail/*", Role::EDITOR)]);
        for refused in [
            site.service.remove_items(&stranger, at.clone(), &all).await.map(drop),
            site.service.revert_items(&stranger, at.clone(), &all).await,
            site.service.move_edits(&stranger, at.clone(), &all, None).await.map(drop),
            site.service.export_items(&stranger, &config(SHOP), None, &all, "json").await.map(drop),
        ] {
            assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        }
        // Somebody else's change cannot be moved from or to.
        site.service.save(ana(), save(SHOP, vec![set("log", "hers")])).await.unwrap();
        let hers = shown(&site, ana()).await.change.unwrap();
        let editor = user_with_roles("dora", &[("dev/shop/*", Role::EDITOR)]);
        site.service.save(&editor, save(SHOP, vec![set("log", "mine")])).await.unwrap();
        let at = shown(&site, &editor).await;
        let moved = site.service.move_edits(&editor, at.clone(), &all, Some(hers.clone())).await;
        assert!(matches!(moved, Err(Error::Forbidden(_))), "{moved:?}");
        let stolen = FormBase { change: Some(hers), ..at };
        let moved = site.service.move_edits(&editor, stolen, &all, None).await;
        assert_eq!(moved.unwrap_err(), Error::State(StateConflict::NoEdits));
    }
}
