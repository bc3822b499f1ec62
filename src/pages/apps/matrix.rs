//! An application's configs: a row for each namespace, a column for each environment.

use std::collections::{HashMap, HashSet};

use axum::extract::{Path, Query, State};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{AppHead, AppTab, crumbs, matrix_of};
use crate::{
    api::{
        apps::{ArchiveNamespace, CreateNamespace},
        paths,
    },
    components::{view::*, *},
    domain::{
        access::Pattern,
        catalog::{Env, Namespace},
        content::Format,
        favourite::Favourite,
        names::{AppName, ConfigId},
    },
    pages::{
        Page, PageResult,
        console::Console,
        live,
        pictures::{Pictures, PicturesData},
        shared::{EnvStyles, MissingNodes},
    },
    reader::nodes::{NodeCoverage, Readers},
    service::{AppMatrix, Cell},
    session::guard::CurrentUser,
    texts::Lang,
};

/// Data of the page.
struct MatrixData {
    matrix: AppMatrix,
    env_styles: EnvStyles,
    /// For each config, the number of instances that have its live release and the number of all instances.
    seen: HashMap<ConfigId, (usize, usize)>,
    /// Number of instances that read at least one config.
    instances: usize,
    /// Other nodes that reported their readers, and those that did not.
    coverage: NodeCoverage,
    /// Value of `data-live`, by which the page is kept up to date.
    live_query: String,
    /// Whether it is a favourite of the user.
    is_favourite: bool,
    pictures: PicturesData,
    /// The user's actor id.
    me: String,
    q: String,
}

#[derive(Deserialize)]
pub(super) struct MatrixQuery {
    #[serde(default)]
    q: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    who: CurrentUser,
    Path(app): Path<AppName>,
    Query(asked): Query<MatrixQuery>,
) -> PageResult {
    let scope = Pattern::new(None, Some(app.clone()), None);
    let news = live::version(&console);
    let (matrix, env_styles) = matrix_of(&console, &who, &app).await?;
    let looking = console.nodes.query(&who.account.id, scope.clone());
    let coverage = looking.coverage().await;
    let live_query = live::live_query(&console, Some(&scope), news);
    let mut readers: HashMap<ConfigId, Readers> = console.nodes.under(&scope).into_iter().collect();
    let (mut seen, mut names, mut unnamed) = (HashMap::new(), HashSet::new(), 0);
    for (namespace, cells) in &matrix.rows {
        for (env, cell) in matrix.envs.iter().zip(cells).filter(|(_, cell)| cell.visible) {
            let id = id_of(&matrix, env, namespace);
            let Some(readers) = readers.remove(&id) else { continue };
            seen.insert(id, readers.seen(cell.live.as_ref().map_or(0, |r| r.seq)));
            unnamed += readers.unnamed();
            names.extend(readers.instances.into_iter().map(|i| i.name));
        }
    }
    let (instances, me) = (names.len() + unnamed, who.actor.id.clone());
    let is_favourite = console.service.is_favourite(&who.actor, &Favourite::App(app.clone())).await?;
    let pictures = PicturesData::take(&console, &who.actor, |config| config.app == app);
    let shown = MatrixData {
        matrix,
        env_styles,
        seen,
        instances,
        coverage,
        live_query,
        is_favourite,
        pictures,
        me,
        q: asked.q,
    };
    let (title, crumbs) = (app.to_string(), crumbs(&app));
    Ok(Page::new(|_| title, move || view! { <Matrix shown /> }).crumbs(crumbs))
}

fn id_of(matrix: &AppMatrix, env: &Env, namespace: &Namespace) -> ConfigId {
    ConfigId { env: env.name.clone(), app: matrix.app.name.clone(), namespace: namespace.name.clone() }
}

