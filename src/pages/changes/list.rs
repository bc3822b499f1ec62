//! Open changes: the user's own, and those of others.

use axum::extract::{Query, State};
use serde::Deserialize;

use crate::{
    api::paths,
    components::{view::*, *},
    domain::{change::ChangeId, time::Time},
    pages::{
        Page, PageResult,
        console::Console,
        shared::{ConfigName, EnvStyles},
    },
    service::ChangeSummary,
    session::guard::CurrentUser,
};

/// Maximum number of configs that an item names.
const NAMED: usize = 2;

/// Query parameters of the list: it begins after the change `after`, which was edited at `at`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChangesQuery {
    at: Option<i64>,
    after: Option<ChangeId>,
}

pub(super) async fn show(
    State(console): State<Console>,
    who: CurrentUser,
    Query(asked): Query<ChangesQuery>,
) -> PageResult {
    let after = asked.at.map(Time).zip(asked.after);
    let newer = after.is_some().then(|| "/changes".to_owned());
    let (open, next) = console.service.open_changes(&who.actor, after).await?;
    let older = next.map(|(at, id)| format!("/changes?at={}&after={id}", at.0));
    let env_styles = EnvStyles::of(&console.service.envs().await?);
    let (mine, others): (Vec<_>, Vec<_>) = open.into_iter().partition(|change| change.mine);
    Ok(Page::new(|t| t.changes().to_owned(), move || view! { <Changes mine others env_styles newer older /> })
        .crumbs(|t| vec![Crumb::here(t.changes())]))
}

#[component]
fn Changes(
    mine: Vec<ChangeSummary>,
    others: Vec<ChangeSummary>,
    env_styles: EnvStyles,
    newer: Option<String>,
    older: Option<String>,
) -> impl IntoView {
    let t = lang();
    let head = view! { <Head title=t.changes() /><p class="lead">{t.changes_lead()}</p> };
    if mine.is_empty() && others.is_empty() && newer.is_none() {
        return view! {
            {head}
            <Empty icon=I::Edit title=t.changes_none()>
                <p>{t.changes_none_text()}</p>
                <LinkButton href="/apps">{t.changes_to_apps()}</LinkButton>
            </Empty>
        }
        .into_any();
    }
    let items = |changes: Vec<ChangeSummary>, none: &'static str| {
        if changes.is_empty() {
            return view! { <p class="quiet">{none}</p> }.into_any();
        }
        let items = changes.into_iter().map(|change| view! { <ChangeItem change env_styles=env_styles.clone() /> });
        view! { <ul class="list">{items.collect_view()}</ul> }.into_any()
    };
    let (mine, others) = (items(mine, t.changes_none_mine()), items(others, t.changes_none_others()));
    view! {
        {head}
        <Card id="mine" title=t.changes_mine() term=Term::Change>{mine}</Card>
        <Card id="others" title=t.changes_others()>{others}</Card>
        <Pager of=t.changes() newer older />
    }
    .into_any()
}

/// A change in a list: its message, its configs, its conflicts.
#[component]
pub(in crate::pages) fn ChangeItem(
    /// The change.
    change: ChangeSummary,
    /// Styles of the environments.
    env_styles: EnvStyles,
) -> impl IntoView {
    let t = lang();
    let href = paths::change(&change.change.id);
    let ChangeSummary { counts, conflicts, .. } = change;
    let more = change.configs.len().saturating_sub(NAMED);
    let named = change.configs.iter().take(NAMED).map(|(id, ..)| {
        view! { <span><ConfigName id=id.clone() env_style=env_styles.get(&id.env) /></span> }
    });
    let named = named.collect_view();
    let more = (more > 0).then(|| view! { <span class="quiet">{t.change_more(more)}</span> });
    let author = (!change.mine).then(|| {
        let name = view! { <b>{change.change.author_name.clone()}</b> }.into_any();
        view! { <span>{sentence(t.change_by(), [name])}</span> }
    });
    let edited = dated(t.change_edited(), change.change.updated_at);
    let text = change.conflicts_in_texts;
    let says = if text { t.change_conflict_text().to_owned() } else { t.change_conflicts(conflicts) };
    let flag = (conflicts > 0).then(|| {
        view! {
            <p class="flag warn">
                <Icon name=I::Warn />
                <span>{says}" "<a href=href.clone()>{t.change_resolve()}</a></span>
            </p>
        }
    });
    let untitled = change.change.message.trim().is_empty();
    let title = first_line(&change.change.message).unwrap_or_else(|| t.change_untitled().to_owned());
    view! {
        <li>
            <a href=href.clone()><b class:quiet=untitled>{title}</b><DiffSummary counts /></a>
            <p>{named}{more}{author}<span class="quiet">{edited}</span></p>
            {flag}
        </li>
    }
    .into_any()
}

/// Returns the first line of a message that is not empty.
pub(in crate::pages) fn first_line(message: &str) -> Option<String> {
    message.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}
