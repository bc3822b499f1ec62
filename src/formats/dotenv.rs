//! `.env` files: `NAME=value` lines, plain or quoted, with comments.
//!
//! The parser is our own. A configuration center must give a value back as it was written, and never put a variable of its
//! own process into it: `dotenvy` 0.15 and `dotenvs` 0.2 replace `${VAR}` from the environment of the process (and
//! `dotenvs` stops at the first error without telling); `dotenv-parser` 0.1 knows neither escapes nor values of several lines.
//!
//! What is read is what dotenv libraries and shells agree on: an `export` before the name; a plain value ends at ` #`; in
//! single quotes and backticks all is literal; in double quotes `\n \r \t \\ \" \$` and ``\` `` are escapes; quoted values
//! may have several lines. `$` is never more than a dollar sign. A line ends with LF, CRLF or CR.
//!
//! A written file is read alike by bash (`set -a; . file`), npm dotenv, python-dotenv and godotenv. They share less than
//! one expects. npm dotenv knows no escape but `\n` and `\r`; godotenv takes every backslash out of double quotes;
//! python-dotenv replaces `${X}` even in single quotes, and makes one backslash of two in them; for both of the latter a
//! backslash before the closing quote keeps it open. So a value is written
//! - as it is, where it has no character that any of them treats in its own way;
//! - else in single quotes, where it has no apostrophe;
//! - else in double quotes, where it has nothing that needs an escape there.
//!
//! Every other value is refused, rather than read differently by some ([`DotenvTrouble`]). Names with `.` or `-` are
//! written, too: shells do not have them, libraries do.

use super::{
    Codec, Frame, Media,
    cursor::Cursor,
    reading::{At, Kind, Reading, Scalar, comment_above},
    syntax,
};
use crate::domain::{
    content::{Format, Item},
    error::{DotenvTrouble, Invalid, Problem},
};

pub(super) const CODEC: Codec = Codec {
    name: "dotenv",
    media: Media { extension: "env", content_type: "text/plain; charset=utf-8" },
    read,
    entry,
    comments: true,
    frame: Frame::LINES,
};

const NAME: &str = "a .env name has only letters, digits, `_`, `.` and `-` of ASCII, and begins with a letter or `_`";

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

