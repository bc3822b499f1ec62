//! One release: its changes, the effect of rolling back to it, its content; and the form that rolls back.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{
    ConfigPage, ConfigPath, OpenedConfig,
    change_panel::{EnvNameField, Hunks},
    difference::{DiffBody, ViewedDiff, WayToRows, context, other_rows},
    export,
    items::value_view as value,
    page,
    progress::{DeliveryProgress, elapsed},
};
use crate::{
    api::{paths, publish::RollBack},
    components::{view::*, *},
    domain::{
        content::Content,
        diff::{self, Diff, KeyChange, Window},
        error::Error,
        release::Release,
    },
    formats,
    pages::{PageResult, console::Console},
    service::{Compared, Side},
    session::guard::CurrentUser,
};

/// Maximum number of items on one page.
const MAX_ITEMS: usize = 500;

/// Query parameters of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReleaseViewQuery {
    /// `before`: its changes; `live`: the effect of rolling back to it; `content`: its content.
    show: String,
    /// `split` shows the difference side by side.
    view: String,
    /// Shows unchanged lines too.
    all: Option<String>,
    /// The first row shown.
    row: usize,
    /// Shows only keys of this kind: `added`, `changed` or `removed`.
    kind: String,
}

/// View of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReleaseView {
    Before,
    Live,
    Content,
}

impl ReleaseView {
    fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Live => "live",
            Self::Content => "content",
        }
    }
}

/// Data of the page.
struct ReleasePageData {
    opened: Arc<OpenedConfig>,
    release: Release,
    content: Content,
    /// Difference from the previous release.
    before: Compared,
    /// Difference from the live release to this one: the effect of rolling back.
    back: Compared,
    what: ReleaseView,
    view: DiffView,
    all: bool,
    row: usize,
    kind: Option<KeyChange>,
}

impl ReleasePageData {
    fn link(&self, what: ReleaseView, view: DiffView, all: bool) -> String {
        let path = paths::release(&self.release.config, self.release.seq);
        paths::with(&path, &[("show", what.as_str()), ("view", view.as_str()), ("all", if all { "1" } else { "" })])
    }

    fn is_live(&self) -> bool {
        self.release.seq == self.opened.view.live_seq()
    }
}

pub(super) async fn show(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Path((_, _, _, seq)): Path<(String, String, String, String)>,
    Query(asked): Query<ReleaseViewQuery>,
) -> PageResult {
    let missing = || Error::NotFound(format!("{id} {seq}"));
    let seq: u64 = seq.parse().ok().filter(|seq| *seq > 0).ok_or_else(missing)?;
    let opened = OpenedConfig::load(&console, &user, &id, None).await?;
    let (release, content) = console.service.release_with_content(&user.actor, &id, seq).await?;
    let this = Side::Release(id.clone(), seq);
    let before = console.service.compare(&user.actor, &Side::Release(id.clone(), release.previous), &this).await?;
    let back = console.service.compare(&user.actor, &Side::Live(id.clone()), &this).await?;
    let what = match asked.show.as_str() {
        "content" => ReleaseView::Content,
        "live" if seq != opened.view.live_seq() => ReleaseView::Live,
        _ => ReleaseView::Before,
    };
    let view = DiffView::of(&asked.view);
    let (all, row, kind) = (asked.all.is_some(), asked.row, KeyChange::of(&asked.kind));
    Ok(page(opened, ConfigPage::Releases, move |opened| {
        view! { <One shown=ReleasePageData { opened, release, content, before, back, what, view, all, row, kind } /> }
    }))
}

#[component]
fn One(shown: ReleasePageData) -> impl IntoView {
    let shown = Arc::new(shown);
    let opened = shown.opened.clone();
    let downloads = export::links(&opened, Some(shown.release.seq));
    let live_query = opened.live_query.clone();
    let progress =
        shown.is_live().then(|| view! { <div id="live-way" data-live=live_query><DeliveryProgress opened /></div> });
    view! {
        <About shown=shown.clone() />
        <div class="with-tray">
            <section class="stack">
                <Switches shown=shown.clone() />
                <Main shown=shown.clone() />
            </section>
            <aside class="tray">
                {progress}
                <RollBackCard shown />
                <Card id="export" title=lang().download()>{downloads}</Card>
            </aside>
        </div>
    }
    .into_any()
}

/// Time, author, message and delivery of the release.
#[component]
fn About(shown: Arc<ReleasePageData>) -> impl IntoView {
    let t = lang();
    let release = shown.release.clone();
    let live = shown.is_live().then(|| view! { <Badge mood=Mood::Good>{t.live()}</Badge> });
    let rolled = release.rolled_back_to.map(|to| {
        view! { <a href=paths::release(&release.config, to)><Badge>{t.rolled_back_to(to)}</Badge></a> }
    });
    let delivered = match release.delivered_at {
        Some(at) => view! { <span>{t.delivered_after(&elapsed(t, at.0 - release.accepted_at.0))}</span> }.into_any(),
        None => view! { <span class="warn">{t.not_delivered()}</span> }.into_any(),
    };
    let short: String = release.sha256.chars().take(12).collect();
    view! {
        <div class="about-release">
            <h2>{t.release_title(release.seq)}" "{live}{rolled}</h2>
            {(!release.message.is_empty()).then(|| view! { <p class="message">{release.message.clone()}</p> })}
            <p class="facts">
                <span><When at=release.accepted_at />" "{t.by_author(&release.author)}</span>
                {delivered}
                <span><a href=paths::change(&release.change)>{t.its_change()}</a></span>
                <span>"SHA-256 "<code>{short}</code><CopyButton text=release.sha256 label=t.copy_hash() /></span>
            </p>
        </div>
    }
    .into_any()
}

