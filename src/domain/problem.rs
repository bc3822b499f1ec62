//! Problems of an input, with their places.

use serde::{Deserialize, Serialize};

use super::format::Format;

/// One thing that is wrong in the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalid {
    /// A JSON pointer to the field: `/edits/0/set/db.url`.
    pub pointer: String,
    /// The problem.
    pub problem: Problem,
    /// 1-based line within the field, where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// 1-based column within that line, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl Invalid {
    /// Something wrong with a whole field.
    #[must_use]
    pub fn new(pointer: impl Into<String>, problem: Problem) -> Self {
        Self { pointer: pointer.into(), problem, line: None, column: None }
    }

    /// Something wrong at a place within a field.
    #[must_use]
    pub fn at(pointer: impl Into<String>, problem: Problem, line: u32, column: u32) -> Self {
        Self { pointer: pointer.into(), problem, line: Some(line), column: Some(column) }
    }

    /// Something wrong at a place of a text, given in bytes. Line and column are counted only here. Lines end with LF,
    /// CRLF, or the CR of old Macs.
    #[must_use]
    pub fn at_byte(text: &str, offset: usize, problem: Problem) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind(['\n', '\r']).map_or(0, |n| n + 1);
        let line_ends = before.matches(['\n', '\r']).count() - before.matches("\r\n").count();
        let place = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        Self::at("", problem, place(line_ends), place(before[line_start..].chars().count()))
    }

    /// Puts `prefix` before the pointer.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }

    /// Replaces the pointer.
    #[must_use]
    pub fn of(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }
}

/// For logs and tests; the words for people are in `texts`.
impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?}", self.pointer, self.problem)
    }
}

/// A problem of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Problem {
    /// Nothing was given.
    Required,
    /// Not a name: `[a-z0-9][a-z0-9._-]{0,63}`.
    Name {
        /// The given text, shortened.
        name: String,
    },
    /// Not `env/app/namespace`.
    Config {
        /// The given text, shortened.
        text: String,
    },
    /// Not a token pattern such as `prod/shop/*`.
    Pattern {
        /// The given text, shortened.
        text: String,
    },
    /// Longer than so many bytes.
    TooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// More than so many entries.
    TooMany {
        /// The limit.
        max: usize,
    },
    /// Has a control character.
    Control,
    /// Has an invisible character, or one that turns the text around it.
    Unseen {
        /// The first one.
        character: char,
        /// Where it stands in the field, in characters from 1.
        position: u32,
    },
    /// Begins or ends with white space.
    Blanks,
    /// Not a JSON number.
    Number,
    /// Neither `true` nor `false`.
    Boolean,
    /// Cannot be parsed as its format.
    Syntax {
        /// The format.
        format: Format,
        /// The message of the parser, in English.
        detail: String,
    },
    /// A key stands there twice.
    Duplicate {
        /// The key.
        key: String,
    },
    /// A published document is never blank: programs that read it would stop.
    Blank,
    /// An import without keys that would remove all that are there.
    NoKeys,
    /// A word of a name has letters of several scripts.
    Scripts {
        /// The word.
        word: String,
        /// The scripts, by their English names.
        scripts: Vec<String>,
    },
    /// No spelling in a `.env` file is read alike by shells and libraries.
    Dotenv {
        /// Why.
        trouble: DotenvTrouble,
    },
    /// Not an option that exists.
    Unknown {
        /// The given text, shortened.
        given: String,
        /// The known names.
        known: Vec<String>,
    },
    /// Another object has this name.
    Taken,
    /// A password of less than 12 or more than 128 characters.
    PasswordLength,
    /// A password that everybody tries first.
    PasswordCommon,
    /// The present password does not fit.
    PasswordWrong,
    /// The password and its repetition are not the same.
    PasswordAgain,
    /// Name and password do not fit.
    Credentials,
    /// The set-up link is wrong or has expired.
    SetupLink,
    /// The environment's name was not typed to confirm.
    Confirm {
        /// The text to type.
        expected: String,
    },
    /// A kv edit of a text config, or the reverse.
    Kind {
        /// The format that the config has.
        format: Format,
    },
    /// The format of a namespace with releases cannot be changed.
    FormatFixed {
        /// The format that it has.
        format: Format,
    },
    /// There is no such release of this config.
    Release {
        /// The number asked for.
        release: u64,
    },
    /// An idempotency key came back with another request.
    Idempotency,
    /// Not a duration such as `90d`, `12h`.
    Duration,
    /// Not a whole number, or out of its range.
    Range {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// The last administrator cannot be taken away.
    LastAdministrator,
    /// The body cannot be read: malformed JSON, an unknown field.
    Body {
        /// The message of the parser, in English.
        detail: String,
    },
    /// Not UTF-8.
    Unicode,
    /// Secret items are not offered by this version.
    SecretsNotOffered,
}

/// The part of a value that shells and libraries read differently in every spelling of a `.env` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DotenvTrouble {
    /// `${…}`, which python-dotenv replaces in every kind of quotes.
    Placeholder,
    /// Backslashes or both kinds of quotes, which libraries read alike only without quotes around the value, together with
    /// what they do not read alike without: `#`, `$`, a blank at one end or a quote at the beginning.
    Quotes,
    /// Several lines, or a carriage return, together with `"`, `$` or backslashes: what needs quotes and escapes in them.
    Lines,
}

/// At most 40 characters of what somebody sent, to be shown back.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(40).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// A name as the last part of a JSON pointer (RFC 6901): `/edits`, and `/a~1b` for `a/b`.
#[must_use]
pub fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
