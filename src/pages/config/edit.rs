//! The form of one key: in the place of its row, or above the table for a new one.

use std::sync::Arc;

use leptos::{prelude::*, server_fn::ServerFn};

use super::{Opened, conflicts::Merge, here};
use crate::{
    api::{
        config::{RemoveItem, RevertItem, SaveItem},
        paths::Encoded,
    },
    components::{Field, Form, Hidden, I, LinkButton, Refused, Select, Submit, TextArea, Tone, lang},
    domain::{
        content::{Item, ValueType},
        error::{Conflict, Error},
    },
};

/// Longer values, in characters, get a field of many lines.
const ONE_LINE: usize = 100;

/// The fields that say where a form was: hidden ones.
#[component]
pub fn Where(opened: Arc<Opened>, #[prop(optional)] key: String, #[prop(optional)] q: String) -> impl IntoView {
    let (change, version) = opened.read();
    view! {
        <Hidden name="config" value=opened.view.id.to_string() />
        <Hidden name="base" value=opened.view.live_seq().to_string() />
        <Hidden name="version" value=version.to_string() />
        {(!change.is_empty()).then(|| view! { <Hidden name="change" value=change /> })}
        {(!key.is_empty()).then(|| view! { <Hidden name="key" value=key /> })}
        {(!q.is_empty()).then(|| view! { <Hidden name="q" value=q /> })}
    }
    .into_any()
}

/// What a refused form of this key met, when it met somebody else's value.
fn met(key: &str) -> Option<Conflict> {
    let refused = use_context::<Refused>()?;
    if ![SaveItem::PATH, RemoveItem::PATH].contains(&refused.action()) {
        return None;
    }
    let Error::Conflict(all) = refused.error() else { return None };
    let found = all.iter().find(|c| c.key == key)?.clone();
    refused.taken();
    Some(found)
}

