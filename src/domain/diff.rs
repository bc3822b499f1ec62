//! Differences between an old and a new content: by key for items, by line and word for texts.

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use similar::{ChangeTag, DiffOp, TextDiff};

use super::{
    content::{Content, Item, sha256},
    names::ConfigId,
    sensitive::{self, Sensitive},
};

/// Kind of a key's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyChange {
    /// The key is new.
    Added,
    /// The key has another value, type or comment.
    Changed,
    /// The key was removed.
    Removed,
}

impl KeyChange {
    /// All kinds, in the order in which pages name them.
    pub const ALL: [Self; 3] = [Self::Added, Self::Changed, Self::Removed];

    /// Returns the kind of this name, if there is one.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Returns `added`, `changed` or `removed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// One key that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyDiff {
    /// The key.
    pub key: String,
    /// The old item.
    pub old: Option<Item>,
    /// The new item.
    pub new: Option<Item>,
}

impl KeyDiff {
    /// Returns the kind of the change.
    pub fn kind(&self) -> KeyChange {
        match (&self.old, &self.new) {
            (None, _) => KeyChange::Added,
            (_, None) => KeyChange::Removed,
            _ => KeyChange::Changed,
        }
    }
}

/// The difference between two contents of a config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Diff {
    /// The keys that differ, in the order of the document.
    Kv(Vec<KeyDiff>),
    /// The two texts.
    Text {
        /// The old text.
        #[serde(with = "sensitive::plain")]
        old: Sensitive<Arc<str>>,
        /// The new text.
        #[serde(with = "sensitive::plain")]
        new: Sensitive<Arc<str>>,
    },
}

impl Diff {
    /// Compares two contents. If one is a text and the other has items, their documents are compared.
    pub fn of(old: &Content, new: &Content) -> Self {
        let (Content::Kv(was), Content::Kv(is)) = (old, new) else {
            return Self::Text { old: old.shared_document(), new: new.shared_document() };
        };
        let gone = was.iter().filter(|(key, _)| !is.contains_key(*key));
        let gone = gone.map(|(key, item)| KeyDiff { key: key.clone(), old: Some(item.clone()), new: None });
        let there = is.iter().filter(|(key, item)| was.get(*key).is_none_or(|old| !old.has_same_content(item)));
        let there =
            there.map(|(key, item)| KeyDiff { key: key.clone(), old: was.get(key).cloned(), new: Some(item.clone()) });
        Self::Kv(there.chain(gone).collect())
    }

    /// Returns whether nothing differs.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Kv(keys) => keys.is_empty(),
            Self::Text { old, new } => old == new,
        }
    }

    /// Counts the keys (or lines of a text) that were added, changed and removed.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        match self {
            Self::Kv(keys) => keys.iter().for_each(|k| counts.add(k.kind())),
            Self::Text { old, new } => {
                for op in text_diff(old.expose(), new.expose(), COUNT_TIMEOUT).ops() {
                    let (_, old, new) = op.as_tag_tuple();
                    if matches!(op, DiffOp::Equal { .. }) {
                        continue;
                    }
                    let both = old.len().min(new.len());
                    counts.changed += both;
                    counts.removed += old.len() - both;
                    counts.added += new.len() - both;
                }
            }
        }
        counts
    }
}

/// Numbers of differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Keys or lines that are new.
    pub added: usize,
    /// Keys or lines that changed.
    pub changed: usize,
    /// Keys or lines that were removed.
    pub removed: usize,
}

impl Counts {
    /// Returns the sum.
    pub fn total(self) -> usize {
        self.added + self.changed + self.removed
    }

    /// Returns the number of one kind.
    pub fn of(self, kind: KeyChange) -> usize {
        match kind {
            KeyChange::Added => self.added,
            KeyChange::Changed => self.changed,
            KeyChange::Removed => self.removed,
        }
    }

    fn add(&mut self, kind: KeyChange) {
        match kind {
            KeyChange::Added => self.added += 1,
            KeyChange::Changed => self.changed += 1,
            KeyChange::Removed => self.removed += 1,
        }
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, counts| Self {
            added: sum.added + counts.added,
            changed: sum.changed + counts.changed,
            removed: sum.removed + counts.removed,
        })
    }
}

/// The difference of one config, in a change or a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigDiff {
    /// The config.
    pub config: ConfigId,
    /// Its difference.
    pub diff: Diff,
}

