//! Readers of a config, and the release that each of them has.

use std::sync::Arc;

use axum::extract::{Query, State};
use serde::Deserialize;

use super::{ConfigPage, ConfigPath, OpenedConfig, page};
use crate::{
    components::{view::*, *},
    domain::release::Release,
    pages::{PageResult, config, console::Console, shared::MissingNodes},
    reader::instances::Instance,
    session::guard::CurrentUser,
};

/// Maximum number of instances without a filter.
const MAX_UNFILTERED: usize = 10;
/// Time after acceptance from which a reader of a release counts as a new instance, in milliseconds.
const PROPAGATION_MS: i64 = 60_000;
/// Maximum number of rows; a filter finds the others.
const MAX_ROWS: usize = 2000;

/// Query parameters of the list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReadersQuery {
    /// Words that a row must contain.
    q: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<ReadersQuery>,
) -> PageResult {
    let opened = OpenedConfig::load(&console, &user, &id, None).await?;
    let here = console.nodes.name().clone();
    Ok(page(opened, ConfigPage::Readers, move |opened| view! { <Readers opened here q=asked.q /> }))
}

#[component]
fn Readers(opened: Arc<OpenedConfig>, here: Arc<str>, q: String) -> impl IntoView {
    let t = lang();
    let mut instances = opened.readers.instances.clone();
    if opened.readers.all() == 0 {
        return view! {
            <div id="live-told" data-live=opened.live_query.clone()><MissingNodes coverage=opened.coverage.clone() /></div>
            <Empty icon=I::Nodes title=t.no_readers_yet()>
                <p>{t.no_readers_text()}</p>
                <p class="do"><LinkButton href=format!("{}{}", opened.href, ConfigPage::Usage.path())>{t.tab_use()}</LinkButton></p>
            </Empty>
        }
        .into_any();
    }
    // Instances that are behind come first.
    instances.sort_by(|a, b| (a.release, &a.name).cmp(&(b.release, &b.name)));
    let (live, listed, (seen, all)) = (opened.view.live_seq(), instances.len(), opened.seen());
    let readers = &opened.readers;
    let words: Vec<String> = q.split_whitespace().map(str::to_lowercase).collect();
    let has = |i: &Instance| {
        let node = i.node.as_ref().unwrap_or(&here);
        let text = format!("{} {} {} {node}", i.name, i.client, i.release).to_lowercase();
        words.iter().all(|word| text.contains(word))
    };
    let curve = opened.view.live.as_ref().map(|live| propagation(&instances, live));
    let live_query = opened.live_query.clone();
    let few = listed <= MAX_ROWS;
    let several = opened.coverage.others > 0;
    let rows = instances.into_iter().filter_map(|i| {
        let fits = words.is_empty() || has(&i);
        let node = several.then(|| i.node.clone().unwrap_or_else(|| here.clone()));
        let has = readers.has(&i, live);
        (fits || few).then(|| view! { <Row instance=i node live has hidden=!fits /> })
    });
    let rows: Vec<_> = rows.take(MAX_ROWS).collect();
    let filter = (listed > MAX_UNFILTERED).then(|| {
        view! { <FilterBox of="readers" label=t.filter_instances(listed) value=q /> }
    });
    let heard = if several {
        t.readers_of_nodes(opened.coverage.others + 1 - opened.coverage.silent.len())
    } else {
        t.readers_of_this_server().to_owned()
    };
    let unnamed = opened.readers.unnamed();
    let unnamed = (unnamed > 0).then(|| view! { <p class="quiet">{t.readers_unnamed(unnamed)}</p> });
    let mut columns = vec![t.instance(), t.release(), t.reader_since(), t.last_request()];
    columns.extend(several.then(|| t.through_node()));
    columns.push(t.client());
    view! {
        <div class="bar">
            {filter}
            <div id="live-told" class:push={listed > MAX_UNFILTERED} data-live=live_query.clone()>
                <p class="quiet">{t.seen_by_n(seen, all)}" · "{heard}</p>
                {unnamed}
                <MissingNodes coverage=opened.coverage.clone() />
            </div>
        </div>
        <div id="live-curve" data-live=live_query.clone()>{curve}</div>
        <div class="sheet">
            <Table class="rows stacked readers" id="readers" live=live_query columns rows />
        </div>
    }
    .into_any()
}

/// Renders the rollout of the live release over the instances that read it within a minute of its acceptance. Instances
/// that read it later count as new instances.
fn propagation(instances: &[Instance], live: &Release) -> Option<AnyView> {
    let t = lang();
    let took = instances.iter().filter(|i| i.release == live.seq).map(|i| (i.since.0 - live.accepted_at.0).max(0));
    let mut times: Vec<i64> = took.filter(|ms| *ms < PROPAGATION_MS).collect();
    times.sort_unstable();
    // A curve needs at least two instances.
    let [_, .., last] = times[..] else { return None };
    let half = times[times.len() / 2];
    let label = t.curve_text(times.len(), &config::elapsed(t, half), &config::elapsed(t, last));
    let ends = ("0".to_owned(), config::elapsed(t, last));
    Some(
        view! {
            <section class="card" aria-labelledby="curve">
                <h2 id="curve">{t.curve_title()}</h2>
                <p class="quiet">{label.clone()}</p>
                <Curve label times all=instances.len() ends />
                <p class="quiet">{t.curve_axis()}</p>
            </section>
        }
        .into_any(),
    )
}

#[component]
fn Row(
    instance: Instance,
    node: Option<Arc<str>>,
    live: u64,
    /// Whether it holds the live release.
    has: bool,
    hidden: bool,
) -> impl IntoView {
    let t = lang();
    let behind = live.saturating_sub(instance.release);
    let state = if has {
        view! { <Badge mood=Mood::Good>{t.live()}</Badge> }.into_any()
    } else if behind > 0 {
        view! { <Badge mood=Mood::Warn>{t.n_behind(behind)}</Badge> }.into_any()
    } else {
        view! { <Badge mood=Mood::Bad>{t.reader_release_unpublished()}</Badge> }.into_any()
    };
    view! {
        <tr hidden=hidden>
            <td class="mono">{instance.name}</td>
            <td>{t.release_n(instance.release)}" "{state}</td>
            <td data-th=t.reader_since()><When at=instance.since /></td>
            <td data-th=t.last_request()><When at=instance.seen_at /></td>
            {node.map(|node| view! { <td class="quiet client" data-th=t.through_node()>{node.to_string()}</td> })}
            <td class="quiet client" data-th=t.client()>{instance.client}</td>
        </tr>
    }
}
