//! The form of one key. It replaces the row of the key, or is above the table for a new key.

use std::sync::Arc;

use leptos::server_fn::ServerFn;

use super::{
    OpenedConfig,
    conflicts::Merge,
    fields::ConfigFields,
    link_start,
    value_field::{LINE_ENDS, ValueField, needs_lines},
};
use crate::{
    api::{
        config::{CheckText, RemoveItem, RevertItem, SaveItem, SaveText},
        paths::Encoded,
    },
    components::{view::*, *},
    domain::{
        content::{Item, ValueType},
        error::{Conflict, Error},
        form_text::hidden_value,
    },
};

/// Id of the form of a key.
pub(super) const FORM: &str = "item";

/// Returns the refused form of a key, or of the text, to which this page is the response.
fn refused() -> Option<RefusedForm> {
    use_context::<RefusedForm>().filter(|r| [SaveItem::PATH, RemoveItem::PATH, SaveText::PATH].contains(&r.action()))
}

/// Returns the key of the refused form of an existing key.
pub(super) fn refused_key() -> Option<String> {
    let refused = refused()?;
    if refused.value("new").is_some() { None } else { refused.value("key").map(str::to_owned) }
}

/// Returns the conflict for which the form of this key was refused, if any. The text has an empty key.
pub(super) fn refused_conflict(key: &str) -> Option<Conflict> {
    let refused = refused()?;
    let Error::Conflict(all) = refused.error() else { return None };
    let found = all.iter().find(|c| c.key == key)?.clone();
    refused.mark_all_shown();
    Some(found)
}

/// The form of a key. The key need not exist yet.
#[component]
pub fn EditForm(opened: Arc<OpenedConfig>, key: String, lines: bool, q: String) -> impl IntoView {
    let t = lang();
    let sent = refused();
    let sent = |name: &str| sent.as_ref().and_then(|r| r.value(name));
    // A refused form carries whether it is for a new key.
    let sent_new = sent("new").is_some();
    let key = sent("key").filter(|_| sent_new).map_or(key, str::to_owned);
    let met = refused_conflict(&key);
    let merging = met.is_some() && sent("value").is_some();
    let now = opened.view.author_content().items().and_then(|items| items.get(&key)).cloned();
    let live = opened.view.content.items().and_then(|items| items.get(&key)).cloned();
    let new = met.is_none() && (sent_new || now.is_none() && live.is_none());
    let there = KeyStatus { exists: now.is_some(), live: live.clone() };
    let item = now.or(live).unwrap_or_default();
    let many = lines || needs_lines(&item) || sent("value").is_some_and(|v| v.contains(LINE_ENDS));
    let around = form_links(&opened, &key, new, &q);
    let title = if new { t.new_key_title().to_owned() } else { t.edit_title(&key) };
    let merge = met.map(|conflict| view! { <Merge opened=opened.clone() conflict /> });
    let was = there.live.clone().filter(|live| !live.has_same_content(&item));
    let says = if merging { t.keep_mine_edited() } else { t.save() };
    let live_value = there.live.as_ref().map_or("", |live| live.value.expose());
    let differs = refused().is_some() || live_value != item.value.expose();
    let live = differs.then(|| live_value.to_owned());
    let forms = view! { <Forms opened=opened.clone() key=key.clone() q=q.clone() there=there.clone() /> };
    view! {
        <section class="edit" id="edit" aria-labelledby="edit-title">
            <h2 id="edit-title">{title}</h2>
            {merge}
            <Form action=SaveItem::PATH id=FORM swap="config">
                <ConfigFields opened=opened.clone() key=if new { String::new() } else { key.clone() } q=q.clone() />
                {new.then(|| view! { <KeyField key=key.clone() /> })}
                <ItemFields item was live many more=around.more />
                <TargetChange opened=opened.clone() />
                <div class="do">
                    <Submit tone=Tone::Primary>{says}</Submit>
                    <LinkButton href=around.back>{t.cancel()}</LinkButton>
                    <KeyActions opened=opened.clone() key=key.clone() status=there.clone() />
                </div>
            </Form>
            {forms}
        </section>
    }
    .into_any()
}

/// State of a key.
#[derive(Clone)]
struct KeyStatus {
    /// Whether the key exists for the user: live and not removed, or added.
    exists: bool,
    /// The live item.
    live: Option<Item>,
}

#[component]
fn KeyField(key: String) -> impl IntoView {
    let t = lang();
    let focus = key.is_empty();
    view! {
        <Hidden name="new" value="true" />
        <Field name="key" label=t.key() value=key mono=true required=true autofocus=focus hint=t.key_hint() />
    }
    .into_any()
}

/// Addresses of the links in the form.
struct FormLinks {
    /// The table, scrolled to this key.
    back: String,
    /// This form with a multi-line field.
    more: String,
}

fn form_links(opened: &OpenedConfig, key: &str, new: bool, q: &str) -> FormLinks {
    let base = link_start(opened);
    let filter = if q.is_empty() { String::new() } else { format!("&q={}", Encoded(q)) };
    let name = if new { "add" } else { "edit" };
    let back = if new { opened.href.clone() } else { format!("{base}?at={}{filter}#at", Encoded(key)) };
    FormLinks { back, more: format!("{base}?{name}={}&lines={filter}#edit", Encoded(key)) }
}

