//! The panel beside a config: the user's change with the button that publishes it, other users' changes, and the
//! delivery progress of the live release.

use std::sync::Arc;

use leptos::server_fn::ServerFn;

use super::{OpenedConfig, progress::DeliveryProgress};
use crate::{
    api::{
        config::{DiscardEdits, UndoEdits},
        paths,
        publish::Publish,
    },
    components::{view::*, *},
    domain::diff::{ConfigDiff, Diff, diff_sha256},
    pages::shared::ConfirmDialog,
    service::{OwnChange, SavedStep, UndoState},
};

/// Maximum number of keys of the difference that are shown here. The page of the difference shows all.
const HUNKS: usize = 6;

/// The cards beside the content.
#[component]
pub fn ChangePanel(
    opened: Arc<OpenedConfig>,
    /// Whether a form is open, so that publishing is not the main action.
    editing: bool,
) -> impl IntoView {
    let live_query = opened.live_query.clone();
    view! {
        <aside class="tray" id="my-change">
            <MyChange opened=opened.clone() editing />
            <Others opened=opened.clone() />
            <div id="live-way" data-live=live_query><DeliveryProgress opened /></div>
        </aside>
    }
    .into_any()
}

/// Bar that leads to the panel on a phone, where the panel is below the table.
#[component]
pub fn ChangePanelLink(opened: Arc<OpenedConfig>) -> impl IntoView {
    let t = lang();
    let edits = opened.view.mine.as_ref().map_or(0, edits);
    (edits > 0).then(|| {
        view! {
            <p class="pending">
                <b>{t.edits_not_live(edits)}</b>
                <a class="btn primary" href="#my-change">{t.review()}</a>
            </p>
        }
    })
}

/// Returns the number of edits that make a difference. A text counts as one.
fn edits(mine: &OwnChange) -> usize {
    match &mine.config.diff {
        Diff::Kv(keys) => keys.len(),
        Diff::Text { old, new } => usize::from(old != new),
    }
}

#[component]
fn MyChange(opened: Arc<OpenedConfig>, editing: bool) -> impl IntoView {
    let t = lang();
    let Some(mine) = opened.view.mine.clone() else {
        let text = if opened.may_edit() { t.no_edits_text() } else { t.only_viewer() };
        return view! {
            <Card id="mine" title=t.my_change() term=Term::Change><p class="quiet">{text}</p><UndoButtons opened /></Card>
        }
        .into_any();
    };
    let difference = format!("{}/difference", opened.href);
    view! {
        <Card id="mine" title=t.my_change() term=Term::Change>
            <DiffSummary counts=mine.config.diff.counts() />
            <Hunks diff=mine.config.diff.clone() difference label=t.my_change() />
            <UndoButtons opened=opened.clone() />
            <ChangeActions opened mine editing />
        </Card>
    }
    .into_any()
}

/// Buttons that undo and redo saved edits. They name what they do. `islands/shortcuts.rs` presses them, too.
#[component]
fn UndoButtons(opened: Arc<OpenedConfig>) -> impl IntoView {
    let t = lang();
    let UndoState { change, version, undo, redo } = opened.view.undo.clone().filter(|_| opened.may_edit())?;
    let about = |step: &SavedStep| match (step.keys, step.key.as_str()) {
        (1, "") => t.the_text().to_owned(),
        (1, key) => key.to_owned(),
        (keys, _) => t.n_keys(usize::try_from(keys).unwrap_or(usize::MAX)),
    };
    let undo = undo.map(|step| {
        view! {
            <button type="submit" class="btn bare small" name="act" value="undo" title=about(&step) data-undo="" aria-keyshortcuts="Control+Z">
                <Icon name=I::Undo />{t.undo()}
            </button>
        }
    });
    let redo = redo.map(|step| {
        view! {
            <button type="submit" class="btn bare small" name="act" value="redo" title=about(&step) data-redo="" aria-keyshortcuts="Control+Shift+Z">
                <Icon name=I::Redo />{t.redo()}
            </button>
        }
    });
    (undo.is_some() || redo.is_some()).then(|| {
        view! {
            <Form action=UndoEdits::PATH id="undo" swap="config" class="beside">
                <Hidden name="config" value=opened.view.id.to_string() />
                <Hidden name="change" value=change.to_string() />
                <Hidden name="version" value=version.to_string() />
                {undo}
                {redo}
            </Form>
        }
    })
}

/// The first keys of a difference, and a link to the others at the address `difference`.
#[component]
pub fn Hunks(
    diff: Diff,
    difference: String,
    /// Name of the box in which the keys scroll, if they have one.
    #[prop(optional, into)]
    label: Option<String>,
) -> impl IntoView {
    let t = lang();
    match diff {
        Diff::Kv(mut keys) => {
            let more = keys.len().saturating_sub(HUNKS);
            let more = (more > 0).then(|| view! { <p class="more"><a href=difference>{t.more_edits(more)}</a></p> });
            keys.truncate(HUNKS);
            let keys = view! { <DiffKv keys /> };
            let keys = match label {
                Some(label) => view! { <ScrollBox class="brief" label>{keys}</ScrollBox> }.into_any(),
                None => keys.into_any(),
            };
            view! { {keys}{more} }.into_any()
        }
        Diff::Text { .. } => view! { <p class="more"><a href=difference>{t.see_difference()}</a></p> }.into_any(),
    }
}

