//! Tests of undo and redo of saved edits.

use trimtab::{
    domain::{
        access::{Actor, Role},
        change::ChangeId,
        error::{Error, StateConflict},
        undo::UndoDirection::{self, Redo, Undo},
    },
    service::{FormBase, SelectedKeys, UndoState},
};

use crate::{on_both_set_ups, support::*};

const SHOP: &str = "dev/shop/application";

async fn state(site: &Site, actor: &Actor) -> Option<UndoState> {
    site.service.config(actor, &config(SHOP), None).await.unwrap().undo
}

/// Undoes or redoes an action of Ana as her page does.
async fn go(site: &Site, direction: UndoDirection) -> Result<String, Error> {
    let state = state(site, ana()).await.unwrap();
    site.service.undo(ana(), &config(SHOP), &state.change, state.version, direction).await
}

/// Returns Ana's edits, as `key=value`, or `-key` for a removal, sorted.
async fn edits(site: &Site) -> Vec<String> {
    let view = site.service.config(ana(), &config(SHOP), None).await.unwrap();
    let edits = view.mine.iter().flat_map(|mine| &mine.config.edits);
    let text = |edit: &trimtab::domain::change::ChangeEdit| match edit.edit.value() {
        Some(value) => format!("{}={value}", edit.key),
        None => format!("-{}", edit.key),
    };
    let mut edits: Vec<String> = edits.map(text).collect();
    edits.sort();
    edits
}

async fn prepare(site: Site) -> Site {
    let site = site.with_shop().await;
    let set = [("a", "1"), ("b", "2"), ("c", "3")].map(|(k, v)| set(k, v)).to_vec();
    site.service.save_and_publish(ana(), "test".into(), "dev".into(), vec![save(SHOP, set)], None).await.unwrap();
    site
}

async fn form_base(site: &Site) -> FormBase {
    let view = site.service.config(ana(), &config(SHOP), None).await.unwrap();
    let (change, version) = view.mine.as_ref().map_or((None, 0), |m| (Some(m.change.id.clone()), m.change.version));
    FormBase { config: config(SHOP), change, base: view.live_seq(), version }
}

