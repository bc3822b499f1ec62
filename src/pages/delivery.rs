//! Delivery of releases: an overview of all environments, and a page for each.

use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use leptos::server_fn::ServerFn;

use super::{
    Page, PageResult,
    config::elapsed,
    console::Console,
    live,
    pictures::{Pictures, PicturesData},
    shared::{EnvStyles, MissingNodes, SeenBy},
};
use crate::{
    api::{
        paths,
        publish::{DeliverAgain, FreeLock},
    },
    components::{view::*, *},
    domain::{access::Pattern, names::EnvName, release::Release, time::Time},
    reader::nodes::NodeCoverage,
    service::{EnvDelivery, LockState},
    session::guard::CurrentUser,
    texts::Lang,
};

/// Maximum number of releases listed.
const LISTED: usize = 25;

/// `/delivery`, `/delivery/{env}`.
pub fn routes() -> Router<Console> {
    Router::new().route("/delivery", get(all)).route("/delivery/{env}", get(one))
}

async fn all(State(console): State<Console>, who: CurrentUser) -> PageResult {
    let env_styles = EnvStyles::of(&console.service.envs().await?);
    let live_query = live::live_query(&console, None, live::version(&console));
    let mut deliveries = console.service.deliveries(&who.actor).await?;
    deliveries.retain(|delivery| delivery.env.archived_at.is_none());
    Ok(Page::new(|t| t.delivery().to_owned(), move || view! { <All deliveries env_styles live_query /> })
        .crumbs(|t| vec![Crumb::here(t.delivery())]))
}

#[component]
fn All(deliveries: Vec<EnvDelivery>, env_styles: EnvStyles, live_query: String) -> impl IntoView {
    let t = lang();
    if deliveries.is_empty() {
        return view! {
            <Head title=t.delivery() />
            <Empty icon=I::Send title=t.envs_none()><p>{t.delivery_none_text()}</p></Empty>
        }
        .into_any();
    }
    let rows = deliveries.into_iter().map(|delivery| {
        let env_style = env_styles.get(&delivery.env.name);
        view! { <Row delivery env_style /> }
    });
    let columns = vec![t.environment(), t.status(), t.delivery_time(), t.delivery_last()];
    view! {
        <Head title=t.delivery() />
        <p class="lead">{t.delivery_lead()}</p>
        <div class="sheet" id="delivery" data-live=live_query>
            <Table class="rows stacked deliveries" columns rows=rows.collect_view() />
        </div>
    }
    .into_any()
}

#[component]
fn Row(delivery: EnvDelivery, env_style: EnvStyle) -> impl IntoView {
    let t = lang();
    let last = match delivery.releases.first() {
        Some(last) => view! {
            <a href=paths::release(&last.config, last.seq)>{format!("{} / {} {}", last.config.app, last.config.namespace, last.seq)}</a>
            " "<span class="quiet"><When at=last.accepted_at /></span>
        }
        .into_any(),
        None => view! { <span class="quiet">{t.delivery_never()}</span> }.into_any(),
    };
    let usual = usual(t, &delivery).unwrap_or_else(|| "–".to_owned());
    let href = format!("/delivery/{}", delivery.env.name);
    view! {
        <tr>
            <td><a href=href><EnvTag env=env_style /></a></td>
            <td data-th=t.status()><StateOf delivery /></td>
            <td class="quiet" data-th=t.delivery_time()>{usual}</td>
            <td data-th=t.delivery_last()>{last}</td>
        </tr>
    }
    .into_any()
}

#[component]
fn StateOf(delivery: EnvDelivery) -> impl IntoView {
    let t = lang();
    let waiting = delivery.waiting;
    let waiting = (waiting > 0).then(|| view! { " "<span class="quiet">{t.releases_waiting(waiting)}</span> });
    let departs = delivery.drifts.len();
    let departs = (departs > 0).then(|| {
        let text = format!("{} {departs}", t.delivery_drift());
        view! { " "<Badge mood=Mood::Bad>{text}</Badge> }
    });
    let badge = match delivery.late {
        Some(_) => view! { <Badge mood=Mood::Warn>{t.delivery_delayed()}</Badge> }.into_any(),
        None => view! { <Badge mood=Mood::Good>{t.delivery_on_time()}</Badge> }.into_any(),
    };
    view! { {badge}{departs}{waiting} }.into_any()
}

