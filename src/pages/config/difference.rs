//! Comparison of two states of a config: the live one, a release, another environment's, the user's change.

use std::{fmt, sync::Arc};

use axum::extract::{Query, State};
use serde::Deserialize;

use super::{ConfigPage, ConfigPath, OpenedConfig, page};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::{
        content::Format,
        diff::{Counts, Diff, KeyChange, KeyDiff, Window, WindowRows, keys, lines},
        names::{ConfigId, EnvName},
        release::Release,
    },
    formats,
    pages::{PageResult, console::Console},
    service::{Compared, ConfigView, Side},
    session::guard::CurrentUser,
    texts::Lang,
};

/// Number of unchanged lines around each difference of a text.
const CONTEXT: usize = 3;
/// Number of keys from which on a difference has links to all of them.
const MIN_JUMP_KEYS: usize = 8;
/// Maximum number of releases offered for comparison.
const OFFERED: u32 = 50;

/// Query parameters of the comparison.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DifferenceQuery {
    /// The left side: `live`, a release, `env:<name>`.
    from: String,
    /// The right side: `mine`, `live`, a release.
    to: String,
    /// The environment whose live content is the left side.
    env: String,
    /// The name of the [`DiffView`].
    view: String,
    /// Shows unchanged lines too.
    all: Option<String>,
    /// The first row shown.
    row: usize,
    /// Shows only keys of this kind: `added`, `changed` or `removed`.
    kind: String,
}

/// A side of the comparison, as an address names it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SideChoice {
    Live,
    Mine,
    Release(u64),
    Env(EnvName),
}

impl SideChoice {
    fn of(text: &str) -> Option<Self> {
        match text {
            "live" => Some(Self::Live),
            "mine" => Some(Self::Mine),
            _ => match text.strip_prefix("env:") {
                Some(env) => env.parse().ok().map(Self::Env),
                None => text.parse().ok().map(Self::Release),
            },
        }
    }

    fn side(&self, view: &ConfigView) -> Side {
        let id = view.id.clone();
        match (self, &view.mine) {
            (Self::Mine, Some(mine)) => Side::Change(id, mine.change.id.clone()),
            (Self::Live | Self::Mine, _) => Side::Live(id),
            (Self::Release(seq), _) => Side::Release(id, *seq),
            (Self::Env(env), _) => Side::Live(ConfigId { env: env.clone(), ..id }),
        }
    }

    /// Returns the name of the side. `seq` is the number of its release.
    fn name(&self, t: Lang, seq: u64) -> String {
        match self {
            Self::Mine => t.my_change().to_owned(),
            Self::Live | Self::Release(_) if seq == 0 => t.nothing_yet().to_owned(),
            Self::Live => t.live_release(seq),
            Self::Release(_) => t.release_title(seq),
            Self::Env(env) if seq == 0 => t.env_nothing(env.as_str()),
            Self::Env(env) => t.env_release(env.as_str(), seq),
        }
    }
}

impl fmt::Display for SideChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("live"),
            Self::Mine => f.write_str("mine"),
            Self::Release(seq) => write!(f, "{seq}"),
            Self::Env(env) => write!(f, "env:{env}"),
        }
    }
}

/// The compared sides. By default the user's change and the live release, or else the live and the previous release.
struct Sides {
    left: SideChoice,
    right: SideChoice,
}

impl Sides {
    /// Chooses the sides. `live` is the live release's number; `pending` says whether the user's change differs.
    fn of(query: &DifferenceQuery, live: u64, pending: bool) -> Self {
        let usual = if pending { SideChoice::Mine } else { SideChoice::Live };
        let right = SideChoice::of(&query.to).filter(|w| !matches!(w, SideChoice::Env(_))).unwrap_or(usual);
        let before = match right {
            SideChoice::Release(seq) => SideChoice::Release(seq.saturating_sub(1)),
            SideChoice::Live => SideChoice::Release(live.saturating_sub(1)),
            SideChoice::Mine | SideChoice::Env(_) => SideChoice::Live,
        };
        let env = query.env.parse().ok().map(SideChoice::Env);
        let left = env.or_else(|| SideChoice::of(&query.from)).unwrap_or(before);
        Self { left, right }
    }
}