/// Fields for value, type and comment.
#[component]
fn ItemFields(item: Item, was: Option<Item>, live: Option<String>, many: bool, more: String) -> impl IntoView {
    let t = lang();
    let Item { value, kind, comment, .. } = item.clone();
    let value = value.into_inner();
    let was = was.map(|live| view! { <p class="hint">{t.live_value()}": "<code>{live.value.into_inner()}</code></p> });
    let rows = u32::try_from(value.split(LINE_ENDS).count().clamp(3, 20)).unwrap_or(3);
    let was_in = view! { <OriginalContent name="value" text=value.clone() /><OriginalContent name="comment" text=comment.clone() /> };
    let field = if many {
        let editor = TextEditor { language: "value", check: CheckText::PATH, live };
        view! { <TextArea name="value" label=t.value() value=value rows mono=true editor /> }.into_any()
    } else {
        view! {
            <ValueField item />
            <a class="many hint" href=more>{t.multi_line()}</a>
        }
        .into_any()
    };
    let options = ValueType::ALL.map(|kind| (kind.as_str().to_owned(), kind.as_str().to_owned())).to_vec();
    let sent_rows = refused().and_then(|r| r.value("comment").map(|sent| sent.contains(LINE_ENDS))).unwrap_or_default();
    let comment = if sent_rows || comment.contains(LINE_ENDS) {
        view! { <TextArea name="comment" label=t.comment() value=comment hint=t.comment_hint() /> }.into_any()
    } else {
        view! { <Field name="comment" label=t.comment() value=comment hint=t.comment_hint() /> }.into_any()
    };
    view! {
        {was_in}
        <div class="pair">
            <div>{field}{was}</div>
            <Select name="kind" label=t.type_field() options value=kind.as_str() pointer="/type" />
        </div>
        {comment}
    }
    .into_any()
}

/// A hidden field with the original content of a field, if a browser would change its line ends or NUL. A refused form
/// keeps the content that it sent.
#[component]
pub(super) fn OriginalContent(
    /// The name of the field.
    name: &'static str,
    /// The content of the field.
    text: String,
) -> impl IntoView {
    let name = format!("{name}_was");
    let refused = use_context::<RefusedForm>().filter(|r| [SaveItem::PATH, SaveText::PATH].contains(&r.action()));
    let was = match refused {
        Some(refused) => refused.value(&name).map(str::to_owned),
        None => hidden_value(&text),
    };
    was.map(|value| view! { <Hidden name value /> })
}

/// Field to choose the change that the first edit is saved in, if the user has open changes of other configs.
#[component]
fn TargetChange(opened: Arc<OpenedConfig>) -> impl IntoView {
    let t = lang();
    if opened.view.mine.is_some() || opened.view.other_changes.is_empty() {
        return None;
    }
    Some(view! { <Select name="change" label=t.save_to() options=change_options(&opened) hint=t.save_to_hint() /> })
}

/// Returns a new change and the other open changes of the user, for a list of options.
pub(super) fn change_options(opened: &OpenedConfig) -> Vec<(String, String)> {
    let t = lang();
    let other = opened.view.other_changes.iter().map(|change| {
        let said = change.message.lines().next().unwrap_or_default();
        let at = &change.created_at.rfc3339()[..10];
        let text = if said.is_empty() { t.change_without_message(at) } else { said.chars().take(60).collect() };
        (change.id.to_string(), text)
    });
    [(String::new(), t.a_new_change().to_owned())].into_iter().chain(other).collect()
}

impl KeyStatus {
    fn can_remove(&self) -> bool {
        self.exists && self.live.is_some()
    }
}

/// Buttons to revert or remove the key. Their forms are outside of the key's form, because forms do not nest.
#[component]
fn KeyActions(opened: Arc<OpenedConfig>, key: String, status: KeyStatus) -> impl IntoView {
    let t = lang();
    let revert = edited(&opened, &key).then(|| {
        view! { <button type="submit" form="revert" class=Tone::Plain.class()><Icon name=I::Undo />{t.revert_edit()}</button> }
    });
    let remove = status.can_remove().then(|| {
        view! { <button type="submit" form="remove" class=Tone::Danger.class()><Icon name=I::Trash />{t.remove()}</button> }
    });
    let history = status.live.is_some().then(|| {
        view! { <LinkButton href=opened.history_of(&key) tone=Tone::Bare icon=I::Log>{t.key_history_link()}</LinkButton> }
    });
    view! { <span class="apart">{history}{revert}{remove}</span> }.into_any()
}

/// Returns whether the user's change has an edit of a key.
fn edited(opened: &OpenedConfig, key: &str) -> bool {
    opened.view.mine.as_ref().is_some_and(|mine| mine.config.edits.iter().any(|edit| edit.key == key))
}

#[component]
fn Forms(opened: Arc<OpenedConfig>, key: String, q: String, there: KeyStatus) -> impl IntoView {
    let (of_revert, of_remove) = (opened.clone(), opened.clone());
    let (revert_key, revert_q) = (key.clone(), q.clone());
    let revert = edited(&opened, &key).then(move || {
        view! {
            <Form action=RevertItem::PATH id="revert" swap="config">
                <ConfigFields opened=of_revert key=revert_key q=revert_q />
            </Form>
        }
    });
    let remove = there.can_remove().then(move || {
        view! {
            <Form action=RemoveItem::PATH id="remove" swap="config"><ConfigFields opened=of_remove key q /></Form>
        }
    });
    view! { {revert}{remove} }.into_any()
}
