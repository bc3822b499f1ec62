//! `.env` files: `NAME=value` lines, plain or quoted, with comments.
//!
//! The parser is our own. A configuration center must give a value back as it was written, and never put a variable of its
//! own process into it: `dotenvy` 0.15 and `dotenvs` 0.2 replace `${VAR}` from the environment of the process (and
//! `dotenvs` stops at the first error without telling); `dotenv-parser` 0.1 knows neither escapes nor values of several lines.
//!
//! What is read is what dotenv libraries and shells agree on: an `export` before the name; a plain value ends at ` #`; in
//! single quotes and backticks all is literal; in double quotes `\n \r \t \\ \" \$` and ``\` `` are escapes; quoted values
//! may have several lines. `$` is never more than a dollar sign.

use super::{
    Codec, Frame, Media,
    cursor::Cursor,
    reading::{At, Kind, Reading, Scalar, comment_above},
    syntax,
};
use crate::domain::{
    content::{Format, Item},
    error::{Invalid, Problem},
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
            Some('#') => drop(cursor.take_while(|c| c != '\n')),
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
            let line = cursor.take_while(|c| c != '\n');
            let comment = |(n, _): &(usize, &str)| (*n == 0 && !blanks.is_empty()) || line[..*n].ends_with(is_blank);
            let value = line.match_indices('#').find(comment).map_or(line, |(n, _)| &line[..n]);
            return Ok(value.trim_end_matches([' ', '\t', '\r']).to_owned());
        }
    };
    cursor.next();
    let value = quoted(cursor, quote).ok_or_else(|| at.invalid(text, problem("this quote is not closed")))?;
    cursor.take_while(is_blank);
    let after = cursor.at();
    match cursor.peek() {
        None | Some('\n' | '\r' | '#') => {
            cursor.take_while(|c| c != '\n');
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
/// [`NAME`], and [`Problem::Control`] for U+0000, which no environment variable can have.
fn entry(key: &str, item: &Item) -> Result<String, Invalid> {
    if !begins_name(key) || !key.chars().all(is_name) {
        return Err(Invalid::new("", problem(NAME)));
    }
    let value = &item.value;
    if value.contains('\0') {
        return Err(Invalid::new("", Problem::Control));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    Ok(if value.chars().all(plain) {
        format!("{key}={value}")
    } else if !value.contains(['\'', '\r']) {
        // Literal for shells and for nearly all libraries.
        format!("{key}='{value}'")
    } else {
        let mut out = format!("{key}=\"");
        for c in value.chars() {
            match c {
                '\r' => out.push_str("\\r"),
                '\\' | '"' | '$' | '`' => out.extend(['\\', c]),
                c => out.push(c),
            }
        }
        out + "\""
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Problems, items};
    use crate::domain::{content::Item, content::Items};
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
        let text = "# what it is\n# for\nA=http://a:1/b\nB='a b $X `id` # \"'\nC=\"it's \\$X \\\"\\\\\"\nD='1\n2'\nE=\"1\\r\n2\"\n";
        let items = read(Source::Dotenv, text, Typing::Keep).unwrap();
        assert_eq!(write(Source::Dotenv, &items).unwrap(), text);
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
