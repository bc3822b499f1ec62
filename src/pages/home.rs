//! The home page: what needs attention, the user's changes, changes of others to publish, latest releases, favourites.

use std::collections::{BTreeSet, HashSet};

use axum::{Router, extract::State, routing::get};

use super::{
    Page, PageResult,
    changes::{ChangeItem, first_line},
    console::Console,
    favourites::Favourites,
    live,
    pictures::ReadsSparkline,
    shared::{EnvStyles, MissingNodes, NoApps, SeenBy},
};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::{
        access::{Pattern, Permission},
        drift::Drift,
        favourite::Favourite,
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
    texts::Lang,
};

/// Maximum number of releases listed.
const RELEASES: usize = 10;
/// Maximum number of changes of others listed.
const OTHERS: usize = 5;
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

/// A release in the list of the latest ones.
struct ListedRelease {
    release: Release,
    /// The number of instances that have it and the number of all instances.
    seen: (usize, usize),
    /// Reads per minute of its config in the last 24 hours.
    reads: Vec<Option<u32>>,
}

/// Data of the page.
struct Home {
    name: String,
    administrator: bool,
    env_styles: EnvStyles,
    envs: usize,
    late: Vec<LateEnv>,
    drifts: Vec<Drift>,
    changes: Vec<ChangeSummary>,
    /// Changes of others that the user may publish.
    others: Vec<ChangeSummary>,
    releases: Vec<ListedRelease>,
    favourites: Vec<Favourite>,
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
    let others = service.publishable_changes(actor, OTHERS).await?;
    let favourites = service.favourites(actor).await?;
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
        drifts: service.drifts(actor),
        behind: behind(&console, &read, at),
        readers: (names.len() + unnamed, read.len()),
        coverage,
        live_query,
        ending: tokens.into_iter().filter(ends).collect(),
        all_apps: apps.len(),
        apps: mine_first(apps, &who.account, &changes, &latest, &favourites),
        changes,
        others,
        favourites,
        releases: latest.into_iter().take(RELEASES).map(|release| listed(&console, release)).collect(),
    };
    Ok(Page::new(|t| t.home().to_owned(), move || view! { <Show home /> }).crumbs(|t| vec![Crumb::here(t.home())]))
}