#[component]
fn Switches(shown: Arc<ReleasePageData>) -> impl IntoView {
    let t = lang();
    let mut tabs = vec![(ReleaseView::Before, t.what_it_changed().to_owned())];
    if !shown.is_live() {
        tabs.push((ReleaseView::Live, t.against_live().to_owned()));
    }
    tabs.push((ReleaseView::Content, t.content().to_owned()));
    let tabs = tabs
        .into_iter()
        .map(|(what, text)| Tab::to(text, shown.link(what, shown.view, false)).when(what == shown.what));
    let by_key = formats::has_keys(shown.opened.view.namespace.format);
    let views = shown.view.choice(by_key, |view| shown.link(shown.what, view, shown.all));
    let views = (shown.what != ReleaseView::Content).then_some(views);
    view! { <div class="bar"><Segments label=t.shown_is() tabs=tabs.collect() />{views}</div> }.into_any()
}

#[component]
fn Main(shown: Arc<ReleasePageData>) -> impl IntoView {
    let t = lang();
    let seq = shown.release.seq;
    let (compared, old) = match shown.what {
        ReleaseView::Content => {
            return match &shown.content {
                Content::Text(text) => {
                    let (text, label) = (text.expose().to_owned(), t.release_title(seq));
                    view! { <div class="document"><Code text label /></div> }.into_any()
                }
                Content::Kv(_) => view! { <ItemTable shown=shown.clone() /> }.into_any(),
            };
        }
        ReleaseView::Before if shown.release.previous == 0 => (&shown.before, t.nothing_yet().to_owned()),
        ReleaseView::Before => (&shown.before, t.release_title(shown.release.previous)),
        ReleaseView::Live => (&shown.back, t.live_release(shown.opened.view.live_seq())),
    };
    let (new, view) = (t.release_title(seq), shown.view);
    let diff = ViewedDiff::of(compared.diff.clone(), shown.opened.view.namespace.format, view);
    let counts = diff.counts();
    let (context, window, kind) = (context(shown.all), Window::after(shown.row), shown.kind);
    let here = shown.link(shown.what, view, shown.all);
    let unfold = shown.link(shown.what, view, true);
    view! { <DiffSummary counts /><DiffBody diff old new context window kind here unfold /> }.into_any()
}

#[component]
fn ItemTable(shown: Arc<ReleasePageData>) -> impl IntoView {
    let t = lang();
    let items = shown.content.items().into_iter().flatten();
    let page = diff::WindowRows {
        from: shown.row,
        rows: items.clone().skip(shown.row).take(MAX_ITEMS).collect(),
        total: items.count(),
        limit: MAX_ITEMS,
    };
    let rest = other_rows(&page, Some(WayToRows::Link(shown.link(ReleaseView::Content, shown.view, false))));
    let rows = page.rows.into_iter().map(|(key, item)| {
        let comment = item.comment.clone();
        let note = (!comment.is_empty()).then(|| view! { <span class="note">{comment}</span> });
        view! {
            <tr>
                <th scope="row">{key.clone()}{note}</th>
                <td class="v">{value(item.value.expose())}</td>
                <td class="type">{item.kind.as_str()}</td>
            </tr>
        }
    });
    view! {
        <div class="sheet">
            <Table class="items" columns=vec![t.key(), t.value(), t.type_field()] rows=rows.collect_view() />
        </div>
        {rest}
    }
    .into_any()
}

/// Rolls back to this release; on the live one, leads to the previous release.
#[component]
fn RollBackCard(shown: Arc<ReleasePageData>) -> impl IntoView {
    let t = lang();
    let opened = &shown.opened;
    if !opened.may_publish() {
        return None;
    }
    let content = if shown.is_live() {
        let before = shown.release.previous;
        if before == 0 {
            return None;
        }
        let href = format!("{}#roll-back", paths::release(&shown.release.config, before));
        view! {
            <p class="quiet">{t.roll_back_text()}</p>
            <LinkButton href icon=I::Undo wide=true>{t.roll_back_to(before)}</LinkButton>
        }
        .into_any()
    } else if shown.back.diff.is_empty() {
        view! { <p class="quiet">{t.same_as_live(opened.view.live_seq())}</p> }.into_any()
    } else {
        view! { <RollBackForm shown=shown.clone() /> }.into_any()
    };
    Some(view! { <Card id="roll-back" title=t.roll_back()>{content}</Card> }.into_any())
}

#[component]
fn RollBackForm(shown: Arc<ReleasePageData>) -> impl IntoView {
    let t = lang();
    let view = &shown.opened.view;
    let (seq, live, protected) = (shown.release.seq, view.live_seq(), view.env.protected);
    let env = view.env.name.to_string();
    let whole = shown.link(ReleaseView::Live, shown.view, false);
    let note = if protected { t.why_required(&env) } else { t.why_optional().to_owned() };
    let diff: Diff = shown.back.diff.clone();
    let counts = diff.counts();
    let config = view.id.to_string();
    let readers = shown.opened.readers.all();
    view! {
        <p class="quiet">{t.roll_back_does(seq, live)}</p>
        <DiffSummary counts />
        <Hunks diff difference=whole />
        <Form action=RollBack::PATH id="back">
            <Hidden name="config" value=config />
            <Hidden name="to" value=seq.to_string() />
            <Hidden name="live" value=live.to_string() />
            <Field name="message" label=t.why() note required=protected />
            {protected.then(|| view! { <EnvNameField env /> })}
            <p class="hint">
                {t.becomes_release(live + 1)}
                {(readers > 0).then(|| view! { " "{t.instances_read(readers)} })}
            </p>
            <Submit tone=Tone::Primary icon=I::Undo wide=true>{t.roll_back_to(seq)}</Submit>
        </Form>
    }
    .into_any()
}
