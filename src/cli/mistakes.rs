//! Error messages of commands, for people and editors. A mistake in a file is reported as `FILE:LINE:COLUMN: MESSAGE`.

use crate::{
    domain::{
        content::Format,
        error::{Conflict, Error, Invalid, Problem},
        names::ConfigId,
    },
    stdio,
    texts::Lang,
};

/// The reasons for the failure of a command, one line each.
#[derive(Debug)]
pub struct CommandError(Vec<String>);

impl CommandError {
    /// Reports mistakes in a file or a config, each in a line of its own.
    pub(super) fn of(subject: &str, error: &Error) -> Self {
        match error {
            Error::Invalid(all) => Self(all.iter().map(|invalid| mistake(Some(subject), invalid)).collect()),
            other => Self::from(other.clone()),
        }
    }

    /// Reports a mistake at a position in a file.
    pub(super) fn at(file: &str, line: usize, column: usize, what: &str) -> Self {
        Self(vec![one_line(&format!("{file}:{line}:{column}: {what}"))])
    }

    /// Reports a file, or stdout, that could not be read or written.
    pub(super) fn io(name: &str, error: &std::io::Error) -> Self {
        Self::from(format!("{name}: {}", stdio::reason(error)))
    }

    /// Appends a consequence to the last line.
    pub(super) fn and(mut self, what: String) -> Self {
        if let Some(last) = self.0.last_mut() {
            *last += &format!("; {}", one_line(&what));
        }
        self
    }

    /// Adds a line.
    pub(super) fn line(mut self, what: String) -> Self {
        self.0.push(one_line(&what));
        self
    }

    /// Returns the lines for stderr.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl From<String> for CommandError {
    fn from(said: String) -> Self {
        Self(vec![one_line(&format!("trimtab: {said}"))])
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Invalid(all) => Self(all.iter().map(|invalid| mistake(None, invalid)).collect()),
            Error::Conflict(all) => Self(all.iter().map(conflict).collect()),
            other => Self::from(Lang::En.error(other)),
        }
    }
}

/// Describes a key that was changed on both sides. Its values, which may be long, are in `change show`.
fn conflict(Conflict { config, key, .. }: &Conflict) -> String {
    let what = if key.is_empty() { "the text".to_owned() } else { format!("key {key:?}") };
    one_line(&format!("{config}: {what} was changed by somebody else meanwhile"))
}

fn mistake(subject: Option<&str>, invalid: &Invalid) -> String {
    let Invalid { pointer, problem, line, column } = invalid;
    if let Some(flag) = flag_message(pointer, problem) {
        return one_line(&format!("trimtab: {flag}"));
    }
    let place = match (line, column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        (Some(line), None) => format!(":{line}"),
        _ => String::new(),
    };
    let key = key(pointer);
    let what = match problem {
        Problem::Required if key.is_some() => "the key is empty".to_owned(),
        Problem::NoKeys => {
            "there are no keys in it, so --replace would remove all that are live; --allow-empty does so".to_owned()
        }
        // Formats that no namespace can have, such as `.env`.
        Problem::Syntax { format: Format::Text, detail } => detail.clone(),
        problem => Lang::En.problem(problem),
    };
    let key = key.map(|key| format!("key {key:?}: ")).unwrap_or_default();
    // A mistake in a text of a published change names its config.
    let config = pointer.strip_prefix('/').filter(|config| config.parse::<ConfigId>().is_ok());
    one_line(&format!("{}{place}: {key}{what}", subject.or(config).unwrap_or("trimtab")))
}

/// Describes a mistake in a command-line flag. Returns `None` if the pointer belongs to no flag.
fn flag_message(pointer: &str, problem: &Problem) -> Option<String> {
    let said = || Lang::En.problem(problem);
    Some(match (pointer, problem) {
        ("/message", Problem::Required) => "-m MESSAGE is missing: a protected environment wants a reason".to_owned(),
        ("/message", _) => format!("-m: {}", said()),
        ("/confirm", Problem::Confirm { expected }) => {
            format!("--confirm {expected} is missing: the environment is protected")
        }
        ("/format", Problem::Unknown { given, known }) => {
            format!("--format {given} cannot be had here; there is: {}", known.join(", "))
        }
        ("/config", _) => format!("--config: {}", said()),
        ("/name", _) => format!("--name: {}", said()),
        _ => return None,
    })
}

/// Returns the key in a pointer: `/items/db.url`, `/edits/0/set/db.url/value`.
fn key(pointer: &str) -> Option<String> {
    let of_edit = || pointer.strip_prefix("/edits/")?.split_once('/')?.1.strip_prefix("set/");
    let rest = ["/items/", "/set/"].iter().find_map(|start| pointer.strip_prefix(start)).or_else(of_edit)?;
    let key = rest.split('/').next()?;
    Some(key.replace("~1", "/").replace("~0", "~"))
}

/// Returns the text of a problem with an argument, for clap.
pub(super) fn problem_text(wrong: Invalid) -> String {
    Lang::En.problem(&wrong.problem)
}

/// Escapes control characters, so that the content of a file cannot move the cursor of a terminal or begin a line.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        match c {
            '\n' | '\r' | '\t' => line.push(' '),
            c if c.is_control() => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(subject: &str, all: Vec<Invalid>) -> Vec<String> {
        CommandError::of(subject, &Error::Invalid(all)).lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_mistake_has_its_place_and_its_key_in_one_line() {
        let syntax = |detail: &str| Problem::Syntax { format: Format::Json, detail: detail.into() };
        assert_eq!(
            lines(
                "a.json",
                vec![
                    Invalid::at("", syntax("one\ntwo\u{1b}[2J"), 3, 8),
                    Invalid::at("/items/", Problem::Required, 1, 2),
                    Invalid::at("/items/ a~1b", Problem::Blanks, 1, 3),
                    Invalid::new("/edits/0/set/a~1b/value", Problem::Boolean),
                    Invalid::new("", Problem::TooMany { max: 3 }),
                ]
            ),
            [
                "a.json:3:8: Not valid JSON: one two\\u{1b}[2J.",
                "a.json:1:2: key \"\": the key is empty",
                "a.json:1:3: key \" a/b\": Begins or ends with white space. Remove it.",
                "a.json: key \"a/b\": Write true or false.",
                "a.json: More than 3. Use fewer.",
            ]
        );
    }

    #[test]
    fn mistake_in_a_text_of_a_change_names_its_config() {
        let wrong = Invalid::at("/dev/shop/routes", Problem::Duplicate { key: "a".into() }, 2, 1);
        let failed = CommandError::from(Error::from(wrong));
        assert_eq!(failed.lines().collect::<Vec<_>>(), ["dev/shop/routes:2:1: “a” is listed twice. Keep one."]);
    }

    #[test]
    fn mistakes_in_flags_name_the_flags() {
        let confirm = Problem::Confirm { expected: "prod".into() };
        let unknown = Problem::Unknown { given: "yaml".into(), known: vec!["json".into()] };
        assert_eq!(
            lines(
                "a.json",
                vec![
                    Invalid::new("/message", Problem::Required),
                    Invalid::new("/confirm", confirm),
                    Invalid::new("/format", unknown),
                ]
            ),
            [
                "trimtab: -m MESSAGE is missing: a protected environment wants a reason",
                "trimtab: --confirm prod is missing: the environment is protected",
                "trimtab: --format yaml cannot be had here; there is: json",
            ]
        );
    }
}