fn listed(console: &Console, release: Release) -> ListedRelease {
    let seen = console.nodes.seen(&release.config, release.seq);
    let reads = console.reader.history.picture(|config| *config == release.config).reads;
    ListedRelease { release, seen, reads }
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

/// Returns the applications that the user may edit: favourites first, then those of the user's changes and releases.
fn mine_first(
    mut apps: Vec<AppCard>,
    me: &Account,
    changes: &[ChangeSummary],
    latest: &[Release],
    favourites: &[Favourite],
) -> Vec<AppCard> {
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
    let is_favourite = |card: &AppCard| favourites.iter().any(|favourite| favourite.app() == &card.app.name);
    apps.sort_by_key(|card| (!is_favourite(card), !recent.contains(&card.app.name)));
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
    let mut latest = home.releases.iter().map(|listed| &listed.release);
    let last = latest.find_map(|r| Some(r.delivered_at?.0 - r.accepted_at.0));
    let delivers = (home.late.is_empty() && home.envs > 0).then(|| {
        let last = last.filter(|ms| (0..10_000).contains(ms)).map(|ms| format!(" · {}", t.home_last_took(ms)));
        view! { <span>{t.home_envs_healthy(home.envs)}{last}</span> }
    });
    let (instances, configs) = home.readers;
    let read = instances > 0;
    let readers = read.then(|| view! { <span>{t.home_instances(instances)}" "{t.change_configs(configs)}</span> });
    let env_styles = home.env_styles.clone();
    let conflicts: Vec<_> = home.changes.iter().filter(|change| change.conflicts > 0).cloned().collect();
    let items = |changes: Vec<ChangeSummary>| {
        let items = changes.into_iter().map(|change| view! { <ChangeItem change env_styles=env_styles.clone() /> });
        (items.len() > 0).then(|| view! { <ul class="list">{items.collect_view()}</ul> })
    };
    let changes = items(home.changes);
    let none = changes.is_none().then(|| view! { <p class="quiet">{t.home_changes_none()}</p> });
    let others = items(home.others).map(|items| view! { <Card id="others" title=t.home_others()>{items}</Card> });
    view! {
        <Head title=t.home_greeting(&home.name)><p class="facts">{delivers}{readers}</p></Head>
        <div class="two" id="home" data-live=home.live_query>
            <div>
                <MissingNodes coverage=home.coverage />
                <Attention
                    late=home.late
                    drifts=home.drifts
                    conflicts
                    behind=home.behind
                    ending=home.ending
                    env_styles=home.env_styles.clone()
                    read
                />
                <Card id="changes" title=t.home_changes()>{none}{changes}</Card>
                {others}
                <Releases releases=home.releases env_styles=home.env_styles.clone() />
            </div>
            <div>
                <Favourites favourites=home.favourites env_styles=home.env_styles />
                <Apps apps=home.apps all=home.all_apps />
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Releases(releases: Vec<ListedRelease>, env_styles: EnvStyles) -> impl IntoView {
    let t = lang();
    if releases.is_empty() {
        return view! { <Card id="releases" title=t.home_releases()><p class="quiet">{t.home_releases_none()}</p></Card> }.into_any();
    }
    let row = |listed: ListedRelease| {
        let env_style = env_styles.get(&listed.release.config.env);
        view! { <ReleaseRow listed env_style /> }
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
fn ReleaseRow(listed: ListedRelease, env_style: EnvStyle) -> impl IntoView {
    let t = lang();
    let ListedRelease { release, seen, reads } = listed;
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
            <td class="seen" data-th=t.seen_by()>{seen}<ReadsSparkline reads /></td>
        </tr>
    }
    .into_any()
}

#[component]
fn Attention(
    late: Vec<LateEnv>,
    drifts: Vec<Drift>,
    /// The user's changes with conflicts.
    conflicts: Vec<ChangeSummary>,
    behind: Vec<Behind>,
    ending: Vec<Token>,
    env_styles: EnvStyles,
    /// Whether any instance reads.
    read: bool,
) -> impl IntoView {
    let t = lang();
    let is_delivered = late.is_empty() && drifts.is_empty() && conflicts.is_empty();
    let none = is_delivered && behind.is_empty() && ending.is_empty();
    let late = late.into_iter().map(|late| late_item(t, &late)).collect_view();
    let more_drifts = drifts.len().saturating_sub(MAX_BEHIND);
    let drifts = drifts.into_iter().take(MAX_BEHIND).map(|drift| drift_item(t, &drift, &env_styles)).collect_view();
    let more_drifts = (more_drifts > 0).then(|| view! { <li class="quiet">{t.and_more(more_drifts)}</li> });
    let conflicts = conflicts.into_iter().map(|change| conflict_item(t, &change)).collect_view();
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
        view! { <ul class="list">{late}{drifts}{more_drifts}{conflicts}{items}{more}{ending}</ul> }.into_any()
    };
    view! { <Card id="look" title=t.home_attention()>{body}</Card> }.into_any()
}

fn late_item(t: Lang, late: &LateEnv) -> impl IntoView + use<> {
    let (href, says) = (format!("/delivery/{}", late.env), t.home_late(late.env.as_str()));
    let since = dated(t.started_at(), late.since);
    view! {
        <li>
            <p class="flag warn"><Icon name=I::Warn /><a href=href>{says}</a></p>
            <p class="quiet"><span>{t.releases_waiting(late.waiting)}</span><span>{since}</span></p>
        </li>
    }
}

fn drift_item(t: Lang, drift: &Drift, env_styles: &EnvStyles) -> impl IntoView + use<> {
    let (href, env_style) = (paths::config(&drift.config), env_styles.get(&drift.config.env));
    let name = format!("{} / {}", drift.config.app, drift.config.namespace);
    let since = drift.since;
    view! {
        <li>
            <p class="flag warn">
                <Icon name=I::Warn />
                <span><a href=href>{name}</a>" "<EnvTag env=env_style bare=true /></span>
            </p>
            <p class="quiet"><span>{t.delivery_drift()}</span><When at=since /></p>
        </li>
    }
}

fn conflict_item(t: Lang, change: &ChangeSummary) -> impl IntoView + use<> {
    let title = first_line(&change.change.message).unwrap_or_else(|| t.change_untitled().to_owned());
    let link = view! { <a href=paths::change(&change.change.id)>{title}</a> }.into_any();
    let says = sentence(t.home_conflicts(), [link]);
    view! { <li><p class="flag warn"><Icon name=I::Warn /><span>{says}</span></p></li> }
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
