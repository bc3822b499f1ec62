//! The pages of a config: `/configs/{env}/{app}/{namespace}` and below. Content and pending edits; differences;
//! releases; readers and usage; import and export.

mod as_text;
mod blame;
mod cell;
mod change_panel;
mod conflicts;
mod difference;
mod drift;
mod edit;
mod export;
mod fields;
mod history;
mod import;
mod items;
mod progress;
mod readers;
mod release;
mod releases;
mod selected;
mod sides;
mod text;
mod usage;
mod value_field;

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, Query, RawPathParams, State},
    http::request::Parts,
    routing::get,
};
use serde::Deserialize;

pub(super) use self::{
    change_panel::EnvNameField,
    conflicts::{ConflictSides, MAX_CONFLICTS as CONFLICTS_SHOWN},
    difference::{DiffBody, ViewedDiff, WayToRows, context, other_rows},
    items::value_view,
    progress::{elapsed, waiting_for},
};
use super::{Page, PageError, PageResult, console::Console, favourites::Star, live, shared::EnvStyles};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::{
        access::{Pattern, Permission},
        change::ChangeId,
        content::{Content, Format},
        drift::Drift,
        error::{Error, Result},
        favourite::Favourite,
        names::{ConfigId, EnvName},
    },
    reader::nodes::{NodeCoverage, Readers},
    service::{ConfigView, LateEnv},
    session::guard::CurrentUser,
    texts::{Lang, grouped},
};

/// `/configs/…`.
pub fn routes() -> Router<Console> {
    let below = Router::new()
        .route("/", get(show))
        .route("/text", get(as_text::show))
        .route("/rows", get(items::show_rows))
        .route("/cell", get(cell::show))
        .route("/difference", get(difference::show))
        .route("/releases", get(releases::show))
        .route("/releases/{seq}", get(release::show))
        .route("/blame", get(blame::show))
        .route("/history", get(history::show))
        .route("/readers", get(readers::show))
        .route("/use", get(usage::show))
        .route("/import", get(import::show).post(import::preview))
        .route("/export", get(export::download).post(export::download_selected));
    Router::new().nest("/configs/{env}/{app}/{namespace}", below)
}

/// The config that an address names. An address with an invalid name is not found.
pub(super) struct ConfigPath(pub ConfigId);

impl<S: Send + Sync> FromRequestParts<S> for ConfigPath {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, PageError> {
        let missing = |what: &str| PageError::Refused(Error::NotFound(what.to_owned()));
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| missing(""))?;
        let param = |name| params.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value);
        let (env, app, namespace) = (param("env"), param("app"), param("namespace"));
        let id = ConfigId::parse(env, app, namespace).map_err(|_| missing(&format!("{env}/{app}/{namespace}")))?;
        Ok(Self(id))
    }
}

/// A config with the data that all of its pages show.
pub(super) struct OpenedConfig {
    /// The config.
    pub view: ConfigView,
    /// Its readers.
    pub readers: Readers,
    /// Names of other people with an open page of the config.
    pub people: Vec<String>,
    /// Other nodes that reported their readers, and those that did not.
    pub coverage: NodeCoverage,
    /// Delay of the deliveries to its environment, if any.
    pub late: Option<LateEnv>,
    /// Its drift, if any.
    pub drift: Option<Drift>,
    /// Whether the user may resolve the drift.
    pub may_resolve_drift: bool,
    /// The other environments in which the user may edit the config.
    pub editable_envs: Vec<EnvName>,
    /// Whether it is a favourite of the user.
    pub is_favourite: bool,
    /// Its path.
    pub href: String,
    /// Value of `data-live` of the elements that are kept up to date.
    pub live_query: String,
    /// Styles of the environments.
    env_styles: EnvStyles,
}

impl OpenedConfig {
    /// Returns the address of a key's history.
    fn history_of(&self, key: &str) -> String {
        paths::with(&format!("{}/history", self.href), &[("key", key)])
    }

    /// Loads a config. `change` selects one of several open changes of the user.
    pub async fn load(console: &Console, user: &CurrentUser, id: &ConfigId, change: Option<&ChangeId>) -> Result<Self> {
        let (scope, news) = (Pattern::from(id), live::version(console));
        let view = console.service.config(&user.actor, id, change).await?;
        // Other nodes are asked only once it is known that the config exists and the user may see it.
        let asked = console.nodes.query(&user.account.id, scope.clone());
        console.nodes.record_person(id, &user.account.name);
        let env_styles = EnvStyles::of(&console.service.envs().await?);
        let is_favourite = console.service.is_favourite(&user.actor, &Favourite::Config(id.clone())).await?;
        let coverage = asked.coverage().await;
        let live_query = live::live_query(console, Some(&scope), news);
        let other_envs = view.envs.iter().map(|env| env.name.clone()).filter(|env| *env != id.env);
        let editable_envs =
            other_envs.filter(|env| user.actor.may_edit(&ConfigId { env: env.clone(), ..id.clone() }).is_ok());
        Ok(Self {
            editable_envs: editable_envs.collect(),
            is_favourite,
            env_styles,
            readers: console.nodes.readers(id),
            people: console.nodes.people(id).into_iter().filter(|name| *name != user.account.name).collect(),
            coverage,
            late: console.service.late(&user.actor).into_iter().find(|l| l.env == id.env),
            drift: console.service.drifts(&user.actor).into_iter().find(|drift| drift.config == *id),
            may_resolve_drift: user.actor.is_administrator(),
            href: paths::config(id),
            live_query,
            view,
        })
    }

