//! `.env` files: `NAME=value` lines, plain or quoted, with comments.
//!
//! The parser is our own, because a configuration center must return values unchanged and never insert a variable of
//! its own process. `dotenvy` 0.15 and `dotenvs` 0.2 replace `${VAR}` from the environment of the process, and
//! `dotenvs` stops at the first error without reporting it. `dotenv-parser` 0.1 supports neither escapes nor values of
//! several lines.
//!
//! The accepted syntax is common to dotenv libraries and shells. An `export` may precede the name. A plain value ends
//! at ` #`. In single quotes and backticks everything is literal. In double quotes `\n \r \t \\ \" \$` and ``\` ``
//! are escapes. Quoted values may have several lines. `$` is always a dollar sign. A line ends with LF, CRLF or CR.
//!
//! An exported file is read alike by bash (`set -a; . file`), npm dotenv, python-dotenv and godotenv, which differ in
//! many ways. npm dotenv supports no escapes but `\n` and `\r`. godotenv removes every backslash in double quotes.
//! python-dotenv replaces `${X}` even in single quotes and turns two backslashes in them into one. For both, a
//! backslash before the closing quote keeps it open. So a value is written
//! - unquoted, if none of its characters is special for any of them;
//! - else in single quotes, if it has no apostrophe;
//! - else in double quotes, if nothing in it needs an escape there;
//! - else in two lines, one for the shells and one for the libraries ([`in_two_lines`]).
//!
//! Any other value is refused, so that no reader gets a different one ([`DotenvTrouble`]). Names with `.` or `-` are
//! written, too: libraries support them, shells do not.

use super::{
    Codec, Frame, Media,
    collector::{ItemCollector, Position, Scalar, ScalarKind, comment_above},
    cursor::Cursor,
    syntax,
};
use crate::domain::{
    content::{Format, Item},
    error::{DotenvTrouble, Invalid, Problem},
    unseen,
};

pub(super) const CODEC: Codec = Codec {
    name: "dotenv",
    media: Media { extension: "env", content_type: "text/plain; charset=utf-8" },
    read,
    entry,
    comments: true,
    types: false,
    frame: Frame::LINES,
};

const NAME: &str = "a .env name has only letters, digits, `_`, `.` and `-` of ASCII, and begins with a letter or `_`";

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

fn begins_name(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Beginning of the value in a line for shells: see [`in_two_lines`].
const SHELL_LINE_PREFIX: &str = r"\ #shells;";

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

fn is_in_line(c: char) -> bool {
    !matches!(c, '\n' | '\r')
}

/// Returns a syntax problem. `.env` is no format of namespaces, so the problem names the text format.
fn problem(detail: &str) -> Problem {
    syntax(Format::Text, detail)
}

fn read(text: &str, reading: &mut ItemCollector) -> Result<(), Invalid> {
    let mut cursor = Cursor::new(text);
    let mut end = 0;
    loop {
        cursor.take_while(char::is_whitespace);
        match cursor.peek() {
            None => return Ok(()),
            Some('#') => drop(cursor.take_while(is_in_line)),
            Some(_) => {
                let start = cursor.offset;
                let (mut key, mut at) = name(text, &mut cursor)?;
                if cursor.eat(SHELL_LINE_PREFIX) {
                    cursor.take_while(is_in_line);
                    cursor.take_while(char::is_whitespace);
                    let first = key;
                    (key, at) = name(text, &mut cursor)?;
                    if first != key {
                        return Err(
                            at.invalid(text, problem("this line has another name than the line for shells above"))
                        );
                    }
                }
                let value = value(text, &mut cursor)?;
                let comment = comment_above(text, end, start, &['#']);
                reading.add(key.to_owned(), Scalar::new(ScalarKind::String, value), comment, at)?;
                end = cursor.offset;
            }
        }
    }
}

/// Parses a name and the `=` after it.
fn name<'t>(text: &str, cursor: &mut Cursor<'t>) -> Result<(&'t str, Position), Invalid> {
    let mut at = cursor.at();
    let mut name = cursor.take_while(is_name);
    if name == "export" && !cursor.take_while(is_blank).is_empty() && cursor.peek() != Some('=') {
        at = cursor.at();
        name = cursor.take_while(is_name);
    }
    if let Some(character) = cursor.peek().filter(|c| is_in_line(*c) && !is_blank(*c) && unseen::is_unseen(*c)) {
        return Err(cursor.at().invalid(text, unseen::problem(name.len(), character)));
    }
    if !begins_name(name) {
        return Err(at.invalid(text, problem(NAME)));
    }
    cursor.take_while(is_blank);
    let place = cursor.at();
    if !cursor.eat("=") {
        return Err(place.invalid(text, problem("`=` is expected after a name")));
    }
    Ok((name, at))
}

