//! The changes that an import opened.

use axum::extract::{Query, State};
use serde::Deserialize;

use crate::{
    api::paths,
    components::{view::*, *},
    domain::change::{Change, ChangeId, ChangeState},
    pages::{Page, PageResult, console::Console},
    session::guard::CurrentUser,
};

/// Maximum number of changes in the address.
const MAX_LISTED: usize = 40;

/// Query parameters.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct OpenedQuery {
    /// Ids of the changes, separated by commas.
    changes: String,
    /// Number of changes that are not listed.
    more: usize,
}

/// Returns the address of the page about these changes.
pub(super) fn path(changes: &[ChangeId]) -> String {
    let ids: Vec<&str> = changes.iter().take(MAX_LISTED).map(ChangeId::as_str).collect();
    let more = changes.len().saturating_sub(MAX_LISTED);
    format!("/import/opened?changes={}&more={more}", ids.join(","))
}

pub(super) async fn show(
    State(console): State<Console>,
    who: CurrentUser,
    Query(asked): Query<OpenedQuery>,
) -> PageResult {
    let ids: Vec<ChangeId> = asked.changes.split(',').take(MAX_LISTED).filter_map(|id| id.parse().ok()).collect();
    let changes = console.service.own_changes(&who.actor, &ids).await?;
    let more = asked.more;
    Ok(Page::new(|t| t.imports_opened_title().to_owned(), move || view! { <Opened changes more /> }).crumbs(|t| {
        vec![
            Crumb::to(t.applications(), "/apps"),
            Crumb::to(t.imports(), super::PATH),
            Crumb::here(t.imports_opened_title()),
        ]
    }))
}

#[component]
fn Opened(changes: Vec<Change>, more: usize) -> impl IntoView {
    let t = lang();
    if changes.is_empty() {
        return view! {
            <Head title=t.imports_opened_title() />
            <Empty icon=I::Ok title=t.imports_no_changes()>
                <LinkButton href="/apps">{t.changes_to_apps()}</LinkButton>
            </Empty>
        }
        .into_any();
    }
    let items = changes.into_iter().map(|change| {
        let open = (change.state != ChangeState::Open).then(|| view! { " "<Badge>{t.imports_not_open()}</Badge> });
        view! { <li><a href=paths::change(&change.id)><b>{change.message}</b></a>{open}</li> }
    });
    let items = items.collect_view();
    let more =
        (more > 0).then(|| view! { <p class="quiet"><a class="aim" href="/changes">{t.change_more(more)}</a></p> });
    view! {
        <Head title=t.imports_opened_title() />
        <p class="lead">{t.imports_opened_text()}</p>
        <ul class="list">{items}</ul>
        {more}
    }
    .into_any()
}
