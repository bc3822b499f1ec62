//! Finds the places at which a hit is possible, so that everything else is passed over quickly.

use std::{cmp::Reverse, collections::HashMap};

use memchr::memchr;
use regex::bytes::Regex;

use super::{
    SearchQuery,
    query::{pattern, regex},
};
use crate::domain::entry::Entry;

/// Size of the part of a word that is looked for, in bytes. The keys of a config often begin alike, so the scanner would
/// stop at each of them if it looked for whole words from their beginning.
const PART: usize = 5;
/// Number of documents in which the parts of the words are counted.
const SAMPLES: usize = 16;
/// Size of each sample, in bytes.
const SAMPLE_BYTES: usize = 2048;

/// Finders of possible hits.
pub(super) struct Candidates {
    /// Finds a part of one of the words, which every hit has.
    part: Regex,
    /// Also finds JSON escapes, which may hide the part.
    part_or_escape: Regex,
}

impl Candidates {
    pub fn new(query: &SearchQuery, entries: &[Entry]) -> Self {
        let runs: Vec<&str> = query.runs().filter(|run| !run.is_empty()).collect();
        if runs.is_empty() {
            // Words of quotes and backslashes only are always escaped in JSON.
            return Self { part: regex(&pattern(query.longest_word())), part_or_escape: regex(r"\\") };
        }
        let step = entries.len().div_ceil(SAMPLES).max(1);
        let samples = entries.iter().step_by(step).map(|entry| {
            let document = entry.document.expose().as_bytes();
            &document[..document.len().min(SAMPLE_BYTES)]
        });
        let part = pattern(rarest_part(&runs, &samples.collect::<Vec<_>>()));
        Self { part_or_escape: regex(&format!(r"{part}|\\u|\\/")), part: regex(&part) }
    }

    /// Returns the finder for a `kv` document.
    pub fn in_items(&self, document: &str) -> &Regex {
        // Few documents have escapes, and without them the scan takes half of the time.
        if memchr(b'\\', document.as_bytes()).is_some() { &self.part_or_escape } else { &self.part }
    }

    /// Returns the finder for a text.
    pub fn in_lines(&self) -> &Regex {
        &self.part
    }
}

/// Returns the part of these words that occurs least often in the samples, and of several such parts the one with the
/// fewest letters, because letters have two cases.
fn rarest_part<'w>(words: &[&'w str], samples: &[&[u8]]) -> &'w str {
    let lower = |part: &[u8]| -> [u8; PART] { std::array::from_fn(|n| part[n].to_ascii_lowercase()) };
    let parts = || words.iter().flat_map(|word| parts_of(word));
    let is_counted_at_once = |part: &&str| part.is_ascii() && part.len() == PART;
    let mut counts: HashMap<_, _> =
        parts().filter(is_counted_at_once).map(|part| (lower(part.as_bytes()), 0_usize)).collect();
    for part in samples.iter().flat_map(|sample| sample.windows(PART)) {
        if let Some(count) = counts.get_mut(&lower(part)) {
            *count += 1;
        }
    }
    let count = |part: &str| match is_counted_at_once(&part) {
        true => counts[&lower(part.as_bytes())],
        false => {
            let finder = regex(&pattern(part));
            samples.iter().map(|sample| finder.find_iter(sample).count()).sum()
        }
    };
    let cost = |part: &&str| {
        let letters = part.chars().filter(|c| c.is_alphabetic()).count();
        (count(part), letters, Reverse(part.len()))
    };
    parts().min_by_key(cost).unwrap_or_default()
}

/// Returns all parts of a word. A word that is not ASCII has no parts but itself.
fn parts_of(word: &str) -> Vec<&str> {
    if !word.is_ascii() || word.len() <= PART {
        return vec![word];
    }
    (0..=word.len() - PART).map(|from| &word[from..from + PART]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_part_of_the_words_is_chosen() {
        let sample = br#"{"service.port-0001":"1","service.port-0002":"2","SERVICE.PORT-0003":"3","a":"b"}"#;
        let part = |words: &[&'static str]| rarest_part(words, &[&sample[..]]);
        assert_eq!(part(&["service.port-0417"]), "-0417");
        assert_eq!(part(&["Service"]), "Servi");
        assert_eq!(part(&["port"]), "port");
        assert_eq!(part(&["größte.port"]), "größte.port");
        assert_eq!(part(&["service", "b"]), "b");
        assert_eq!(part(&["service", "port-0001", "12"]), "12");
    }
}