/// Data of the page.
struct Comparison {
    opened: Arc<OpenedConfig>,
    sides: Sides,
    compared: Compared,
    releases: Vec<Release>,
    view: DiffView,
    all: bool,
    row: usize,
    kind: Option<KeyChange>,
}

impl Comparison {
    /// Returns the address of this page with another view, or with all lines.
    fn link(&self, left: &SideChoice, view: DiffView, all: bool) -> String {
        let path = format!("{}{}", self.opened.href, ConfigPage::Difference.path());
        let (left, right) = (left.to_string(), self.sides.right.to_string());
        paths::with(
            &path,
            &[("from", &left), ("to", &right), ("view", view.as_str()), ("all", if all { "1" } else { "" })],
        )
    }
}

pub(super) async fn show(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<DifferenceQuery>,
) -> PageResult {
    let opened = OpenedConfig::load(&console, &user, &id, None).await?;
    let pending = opened.view.mine.as_ref().is_some_and(|mine| !mine.config.diff.is_empty());
    let sides = Sides::of(&asked, opened.view.live_seq(), pending);
    let (left, right) = (sides.left.side(&opened.view), sides.right.side(&opened.view));
    let compared = console.service.compare(&user.actor, &left, &right).await?;
    let releases = console.service.releases(&user.actor, &id, None, OFFERED).await?;
    let view = DiffView::of(&asked.view);
    let (all, row, kind) = (asked.all.is_some(), asked.row, KeyChange::of(&asked.kind));
    Ok(page(opened, ConfigPage::Difference, move |opened| {
        let shown = Arc::new(Comparison { opened, sides, compared, releases, view, all, row, kind });
        view! { <Difference shown /> }
    }))
}

#[component]
fn Difference(shown: Arc<Comparison>) -> impl IntoView {
    let t = lang();
    let Comparison { sides, compared, view, .. } = &*shown;
    if compared.old_seq == 0 && compared.new_seq == 0 && compared.diff.is_empty() {
        return view! { <Empty icon=I::Split title=t.nothing_to_compare()><p>{t.nothing_to_compare_text()}</p></Empty> }
            .into_any();
    }
    let (old, new) = (sides.left.name(t, compared.old_seq), sides.right.name(t, compared.new_seq));
    let format = shown.opened.view.namespace.format;
    let views = view.choice(formats::has_keys(format), |view| shown.link(&sides.left, view, shown.all));
    let (view, window) = (*view, Window::after(shown.row));
    let diff = ViewedDiff::of(compared.diff.clone(), format, view);
    let counts = diff.counts();
    let here = shown.link(&sides.left, view, shown.all);
    let unfold = shown.link(&sides.left, view, true);
    let (context, kind) = (context(shown.all), shown.kind);
    let body = view! { <DiffBody diff old=old.clone() new=new.clone() context window kind here unfold /> };
    view! {
        <div class="bar">
            <CommonComparisons shown=shown.clone() />
            {views}
        </div>
        <div class="versus">
            <p><span class="quiet">{old}</span>" → "<b>{new}</b></p>
            <DiffSummary counts />
            {(counts.total() > 1).then(|| view! { <p class="alive-only quiet keys"><kbd>"n"</kbd><kbd>"p"</kbd>" "{t.next_previous()}</p> })}
            <SideForm shown />
        </div>
        {body}
    }
    .into_any()
}

