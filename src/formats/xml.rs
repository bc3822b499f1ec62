//! XML: checked for being well-formed, with namespaces.
//!
//! Of the parsers, `xml` is the one that is strict and has limits. `roxmltree` compares each attribute of an element with
//! all others: 100,000 attributes, 1 MB, take it 26 s. `quick-xml` leaves names, roots and references to its caller.

use ::xml::{
    ParserConfig,
    common::{Position, TextPosition},
    reader::XmlEvent,
};

use super::{DEPTH, reading::At, syntax};
use crate::domain::{content::Format, error::Invalid};

/// Attributes of one element.
const ATTRIBUTES: usize = 256;
/// Namespaces in scope, with the three that always are: the parser copies them for each element.
const NAMESPACES: usize = 3 + 32;

pub(super) fn check(text: &str) -> Result<(), Invalid> {
    let mut reader = ParserConfig::new().max_attributes(ATTRIBUTES).create_reader(text.as_bytes());
    let mut depth = 0;
    loop {
        let event = reader.next().map_err(|error| fault(text, error.position(), &error.msg()))?;
        let excess = match event {
            XmlEvent::EndDocument => return Ok(()),
            // Each reader expands entities again, and few have limits (CWE-776).
            XmlEvent::Doctype { syntax } if syntax.contains("<!ENTITY") => "entity declarations are not allowed",
            XmlEvent::StartElement { .. } if depth == DEPTH => "nested deeper than 128 levels",
            XmlEvent::StartElement { namespace, .. } if namespace.0.len() > NAMESPACES => "more than 32 namespaces",
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
        return Err(fault(text, reader.position(), excess));
    }
}

fn fault(text: &str, place: TextPosition, said: &str) -> Invalid {
    let detail = said.strip_prefix(&format!("{place} ")).unwrap_or(said);
    At::Line(place.row as usize + 1, place.column as usize + 1).invalid(text, syntax(Format::Xml, detail))
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
            ("<a/><b/>", ""),
        ] {
            let found = found(check(text));
            assert!(found.starts_with(said), "{text}: {found}");
        }
    }

    #[test]
    fn entities_cannot_be_declared() {
        let bomb = "<!DOCTYPE a [<!ENTITY a '0123456789'><!ENTITY b '&a;&a;&a;'>]><a>&b;</a>";
        assert!(found(check(bomb)).ends_with("entity declarations are not allowed"));
    }

    #[test]
    fn hostile_documents_are_refused_at_once() {
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