/// Formats the usual delivery time: "usually 4 ms, at most 31 ms". Returns `None` before the first delivery.
fn usual(t: Lang, delivery: &EnvDelivery) -> Option<String> {
    let all = delivery.delivery_times();
    let (half, most) = (all.get(all.len() / 2)?, all.last()?);
    Some(t.delivery_time_is(&elapsed(t, *half), &elapsed(t, *most)))
}

/// Data of the page of one environment.
struct One {
    delivery: EnvDelivery,
    lock: LockState,
    compared_at: Option<Time>,
    administrator: bool,
    env_style: EnvStyle,
    /// For each listed release, the number of instances that have it and the number of all instances.
    seen: Vec<(usize, usize)>,
    pictures: PicturesData,
    /// Other nodes that reported their readers, and those that did not.
    coverage: NodeCoverage,
    /// Value of `data-live`, by which the page is kept up to date.
    live_query: String,
}

async fn one(State(console): State<Console>, who: CurrentUser, Path(env): Path<EnvName>) -> PageResult {
    let (service, scope) = (&console.service, Pattern::new(Some(env.clone()), None, None));
    let news = live::version(&console);
    let env_style = EnvStyles::of(&service.envs().await?).get(&env);
    let delivery = service.delivery_to(&who.actor, &env).await?;
    let looking = console.nodes.query(&who.account.id, scope.clone());
    let coverage = looking.coverage().await;
    let live_query = live::live_query(&console, Some(&scope), news);
    let listed = delivery.releases.iter().take(LISTED);
    let seen = listed.map(|release| console.nodes.seen(&release.config, release.seq));
    let one = One {
        seen: seen.collect(),
        pictures: PicturesData::take(&console, &who.actor, |config| config.env == env),
        coverage,
        lock: service.lock_of(&who.actor, &env).await?,
        compared_at: service.compared_at(),
        administrator: who.actor.is_administrator(),
        env_style: env_style.clone(),
        delivery,
        live_query,
    };
    Ok(Page::new(move |t| t.delivery_of(env.as_str()), move || view! { <Shown one /> })
        .crumbs(move |t| vec![Crumb::to(t.delivery(), "/delivery"), Crumb::env(env_style, "")]))
}

