//! The history of a config, the newest release first.

use std::sync::Arc;

use axum::extract::{Query, State};
use serde::Deserialize;

use super::{ConfigPage, ConfigPath, OpenedConfig, page};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::{limits, release::Release},
    pages::{PageResult, console::Console},
    session::guard::CurrentUser,
};

/// Id of the form of a comparison, to which the radio buttons belong.
const COMPARE: &str = "compare";

/// Query parameters of the list.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReleasesQuery {
    /// Shows the releases before this one.
    before: Option<u64>,
}

pub(super) async fn show(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<ReleasesQuery>,
) -> PageResult {
    let opened = OpenedConfig::load(&console, &user, &id, None).await?;
    let releases = console.service.releases(&user.actor, &id, asked.before, limits::PAGE_ROWS).await?;
    Ok(page(opened, ConfigPage::Releases, move |opened| view! { <Releases opened releases /> }))
}

#[component]
fn Releases(opened: Arc<OpenedConfig>, releases: Vec<Release>) -> impl IntoView {
    let t = lang();
    let live = opened.view.live_seq();
    if releases.is_empty() {
        return view! { <Empty icon=I::Log title=t.no_releases()><p>{t.no_releases_text()}</p></Empty> }.into_any();
    }
    let (first, last) = (releases[0].seq, releases[releases.len() - 1].seq);
    let path = format!("{}{}", opened.href, ConfigPage::Releases.path());
    let page = u64::from(limits::PAGE_ROWS);
    let newer = (first < live).then(|| match first + 1 + page {
        before if before > live => path.clone(),
        before => format!("{path}?before={before}"),
    });
    let older = (last > 1).then(|| format!("{path}?before={last}"));
    let mut columns = vec![t.release(), t.why(), t.published_by(), t.when_accepted()];
    let compare = (releases.len() > 1).then(|| {
        columns.extend([t.compare_from(), t.compare_to()]);
        let action = format!("{}{}", opened.href, ConfigPage::Difference.path());
        view! {
            <form id=COMPARE method="get" action=action class="bar">
                <p class="quiet">{t.compare_two()}</p>
                <Submit icon=I::Split>{t.compare()}</Submit>
            </form>
        }
    });
    let sides = compare.is_some().then_some((releases.get(1).map_or(0, |release| release.seq), first));
    let rows = releases.into_iter().map(|release| view! { <Row release live back=opened.may_publish() sides /> });
    view! {
        {compare}
        <div class="sheet">
            <Table class="rows releases" columns actions=t.actions() rows=rows.collect_view() />
        </div>
        <Pager of=t.tab_releases() newer older />
    }
    .into_any()
}

/// Renders a row. `sides` are the releases that are compared unless the user chooses others.
#[component]
fn Row(release: Release, live: u64, back: bool, sides: Option<(u64, u64)>) -> impl IntoView {
    let t = lang();
    let sides = sides.map(|(from, to)| {
        let (label_from, label_to) = (t.compare_from_release(release.seq), t.compare_to_release(release.seq));
        view! {
            {side("from", t.compare_from(), label_from, release.seq, from)}
            {side("to", t.compare_to(), label_to, release.seq, to)}
        }
    });
    let href = paths::release(&release.config, release.seq);
    let is_live = (release.seq == live).then(|| view! { <Badge mood=Mood::Good>{t.live()}</Badge> });
    let late = release.delivered_at.is_none().then(|| view! { <Badge mood=Mood::Warn>{t.not_delivered()}</Badge> });
    let rolled = release.rolled_back_to.map(|to| view! { <Badge>{t.rolled_back_to(to)}</Badge> });
    let message = release.message.clone();
    let message = if message.is_empty() {
        view! { <span class="quiet">{t.no_reason()}</span> }.into_any()
    } else {
        message.into_any()
    };
    let roll_back = (back && release.seq < live).then(|| {
        let to = format!("{href}#roll-back");
        view! { <a class="btn bare small" href=to aria-label=t.roll_back_to(release.seq)>{t.roll_back()}</a> }
    });
    view! {
        <tr>
            <td><a href=href><b>{release.seq}</b></a>" "{is_live}{late}</td>
            <td class="why">{message}" "{rolled}</td>
            <td>{release.author}</td>
            <td class="when"><When at=release.accepted_at /></td>
            {sides}
            <td class="do">{roll_back}</td>
        </tr>
    }
    .into_any()
}

/// Renders the radio button that chooses a release as one side of the comparison. Narrow pages show its `text`.
fn side(name: &'static str, text: &'static str, label: String, seq: u64, chosen: u64) -> AnyView {
    view! {
        <td class="side">
            <label class="pick">
                <input type="radio" form=COMPARE name=name value=seq checked=seq == chosen aria-label=label />
                <span>{text}</span>
            </label>
        </td>
    }
    .into_any()
}
