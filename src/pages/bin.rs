//! The recycle bin: archived objects with their end, and a page that removes one for good.

use std::collections::HashMap;

use axum::{
    Router,
    extract::{Path, Query, State},
    routing::get,
};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{
    Page, PageResult,
    console::Console,
    shared::{MissingNodes, ReauthField},
};
use crate::{
    api::{
        bin::{RemoveForGood, Restore},
        paths,
    },
    components::{view::*, *},
    domain::{
        bin::{Archived, BinObject},
        error::Error,
        time::Time,
    },
    reader::{instances::Instance, nodes::NodeCoverage},
    service::RemovalPreview,
    session::guard::{CurrentUser, RecentlyAuthenticated},
    texts::Lang,
};

/// Number of objects on one page.
const PAGE: usize = 50;
/// Maximum number of configs, and of instances, that the page of a removal names.
const NAMED: usize = 50;

/// `/bin`, `/bin/{kind}/{name}`.
pub fn routes() -> Router<Console> {
    Router::new().route(paths::BIN, get(list)).route("/bin/{kind}/{*name}", get(one))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BinQuery {
    /// Number of the page, from 0.
    page: usize,
}

/// An object in the bin, with the time of its removal for good.
struct BinItem {
    archived: Archived,
    removed_at: Option<Time>,
}

async fn list(State(console): State<Console>, who: CurrentUser, Query(asked): Query<BinQuery>) -> PageResult {
    let mut found = console.service.bin(&who.actor, asked.page.saturating_mul(PAGE), PAGE + 1).await?;
    let address = |page: usize| paths::with(paths::BIN, &[("page", &page.to_string())]);
    let older = (found.len() > PAGE).then(|| address(asked.page + 1));
    let newer = asked.page.checked_sub(1).map(address);
    found.truncate(PAGE);
    let items = found.into_iter().map(|archived| {
        let removed_at = console.service.removed_at(&archived);
        BinItem { archived, removed_at }
    });
    let items: Vec<BinItem> = items.collect();
    let (days, may_remove) = (console.service.bin_days(), who.actor.may_remove().is_ok());
    Ok(Page::new(|t| t.bin().to_owned(), move || view! { <Bin items days may_remove newer older /> })
        .crumbs(|t| vec![Crumb::here(t.bin())]))
}

#[component]
fn Bin(
    items: Vec<BinItem>,
    /// Days for which objects are kept. 0 keeps them for ever.
    days: u32,
    may_remove: bool,
    newer: Option<String>,
    older: Option<String>,
) -> impl IntoView {
    let t = lang();
    let table = if items.is_empty() {
        view! { <Empty icon=I::Trash title=t.bin_none()><p>{t.bin_none_text()}</p></Empty> }.into_any()
    } else {
        let rows = items.into_iter().map(|item| view! { <Row item may_remove /> }).collect_view();
        let columns = vec![t.name(), t.bin_kind(), t.bin_archived_by(), t.bin_removed_for_good()];
        view! {
            <div class="sheet">
                <Table class="rows stacked bin" id="bin-table" columns actions=t.actions() rows />
            </div>
        }
        .into_any()
    };
    let keeps = if days == 0 { t.bin_keeps_ever().to_owned() } else { t.bin_keeps(days) };
    view! {
        <Head title=t.bin() />
        <p class="lead">{t.bin_lead()}" "{keeps}</p>
        <section id="bin">{table}<Pager of=t.bin() newer older /></section>
    }
    .into_any()
}

#[component]
fn Row(item: BinItem, may_remove: bool) -> impl IntoView {
    let t = lang();
    let BinItem { archived: Archived { object, title, at, by }, removed_at } = item;
    let (kind, name) = (object.kind(), object.to_string());
    let title = (!title.is_empty()).then(|| view! { " "<span class="quiet">{title}</span> });
    let by = (!by.is_empty()).then(|| view! { " "<span class="quiet">{t.bin_by(&by)}</span> });
    let now = use_context::<RenderedAt>().map_or(Time(0), |now| now.0);
    let end = match removed_at {
        Some(end) if end <= now => view! { {t.bin_soon()} }.into_any(),
        Some(end) => view! { <When at=end fixed=true /> }.into_any(),
        None => view! { <span class="quiet">{t.bin_not_removed()}</span> }.into_any(),
    };
    let remove = may_remove.then(|| {
        view! {
            <LinkButton href=paths::removal(&object) tone=Tone::Bare icon=I::Trash>{t.remove_for_good()}</LinkButton>
        }
    });
    let form = format!("restore-{kind}-{}", name.replace('/', "-"));
    view! {
        <tr>
            <td><b class="mono">{name.clone()}</b>{title}</td>
            <td data-th=t.bin_kind()>{kind_label(t, &object)}</td>
            <td data-th=t.bin_archived_by()><When at />{by}</td>
            <td data-th=t.bin_removed_for_good()>{end}</td>
            <td class="num acts">
                <Form action=Restore::PATH id=form swap="bin">
                    <Hidden name="kind" value=kind />
                    <Hidden name="name" value=name />
                    <Submit tone=Tone::Bare icon=I::Undo>{t.restore()}</Submit>
                </Form>
                {remove}
            </td>
        </tr>
    }
    .into_any()
}

fn kind_label(t: Lang, object: &BinObject) -> &'static str {
    match object {
        BinObject::Env(_) => t.kind_env(),
        BinObject::App(_) => t.kind_app(),
        BinObject::Namespace(..) => t.kind_namespace(),
    }
}