/// The form of a key. A key that is not there yet can be named, too.
#[component]
pub fn EditForm(opened: Arc<Opened>, key: String, lines: bool, q: String) -> impl IntoView {
    let t = lang();
    let typed = use_context::<Refused>().filter(|r| r.is_of(SaveItem::PATH, Some("item")));
    let typed_new = typed.as_ref().is_some_and(|r| r.value("new").is_some());
    let key = typed.filter(|_| typed_new).and_then(|r| r.value("key").map(str::to_owned)).unwrap_or(key);
    let now = opened.content().items().and_then(|items| items.get(&key)).cloned();
    let live = opened.view.content.items().and_then(|items| items.get(&key)).cloned();
    let met = met(&key);
    // A form that came back says itself whether it was for a new key.
    let new = met.is_none() && (typed_new || now.is_none() && live.is_none());
    let item = now.clone().or(live.clone()).unwrap_or_default();
    let pending = live.as_ref().zip(now.as_ref()).is_none_or(|(live, now)| !live.same(now)) && !new;
    let title = if new { t.new_key_title().to_owned() } else { t.edit_title(&key) };
    let many = lines || item.value.contains('\n') || item.value.chars().count() > ONE_LINE;
    let around = paths_around(&opened, &key, new, &q);
    let merge = met.map(|conflict| view! { <Merge opened=opened.clone() conflict /> });
    let at = if new { String::new() } else { key.clone() };
    let says = if merge.is_some() { t.keep_mine_edited() } else { t.save_to_change() };
    let others = (!new)
        .then(|| view! { <Others opened=opened.clone() key=key.clone() q=q.clone() pending live=live.clone() /> });
    view! {
        <section class="edit" id="edit" aria-labelledby="edit-title">
            <h2 id="edit-title">{title}</h2>
            {merge}
            <Form action=SaveItem::PATH id="item" swap="config">
                <Where opened=opened.clone() key=at q=q.clone() />
                {new.then(|| view! { <KeyField key=key.clone() /> })}
                <ItemFields item live=live.filter(|_| pending) many more=around.more />
                <GoesInto opened=opened.clone() />
                <p class="do">
                    <Submit tone=Tone::Primary>{says}</Submit>
                    <LinkButton href=around.back>{t.cancel()}</LinkButton>
                </p>
            </Form>
            {others}
        </section>
    }
    .into_any()
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

/// Where the links of the form lead.
struct PathsAround {
    /// The table again, at this key.
    back: String,
    /// The same form with a field of many lines.
    more: String,
}

fn paths_around(opened: &Opened, key: &str, new: bool, q: &str) -> PathsAround {
    let base = here(opened);
    let filter = if q.is_empty() { String::new() } else { format!("&q={}", Encoded(q)) };
    let name = if new { "add" } else { "edit" };
    let back = if new { opened.path.clone() } else { format!("{base}?at={}{filter}#at", Encoded(key)) };
    PathsAround { back, more: format!("{base}?{name}={}&lines={filter}#edit", Encoded(key)) }
}

/// Value, type and comment.
#[component]
fn ItemFields(item: Item, live: Option<Item>, many: bool, more: String) -> impl IntoView {
    let t = lang();
    let Item { value, kind, comment, .. } = item;
    let was = live.map(|live| view! { <p class="hint">{t.live_value()}": "<code>{live.value}</code></p> });
    let rows = u32::try_from(value.lines().count().clamp(3, 20)).unwrap_or(3);
    let field = if many {
        view! { <TextArea name="value" label=t.value() value=value rows mono=true /> }.into_any()
    } else {
        view! {
            <Field name="value" label=t.value() value=value mono=true />
            <a class="more-lines hint" href=more>{t.many_lines()}</a>
        }
        .into_any()
    };
    let options = ValueType::ALL.map(|kind| (kind.as_str().to_owned(), kind.as_str().to_owned())).to_vec();
    let comment_rows = comment.contains('\n');
    let comment = if comment_rows {
        view! { <TextArea name="comment" label=t.comment() value=comment hint=t.comment_hint() /> }.into_any()
    } else {
        view! { <Field name="comment" label=t.comment() value=comment hint=t.comment_hint() /> }.into_any()
    };
    view! {
        <div class="pair">
            <div>{field}{was}</div>
            <Select name="kind" label=t.value_type() options value=kind.as_str() pointer="/type" />
        </div>
        {comment}
    }
    .into_any()
}

/// Which change a first edit goes into, when the viewer has others open.
#[component]
fn GoesInto(opened: Arc<Opened>) -> impl IntoView {
    let t = lang();
    if opened.view.mine.is_some() || opened.view.other_changes.is_empty() {
        return None;
    }
    let mut options = vec![(String::new(), t.a_new_change().to_owned())];
    options.extend(opened.view.other_changes.iter().map(|change| {
        let said = change.message.lines().next().unwrap_or_default();
        let at = &change.created_at.rfc3339()[..10];
        let text = if said.is_empty() { t.change_without_message(at) } else { said.chars().take(60).collect() };
        (change.id.to_string(), text)
    }));
    Some(view! { <Select name="change" label=t.goes_into() options hint=t.goes_into_hint() /> })
}

/// Removing the key, taking the edit back: forms of their own.
#[component]
fn Others(opened: Arc<Opened>, key: String, q: String, pending: bool, live: Option<Item>) -> impl IntoView {
    let t = lang();
    let gone = opened.content().items().is_none_or(|items| !items.contains_key(&key));
    let (of_revert, of_remove) = (opened.clone(), opened.clone());
    let (revert_key, revert_q) = (key.clone(), q.clone());
    let revert = pending.then(move || {
        view! {
            <Form action=RevertItem::PATH id="revert" swap="config">
                <Where opened=of_revert key=revert_key q=revert_q />
                <Submit icon=I::Undo>{t.revert_edit()}</Submit>
            </Form>
        }
    });
    let remove = (live.is_some() && !gone).then(move || {
        view! {
            <Form action=RemoveItem::PATH id="remove" swap="config">
                <Where opened=of_remove key q />
                <Submit tone=Tone::Danger icon=I::Trash>{t.remove_key()}</Submit>
            </Form>
        }
    });
    view! { <div class="beside">{revert}{remove}</div> }.into_any()
}
