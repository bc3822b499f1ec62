//! What people type into a form. A browser sends every line end as CRLF and cannot show NUL, whatever the text has that
//! was on the page: here each line that was not touched gets back exactly what it was.

use std::{borrow::Cow, time::Duration};

use similar::{DiffOp, TextDiff};

/// What a browser shows for NUL (HTML Living Standard, 13.2.5: "unexpected-null-character parse error").
const SHOWN_NUL: &str = "\u{fffd}";

/// Longest text that is carried whole beside a field, in bytes: a form has to fit where it is sent.
const CARRIED_BYTES: usize = 256 * 1024;

/// Returns what a form carries beside a field with this text, so that [`restored`] knows what was in it, also when
/// something else is there by the time that the form is sent. It is the line end that all lines have, or the whole text
/// where they differ or there is a NUL, as a JSON string, which no browser changes. Nothing for a text of one line, and
/// for a long one with different ends: then [`restored`] takes what is there.
#[must_use]
pub fn carried(shown: &str) -> Option<String> {
    if !shown.contains(['\r', '\n', '\0']) {
        return None;
    }
    let lines = lines(shown);
    let usual = usual_end(&lines);
    let shown = if is_plain(shown, &lines, usual) { usual } else { shown };
    (shown.len() <= CARRIED_BYTES).then(|| serde_json::to_string(shown).expect("a string is JSON"))
}

/// Returns what was in a field, from what the form [`carried`].
#[must_use]
pub fn shown(carried: &str) -> Option<String> {
    serde_json::from_str(carried).ok()
}

/// A line and what ends it: CRLF, LF, CR, or nothing on the last one.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    end: &'a str,
}

/// The text that was meant when `shown` was in a field and the form sent `sent`.
///
/// Lines that were not touched keep their line ends; new ones get the end that most lines of `shown` have.
#[must_use]
pub fn restored(shown: &str, sent: &str) -> String {
    let (was, is) = (lines(shown), lines(sent));
    let usual = usual_end(&was);
    if is_plain(shown, &was, usual) {
        return is.iter().flat_map(|line| [line.text, if line.end.is_empty() { "" } else { usual }]).collect();
    }
    let seen: Vec<Cow<str>> = was.iter().map(|line| as_shown(line.text)).collect();
    let olds: Vec<&str> = seen.iter().map(|text| &**text).collect();
    let news: Vec<&str> = is.iter().map(|line| line.text).collect();
    let diff = TextDiff::configure().timeout(Duration::from_millis(500)).diff_slices(&olds, &news);
    let mut text = String::with_capacity(sent.len());
    for op in diff.ops() {
        let same = matches!(op, DiffOp::Equal { .. });
        let olds = op.old_range();
        for (n, at) in op.new_range().enumerate() {
            let old = same.then(|| was[olds.start + n]);
            text.push_str(old.map_or(is[at].text, |old| old.text));
            text.push_str(match (is[at].end, old) {
                ("", _) => "",
                (_, Some(old)) if !old.end.is_empty() => old.end,
                _ => usual,
            });
        }
    }
    text
}

/// Whether all lines end in the same way, and a field shows every character as it is.
fn is_plain(text: &str, lines: &[Line], usual: &str) -> bool {
    !text.contains('\0') && lines.iter().all(|line| line.end.is_empty() || line.end == usual)
}

fn as_shown(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', SHOWN_NUL).into() } else { text.into() }
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        let len = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        lines.push(Line { text: &rest[..at], end: &rest[at..at + len] });
        rest = &rest[at + len..];
    }
    lines.push(Line { text: rest, end: "" });
    lines
}

/// The end that most lines have; LF where there is none.
fn usual_end<'a>(lines: &[Line<'a>]) -> &'a str {
    let count = |end: &str| lines.iter().filter(|line| line.end == end).count();
    ["\r", "\r\n", "\n"].into_iter().max_by_key(|end| count(end)).unwrap_or("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser sends for a field with this text that nobody touched.
    fn sent(text: &str) -> String {
        text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n").replace('\0', SHOWN_NUL)
    }

    #[test]
    fn what_nobody_touched_comes_back_as_it_was() {
        for text in
            ["", "\n", "a", "a\n", "a\r\nb\r\n", "a\nb\r\nc\rd", "\r\n\n\r", "\0\n\0", "no end\r\nhere", "\u{fffd}\0"]
        {
            assert_eq!(restored(text, &sent(text)), text, "{text:?}");
        }
    }

    #[test]
    fn what_is_carried_restores_a_text_that_nobody_touched() {
        for (text, carry) in [
            ("a", None),
            ("a\nb\n", Some("\"\\n\"")),
            ("a\rb", Some("\"\\r\"")),
            ("\ra\r", Some("\"\\r\"")),
            ("a\r\nb\r\n", Some("\"\\r\\n\"")),
            ("a\rb\nc", Some("\"a\\rb\\nc\"")),
            ("a\r\nb\rc", Some("\"a\\r\\nb\\rc\"")),
            ("a\0b", Some("\"a\\u0000b\"")),
        ] {
            assert_eq!(carried(text).as_deref(), carry, "{text:?}");
            let shown = carry.map_or(Some(String::new()), shown).unwrap();
            assert_eq!(restored(&shown, &sent(text)), text, "{text:?}");
            // A form that came back shows what it sent, and sends it again.
            assert_eq!(restored(&shown, &sent(&sent(text))), text, "{text:?}");
        }
        assert_eq!(carried(&"a\r\nb\n".repeat(CARRIED_BYTES)), None);
        assert_eq!(carried(&"a\r\n".repeat(CARRIED_BYTES)).as_deref(), Some("\"\\r\\n\""));
        assert_eq!(shown("no JSON"), None);
    }

    #[test]
    fn a_new_line_ends_as_the_others_do() {
        assert_eq!(restored("a\nb\n", "a\r\nx\r\nb\r\n"), "a\nx\nb\n");
        assert_eq!(restored("a\r\nb\r\n", "a\r\nb\r\nc"), "a\r\nb\r\nc");
        assert_eq!(restored("", "a\r\nb"), "a\nb");
    }

    #[test]
    fn mixed_line_ends_stay_where_they_are() {
        assert_eq!(restored("a\r\nb\nc\nd", "a\r\nb\r\nnew\r\nc\r\nd"), "a\r\nb\nnew\nc\nd");
        assert_eq!(restored("a\r\nb\nc", "a\r\nb"), "a\r\nb");
        assert_eq!(restored("a\nb\r\nc\nlast", "a\r\nb\r\nc\r\nlast\r\nmore"), "a\nb\r\nc\nlast\nmore");
        assert_eq!(restored("a\0\r\nb\n", "a\u{fffd}\r\nb\r\nc"), "a\0\r\nb\nc");
    }
}