/// Value, type and comment of an item.
type ItemFields<'a> = Option<(&'a str, &'a str, &'a str)>;
/// A key with its old and new state.
type KeyFields<'a> = (&'a str, ItemFields<'a>, ItemFields<'a>);

fn item_fields(item: Option<&Item>) -> ItemFields<'_> {
    item.map(|i| (i.value.expose(), i.kind.as_str(), i.comment.as_str()))
}

/// Returns the SHA-256 of a difference of any number of configs. A page or script sends it back to publish exactly the
/// difference that it showed. Only the change of each key counts, not the release that it is based on.
pub fn diff_sha256(diffs: &[ConfigDiff]) -> String {
    let mut sorted: Vec<&ConfigDiff> = diffs.iter().collect();
    sorted.sort_by(|a, b| a.config.cmp(&b.config));
    let rows: Vec<(String, Vec<KeyFields<'_>>)> = sorted
        .iter()
        .map(|config| {
            let keys = match &config.diff {
                Diff::Kv(keys) => {
                    let mut keys: Vec<_> = keys
                        .iter()
                        .map(|k| (k.key.as_str(), item_fields(k.old.as_ref()), item_fields(k.new.as_ref())))
                        .collect();
                    keys.sort_unstable();
                    keys
                }
                Diff::Text { old, new } => vec![("", Some((old.expose(), "", "")), Some((new.expose(), "", "")))],
            };
            (config.config.to_string(), keys)
        })
        .collect();
    sha256(&serde_json::to_vec(&rows).expect("strings are JSON"))
}

/// A stretch of text on one side of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Whether this stretch differs from the other side.
    pub differs: bool,
    /// The text.
    pub text: Sensitive,
}

/// Maximum size of two values that are compared word by word, in bytes. Longer results would be unreadable.
const MAX_WORD_DIFF_BYTES: usize = 16 * 1024;
/// Maximum size of a text's lines that are compared word by word, in bytes. The lines after it are compared as wholes.
const MAX_TEXT_WORD_DIFF_BYTES: usize = 256 * 1024;
/// Timeout for comparing two texts that are shown.
const TEXT_DIFF_TIMEOUT: Duration = Duration::from_millis(500);
const COUNT_TIMEOUT: Duration = Duration::from_millis(20);
/// Timeout for comparing two values. Words beyond it are shown as replaced, so that every page answers in time.
const WORD_DIFF_TIMEOUT: Duration = Duration::from_millis(10);
/// Maximum number of bytes shown of a line, or of a value in a list of keys.
const MAX_SHOWN_BYTES: usize = 2000;
/// Number of bytes shown before the first difference of a longer one.
const LEADING_CONTEXT_BYTES: usize = 200;

/// Compares two values word by word. Returns the old side and the new side.
pub fn words(old: &str, new: &str) -> (Vec<Word>, Vec<Word>) {
    words_within(old, new, WORD_DIFF_TIMEOUT)
}

fn words_within(old: &str, new: &str, time: Duration) -> (Vec<Word>, Vec<Word>) {
    let whole = |text: &str| vec![Word { differs: true, text: text.into() }];
    if old.len() + new.len() > MAX_WORD_DIFF_BYTES {
        return (whole(old), whole(new));
    }
    let diff = TextDiff::configure().timeout(time).diff_unicode_words(old, new);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for change in diff.iter_all_changes() {
        let text = change.value();
        match change.tag() {
            ChangeTag::Equal => {
                push(&mut left, false, text);
                push(&mut right, false, text);
            }
            ChangeTag::Delete => push(&mut left, true, text),
            ChangeTag::Insert => push(&mut right, true, text),
        }
    }
    (left, right)
}

fn push(words: &mut Vec<Word>, differs: bool, text: &str) {
    match words.last_mut() {
        Some(last) if last.differs == differs => last.text.push_str(text),
        _ => words.push(Word { differs, text: text.into() }),
    }
}

/// Shortens long texts to the part around the first difference.
pub fn shortened<'a>(old: &'a str, new: &'a str) -> (Cow<'a, str>, Cow<'a, str>) {
    let is_long = old.len().max(new.len()) > MAX_SHOWN_BYTES;
    let same = if is_long { old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count() } else { 0 };
    (part(old, same), part(new, same))
}

