//! The query of a search: `db.url`, `"two words"`, `key:url`, `value:10.0`, `env:prod`, `app:shop`.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use super::Rank;
use crate::domain::{
    names::{AppName, ConfigId, EnvName},
    problem::{Invalid, Problem},
};

/// Maximum size of a query, in bytes.
pub const MAX_QUERY_BYTES: usize = 3 * MAX_QUERY_LENGTH;
/// Maximum length of a query in its fields, in UTF-16 units. Each takes at most three bytes.
pub const MAX_QUERY_LENGTH: usize = 400;
/// Maximum size of a value or line that is shown whole, in bytes.
const MAX_WHOLE: usize = 240;
/// Size of the part before the first word in a shortened text, in bytes.
const BEFORE: usize = 60;

/// Part of an item in which a word must occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Any,
    Key,
    Value,
}

/// A word of a query.
#[derive(Clone, Debug)]
struct QueryWord {
    text: String,
    part: Part,
    finder: Regex,
}

/// A parsed query. Case does not matter. All words must occur, in any order.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    text: String,
    words: Vec<QueryWord>,
    envs: Vec<String>,
    apps: Vec<String>,
    /// Index of the longest word.
    longest: usize,
    /// Finders of the parts of all words between their dots.
    segments: Vec<Regex>,
}

impl SearchQuery {
    /// Parses a query. Any text is one.
    ///
    /// # Errors
    /// [`Problem::TooLong`] at `/q`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(Invalid::new("/q", Problem::TooLong { max: MAX_QUERY_BYTES }));
        }
        let (mut words, mut envs, mut apps) = (Vec::new(), Vec::new(), Vec::new());
        for (filter, word) in split(text) {
            let part = match filter {
                Some(Filter::Env) => {
                    envs.push(word);
                    continue;
                }
                Some(Filter::App) => {
                    apps.push(word);
                    continue;
                }
                Some(Filter::Key) => Part::Key,
                Some(Filter::Value) => Part::Value,
                None => Part::Any,
            };
            words.push(QueryWord { finder: finder(&word), text: word, part });
        }
        let longest = (0..words.len()).max_by_key(|n| (words[*n].text.len(), words.len() - n)).unwrap_or_default();
        let segments = words.iter().flat_map(|word| word.text.split('.')).filter(|segment| !segment.is_empty());
        let segments = segments.map(finder).collect();
        Ok(Self { text: text.trim().to_owned(), words, envs, apps, longest, segments })
    }

    /// Returns the query as it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether there is no word to look for.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Returns whether the filters `env:` and `app:` admit a config.
    pub fn covers(&self, config: &ConfigId) -> bool {
        self.covers_env(&config.env) && self.covers_app(&config.app)
    }

    /// Returns whether the filter `env:` admits an environment.
    pub fn covers_env(&self, env: &EnvName) -> bool {
        self.envs.is_empty() || self.envs.iter().any(|name| name == env.as_str())
    }

    /// Returns whether the filter `app:` admits an application.
    pub fn covers_app(&self, app: &AppName) -> bool {
        self.apps.is_empty() || self.apps.iter().any(|name| name == app.as_str())
    }

    /// Returns whether there is no filter `env:` or `app:`.
    pub fn is_everywhere(&self) -> bool {
        self.envs.is_empty() && self.apps.is_empty()
    }

    /// Returns whether all words occur in some of these texts. Words that must be in a key or a value do not.
    pub fn is_in(&self, texts: &[&str]) -> bool {
        let is_found = |word: &QueryWord| word.part == Part::Any && texts.iter().any(|text| word.is_in(text));
        !self.words.is_empty() && self.words.iter().all(is_found)
    }

    /// Returns whether an item has all words.
    pub fn is_in_item(&self, key: &str, value: &str, comment: &str) -> bool {
        self.words.iter().all(|word| match word.part {
            Part::Any => [key, value, comment].into_iter().any(|text| word.is_in(text)),
            Part::Key => word.is_in(key),
            Part::Value => word.is_in(value),
        })
    }

    /// Returns whether any word occurs in a text.
    pub fn has_word_in(&self, text: &str) -> bool {
        self.words.iter().any(|word| word.is_in(text))
    }

    /// Returns the longest word, for a first selection by the database. It is empty without words.
    pub fn longest_word(&self) -> &str {
        self.words.get(self.longest).map_or("", |word| &word.text)
    }

    /// Returns the places of all words in a text, in order and without overlaps, as byte ranges.
    pub fn marks(&self, text: &str) -> Vec<Range<usize>> {
        let places =
            self.words.iter().flat_map(|word| word.finder.find_iter(text.as_bytes()).map(|found| found.range()));
        let mut places: Vec<Range<usize>> = places.collect();
        places.sort_unstable_by_key(|place| (place.start, place.end));
        let mut marks: Vec<Range<usize>> = Vec::with_capacity(places.len());
        for place in places {
            match marks.last_mut() {
                Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
                _ => marks.push(place),
            }
        }
        marks
    }

    /// Returns a text, or its part around the first word.
    pub fn excerpt(&self, text: &str) -> String {
        if text.len() <= MAX_WHOLE {
            return text.to_owned();
        }
        let places = self.words.iter().filter_map(|word| word.finder.find(text.as_bytes()));
        let first = places.map(|place| place.start()).min().unwrap_or_default();
        let start = text.ceil_char_boundary(first.saturating_sub(BEFORE));
        let end = text.floor_char_boundary((start + MAX_WHOLE).min(text.len()));
        let (before, after) = (if start > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
        format!("{before}{}{after}", &text[start..end])
    }

    pub(super) fn rank(&self, key: &str, values: &[&str]) -> Option<Rank> {
        let mut best = Rank::InValue;
        for word in &self.words {
            let in_key = (word.part != Part::Value).then(|| word.finder.find(key.as_bytes())).flatten();
            match in_key {
                Some(found) if found.len() == key.len() => best = best.min(Rank::Key),
                Some(found) if found.start() == 0 => best = best.min(Rank::KeyStart),
                Some(_) => best = best.min(Rank::InKey),
                None if word.part != Part::Key && values.iter().any(|value| word.is_in(value)) => {}
                None => return None,
            }
        }
        Some(best)
    }

    /// Returns whether a word has a character that a short escape writes: a quote, a slash or a control character.
    pub(super) fn has_escapable(&self) -> bool {
        let is_escaped = |c: char| matches!(c, '"' | '\'' | '\\' | '/') || c.is_control();
        self.words.iter().any(|word| word.text.contains(is_escaped))
    }

    /// Returns the longest part of each word that JSON writes without escapes.
    pub(super) fn runs(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| longest_run(&word.text))
    }

    /// Returns whether a key begins with the longest word, if that may be in keys: a quick test before [`Self::rank`].
    /// Other letters than those of ASCII are compared in their own case.
    pub(super) fn begins(&self, key: &str) -> bool {
        let Some(word) = self.words.get(self.longest).filter(|word| word.part != Part::Value) else { return false };
        key.as_bytes().get(..word.text.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.text.as_bytes()))
    }

    /// Returns whether a line has all words. A word that must be in a key is in no line.
    pub(super) fn is_in_line(&self, line: &str) -> bool {
        self.words.iter().all(|word| word.part != Part::Key && word.is_in(line))
    }

    /// Returns whether the words may be spread over the nested keys of a text and a value, so that no line has them all.
    pub(super) fn may_be_nested(&self) -> bool {
        self.words.len() > 1 || self.words.iter().any(|word| word.part == Part::Key || word.text.contains('.'))
    }

    /// Returns whether all parts of all words, between their dots, occur in a text.
    pub(super) fn has_all_segments(&self, text: &str) -> bool {
        self.segments.iter().all(|segment| segment.is_match(text.as_bytes()))
    }
}

