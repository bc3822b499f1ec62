//! The home page: the user's changes, late deliveries, latest releases, readers and tokens that need attention.

use std::collections::{BTreeSet, HashSet};

use axum::{Router, extract::State, routing::get};

use super::{
    Page, PageResult,
    changes::ChangeItem,
    console::Console,
    live,
    shared::{EnvStyles, MissingNodes, NoApps, SeenBy},
};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::{
        access::{Pattern, Permission},
        limits,
        names::ConfigId,
        release::Release,
        time::Time,
        token::Token,
    },
    reader::{
        instances::Instance,
        nodes::{NodeCoverage, Readers},
    },
    service::{Account, AppCard, ChangeSummary, LateEnv, now},
    session::guard::CurrentUser,
};

/// Maximum number of releases listed.
const RELEASES: usize = 10;
/// Maximum number of applications listed.
const APPS: usize = 7;
/// Maximum number of configs listed whose readers are behind.
const MAX_BEHIND: usize = 5;
/// Time that a reader may be behind before it is listed. Readers with a long poll get a release at once,
/// others with their next request.
const BEHIND_AFTER_MS: i64 = 60_000;
/// Time before its expiry at which a token is listed.
const SOON_MS: i64 = 14 * 24 * 3_600_000;

/// `/`.
pub fn routes() -> Router<Console> {
    Router::new().route("/", get(show))
}

/// Readers of a config that hold an older release than the live one.
#[derive(Clone)]
struct Behind {
    config: ConfigId,
    /// Time when the live release was published.
    since: Time,
    instances: Vec<Instance>,
}

/// Data of the page.
struct Home {
    name: String,
    administrator: bool,
    env_styles: EnvStyles,
    envs: usize,
    late: Vec<LateEnv>,
    changes: Vec<ChangeSummary>,
    /// Each with the number of instances that have it and the number of all instances.
    releases: Vec<(Release, (usize, usize))>,
    behind: Vec<Behind>,
    ending: Vec<Token>,
    apps: Vec<AppCard>,
    all_apps: usize,
    /// Number of instances that read, and number of configs that they read.
    readers: (usize, usize),
    /// Other nodes that reported their readers, and those that did not.
    coverage: NodeCoverage,
    /// Value of `data-live`, by which the page is kept up to date.
    live_query: String,
}

async fn show(State(console): State<Console>, who: CurrentUser) -> PageResult {
    let everything = Pattern::new(None, None, None);
    let (looking, news) = (console.nodes.query(&who.account.id, everything.clone()), live::version(&console));
    let (service, actor, at) = (&console.service, &who.actor, now());
    let envs = service.envs().await?;
    let apps: Vec<AppCard> =
        service.apps(actor).await?.into_iter().filter(|card| card.app.archived_at.is_none()).collect();
    let changes = service.my_changes(actor).await?;
    let latest = service.latest_releases(actor, limits::MAX_PAGE_ROWS).await?;
    let tokens = service.tokens(actor, None, None).await?;
    let coverage = looking.coverage().await;
    let live_query = live::live_query(&console, Some(&everything), news);
    let mut read = console.nodes.under(&everything);
    read.retain(|(config, _)| actor.may_view(config).is_ok());
    let names: HashSet<&str> = read.iter().flat_map(|(_, of)| &of.instances).map(|i| i.name.as_str()).collect();
    let unnamed: usize = read.iter().map(|(_, of)| of.unnamed()).sum();
    let ends = |token: &Token| token.is_valid_at(at) && token.expires_at.is_some_and(|end| end.0 - at.0 < SOON_MS);
    let home = Home {
        name: who.account.name.clone(),
        administrator: actor.may_create().is_ok(),
        env_styles: EnvStyles::of(&envs),
        envs: envs.iter().filter(|env| env.archived_at.is_none()).count(),
        late: service.late(actor),
        behind: behind(&console, &read, at),
        readers: (names.len() + unnamed, read.len()),
        coverage,
        live_query,
        ending: tokens.into_iter().filter(ends).collect(),
        all_apps: apps.len(),
        apps: mine_first(apps, &who.account, &changes, &latest),
        changes,
        releases: latest
            .into_iter()
            .take(RELEASES)
            .map(|r| (console.nodes.seen(&r.config, r.seq), r))
            .map(|(seen, release)| (release, seen))
            .collect(),
    };
    Ok(Page::new(|t| t.home().to_owned(), move || view! { <Show home /> }).crumbs(|t| vec![Crumb::here(t.home())]))
}