#[component]
fn Shown(one: One) -> impl IntoView {
    let t = lang();
    let One { delivery, lock, compared_at, administrator, env_style, seen, pictures, coverage, live_query } = one;
    let (of, count) = (delivery.env.name.to_string(), delivery.delivery_times().len());
    let env = of.clone();
    let usual = usual(t, &delivery).map(|usual| view! { <span>{usual}" "{t.delivery_time_of(count)}</span> });
    let compared = match compared_at {
        Some(at) => dated(t.delivery_compared_at(), at),
        None => t.delivery_not_compared().into_any(),
    };
    let again = administrator.then(|| {
        view! {
            <Form action=DeliverAgain::PATH id="again" swap="delivery">
                <Hidden name="env" value=of />
                <p class="quiet">{t.delivery_again_text()}</p>
                <p class="do"><Submit icon=I::Send>{t.delivery_again()}</Submit></p>
            </Form>
        }
    });
    let free = administrator && matches!(lock, LockState::Held(_));
    let free = free.then(|| {
        view! {
            <Form action=FreeLock::PATH id="free-lock" swap="delivery">
                <Hidden name="env" value=env />
                <p class="quiet">{t.delivery_force_unlock_text()}</p>
                <p class="do"><Submit>{t.delivery_force_unlock()}</Submit></p>
            </Form>
        }
    });
    let shown = delivery.clone();
    view! {
        <div id="delivery" data-live=live_query>
            <div class="head">
                <h1>{t.delivery()}" "<EnvTag env=env_style /></h1>
                <p class="facts"><StateOf delivery=shown />{usual}</p>
                <MissingNodes coverage=coverage />
            </div>
            <div class="two state-first">
                <div>
                    <Releases releases=delivery.releases.clone() seen />
                    <Pictures data=pictures />
                </div>
                <div>
                    <DriftList delivery />
                    <Card id="compare" title=t.delivery_comparison()><p class="quiet">{compared}</p>{again}</Card>
                    <Card id="lock" title=t.delivery_lock() term=Term::Lock><Lock lock />{free}</Card>
                </div>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn DriftList(delivery: EnvDelivery) -> impl IntoView {
    let t = lang();
    let drifts = delivery.drifts;
    if drifts.is_empty() {
        return view! {
            <Card id="drifts" title=t.delivery_drift() term=Term::Drift>
                <p class="flag good"><Icon name=I::Ok />{t.delivery_in_sync()}</p>
            </Card>
        }
        .into_any();
    }
    let items = drifts.into_iter().map(move |drift| {
        let name = format!("{} / {}", drift.config.app, drift.config.namespace);
        view! {
            <li>
                <p class="flag warn"><Icon name=I::Warn /><a class="aim" href=paths::config(&drift.config)>{name}</a></p>
                <p class="quiet">{drift.kind.is_unknown().then(|| t.drift_unknown())}" "<When at=drift.since /></p>
            </li>
        }
    });
    view! { <Card id="drifts" title=t.delivery_drift() term=Term::Drift><ul class="list">{items.collect_view()}</ul></Card> }.into_any()
}

#[component]
fn Lock(lock: LockState) -> impl IntoView {
    let t = lang();
    match lock {
        LockState::Free => view! { <p class="quiet">{t.delivery_lock_free()}</p> }.into_any(),
        LockState::Unknown(why) => {
            let why = why.unwrap_or_else(|| t.delayed_because(t.etcd_not_responding()));
            view! { <p class="flag warn"><Icon name=I::Warn />{t.delivery_lock_unknown()}</p><p class="quiet">{why}</p> }
                .into_any()
        }
        LockState::Held(holder) => {
            let node = holder.node.unwrap_or_else(|| t.delivery_lock_other().to_owned());
            let until =
                holder.remaining.map(|left| view! { <p class="quiet">{t.delivery_lock_until(left.as_secs())}</p> });
            let lease = holder.lease.map(|lease| view! { <p class="quiet mono">{t.delivery_lock_lease(&lease)}</p> });
            view! { <p>{t.delivery_lock_held(&node)}</p>{until}{lease} }.into_any()
        }
    }
}

#[component]
fn Releases(releases: Vec<Release>, seen: Vec<(usize, usize)>) -> impl IntoView {
    let t = lang();
    if releases.is_empty() {
        return view! { <Card id="releases" title=t.delivery_releases()><p class="quiet">{t.home_releases_none()}</p></Card> }
            .into_any();
    }
    let rows = releases.into_iter().zip(seen).map(|(release, seen)| view! { <ReleaseRow release seen /> });
    let columns = vec![t.config(), t.delivery_accepted(), t.delivery_delivered(), t.delivery_revision(), t.seen_by()];
    view! {
        <Card id="releases" title=t.delivery_releases() term=Term::Release>
            <Table class="rows plain stacked" columns rows=rows.collect_view() />
        </Card>
    }
    .into_any()
}

#[component]
fn ReleaseRow(release: Release, seen: (usize, usize)) -> impl IntoView {
    let t = lang();
    let name = format!("{} / {} {}", release.config.app, release.config.namespace, release.seq);
    let delivered = match release.delivered_at {
        Some(at) => t.plus_ms(&elapsed(t, at.0 - release.accepted_at.0)).into_any(),
        None => view! { <Badge mood=Mood::Warn>{t.is_accepted()}</Badge> }.into_any(),
    };
    view! {
        <tr>
            <td><a href=paths::release(&release.config, release.seq)>{name}</a></td>
            <td data-th=t.delivery_accepted()>{release.author}" "<span class="quiet"><When at=release.accepted_at /></span></td>
            <td data-th=t.delivery_delivered()>{delivered}</td>
            <td class="quiet mono" data-th=t.delivery_revision()>{release.revision.map(|n| n.to_string())}</td>
            <td class="seen" data-th=t.seen_by()><SeenBy seen /></td>
        </tr>
    }
    .into_any()
}
