//! What people type into a form. A browser sends every line end as CRLF and cannot show NUL, whatever the text has that
//! was on the page: here each line that was not touched gets back exactly what it was.

use std::{borrow::Cow, time::Duration};

use similar::{DiffOp, TextDiff};

/// What a browser shows for NUL (HTML Living Standard, 13.2.5: "unexpected-null-character parse error").
const SHOWN_NUL: &str = "\u{fffd}";

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
    let plain = !shown.contains('\0') && was.iter().all(|line| line.end.is_empty() || line.end == usual);
    if plain {
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
