//! Detects the format of a text, by its file name or else by its shape.
//!
//! Parsing the whole text does not help, except to tell whether `[…]` is an array. Nearly every text is valid
//! `.properties`, much TOML is valid `.env`, and a text with a mistake must still reach the parser that reports it. So
//! each line of the outermost level votes for the formats that its shape is typical of. The cost is bounded: at most
//! [`MAX_VOTING_LINES`] lines vote, and white space and comments before a bracket are skipped once.

use ::toml::de::DeValue;
use serde::de::IgnoredAny;

use super::{BOM, ItemFormat};

/// Maximum number of lines that vote; they suffice to determine the shape.
const MAX_VOTING_LINES: usize = 2_000;

/// Maximum size of a value that is parsed as TOML, in bytes. Longer strings and arrays are recognised by their ends.
const MAX_TOML_VALUE_BYTES: usize = 4_096;

/// Detects the format of a text. A known ending of the file name decides; without one, the shape of the text does.
pub fn detect(file_name: Option<&str>, text: &str) -> ItemFormat {
    file_name.and_then(ItemFormat::from_file_name).unwrap_or_else(|| by_shape(text))
}

impl ItemFormat {
    /// Returns the format for a file name: `a.yml`, `conf/.env`, `.env.local`. The path and case do not matter. A known
    /// last ending decides (`.env.yaml` is YAML); otherwise an `env` among the endings does.
    pub fn from_file_name(name: &str) -> Option<Self> {
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
        let mut endings = name.split('.').skip(1).collect::<Vec<_>>();
        let last = match endings.pop()? {
            "yml" => "yaml",
            last => last,
        };
        let known = Self::ALL.into_iter().find(|source| source.media().extension == last);
        known.or_else(|| endings.contains(&"env").then_some(Self::Dotenv))
    }
}

fn by_shape(text: &str) -> ItemFormat {
    let text = text.trim_start_matches(BOM);
    if let Some(source) = by_bracket(without_comments(text)) {
        return source;
    }
    let mut votes = Votes::default();
    for line in text.split(['\n', '\r']).filter(|line| !is_blank_or_comment(line.trim())).take(MAX_VOTING_LINES) {
        if votes.is_empty() && begins_yaml(line.trim()) {
            return ItemFormat::Yaml;
        }
        votes.add(line);
    }
    votes.decide()
}

/// Returns the format if the text begins with a bracket.
fn by_bracket(text: &str) -> Option<ItemFormat> {
    if let Some(inside) = text.strip_prefix('{') {
        // YAML also accepts `{a: 1}` and `{'a': 1}`; JSON keys have double quotes. `{a:1}` is taken for JSON with a
        // mistake, because YAML would read it as one key.
        let inside = without_comments(inside);
        let after_word = inside.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$'));
        let is_loose = after_word.len() < inside.len()
            && after_word.strip_prefix(':').is_some_and(|value| !value.starts_with([' ', '\t', '\n', '\r']));
        let is_json = is_loose || matches!(inside.chars().next(), None | Some('"' | '}'));
        return Some(if is_json { ItemFormat::Json } else { ItemFormat::Yaml });
    }
    let line = text.split(['\n', '\r']).next().filter(|line| line.starts_with('['))?;
    let is_array = serde_json::from_str::<IgnoredAny>(text).is_ok();
    Some(if is_header(line) && !is_array { ItemFormat::Toml } else { ItemFormat::Json })
}

/// Skips white space and comments in any notation. JSON has no comments, but people write every kind above it.
fn without_comments(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let next = if rest.starts_with("/*") {
            rest.split_once("*/").map(|(_, after)| after)
        } else if rest.starts_with("//") || rest.starts_with('#') {
            rest.split_once(['\n', '\r']).map(|(_, after)| after)
        } else {
            return rest;
        };
        rest = next.unwrap_or_default().trim_start();
    }
}

/// Returns whether a line is blank or a comment. `!` begins a comment of `.properties`, `!!` a tag of YAML.
fn is_blank_or_comment(line: &str) -> bool {
    line.is_empty()
        || line.starts_with(['#', ';'])
        || line.starts_with("//")
        || (line.starts_with('!') && !line.starts_with("!!"))
}

