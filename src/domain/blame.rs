//! Blame of a text: the release that last changed each line. Releases are compared from the newest one back.

use std::time::Duration;

use similar::{DiffOp, TextDiff};

/// Timeout of one comparison. Lines that it does not reach count as changed.
const TIMEOUT: Duration = Duration::from_millis(200);

/// Returns the lines as an editor counts them. A carriage return alone ends none.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// A blame in progress.
#[derive(Debug)]
pub struct Blame {
    /// The release of each line of the newest text, as far as it is known.
    releases: Vec<Option<u64>>,
    /// Lines without a release: their places in the newest text and in `text`.
    open: Vec<(usize, usize)>,
    /// The oldest release so far, and its text.
    oldest: u64,
    text: String,
}

impl Blame {
    /// Begins with the newest release.
    pub fn new(newest: u64, text: String) -> Self {
        let count = lines(&text).len();
        let open = (0..count).map(|line| (line, line)).collect();
        Self { releases: vec![None; count], open, oldest: newest, text }
    }

    /// Returns whether all lines have a release.
    pub fn is_complete(&self) -> bool {
        self.open.is_empty()
    }

    /// Notes that an older release has the same text.
    pub fn same_text(&mut self, release: u64) {
        self.oldest = release;
    }

    /// Compares with the text of an older release. Lines that it lacks were changed by the release after it.
    pub fn compare(&mut self, release: u64, text: String) {
        let older = {
            let (was, is) = (lines(&text), lines(&self.text));
            let diff = TextDiff::configure().timeout(TIMEOUT).diff_slices(&was, &is);
            let mut older = vec![None; is.len()];
            for op in diff.ops() {
                if let DiffOp::Equal { old_index, new_index, len } = *op {
                    for n in 0..len {
                        older[new_index + n] = Some(old_index + n);
                    }
                }
            }
            older
        };
        let (releases, changed_by) = (&mut self.releases, self.oldest);
        self.open.retain_mut(|(line, place)| match older.get(*place).copied().flatten() {
            Some(older) => {
                *place = older;
                true
            }
            None => {
                releases[*line] = Some(changed_by);
                false
            }
        });
        (self.oldest, self.text) = (release, text);
    }

    /// Returns the release of each line. Lines that are left come from the oldest release if it is the first one of
    /// all; otherwise they have none.
    pub fn finish(mut self, is_first: bool) -> Vec<Option<u64>> {
        if is_first {
            for (line, _) in self.open {
                self.releases[line] = Some(self.oldest);
            }
        }
        self.releases
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the release of each line of the last text. The texts are those of releases 1, 2, 3 …
    fn blame(texts: &[&str]) -> Vec<u64> {
        let mut numbered = texts.iter().enumerate().map(|(n, text)| (text, n as u64 + 1)).rev();
        let (newest, number) = numbered.next().unwrap();
        let mut blame = Blame::new(number, (*newest).to_owned());
        for (text, number) in numbered {
            blame.compare(number, (*text).to_owned());
        }
        blame.finish(true).into_iter().map(|release| release.unwrap()).collect()
    }

    #[test]
    fn each_line_has_the_release_that_last_changed_it() {
        assert_eq!(blame(&["a\nb\nc\n"]), [1, 1, 1]);
        assert_eq!(blame(&["a\nb\nc\n", "a\nB\nc\n", "a\nB\nc\nd\n"]), [1, 2, 1, 3]);
        // A line that was inserted above moves the others.
        assert_eq!(blame(&["a\nb\n", "new\na\nb\n", "new\na\nB\n"]), [2, 1, 3]);
        // A line that came back was changed by the release that brought it back.
        assert_eq!(blame(&["a\nb\n", "a\n", "a\nb\n"]), [1, 3]);
        // Without the line end the line is another one.
        assert_eq!(blame(&["a\nb", "a\nb\n"]), [1, 2]);
        assert!(blame(&["a\n", ""]).is_empty());
        // A carriage return alone is part of its line.
        assert_eq!(blame(&["x\ra\nb\nc\n", "x\ra\nB\nc\n"]), [1, 2, 1]);
        assert_eq!(blame(&["a\rb\nc\n", "a\rb\nd\n"]), [1, 2]);
        assert_eq!(blame(&["a\r\nb\r\n", "a\r\nB\r\n"]), [1, 2]);
    }

    #[test]
    fn lines_older_than_all_compared_releases_have_none() {
        let mut blame = Blame::new(9, "a\nb\n".to_owned());
        blame.same_text(8);
        blame.compare(7, "a\n".to_owned());
        assert!(!blame.is_complete());
        assert_eq!(blame.finish(false), [None, Some(8)]);
    }
}
