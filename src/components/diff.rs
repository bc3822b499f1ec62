//! Differences by key, with changed words marked. The old value is on the left or above, the new one right or below.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Marked, Segments, Tab, is_long, lang, view::*};
use crate::domain::{
    content::Item,
    diff::{Counts, KeyChange, KeyDiff, Word, words},
};

/// Layout of a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiffView {
    /// Old above new.
    #[default]
    Unified,
    /// Old beside new.
    SideBySide,
    /// A structured text as its keys, old above new. Items look the same as in `Unified`.
    ByKey,
}

impl DiffView {
    /// Returns the view that an address names in `view`.
    pub fn of(name: &str) -> Self {
        [Self::SideBySide, Self::ByKey].into_iter().find(|view| view.as_str() == name).unwrap_or_default()
    }

    /// Returns its name in addresses; the default has none.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unified => "",
            Self::SideBySide => "split",
            Self::ByKey => "keys",
        }
    }

    /// Renders the choice of the view. `link` returns the address of a view. `by_key` offers the keys of texts.
    pub fn choice(self, by_key: bool, link: impl Fn(Self) -> String) -> AnyView {
        let t = lang();
        let mut views = vec![(Self::Unified, t.unified()), (Self::SideBySide, t.side_by_side())];
        if by_key {
            views.push((Self::ByKey, t.by_key()));
        }
        let tabs = views.into_iter().map(|(view, text)| Tab::to(text, link(view)).when(view == self)).collect();
        view! { <Segments label=t.view_of() tabs /> }.into_any()
    }
}

/// One side of a value, with the changed words marked.
#[component]
pub fn Words(
    /// Words of this side.
    words: Vec<Word>,
    /// Whether this is the old side, which marks removed words; the new side marks added ones.
    old: bool,
) -> impl IntoView {
    let part = move |word: Word| match (word.differs, old) {
        (false, _) => word.text.into_inner().into_any(),
        (true, true) => view! { <del>{word.text.into_inner()}</del> }.into_any(),
        (true, false) => view! { <ins>{word.text.into_inner()}</ins> }.into_any(),
    };
    words.into_iter().map(part).collect_view()
}

/// A summary such as "1 added, 3 changed". Counts of zero are left out.
#[component]
pub fn DiffSummary(
    /// Numbers of added, changed and removed keys.
    counts: Counts,
) -> impl IntoView {
    let t = lang();
    let Counts { added, changed, removed } = counts;
    if counts.total() == 0 {
        return view! { <p class="sum quiet">{t.no_difference()}</p> }.into_any();
    }
    view! {
        <p class="sum">
            {(added > 0).then(|| view! { <span class="a">{t.n_added(added)}</span> })}
            {(changed > 0).then(|| view! { <span class="c">{t.n_changed(changed)}</span> })}
            {(removed > 0).then(|| view! { <span class="d">{t.n_removed(removed)}</span> })}
        </p>
    }
    .into_any()
}

/// Returns the word for the change of a key.
pub fn kind_label(kind: KeyChange) -> &'static str {
    match kind {
        KeyChange::Added => lang().added(),
        KeyChange::Changed => lang().changed(),
        KeyChange::Removed => lang().removed(),
    }
}

/// The changed keys of a config.
#[component]
pub fn DiffKv(
    /// Keys in the order of the document.
    keys: Vec<KeyDiff>,
    /// Layout.
    #[prop(optional)]
    view: DiffView,
    /// Heading of the old side: "Release 41".
    #[prop(optional, into)]
    old: Option<String>,
    /// Heading of the new side: "My change".
    #[prop(optional, into)]
    new: Option<String>,
    /// Links to each key, if the page has links to single differences.
    #[prop(optional)]
    links: Option<KeyLinks>,
) -> impl IntoView {
    match view {
        DiffView::Unified | DiffView::ByKey => {
            let hunk = |(n, key)| view! { <Hunk n key links=links.clone() /> };
            view! { <ul class="hunks">{keys.into_iter().enumerate().map(hunk).collect_view()}</ul> }.into_any()
        }
        DiffView::SideBySide => view! { <KvTable keys old new links /> }.into_any(),
    }
}

/// Links to each key of a difference.
#[derive(Clone, Debug)]
pub struct KeyLinks {
    /// Prefix of the ids, which tells several differences of a page apart.
    pub prefix: String,
    /// Address of the page with these keys.
    pub address: String,
}

impl KeyLinks {
    /// Returns the id of a key's element. It is encoded, so that it is the same in an address.
    fn id(&self, key: &str) -> String {
        format!("{}key-{}", self.prefix, utf8_percent_encode(key, NON_ALPHANUMERIC))
    }

    /// Returns the address of a key's difference.
    pub fn href(&self, key: &str) -> String {
        format!("{}#{}", self.address, self.id(key))
    }
}

