//! Unseen characters: they are invisible, or they change the direction of the text. A key or name that contains one can
//! look like another one (Unicode Technical Report 36, "Visual Security Issues").

use std::ops::RangeInclusive;

use super::problem::Problem;

/// Invisible characters that are neither white space nor control characters: format characters, default ignorable ones,
/// fillers, the blank Braille pattern, and noncharacters.
const FORMAT: [RangeInclusive<char>; 30] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fdd0}'..='\u{fdef}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{fffe}'..='\u{ffff}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{16fe4}'..='\u{16fe4}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d159}'..='\u{1d159}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Unicode names of the characters that people commonly paste.
const NAMES: [(char, &str); 45] = [
    ('\0', "NULL"),
    ('\t', "CHARACTER TABULATION"),
    ('\n', "LINE FEED"),
    ('\u{b}', "LINE TABULATION"),
    ('\u{c}', "FORM FEED"),
    ('\r', "CARRIAGE RETURN"),
    ('\u{1b}', "ESCAPE"),
    (' ', "SPACE"),
    ('\u{7f}', "DELETE"),
    ('\u{85}', "NEXT LINE"),
    ('\u{a0}', "NO-BREAK SPACE"),
    ('\u{ad}', "SOFT HYPHEN"),
    ('\u{34f}', "COMBINING GRAPHEME JOINER"),
    ('\u{61c}', "ARABIC LETTER MARK"),
    ('\u{115f}', "HANGUL CHOSEONG FILLER"),
    ('\u{180e}', "MONGOLIAN VOWEL SEPARATOR"),
    ('\u{2002}', "EN SPACE"),
    ('\u{2003}', "EM SPACE"),
    ('\u{2007}', "FIGURE SPACE"),
    ('\u{2009}', "THIN SPACE"),
    ('\u{200a}', "HAIR SPACE"),
    ('\u{200b}', "ZERO WIDTH SPACE"),
    ('\u{200c}', "ZERO WIDTH NON-JOINER"),
    ('\u{200d}', "ZERO WIDTH JOINER"),
    ('\u{200e}', "LEFT-TO-RIGHT MARK"),
    ('\u{200f}', "RIGHT-TO-LEFT MARK"),
    ('\u{2028}', "LINE SEPARATOR"),
    ('\u{2029}', "PARAGRAPH SEPARATOR"),
    ('\u{202a}', "LEFT-TO-RIGHT EMBEDDING"),
    ('\u{202b}', "RIGHT-TO-LEFT EMBEDDING"),
    ('\u{202c}', "POP DIRECTIONAL FORMATTING"),
    ('\u{202d}', "LEFT-TO-RIGHT OVERRIDE"),
    ('\u{202e}', "RIGHT-TO-LEFT OVERRIDE"),
    ('\u{202f}', "NARROW NO-BREAK SPACE"),
    ('\u{205f}', "MEDIUM MATHEMATICAL SPACE"),
    ('\u{2060}', "WORD JOINER"),
    ('\u{2066}', "LEFT-TO-RIGHT ISOLATE"),
    ('\u{2067}', "RIGHT-TO-LEFT ISOLATE"),
    ('\u{2068}', "FIRST STRONG ISOLATE"),
    ('\u{2069}', "POP DIRECTIONAL ISOLATE"),
    ('\u{2800}', "BRAILLE PATTERN BLANK"),
    ('\u{3000}', "IDEOGRAPHIC SPACE"),
    ('\u{3164}', "HANGUL FILLER"),
    ('\u{fe0f}', "VARIATION SELECTOR-16"),
    ('\u{feff}', "ZERO WIDTH NO-BREAK SPACE (byte order mark)"),
];

/// Returns whether a character is invisible, or changes the direction of the text. White space other than the blank
/// counts as invisible.
pub fn is_unseen(c: char) -> bool {
    !matches!(c, ' '..='~') && is_unseen_beyond(c)
}

fn is_unseen_beyond(c: char) -> bool {
    c.is_control() || (c.is_whitespace() && c != ' ') || FORMAT.iter().any(|range| range.contains(&c))
}

/// Returns whether a text has no visible character.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c == ' ' || is_unseen(c))
}

/// Returns whether an unseen character is normal after `before`. These are the joiners and selectors that emoji and
/// many scripts need, and the ideographic space of Chinese and Japanese.
pub fn is_usual_after(before: char, c: char) -> bool {
    match c {
        '\u{3000}' => true,
        '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => !before.is_ascii(),
        _ => false,
    }
}

/// Returns whether a character changes the direction of the text after it.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the code point and, for common characters, the name: `U+200B ZERO WIDTH SPACE`.
pub fn describe(c: char) -> String {
    let code = format!("U+{:04X}", u32::from(c));
    NAMES.iter().find(|(known, _)| *known == c).map_or_else(|| code.clone(), |(_, name)| format!("{code} {name}"))
}

/// Returns the problem with the first unseen character of a key or name, which must have none.
pub fn find_problem(text: &str) -> Option<Problem> {
    let (at, character) = text.chars().enumerate().find(|(_, c)| is_unseen(*c))?;
    Some(problem(at, character))
}

/// Returns the problem with an unseen character that has `before` characters in front of it.
pub fn problem(before: usize, character: char) -> Problem {
    Problem::Unseen { character, position: u32::try_from(before + 1).unwrap_or(u32::MAX) }
}

/// The unseen characters of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// The first character, if it is white space or unseen.
    pub begins: Option<char>,
    /// The last character, if it is white space or unseen.
    pub ends: Option<char>,
    /// Distinct unseen characters inside, in order, at most [`Unseen::MAX_LISTED`].
    pub inside: Vec<char>,
}