fn behind(console: &Console, read: &[(ConfigId, Readers)], at: Time) -> Vec<Behind> {
    let of = |(config, readers): &(ConfigId, Readers)| {
        let snapshot = console.reader.store.get(&config.to_string())?;
        let since = snapshot.entry.meta.published_at;
        let late = readers.behind(snapshot.seq()).cloned().collect::<Vec<_>>();
        let counts = !late.is_empty() && at.0 - since.0 > BEHIND_AFTER_MS;
        counts.then(|| Behind { config: config.clone(), since, instances: late })
    };
    read.iter().filter_map(of).collect()
}

/// Returns the applications that the user may edit, those of the user's changes and releases first.
fn mine_first(mut apps: Vec<AppCard>, me: &Account, changes: &[ChangeSummary], latest: &[Release]) -> Vec<AppCard> {
    let edits = |card: &AppCard| {
        me.administrator
            || me
                .roles
                .iter()
                .any(|(p, role)| role.permissions().contains(Permission::Edit) && p.covers_any_of_app(&card.app.name))
    };
    let of_changes = changes.iter().flat_map(|change| &change.configs).map(|(config, ..)| &config.app);
    let of_releases = latest.iter().filter(|release| release.author == me.name).map(|release| &release.config.app);
    let recent: BTreeSet<_> = of_changes.chain(of_releases).cloned().collect();
    apps.retain(edits);
    apps.sort_by_key(|card| !recent.contains(&card.app.name));
    apps.truncate(APPS);
    apps
}