    /// Returns whether the user may edit here, for display. The service decides.
    pub fn may_edit(&self) -> bool {
        self.view.permissions.contains(Permission::Edit) && !self.archived()
    }

    /// Returns whether the user may publish and roll back here, for display.
    pub fn may_publish(&self) -> bool {
        self.view.permissions.contains(Permission::Publish) && !self.archived()
    }

    fn archived(&self) -> bool {
        let (env, app, namespace) = (&self.view.env, &self.view.app, &self.view.namespace);
        env.archived_at.or(app.archived_at).or(namespace.archived_at).is_some()
    }

    /// Returns the environments in which the user may see the config, with their styles.
    pub fn env_styles(&self) -> impl Iterator<Item = (&EnvName, EnvStyle)> {
        self.view.envs.iter().map(|env| (&env.name, self.env_styles.get(&env.name)))
    }

    /// Returns the id and version of the user's change; an empty id and 0 without one.
    pub fn own_change(&self) -> (String, u64) {
        self.view.mine.as_ref().map_or((String::new(), 0), |m| (m.change.id.to_string(), m.change.version))
    }

    /// Returns the number of instances that hold the live release and the number of all instances.
    pub fn seen(&self) -> (usize, usize) {
        self.readers.seen(self.view.live_seq())
    }
}

/// A page of a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConfigPage {
    /// The items or the text.
    Content,
    /// Comparison of two states.
    Difference,
    /// The history.
    Releases,
    /// Its readers.
    Readers,
    /// Instructions for programs that read it.
    Usage,
    /// Import and export; no tab leads there.
    Import,
}

impl ConfigPage {
    /// Returns the part of the address after that of the config.
    pub fn path(self) -> &'static str {
        match self {
            Self::Content => "",
            Self::Difference => "/difference",
            Self::Releases => "/releases",
            Self::Readers => "/readers",
            Self::Usage => "/use",
            Self::Import => "/import",
        }
    }

    fn text(self, t: Lang, format: Format) -> &'static str {
        match self {
            Self::Content if format == Format::Kv => t.tab_items(),
            Self::Content => t.tab_text(),
            Self::Difference => t.tab_difference(),
            Self::Releases => t.tab_releases(),
            Self::Readers => t.tab_readers(),
            Self::Usage => t.tab_use(),
            Self::Import => t.import_page(),
        }
    }
}

/// Creates a page of a config: the head and the tabs, and `view` below them.
pub(super) fn page<V: IntoView + 'static>(
    opened: OpenedConfig,
    part: ConfigPage,
    view: impl FnOnce(Arc<OpenedConfig>) -> V + Send + 'static,
) -> Page {
    let opened = Arc::new(opened);
    let (id, format) = (opened.view.id.clone(), opened.view.namespace.format);
    let (of_crumbs, env) = (id.clone(), opened.env_styles.get(&opened.view.id.env));
    let title = move |t: Lang| match part {
        ConfigPage::Content => format!("{} · {} · {}", id.namespace, id.app, id.env),
        part => format!("{} · {} · {} · {}", part.text(t, format), id.namespace, id.app, id.env),
    };
    let crumbs = move |_| {
        let ConfigId { app, namespace, .. } = of_crumbs;
        let app_page = paths::app(&app);
        vec![
            Crumb::env(env, app_page.clone()),
            Crumb::to(app.to_string(), app_page),
            Crumb::here(namespace.to_string()),
        ]
    };
    let body = move || {
        let around = opened.clone();
        view! { <div id="config"><ConfigHead opened=around part />{view(opened)}</div> }
    };
    Page::new(title, body).crumbs(crumbs)
}