#[component]
fn Matrix(shown: MatrixData) -> impl IntoView {
    let t = lang();
    let app = shown.matrix.app.clone();
    let owned = shown.matrix.is_owner;
    let instances = (shown.instances > 0).then(|| view! { <span>{t.app_instances(shown.instances)}</span> });
    let (away, here): (Vec<_>, Vec<_>) = shown.matrix.rows.iter().partition(|(ns, _)| ns.archived_at.is_some());
    let away: Vec<Namespace> = away.into_iter().map(|(ns, _)| ns.clone()).collect();
    let mut add = owned.then(|| view! { <AddNamespace app=app.name.clone() first=here.is_empty() /> });
    let body = match (shown.matrix.envs.is_empty(), here.is_empty()) {
        (true, _) => view! {
            <Empty icon=I::Layers title=t.envs_none()>
                <p>{t.app_no_envs_text()}</p>
                <LinkButton href="/envs">{t.app_no_envs_add()}</LinkButton>
            </Empty>
        }
        .into_any(),
        (_, true) => view! {
            <Empty icon=I::Rows title=t.app_no_namespaces()>
                <p>{t.app_no_namespaces_text()}</p>
                {(!owned).then(|| view! { <p>{t.app_no_namespaces_ask()}</p> })}
            </Empty>
        }
        .into_any(),
        _ => {
            view! { <div class="bar"><FilterBox of="namespaces" label=t.app_filter() value=shown.q.clone() />{add.take()}</div>{table(&shown, t)} }
                .into_any()
        }
    };
    view! {
        <AppHead app=app.clone() tab=AppTab::Configs favourite=shown.is_favourite>{instances}</AppHead>
        <section id="configs">
            <div id="live-told" data-live=shown.live_query.clone()><MissingNodes coverage=shown.coverage.clone() /></div>
            {body}
            {add}
            <ArchivedNamespaces app=app.name namespaces=away owned />
        </section>
        {(!here.is_empty()).then(|| view! { <Pictures data=shown.pictures.clone() /> })}
    }
    .into_any()
}

