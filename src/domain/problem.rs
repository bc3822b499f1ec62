//! Problems of an input, with their positions.

use serde::{Deserialize, Serialize};

use super::format::Format;

/// A problem of a field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalid {
    /// A JSON pointer to the field: `/edits/0/set/db.url`.
    pub pointer: String,
    /// The problem.
    pub problem: Problem,
    /// 1-based line within a text field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// 1-based column within that line, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl Invalid {
    /// Returns a problem of a whole field.
    pub fn new(pointer: impl Into<String>, problem: Problem) -> Self {
        Self { pointer: pointer.into(), problem, line: None, column: None }
    }

    /// Returns a problem at a position within a field.
    pub fn at(pointer: impl Into<String>, problem: Problem, line: u32, column: u32) -> Self {
        Self { pointer: pointer.into(), problem, line: Some(line), column: Some(column) }
    }

    /// Returns a problem at a byte offset of a text, and computes line and column. Lines end with LF, CRLF, or the CR
    /// of old Macs.
    pub fn at_byte(text: &str, offset: usize, problem: Problem) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind(['\n', '\r']).map_or(0, |n| n + 1);
        let line_ends = before.matches(['\n', '\r']).count() - before.matches("\r\n").count();
        let place = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        Self::at("", problem, place(line_ends), place(before[line_start..].chars().count()))
    }

    /// Prepends `prefix` to the pointer.
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

/// The text for logs and tests; the texts for people are in `texts`.
impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?}", self.pointer, self.problem)
    }
}

/// A problem of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Problem {
    /// The field is missing or empty.
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
    /// Has an invisible character, or one that changes the direction of the text.
    Unseen {
        /// The first one.
        character: char,
        /// Its position in the field, in characters from 1.
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
    /// A key occurs twice.
    Duplicate {
        /// The key.
        key: String,
    },
    /// The document is blank. Programs that read a blank document would stop.
    Blank,
    /// The import has no keys and would remove all existing ones.
    NoKeys,
    /// A word of a name mixes letters of several scripts.
    Scripts {
        /// The word.
        word: String,
        /// The scripts, by their English names.
        scripts: Vec<String>,
    },
    /// Shells and libraries read every spelling of the value in a `.env` file differently.
    Dotenv {
        /// The cause.
        trouble: DotenvTrouble,
    },
    /// Not one of the known options.
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
    /// The password is too common.
    PasswordCommon,
    /// The current password is wrong.
    PasswordWrong,
    /// The password and its repetition differ.
    PasswordAgain,
    /// The user name or the password is wrong.
    Credentials,
    /// The set-up link is wrong or has expired.
    SetupLink,
    /// The environment's name was not typed for confirmation.
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
    /// Two configs of different formats cannot be compared.
    OtherFormat {
        /// Format of the one.
        format: Format,
        /// Format of the other one.
        other: Format,
    },
    /// The config has no such release.
    Release {
        /// The requested number.
        release: u64,
    },
    /// The idempotency key was already used for a different request.
    Idempotency,
    /// Not a duration such as `90d`, `12h`.
    Duration,
    /// Not a whole number, or out of its range.
    Range {
        /// The minimum.
        min: u64,
        /// The maximum.
        max: u64,
    },
    /// The last administrator must remain.
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

/// Reason why shells and libraries read every spelling of a value in a `.env` file differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DotenvTrouble {
    /// `${…}`, which python-dotenv replaces in any quotes.
    Placeholder,
    /// Backslashes or both kinds of quotes, which libraries read alike only in an unquoted value. The value also
    /// contains something that needs quotes: `#`, `$`, a blank at one end or a quote at the beginning.
    Quotes,
    /// Several lines or a carriage return, which need quotes, with `"`, `$` or backslashes, which then need escapes.
    Lines,
}

/// Truncates a text from the input to at most 40 characters for display.
pub fn truncate(text: &str) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(40).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// Returns a JSON pointer (RFC 6901) of one name: `/edits`, and `/a~1b` for `a/b`.
pub fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