/// Returns the part of a text around a byte offset, or the whole text if it is short.
fn part(text: &str, around: usize) -> Cow<'_, str> {
    if text.len() <= MAX_SHOWN_BYTES {
        return text.into();
    }
    let start = text.floor_char_boundary(around.saturating_sub(LEADING_CONTEXT_BYTES));
    let end = text.floor_char_boundary(start + MAX_SHOWN_BYTES);
    let (before, after) = (if start > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
    format!("{before}{}{after}", &text[start..end]).into()
}

/// Maximum number of keys on one page.
const MAX_KEYS: usize = 500;

/// The part of a difference that one page shows, so that the size of a page is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Number of rows before it.
    pub from: usize,
    /// Maximum number of rows.
    rows: usize,
    /// Maximum size in bytes, after which no further row begins.
    bytes: usize,
}

impl Window {
    /// Returns the largest window of a page, after `from` rows.
    pub fn after(from: usize) -> Self {
        Self { from, rows: 2000, bytes: 512 * 1024 }
    }

    /// Returns the window for one of `parts` differences on the same page.
    #[must_use]
    pub fn shared_by(self, parts: usize) -> Self {
        let parts = parts.max(1);
        Self { rows: (self.rows / parts).max(20), bytes: (self.bytes / parts).max(MAX_SHOWN_BYTES), ..self }
    }

    /// Selects the rows in the window. `bytes` returns the size of a row.
    fn of<T>(self, all: impl Iterator<Item = T> + Clone, mut bytes: impl FnMut(&T) -> usize) -> WindowRows<T> {
        let total = all.clone().count();
        let (mut rows, mut taken) = (Vec::new(), 0);
        for row in all.skip(self.from).take(self.rows) {
            if taken >= self.bytes {
                break;
            }
            taken += bytes(&row);
            rows.push(row);
        }
        WindowRows { from: self.from, rows, total, limit: self.rows }
    }
}

/// The rows of a [`Window`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowRows<T> {
    /// Number of rows before them.
    pub from: usize,
    /// The rows.
    pub rows: Vec<T>,
    /// Total number of rows.
    pub total: usize,
    /// Maximum number of rows in the window.
    pub limit: usize,
}

impl<T> WindowRows<T> {
    fn map<R>(self, row: impl FnMut(T) -> R) -> WindowRows<R> {
        let Self { from, rows, total, limit } = self;
        WindowRows { from, rows: rows.into_iter().map(row).collect(), total, limit }
    }

    /// Returns the number of rows after them.
    pub fn remaining(&self) -> usize {
        self.total.saturating_sub(self.next_row())
    }

    /// Returns the index of the first row of the window before them.
    pub fn previous_row(&self) -> usize {
        self.from.min(self.total).saturating_sub(self.limit)
    }

    /// Returns the index of the first row after them.
    pub fn next_row(&self) -> usize {
        self.from + self.rows.len()
    }
}

/// Returns the keys that differ, with long values shortened. With `kind` only keys of this kind count.
pub fn keys(all: &[KeyDiff], kind: Option<KeyChange>, window: Window) -> WindowRows<KeyDiff> {
    let window = Window { rows: window.rows.min(MAX_KEYS), ..window };
    let all = all.iter().filter(|key| kind.is_none_or(|kind| key.kind() == kind));
    let shown = window.of(all, |key| {
        [&key.old, &key.new]
            .into_iter()
            .flatten()
            .map(|item| item.value.expose().len().min(MAX_SHOWN_BYTES))
            .sum::<usize>()
            + key.key.len()
    });
    shown.map(short)
}

fn short(key: &KeyDiff) -> KeyDiff {
    let (old, new) = (key.old.as_ref(), key.new.as_ref());
    let (was, is) = shortened(old.map_or("", |item| item.value.expose()), new.map_or("", |item| item.value.expose()));
    let side = |item: Option<&Item>, value: Cow<'_, str>| {
        item.map(|i| Item {
            value: value.into_owned().into(),
            kind: i.kind,
            comment: i.comment.clone(),
            since: i.since,
        })
    };
    KeyDiff { key: key.key.clone(), old: side(old, was), new: side(new, is) }
}

/// One side of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// Its text, with the differing words marked.
    pub words: Vec<Word>,
}

/// A row of a line difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffRow {
    /// A line that is equal on both sides.
    Same {
        /// Its number on the left.
        old: usize,
        /// Its number on the right.
        new: usize,
        /// Its text.
        text: Sensitive,
    },
    /// A line that differs: on the left, on the right, or on both sides.
    Differs {
        /// The left side.
        old: Option<Line>,
        /// The right side.
        new: Option<Line>,
    },
    /// Equal lines that are not shown.
    Fold {
        /// Number of lines.
        lines: usize,
    },
}