/// The most frequent comparisons.
#[component]
fn CommonComparisons(shown: Arc<Comparison>) -> impl IntoView {
    let t = lang();
    let view = &shown.opened.view;
    let live = view.live_seq();
    let mut lefts = Vec::new();
    match shown.sides.right {
        SideChoice::Mine => lefts.push((SideChoice::Live, SideChoice::Live.name(t, live))),
        SideChoice::Live if live > 1 => lefts.push((SideChoice::Release(live - 1), t.release_title(live - 1))),
        SideChoice::Release(seq) if seq > 1 => {
            lefts.push((SideChoice::Release(seq - 1), t.release_title(seq - 1)));
        }
        _ => {}
    }
    if let (SideChoice::Release(seq), true) = (&shown.sides.left, lefts.iter().all(|(w, _)| *w != shown.sides.left)) {
        lefts.push((shown.sides.left.clone(), shown.sides.left.name(t, *seq)));
    }
    let mut tabs: Vec<Tab> = lefts
        .into_iter()
        .map(|(which, text)| Tab::to(text, shown.link(&which, shown.view, false)).when(which == shown.sides.left))
        .collect();
    tabs.extend(shown.opened.env_styles().filter(|(env, _)| **env != view.id.env).map(|(env, env_style)| {
        let which = SideChoice::Env(env.clone());
        Tab::env(env_style, shown.link(&which, shown.view, false)).when(which == shown.sides.left)
    }));
    view! { <Segments label=t.compared_with() tabs /> }.into_any()
}

/// Form to choose any two sides.
#[component]
fn SideForm(shown: Arc<Comparison>) -> impl IntoView {
    let t = lang();
    let view = &shown.opened.view;
    let release = |r: &Release| {
        let day = &r.accepted_at.rfc3339()[..10];
        let why: String = r.message.lines().next().unwrap_or_default().chars().take(40).collect();
        (r.seq.to_string(), format!("{} · {day} · {} · {why}", r.seq, r.author))
    };
    let releases: Vec<_> = shown.releases.iter().map(release).collect();
    let live = ("live".to_owned(), SideChoice::Live.name(t, view.live_seq()));
    let mut from = vec![live.clone()];
    from.extend(
        view.envs
            .iter()
            .filter(|e| e.name != view.id.env)
            .map(|e| (format!("env:{}", e.name), t.env_live(e.name.as_str()))),
    );
    from.extend(releases.iter().cloned());
    let mut to: Vec<_> = view.mine.iter().map(|_| ("mine".to_owned(), t.my_change().to_owned())).collect();
    to.push(live);
    to.extend(releases);
    for (side, which) in [(&mut from, &shown.sides.left), (&mut to, &shown.sides.right)] {
        let name = which.to_string();
        if side.iter().all(|(value, _)| *value != name) {
            side.push((name, which.name(t, if let SideChoice::Release(seq) = which { *seq } else { 1 })));
        }
    }
    let path = format!("{}{}", shown.opened.href, ConfigPage::Difference.path());
    let view = shown.view.as_str();
    let view = (!view.is_empty()).then(|| view! { <Hidden name="view" value=view /> });
    let (left, right) = (shown.sides.left.to_string(), shown.sides.right.to_string());
    view! {
        <Reveal summary=t.compare_others()>
            <form method="get" action=path class="row choose">
                <Select name="from" label=t.compare_from() options=from value=left />
                <Select name="to" label=t.compare_to() options=to value=right />
                {view}
                <Submit>{t.compare()}</Submit>
            </form>
        </Reveal>
    }
    .into_any()
}

/// Returns the number of unchanged lines around each difference of a text. `all` shows all lines.
pub(in crate::pages) fn context(all: bool) -> usize {
    if all { usize::MAX / 4 } else { CONTEXT }
}

/// A difference as a view shows it.
pub(in crate::pages) struct ViewedDiff {
    diff: Diff,
    view: DiffView,
    /// Why it shows something else than the view's name says.
    note: Option<fn(Lang) -> &'static str>,
}

impl ViewedDiff {
    /// Compares texts by key if the view says so and they have keys.
    pub fn of(diff: Diff, format: Format, view: DiffView) -> Self {
        let (DiffView::ByKey, Diff::Text { old, new }) = (view, &diff) else { return Self { diff, view, note: None } };
        match formats::diff_by_key(format, old.expose(), new.expose()) {
            Some(keys) => {
                let note = (keys.is_empty() && !diff.is_empty()).then_some(Lang::same_by_key as fn(Lang) -> _);
                Self { diff: Diff::Kv(keys), view, note }
            }
            None => Self { diff, view, note: formats::has_keys(format).then_some(Lang::no_keys_to_compare) },
        }
    }