/// Returns whether only YAML can begin with this line. Markup is not valid in any format; the YAML parser reports it
/// with its position, while `.properties` would read it as keys.
fn begins_yaml(line: &str) -> bool {
    let marks = ["---", "-", "?", "..."];
    let is_mark =
        marks.iter().any(|m| line.strip_prefix(m).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')));
    is_mark || ["%YAML", "%TAG", "!!", "<", "&"].iter().any(|start| line.starts_with(start))
}

/// Returns whether a line is the header of a TOML table: `[a.b]`, `[[a]]`, but not an array of several values.
fn is_header(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or(line).trim();
    let inside = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|inside| !inside.trim().is_empty() && !inside.contains(','))
}

/// The shape of a value.
#[derive(Clone, Copy, PartialEq)]
enum ValueShape {
    /// Unquoted text, or nothing. Not a value of TOML.
    Bare,
    /// In quotes, as in TOML and `.env`.
    Quoted,
    /// A number, boolean or date of TOML.
    Literal,
    /// An array, an inline table or a string in three quotes.
    Structure,
}

/// The construct that the current lines, which do not vote, belong to.
enum Inside {
    /// A string, with its closing quotes.
    Quotes(&'static str),
    /// Brackets, with the number of missing closing ones.
    Brackets(usize),
    /// A line that a backslash continues.
    Continued,
}

/// The votes of the lines, by shape.
#[derive(Default)]
struct Votes {
    inside: Option<Inside>,
    /// Indentation of the outermost level.
    indent: Option<usize>,
    /// Whether the last line of that level was YAML, so that deeper lines belong to it.
    nests: bool,
    /// `key: value`, `key:`, `- value`.
    yaml: usize,
    /// `[table]`
    tables: usize,
    /// `key:value`
    colons: usize,
    /// `export NAME=value`
    exports: usize,
    /// `key=value`, followed by properties of these lines.
    equals: usize,
    upper_case: usize,
    shell_names: usize,
    spaced: usize,
    bare: usize,
    quoted: usize,
    structures: usize,
    tails: usize,
}

impl Votes {
    fn is_empty(&self) -> bool {
        self.indent.is_none()
    }

    fn add(&mut self, line: &str) {
        if self.is_inside(line) {
            return;
        }
        let indent = line.len() - line.trim_start().len();
        let outermost = *self.indent.get_or_insert(indent);
        if indent > outermost && self.nests {
            return;
        }
        self.indent = Some(outermost.min(indent));
        let line = line.trim();
        let yaml = self.yaml;
        if line == "-" || line.starts_with("- ") || line == "---" {
            self.yaml += 1;
        } else if is_header(line) {
            self.tables += 1;
        } else {
            self.pair(line);
        }
        self.nests = self.yaml > yaml;
    }

    /// Returns whether a line belongs to a construct that began on an earlier line.
    fn is_inside(&mut self, line: &str) -> bool {
        match &mut self.inside {
            None => return false,
            Some(Inside::Quotes(quotes)) if !line.contains(*quotes) => return true,
            Some(Inside::Continued) if is_continued(line) => return true,
            Some(Inside::Brackets(open)) => {
                *open = unclosed(line, *open);
                if *open > 0 {
                    return true;
                }
            }
            Some(_) => {}
        }
        self.inside = None;
        true
    }

    /// Counts a line with a key and a value; ignores other lines.
    fn pair(&mut self, line: &str) {
        let exported =
            line.strip_prefix("export ").map(str::trim_start).filter(|rest| is_shell_name(before_equals(rest)));
        let line = exported.unwrap_or(line);
        match separator(line) {
            Some((at, '=')) => {
                self.exports += usize::from(exported.is_some());
                self.assignment(&line[..at], &line[at + 1..]);
            }
            Some((_, ' ')) => self.yaml += 1,
            Some(_) => self.colons += 1,
            None => {}
        }
        if self.inside.is_none() && is_continued(line) {
            self.inside = Some(Inside::Continued);
        }
    }

    fn assignment(&mut self, key: &str, value: &str) {
        let is_spaced = key.ends_with([' ', '\t']) || value.starts_with([' ', '\t']);
        let (key, value) = (key.trim(), value.trim());
        let kind = self.value(value);
        let is_key = key.starts_with(['"', '\'']) || key.split('.').all(is_bare_key);
        self.equals += 1;
        self.upper_case += usize::from(is_shell_name(key) && !key.contains(|c: char| c.is_ascii_lowercase()));
        self.shell_names += usize::from(is_shell_name(key));
        self.spaced += usize::from(is_spaced);
        self.bare += usize::from(kind == ValueShape::Bare || !is_key);
        self.quoted += usize::from(kind == ValueShape::Quoted);
        self.structures += usize::from(kind == ValueShape::Structure);
        self.tails += usize::from(kind != ValueShape::Bare && value.contains(" #"));
    }