/// Compares two texts line by line, with `context` unchanged lines around each difference. Long lines are shortened.
pub fn lines(old: &str, new: &str, context: usize, window: Window) -> WindowRows<DiffRow> {
    let diff = text_diff(old, new, TEXT_DIFF_TIMEOUT);
    let (left, right) = (|i| diff.old_slice(i).unwrap_or(""), |i| diff.new_slice(i).unwrap_or(""));
    let shown = window.of(row_indices(diff.ops(), context), |spot| match spot {
        RowIndices::Same(old, _) => left(*old).len().min(MAX_SHOWN_BYTES),
        RowIndices::Differs(old, new) => {
            old.map_or(0, |i| left(i).len().min(MAX_SHOWN_BYTES))
                + new.map_or(0, |i| right(i).len().min(MAX_SHOWN_BYTES))
        }
        RowIndices::Fold(_) => 0,
    });
    let mut compared = 0;
    let row = |spot| match spot {
        RowIndices::Same(old, new) => {
            DiffRow::Same { old: old + 1, new: new + 1, text: part(without_line_end(left(old)), 0).into_owned().into() }
        }
        RowIndices::Differs(old, new) => {
            let (old, new) = (old.map(|at| (at, left(at))), new.map(|at| (at, right(at))));
            let bytes =
                |(old, new): ((usize, &str), (usize, &str))| (old.1.len() + new.1.len()).min(2 * MAX_SHOWN_BYTES);
            compared += old.zip(new).map_or(0, bytes);
            differing(old, new, compared <= MAX_TEXT_WORD_DIFF_BYTES)
        }
        RowIndices::Fold(lines) => DiffRow::Fold { lines },
    };
    shown.map(row)
}

/// A row as the indices of its lines.
#[derive(Clone, Copy)]
enum RowIndices {
    Same(usize, usize),
    Differs(Option<usize>, Option<usize>),
    Fold(usize),
}

/// Returns all rows of a difference. They refer to lines by index, so many rows are cheap.
fn row_indices(ops: &[DiffOp], context: usize) -> impl Iterator<Item = RowIndices> + Clone {
    ops.iter().enumerate().flat_map(move |(n, op)| {
        let (_, olds, news) = op.as_tag_tuple();
        let same = matches!(op, DiffOp::Equal { .. });
        let before = if n == 0 { 0 } else { context };
        let after = if n + 1 == ops.len() { 0 } else { context };
        let folded = olds.len().saturating_sub(before.saturating_add(after));
        // Folding a single line would save no space.
        let folds = same && folded > 1;
        let rows = match (same, folds) {
            (false, _) => olds.len().max(news.len()),
            (true, false) => olds.len(),
            (true, true) => olds.len() - folded + 1,
        };
        (0..rows).map(move |i| match (same, folds) {
            (false, _) => {
                RowIndices::Differs((i < olds.len()).then(|| olds.start + i), (i < news.len()).then(|| news.start + i))
            }
            (true, true) if i == before => RowIndices::Fold(folded),
            (true, folds) => {
                let i = if folds && i > before { i + folded - 1 } else { i };
                RowIndices::Same(olds.start + i, news.start + i)
            }
        })
    })
}

fn differing(old: Option<(usize, &str)>, new: Option<(usize, &str)>, by_word: bool) -> DiffRow {
    let line = |(at, _): (usize, &str), words| Line { number: at + 1, words };
    let whole = |text: Cow<'_, str>| vec![Word { differs: false, text: text.into_owned().into() }];
    let (Some(o), Some(n)) = (old, new) else {
        let side = |side: Option<(usize, &str)>| side.map(|s| line(s, whole(part(without_line_end(s.1), 0))));
        return DiffRow::Differs { old: side(old), new: side(new) };
    };
    let (a, b) = (without_line_end(o.1), without_line_end(n.1));
    // Lines that differ only in their ends look equal unless the ends are shown.
    let ends = (a == b).then(|| (with_visible_end(o.1), with_visible_end(n.1)));
    let (a, b) = ends.as_ref().map_or((a, b), |(a, b)| (a, b));
    let (a, b) = shortened(a, b);
    let (left, right) = if by_word { words(&a, &b) } else { (whole(a), whole(b)) };
    DiffRow::Differs { old: Some(line(o, left)), new: Some(line(n, right)) }
}