#[component]
fn Show(home: Home) -> impl IntoView {
    let t = lang();
    if home.all_apps == 0 {
        let text = if home.administrator { t.home_empty_create() } else { t.home_empty_ask() };
        return view! {
            <Head title=t.home_greeting(&home.name) />
            <NoApps title=t.home_empty() text may_create=home.administrator />
        }
        .into_any();
    }
    let last = home.releases.iter().find_map(|(r, _)| Some(r.delivered_at?.0 - r.accepted_at.0));
    let delivers = (home.late.is_empty() && home.envs > 0).then(|| {
        let last = last.filter(|ms| (0..10_000).contains(ms)).map(|ms| format!(" · {}", t.home_last_took(ms)));
        view! { <span>{t.home_envs_healthy(home.envs)}{last}</span> }
    });
    let (instances, configs) = home.readers;
    let read = instances > 0;
    let readers = read.then(|| view! { <span>{t.home_instances(instances)}" "{t.change_configs(configs)}</span> });
    let (env_styles, changes) = (home.env_styles.clone(), home.changes);
    let none = changes.is_empty();
    let changes =
        changes.into_iter().map(|change| view! { <ChangeItem change env_styles=env_styles.clone() /> }).collect_view();
    view! {
        <Head title=t.home_greeting(&home.name)><p class="facts">{delivers}{readers}</p></Head>
        <div class="two" id="home" data-live=home.live_query>
            <div>
                <MissingNodes coverage=home.coverage />
                <Card id="changes" title=t.home_changes()>
                    {if none {
                        view! { <p class="quiet">{t.home_changes_none()}</p> }.into_any()
                    } else {
                        view! { <ul class="list">{changes}</ul> }.into_any()
                    }}
                </Card>
                <Releases releases=home.releases env_styles=home.env_styles.clone() />
            </div>
            <div>
                <Attention behind=home.behind ending=home.ending env_styles=home.env_styles read />
                <Apps apps=home.apps all=home.all_apps />
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Releases(releases: Vec<(Release, (usize, usize))>, env_styles: EnvStyles) -> impl IntoView {
    let t = lang();
    if releases.is_empty() {
        return view! { <Card id="releases" title=t.home_releases()><p class="quiet">{t.home_releases_none()}</p></Card> }.into_any();
    }
    let row = |(release, seen): (Release, (usize, usize))| {
        let env_style = env_styles.get(&release.config.env);
        view! { <ReleaseRow release seen env_style /> }
    };
    let rows = releases.into_iter().map(row).collect_view();
    let columns = vec![t.config(), t.release(), t.why(), t.home_who(), t.seen_by()];
    view! {
        <Card id="releases" title=t.home_releases()>
            <Table class="rows plain stacked releases" columns rows />
        </Card>
    }
    .into_any()
}

#[component]
fn ReleaseRow(release: Release, seen: (usize, usize), env_style: EnvStyle) -> impl IntoView {
    let t = lang();
    let back = release.rolled_back_to.map(|seq| view! { <span class="note">{t.home_rolled_back(seq)}</span> });
    let seen = match release.delivered_at {
        None => view! { <Badge mood=Mood::Warn>{t.is_accepted()}</Badge> }.into_any(),
        Some(_) => view! { <SeenBy seen /> }.into_any(),
    };
    let config = format!("{} / {}", release.config.app, release.config.namespace);
    let change = paths::change(&release.change);
    view! {
        <tr>
            <td><a href=paths::config(&release.config)>{config}</a><br /><EnvTag env=env_style bare=true /></td>
            <td data-th=t.release()><a href=change>{release.seq}</a></td>
            <td class="why">{release.message}{back}</td>
            <td class="who">{release.author}<br /><span class="quiet"><When at=release.accepted_at /></span></td>
            <td class="seen" data-th=t.seen_by()>{seen}</td>
        </tr>
    }
    .into_any()
}

#[component]
fn Attention(behind: Vec<Behind>, ending: Vec<Token>, env_styles: EnvStyles, read: bool) -> impl IntoView {
    let t = lang();
    let none = behind.is_empty() && ending.is_empty();
    let more = behind.len().saturating_sub(MAX_BEHIND);
    let items = behind.into_iter().take(MAX_BEHIND).map(|behind| {
        let env_style = env_styles.get(&behind.config.env);
        view! { <BehindItem behind env_style /> }
    });
    let items = items.collect_view();
    let ending = ending.into_iter().map(|token| {
        let name = view! { <a href="/tokens">{token.name}</a> }.into_any();
        let when = token.expires_at.map(|at| view! { <When at /> }.into_any());
        let says = sentence(t.home_token_ends(), [Some(name), when].into_iter().flatten());
        view! { <li><p class="flag warn"><Icon name=I::Clock /><span>{says}</span></p></li> }
    });
    let ending = ending.collect_view();
    let body = if none && !read {
        view! { <p class="quiet">{t.home_no_readers()}</p> }.into_any()
    } else if none {
        view! { <p class="flag good"><Icon name=I::Ok />{t.home_attention_none()}</p> }.into_any()
    } else {
        let more = (more > 0).then(|| view! { <li class="quiet">{t.and_more(more)}</li> });
        view! { <ul class="list">{items}{more}{ending}</ul> }.into_any()
    };
    view! { <Card id="look" title=t.home_attention()>{body}</Card> }.into_any()
}

#[component]
fn BehindItem(behind: Behind, env_style: EnvStyle) -> impl IntoView {
    let t = lang();
    let Behind { config, since, instances } = behind;
    let (first, more) = (instances.first().cloned(), instances.len().saturating_sub(1));
    let first = first.map(|i| view! { <code>{i.name}</code>" "{t.home_still_holds(i.release)} });
    let newer = dated(t.home_newer(), since);
    let more = (more > 0).then(|| view! { " "{t.and_more(more)} });
    view! {
        <li>
            <p class="flag warn">
                <Icon name=I::Warn />
                <span>
                    <a href=paths::config(&config)>{format!("{} / {}", config.app, config.namespace)}</a>" "
                    <EnvTag env=env_style bare=true />
                </span>
            </p>
            <p class="quiet"><span>{first}{more}</span><span>{newer}</span></p>
        </li>
    }
    .into_any()
}

#[component]
fn Apps(apps: Vec<AppCard>, all: usize) -> impl IntoView {
    let t = lang();
    let item = |card: AppCard| {
        let path = paths::app(&card.app.name);
        view! { <li><a href=path>{card.app.name.to_string()}</a><span class="quiet">{t.home_namespaces(card.namespaces)}</span></li> }
    };
    let items = apps.into_iter().map(item).collect_view();
    view! {
        <Card id="apps" title=t.home_apps()>
            <ul class="list plain">{items}</ul>
            <LinkButton href="/apps" wide=true>{t.home_all_apps(all)}</LinkButton>
        </Card>
    }
    .into_any()
}
