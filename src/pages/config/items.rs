//! The items of a config: a table with the user's edits in it, and the user's change beside it.

use std::{collections::HashMap, sync::Arc};

use leptos::prelude::*;

use super::{
    Asked, Opened,
    conflicts::Conflicts,
    edit::EditForm,
    here,
    rows::{Row, others, rows},
    tray::{Stub, Tray},
};
use crate::{
    api::paths::{self, Encoded},
    components::{
        Badge, Empty, FilterBox, I, LinkButton, Marked, Marks, Mood, Now, Tone, When, Words, is_long, kind_word, lang,
        relative,
    },
    domain::{
        content::Item,
        diff::{Kind, words},
        time::Time,
        unseen::Unseen,
    },
};

/// Maximum number of rows on a page; a filter finds the others.
const MOST: usize = 10_000;
/// Maximum length of a key that is never wrapped in its column, in bytes.
const WIDE: usize = 20;
/// Maximum length of a changed value that is shown whole, old and new, in bytes.
const SHORT: usize = 120;

/// The page of a config's items.
#[component]
pub fn Items(opened: Arc<Opened>, asked: Asked) -> impl IntoView {
    let editing = opened.may_edit() && (asked.edit.is_some() || asked.add.is_some());
    view! {
        <Conflicts opened=opened.clone() />
        <div class="with-tray">
            <section class="stack" aria-label=lang().items_of(&opened.view.id.to_string())>
                <Table opened=opened.clone() asked />
                <Stub opened=opened.clone() />
            </section>
            <Tray opened editing />
        </div>
    }
    .into_any()
}

#[component]
fn Table(opened: Arc<Opened>, asked: Asked) -> impl IntoView {
    let t = lang();
    let others = others(&opened.view);
    let all = rows(&opened, &others);
    let words: Vec<String> = asked.q.split_whitespace().map(str::to_lowercase).collect();
    // If the key in the address does not exist yet, the form adds it.
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
    let mut drawn = Drawn::new(&opened, &asked);
    // If there are few rows, all are rendered and the filter hides some, so that it can show them without a request.
    let hides = total <= MOST;
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
        .take(MOST)
        .collect();
    let left = (!hides && body.len() == MOST).then(|| view! { <p class="hint">{t.first_rows(MOST, total)}</p> });
    // Where scripts run, the filter itself shows this, and removes it when it is cleared.
    let found = words.is_empty() || all.iter().any(|row| row.has(&words));
    let all_of_them = opened.path.clone();
    let none = (!found).then(|| {
        view! { <noscript><p class="cut">{t.filter_none()}<LinkButton href=all_of_them>{t.show_all()}</LinkButton></p></noscript> }
    });
    let base = here(&opened);
    let tools = opened.may_edit().then(|| {
        view! {
            <LinkButton href=format!("{}/import", opened.path) icon=I::Import>{t.paste_or_import()}</LinkButton>
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
            <table class="items" id="items">
                <thead>
                    <tr>
                        <th scope="col">{t.key()}</th>
                        <th scope="col">{t.value()}</th>
                        <th scope="col">{t.value_type()}</th>
                        <th scope="col">{t.last_change()}</th>
                    </tr>
                </thead>
                <tbody>{body}</tbody>
            </table>
        </div>
        {left}
        {none}
    }
    .into_any()
}

#[component]
fn Nothing(opened: Arc<Opened>) -> impl IntoView {
    let t = lang();
    if !opened.may_edit() {
        return view! { <Empty icon=I::Rows title=t.no_keys_title()><p>{t.no_keys_viewer()}</p></Empty> }.into_any();
    }
    view! {
        <Empty icon=I::Rows title=t.no_keys_title()>
            <p>{t.no_keys_text()}</p>
            <p class="do">
                <LinkButton href=format!("{}?add=#edit", opened.path) tone=Tone::Primary icon=I::Plus>{t.add_key()}</LinkButton>
                <LinkButton href=format!("{}/import", opened.path) icon=I::Import>{t.paste_or_import()}</LinkButton>
            </p>
        </Empty>
    }
    .into_any()
}

/// Renders rows. Parts that many rows share are made once.
struct Drawn<'a> {
    base: String,
    query: String,
    editable: bool,
    at: &'a str,
    opened: &'a Opened,
    since: HashMap<u64, Option<(Time, String, String, bool)>>,
}

impl<'a> Drawn<'a> {
    fn new(opened: &'a Opened, asked: &'a Asked) -> Self {
        let query = if asked.q.is_empty() { String::new() } else { format!("&q={}", Encoded(&asked.q)) };
        Self { base: here(opened), query, editable: opened.may_edit(), at: &asked.at, opened, since: HashMap::new() }
    }

    fn row(&mut self, row: &Row<'_>, hidden: bool) -> AnyView {
        let kind = row.kind();
        let key = row.key.to_owned();
        let key = if self.editable {
            let href = format!("{}?edit={}{}#edit", self.base, Encoded(row.key), self.query);
            view! { <a href=href>{broken(key)}</a> }.into_any()
        } else {
            broken(key)
        };
        let item = row.item();
        let note =
            item.filter(|i| !i.comment.is_empty()).map(|i| view! { <span class="note">{i.comment.clone()}</span> });
        let class = kind.map(Kind::as_str).or((!row.others.is_empty()).then_some("others"));
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
    fn open(&self, row: &Row<'_>, opened: Arc<Opened>, asked: &Asked) -> AnyView {
        view! {
            <tr class="editing">
                <td colspan="4">
                    <EditForm opened key=row.key.to_owned() lines=asked.lines.is_some() q=asked.q.clone() />
                </td>
            </tr>
        }
        .into_any()
    }

    fn when(&mut self, row: &Row<'_>, kind: Option<Kind>) -> AnyView {
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
        view! { {conflict}<span class="state">{kind_word(kind)}</span>{t.by_you()}<When at=edit.at />{others} }
            .into_any()
    }

    /// Renders the time and the author of a release.
    fn released(&mut self, seq: u64) -> Option<AnyView> {
        const DAY: i64 = 24 * 3_600_000;
        let authors = &self.opened.view.authors;
        let known = self.since.entry(seq).or_insert_with(|| {
            let (author, at) = authors.get(&seq)?;
            let now = use_context::<Now>().map_or(*at, |now| now.0);
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

fn value(row: &Row<'_>) -> AnyView {
    let (Some(old), Some(new)) = (row.old, row.new) else {
        return row.item().map_or_else(|| ().into_any(), |item| shown(item.value.expose()));
    };
    if old.value == new.value {
        return shown(new.value.expose());
    }
    let short = |item: &Item| item.value.expose().len() <= SHORT && !item.value.expose().contains('\n');
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
fn broken(key: String) -> AnyView {
    if key.len() <= WIDE {
        return key.into_any();
    }
    key.split_inclusive('.').map(|part| view! { {part.to_owned()}<wbr /> }).collect_view().into_any()
}

/// Renders a value for the table.
pub(super) fn shown(value: &str) -> AnyView {
    let t = lang();
    if value.is_empty() {
        return view! { <span class="quiet">{t.empty_value()}</span> }.into_any();
    }
    if !is_long(value) {
        let text = value.to_owned();
        return view! { <Marked value>{text}</Marked> }.into_any();
    }
    let unseen = Unseen::of(value);
    let marks = (!unseen.is_empty()).then(|| view! { <Marks unseen /> });
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