/// Data of the page that removes an object for good.
struct RemovalPage {
    preview: RemovalPreview,
    /// Instances that read a config of the object, the last read first, each once.
    instances: Vec<Instance>,
    /// Number of these, with those that nodes count without a name.
    instance_count: usize,
    coverage: NodeCoverage,
    fresh: bool,
}

async fn one(
    State(console): State<Console>,
    who: CurrentUser,
    RecentlyAuthenticated(fresh): RecentlyAuthenticated,
    Path((kind, name)): Path<(String, String)>,
) -> PageResult {
    let object = BinObject::parse(&kind, &name).map_err(|_| Error::NotFound(name))?;
    let preview = console.service.removal(&who.actor, &object).await?;
    let scope = object.scope();
    let looking = console.nodes.query(&who.account.id, scope.clone());
    let coverage = looking.coverage().await;
    let mut instances: HashMap<String, Instance> = HashMap::new();
    let mut unnamed = 0;
    for (_, readers) in console.nodes.under(&scope) {
        unnamed += readers.unnamed();
        for instance in readers.instances {
            let is_later = instances.get(&instance.name).is_none_or(|held| held.seen_at < instance.seen_at);
            if is_later {
                instances.insert(instance.name.clone(), instance);
            }
        }
    }
    let mut instances: Vec<Instance> = instances.into_values().collect();
    instances.sort_by(|a, b| (b.seen_at, &a.name).cmp(&(a.seen_at, &b.name)));
    let instance_count = instances.len() + unnamed;
    instances.truncate(NAMED);
    let page = RemovalPage { preview, instances, instance_count, coverage, fresh };
    let title = object.to_string();
    let crumb = title.clone();
    Ok(Page::new(move |t| t.remove_title(&title), move || view! { <Remove page /> })
        .crumbs(move |t| vec![Crumb::to(t.bin(), paths::BIN), Crumb::here(crumb.as_str())]))
}