fn begins_name(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

fn is_in_line(c: char) -> bool {
    !matches!(c, '\n' | '\r')
}

/// Not a format that a namespace can have, so it goes by the name of one that is no more than text.
fn problem(detail: &str) -> Problem {
    syntax(Format::Text, detail)
}

fn read(text: &str, reading: &mut Reading) -> Result<(), Invalid> {
    let mut cursor = Cursor::new(text);
    let mut end = 0;
    loop {
        cursor.take_while(char::is_whitespace);
        match cursor.peek() {
            None => return Ok(()),
            Some('#') => drop(cursor.take_while(is_in_line)),
            Some(_) => {
                let start = cursor.offset();
                let (key, at) = name(text, &mut cursor)?;
                let value = value(text, &mut cursor)?;
                let comment = comment_above(text, end, start, &['#']);
                reading.add(key.to_owned(), Scalar::new(Kind::String, value), comment, at)?;
                end = cursor.offset();
            }
        }
    }
}

/// A name and the `=` after it.
fn name<'t>(text: &str, cursor: &mut Cursor<'t>) -> Result<(&'t str, At), Invalid> {
    let mut at = cursor.at();
    let mut name = cursor.take_while(is_name);
    if name == "export" && !cursor.take_while(is_blank).is_empty() && cursor.peek() != Some('=') {
        at = cursor.at();
        name = cursor.take_while(is_name);
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

/// A value, and the rest of its last line, which can be a comment.
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
    let value = &item.value;
    if value.contains('\0') {
        return Err(Invalid::new("", Problem::Control));
    }
    if let Some(trouble) = trouble(value) {
        return Err(Invalid::new("", Problem::Dotenv { trouble }));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    let quote = match value {
        value if value.chars().all(plain) => "",
        value if value.contains('\'') => "\"",
        _ => "'",
    };
    Ok(format!("{key}={quote}{value}{quote}"))
}

/// Returns what makes every spelling of a value wrong for one of the readers.
fn trouble(value: &str) -> Option<DotenvTrouble> {
    if value.contains('\r') {
        Some(DotenvTrouble::CarriageReturn)
    } else if has_placeholder(value) {
        Some(DotenvTrouble::Placeholder)
    } else if value.ends_with('\\') || value.contains("\\\\") {
        Some(DotenvTrouble::Backslash)
    } else if value.contains('\'') && value.contains(['"', '$', '`', '\\']) {
        Some(DotenvTrouble::Quotes)
    } else {
        None
    }
}

/// Whether there is something that python-dotenv replaces: `${X}` or `${X:-default}`.
fn has_placeholder(value: &str) -> bool {
    let Some(last) = value.rfind('}') else { return false };
    // Each place is looked at once, however many begin.
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
    use crate::domain::content::Items;
    use crate::formats::{Source, Typing, read, write};

    #[test]
    fn lines_are_read_plain_or_quoted() {
        let text = "# c\r\nA=1\r\n export B = two words # c\nC=\nD=#no #yes\nE= #c\nF=it's\nG='a # \"b\" \\n $X'  # c\n\
                    H=\"a\\n\\t\\\"\\$X ${Y} \\q\"\nI=`'\"`\nJ='1\r\n2'\nexport=x\nK.l-m=a=b\\n";
        assert_eq!(
            items(Source::Dotenv, text),
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
        assert_eq!(items(Source::Dotenv, "A=${PATH}\nB=\"$PATH $(id) `id`\""), ["A=${PATH}", "B=$PATH $(id) `id`"]);
    }

    #[test]
    fn an_error_has_its_place() {
        for (text, said) in [
            ("A=1\nB", " 2:2 `=` is expected after a name"),
            ("1A=1", " 1:1 a .env name has"),
            ("A='1\n2", " 1:3 this quote is not closed"),
            ("A=\"1\" 2", " 1:7 only a comment can follow"),
            ("A=1\nA=2", "/items/A 2:1 duplicate A"),
        ] {
            let said_of_it = read(Source::Dotenv, text, Typing::Keep).problems();
            assert!(said_of_it.concat().starts_with(said), "{text:?}: {said_of_it:?}");
        }
    }

    #[test]
    fn values_are_quoted_as_little_as_possible() {
        let text = "# what it is\n# for\nA=http://a:1/b\nB='a b $X `id` # \"'\nC=\"it's\"\nD='1\n2'\nE=\n";
        let items = read(Source::Dotenv, text, Typing::Keep).unwrap();
        assert_eq!(write(Source::Dotenv, &items).unwrap(), text);
    }

    /// Values, and how they are written.
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

    /// Values that no spelling carries to all readers.
    const REFUSED: &[(&str, DotenvTrouble)] = &[
        ("a\\", DotenvTrouble::Backslash),
        ("C:\\dir\\", DotenvTrouble::Backslash),
        ("\\\\server\\share", DotenvTrouble::Backslash),
        ("it's\\", DotenvTrouble::Backslash),
        ("${A}", DotenvTrouble::Placeholder),
        ("a${A:-b}c", DotenvTrouble::Placeholder),
        ("${A:1}${}", DotenvTrouble::Placeholder),
        ("a\rb", DotenvTrouble::CarriageReturn),
        ("a\r\n", DotenvTrouble::CarriageReturn),
        ("it's \"a\"", DotenvTrouble::Quotes),
        ("it's $5", DotenvTrouble::Quotes),
        ("it's `id`", DotenvTrouble::Quotes),
        ("it's \\d", DotenvTrouble::Quotes),
    ];

    fn one(value: &str) -> Items {
        Items::from([("K".into(), Item::string(value))])
    }

    #[test]
    fn a_value_is_written_so_that_all_read_it_alike_or_refused() {
        for (value, spelled) in SPELLED {
            assert_eq!(write(Source::Dotenv, &one(value)), Ok(format!("K={spelled}\n")), "{value:?}");
        }
        for (value, trouble) in REFUSED {
            let refused = Invalid::new("/items/K", Problem::Dotenv { trouble: *trouble });
            assert_eq!(write(Source::Dotenv, &one(value)), Err(vec![refused]), "{value:?}");
        }
    }

    /// Pieces of which values are made that readers could read in their own way.
    const PIECES: [&str; 16] = ["'", "\"", "`", "\\", "$", "${", "}", "#", " ", "\n", "!", "=", "a", "A1", "\\n", "é"];

    /// Every value of up to three pieces that can be written, as one file: `K<n>` holds the n-th.
    fn corpus() -> Items {
        let two = PIECES.iter().flat_map(|a| PIECES.map(|b| format!("{a}{b}")));
        let three = PIECES.iter().flat_map(|a| PIECES.iter().flat_map(move |b| PIECES.map(|c| format!("{a}{b}{c}"))));
        let values = PIECES.iter().map(ToString::to_string).chain(two).chain(three);
        let spelled = SPELLED.iter().map(|(value, _)| (*value).to_owned());
        let values = values.chain(spelled).filter(|value| trouble(value).is_none());
        values.enumerate().map(|(n, value)| (format!("K{n}"), Item::string(value))).collect()
    }

    /// Reads the output of a reader: each name and its value, NUL after both.
    fn said(output: &Output) -> HashMap<String, String> {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let mut parts = text.split('\0').map(str::to_owned);
        std::iter::from_fn(|| Some((parts.next()?, parts.next()?))).collect()
    }

    /// Gives a reader the whole corpus on stdin, and compares what it prints.
    fn reads_the_corpus(name: &str, mut reader: Command) {
        let items = corpus();
        let mut process = reader.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = process.stdin.take().unwrap();
        let text = write(Source::Dotenv, &items).unwrap();
        let writer = thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
        let said = said(&process.wait_with_output().unwrap());
        writer.join().unwrap();
        let wrong: Vec<_> = items
            .iter()
            .filter(|(key, item)| said.get(*key) != Some(&item.value))
            .map(|(key, item)| format!("{:?} is {:?}", item.value, said.get(key)))
            .collect();
        assert!(items.len() > 1000 && wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    }

    #[test]
    fn bash_reads_what_is_written() {
        let script = "set -ae; . /dev/stdin; for name in ${!K*}; do printf '%s\\0%s\\0' \"$name\" \"${!name}\"; done";
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script]).env_clear();
        reads_the_corpus("bash", bash);
    }

    #[test]
    fn godotenv_reads_what_is_written() {
        let go = |arguments: &[&str]| {
            let mut go = Command::new("go");
            go.args(arguments).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/go"));
            go
        };
        match go(&["mod", "download"]).output() {
            Err(error) => println!("skipped: no go: {error}"),
            Ok(output) if !output.status.success() => {
                println!("skipped: go modules cannot be fetched: {}", String::from_utf8_lossy(&output.stderr));
            }
            Ok(_) => reads_the_corpus("godotenv", go(&["run", "./dotenv"])),
        }
    }

    #[test]
    fn what_is_written_is_read_back_here() {
        let items = corpus();
        assert_eq!(read(Source::Dotenv, &write(Source::Dotenv, &items).unwrap(), Typing::Keep), Ok(items));
    }

    #[test]
    fn names_and_values_that_an_environment_cannot_have_are_refused() {
        let items = Items::from([
            ("db url".into(), Item::string("1")),
            ("1".into(), Item::string("1")),
            ("A".into(), Item::string("a\0")),
        ]);
        let said = write(Source::Dotenv, &items).problems();
        assert!(said[0].starts_with("/items/db url a .env name has"));
        assert!(said[1].starts_with("/items/1 a .env name has"));
        assert_eq!(said[2], "/items/A Control");
    }
}
