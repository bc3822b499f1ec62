//! The items of a config: a table with the user's edits in it, and the user's change beside it.

use std::{collections::HashMap, ops::Range, sync::Arc};

use axum::extract::{Query, State};

use super::{
    ConfigPath, ContentQuery, OpenedConfig,
    change_panel::{ChangePanel, ChangePanelLink},
    conflicts::Conflicts,
    edit::{EditForm, refused_key},
    link_start,
    selected::{self, SelectionBar},
};
use crate::{
    api::paths::{self, Encoded},
    components::{view::*, *},
    domain::{
        content::Item,
        diff::{self, KeyChange},
        time::Time,
        unseen::Unseen,
    },
    pages::{Page, PageResult, console::Console},
    service::{ItemRow, filter_words, item_rows, other_edits},
    session::guard::CurrentUser,
};

/// Number of rows on a page of a long table. A table with no more rows is not long: its page has all of them.
const PAGE_ROWS: usize = 500;
/// Number of rows in a response to the island.
const FETCHED_ROWS: usize = 4 * BODY_ROWS;
/// Maximum length of a key that is never wrapped in its column, in bytes.
const MAX_UNWRAPPED_KEY: usize = 20;
/// Maximum length of a changed value that is shown whole, old and new, in bytes.
const MAX_WHOLE_VALUE: usize = 120;

/// The page of a config's items.
#[component]
pub fn Items(opened: Arc<OpenedConfig>, asked: ContentQuery) -> impl IntoView {
    let asked = ContentQuery { edit: refused_key().or(asked.edit), ..asked };
    let editing = opened.may_edit() && (asked.edit.is_some() || asked.add.is_some());
    let selection = opened.may_edit().then(|| view! { <SelectionBar opened=opened.clone() q=asked.q.clone() /> });
    view! {
        <Conflicts opened=opened.clone() />
        <div class="with-tray">
            <section class="stack" aria-label=lang().items_of(&opened.view.id.to_string())>
                <ItemTable opened=opened.clone() asked />
                {selection}
                <ChangePanelLink opened=opened.clone() />
            </section>
            <ChangePanel opened editing />
        </div>
    }
    .into_any()
}

#[component]
fn ItemTable(opened: Arc<OpenedConfig>, asked: ContentQuery) -> impl IntoView {
    let t = lang();
    let others = other_edits(&opened.view);
    let all = item_rows(&opened.view, &others);
    let total = all.len();
    // If the key in the address does not exist yet, the page shows the form for a new key.
    let named = asked.edit.as_deref().filter(|_| opened.may_edit());
    let adding = named.filter(|key| !all.iter().any(|row| row.key == *key)).or(asked.add.as_deref());
    let add = adding.filter(|_| opened.may_edit()).map(|key| {
        let key = key.to_owned();
        view! { <EditForm opened=opened.clone() key lines=asked.lines.is_some() q=asked.q.clone() /> }
    });
    if all.is_empty() {
        return view! { {add}{adding.is_none().then(|| view! { <Nothing opened=opened.clone() /> })} }.into_any();
    }
    let base = link_start(&opened);
    let as_text = if opened.may_edit() { t.edit_as_text() } else { t.view_as_text() };
    let as_text_href = paths::with(&format!("{}/text", opened.href), &[("change", &asked.change)]);
    let as_text = view! { <LinkButton href=as_text_href icon=I::Log>{as_text}</LinkButton> };
    let tools = opened.may_edit().then(|| {
        view! {
            <LinkButton href=format!("{}/import", opened.href) icon=I::Import>{t.paste_or_import()}</LinkButton>
            <LinkButton href=format!("{base}?add=#edit") icon=I::Plus>{t.add_key()}</LinkButton>
        }
    });
    let hint = (total > PAGE_ROWS).then(|| view! { <p class="hint alive-only">{t.long_table_hint()}</p> });
    let table = if total > PAGE_ROWS { long_table(&opened, &asked, all) } else { short_table(&opened, &asked, &all) };
    view! {
        <div class="bar">
            <FilterBox of="items" label=t.filter_keys(total) value=asked.q.clone() with=vec![("change", asked.change.clone())] />
            <p class="tools push">{as_text}{tools}</p>
        </div>
        {hint}
        {add}
        {table}
    }
    .into_any()
}

