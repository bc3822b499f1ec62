//! Conflicts of a change: keys edited on both sides, with base, live and new values, and the form to resolve them.

use leptos::server_fn::ServerFn;

use super::data::DiffOptions;
use crate::{
    api::{changes::Resolve, paths},
    components::{view::*, *},
    domain::{
        diff::{Window, lines},
        error::Conflict,
        sensitive::Sensitive,
    },
    pages::config::{CONFLICTS_SHOWN, ConflictSides, other_rows},
    service::{ChangeConfig, ChangeView},
};

/// The conflicts of one config.
#[component]
pub(super) fn Conflicts(
    /// The config.
    config: ChangeConfig,
    /// The change.
    change: ChangeView,
    /// Display options of differences.
    drawn: DiffOptions,
) -> impl IntoView {
    let t = lang();
    let (many, text) = (config.conflicts.len(), config.format != crate::domain::content::Format::Kv);
    let title = if text { t.conflict_title_text().to_owned() } else { t.conflict_title(many) };
    let lead = if change.mine { t.conflict_lead() } else { t.conflict_lead_other() };
    let own = if change.mine { t.merge_mine() } else { t.conflict_side() };
    let form = |conflict: Option<&Conflict>| {
        let key = conflict.map(|c| c.key.clone());
        change.mine.then(|| view! { <ResolveForm key change=change.change.id.to_string() config=config.config.to_string() live=config.live /> })
    };
    let body = if text {
        let one = config.conflicts.first().cloned();
        let edit = paths::config(&config.config);
        one.map(|conflict| {
            let ways = form(Some(&conflict));
            view! { <TextConflict conflict drawn own />{ways}{change.mine.then(|| view! { <p class="hint"><a class="aim" href=edit>{t.conflict_edit_text()}</a></p> })} }
        })
        .into_any()
    } else {
        let items = config.conflicts.iter().take(CONFLICTS_SHOWN).map(|conflict| {
            let ways = form(Some(conflict));
            view! { <li><ConflictSides conflict=conflict.clone() elsewhere=false own />{ways}</li> }
        });
        let items = items.collect_view();
        let all = (many > 1).then(|| form(None));
        let left = many.saturating_sub(CONFLICTS_SHOWN);
        let left = (left > 0).then(|| view! { <p class="cut">{t.more_not_shown(left)}</p> });
        view! { <ul>{items}</ul>{left}{all} }.into_any()
    };
    view! {
        <div class="conflicts">
            <p class="flag warn"><Icon name=I::Warn /><b>{title}</b></p>
            <p class="hint">{lead}</p>
            {body}
        </div>
    }
    .into_any()
}

/// Conflict of a whole text: the difference that each side makes to the common base.
#[component]
fn TextConflict(conflict: Conflict, drawn: DiffOptions, own: &'static str) -> impl IntoView {
    let t = lang();
    let base = conflict.base.unwrap_or_default();
    let side = |title: &'static str, name: &'static str, new: Option<Sensitive>| {
        let shown =
            lines(base.expose(), new.unwrap_or_default().expose(), drawn.context, Window::after(0).shared_by(2));
        let rest = other_rows(&shown, None);
        view! { <h3>{title}</h3><DiffText rows=shown.rows view=drawn.view old=t.merge_base() new=name />{rest} }
    };
    let theirs = side(t.conflict_their_text(), t.merge_theirs(), conflict.theirs);
    view! { {theirs}{side(t.conflict_my_text(), own, conflict.mine)} }.into_any()
}

/// Form that resolves one conflict, or all of a config, in favour of one side.
#[component]
fn ResolveForm(key: Option<String>, change: String, config: String, live: u64) -> impl IntoView {
    let t = lang();
    let (mine, theirs) = match key {
        Some(_) => (t.keep_mine(), t.keep_theirs()),
        None => (t.conflict_all_mine(), t.conflict_all_theirs()),
    };
    let label =
        key.as_ref().filter(|key| !key.is_empty()).map_or_else(|| t.conflict_of(&config), |key| t.conflict_of(key));
    view! {
        <Form action=Resolve::PATH class="do" label swap="change">
            <Hidden name="change" value=change />
            <Hidden name="config" value=config />
            {key.is_none().then(|| view! { <Hidden name="all" value="true" /> })}
            <Hidden name="key" value=key.unwrap_or_default() />
            <Hidden name="live" value=live.to_string() />
            <Submit name="keep" value="theirs">{theirs}</Submit>
            <Submit name="keep" value="mine">{mine}</Submit>
        </Form>
    }
    .into_any()
}
