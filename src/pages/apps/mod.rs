//! Applications: the list, and the pages of each.

mod about;
mod keys;
mod matrix;
mod namespace;
mod promote;
mod releases;
mod tokens;

use std::collections::HashMap;

use axum::{
    Router,
    extract::{Query, State},
    routing::get,
};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{
    Page, PageResult,
    console::Console,
    favourites::Star,
    shared::{EnvStyles, NoApps},
};
use crate::{
    api::{apps::CreateApp, paths},
    components::{view::*, *},
    domain::{catalog::App, error::Result, favourite::Favourite, limits, names::AppName, release::Release},
    service::{AppCard, AppMatrix},
    session::guard::CurrentUser,
    texts::Lang,
};

/// `/apps`, `/apps/{app}`, its tabs, and the settings of its namespaces.
pub fn routes() -> Router<Console> {
    Router::new()
        .route("/apps", get(list))
        .route("/apps/{app}", get(matrix::show))
        .route("/apps/{app}/tokens", get(tokens::show))
        .route("/apps/{app}/about", get(about::show))
        .route("/apps/{app}/export", get(about::download))
        .route("/apps/{app}/promote", get(promote::show))
        .route("/apps/{app}/releases", get(releases::show))
        .route("/apps/{app}/namespaces/{namespace}", get(namespace::show))
        .route("/apps/{app}/namespaces/{namespace}/keys", get(keys::show))
}

/// Query parameters of the list.
#[derive(Default, Deserialize)]
#[serde(default)]
struct AppsQuery {
    /// Words that a row must contain.
    q: String,
    /// Shows archived applications too.
    archived: bool,
}

/// Data of the list.
struct List {
    q: String,
    archived: bool,
    apps: Vec<AppCard>,
    /// Number of archived applications.
    archived_count: usize,
    /// Number of applications that are not archived.
    all: usize,
    latest: HashMap<AppName, Release>,
    env_styles: EnvStyles,
    may_create: bool,
    may_import: bool,
}

async fn list(State(console): State<Console>, who: CurrentUser, Query(asked): Query<AppsQuery>) -> PageResult {
    let all = console.service.apps(&who.actor).await?;
    let env_styles = EnvStyles::of(&console.service.envs().await?);
    let mut latest = HashMap::new();
    for release in console.service.latest_releases(&who.actor, limits::MAX_PAGE_ROWS).await? {
        latest.entry(release.config.app.clone()).or_insert(release);
    }
    let archived_count = all.iter().filter(|card| card.app.archived_at.is_some()).count();
    let count = all.len() - archived_count;
    let query = asked.q.to_lowercase();
    let shown = |card: &AppCard| {
        let text = format!("{} {}", card.app.name, card.app.title).to_lowercase();
        (asked.archived || card.app.archived_at.is_none()) && query.split_whitespace().all(|word| text.contains(word))
    };
    let list = List {
        apps: all.into_iter().filter(shown).collect(),
        archived: asked.archived,
        q: asked.q,
        archived_count,
        all: count,
        latest,
        env_styles,
        may_create: who.actor.may_create().is_ok(),
        may_import: who.actor.edits_any(),
    };
    Ok(Page::new(|t| t.applications().to_owned(), move || view! { <Apps list /> })
        .crumbs(|t| vec![Crumb::here(t.applications())]))
}

#[component]
fn Apps(list: List) -> impl IntoView {
    let t = lang();
    let List { q, archived, apps, archived_count, all, latest, env_styles, may_create, may_import } = list;
    let nothing = all + archived_count == 0;
    let add = may_create.then(|| view! { <Add /> });
    let import = may_import.then(|| view! { <LinkButton href="/import" icon=I::Import>{t.imports()}</LinkButton> });
    if nothing {
        let text = if may_create { t.apps_none_create() } else { t.apps_none_ask() };
        return view! { <Head title=t.applications() /><NoApps title=t.apps_none() text may_create /><div class="bar">{add}{import}</div> }.into_any();
    }
    let (href, says) = match archived {
        true => ("/apps", t.apps_hide_archived().to_owned()),
        false => ("/apps?archived=true", t.apps_show_archived(archived_count)),
    };
    let switch = (archived_count > 0).then(|| view! { <a class="quiet aim" href=href>{says}</a> });
    let empty = apps.is_empty();
    let rows = apps.into_iter().map(|card| {
        let release = latest.get(&card.app.name).cloned();
        view! { <Row card release env_styles=env_styles.clone() /> }
    });
    let rows = rows.collect_view();
    let table = if empty {
        // The filter refers to the element `apps`, which therefore exists even without rows.
        let title = if q.trim().is_empty() { t.apps_all_archived().to_owned() } else { t.apps_none_found(&q) };
        view! { <div id="apps"><Empty icon=I::Search title /></div> }.into_any()
    } else {
        view! {
            <div class="sheet">
                <table class="rows stacked apps" id="apps">
                    <thead>
                        <tr>
                            <th scope="col">{t.application()}</th>
                            <th scope="col">{t.apps_released()}</th>
                            <th scope="col" class="num">{t.apps_namespaces()}</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        }
        .into_any()
    };
    view! {
        <Head title=t.applications()><p class="facts"><span>{t.apps_count(all)}</span></p></Head>
        <div class="bar">
            <FilterBox of="apps" label=t.apps_filter() value=q />
            {switch}
            <a class="quiet aim" href=paths::BIN>{t.bin()}</a>
            {add}
            {import}
        </div>
        {table}
    }
    .into_any()
}