fn columns() -> Vec<&'static str> {
    let t = lang();
    vec![t.key(), t.value(), t.type_field(), t.last_change()]
}

/// Renders all rows. Some are hidden, so that the filter can show them without a request.
fn short_table(opened: &Arc<OpenedConfig>, asked: &ContentQuery, all: &[ItemRow<'_>]) -> AnyView {
    let words = filter_words(&asked.q);
    let mut renderer = RowRenderer::new(opened, asked, link_start(opened));
    let body: Vec<AnyView> = all
        .iter()
        .map(|row| match renderer.is_open(row) {
            true => renderer.open(row, None),
            false => renderer.row(row, None, !row.has(&words)),
        })
        .collect();
    // This note is for browsers without scripts. With scripts, the filter itself shows and removes such a note.
    let found = all.iter().any(|row| row.has(&words));
    view! {
        <div class="sheet"><Table class="items" id="items" pick=renderer.pick_all() cells=renderer.cells() columns=columns() rows=body /></div>
        {(!found).then(|| no_matches(opened))}
    }
    .into_any()
}

/// Renders one page of the rows that the filter matches. With scripts, the island shows all pages as one table.
fn long_table(opened: &Arc<OpenedConfig>, asked: &ContentQuery, all: Vec<ItemRow<'_>>) -> AnyView {
    let total = all.len();
    let mut renderer = RowRenderer::new(opened, asked, link_start(opened));
    let matching = renderer.matching(all);
    let current = renderer.page_of(&matching);
    let first = current * PAGE_ROWS;
    let shown = first..matching.len().min(first + PAGE_ROWS);
    let position = lang().rows_shown(shown.start + 1, shown.end, matching.len());
    let page = |n: usize| {
        let page = if n == 0 { String::new() } else { (n + 1).to_string() };
        paths::with(&opened.href, &[("change", &asked.change), ("q", &asked.q), ("page", &page)])
    };
    let hrefs = (0..matching.len().div_ceil(PAGE_ROWS)).map(page).collect();
    let long = renderer.long(matching.len(), total);
    let bodies = renderer.bodies(&matching, shown);
    let below = if matching.is_empty() {
        no_matches(opened)
    } else {
        view! { <PageNumbers of=lang().keys_word() table="items" position hrefs current /> }.into_any()
    };
    view! {
        <div class="sheet"><Table class="items" id="items" pick=renderer.pick_all() cells=renderer.cells() columns=columns() long rows=bodies /></div>
        {below}
    }
    .into_any()
}

fn no_matches(opened: &OpenedConfig) -> AnyView {
    let (t, all) = (lang(), opened.href.clone());
    view! { <noscript><p class="cut">{t.filter_none()}<LinkButton href=all>{t.show_all()}</LinkButton></p></noscript> }
        .into_any()
}

/// `…/rows`: a part of a long table, for the island that shows the whole table.
pub(super) async fn show_rows(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<ContentQuery>,
) -> PageResult {
    let opened = Arc::new(OpenedConfig::load(&console, &user, &id, asked.change.parse().ok().as_ref()).await?);
    let view = move || {
        let others = other_edits(&opened.view);
        let all = item_rows(&opened.view, &others);
        let total = all.len();
        // The page may be at another address than that of the config.
        let mut renderer = RowRenderer::new(&opened, &asked, opened.href.clone());
        let matching = renderer.matching(all);
        let first = asked.from.min(matching.len()) / BODY_ROWS * BODY_ROWS;
        let long = renderer.long(matching.len(), total);
        let bodies = renderer.bodies(&matching, first..matching.len().min(first + FETCHED_ROWS));
        view! { <Table class="items" columns=Vec::new() long rows=bodies /> }
    };
    Ok(Page::new(|_| String::new(), view).fragment())
}

#[component]
fn Nothing(opened: Arc<OpenedConfig>) -> impl IntoView {
    let t = lang();
    if !opened.may_edit() {
        return view! { <Empty icon=I::Rows title=t.no_keys_title()><p>{t.no_keys_viewer()}</p></Empty> }.into_any();
    }
    view! {
        <Empty icon=I::Rows title=t.no_keys_title()>
            <p>{t.no_keys_text()}</p>
            <p class="do">
                <LinkButton href=format!("{}?add=#edit", opened.href) tone=Tone::Primary icon=I::Plus>{t.add_key()}</LinkButton>
                <LinkButton href=format!("{}/import", opened.href) icon=I::Import>{t.paste_or_import()}</LinkButton>
            </p>
        </Empty>
    }
    .into_any()
}

/// Renders rows. Parts that many rows share are made once.
struct RowRenderer<'a> {
    opened: &'a Arc<OpenedConfig>,
    asked: &'a ContentQuery,
    /// Start of the links of rows.
    base: String,
    /// Their end, with the filter.
    query: String,
    editable: bool,
    /// The refused form of the selected keys.
    refused: Option<RefusedForm>,
    since: HashMap<u64, Option<(Time, String, String, bool)>>,
}