    /// Counts its keys or lines.
    pub fn counts(&self) -> Counts {
        self.diff.counts()
    }
}

/// Renders a difference.
#[component]
pub(in crate::pages) fn DiffBody(
    /// The difference.
    diff: ViewedDiff,
    /// Name of the left side.
    old: String,
    /// Name of the right side.
    #[prop(into)]
    new: String,
    /// Number of unchanged lines around each difference of a text.
    #[prop(default = CONTEXT)]
    context: usize,
    /// The rows shown.
    #[prop(default = Window::after(0))]
    window: Window,
    /// Shows only keys of this kind.
    #[prop(default = None)]
    kind: Option<KeyChange>,
    /// The config, on a page with several.
    #[prop(optional, into)]
    of: String,
    /// Address of the page with the difference from its first row on, if it has a page of its own.
    #[prop(optional, into)]
    here: Option<String>,
    /// Whether the address takes the form around the difference, instead of a link.
    #[prop(optional)]
    posts: bool,
    /// Address of the page with all lines.
    #[prop(optional, into)]
    unfold: String,
) -> impl IntoView {
    let t = lang();
    let ViewedDiff { diff, view, note } = diff;
    if diff.is_empty() {
        let text = note.map_or(t.same_on_both_sides(), |note| note(t));
        return view! { <Empty icon=I::Ok title=t.no_difference()><p>{text}</p></Empty> }.into_any();
    }
    let way = |here: String| if posts { WayToRows::Post(here) } else { WayToRows::Link(here) };
    let note = note.map(|note| view! { <p class="hint">{note(t)}</p> });
    match diff {
        Diff::Kv(all) => {
            let shown = keys(&all, kind, window);
            let is_long = kind.is_some() || shown.rows.len() < all.len();
            let kinds = here.as_deref().filter(|_| is_long && !posts);
            let kinds =
                kinds.map(|here| view! { <Kinds of counts=Diff::Kv(all).counts() kind here=here.to_owned() /> });
            let here = here.map(|here| paths::with(&here, &[("kind", kind.map_or("", KeyChange::as_str))]));
            let links = here.as_deref().filter(|_| !posts).map(|here| key_links(here, &shown));
            let jump = links.clone().filter(|_| shown.rows.len() >= MIN_JUMP_KEYS);
            let jump = jump.map(|links| jump_list(&links, &shown.rows));
            let rest = other_rows(&shown, here.map(way));
            let keys = match links {
                Some(links) => view! { <DiffKv keys=shown.rows view old new links /> }.into_any(),
                None => view! { <DiffKv keys=shown.rows view old new /> }.into_any(),
            };
            view! { {kinds}{jump}{keys}{rest} }.into_any()
        }
        Diff::Text { old: was, new: is } => {
            let shown = lines(was.expose(), is.expose(), context, window);
            let rest = other_rows(&shown, here.map(way));
            view! { {note}<DiffText rows=shown.rows view old new unfold />{rest} }.into_any()
        }
    }
}

/// Returns the links to the keys of a page. `here` may lead to a part of the page.
fn key_links(here: &str, shown: &WindowRows<KeyDiff>) -> KeyLinks {
    let row = if shown.from == 0 { String::new() } else { shown.from.to_string() };
    let (page, part) = here.split_once('#').unwrap_or((here, ""));
    let prefix = if part.is_empty() { String::new() } else { format!("{part}-") };
    KeyLinks { prefix, address: paths::with(page, &[("row", &row)]) }
}

