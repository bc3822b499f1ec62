//! The items of a config: a table with the user's edits in it, and the user's change beside it.

use std::{collections::HashMap, sync::Arc};

use leptos::prelude::*;

use super::{
    ContentQuery, OpenedConfig,
    change_panel::{ChangePanel, ChangePanelLink},
    conflicts::Conflicts,
    edit::EditForm,
    link_start,
    rows::{ItemRow, others, rows},
};
use crate::{
    api::paths::{self, Encoded},
    components::*,
    domain::{
        content::Item,
        diff::{KeyChange, words},
        time::Time,
        unseen::Unseen,
    },
};

/// Maximum number of rows on a page; a filter finds the others.
const MAX_ROWS: usize = 10_000;
/// Maximum length of a key that is never wrapped in its column, in bytes.
const MAX_UNWRAPPED_KEY: usize = 20;
/// Maximum length of a changed value that is shown whole, old and new, in bytes.
const MAX_WHOLE_VALUE: usize = 120;

/// The page of a config's items.
#[component]
pub fn Items(opened: Arc<OpenedConfig>, asked: ContentQuery) -> impl IntoView {
    let editing = opened.may_edit() && (asked.edit.is_some() || asked.add.is_some());
    view! {
        <Conflicts opened=opened.clone() />
        <div class="with-tray">
            <section class="stack" aria-label=lang().items_of(&opened.view.id.to_string())>
                <ItemTable opened=opened.clone() asked />
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
    let others = others(&opened.view);
    let all = rows(&opened, &others);
    let words: Vec<String> = asked.q.split_whitespace().map(str::to_lowercase).collect();
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
    let total = all.len();
    let mut drawn = RowRenderer::new(&opened, &asked);
    // If there are few rows, all are rendered and some are hidden, so that the filter can show them without a request.
    let hides = total <= MAX_ROWS;
    let body: Vec<AnyView> = all
        .iter()
        .filter_map(|row| {
            let open = named == Some(row.key);
            let fits = open || words.is_empty() || row.has(&words);
            if open {
                return Some(drawn.open(row, opened.clone(), &asked));
            }
            (fits || hides).then(|| drawn.row(row, !fits))
        })
        .take(MAX_ROWS)
        .collect();
    let left =
        (!hides && body.len() == MAX_ROWS).then(|| view! { <p class="hint">{t.first_rows(MAX_ROWS, total)}</p> });
    // This note is for browsers without scripts. With scripts, the filter itself shows and removes such a note.
    let found = words.is_empty() || all.iter().any(|row| row.has(&words));
    let all_of_them = opened.href.clone();
    let none = (!found).then(|| {
        view! { <noscript><p class="cut">{t.filter_none()}<LinkButton href=all_of_them>{t.show_all()}</LinkButton></p></noscript> }
    });
    let base = link_start(&opened);
    let tools = opened.may_edit().then(|| {
        view! {
            <LinkButton href=format!("{}/import", opened.href) icon=I::Import>{t.paste_or_import()}</LinkButton>
            <LinkButton href=format!("{base}?add=#edit") icon=I::Plus>{t.add_key()}</LinkButton>
        }
    });
    view! {
        <div class="bar">
            <FilterBox of="items" label=t.filter_keys(total) value=asked.q.clone() />
            {tools.map(|tools| view! { <p class="tools push">{tools}</p> })}
        </div>
        {add}
        <div class="sheet">
            <Table class="items" id="items" columns=vec![t.key(), t.value(), t.type_field(), t.last_change()] rows=body />
        </div>
        {left}
        {none}
    }
    .into_any()
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
    base: String,
    query: String,
    editable: bool,
    at: &'a str,
    opened: &'a OpenedConfig,
    since: HashMap<u64, Option<(Time, String, String, bool)>>,
}

impl<'a> RowRenderer<'a> {
    fn new(opened: &'a OpenedConfig, asked: &'a ContentQuery) -> Self {
        let query = if asked.q.is_empty() { String::new() } else { format!("&q={}", Encoded(&asked.q)) };
        Self {
            base: link_start(opened),
            query,
            editable: opened.may_edit(),
            at: &asked.at,
            opened,
            since: HashMap::new(),
        }
    }

    fn row(&mut self, row: &ItemRow<'_>, hidden: bool) -> AnyView {
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
        let id = (!self.at.is_empty() && self.at == row.key).then_some("at");
        view! {
            <tr class=class id=id hidden=hidden>
                <th scope="row">{key}{note}</th>
                <td class="v">{value(row)}</td>
                <td class="type">{item.map(|i| i.kind.as_str())}</td>
                <td class="when">{self.when(row, kind)}</td>
            </tr>
        }
        .into_any()
    }

    /// Renders the row whose form is open.
    fn open(&self, row: &ItemRow<'_>, opened: Arc<OpenedConfig>, asked: &ContentQuery) -> AnyView {
        view! {
            <tr class="editing">
                <td colspan="4">
                    <EditForm opened key=row.key.to_owned() lines=asked.lines.is_some() q=asked.q.clone() />
                </td>
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
            return view! { {self.released(since)}{others} }.into_any();
        };
        let conflict = row.conflict.then(|| view! { <Badge mood=Mood::Bad>{t.in_conflict()}</Badge> });
        view! { {conflict}<span class="state">{kind_label(kind)}</span>{t.by_you()}<When at=edit.at />{others} }
            .into_any()
    }

    /// Renders the time and the author of a release.
    fn released(&mut self, seq: u64) -> Option<AnyView> {
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
        // The browser updates only times of the last day; older ones hardly change while the page is open.
        Some(if *fresh {
            view! { <When at=*at />{by} }.into_any()
        } else {
            view! { <time datetime=at.rfc3339()>{text.clone()}</time>{by} }.into_any()
        })
    }
}

fn value(row: &ItemRow<'_>) -> AnyView {
    let (Some(old), Some(new)) = (row.old, row.new) else {
        return row.item().map_or_else(|| ().into_any(), |item| value_view(item.value.expose()));
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
    let (left, right) = words(old.value.expose(), new.value.expose());
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
pub(super) fn value_view(value: &str) -> AnyView {
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