impl QueryWord {
    fn is_in(&self, text: &str) -> bool {
        self.finder.is_match(text.as_bytes())
    }
}

/// Filters of a query.
#[derive(Clone, Copy)]
enum Filter {
    Env,
    App,
    Key,
    Value,
}

impl Filter {
    const NAMES: [(&'static str, Self); 4] =
        [("env:", Self::Env), ("app:", Self::App), ("key:", Self::Key), ("value:", Self::Value)];
}

/// Splits a query into words with their filters. Quotes keep blanks, and a quoted word has no filter inside. A filter
/// without a word is skipped, because somebody is still typing.
fn split(text: &str) -> Vec<(Option<Filter>, String)> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start());
    while !rest.is_empty() {
        let begins = |name: &str| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        let filter = Filter::NAMES.into_iter().find(|(name, _)| begins(name)).map(|(name, filter)| {
            rest = &rest[name.len()..];
            filter
        });
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        if !word.trim().is_empty() {
            words.push((filter, word.to_owned()));
        }
        rest = after.trim_start();
    }
    words
}

/// Returns the longest part of a word that JSON writes without escapes.
fn longest_run(word: &str) -> &str {
    let is_escaped = |c: char| matches!(c, '"' | '\\') || c.is_control();
    word.split(is_escaped).max_by_key(|run| run.len()).unwrap_or_default()
}

/// Returns a pattern for a word in any case. ASCII words are compared as bytes, which is faster. Otherwise Unicode's
/// simple case folding decides.
pub(super) fn pattern(word: &str) -> String {
    let flags = if word.is_ascii() { "i-u" } else { "i" };
    format!("(?{flags}:{})", regex::escape(word))
}

fn finder(word: &str) -> Regex {
    regex(&pattern(word))
}

pub(super) fn regex(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).build().expect("an escaped word of limited size is a valid pattern")
}