/// Parses a value and the rest of its last line, which may be a comment.
fn value(text: &str, cursor: &mut Cursor) -> Result<String, Invalid> {
    let blanks = cursor.take_while(is_blank);
    let at = cursor.at();
    let quote = match cursor.peek() {
        Some(quote @ ('"' | '\'' | '`')) => quote,
        _ => {
            let line = cursor.take_while(is_in_line);
            let comment = |(n, _): &(usize, &str)| (*n == 0 && !blanks.is_empty()) || line[..*n].ends_with(is_blank);
            let value = line.match_indices('#').find(comment).map_or(line, |(n, _)| &line[..n]);
            return Ok(value.trim_end_matches(is_blank).to_owned());
        }
    };
    cursor.next();
    let value = quoted(cursor, quote).ok_or_else(|| at.invalid(text, problem("this quote is not closed")))?;
    cursor.take_while(is_blank);
    let after = cursor.at();
    match cursor.peek() {
        None | Some('\n' | '\r' | '#') => {
            cursor.take_while(is_in_line);
            Ok(value)
        }
        Some(_) => Err(after.invalid(text, problem("only a comment can follow a quoted value"))),
    }
}

fn quoted(cursor: &mut Cursor, quote: char) -> Option<String> {
    let mut value = String::new();
    loop {
        match cursor.next()? {
            c if c == quote => return Some(value),
            '\\' if quote == '"' => match cursor.next()? {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                c @ ('\\' | '"' | '$' | '`') => value.push(c),
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
}

/// # Errors
/// [`NAME`]; [`Problem::Control`] for U+0000, which no environment variable can have; [`Problem::Dotenv`].
fn entry(key: &str, item: &Item) -> Result<String, Invalid> {
    if !begins_name(key) || !key.chars().all(is_name) {
        return Err(Invalid::new("", problem(NAME)));
    }
    let value = item.value.expose();
    if value.contains('\0') {
        return Err(Invalid::new("", Problem::Control));
    }
    if has_placeholder(value) {
        return Err(Invalid::new("", Problem::Dotenv { trouble: DotenvTrouble::Placeholder }));
    }
    if needs_two_lines(value) {
        let line = for_libraries(value).map_err(|trouble| Invalid::new("", Problem::Dotenv { trouble }))?;
        return Ok(in_two_lines(key, value, &format!("{key}={line}")));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    let quote = match value {
        value if value.chars().all(plain) => "",
        value if value.contains('\'') => "\"",
        _ => "'",
    };
    Ok(format!("{key}={quote}{value}{quote}"))
}

/// Returns whether shells and libraries read every one-line spelling differently. Such a value contains a carriage
/// return (shells have no escape for it, and libraries turn it into a line feed), a backslash at its end, two
/// backslashes in a row, or an apostrophe together with a character that needs an escape in double quotes.
fn needs_two_lines(value: &str) -> bool {
    let of_both_quotes = value.contains('\'') && value.contains(['"', '$', '`', '\\']);
    value.contains('\r') || value.ends_with('\\') || value.contains("\\\\") || of_both_quotes
}

/// Returns a spelling of a hard value that npm dotenv, python-dotenv and godotenv read alike. Shells may differ.
fn for_libraries(value: &str) -> Result<String, DotenvTrouble> {
    // JavaScript ends a line, and so a comment, at two additional characters.
    let has_js_lines = value.contains(['\u{2028}', '\u{2029}']);
    if has_js_lines || value.contains(['\r', '\n']) {
        if has_js_lines || value.contains(['"', '$', '\\']) {
            return Err(DotenvTrouble::Lines);
        }
        return Ok(format!("\"{}\"", value.replace('\r', "\\r").replace('\n', "\\n")));
    }
    // The libraries trim more characters than Unicode white space.
    let is_trimmed = |c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}' | '\u{feff}');
    let trimmed = value.trim_matches(is_trimmed);
    if trimmed.len() < value.len() || value.starts_with(['"', '\'', '`']) || value.contains(['#', '$']) {
        return Err(DotenvTrouble::Quotes);
    }
    Ok(value.to_owned())
}

/// Writes a value in two lines, one for the shells and one for the libraries:
/// ```text
/// NAME=\ #shells;NAME='C:\Program Files\';: <<'NAME=C:\Program Files\'
/// NAME=C:\Program Files\
/// ```
/// For a library the first line is a backslash and a comment, and the second line counts because it is the last one of
/// this name. In a shell, `#` does not begin a comment there, because the escaped blank before it continues the word.
/// So the second assignment counts, and the rest is a here-document that ends with the second line and is discarded.
fn in_two_lines(key: &str, value: &str, line: &str) -> String {
    format!("{key}={SHELL_LINE_PREFIX}{key}={};: <<{}\n{line}", for_shells(value), for_shells(line))
}

fn for_shells(text: &str) -> String {
    if text.contains(['\r', '\n']) {
        let escaped = text.replace('\\', "\\\\").replace('\'', "\\'");
        return format!("$'{}'", escaped.replace('\r', "\\r").replace('\n', "\\n"));
    }
    let single = format!("'{}'", text.replace('\'', r"'\''"));
    let escape = |text: String, c: char| text.replace(c, &format!("\\{c}"));
    let double = format!("\"{}\"", ['\\', '"', '$', '`'].into_iter().fold(text.to_owned(), escape));
    if double.len() < single.len() { double } else { single }
}

/// Returns whether the value contains a placeholder of python-dotenv: `${X}` or `${X:-default}`.
fn has_placeholder(value: &str) -> bool {
    let Some(last) = value.rfind('}') else { return false };
    // Each position is visited once, so the time is linear.
    let mut ends = value[..=last].match_indices(['}', ':']).map(|(at, _)| at).peekable();
    value[..last].match_indices("${").any(|(at, _)| {
        while ends.next_if(|end| *end < at + 2).is_some() {}
        ends.peek().is_some_and(|end| value[*end..].starts_with('}') || value[*end..].starts_with(":-"))
    })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        io::Write,
        process::{Command, Output, Stdio},
        thread,
    };

    use super::super::tests::{Problems, items};
    use super::*;
    use crate::channel::suite::go::programs;
    use crate::domain::content::Items;
    use crate::formats::{ItemFormat, Typing, read, write};
    use crate::prerequisites;

    #[test]
    fn plain_and_quoted_lines_are_parsed() {
        let text = "# c\r\nA=1\r\n export B = two words # c\nC=\nD=#no #yes\nE= #c\nF=it's\nG='a # \"b\" \\n $X'  # c\n\
                    H=\"a\\n\\t\\\"\\$X ${Y} \\q\"\nI=`'\"`\nJ='1\r\n2'\nexport=x\nK.l-m=a=b\\n";
        assert_eq!(
            items(ItemFormat::Dotenv, text),
            [
                "A=1",
                "B=two words",
                "C=",
                "D=#no",
                "E=",
                "F=it's",
                "G=a # \"b\" \\n $X",
                "H=a\n\t\"$X ${Y} \\q",
                "I='\"",
                "J=1\r\n2",
                "export=x",
                "K.l-m=a=b\\n",
            ]
        );
    }

    #[test]
    fn variables_are_never_replaced() {
        assert_eq!(items(ItemFormat::Dotenv, "A=${PATH}\nB=\"$PATH $(id) `id`\""), ["A=${PATH}", "B=$PATH $(id) `id`"]);
    }

    #[test]
    fn an_error_has_its_position() {
        for (text, said) in [
            ("A=1\nB", " 2:2 `=` is expected after a name"),
            ("A\u{200b}=1", " 1:2 Unseen { character: '\\u{200b}', position: 2 }"),
            ("\u{200b}A=1", " 1:1 Unseen { character: '\\u{200b}', position: 1 }"),
            ("export\u{a0}A=1", " 1:7 Unseen { character: '\\u{a0}', position: 7 }"),
            ("1A=1", " 1:1 a .env name has"),
            ("A='1\n2", " 1:3 this quote is not closed"),
            ("A=\"1\" 2", " 1:7 only a comment can follow"),
            ("A=1\nA=2", "/items/A 2:1 duplicate A"),
            ("A=\\ #shells;A='1'\nB=1", " 2:1 this line has another name"),
        ] {
            let said_of_it = read(ItemFormat::Dotenv, text, Typing::Keep).problems();
            assert!(said_of_it.concat().starts_with(said), "{text:?}: {said_of_it:?}");
        }
    }

    #[test]
    fn values_are_quoted_as_little_as_possible() {
        let text = "# what it is\n# for\nA=http://a:1/b\nB='a b $X `id` # \"'\nC=\"it's\"\nD='1\n2'\nE=\n";
        let items = read(ItemFormat::Dotenv, text, Typing::Keep).unwrap();
        assert_eq!(write(ItemFormat::Dotenv, &items).unwrap(), text);
    }

    /// Values and their spellings.
    const SPELLED: &[(&str, &str)] = &[
        ("", ""),
        ("a", "a"),
        ("a/b:80@c%d+e,f.g-h_i", "a/b:80@c%d+e,f.g-h_i"),
        (" a", "' a'"),
        ("a ", "'a '"),
        ("\ta", "'\ta'"),
        ("#a", "'#a'"),
        ("a #b", "'a #b'"),
        ("a=b", "'a=b'"),
        ("~", "'~'"),
        ("*", "'*'"),
        ("a;b", "'a;b'"),
        ("$HOME", "'$HOME'"),
        ("$(id)", "'$(id)'"),
        ("${", "'${'"),
        ("${A:1}", "'${A:1}'"),
        ("`id`", "'`id`'"),
        ("!a", "'!a'"),
        ("\"a\"", "'\"a\"'"),
        ("\"", "'\"'"),
        ("{\"a\": [1]}", "'{\"a\": [1]}'"),
        ("C:\\dir\\new", "'C:\\dir\\new'"),
        ("\\d+\\.\\n", "'\\d+\\.\\n'"),
        ("\\a", "'\\a'"),
        ("\\$a\\\"", "'\\$a\\\"'"),
        ("'", "\"'\""),
        ("it's", "\"it's\""),
        ("'a'", "\"'a'\""),
        ("it's # !", "\"it's # !\""),
        ("it's\ntwo", "\"it's\ntwo\""),
        ("a\nb", "'a\nb'"),
        ("\na\n", "'\na\n'"),
        ("A=1\nB='", "\"A=1\nB='\""),
        ("商店", "'商店'"),
        ("\u{a0}", "'\u{a0}'"),
        ("\u{2028}", "'\u{2028}'"),
    ];

    /// Values that need two lines: the value, its spelling for shells, and the line for libraries.
    const TWO_LINES: &[(&str, &str, &str)] = &[
        ("a\\", "'a\\'", "a\\"),
        ("C:\\Program Files\\", "'C:\\Program Files\\'", "C:\\Program Files\\"),
        ("\\\\server\\share", "'\\\\server\\share'", "\\\\server\\share"),
        ("{\"dir\": \"C:\\\\\"}", "'{\"dir\": \"C:\\\\\"}'", "{\"dir\": \"C:\\\\\"}"),
        ("it's\\", "\"it's\\\\\"", "it's\\"),
        ("it's \"a\"", "\"it's \\\"a\\\"\"", "it's \"a\""),
        ("it's `id`; (", "\"it's \\`id\\`; (\"", "it's `id`; ("),
        ("a\rb", "$'a\\rb'", "\"a\\rb\""),
        ("it's\r\n", "$'it\\'s\\r\\n'", "\"it's\\r\\n\""),
    ];

    /// Values for which no spelling works in all readers.
    const REFUSED: &[(&str, DotenvTrouble)] = &[
        ("${A}", DotenvTrouble::Placeholder),
        ("a${A:-b}c", DotenvTrouble::Placeholder),
        ("${A:1}${}", DotenvTrouble::Placeholder),
        ("a#\\", DotenvTrouble::Quotes),
        (" a\\", DotenvTrouble::Quotes),
        ("\u{a0}\\", DotenvTrouble::Quotes),
        ("it's $5", DotenvTrouble::Quotes),
        ("'a\"", DotenvTrouble::Quotes),
        ("\\\\a\u{2028}B=1", DotenvTrouble::Lines),
        ("\u{2029}\\", DotenvTrouble::Lines),
        ("\\\\a\u{1f}", DotenvTrouble::Quotes),
        ("\"a\rb\"", DotenvTrouble::Lines),
        ("a\\\\\nb", DotenvTrouble::Lines),
        ("it's \"a\"\n", DotenvTrouble::Lines),
    ];

    fn one(value: &str) -> Items {
        Items::from([("K".into(), Item::string(value))])
    }

    #[test]
    fn a_value_is_written_alike_for_all_readers_or_refused() {
        for (value, spelled) in SPELLED {
            assert_eq!(write(ItemFormat::Dotenv, &one(value)), Ok(format!("K={spelled}\n")), "{value:?}");
        }
        for (value, shells, library) in TWO_LINES {
            let line = format!("K={library}");
            let written = format!("K=\\ #shells;K={shells};: <<{}\n{line}\n", for_shells(&line));
            assert_eq!(write(ItemFormat::Dotenv, &one(value)), Ok(written), "{value:?}");
        }
        for (value, trouble) in REFUSED {
            let refused = Invalid::new("/items/K", Problem::Dotenv { trouble: *trouble });
            assert_eq!(write(ItemFormat::Dotenv, &one(value)), Err(vec![refused]), "{value:?}");
        }
    }

    /// Fragments of values that readers may interpret differently.
    const PIECES: [&str; 20] = [
        "'", "\"", "`", "\\", "$", "${", "}", "#", " ", "\n", "\r", "!", "=", ";(", "a", "A1=", "\\n", "é", "\u{1f}",
        "\u{2028}",
    ];

    /// Returns all writable values of up to three fragments as one file: `K<n>` holds the n-th.
    fn corpus() -> Items {
        let two = PIECES.iter().flat_map(|a| PIECES.map(|b| format!("{a}{b}")));
        let three = PIECES.iter().flat_map(|a| PIECES.iter().flat_map(move |b| PIECES.map(|c| format!("{a}{b}{c}"))));
        let values = PIECES.iter().map(ToString::to_string).chain(two).chain(three);
        let spelled = SPELLED.iter().map(|(value, _)| value).chain(TWO_LINES.iter().map(|(value, ..)| value));
        let values = values.chain(spelled.map(ToString::to_string));
        let written = values.filter(|value| write(ItemFormat::Dotenv, &one(value)).is_ok());
        written.enumerate().map(|(n, value)| (format!("K{n}"), Item::string(value))).collect()
    }

    /// Parses the output of a reader: each name and value, with NUL after both.
    fn said(output: &Output) -> HashMap<String, String> {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let mut parts = text.split('\0').map(str::to_owned);
        std::iter::from_fn(|| Some((parts.next()?, parts.next()?))).collect()
    }

    /// Passes the corpus to a reader on stdin and compares its output.
    fn reads_the_corpus(name: &str, mut reader: Command) {
        let items = corpus();
        let mut process = reader.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = process.stdin.take().unwrap();
        let text = write(ItemFormat::Dotenv, &items).unwrap();
        let writer = thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
        let said = said(&process.wait_with_output().unwrap());
        writer.join().unwrap();
        let wrong: Vec<_> = items
            .iter()
            .filter(|(key, item)| said.get(*key).map(String::as_str) != Some(item.value.expose()))
            .map(|(key, item)| format!("{:?} is {:?}", item.value.expose(), said.get(key)))
            .collect();
        assert!(items.len() > 4000 && wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
        assert_eq!(said.len(), items.len(), "{name} reads names that were not written");
    }

    #[test]
    fn bash_reads_the_export() {
        let script = "set -ae; . /dev/stdin; for name in ${!K*}; do printf '%s\\0%s\\0' \"$name\" \"${!name}\"; done";
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script]).env_clear();
        reads_the_corpus("bash", bash);
    }

    #[test]
    fn godotenv_reads_the_export() {
        if let Some(programs) = programs() {
            reads_the_corpus("godotenv", Command::new(programs.join("dotenv")));
        }
    }

    /// Returns whether a command that loads a library succeeds. Otherwise the test is skipped.
    fn has(library: &str, program: &str, load: [&str; 2]) -> bool {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/end2end");
        let loaded = Command::new(program).args(load).current_dir(folder).output();
        let found = loaded.is_ok_and(|output| output.status.success());
        if !found {
            prerequisites::skip(&format!("{library} is not installed"), "tools/setup.sh test");
        }
        found
    }

    #[test]
    fn npm_dotenv_reads_the_export() {
        if !has("npm dotenv", "node", ["-e", "require('dotenv')"]) {
            return;
        }
        let mut node = Command::new("node");
        let script = "const of = require('dotenv').parse(require('fs').readFileSync(0));\
            for (const [name, value] of Object.entries(of)) process.stdout.write(`${name}\\0${value}\\0`)";
        node.args(["-e", script]).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/end2end"));
        reads_the_corpus("npm dotenv", node);
    }

    #[test]
    fn python_dotenv_reads_the_export() {
        if !has("python-dotenv", "/usr/bin/python3", ["-c", "import dotenv"]) {
            return;
        }
        let mut python = Command::new("/usr/bin/python3");
        let script = "import sys, dotenv\n\
            for of in dotenv.dotenv_values(stream=sys.stdin).items(): print(*of, sep='\\0', end='\\0')";
        python.args(["-X", "utf8", "-c", script]);
        reads_the_corpus("python-dotenv", python);
    }

    #[test]
    fn the_export_is_read_back_here() {
        let items = corpus();
        assert_eq!(read(ItemFormat::Dotenv, &write(ItemFormat::Dotenv, &items).unwrap(), Typing::Keep), Ok(items));
    }

    #[test]
    fn names_and_values_that_are_invalid_in_an_environment_are_refused() {
        let items = Items::from([
            ("db url".into(), Item::string("1")),
            ("1".into(), Item::string("1")),
            ("A".into(), Item::string("a\0")),
        ]);
        let said = write(ItemFormat::Dotenv, &items).problems();
        assert!(said[0].starts_with("/items/db url a .env name has"));
        assert!(said[1].starts_with("/items/1 a .env name has"));
        assert_eq!(said[2], "/items/A Control");
    }
}