    fn value(&mut self, value: &str) -> ValueShape {
        for quotes in ["\"\"\"", "'''"] {
            if let Some(rest) = value.strip_prefix(quotes) {
                self.inside = (!rest.contains(quotes)).then_some(Inside::Quotes(quotes));
                return ValueShape::Structure;
            }
        }
        if value.len() <= MAX_TOML_VALUE_BYTES
            && let Ok(value) = DeValue::parse(value).or_else(|_| DeValue::parse(before_comment(value)))
        {
            return match value.get_ref() {
                DeValue::String(_) => ValueShape::Quoted,
                DeValue::Array(_) | DeValue::Table(_) => ValueShape::Structure,
                _ => ValueShape::Literal,
            };
        }
        for quote in ["\"", "'"] {
            let Some(rest) = value.strip_prefix(quote) else { continue };
            return match rest.find(quote) {
                Some(_) if rest.ends_with(quote) || before_comment(rest).ends_with(quote) => ValueShape::Quoted,
                Some(_) => ValueShape::Bare,
                None => {
                    self.inside = Some(Inside::Quotes(quote));
                    ValueShape::Quoted
                }
            };
        }
        // `${X}` and `{cipher}…` close their brackets. An open bracket continues on the next lines.
        let open = unclosed(value, 0);
        if value.starts_with(['[', '{']) && open > 0 {
            self.inside = Some(Inside::Brackets(open));
            return ValueShape::Structure;
        }
        ValueShape::Bare
    }

    fn decide(&self) -> ItemFormat {
        let pairs = self.equals + self.colons;
        let most = |count: usize| count * 2 > self.equals;
        let typed = self.quoted + self.structures;
        let all_spaced = self.spaced == self.equals;
        let is_toml = self.bare + self.colons == 0;
        // TOML with a mistake.
        let is_nearly_toml = all_spaced && typed > self.bare;
        if self.tables > self.yaml {
            ItemFormat::Toml
        } else if self.yaml > pairs {
            ItemFormat::Yaml
        } else if self.exports > 0 {
            ItemFormat::Dotenv
        } else if self.equals == 0 {
            ItemFormat::Properties
        } else if most(self.upper_case) && !(is_toml && all_spaced && self.structures > 0) {
            ItemFormat::Dotenv
        } else if (is_toml && (typed > 0 || self.spaced > 0 || self.tails > 0)) || is_nearly_toml {
            ItemFormat::Toml
        } else if self.quoted > 0 && self.spaced == 0 && self.shell_names == pairs {
            ItemFormat::Dotenv
        } else {
            ItemFormat::Properties
        }
    }
}

/// Finds the separator of key and value: `=`, a `:` without a blank, or a blank for the `: ` of YAML.
fn separator(line: &str) -> Option<(usize, char)> {
    let quoted = line.chars().next().filter(|c| matches!(c, '"' | '\''));
    let start = quoted.and_then(|quote| Some(line[1..].find(quote)? + 2)).unwrap_or_default();
    let mut tight = None;
    let mut chars = line[start..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '=' if tight.is_none() => return Some((start + at, '=')),
            '#' if line[..start + at].ends_with(' ') => break,
            ':' if quoted.is_some() || chars.peek().is_none_or(|(_, next)| next.is_whitespace()) => {
                return Some((start + at, ' '));
            }
            ':' => tight = tight.or(Some((start + at, ':'))),
            _ => {}
        }
    }
    tight
}

fn before_equals(line: &str) -> &str {
    line.split('=').next().unwrap_or_default()
}

fn before_comment(value: &str) -> &str {
    value.find(" #").map_or(value, |at| &value[..at]).trim_end()
}

fn is_bare_key(part: &str) -> bool {
    let part = part.trim();
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn is_shell_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// Returns the number of open brackets after a line.
fn unclosed(line: &str, open: usize) -> usize {
    line.bytes().fold(open, |open, byte| match byte {
        b'[' | b'{' => open + 1,
        b']' | b'}' => open.saturating_sub(1),
        _ => open,
    })
}

#[cfg(test)]
mod tests;