impl Unseen {
    /// Maximum number of characters that are listed.
    const MAX_LISTED: usize = 3;

    /// Finds the unseen characters at the ends of a value and inside it. A character at an end is listed as inside only
    /// if it changes the direction of the text or also occurs elsewhere.
    pub fn of(value: &str) -> Self {
        let hides = |c: &char| c.is_whitespace() || is_unseen(*c);
        let (begins, ends) = (value.chars().next().filter(hides), value.chars().last().filter(hides));
        let mut found = Self { begins, ends, ..Self::anywhere(value) };
        let is_at_an_end = |c: char| [begins, ends].contains(&Some(c)) && value.matches(c).count() == 1;
        found.inside.retain(|c| changes_direction(*c) || !is_at_an_end(*c));
        found
    }

    /// Finds unseen characters at any position. Line ends, tabs, and the joiners and selectors that emoji and many
    /// scripts need are not reported.
    pub fn anywhere(value: &str) -> Self {
        let mut found = Self::default();
        let mut before = '\0';
        let mut rest = value.chars().peekable();
        while let Some(c) = rest.next() {
            let is_usual = match c {
                '\n' | '\t' => true,
                '\r' => rest.peek() == Some(&'\n'),
                c => !is_unseen(c) || is_usual_after(before, c),
            };
            if !is_usual && found.inside.len() < Self::MAX_LISTED && !found.inside.contains(&c) {
                found.inside.push(c);
            }
            before = c;
        }
        found
    }

    /// Returns whether no unseen character was found.
    pub fn is_empty(&self) -> bool {
        self.begins.is_none() && self.ends.is_none() && self.inside.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unseen_character_is_found_and_named() {
        for (text, character, position, said) in [
            ("a\u{200b}b", '\u{200b}', 2, "U+200B ZERO WIDTH SPACE"),
            ("\u{feff}a", '\u{feff}', 1, "U+FEFF ZERO WIDTH NO-BREAK SPACE (byte order mark)"),
            ("商店\u{202e}", '\u{202e}', 3, "U+202E RIGHT-TO-LEFT OVERRIDE"),
            ("a\tb", '\t', 2, "U+0009 CHARACTER TABULATION"),
            ("a\u{a0}b", '\u{a0}', 2, "U+00A0 NO-BREAK SPACE"),
            ("a\u{e0041}", '\u{e0041}', 2, "U+E0041"),
        ] {
            assert_eq!(find_problem(text), Some(Problem::Unseen { character, position }), "{text:?}");
            assert_eq!(describe(character), said);
        }
        for seen in ["", "db.url", "two words", "商店.名", "é", "e\u{301}", "😀", "a-b_c/d"] {
            assert_eq!(find_problem(seen), None, "{seen:?}");
        }
    }

    #[test]
    fn every_kind_of_unseen_character_is_found() {
        let all = "\u{ad}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2060}\u{2061}\
                   \u{2066}\u{2069}\u{206a}\u{feff}\u{fe0f}\u{34f}\u{61c}\u{115f}\u{180e}\u{3164}\u{ffa0}\u{fff9}\u{2800}\
                   \u{2028}\u{2029}\u{85}\u{a0}\u{1680}\u{2000}\u{200a}\u{202f}\u{205f}\u{3000}\u{e0001}\u{e0100}\0\u{7f}\u{9f}";
        let seen: Vec<char> = all.chars().filter(|c| !is_unseen(*c)).collect();
        assert_eq!(seen, Vec::<char>::new());
        assert!(NAMES.is_sorted_by_key(|(c, _)| *c) && NAMES.iter().all(|(c, _)| is_unseen(*c) || *c == ' '));
    }

    #[test]
    fn unseen_characters_of_a_value_are_reported() {
        let of = |value: &str| {
            let Unseen { begins, ends, inside } = Unseen::of(value);
            (begins, ends, inside.into_iter().collect::<String>())
        };
        let none = String::new;
        assert_eq!(of("a b"), (None, None, none()));
        assert_eq!(of(" a"), (Some(' '), None, none()));
        assert_eq!(of("a\n"), (None, Some('\n'), none()));
        assert_eq!(of("a\u{200b}"), (None, Some('\u{200b}'), none()));
        assert_eq!(of("a\u{200b}b\u{200b}"), (None, Some('\u{200b}'), "\u{200b}".into()));
        assert_eq!(of("a\u{202e}"), (None, Some('\u{202e}'), "\u{202e}".into()));
        assert_eq!(of("a\u{202e}b\u{feff}c"), (None, None, "\u{202e}\u{feff}".into()));
        assert_eq!(of("a\rb"), (None, None, "\r".into()));
        assert_eq!(of("a\r\nb\tc\nd"), (None, None, none()));
        assert_eq!(of("👩\u{200d}💻 ❤\u{fe0f} می\u{200c}خواهم 你好\u{3000}世界"), (None, None, none()));
        assert_eq!(of("a\u{200d}b"), (None, None, "\u{200d}".into()));
        assert_eq!(of("\u{1}\u{2}\u{3}\u{4}\u{5}").2.chars().count(), 3 - 1, "the first is named as the begin");
        assert!(is_blank("") && is_blank(" \u{200b}\u{3164}\u{2800}\n") && !is_blank("\u{200b}a"));
        assert!(Unseen::of("").is_empty() && !Unseen::of(" ").is_empty());
    }
}