/// Actions that the change allows now.
#[component]
fn ChangeActions(opened: Arc<OpenedConfig>, mine: OwnChange, editing: bool) -> impl IntoView {
    let t = lang();
    let page = paths::change(&mine.change.id);
    let conflicts = mine.config.conflicts.len();
    let publish = if conflicts > 0 {
        view! { <p class="warn">{t.resolve_first(conflicts)}</p> }.into_any()
    } else if mine.other_configs > 0 {
        view! {
            <p class="quiet">{t.also_elsewhere(mine.other_configs)}</p>
            <LinkButton href=page.clone() tone=tone(editing) wide=true>{t.review_and_publish()}</LinkButton>
        }
        .into_any()
    } else if !opened.may_publish() {
        view! {
            <p class="quiet">{t.may_not_publish()}</p>
            <LinkButton href=page.clone() tone=tone(editing) wide=true>{t.open_change()}</LinkButton>
        }
        .into_any()
    } else if mine.config.diff.is_empty() {
        view! { <p class="quiet">{t.nothing_left()}</p> }.into_any()
    } else {
        view! { <PublishForm opened=opened.clone() mine=mine.clone() editing /> }.into_any()
    };
    let alone = mine.other_configs == 0 && conflicts == 0 && opened.may_publish();
    let review = alone.then(|| view! { <LinkButton href=page tone=Tone::Bare>{t.review()}</LinkButton> });
    view! {
        {publish}
        <div class="beside">{review}<Discard opened mine /></div>
    }
    .into_any()
}

fn tone(editing: bool) -> Tone {
    if editing { Tone::Plain } else { Tone::Primary }
}

#[component]
fn PublishForm(opened: Arc<OpenedConfig>, mine: OwnChange, editing: bool) -> impl IntoView {
    let t = lang();
    let protected = opened.view.env.protected;
    let name = opened.view.env.name.to_string();
    let becomes = opened.view.live_seq() + 1;
    let differs = ConfigDiff { config: opened.view.id.clone(), diff: mine.config.diff.clone() };
    let note = if protected { t.why_required(&name) } else { t.why_optional().to_owned() };
    let readers = opened.readers.all();
    let says = match &mine.config.diff {
        Diff::Kv(keys) => t.publish_edits(keys.len()),
        Diff::Text { .. } => t.publish_text().to_owned(),
    };
    view! {
        <Form action=Publish::PATH id="publish" swap="config">
            <Hidden name="change" value=mine.change.id.to_string() />
            <Hidden name="diff_sha256" value=diff_sha256(&[differs]) />
            <Field name="message" label=t.why() note value=mine.change.message.clone() required=protected />
            {protected.then(|| view! { <EnvNameField env=name /> })}
            <p class="hint">
                {t.becomes_release(becomes)}
                {(readers > 0).then(|| view! { " "{t.instances_read(readers)} })}
            </p>
            <Submit tone=tone(editing) icon=I::Send wide=true>{says}</Submit>
        </Form>
    }
    .into_any()
}

/// Asks for the names of protected environments.
#[component]
pub fn EnvNameField(env: String) -> impl IntoView {
    let label = lang().type_to_publish(&env);
    view! { <Field name="confirm" label placeholder=env mono=true required=true /> }.into_any()
}

#[component]
fn Discard(opened: Arc<OpenedConfig>, mine: OwnChange) -> impl IntoView {
    let t = lang();
    let count = mine.config.edits.len();
    let text = if mine.other_configs > 0 { t.discard_whole(mine.other_configs) } else { t.change_discard_text(count) };
    view! {
        <ConfirmDialog
            id="discard"
            button=t.discard()
            title=t.discard_question(count)
            text
            action=DiscardEdits::PATH
            swap="config"
            tone=Tone::Bare
        >
            <Hidden name="config" value=opened.view.id.to_string() />
            <Hidden name="change" value=mine.change.id.to_string() />
        </ConfirmDialog>
    }
    .into_any()
}

/// Other users' open changes to this config.
#[component]
fn Others(opened: Arc<OpenedConfig>) -> impl IntoView {
    let t = lang();
    if opened.view.others.is_empty() {
        return None;
    }
    let items = opened.view.others.iter().map(|pending| {
        let text = pending.keys.iter().any(|(key, _)| key.is_empty());
        let what = if text { t.the_text().to_owned() } else { t.n_keys(pending.keys.len()) };
        let name = pending.change.author_name.clone();
        view! { <li><a href=paths::change(&pending.change.id)>{name}</a><span class="quiet">{what}</span></li> }
    });
    let items = items.collect_view();
    Some(view! { <Card id="others" title=t.others_edit()><ul class="list plain">{items}</ul></Card> })
}