on_both_set_ups! {
    async fn each_action_is_undone_and_redone_as_a_whole(site: Site) {
        let site = prepare(site).await;
        assert_eq!(state(&site, ana()).await, None);
        let mut states = vec![Vec::new()];
        site.service.save(ana(), save(SHOP, vec![set("a", "10"), set("new", "9")])).await.unwrap();
        states.push(edits(&site).await);
        site.service.save(ana(), save(SHOP, vec![set("a", "11"), remove("b")])).await.unwrap();
        states.push(edits(&site).await);
        // The live value again: the edit disappears.
        site.service.save(ana(), save(SHOP, vec![set("a", "1")])).await.unwrap();
        states.push(edits(&site).await);
        let mine = state(&site, ana()).await.unwrap().change;
        site.service.revert(ana(), &mine, &config(SHOP), "b").await.unwrap();
        states.push(edits(&site).await);
        let all = SelectedKeys::Listed { filter: String::new(), except: Vec::new() };
        site.service.revert_items(ana(), form_base(&site).await, &all).await.unwrap();
        states.push(edits(&site).await);
        assert_eq!(states[2], ["-b", "a=11", "new=9"]);
        assert_eq!(states[5], [""; 0]);
        for _ in 0..2 {
            for before in states.iter().rev().skip(1) {
                go(&site, Undo).await.unwrap();
                assert_eq!(edits(&site).await, *before);
            }
            assert_eq!(go(&site, Undo).await.unwrap_err(), Error::State(StateConflict::NothingToUndo));
            for after in states.iter().skip(1) {
                go(&site, Redo).await.unwrap();
                assert_eq!(edits(&site).await, *after);
            }
            assert_eq!(go(&site, Redo).await.unwrap_err(), Error::State(StateConflict::NothingToUndo));
        }
    }

    async fn a_new_action_ends_what_can_be_redone(site: Site) {
        let site = prepare(site).await;
        for value in ["10", "11"] {
            site.service.save(ana(), save(SHOP, vec![set("a", value)])).await.unwrap();
        }
        assert_eq!(go(&site, Undo).await.unwrap(), "a");
        assert_eq!(state(&site, ana()).await.unwrap().redo.unwrap().key, "a");
        site.service.save(ana(), save(SHOP, vec![set("c", "30")])).await.unwrap();
        let now = state(&site, ana()).await.unwrap();
        assert_eq!((now.undo.unwrap().key.as_str(), now.redo), ("c", None));
        go(&site, Undo).await.unwrap();
        go(&site, Undo).await.unwrap();
        assert!(edits(&site).await.is_empty());
    }

    async fn an_outdated_page_undoes_nothing(site: Site) {
        let site = prepare(site).await;
        site.service.save(ana(), save(SHOP, vec![set("a", "10")])).await.unwrap();
        let shown = state(&site, ana()).await.unwrap();
        site.service.save(ana(), save(SHOP, vec![set("b", "20")])).await.unwrap();
        let undone = site.service.undo(ana(), &config(SHOP), &shown.change, shown.version, Undo).await;
        assert_eq!(undone.unwrap_err(), Error::State(StateConflict::EditedElsewhere));
        assert_eq!(edits(&site).await, ["a=10", "b=20"]);
    }

    async fn an_undone_edit_still_meets_what_was_published_meanwhile(site: Site) {
        let site = prepare(site).await;
        site.service.save(ana(), save(SHOP, vec![set("a", "10")])).await.unwrap();
        let mine = state(&site, ana()).await.unwrap().change;
        site.service.revert(ana(), &mine, &config(SHOP), "a").await.unwrap();
        site.publish_key(marek(), SHOP, "a", "theirs").await;
        go(&site, Undo).await.unwrap();
        let view = site.service.config(ana(), &config(SHOP), None).await.unwrap();
        let conflicts = &view.mine.unwrap().config.conflicts;
        assert_eq!(conflicts.iter().map(|c| c.key.as_str()).collect::<Vec<_>>(), ["a"]);
    }

    async fn moved_edits_and_those_of_closed_changes_cannot_be_undone(site: Site) {
        let site = prepare(site).await;
        site.service.save(ana(), save(SHOP, vec![set("a", "10"), set("b", "20")])).await.unwrap();
        let these = SelectedKeys::These(vec!["a".into()]);
        let moved: ChangeId = site.service.move_edits(ana(), form_base(&site).await, &these, None).await.unwrap();
        assert_eq!(state(&site, ana()).await, None);
        site.service.discard(ana(), &moved).await.unwrap();
        let mine = form_base(&site).await.change.unwrap();
        site.service.save(ana(), save(SHOP, vec![set("b", "21")])).await.unwrap();
        site.publish(ana(), &mine).await.unwrap();
        assert_eq!(state(&site, ana()).await, None);
        let undone = site.service.undo(ana(), &config(SHOP), &mine, 3, Undo).await;
        assert_eq!(undone.unwrap_err(), Error::State(StateConflict::Published));
        assert!(count(&site.database, "select count(*) from edit_steps").await > 0);
        site.service.sweep(Vec::new()).await.unwrap();
        assert_eq!(count(&site.database, "select count(*) from edit_steps").await, 0);
    }

    async fn only_the_last_actions_are_kept(site: Site) {
        let site = prepare(site).await;
        for n in 0..60 {
            site.service.save(ana(), save(SHOP, vec![set("a", &format!("v{n}"))])).await.unwrap();
        }
        assert_eq!(count(&site.database, "select count(*) from edit_steps").await, 50);
        for _ in 0..50 {
            go(&site, Undo).await.unwrap();
        }
        assert_eq!(edits(&site).await, ["a=v9"]);
        assert_eq!(go(&site, Undo).await.unwrap_err(), Error::State(StateConflict::NothingToUndo));
        // Three steps of 3 MB each are above the bytes that are kept.
        for n in ["x", "y", "z"] {
            site.service.save(ana(), save(SHOP, vec![set("big", &n.repeat(900_000))])).await.unwrap();
            site.service.save(ana(), save(SHOP, vec![set("big", &n.repeat(800_000))])).await.unwrap();
        }
        let bytes = count(&site.database, "select cast(sum(bytes) as signed) from edit_steps").await;
        assert!(bytes <= 8 * 1024 * 1024, "{bytes}");
    }

    async fn only_the_author_undoes(site: Site) {
        let site = prepare(site).await;
        site.service.save(ana(), save(SHOP, vec![set("a", "10")])).await.unwrap();
        let hers = state(&site, ana()).await.unwrap();
        let editor = user_with_roles("dora", &[("dev/shop/*", Role::EDITOR)]);
        assert_eq!(state(&site, &editor).await, None);
        let undo = |actor: Actor| {
            let (service, hers) = (site.service.clone(), hers.clone());
            async move { service.undo(&actor, &config(SHOP), &hers.change, hers.version, Undo).await.unwrap_err() }
        };
        assert!(matches!(undo(editor).await, Error::Forbidden(_)));
        assert!(matches!(undo(user_with_roles("vera", &[("dev/shop/*", Role::VIEWER)])).await, Error::Forbidden(_)));
        assert!(matches!(undo(user_with_roles("sam", &[("dev/mail/*", Role::EDITOR)])).await, Error::NotFound(_)));
        assert_eq!(edits(&site).await, ["a=10"]);
    }
}