/// Compares two texts line by line. After `time` the rest counts as replaced, so that every page answers in time.
fn text_diff<'a>(old: &'a str, new: &'a str, time: Duration) -> TextDiff<'a, 'a, str> {
    TextDiff::configure().timeout(time).diff_lines(old, new)
}

fn without_line_end(line: &str) -> &str {
    line.strip_suffix('\n').map_or(line, |l| l.strip_suffix('\r').unwrap_or(l))
}

fn with_visible_end(line: &str) -> String {
    let end = &line[without_line_end(line).len()..];
    let mark = match end {
        "\r\n" => "␍␊",
        "\n" => "␊",
        _ => "",
    };
    format!("{}{mark}", without_line_end(line))
}

#[cfg(test)]
mod tests {
    use similar::DiffTag;

    use super::*;
    use crate::domain::content::Items;

    fn kv(pairs: &[(&str, &str)]) -> Content {
        Content::Kv(pairs.iter().map(|(k, v)| ((*k).to_owned(), Item::string(*v))).collect::<Items>())
    }

    #[test]
    fn items_are_compared_by_key() {
        let diff = Diff::of(&kv(&[("a", "1"), ("b", "1"), ("c", "1")]), &kv(&[("c", "1"), ("b", "2"), ("d", "1")]));
        let Diff::Kv(keys) = &diff else { panic!() };
        let seen: Vec<_> = keys.iter().map(|k| (k.key.as_str(), k.kind())).collect();
        assert_eq!(seen, [("b", KeyChange::Changed), ("d", KeyChange::Added), ("a", KeyChange::Removed)]);
        assert_eq!(diff.counts(), Counts { added: 1, changed: 1, removed: 1 });
    }

    #[test]
    fn words_mark_what_differs() {
        let (left, right) = words("timeout 3000 ms", "timeout 4500 ms");
        assert_eq!(left.iter().filter(|w| w.differs).map(|w| w.text.expose()).collect::<String>(), "3000");
        assert_eq!(right.iter().filter(|w| w.differs).map(|w| w.text.expose()).collect::<String>(), "4500");
        assert_eq!(left.iter().map(|w| w.text.expose()).collect::<String>(), "timeout 3000 ms");
    }

    #[test]
    fn lines_are_paired_numbered_and_folded() {
        let old: String = (1..=20).map(|i| format!("line {i}\n")).collect();
        let new = old.replace("line 10\n", "line ten\n");
        let rows = lines(&old, &new, 2, Window::after(0)).rows;
        assert_eq!(rows.first(), Some(&DiffRow::Fold { lines: 7 }));
        assert_eq!(rows.last(), Some(&DiffRow::Fold { lines: 8 }));
        let Some(DiffRow::Differs { old: Some(o), new: Some(n) }) = rows.get(3) else { panic!("{rows:?}") };
        assert_eq!((o.number, n.number), (10, 10));
    }

    #[test]
    fn a_slow_difference_is_shown_as_replaced() {
        // Unequal at both ends, because equal ends are found without a comparison.
        let sides = |between: &str| {
            ["a", "b"].map(|end| (0..200).map(|n| format!("{end}{n}{between}{n}{between}")).collect::<String>() + end)
        };
        let [old, new] = sides(" ");
        let differs = |time| words_within(&old, &new, time).0.iter().all(|word| word.differs);
        assert!(differs(Duration::ZERO) && !differs(Duration::from_secs(60)));
        let [old, new] = sides("\n");
        let is_replaced = |time| text_diff(&old, &new, time).ops().iter().all(|op| op.tag() != DiffTag::Equal);
        assert!(is_replaced(Duration::ZERO) && !is_replaced(Duration::from_secs(60)));
    }

    #[test]
    fn a_page_of_a_difference_is_bounded_and_has_a_next_page() {
        let text = |word: &str| (0..5000).map(|n| format!("{word} {n}\n")).collect::<String>();
        let (old, new) = (text("old"), text("new"));
        let first = lines(&old, &new, usize::MAX / 4, Window::after(0));
        assert_eq!((first.rows.len(), first.remaining()), (2000, 3000));
        let last = lines(&old, &new, 3, Window::after(first.next_row() + 2000));
        assert_eq!((last.rows.len(), last.remaining()), (1000, 0));
        let Some(DiffRow::Differs { old: Some(line), .. }) = last.rows.first() else { panic!("{last:?}") };
        assert_eq!(line.number, 4001);
        // A few long rows are bounded as well.
        let long = format!("{}\n", "x".repeat(100_000)).repeat(1000);
        let shown = lines("", &long, 3, Window::after(0));
        let bytes: usize = shown.rows.iter().map(|row| format!("{row:?}").len()).sum();
        assert!(shown.remaining() > 0 && bytes < 1024 * 1024, "{} rows, {bytes} bytes", shown.rows.len());
        assert_eq!(lines(&old, &new, 3, Window::after(usize::MAX)).rows, []);
    }

