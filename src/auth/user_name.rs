//! User names for the log-in: their canonical form, and the rules for new ones.

use unicode_normalization::UnicodeNormalization;
use unicode_script::{Script, ScriptExtension, UnicodeScript};

use crate::domain::{error::Problem, unseen};

/// Maximum length of a name, in characters.
const LENGTH: usize = 64;

/// Writing systems that mix scripts in one word, according to Unicode Technical Standard 39: Japanese, Korean, and
/// Chinese with Bopomofo.
const MIXED: [&[Script]; 3] = [
    &[Script::Han, Script::Hiragana, Script::Katakana],
    &[Script::Han, Script::Hangul],
    &[Script::Han, Script::Bopomofo],
];

/// Returns the form in which a name is stored and looked up: NFKC, in lower case, trimmed, with single spaces between
/// words. So `Ａｎａ`, `ANA` and `ana` are one name, and so are both spellings of `é`.
pub fn canonical(name: &str) -> String {
    let lower: String = name.nfkc().collect::<String>().to_lowercase();
    // Lower case can decompose composed characters.
    let normal: String = lower.nfkc().collect();
    normal.trim().split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Returns the problem of a canonical name, if there is one. It must have 1 to 64 characters, all of them visible. Each
/// word must have letters of one script, so that no letter can pass for one of another script.
pub fn problem(name: &str) -> Option<Problem> {
    match name {
        "" => Some(Problem::Required),
        _ if name.chars().count() > LENGTH => Some(Problem::TooLong { max: LENGTH }),
        _ => unseen::find_problem(name).or_else(|| words(name).find_map(mixed)),
    }
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| c == ' ' || c.is_ascii_punctuation())
}

fn mixed(word: &str) -> Option<Problem> {
    let is_mixed = word.chars().map(|c| c.script_extension()).reduce(ScriptExtension::intersection)?.is_empty();
    let is_of = |system: &&[Script]| {
        word.chars().all(|c| system.iter().any(|script| c.script_extension().contains_script(*script)))
    };
    if !is_mixed || MIXED.iter().any(is_of) {
        return None;
    }
    let mut scripts: Vec<String> = Vec::new();
    for script in word.chars().map(|c| c.script()).filter(|s| !matches!(s, Script::Common | Script::Inherited)) {
        let name = script.full_name().to_owned();
        if !scripts.contains(&name) {
            scripts.push(name);
        }
    }
    Some(Problem::Scripts { word: word.to_owned(), scripts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_name_have_one_canonical_form() {
        for (given, name) in [
            (" Ana ", "ana"),
            ("Ａｎａ", "ana"),
            ("ﬁlip", "filip"),
            ("Zoe\u{308}", "zoë"),
            ("ZOË", "zoë"),
            ("\u{3000}ana\u{a0}", "ana"),
            ("İ", "i\u{307}"),
            ("㈱", "(株)"),
            ("x\u{212a}", "xk"),
            ("ana  maria", "ana maria"),
        ] {
            assert_eq!(canonical(given), name, "{given:?}");
            assert_eq!(canonical(name), name, "a canonical name is unchanged");
        }
    }

    #[test]
    fn a_word_has_one_script() {
        for good in [
            "ana",
            "ana maria",
            "ana@example.com",
            "李伟",
            "zoë",
            "o'neil",
            "мария",
            "ana мария",
            "li_伟",
            "user-2",
            "山田たろう",
            "ヤマダ",
            "김철수",
            "金철수",
            "e\u{301}va",
            "παύλος",
            "محمد",
            "मीरा",
            "สมชาย",
            "r2d2",
            "…",
        ] {
            assert_eq!(problem(&canonical(good)), None, "{good}");
        }
        for (bad, word, scripts) in [
            ("аna", "аna", "Cyrillic, Latin"),
            ("root аdmin", "аdmin", "Cyrillic, Latin"),
            ("pаypal@example.com", "pаypal", "Latin, Cyrillic"),
            ("αna", "αna", "Greek, Latin"),
            ("王wei", "王wei", "Han, Latin"),
            ("たa", "たa", "Hiragana, Latin"),
            ("김た", "김た", "Hangul, Hiragana"),
            ("ana２а", "ana2а", "Latin, Cyrillic"),
        ] {
            let scripts = scripts.split(", ").map(str::to_owned).collect();
            assert_eq!(problem(&canonical(bad)), Some(Problem::Scripts { word: word.into(), scripts }), "{bad}");
        }
        assert_eq!(problem(""), Some(Problem::Required));
        assert_eq!(problem(&"é".repeat(65)), Some(Problem::TooLong { max: 64 }));
        assert_eq!(problem(&"é".repeat(64)), None);
        for (unseen, position) in
            [("a\u{200b}na", 2), ("ana\u{202e}x", 4), ("a\u{2066}b", 2), ("a\u{ad}b", 2), ("a\tb", 2)]
        {
            assert!(
                matches!(problem(&canonical(unseen)), Some(Problem::Unseen { position: at, .. }) if at == position),
                "{unseen:?}"
            );
        }
    }
}