impl<'a> RowRenderer<'a> {
    fn new(opened: &'a Arc<OpenedConfig>, asked: &'a ContentQuery, base: String) -> Self {
        let query = if asked.q.is_empty() { String::new() } else { format!("&q={}", Encoded(&asked.q)) };
        Self {
            opened,
            asked,
            base,
            query,
            editable: opened.may_edit(),
            refused: selected::refused(),
            since: HashMap::new(),
        }
    }

    /// Returns whether the refused form has selected a key.
    fn was_selected(&self, field: &str, key: &str) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.has_sent(field, key))
    }

    /// Renders the heading of the checkboxes.
    fn pick_all(&self) -> Option<AnyView> {
        let checked = self.was_selected("all", "true");
        self.editable.then(|| view! { <PickAll form=selected::FORM checked /> }.into_any())
    }

    /// Returns the address of the form for a value in its row.
    fn cells(&self) -> Option<String> {
        let address = || paths::with(&format!("{}/cell", self.opened.href), &[("change", &self.asked.change)]);
        self.editable.then(address)
    }

    /// Returns whether the form of the row is open.
    fn is_open(&self, row: &ItemRow<'_>) -> bool {
        self.editable && self.asked.edit.as_deref() == Some(row.key)
    }

    /// Returns the rows that the filter matches, and the open one.
    fn matching<'r>(&self, all: Vec<ItemRow<'r>>) -> Vec<ItemRow<'r>> {
        let words = filter_words(&self.asked.q);
        all.into_iter().filter(|row| self.is_open(row) || row.has(&words)).collect()
    }

    /// Returns the index of the page that the address asks for.
    fn page_of(&self, rows: &[ItemRow<'_>]) -> usize {
        let open = rows.iter().position(|row| self.is_open(row));
        let named = open.or_else(|| rows.iter().position(|row| row.key == self.asked.at));
        let last = rows.len().saturating_sub(1) / PAGE_ROWS;
        named.map_or(self.asked.page.saturating_sub(1), |row| row / PAGE_ROWS).min(last)
    }

    /// Describes the table, of which this renders a part.
    fn long(&self, matching: usize, all: usize) -> LongTable {
        let (path, edit) = (format!("{}/rows", self.opened.href), self.asked.edit.as_deref().unwrap_or_default());
        let rows_href = paths::with(&path, &[("change", &self.asked.change), ("edit", edit)]);
        LongTable { rows_href, matching, all }
    }

    /// Renders the rows with these indices, as table bodies. The first index is a multiple of [`BODY_ROWS`].
    fn bodies(&mut self, rows: &[ItemRow<'_>], shown: Range<usize>) -> Vec<AnyView> {
        let end = shown.end;
        let body = |first: usize| {
            let row = |n: usize| match self.is_open(&rows[n]) {
                true => self.open(&rows[n], Some(n)),
                false => self.row(&rows[n], Some(n), false),
            };
            let rows: Vec<AnyView> = (first..end.min(first + BODY_ROWS)).map(row).collect();
            let number = first / BODY_ROWS;
            view! { <tbody data-body=number>{rows}</tbody> }.into_any()
        };
        shown.step_by(BODY_ROWS).map(body).collect()
    }

    /// Renders a row. `index` is its place in a long table.
    fn row(&mut self, row: &ItemRow<'_>, index: Option<usize>, hidden: bool) -> AnyView {
        let kind = row.kind();
        let key = row.key.to_owned();
        let key = if self.editable {
            let href = format!("{}?edit={}{}#edit", self.base, Encoded(row.key), self.query);
            view! { <a href=href>{wrapped_key(key)}</a> }.into_any()
        } else {
            wrapped_key(key)
        };
        let item = row.item();
        let note =
            item.filter(|i| !i.comment.is_empty()).map(|i| view! { <span class="note">{i.comment.clone()}</span> });
        let class = kind.map(KeyChange::as_str).or((!row.others.is_empty()).then_some("others"));
        let id = (self.asked.at == row.key).then_some("at");
        let pick = self.editable.then(|| {
            let listed = || self.was_selected("all", "true") && !self.was_selected("except[]", row.key);
            let checked = self.was_selected("keys[]", row.key) || listed();
            view! { <Pick form=selected::FORM key=row.key.to_owned() checked /> }
        });
        view! {
            <tr class=class id=id hidden=hidden aria-rowindex=row_index(index)>
                {pick}
                <th scope="row">{key}{note}</th>
                <td class="v">{item_change(row.old, row.new)}</td>
                <td class="type">{item.map(|i| i.kind.as_str())}</td>
                <td class="when">{self.when(row, kind)}</td>
            </tr>
        }
        .into_any()
    }

    /// Renders the row whose form is open.
    fn open(&self, row: &ItemRow<'_>, index: Option<usize>) -> AnyView {
        let (opened, key, q) = (self.opened.clone(), row.key.to_owned(), self.asked.q.clone());
        view! {
            <tr class="editing" aria-rowindex=row_index(index)>
                <td colspan="5"><EditForm opened key lines=self.asked.lines.is_some() q /></td>
            </tr>
        }
        .into_any()
    }

    fn when(&mut self, row: &ItemRow<'_>, kind: Option<KeyChange>) -> AnyView {
        let t = lang();
        let others = (!row.others.is_empty()).then(|| {
            let other = |(change, removes): &(&crate::domain::change::Change, bool)| {
                let name = &change.author_name;
                let says = if *removes { t.is_removing(name) } else { t.is_editing(name) };
                view! { <a class="other" href=paths::change(&change.id)>{says}</a> }
            };
            row.others.iter().map(other).collect_view()
        });
        let Some((kind, edit)) = kind.zip(row.edit) else {
            let since = row.old.map_or(0, |item| item.since);
            return view! { {self.released(row.key, since)}{others} }.into_any();
        };
        let conflict = row.conflict.then(|| view! { <Badge mood=Mood::Bad>{t.in_conflict()}</Badge> });
        view! { {conflict}<span class="state">{kind_label(kind)}</span>{t.by_you()}<When at=edit.at />{others} }
            .into_any()
    }

    /// Renders the time and the author of the release that last changed a key.
    fn released(&mut self, key: &str, seq: u64) -> Option<AnyView> {
        let history = self.opened.history_of(key);
        const DAY: i64 = 24 * 3_600_000;
        let authors = &self.opened.view.authors;
        let known = self.since.entry(seq).or_insert_with(|| {
            let (author, at) = authors.get(&seq)?;
            let now = use_context::<RenderedAt>().map_or(*at, |now| now.0);
            let fresh = now.0 - at.0 < DAY;
            Some((*at, relative(lang(), *at, now), author.clone(), fresh))
        });
        let (at, text, author, fresh) = known.as_ref()?;
        let by = format!("{}{author}", lang().comma());
        let title = lang().release_title(seq);
        let release = paths::release(&self.opened.view.id, seq);
        let release = view! { " "<a class="seq" href=release title=title.clone() aria-label=title>{seq}</a> };
        let history_of = view! { <span class="visually-hidden">{lang().key_history_link()}": "</span> };
        // The browser updates only times of the last day; older ones hardly change while the page is open.
        Some(if *fresh {
            view! { <a href=history>{history_of}<When at=*at />{by}</a>{release} }.into_any()
        } else {
            view! { <a href=history>{history_of}<time datetime=at.rfc3339()>{text.clone()}</time>{by}</a>{release} }
                .into_any()
        })
    }
}

/// Returns the `aria-rowindex` of a row. The heading is row 1.
fn row_index(index: Option<usize>) -> Option<usize> {
    index.map(|index| index + 2)
}

/// Renders the value of an item, and the changed words if it has an old and a new one.
pub(super) fn item_change(old: Option<&Item>, new: Option<&Item>) -> AnyView {
    let (Some(old), Some(new)) = (old, new) else {
        return new.or(old).map_or_else(|| ().into_any(), |item| value_view(item.value.expose()));
    };
    if old.value == new.value {
        return value_view(new.value.expose());
    }
    let short = |item: &Item| item.value.expose().len() <= MAX_WHOLE_VALUE && !item.value.expose().contains('\n');
    if short(old) && short(new) {
        let (old, new) = (old.value.expose().to_owned(), new.value.expose().to_owned());
        return view! {
            <Marked value=old.clone()><del>{old}</del></Marked>
            " "
            <Marked value=new.clone()><ins>{new}</ins></Marked>
        }
        .into_any();
    }
    let (left, right) = diff::words(old.value.expose(), new.value.expose());
    view! {
        <div class="was"><Marked value=old.value.expose().to_owned()><Words words=left old=true /></Marked></div>
        <div class="is"><Marked value=new.value.expose().to_owned()><Words words=right old=false /></Marked></div>
    }
    .into_any()
}

/// Renders a key. A long one may be wrapped after each dot.
fn wrapped_key(key: String) -> AnyView {
    if key.len() <= MAX_UNWRAPPED_KEY {
        return key.into_any();
    }
    key.split_inclusive('.').map(|part| view! { {part.to_owned()}<wbr /> }).collect_view().into_any()
}

/// Renders a value for the table.
pub(in crate::pages) fn value_view(value: &str) -> AnyView {
    let t = lang();
    if value.is_empty() {
        return view! { <span class="quiet">{t.empty_value()}</span> }.into_any();
    }
    if !is_long(value) {
        let text = value.to_owned();
        return view! { <Marked value>{text}</Marked> }.into_any();
    }
    let unseen = Unseen::of(value);
    let marks = (!unseen.is_empty()).then(|| view! { <InvisibleMarks unseen /> });
    let first: String = value.lines().next().unwrap_or_default().chars().take(80).collect();
    view! {
        <details>
            <summary class="aim">
                <span class="first">{first}"… "</span>
                <span class="note closed">{t.long_value(&t.bytes(value.len()))}</span>
                <span class="note opened">{t.show_less()}</span>
            </summary>
            <bdi>{value.to_owned()}</bdi>
        </details>
        {marks}
    }
    .into_any()
}