fn table(shown: &MatrixData, t: Lang) -> impl IntoView + use<> {
    let query = shown.q.to_lowercase();
    let columns = shown.matrix.envs.iter().map(|env| {
        view! { <th scope="col"><EnvTag env=shown.env_styles.get(&env.name) /></th> }
    });
    let columns = columns.collect_view();
    let wanted = |ns: &Namespace| {
        ns.archived_at.is_none() && query.split_whitespace().all(|word| ns.name.as_str().contains(word))
    };
    let rows = shown.matrix.rows.iter().filter(|(ns, _)| wanted(ns)).map(|(namespace, cells)| {
        let cells = shown.matrix.envs.iter().zip(cells).map(|(env, cell)| cell_view(shown, env, namespace, cell, t));
        let cells = cells.collect_view();
        view! { <tr><RowHead namespace=namespace.clone() owned=shown.matrix.is_owner />{cells}</tr> }
    });
    let rows = rows.collect_view();
    view! {
        <div class="sheet scroll" tabindex="0" role="region" aria-label=t.app_matrix()>
            <table class="matrix" id="namespaces" data-live=shown.live_query.clone()>
                <thead><tr><th scope="col"><span class="with-term">{t.namespace()}<Explain term=Term::Namespace /></span></th>{columns}</tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

#[component]
fn RowHead(namespace: Namespace, owned: bool) -> impl IntoView {
    let t = lang();
    let Namespace { app, name, format, description, .. } = namespace;
    let settings = owned.then(|| {
        let (href, label) = (format!("/apps/{app}/namespaces/{name}"), t.settings_of(name.as_str()));
        view! { <a class="btn bare small gear" href=href aria-label=label.clone() title=label><Icon name=I::Gear /></a> }
    });
    let note = (!description.is_empty()).then(|| view! { <span class="note">{description}</span> });
    let keys = (format == Format::Kv).then(|| {
        let (href, label) = (format!("/apps/{app}/namespaces/{name}/keys"), t.keys_of(name.as_str()));
        view! { <a class="btn bare small gear" href=href aria-label=label.clone() title=label><Icon name=I::Rows /></a> }
    });
    view! { <th scope="row">{name.to_string()}<Tag>{format.as_str()}</Tag>{keys}{settings}{note}</th> }.into_any()
}

fn cell_view(shown: &MatrixData, env: &Env, namespace: &Namespace, cell: &Cell, t: Lang) -> AnyView {
    // On narrow screens without columns, each cell shows its environment itself.
    let of = view! { <span class="of"><EnvTag env=shown.env_styles.get(&env.name) bare=true /></span> };
    if !cell.visible {
        return view! { <td><div class="none" title=t.cell_hidden()>{of}"–"<span class="visually-hidden">{t.cell_hidden()}</span></div></td> }
            .into_any();
    }
    let id = id_of(&shown.matrix, env, namespace);
    let live = match &cell.live {
        Some(live) => {
            let (seq, label) = (live.seq, t.cell_release(live.seq, &id.to_string()));
            view! {
                <b aria-hidden="true">{seq}</b>
                <span class="visually-hidden">{label}", "</span>
                <span class="quiet"><When at=live.accepted_at /></span>
            }
            .into_any()
        }
        None if cell.pending.is_empty() => view! { <span class="none">{t.cell_create()}</span> }.into_any(),
        None => view! { <span class="none">{t.cell_none()}</span> }.into_any(),
    };
    let late = cell.live.as_ref().is_some_and(|live| live.delivered_at.is_none());
    let behind = shown.seen.get(&id).filter(|(seen, all)| !late && seen < all);
    let late = match (late, behind) {
        (true, _) => Some(t.cell_not_delivered().to_owned()),
        (false, Some((seen, all))) => Some(t.cell_seen(*seen, *all)),
        _ => None,
    };
    let late = late.map(|says| view! { <span class="late"><Icon name=I::Warn />{says}</span> });
    let pending = pending(cell, &shown.me, t);
    view! { <td><a href=paths::config(&id)>{of}{live}{pending}{late}</a></td> }.into_any()
}

/// Renders the number of the user's own pending edits, and that of others: with the name of a single author, or as the
/// sum of several.
fn pending(cell: &Cell, me: &str, t: Lang) -> impl IntoView + use<> {
    let (mine, others): (Vec<_>, Vec<_>) = cell.pending.iter().partition(|(author, ..)| author == me);
    let n: u64 = mine.iter().map(|(.., n)| n).sum();
    let mine = (n > 0).then(|| view! { <span class="pend">{t.cell_mine(n)}</span> });
    let says = match &others[..] {
        [] => None,
        [(_, name, n)] => Some(t.cell_theirs(*n, name)),
        many => Some(t.cell_theirs_many(many.iter().map(|(.., n)| n).sum(), many.len())),
    };
    let others = says.map(|says| view! { <span class="pend other">{says}</span> });
    view! { {mine}{others} }
}

/// Returns the formats and their labels, for a select.
pub(super) fn formats(t: Lang) -> Vec<(String, String)> {
    let shown = |format: Format| match format {
        Format::Kv => t.format_kv().to_owned(),
        Format::Text => t.format_text().to_owned(),
        Format::Properties => "Java properties".to_owned(),
        other => other.as_str().to_uppercase(),
    };
    Format::ALL.map(|format| (format.as_str().to_owned(), shown(format))).to_vec()
}

#[component]
fn AddNamespace(app: AppName, first: bool) -> impl IntoView {
    let t = lang();
    let open = first || use_context::<RefusedForm>().is_some_and(|r| r.is_of(CreateNamespace::PATH, None));
    view! {
        <Reveal summary=t.namespace_add() icon=I::Plus open id="add">
            <Form action=CreateNamespace::PATH swap="configs">
                <Hidden name="app" value=app.as_str() />
                <div class="row">
                    <Field name="namespace" label=t.name_field() hint=t.namespace_name_hint() mono=true required=true />
                    <Select name="format" label=t.format_field() hint=t.namespace_format_hint() options=formats(t) />
                </div>
                <Field name="description" label=t.namespace_for() />
                <p class="do"><Submit tone=Tone::Primary>{t.namespace_create()}</Submit></p>
            </Form>
        </Reveal>
    }
    .into_any()
}

/// Archived namespaces.
#[component]
fn ArchivedNamespaces(app: AppName, namespaces: Vec<Namespace>, owned: bool) -> impl IntoView {
    let t = lang();
    if namespaces.is_empty() {
        return None;
    }
    let row = |namespace: Namespace| {
        let (app, name) = (app.to_string(), namespace.name.to_string());
        let sent = name.clone();
        let back = owned.then(|| {
            view! {
                <Form action=ArchiveNamespace::PATH id=format!("restore-{name}") swap="configs">
                    <Hidden name="app" value=app />
                    <Hidden name="namespace" value=sent />
                    <Hidden name="archived" value="false" />
                    <Submit tone=Tone::Bare icon=I::Undo>{t.restore()}</Submit>
                </Form>
            }
        });
        let since = namespace.archived_at.map(|at| dated(t.archived_since(), at));
        view! { <li><span class="mono">{name}</span><span class="quiet push">{since}</span>{back}</li> }
    };
    Some(view! {
        <details class="reveal away">
            <summary><Icon name=I::Down />{t.namespaces_archived()}" "<span class="n">{namespaces.len()}</span></summary>
            <ul class="list plain in">{namespaces.into_iter().map(row).collect_view()}</ul>
        </details>
    })
}