    #[test]
    fn a_long_line_is_shown_around_its_difference() {
        let line = |word: &str| format!("{}{word}{}\n", "é".repeat(500_000), "x".repeat(500_000));
        let shown = lines(&line("old"), &line("new"), 3, Window::after(0));
        let [DiffRow::Differs { old: Some(old), new: Some(new) }] = &shown.rows[..] else { panic!("{shown:?}") };
        let text = |line: &Line| line.words.iter().map(|word| word.text.expose()).collect::<String>();
        assert!(text(old).contains("éoldx") && text(new).contains("énewx"));
        assert!(text(old).starts_with('…') && text(old).ends_with('…') && text(old).len() < 2 * MAX_SHOWN_BYTES);
    }

    #[test]
    fn keys_with_long_values_are_shown_shortened() {
        let value = |word: &str| format!("{}{word}", "x".repeat(100_000));
        let all = |word: &str| {
            let pairs: Vec<_> = (0..300).map(|n| (format!("k{n}"), value(word))).collect();
            kv(&pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>())
        };
        let Diff::Kv(differ) = Diff::of(&all("old"), &all("new")) else { panic!() };
        let shown = keys(&differ, None, Window::after(0));
        let bytes: usize = shown.rows.iter().map(|key| format!("{key:?}").len()).sum();
        assert!(shown.remaining() > 0 && bytes < 1024 * 1024, "{} rows, {bytes} bytes", shown.rows.len());
        let old = shown.rows[0].old.as_ref().unwrap();
        assert!(old.value.expose().ends_with("xold") && old.value.expose().len() < 2 * MAX_SHOWN_BYTES);
    }

    #[test]
    fn a_difference_of_many_keys_has_pages_of_each_kind() {
        let items = |keys: std::ops::Range<usize>, value: &str| {
            Content::Kv(keys.map(|n| (format!("k{n}"), Item::string(value))).collect::<Items>())
        };
        let Diff::Kv(differ) = Diff::of(&items(0..1600, "1"), &items(100..1900, "2")) else { panic!() };
        let page = |kind, from| keys(&differ, kind, Window::after(from));
        let all = page(None, 0);
        assert_eq!((all.rows.len(), all.next_row(), all.total), (500, 500, 1900));
        let (mut seen, mut from) = (0, 0);
        while seen < 1900 {
            let rows = page(None, from);
            (seen, from) = (seen + rows.rows.len(), rows.next_row());
        }
        assert_eq!(page(None, 1500).previous_row(), 1000);
        let counts = Diff::Kv(differ.clone()).counts();
        for kind in KeyChange::ALL {
            let shown = page(Some(kind), 0);
            assert_eq!(shown.total, counts.of(kind));
            assert!(shown.rows.iter().all(|key| key.kind() == kind));
        }
        assert_eq!(page(Some(KeyChange::Removed), 5000).previous_row(), 0);
    }

    #[test]
    fn a_changed_line_end_is_shown() {
        let rows = lines("a\n", "a\r\n", 3, Window::after(0)).rows;
        let [DiffRow::Differs { old: Some(o), new: Some(n) }] = &rows[..] else { panic!("{rows:?}") };
        assert_ne!(o.words, n.words);
    }

    #[test]
    fn the_hash_of_a_difference_ignores_positions_and_unchanged_keys() {
        let of = |old: &Content, new: &Content| {
            let config = "prod/shop/application".parse().unwrap();
            diff_sha256(&[ConfigDiff { config, diff: Diff::of(old, new) }])
        };
        let one = of(&kv(&[("a", "1")]), &kv(&[("a", "2")]));
        assert_eq!(one, of(&kv(&[("z", "9"), ("a", "1")]), &kv(&[("z", "9"), ("a", "2")])));
        assert_ne!(one, of(&kv(&[("a", "0")]), &kv(&[("a", "2")])));
        assert_ne!(one, of(&kv(&[("a", "1")]), &kv(&[("a", "3")])));
    }
}
