//! The history of one key: the releases that changed it, with old and new values.

use std::sync::Arc;

use axum::extract::{Query, State};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{ConfigPage, ConfigPath, OpenedConfig, fields::ConfigFields, items::item_change, page};
use crate::{
    api::{config::SaveItem, paths},
    components::{view::*, *},
    domain::{content::Item, diff::KeyDiff, form_text::hidden_value},
    pages::{PageResult, console::Console},
    service::{KeyHistory, KeyRelease},
    session::guard::CurrentUser,
    texts::Lang,
};

/// Query parameters of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct HistoryQuery {
    /// The key.
    key: String,
    /// Shows the releases before this one.
    before: Option<u64>,
}

pub(super) async fn show(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<HistoryQuery>,
) -> PageResult {
    let opened = OpenedConfig::load(&console, &user, &id, None).await?;
    let history = console.service.key_history(&user.actor, &id, &asked.key, asked.before).await?;
    let key = asked.key.clone();
    let title = move |t: Lang| format!("{} · {} · {} · {}", t.key_history(&key), id.namespace, id.app, id.env);
    Ok(page(opened, ConfigPage::Releases, move |opened| view! { <History opened asked history /> }).title(title))
}

#[component]
fn History(opened: Arc<OpenedConfig>, asked: HistoryQuery, history: KeyHistory) -> impl IntoView {
    let t = lang();
    let KeyHistory { changes, next } = history;
    let here = opened.history_of(&asked.key);
    let at_key = format!("{}#at", paths::with(&opened.href, &[("at", &asked.key)]));
    let body = if changes.is_empty() {
        let is_all = next.is_none() && asked.before.is_none();
        let text = if is_all { t.key_history_none() } else { t.key_history_none_here() };
        view! { <p class="quiet">{text}</p> }.into_any()
    } else {
        let rows = changes.into_iter().map(|change| {
            view! { <Row opened=opened.clone() key=asked.key.clone() change /> }
        });
        let columns = vec![t.release(), t.value(), t.why(), t.published_by(), t.when_accepted()];
        let rows = rows.collect_view();
        view! { <div class="sheet"><Table class="rows releases history" columns actions=t.actions() rows /></div> }
            .into_any()
    };
    let older = next.map(|before| paths::with(&here, &[("before", &before.to_string())]));
    view! {
        <h2 class="of-key">{sentence(&t.key_history("{}"), [view! { <a class="mono" href=at_key>{asked.key.clone()}</a> }.into_any()])}</h2>
        {body}
        <Pager of=t.tab_releases() newer=asked.before.map(|_| here) older />
    }
    .into_any()
}

#[component]
fn Row(opened: Arc<OpenedConfig>, key: String, change: KeyRelease) -> impl IntoView {
    let t = lang();
    let KeyRelease { release, old, new } = change;
    let href = paths::release(&release.config, release.seq);
    let now = opened.view.author_content().items().and_then(|items| items.get(&key));
    let differs = new.as_ref().filter(|item| now.is_none_or(|now| !now.has_same_content(item))).cloned();
    let restore = differs.filter(|_| opened.may_edit()).map(|item| {
        view! { <Restore opened=opened.clone() key=key.clone() item seq=release.seq /> }
    });
    let message = if release.message.is_empty() {
        view! { <span class="quiet">{t.no_reason()}</span> }.into_any()
    } else {
        release.message.into_any()
    };
    let rolled = release.rolled_back_to.map(|to| view! { <Badge>{t.rolled_back_to(to)}</Badge> });
    let value = item_change(old.as_ref(), new.as_ref());
    let key = KeyDiff { key, old, new };
    let notes = type_and_comment_changes(&key).into_iter().map(|note| view! { <span class="note">{note}</span> });
    let (kind, notes) = (key.kind(), notes.collect_view());
    view! {
        <tr class=kind.as_str()>
            <td><a href=href><b>{release.seq}</b></a>" "<span class="state">{kind_label(kind)}</span></td>
            <td class="v">{value}{notes}</td>
            <td class="why">{message}" "{rolled}</td>
            <td>{release.author}</td>
            <td class="when"><When at=release.accepted_at /></td>
            <td class="do">{restore}</td>
        </tr>
    }
    .into_any()
}

/// Saves an item of a release in the user's change.
#[component]
fn Restore(opened: Arc<OpenedConfig>, key: String, item: Item, seq: u64) -> impl IntoView {
    let t = lang();
    let Item { value, kind, comment, .. } = item;
    let value = value.into_inner();
    // Each form of the page has its own content, even if one of them was refused.
    let was = |name: &'static str, text: &str| hidden_value(text).map(|value| view! { <Hidden name value /> });
    view! {
        <Form action=SaveItem::PATH id=format!("restore-{seq}") label=t.restore_value_of(seq)>
            <ConfigFields opened key />
            {was("value_was", &value)}
            {was("comment_was", &comment)}
            <Hidden name="value" value=value />
            <Hidden name="kind" value=kind.as_str() />
            <Hidden name="comment" value=comment />
            <button type="submit" class="btn bare small">{t.restore_value()}</button>
        </Form>
    }
    .into_any()
}
