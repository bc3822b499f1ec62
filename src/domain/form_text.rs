//! Restores texts that come back from a form. Browsers send every line end as CRLF and cannot show NUL, whatever the
//! original text had. This module gives each untouched line its original characters.

use std::{borrow::Cow, time::Duration};

use similar::{DiffOp, TextDiff};

/// Character that a browser shows for NUL (HTML Living Standard, 13.2.5: "unexpected-null-character parse error").
const BROWSER_NUL: &str = "\u{fffd}";

/// Maximum size of a text that a form carries whole in a hidden field, in bytes, so that forms stay small.
const MAX_HIDDEN_BYTES: usize = 256 * 1024;

/// Returns the value of the hidden field beside a text field, so that [`restore`] knows the shown text even if another
/// release is live by the time the form is sent. The value is a JSON string, which no browser changes: the common line
/// end of all lines, or the whole text if they differ or it contains NUL. `None` for a text of one line, and for a
/// large one with mixed line ends; [`restore`] then works from the present text.
pub fn hidden_value(shown: &str) -> Option<String> {
    if !shown.contains(['\r', '\n', '\0']) {
        return None;
    }
    let lines = lines(shown);
    let usual = common_line_end(&lines);
    let shown = if is_plain(shown, &lines, usual) { usual } else { shown };
    (shown.len() <= MAX_HIDDEN_BYTES).then(|| serde_json::to_string(shown).expect("a string is JSON"))
}

/// Decodes the value of a hidden field: the shown text, or its common line end (see [`hidden_value`]).
pub fn shown_text(carried: &str) -> Option<String> {
    serde_json::from_str(carried).ok()
}

/// A line and its end: CRLF, LF, CR, or nothing on the last one.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    end: &'a str,
}

/// Restores a text that was sent as `sent` by a form that showed `shown`.
///
/// Untouched lines keep their line ends; new lines get the most common line end of `shown`.
pub fn restore(shown: &str, sent: &str) -> String {
    let (was, is) = (lines(shown), lines(sent));
    let usual = common_line_end(&was);
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

/// Returns whether all lines have the same end and a browser shows every character unchanged.
fn is_plain(text: &str, lines: &[Line], usual: &str) -> bool {
    !text.contains('\0') && lines.iter().all(|line| line.end.is_empty() || line.end == usual)
}

fn as_shown(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', BROWSER_NUL).into() } else { text.into() }
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

/// Returns the most common line end, LF if there is none.
fn common_line_end<'a>(lines: &[Line<'a>]) -> &'a str {
    let count = |end: &str| lines.iter().filter(|line| line.end == end).count();
    ["\r", "\r\n", "\n"].into_iter().max_by_key(|end| count(end)).unwrap_or("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the text that a browser sends for an untouched field.
    fn sent(text: &str) -> String {
        text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n").replace('\0', BROWSER_NUL)
    }

    #[test]
    fn untouched_text_is_restored() {
        for text in
            ["", "\n", "a", "a\n", "a\r\nb\r\n", "a\nb\r\nc\rd", "\r\n\n\r", "\0\n\0", "no end\r\nhere", "\u{fffd}\0"]
        {
            assert_eq!(restore(text, &sent(text)), text, "{text:?}");
        }
    }

    #[test]
    fn carried_value_restores_an_untouched_text() {
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
            assert_eq!(hidden_value(text).as_deref(), carry, "{text:?}");
            let shown = carry.map_or(Some(String::new()), shown_text).unwrap();
            assert_eq!(restore(&shown, &sent(text)), text, "{text:?}");
            // A refused form shows the text that it received, and sends it again.
            assert_eq!(restore(&shown, &sent(&sent(text))), text, "{text:?}");
        }
        assert_eq!(hidden_value(&"a\r\nb\n".repeat(MAX_HIDDEN_BYTES)), None);
        assert_eq!(hidden_value(&"a\r\n".repeat(MAX_HIDDEN_BYTES)).as_deref(), Some("\"\\r\\n\""));
        assert_eq!(shown_text("no JSON"), None);
    }

    #[test]
    fn a_new_line_gets_the_common_line_end() {
        assert_eq!(restore("a\nb\n", "a\r\nx\r\nb\r\n"), "a\nx\nb\n");
        assert_eq!(restore("a\r\nb\r\n", "a\r\nb\r\nc"), "a\r\nb\r\nc");
        assert_eq!(restore("", "a\r\nb"), "a\nb");
    }

    #[test]
    fn mixed_line_ends_stay_where_they_are() {
        assert_eq!(restore("a\r\nb\nc\nd", "a\r\nb\r\nnew\r\nc\r\nd"), "a\r\nb\nnew\nc\nd");
        assert_eq!(restore("a\r\nb\nc", "a\r\nb"), "a\r\nb");
        assert_eq!(restore("a\nb\r\nc\nlast", "a\r\nb\r\nc\r\nlast\r\nmore"), "a\nb\r\nc\nlast\nmore");
        assert_eq!(restore("a\0\r\nb\n", "a\u{fffd}\r\nb\r\nc"), "a\0\r\nb\nc");
    }
}
