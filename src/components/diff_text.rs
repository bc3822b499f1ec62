//! Differences of texts, line by line.

use super::{DiffView, InvisibleMarks, Words, diff::joined, lang, view::*};
use crate::domain::{
    diff::{DiffRow, Line, Word},
    unseen::Unseen,
};

/// Two texts compared: rows of `domain::diff::lines`.
#[component]
pub fn DiffText(
    /// Rows of the comparison.
    rows: Vec<DiffRow>,
    /// Layout.
    #[prop(optional)]
    view: DiffView,
    /// Heading of the old side: "Live, release 12".
    #[prop(into)]
    old: String,
    /// Heading of the new side: "My change".
    #[prop(into)]
    new: String,
    /// Address that shows the folded lines.
    #[prop(optional, into)]
    unfold: Option<String>,
) -> impl IntoView {
    match view {
        DiffView::Unified | DiffView::ByKey => unified(rows, &old, &new, unfold).into_any(),
        DiffView::SideBySide => side_by_side(rows, old, new, unfold).into_any(),
    }
}

fn fold(lines: usize, columns: &'static str, unfold: Option<String>) -> impl IntoView {
    let says = lang().unchanged_lines(lines);
    let inside = match unfold.filter(|href| !href.is_empty()) {
        Some(href) => view! { <a href=href>{says}</a> }.into_any(),
        None => says.into_any(),
    };
    view! { <tr class="fold"><td colspan=columns>{inside}</td></tr> }
}

/// The cell of a line number; empty on a side without the line.
fn line_number(number: Option<usize>) -> AnyView {
    match number {
        Some(number) => view! { <th scope="row">{number}</th> }.into_any(),
        None => view! { <td class="none"></td> }.into_any(),
    }
}

/// Marks invisible characters inside a line. White space at its ends is common in texts and gets no mark.
fn line_marked(words: Vec<Word>, old: bool) -> AnyView {
    let unseen = Unseen { begins: None, ends: None, ..Unseen::anywhere(&joined(&words)) };
    if unseen.is_empty() {
        return view! { <Words words old /> }.into_any();
    }
    view! { <bdi><Words words old /></bdi><InvisibleMarks unseen /> }.into_any()
}

fn side_by_side(rows: Vec<DiffRow>, old: String, new: String, unfold: Option<String>) -> impl IntoView {
    let same = |text: String| view! { <td><code>{text}</code></td> };
    let side = |line: Option<Line>, old: bool| {
        let (number, words) = line.map_or((None, None), |l| (Some(l.number), Some(l.words)));
        let class = match (&words, old) {
            (None, _) => "e",
            (_, true) => "o",
            (_, false) => "n",
        };
        view! {
            {line_number(number)}
            <td class=class><code>{words.map(|words| line_marked(words, old))}</code></td>
        }
    };
    let mut hunks = Hunks::default();
    let row = move |row: DiffRow| {
        let hunk = hunks.at(matches!(row, DiffRow::Differs { .. }));
        match row {
            DiffRow::Same { old, new, text } => {
                let text = text.into_inner();
                view! { <tr>{line_number(Some(old))}{same(text.clone())}{line_number(Some(new))}{same(text)}</tr> }
                    .into_any()
            }
            DiffRow::Differs { old, new } => {
                view! { <tr data-hunk=hunk>{side(old, true)}{side(new, false)}</tr> }.into_any()
            }
            DiffRow::Fold { lines } => fold(lines, "4", unfold.clone()).into_any(),
        }
    };
    view! {
        <div class="sheet">
            <table class="diff split">
                <colgroup><col class="no" /><col /><col class="no" /><col /></colgroup>
                <thead>
                    <tr><th colspan="2" scope="colgroup">{old}</th><th colspan="2" scope="colgroup">{new}</th></tr>
                </thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

/// Numbers the hunks: the keys `n` and `p` go from one to the next.
#[derive(Default)]
struct Hunks {
    count: usize,
    inside: bool,
}

impl Hunks {
    /// Returns the number of the hunk that begins with this row, which differs or not.
    fn at(&mut self, differs: bool) -> Option<usize> {
        let begins = differs && !self.inside;
        self.inside = differs;
        self.count += usize::from(begins);
        begins.then_some(self.count)
    }
}

/// A line of the unified view.
enum UnifiedLine {
    Same(usize, usize, String),
    Old(usize, Vec<Word>),
    New(usize, Vec<Word>),
    Fold(usize),
}

/// Converts rows to lines of the unified view. In each hunk the old lines come before the new ones.
fn flatten(rows: Vec<DiffRow>) -> Vec<UnifiedLine> {
    let (mut flat, mut news) = (Vec::new(), Vec::new());
    for row in rows {
        match row {
            DiffRow::Differs { old, new } => {
                flat.extend(old.map(|l| UnifiedLine::Old(l.number, l.words)));
                news.extend(new.map(|l| UnifiedLine::New(l.number, l.words)));
            }
            DiffRow::Same { old, new, text } => {
                flat.append(&mut news);
                flat.push(UnifiedLine::Same(old, new, text.into_inner()));
            }
            DiffRow::Fold { lines } => {
                flat.append(&mut news);
                flat.push(UnifiedLine::Fold(lines));
            }
        }
    }
    flat.append(&mut news);
    flat
}

fn unified(rows: Vec<DiffRow>, old: &str, new: &str, unfold: Option<String>) -> impl IntoView {
    let line = |was: Option<usize>, is: Option<usize>, class: &'static str, text: AnyView, hunk: Option<usize>| {
        view! {
            <tr data-hunk=hunk>
                {line_number(was)}
                {line_number(is)}
                <td class=class><code>{text}</code></td>
            </tr>
        }
        .into_any()
    };
    let mut hunks = Hunks::default();
    let row = move |flat: UnifiedLine| {
        let hunk = hunks.at(matches!(flat, UnifiedLine::Old(..) | UnifiedLine::New(..)));
        match flat {
            UnifiedLine::Same(was, is, text) => line(Some(was), Some(is), "s", text.into_any(), None),
            UnifiedLine::Old(was, words) => line(Some(was), None, "o", line_marked(words, true), hunk),
            UnifiedLine::New(is, words) => line(None, Some(is), "n", line_marked(words, false), hunk),
            UnifiedLine::Fold(lines) => fold(lines, "3", unfold.clone()).into_any(),
        }
    };
    view! {
        <div class="sheet">
            <table class="diff unified">
                <colgroup><col class="no" /><col class="no" /><col /></colgroup>
                <thead>
                    <tr><th colspan="3" scope="colgroup">{format!("{old} → {new}")}</th></tr>
                </thead>
                <tbody>{flatten(rows).into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