/// The top of each page of a config: banners, head, tabs.
#[component]
fn ConfigHead(opened: Arc<OpenedConfig>, part: ConfigPage) -> impl IntoView {
    let t = lang();
    let view = &opened.view;
    let (id, format) = (&view.id, view.namespace.format);
    let envs = opened.env_styles().map(|(env, env_style)| {
        let there = format!("/configs/{env}/{}/{}{}", id.app, id.namespace, part.path());
        Tab::env(env_style, there).when(*env == id.env)
    });
    let envs: Vec<Tab> = envs.collect();
    let tab =
        |this: ConfigPage| Tab::to(this.text(t, format), format!("{}{}", opened.href, this.path())).when(this == part);
    let pending = view.mine.as_ref().map_or(0, |mine| mine.config.diff.counts().total());
    let tabs = vec![
        tab(ConfigPage::Content),
        tab(ConfigPage::Difference).highlighted_count(pending as u64),
        tab(ConfigPage::Releases).count(view.live_seq()),
        tab(ConfigPage::Readers).count(opened.readers.all() as u64),
        tab(ConfigPage::Usage),
    ];
    let archived = opened.archived().then(|| {
        view! { <Banner mood=Mood::Quiet title=t.config_archived()><p>{t.config_archived_text()}</p></Banner> }
    });
    let star = view! { <Star of=Favourite::Config(id.clone()) marked=opened.is_favourite /> }.into_any();
    let drift = opened.drift.clone().map(|drift| view! { <drift::ConfigDrift opened=opened.clone() drift /> });
    view! {
        {archived}
        {drift}
        <NewerRelease opened=opened.clone() />
        <Head title=id.namespace.to_string() tag=format.as_str()>
            <Segments label=t.environments() tabs=envs />
            {star}
            <Facts opened=opened.clone() />
        </Head>
        <Tabs label=t.config() tabs />
    }
    .into_any()
}

/// The live release, which `islands/live.rs` shows once it is newer than the page. The page stays as it is until the user
/// asks for that release, because somebody may be typing.
#[component]
fn NewerRelease(opened: Arc<OpenedConfig>) -> impl IntoView {
    let t = lang();
    let live = opened.view.live.as_ref();
    let seq = opened.view.live_seq();
    let here = use_context::<PageAddress>().map(|here| here.path).unwrap_or_else(|| opened.href.clone());
    let (path, query) = here.split_once('?').unwrap_or((&here, ""));
    let fields = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| view! { <Hidden name value /> });
    let fields = fields.collect_view();
    let show = view! {
        <form method="get" action=path.to_owned() data-keep="">{fields}<Submit>{t.show_newer()}</Submit></form>
    };
    let title = live.map_or_else(String::new, |live| t.newer_release(seq, &live.author));
    view! { <div id="newer" data-seq=seq hidden=true><Banner mood=Mood::Quiet title action=show.into_any()><p>{t.newer_release_text()}</p></Banner></div> }
        .into_any()
}

#[component]
fn Facts(opened: Arc<OpenedConfig>) -> impl IntoView {
    let t = lang();
    let live = match &opened.view.live {
        None => view! { <span>{t.no_releases()}</span> }.into_any(),
        Some(live) => view! {
            <span>
                {t.live_is()}<b><a href=paths::release(&live.config, live.seq)>{t.release_n(live.seq)}</a></b>{t.comma()}
                <When at=live.accepted_at />" "{t.by_author(&live.author)}<Explain term=Term::Release />
            </span>
        }
        .into_any(),
    };
    let (count, word) = match opened.view.author_content() {
        Content::Kv(items) => (items.len(), t.keys_counted(items.len())),
        Content::Text(text) => (text.expose().lines().count(), t.lines_counted(text.expose().lines().count())),
    };
    let (seen, all) = opened.seen();
    let readers = match all {
        0 => view! { <span>{t.no_readers_yet()}</span> }.into_any(),
        _ => view! {
            <span>{t.seen_by()}" "<b>{t.n_of_m(seen, all)}</b>" "{t.instances_word(all)}<Explain term=Term::Instance /></span>
        }
        .into_any(),
    };
    view! {
        <p class="facts">
            {live}
            <span><b>{grouped(count)}</b>" "{word}</span>
            {readers}
            <span id="people" data-live=opened.live_query.clone()>
                {(!opened.people.is_empty()).then(|| t.also_here(&opened.people.join(t.comma())))}
            </span>
        </p>
    }
    .into_any()
}

/// Query parameters of the first page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContentQuery {
    /// Words that a row must contain.
    pub q: String,
    /// The key whose form is open.
    pub edit: Option<String>,
    /// The key in the open form for a new key.
    pub add: Option<String>,
    /// Shows the value in a multi-line field.
    pub lines: Option<String>,
    /// The key that was just saved.
    pub at: String,
    /// Number of the page of a long table, from 1. A key in `edit` or `at` takes precedence.
    pub page: usize,
    /// Index of the first row, for the island's requests.
    pub from: usize,
    /// Line of the live text to show, from 1.
    pub line: Option<usize>,
    /// The user's change to show, if several are open.
    pub change: String,
}

async fn show(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<ContentQuery>,
) -> PageResult {
    let change = asked.change.parse().ok();
    let opened = OpenedConfig::load(&console, &user, &id, change.as_ref()).await?;
    Ok(page(opened, ConfigPage::Content, move |opened| match opened.view.namespace.format {
        Format::Kv => view! { <items::Items opened asked /> }.into_any(),
        _ => view! { <text::TextPage opened line=asked.line /> }.into_any(),
    }))
}

/// Returns the start of links within this page: empty, unless the page is at the address of a server function.
pub(super) fn link_start(opened: &OpenedConfig) -> String {
    match use_context::<PageAddress>() {
        Some(PageAddress { refused_form: false, .. }) => String::new(),
        _ => opened.href.clone(),
    }
}
