//! Comparison of two states of a config: the live one, a release, another environment's or config's, the user's change.

use std::sync::Arc;

use axum::extract::{Query, State};

use super::{
    ConfigPage, ConfigPath, OpenedConfig, page,
    sides::{DifferenceQuery, SideChoice, Sides},
};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::{
        content::Format,
        diff::{Counts, Diff, KeyChange, KeyDiff, Window, WindowRows, keys, lines},
        error::Error,
        names::ConfigId,
        release::Release,
    },
    formats,
    http::problem,
    pages::{PageResult, console::Console},
    service::Compared,
    session::guard::CurrentUser,
    texts::Lang,
};

/// Number of unchanged lines around each difference of a text.
const CONTEXT: usize = 3;
/// Number of keys from which on a difference has links to all of them.
const MIN_JUMP_KEYS: usize = 8;
/// Maximum number of releases offered for comparison.
const OFFERED: u32 = 50;
/// Maximum number of other configs offered for comparison. Any other one can be typed.
const OFFERED_CONFIGS: usize = 300;

/// Data of the page.
struct Comparison {
    opened: Arc<OpenedConfig>,
    sides: Sides,
    compared: Compared,
    releases: Vec<Release>,
    /// Other configs offered for comparison.
    configs: Vec<ConfigId>,
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

    /// Returns the address of the reverse comparison, if there is one.
    fn swapped(&self) -> Option<String> {
        let (config, Sides { left, right }) = self.sides.swapped(&self.opened.view.id)?;
        let path = format!("{}{}", paths::config(&config), ConfigPage::Difference.path());
        let (from, to) = (left.to_string(), right.to_string());
        Some(paths::with(&path, &[("from", &from), ("to", &to), ("view", self.view.as_str())]))
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
    let configs = console.service.comparable_configs(&user.actor, &id, OFFERED_CONFIGS).await?;
    let with = asked.with.trim().to_owned();
    let compared = match with.parse::<ConfigId>() {
        Err(problem) if !with.is_empty() => Err(problem.into()),
        _ => console.service.compare(&user.actor, &left, &right).await,
    };
    let compared = match compared {
        Ok(compared) => compared,
        Err(error @ (Error::NotFound(_) | Error::Invalid(_))) if !with.is_empty() => {
            let status = problem::status(&error);
            let view = move |opened| view! { <Refused opened configs with error /> };
            return Ok(page(opened, ConfigPage::Difference, view).status(status));
        }
        Err(error) => return Err(error.into()),
    };
    let releases = console.service.releases(&user.actor, &id, None, OFFERED).await?;
    let view = DiffView::of(&asked.view);
    let (all, row, kind) = (asked.all.is_some(), asked.row, KeyChange::of(&asked.kind));
    Ok(page(opened, ConfigPage::Difference, move |opened| {
        let shown = Arc::new(Comparison { opened, sides, compared, releases, configs, view, all, row, kind });
        view! { <Difference shown /> }
    }))
}

/// The page of a comparison with a config that is missing, hidden, or of another format.
#[component]
fn Refused(opened: Arc<OpenedConfig>, configs: Vec<ConfigId>, with: String, error: Error) -> impl IntoView {
    view! {
        <Banner mood=Mood::Bad title=lang().error(&error) />
        <ConfigCard opened configs with />
    }
    .into_any()
}

#[component]
fn Difference(shown: Arc<Comparison>) -> impl IntoView {
    let t = lang();
    let Comparison { sides, compared, view, .. } = &*shown;
    if compared.old_seq == 0 && compared.new_seq == 0 && compared.diff.is_empty() {
        return view! {
            <Empty icon=I::Split title=t.nothing_to_compare()><p>{t.nothing_to_compare_text()}</p></Empty>
            <ConfigCard opened=shown.opened.clone() configs=shown.configs.clone() with="" />
        }
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
    let swap = shown
        .swapped()
        .map(|href| view! { <LinkButton href tone=Tone::Bare icon=I::Swap>{t.swap_sides()}</LinkButton> });
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
            {swap}
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
    let left = &shown.sides.left;
    let is_listed = matches!(left, SideChoice::Release(_) | SideChoice::Config(_));
    if is_listed && lefts.iter().all(|(which, _)| which != left) {
        lefts.push((left.clone(), left.name(t, shown.compared.old_seq)));
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

/// Forms to choose any two sides, or another config.
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
    let Comparison { sides, compared, .. } = &*shown;
    for (side, which, seq) in [(&mut from, &sides.left, compared.old_seq), (&mut to, &sides.right, compared.new_seq)] {
        let name = which.to_string();
        if side.iter().all(|(value, _)| *value != name) {
            side.push((name, which.name(t, seq)));
        }
    }
    let (opened, configs) = (shown.opened.clone(), shown.configs.clone());
    let with = if let SideChoice::Config(other) = &sides.left { other.to_string() } else { String::new() };
    let path = format!("{}{}", opened.href, ConfigPage::Difference.path());
    let shown_view = shown.view;
    let view = shown_view.as_str();
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
            <ConfigForm opened configs with view=shown_view />
        </Reveal>
    }
    .into_any()
}

/// The form to choose another config, on a page without a comparison.
#[component]
fn ConfigCard(opened: Arc<OpenedConfig>, configs: Vec<ConfigId>, #[prop(into)] with: String) -> impl IntoView {
    view! {
        <Card id="with" title=lang().compare_config()>
            <ConfigForm opened configs with view=DiffView::default() />
        </Card>
    }
    .into_any()
}

/// Form to choose another config, whose live content is compared.
#[component]
fn ConfigForm(opened: Arc<OpenedConfig>, configs: Vec<ConfigId>, with: String, view: DiffView) -> impl IntoView {
    let t = lang();
    let path = format!("{}{}", opened.href, ConfigPage::Difference.path());
    let options = configs.iter().map(|config| view! { <option value=config.to_string()></option> }).collect_view();
    let view = view.as_str();
    let view = (!view.is_empty()).then(|| view! { <Hidden name="view" value=view /> });
    let (label, note) = (t.compare_config_field(), t.compare_config_note());
    view! {
        <form method="get" action=path class="row choose">
            <Field name="with" label note value=with list="configs" mono=true required=true />
            <datalist id="configs">{options}</datalist>
            {view}
            <Submit>{t.compare_live()}</Submit>
        </form>
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