/// Links to all keys of a page, folded.
fn jump_list(links: &KeyLinks, keys: &[KeyDiff]) -> AnyView {
    let items = keys.iter().map(|key| {
        let class = format!("mono {}", key.kind().as_str());
        view! { <li class=class><a href=links.href(&key.key)>{key.key.clone()}</a></li> }
    });
    let items = items.collect_view();
    view! {
        <details class="reveal jump">
            <summary><Icon name=I::Down />{lang().jump_to_key()}</summary>
            <ul class="in">{items}</ul>
        </details>
    }
    .into_any()
}

/// Links that show only the keys of one kind, for a difference of many keys.
#[component]
fn Kinds(of: String, counts: Counts, kind: Option<KeyChange>, here: String) -> impl IntoView {
    let t = lang();
    let label = [t.kinds_of_change(), &of].join(" ").trim_end().to_owned();
    let mut tabs = vec![Tab::to(t.all_kinds(), here.clone()).count(counts.total() as u64).when(kind.is_none())];
    for this in KeyChange::ALL.into_iter().filter(|this| counts.of(*this) > 0) {
        let href = paths::with(&here, &[("kind", this.as_str())]);
        tabs.push(Tab::to(kind_label(this), href).count(counts.of(this) as u64).when(kind == Some(this)));
    }
    view! { <div class="bar"><Segments label tabs /></div> }
}

/// The way to the other rows of a page.
#[derive(Clone, Debug)]
pub(in crate::pages) enum WayToRows {
    /// A link to this address.
    Link(String),
    /// The form around the rows, posted to this address.
    Post(String),
}

impl WayToRows {
    /// Returns a link or button to the page that begins with this row.
    fn button(&self, row: usize, text: &'static str) -> AnyView {
        let row = if row == 0 { String::new() } else { row.to_string() };
        let at = |here: &str| paths::with(here, &[("row", &row)]);
        match self {
            Self::Link(here) => view! { <LinkButton href=at(here)>{text}</LinkButton> }.into_any(),
            Self::Post(here) => view! {
                <button type="submit" class=Tone::Plain.class() formaction=at(here) formenctype="multipart/form-data">{text}</button>
            }
            .into_any(),
        }
    }
}

/// Renders the position of rows among all, and the way to those before and after them. Without a way, only the number
/// of rows left.
pub(in crate::pages) fn other_rows<T>(shown: &WindowRows<T>, way: Option<WayToRows>) -> Option<AnyView> {
    let t = lang();
    let left = shown.remaining();
    let Some(way) = way else {
        return (left > 0).then(|| view! { <p class="cut">{t.more_not_shown(left)}</p> }.into_any());
    };
    let previous = (shown.from > 0).then(|| way.button(shown.previous_row(), t.show_previous()));
    let next = (left > 0).then(|| way.button(shown.next_row(), t.show_next()));
    if previous.is_none() && next.is_none() {
        return None;
    }
    let position = (!shown.rows.is_empty()).then(|| t.rows_of(shown.from + 1, shown.next_row(), shown.total));
    Some(view! { <p class="cut">{previous}<span>{position}</span>{next}</p> }.into_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(query: &str, live: u64, pending: bool) -> String {
        let Query(asked) = Query::try_from_uri(&format!("/?{query}").parse().unwrap()).unwrap();
        let Sides { left, right } = Sides::of(&asked, live, pending);
        format!("{left} {right}")
    }

    #[test]
    fn own_change_is_compared_with_the_live_release() {
        assert_eq!(sides("", 4, true), "live mine");
        assert_eq!(sides("from=2", 4, true), "2 mine");
        assert_eq!(sides("env=staging", 4, true), "env:staging mine");
    }

    #[test]
    fn without_a_change_a_release_is_compared_with_the_previous_one() {
        assert_eq!(sides("", 4, false), "3 live");
        assert_eq!(sides("", 0, false), "0 live");
        assert_eq!(sides("to=3", 4, true), "2 3");
        assert_eq!(sides("from=env:dev&to=2", 4, true), "env:dev 2");
    }

    #[test]
    fn invalid_parameters_are_ignored() {
        assert_eq!(sides("from=-1&to=env:dev&env=Not+A+Name", 4, true), "live mine");
    }
}
