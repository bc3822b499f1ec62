//! Every way in which Trimtab says no. One enum for services, pages, server functions and the HTTP API;
//! the words for each, in both languages, are in `texts::problems`.

use serde::{Deserialize, Serialize};

use super::{content::Format, names::ConfigId};

/// The answer of everything that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was refused; the variants differ by what a caller does next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Error {
    /// Nobody is logged in, or the token is missing, unknown, expired or revoked.
    #[error("not authenticated")]
    Unauthenticated,
    /// The actor sees the object but may not do this to it.
    #[error("not allowed: {0:?}")]
    Forbidden(Need),
    /// There is no such object, or the actor may not know of it.
    #[error("not found: {0}")]
    NotFound(String),
    /// The input is wrong, and where.
    #[error("invalid: {0:?}")]
    Invalid(Vec<Invalid>),
    /// Keys were changed by somebody else since they were read (412).
    #[error("{} keys changed meanwhile", .0.len())]
    Conflict(Vec<Conflict>),
    /// The difference is no longer the one that was looked at (409). Carries its present SHA-256.
    #[error("the difference has changed")]
    Stale(String),
    /// The object is not in a state that allows this (409): a published change, say.
    #[error("not possible now: {0:?}")]
    State(State),
    /// More than the limit, in bytes.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    /// Too many tries; again after so many seconds.
    #[error("too many tries, again in {0} s")]
    Throttled(u32),
    /// Too many requests with large contents run or wait (503); again after so many seconds.
    #[error("too many large requests, again in {0} s")]
    Busy(u32),
    /// A part that this needs does not answer.
    #[error("{part:?} does not answer: {detail}")]
    Unavailable {
        /// Which part.
        part: Part,
        /// What it said. It stays on the server: a driver's words may name addresses and users.
        #[serde(skip)]
        detail: String,
    },
    /// A fault of ours. The cause is in the log under this request id, never in the answer.
    #[error("internal error, request {0}")]
    Internal(String),
}

impl Error {
    /// What this is called where programs look.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not-found",
            Self::Invalid(_) => "invalid",
            Self::Conflict(_) => "conflict",
            Self::Stale(_) => "stale",
            Self::State(_) => "state",
            Self::TooLarge(_) => "too-large",
            Self::Throttled(_) => "throttled",
            Self::Busy(_) => "busy",
            Self::Unavailable { .. } => "unavailable",
            Self::Internal(_) => "internal",
        }
    }
}

/// What an actor lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Need {
    /// To see the config.
    View,
    /// To edit the config.
    Edit,
    /// To publish the config.
    Publish,
    /// To own the application in this environment.
    Own,
    /// To be an administrator.
    Administer,
    /// To be the author of the change, or invited to it.
    Author,
    /// A token that is for this: reading tokens do not write.
    Kind,
}

/// Why an object is not ready for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// The change was published already.
    Published,
    /// The change was discarded.
    Discarded,
    /// The change has no edit that makes a difference.
    Empty,
    /// The first administrator exists already.
    SetUp,
    /// The same idempotency key is being worked on.
    InProgress,
    /// The application, environment or namespace is archived.
    Archived,
    /// The channel, or a reader, holds a later release of the config than the database knows of.
    Ahead,
    /// No number is left for another release of the config.
    Numbers,
    /// The config has no release.
    Unreleased,
}

/// A part of the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The SQL database.
    Database,
    /// etcd, or the in-process channel.
    Channel,
}

/// One thing that is wrong in the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalid {
    /// A JSON pointer to the field: `/edits/0/set/db.url`.
    pub pointer: String,
    /// What is wrong.
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

    /// The same, with the pointer put under `prefix`.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }

    /// The same, said of another field.
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

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(vec![invalid])
    }
}

impl From<Vec<Invalid>> for Error {
    fn from(invalid: Vec<Invalid>) -> Self {
        Self::Invalid(invalid)
    }
}

/// What can be wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Problem {
    /// Nothing was given.
    Required,
    /// Not a name: `[a-z0-9][a-z0-9._-]{0,63}`.
    Name {
        /// What was given, shortened.
        name: String,
    },
    /// Not `env/app/namespace`.
    Config {
        /// What was given, shortened.
        text: String,
    },
    /// Not a token pattern such as `prod/shop/*`.
    Pattern {
        /// What was given, shortened.
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
        /// What the parser says, in English.
        detail: String,
    },
    /// The same key twice.
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
        /// What was given, shortened.
        given: String,
        /// What there is.
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
        /// What to type.
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
    /// What the body's reader says, in English: malformed JSON, an unknown field.
    Body {
        /// What the parser says.
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

/// A key that was changed on both sides: by the author and, meanwhile, by a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The config.
    pub config: ConfigId,
    /// The key; empty for a text document.
    pub key: String,
    /// The value that the edit was based on; none when the key was absent.
    pub base: Option<String>,
    /// The value that is there now.
    pub theirs: Option<String>,
    /// The value that the author wants; none to remove the key.
    pub mine: Option<String>,
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