#[component]
fn Row(card: AppCard, release: Option<Release>, env_styles: EnvStyles) -> impl IntoView {
    let t = lang();
    let AppCard { app, namespaces } = card;
    let path = paths::app(&app.name);
    let title = (!app.title.is_empty()).then(|| view! { <span class="quiet">{app.title}</span> });
    let archived_badge = app.archived_at.is_some().then(|| view! { <Badge>{t.archived()}</Badge> });
    let latest = release.map(|release| {
        let env_style = env_styles.get(&release.config.env);
        let what = format!("{} {}", release.config.namespace, release.seq);
        view! { <EnvTag env=env_style bare=true />" "<span class="mono">{what}</span>" "<span class="quiet"><When at=release.accepted_at /></span> }
    });
    view! {
        <tr>
            <td><a href=path><b>{app.name.to_string()}</b></a>" "{archived_badge}" "{title}</td>
            <td>{latest}</td>
            <td class="num" data-th=t.apps_namespaces()>{namespaces}</td>
        </tr>
    }
    .into_any()
}

#[component]
fn Add() -> impl IntoView {
    let t = lang();
    let open = use_context::<RefusedForm>().is_some_and(|r| r.is_of(CreateApp::PATH, None));
    view! {
        <Reveal summary=t.apps_add() icon=I::Plus open id="add">
            <Form action=CreateApp::PATH>
                <div class="row">
                    <Field name="app" label=t.name_field() hint=t.apps_name_hint() mono=true required=true />
                    <Field name="title" label=t.title_field() hint=t.title_hint() />
                </div>
                <Check name="namespace" label=t.apps_first_namespace() checked=true />
                <p class="do"><Submit tone=Tone::Primary>{t.apps_create()}</Submit></p>
            </Form>
        </Reveal>
    }
    .into_any()
}

/// The head of an application's pages: its name, its title, its tabs.
#[component]
fn AppHead(
    /// The application.
    app: App,
    /// The open tab.
    tab: AppTab,
    /// Whether it is a favourite. Without it, the page has no button for that.
    #[prop(optional)]
    favourite: Option<bool>,
    /// Facts beside the title.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let t = lang();
    let path = paths::app(&app.name);
    let to = |this: AppTab, text: &str, end: &str| Tab::to(text, format!("{path}{end}")).when(tab == this);
    let tabs = vec![
        to(AppTab::Configs, t.app_configs(), ""),
        to(AppTab::Releases, t.tab_releases(), "/releases"),
        to(AppTab::Promote, t.promote(), "/promote"),
        to(AppTab::Tokens, t.tokens(), "/tokens"),
        to(AppTab::About, t.app_about(), "/about"),
    ];
    let archived_banner = app.archived_at.is_some().then(|| {
        let title = t.app_archived_title(app.name.as_str());
        view! { <Banner title><p>{t.app_archived_text()}</p></Banner> }
    });
    let star = favourite.map(|marked| view! { <Star of=Favourite::App(app.name.clone()) marked /> });
    let title = (!app.title.is_empty()).then(|| view! { <span>{app.title}</span> });
    view! {
        {archived_banner}
        <Head title=app.name.as_str()>
            {star}
            <p class="facts">{title}{children.map(|children| children.view())}</p>
        </Head>
        <Tabs label=t.application() tabs />
    }
    .into_any()
}

/// The tabs of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AppTab {
    Configs,
    Releases,
    Promote,
    Tokens,
    About,
}

fn crumbs(app: &AppName) -> impl FnOnce(Lang) -> Vec<Crumb> + Send + 'static {
    let app = app.clone();
    move |t| vec![Crumb::to(t.applications(), "/apps"), Crumb::here(app.as_str())]
}

/// Loads an application with its configs, and the styles of the environments.
async fn matrix_of(console: &Console, who: &CurrentUser, name: &AppName) -> Result<(AppMatrix, EnvStyles)> {
    let matrix = console.service.app(&who.actor, name).await?;
    Ok((matrix, EnvStyles::of(&console.service.envs().await?)))
}
