//! Scans a text: its lines, and the keys of nested values.

use std::collections::HashSet;

use memchr::{memchr, memchr_iter, memmem, memrchr};
use regex::bytes::Regex;

use super::{Candidates, Collected, Hit, Rank, SearchQuery};
use crate::{
    domain::{content::Format, entry::Entry},
    formats::{self, FlatValue},
};

/// Adds the values and lines of a text that have all words of the query, each line once.
pub(super) fn scan(entry: &Entry, query: &SearchQuery, candidates: &Candidates, found: &mut Collected) {
    if found.is_full() {
        return;
    }
    let text = entry.document.expose();
    let mut lines = HashSet::new();
    for FlatValue { key, value, line } in nested(entry.meta.format, text, query) {
        if let Some(rank) = query.rank(&key, &[&value]) {
            lines.insert(line);
            found.add(rank, || Hit {
                config: entry.config.clone(),
                key: Some(key),
                text: query.excerpt(&value).into(),
                line: Some(line),
            });
        }
    }
    scan_lines(text, candidates.in_lines(), query, |line, content| {
        if lines.insert(line) {
            found.add(Rank::InValue, || Hit {
                config: entry.config.clone(),
                key: None,
                text: query.excerpt(content.trim()).into(),
                line: Some(line),
            });
        }
    });
}

/// Returns the values of a text with their keys, if the words may be in several of its lines or be escaped.
fn nested(format: Format, text: &str, query: &SearchQuery) -> Vec<FlatValue> {
    let may_have_keys = match format {
        Format::Json | Format::Yaml | Format::Toml | Format::Properties => {
            (query.may_be_nested() && query.has_all_segments(text)) || may_be_escaped(format, text.as_bytes(), query)
        }
        Format::Kv | Format::Xml | Format::Text => false,
    };
    if may_have_keys { formats::flatten(format, text) } else { Vec::new() }
}

/// Returns whether an escape of a text may hide a word. Most texts have some, but few words can be hidden.
fn may_be_escaped(format: Format, text: &[u8], query: &SearchQuery) -> bool {
    if memchr(b'\\', text).is_none() {
        // YAML writes a quote within single quotes twice.
        return format == Format::Yaml && query.has_escapable() && memmem::find(text, b"''").is_some();
    }
    // In properties each character may be escaped, also the end of a line.
    let hides_any = |at| matches!(text.get(at + 1), Some(b'u' | b'U' | b'x' | b'\n' | b'\r'));
    format == Format::Properties || query.has_escapable() || memchr_iter(b'\\', text).any(hides_any)
}

/// Calls `found` with the number and the content of each line that has all words.
fn scan_lines(text: &str, candidates: &Regex, query: &SearchQuery, mut found: impl FnMut(usize, &str)) {
    let bytes = text.as_bytes();
    // Start and number of the line that was counted last.
    let (mut counted, mut line, mut at) = (0, 1, 0);
    while let Some(candidate) = candidates.find_at(bytes, at) {
        let start = memrchr(b'\n', &bytes[..candidate.start()]).map_or(0, |end| end + 1);
        let end = memchr(b'\n', &bytes[candidate.end()..]).map_or(bytes.len(), |end| candidate.end() + end);
        line += memchr_iter(b'\n', &bytes[counted..start]).count();
        (counted, at) = (start, end);
        if query.is_in_line(&text[start..end]) {
            found(line, &text[start..end]);
        }
    }
}