/// A key's link to its difference, shown on demand.
#[component]
fn KeyLink(links: Option<KeyLinks>, key: String) -> impl IntoView {
    links.map(|links| view! { <a class="to-key" href=links.href(&key) aria-label=lang().link_to_difference(&key)></a> })
}

/// Returns the old and the new value of a key, as words.
fn sides(key: &KeyDiff) -> (Option<Vec<Word>>, Option<Vec<Word>>) {
    let whole = |item: &Item| vec![Word { differs: false, text: item.value.clone() }];
    match (&key.old, &key.new) {
        (Some(old), Some(new)) if old.value != new.value => {
            let (left, right) = words(old.value.expose(), new.value.expose());
            (Some(left), Some(right))
        }
        (old, new) => (old.as_ref().map(whole), new.as_ref().map(whole)),
    }
}

/// Joins the words of one side.
pub fn joined(words: &[Word]) -> String {
    words.iter().map(|word| word.text.expose()).collect()
}

/// Describes changes of the type and the comment.
pub fn type_and_comment_changes(key: &KeyDiff) -> Vec<String> {
    let (Some(old), Some(new)) = (&key.old, &key.new) else { return Vec::new() };
    let t = lang();
    let kind = (old.kind != new.kind).then(|| t.type_changed(old.kind.as_str(), new.kind.as_str()));
    let comment = (old.comment != new.comment).then(|| t.comment_changed(&old.comment, &new.comment));
    kind.into_iter().chain(comment).collect()
}

#[component]
fn Hunk(n: usize, key: KeyDiff, links: Option<KeyLinks>) -> impl IntoView {
    let id = links.as_ref().map(|links| links.id(&key.key));
    let (old, new) = sides(&key);
    let same = key.old.as_ref().zip(key.new.as_ref()).is_some_and(|(o, n)| o.value == n.value);
    let notes =
        type_and_comment_changes(&key).into_iter().map(|note| view! { <p class="note">{note}</p> }).collect_view();
    let (kind, name) = (key.kind(), key.key.clone());
    let side = |words: Option<Vec<Word>>, old: bool| {
        words.map(|words| {
            let (value, t) = (joined(&words), lang());
            let which = if old { t.was() } else { t.is_now() };
            // A long value gets a scroll box, which the keyboard can reach.
            let label = is_long(&value).then(|| format!("{name}: {which}"));
            let (tab, role) = label.as_ref().map(|_| ("0", "group")).unzip();
            let class = match (old, label.is_some()) {
                (true, false) => "o",
                (true, true) => "o scrolls",
                (false, false) => "n",
                (false, true) => "n scrolls",
            };
            view! {
                <p class=class tabindex=tab role=role aria-label=label><Marked value><Words words old /></Marked></p>
            }
        })
    };
    view! {
        <li class=kind.as_str() data-hunk=n id=id>
            <b>{key.key.clone()}<span class="visually-hidden">" "{kind_label(kind)}</span><KeyLink links key=key.key /></b>
            {(!same).then(|| (side(old, true), side(new, false)))}
            {notes}
        </li>
    }
}

#[component]
fn KvTable(keys: Vec<KeyDiff>, old: Option<String>, new: Option<String>, links: Option<KeyLinks>) -> impl IntoView {
    let t = lang();
    let row = |(n, key): (usize, KeyDiff)| {
        let (left, right) = sides(&key);
        let notes = type_and_comment_changes(&key)
            .into_iter()
            .map(|note| view! { <span class="note">{note}</span> })
            .collect_view();
        let kind = key.kind();
        let id = links.as_ref().map(|links| links.id(&key.key));
        let cell = |words: Option<Vec<Word>>, old: bool| match words {
            Some(words) => {
                let value = joined(&words);
                view! { <td class=if old { "o" } else { "n" }><code><Marked value><Words words old /></Marked></code></td> }
                    .into_any()
            }
            None => view! { <td class="e"><span class="visually-hidden">{t.not_there()}</span></td> }.into_any(),
        };
        view! {
            <tr class=kind.as_str() data-hunk=n id=id>
                <th scope="row">{key.key.clone()}<KeyLink links=links.clone() key=key.key /><span class="state">{kind_label(kind)}</span>{notes}</th>
                {cell(left, true)}
                {cell(right, false)}
            </tr>
        }
    };
    view! {
        <div class="sheet">
            <table class="diff kv">
                <thead>
                    <tr>
                        <th scope="col">{t.key()}</th>
                        <th scope="col">{old.unwrap_or_else(|| t.was().to_owned())}</th>
                        <th scope="col">{new.unwrap_or_else(|| t.is_now().to_owned())}</th>
                    </tr>
                </thead>
                <tbody>{keys.into_iter().enumerate().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
