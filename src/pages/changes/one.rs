//! The page of one change: its difference, config by config, and its actions.

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use super::{
    config::Config,
    data::{ChangePageData, DiffOptions, TurnedConfig},
    list::first_line,
    progress::ReleaseProgress,
    publish::Aside,
};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::{
        access::{Actor, Pattern},
        change::{ChangeId, ChangeState},
        diff::KeyChange,
        error::Error,
        release::Release,
    },
    formats,
    pages::{Page, PageResult, config, console::Console, live, shared::EnvStyles},
    service::ChangeView,
    session::guard::CurrentUser,
    texts::Lang,
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ChangeQuery {
    /// The name of the [`DiffView`].
    view: String,
    /// Shows all lines of texts.
    all: bool,
    /// The config whose difference is shown from `row` on.
    config: String,
    /// The first row of `config` that is shown.
    row: usize,
    /// Shows only keys of this kind of `config`: `added`, `changed` or `removed`.
    kind: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    who: CurrentUser,
    Path(id): Path<String>,
    Query(asked): Query<ChangeQuery>,
) -> PageResult {
    let id: ChangeId = id.parse().map_err(|_| Error::NotFound(id))?;
    let change = console.service.change(&who.actor, &id).await?;
    let scope = Pattern::spanning(change.configs.iter().map(|c| &c.config));
    let (looking, news) = (console.nodes.query(&who.account.id, scope.clone()), live::version(&console));
    let env_styles = EnvStyles::of(&console.service.envs().await?);
    let coverage = looking.coverage().await;
    let differing = change.configs.iter().filter(|c| !c.diff.is_empty());
    let readers = differing.map(|c| console.nodes.seen(&c.config, 0).1).sum();
    let view = DiffView::of(&asked.view);
    let here =
        |all| paths::with(&paths::change(&id), &[("view", view.as_str()), ("all", if all { "true" } else { "" })]);
    let drawn = DiffOptions {
        view,
        context: config::context(asked.all),
        page_href: here(asked.all),
        unfolded_href: here(true),
        turned: TurnedConfig { config: asked.config, row: asked.row, kind: KeyChange::of(&asked.kind) },
        diff_count: change.configs.len(),
    };
    let shown = ChangePageData {
        readers,
        coverage,
        live_query: live::live_query(&console, Some(&scope), news),
        progress: progress(&console, &who.actor, &change).await?,
        late: console.service.late(&who.actor),
        env_styles,
        diff_options: drawn,
        change,
    };
    let title = first_line(&shown.change.change.message);
    let crumb = title.clone();
    Ok(Page::new(move |t| title_or(t, title), move || view! { <One shown /> })
        .crumbs(move |t| vec![Crumb::to(t.changes(), "/changes"), Crumb::here(title_or(t, crumb))]))
}

fn title_or(t: Lang, title: Option<String>) -> String {
    title.unwrap_or_else(|| t.change_untitled().to_owned())
}

/// Returns the releases of a published change. Any other change has none.
async fn progress(console: &Console, actor: &Actor, change: &ChangeView) -> Result<Vec<ReleaseProgress>, Error> {
    if change.change.state != ChangeState::Published {
        return Ok(Vec::new());
    }
    let mut all = Vec::with_capacity(change.configs.len());
    for config in &change.configs {
        let found = console.service.releases(actor, &config.config, Some(config.live + 1), 1).await?;
        let release = found.into_iter().find(|r: &Release| r.seq == config.live);
        let Some(release) = release else { continue };
        let readers = console.nodes.readers(&config.config);
        let live = console.reader.store.get(&config.config.to_string()).map_or(0, |snapshot| snapshot.seq());
        all.push(ReleaseProgress { release, readers, live });
    }
    Ok(all)
}

#[component]
fn One(shown: ChangePageData) -> impl IntoView {
    let t = lang();
    let view = shown.change.clone();
    let change = view.change.clone();
    let here = paths::change(&change.id);
    let by_key = view.configs.iter().any(|config| formats::has_keys(config.format));
    let views = shown.diff_options.view.choice(by_key, |view| paths::with(&here, &[("view", view.as_str())]));
    let configs = view.configs.iter().cloned().map(|config| view! { <Config config shown=shown.clone() /> });
    let configs = configs.collect_view();
    let nothing = view.counts().total() == 0;
    let empty = (nothing && change.state == ChangeState::Open).then(|| {
        view! { <Empty icon=I::Edit title=t.change_empty()><p>{t.change_empty_text()}</p></Empty> }
    });
    let discarded = (change.state == ChangeState::Discarded).then(|| {
        view! { <Banner mood=Mood::Quiet title=t.change_discarded_title()><p>{t.change_discarded_text()}</p></Banner> }
    });
    let views = (!nothing).then_some(views);
    view! {
        <div id="change">
            {refusal_banner()}
            {discarded}
            <Title shown=shown.clone()>{views}</Title>
            <div class="with-tray">
                <div class="configs">{configs}{empty}</div>
                <aside class="tray"><Aside shown /></aside>
            </div>
        </div>
    }
    .into_any()
}

/// Renders the refusal of a form, if this page explains it better than the frame.
fn refusal_banner() -> Option<AnyView> {
    let refused = use_context::<RefusedForm>()?;
    let t = lang();
    let (title, text) = match refused.error() {
        Error::Stale(_) => (t.publish_stale_title(), t.publish_stale_text()),
        Error::Conflict(_) => (t.publish_conflict_title(), t.publish_conflict_text()),
        _ => return None,
    };
    refused.mark_all_shown();
    Some(view! { <Banner title alert=true><p>{text}</p></Banner> }.into_any())
}

#[component]
fn Title(shown: ChangePageData, children: Children) -> impl IntoView {
    let t = lang();
    // A change is shown as published only when the channel has all of its releases.
    let late = shown.progress.iter().any(|p| p.release.delivered_at.is_none());
    let ChangeView { change, mine, configs, .. } = shown.change;
    let author = (!mine).then(|| {
        let name = view! { <b>{change.author_name.clone()}</b> }.into_any();
        view! { <span>{sentence(t.change_by(), [name])}</span> }
    });
    let time = match change.state {
        ChangeState::Open => dated(t.change_last_edit(), change.updated_at),
        ChangeState::Published if late => dated(t.change_accepted_when(), change.updated_at),
        ChangeState::Published => dated(t.change_published_when(), change.updated_at),
        ChangeState::Discarded => dated(t.change_opened(), change.created_at),
    };
    let (mood, state) = match change.state {
        ChangeState::Open => (Mood::Warn, t.change_open()),
        ChangeState::Published if late => (Mood::Warn, t.is_accepted()),
        ChangeState::Published => (Mood::Good, t.change_is_published()),
        ChangeState::Discarded => (Mood::Quiet, t.change_is_discarded()),
    };
    let title = title_or(t, first_line(&change.message));
    let rest = change.message.lines().skip_while(|line| line.trim().is_empty()).skip(1).collect::<Vec<_>>().join("\n");
    let rest = (!rest.trim().is_empty()).then(|| view! { <p class="prose">{rest.trim().to_owned()}</p> });
    view! {
        <Head title>
            {children.view()}
            <p class="facts">
                <Badge mood>{state}</Badge>
                {author}
                <span>{time}</span>
                <span>{t.change_configs(configs.len())}</span>
            </p>
        </Head>
        {rest}
    }
    .into_any()
}
