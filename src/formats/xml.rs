//! XML: checks that documents are well-formed, including namespaces.
//!
//! Only the parser `xml` is strict and has limits. `roxmltree` compares each attribute of an element with all others,
//! which takes 26 s for 100,000 attributes (1 MB). `quick-xml` does not check names, roots and references.
//!
//! The text is UTF-8, whatever it declares. A different declared encoding is refused if it matters, because parsers
//! would decode other characters.

use ::xml::{
    Encoding, ParserConfig,
    common::{Position as _, TextPosition},
    reader::XmlEvent,
};

use super::{MAX_DEPTH, collector::Position, syntax};
use crate::domain::{
    content::Format,
    error::{Invalid, truncate},
};

/// Maximum number of attributes of an element.
const MAX_ATTRIBUTES: usize = 256;
/// Maximum number of namespaces in scope, beside [`PREDEFINED_NAMESPACES`]. The parser copies them for each element.
const MAX_NAMESPACES: usize = 32;
/// Number of namespaces that are in scope everywhere.
const PREDEFINED_NAMESPACES: usize = 3;

pub(super) fn check(text: &str) -> Result<(), Invalid> {
    let config = ParserConfig::new()
        .max_attributes(MAX_ATTRIBUTES)
        .allow_multiple_root_elements(false)
        .override_encoding(Some(Encoding::Utf8))
        .ignore_invalid_encoding_declarations(true);
    let mut reader = config.create_reader(text.as_bytes());
    let mut depth = 0;
    loop {
        let event = reader.next().map_err(|error| fault(text, error.position(), &error.msg()))?;
        let excess = match event {
            XmlEvent::EndDocument => return Ok(()),
            XmlEvent::StartDocument { encoding, .. } => {
                check_encoding(text, &encoding)?;
                continue;
            }
            // Each reader expands entities, and few limit that (CWE-776).
            XmlEvent::Doctype { syntax } if syntax.contains("<!ENTITY") => {
                "entity declarations are not allowed".to_owned()
            }
            XmlEvent::StartElement { .. } if depth == MAX_DEPTH => format!("nested deeper than {MAX_DEPTH} levels"),
            XmlEvent::StartElement { namespace, .. } if namespace.0.len() > PREDEFINED_NAMESPACES + MAX_NAMESPACES => {
                format!("more than {MAX_NAMESPACES} namespaces")
            }
            XmlEvent::StartElement { .. } => {
                depth += 1;
                continue;
            }
            XmlEvent::EndElement { .. } => {
                depth -= 1;
                continue;
            }
            _ => continue,
        };
        return Err(fault(text, reader.position(), &excess));
    }
}

/// Prefixes of the names of encodings that contain ASCII. In other encodings even `<` is a different byte.
const ASCII_COMPATIBLE: [&str; 14] = [
    "us-ascii",
    "ascii",
    "iso-8859-",
    "iso8859",
    "latin",
    "windows-",
    "cp125",
    "gb",
    "big5",
    "euc-",
    "shift_jis",
    "koi8-",
    "tis-620",
    "macintosh",
];

/// Refuses a declared encoding in which the bytes of the text are other characters.
fn check_encoding(text: &str, declared: &str) -> Result<(), Invalid> {
    let name = declared.to_ascii_lowercase();
    let holds_ascii = || ASCII_COMPATIBLE.iter().any(|start| name.starts_with(start));
    if name == "utf-8" || (text.is_ascii() && holds_ascii()) {
        return Ok(());
    }
    let detail = format!("the document is UTF-8, but declares the encoding {}", truncate(declared));
    let place = text.find("encoding").unwrap_or_default();
    Err(Position::Byte(place).invalid(text, syntax(Format::Xml, detail)))
}

fn fault(text: &str, place: TextPosition, detail: &str) -> Invalid {
    let detail = detail.strip_prefix(&format!("{place} ")).unwrap_or(detail);
    Position::Line(place.row as usize + 1, place.column as usize + 1).invalid(text, syntax(Format::Xml, detail))
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn well_formed_documents_pass() {
        check("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<!-- c -->\r\n<a b='1'><![CDATA[ <x> ]]>&amp;&#x4e2d;</a>\r\n").unwrap();
        check("<beans xmlns=\"http://a\" xmlns:x=\"http://b\" x:y=\"1\"><x:bean/></beans>").unwrap();
        check("<!DOCTYPE log4j:configuration SYSTEM \"log4j.dtd\"><l:c xmlns:l=\"l\"/>").unwrap();
    }

    #[test]
    fn an_error_has_its_line_and_column() {
        for (text, said) in [
            ("<a>\n é<b></a>", "2:9 Unexpected closing tag: a != b"),
            ("<a><b></b>", "1:11 Unexpected end of stream: still inside the root element"),
            ("<a x='1' x='2'/>", "1:10 Attribute 'x' is redefined"),
            ("<a>&nbsp;</a>", "1:9 Unexpected entity: nbsp"),
            ("<a>1 < 2</a>", "1:8 "),
            ("no", "1:1 Unexpected characters outside the root element: n"),
            ("<a/><b/>", "1:5 Unexpected"),
            ("<a/>\n<!-- c -->\n<b/>", "3:1 Unexpected"),
            ("<a/>\n<a></a>", "2:1 Unexpected"),
            ("<a/>\n é", "2:2 Unexpected characters outside the root element"),
            ("<a/>&amp;", "1:5 "),
            ("<a/><![CDATA[x]]>", "1:5 "),
            ("<!-- only a comment -->", "1:24 "),
            ("<a/><?xml version=\"1.0\"?>", "1:10 "),
        ] {
            let found = found(check(text));
            assert!(found.starts_with(said), "{text}: {found}");
        }
    }

    #[test]
    fn a_wrong_declared_encoding_is_refused() {
        let declared = |encoding: &str, inside: &str| {
            found(check(&format!("<?xml version=\"1.0\"\n encoding=\"{encoding}\"?>\n<a>{inside}</a>")))
        };
        for (encoding, inside) in [
            ("UTF-8", "é"),
            ("utf-8", "商店"),
            ("ISO-8859-1", "e"),
            ("us-ascii", "e"),
            ("windows-1252", "&#xe9;"),
            ("GBK", "e"),
        ] {
            assert_eq!(declared(encoding, inside), "ok", "{encoding}");
        }
        for (encoding, inside) in [
            ("ISO-8859-1", "é"),
            ("us-ascii", "é"),
            ("windows-1252", "é"),
            ("GBK", "商店"),
            ("UTF-16", "é"),
            ("UTF-16", "e"),
            ("utf-32", "e"),
            ("IBM037", "e"),
        ] {
            let said = format!("2:2 the document is UTF-8, but declares the encoding {encoding}");
            assert_eq!(declared(encoding, inside), said, "{inside}");
        }
    }

    #[test]
    fn entities_cannot_be_declared() {
        let bomb = "<!DOCTYPE a [<!ENTITY a '0123456789'><!ENTITY b '&a;&a;&a;'>]><a>&b;</a>";
        assert!(found(check(bomb)).ends_with("entity declarations are not allowed"));
    }

    #[test]
    fn hostile_documents_are_refused_quickly() {
        let many = |text: fn(usize) -> String| (0..10_000).map(text).collect::<String>();
        for text in [
            "<a>".repeat(100_000),
            many(|n| format!("<a xmlns:a{n}='b{n}'>")),
            format!("<a {}/>", many(|n| format!("a{n}='' "))),
            format!("<a {}/>", many(|n| format!("xmlns:a{n}='b{n}' "))),
        ] {
            assert!(check(&text).is_err());
        }
    }
}
