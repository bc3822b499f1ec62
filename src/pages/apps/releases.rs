//! The releases of an application in all environments: a picture, and a table with the same releases.

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use super::{AppHead, AppTab, crumbs, matrix_of};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::{
        catalog::{App, Env},
        limits,
        names::{AppName, EnvName, NamespaceName},
        release::Release,
    },
    pages::{Page, PageResult, console::Console, shared::EnvStyles},
    session::guard::CurrentUser,
};

/// Query parameters of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TimelineQuery {
    /// Shows only releases of this namespace; empty for all.
    namespace: String,
    /// Shows the releases before this position.
    before: String,
}

/// Data of the page.
struct ReleasesPage {
    app: App,
    /// The namespaces that the user may choose.
    namespaces: Vec<NamespaceName>,
    namespace: Option<NamespaceName>,
    releases: Vec<Release>,
    env_styles: EnvStyles,
    /// The environments of these releases, in the order of environments.
    envs: Vec<EnvName>,
    newer: Option<String>,
    older: Option<String>,
}

fn path(app: &AppName) -> String {
    format!("{}/releases", paths::app(app))
}

pub(super) async fn show(
    State(console): State<Console>,
    who: CurrentUser,
    Path(name): Path<AppName>,
    Query(asked): Query<TimelineQuery>,
) -> PageResult {
    let (matrix, _) = matrix_of(&console, &who, &name).await?;
    let (namespace, before) = (asked.namespace.parse::<NamespaceName>().ok(), asked.before.parse().ok());
    let of = namespace.as_ref().map_or("", NamespaceName::as_str);
    let link = |before: &str| paths::with(&path(&name), &[("namespace", of), ("before", before)]);
    let newer = before.is_some().then(|| link(""));
    let found =
        console.service.releases_of_app(&who.actor, &name, namespace.as_ref(), before, limits::PAGE_ROWS).await?;
    let older = found.next.map(|next| link(&next.to_string()));
    let all = console.service.envs().await?;
    let has_release = |env: &Env| found.releases.iter().any(|release| release.config.env == env.name);
    let shown = ReleasesPage {
        app: matrix.app,
        namespaces: matrix.rows.into_iter().map(|(namespace, _)| namespace.name).collect(),
        namespace,
        env_styles: EnvStyles::of(&all),
        envs: all.iter().filter(|env| has_release(env)).map(|env| env.name.clone()).collect(),
        newer,
        older,
        releases: found.releases,
    };
    let (title, crumbs) = (name.to_string(), crumbs(&name));
    let view = move || view! { <Releases shown /> };
    Ok(Page::new(move |t| format!("{} · {title}", t.tab_releases()), view).crumbs(crumbs))
}

#[component]
fn Releases(shown: ReleasesPage) -> impl IntoView {
    let t = lang();
    let app = shown.app.clone();
    let filter = (shown.namespaces.len() > 1).then(|| namespace_filter(&shown));
    let (newer, older) = (shown.newer.clone(), shown.older.clone());
    let body = match shown.releases.is_empty() {
        true => no_releases(&shown),
        false => view! { {picture(&shown)}{release_table(&shown)} }.into_any(),
    };
    view! {
        <AppHead app tab=AppTab::Releases />
        {filter}
        {body}
        <Pager of=t.tab_releases() newer older />
    }
    .into_any()
}

/// Form that shows only one namespace.
fn namespace_filter(shown: &ReleasesPage) -> AnyView {
    let t = lang();
    let names = shown.namespaces.iter().map(|name| (name.to_string(), name.to_string()));
    let options = std::iter::once((String::new(), t.timeline_all_namespaces().to_owned())).chain(names).collect();
    let value = shown.namespace.as_ref().map(ToString::to_string).unwrap_or_default();
    let action = path(&shown.app.name);
    view! {
        <form method="get" action=action class="bar">
            <Select name="namespace" label=t.namespace() options value />
            <Submit>{t.filter()}</Submit>
        </form>
    }
    .into_any()
}

/// The empty state: of the application, of a namespace, or of a page behind the last release.
fn no_releases(shown: &ReleasesPage) -> AnyView {
    let t = lang();
    let name = &shown.app.name;
    if shown.newer.is_some() || shown.older.is_some() || shown.namespace.is_some() {
        let all = view! { <p class="do"><LinkButton href=path(name)>{t.timeline_show_all()}</LinkButton></p> };
        return view! { <Empty icon=I::Log title=t.timeline_none_here()>{all}</Empty> }.into_any();
    }
    let configs = paths::app(name);
    view! {
        <Empty icon=I::Log title=t.no_releases()>
            <p>{t.timeline_none_text()}</p>
            <p class="do"><LinkButton href=configs tone=Tone::Primary>{t.timeline_open_configs()}</LinkButton></p>
        </Empty>
    }
    .into_any()
}

/// The picture. Narrow pages show only the table.
fn picture(shown: &ReleasesPage) -> AnyView {
    let t = lang();
    let lanes = shown.envs.iter().map(|env| shown.env_styles.get(env)).collect();
    let releases = shown.releases.iter().map(|release| {
        let exact = release.accepted_at.rfc3339();
        let at = format!("{} {} UTC", &exact[..10], &exact[11..19]);
        let title = t.timeline_release(release.seq, &release.config.to_string(), &release.author, &at);
        let title = release.rolled_back_to.map_or_else(|| title.clone(), |to| t.timeline_restored(&title, to));
        let restored = |to: u64| shown.releases.iter().position(|r| r.config == release.config && r.seq == to);
        TimelineRelease {
            lane: shown.envs.iter().position(|env| *env == release.config.env).unwrap_or(0),
            href: paths::release(&release.config, release.seq),
            title,
            lines: [release.seq.to_string(), release.config.namespace.to_string(), release.author.clone()],
            at: release.accepted_at,
            is_rollback: release.rolled_back_to.is_some(),
            restored: release.rolled_back_to.and_then(restored),
        }
    });
    let releases: Vec<_> = releases.collect();
    let label = t.timeline_label(shown.app.name.as_str());
    view! { <Timeline label hint=t.timeline_hint() lanes releases /> }.into_any()
}

fn release_table(shown: &ReleasesPage) -> AnyView {
    let t = lang();
    let columns = vec![t.when_accepted(), t.environment(), t.namespace(), t.release(), t.published_by(), t.why()];
    let rows = shown.releases.iter().map(|release| row(release, shown.env_styles.get(&release.config.env)));
    let rows = rows.collect_view();
    view! { <div class="sheet"><Table class="rows of-app" id="releases" columns rows /></div> }.into_any()
}

fn row(release: &Release, env: EnvStyle) -> AnyView {
    let t = lang();
    let href = paths::release(&release.config, release.seq);
    let rolled = release.rolled_back_to.map(|to| view! { " "<Badge>{t.rolled_back_to(to)}</Badge> });
    let why = match release.message.as_str() {
        "" => view! { <span class="quiet">{t.no_reason()}</span> }.into_any(),
        message => message.to_owned().into_any(),
    };
    view! {
        <tr>
            <td><When at=release.accepted_at /></td>
            <td><EnvTag env bare=true /></td>
            <td class="mono">{release.config.namespace.to_string()}</td>
            <td><a href=href><b>{release.seq}</b></a></td>
            <td>{release.author.clone()}</td>
            <td>{why}{rolled}</td>
        </tr>
    }
    .into_any()
}