#[component]
fn Remove(page: RemovalPage) -> impl IntoView {
    let t = lang();
    let RemovalPage { preview, instances, instance_count, coverage, fresh } = page;
    let RemovalPreview { archived: Archived { object, at, by, .. }, configs, changes, earlier } = preview;
    let (kind, name) = (object.kind(), object.to_string());
    let by = (!by.is_empty()).then(|| view! { " "{t.bin_by(&by)} });
    let shown = configs.iter().take(NAMED).map(|id| view! { <li class="mono">{id.to_string()}</li> }).collect_view();
    let more = configs.len().saturating_sub(NAMED);
    let what = match configs.len() {
        0 => view! { <p>{t.remove_no_configs()}</p> }.into_any(),
        n => view! { <p>{t.remove_configs(n)}</p><ul class="list plain">{shown}<More n=more /></ul> }.into_any(),
    };
    let changes = (!changes.is_empty()).then(|| {
        let items = changes.into_iter().map(|change| {
            let title = change.message.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
            let title = title.unwrap_or_else(|| t.change_untitled().to_owned());
            let author = view! { <b>{change.author_name}</b> }.into_any();
            view! { <li><a href=paths::change(&change.id)>{title}</a>" "{sentence(t.change_by(), [author])}</li> }
        });
        let items = items.collect_view();
        view! {
            <Card id="changes" title=t.remove_changes()>
                <p>{t.remove_changes_text()}</p>
                <ul class="list plain">{items}</ul>
            </Card>
        }
    });
    let earlier = (!earlier.is_empty()).then(|| {
        let count = earlier.len();
        let items = earlier.into_iter().map(|(removal, _)| {
            let id = view! { <code>{removal.id.to_string()}</code> }.into_any();
            let at = view! { <When at=removal.at /> }.into_any();
            view! { <li>{sentence(t.remove_earlier_one(), [at, id])}</li> }
        });
        let items = items.collect_view();
        view! { <Card id="earlier" title=t.remove_earlier(count)><ul class="list plain">{items}</ul></Card> }
    });
    view! {
        <div class="column">
            <Head title=t.remove_title(&name) tag=kind_label(t, &object) />
            <p class="lead">{dated(t.archived_since(), at)}{by}</p>
            <Card id="what" title=t.remove_for_good()>
                <p>{t.remove_text()}</p>
                <p>{t.remove_rights()}</p>
                {what}
            </Card>
            <ReadersCard instances count=instance_count coverage />
            {changes}
            {earlier}
            <Form action=RemoveForGood::PATH class="card">
                <Hidden name="kind" value=kind />
                <Hidden name="name" value=name.clone() />
                <Field name="confirm" label=t.remove_type(&name) placeholder=name.clone() mono=true required=true />
                <ReauthField fresh />
                <p class="do">
                    <Submit tone=Tone::Danger icon=I::Trash>{t.remove_for_good()}</Submit>
                    <LinkButton href=paths::BIN>{t.cancel()}</LinkButton>
                </p>
            </Form>
        </div>
    }
    .into_any()
}

#[component]
fn ReadersCard(instances: Vec<Instance>, count: usize, coverage: NodeCoverage) -> impl IntoView {
    let t = lang();
    let more = count.saturating_sub(instances.len());
    let items = instances.into_iter().map(|instance| {
        view! {
            <li>
                <span class="mono">{instance.name}</span>" "
                <span class="quiet">{instance.client}</span>" "
                <span class="quiet push"><When at=instance.seen_at /></span>
            </li>
        }
    });
    let items = items.collect_view();
    let said = match count {
        0 => view! { <p>{t.remove_readers_none()}</p> }.into_any(),
        n => view! {
            <p class="flag warn"><Icon name=I::Warn /><span>{t.remove_readers_count(n)}</span></p>
            <ul class="list plain" id="readers">{items}<More n=more /></ul>
        }
        .into_any(),
    };
    view! { <Card id="reading" title=t.remove_readers()>{said}<MissingNodes coverage /></Card> }.into_any()
}

/// The number of items that a list leaves out.
#[component]
fn More(n: usize) -> impl IntoView {
    (n > 0).then(|| view! { <li class="quiet">{lang().and_more(n)}</li> })
}
