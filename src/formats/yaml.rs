//! YAML 1.2, built from the parser's events, so that literals keep their digits, duplicate keys are noticed, and
//! aliases stay references. A short text can mean gigabytes ("billion laughs"); this module never expands it.
//!
//! The parser accepts what PyYAML, ruamel.yaml and go-yaml accept beyond the specification: closing brackets, items in
//! brackets and continued quoted scalars may be at the column of their key. A text that readers accept is not refused.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle, Tag};

use super::{
    Codec, Frame, MAX_DEPTH, Media,
    collector::{ItemCollector, Position, Scalar, ScalarKind, comment_at_end_of},
    tree::{TreeEntry, TreeNode, flatten},
    yaml_scalar::{is_plain_string, kind, problem},
    yaml_write::entry,
};
use crate::domain::{
    error::{Invalid, Problem},
    limits,
};

pub(super) const CODEC: Codec = Codec {
    name: "yaml",
    media: Media { extension: "yaml", content_type: "application/yaml; charset=utf-8" },
    read,
    entry,
    comments: true,
    types: true,
    frame: Frame { empty: "{}\n", ..Frame::LINES },
};

/// Checks all documents of a stream. A duplicate key in a mapping is an error.
pub(super) fn check(text: &str) -> Result<(), Invalid> {
    trees(text).map(drop)
}

/// Parses all documents of a stream into trees. A duplicate key in a mapping is an error.
pub(super) fn trees(text: &str) -> Result<Vec<Rc<TreeNode>>, Invalid> {
    Builder::new(text, false).build()
}

fn read(text: &str, reading: &mut ItemCollector) -> Result<(), Invalid> {
    let documents = Builder::new(text, true).build()?;
    match documents.first().map(|document| &**document) {
        Some(TreeNode::Map(entries)) => flatten(entries, reading),
        // Comments only, or an empty text.
        None | Some(TreeNode::Scalar(Scalar { kind: ScalarKind::Null, .. })) => Ok(()),
        _ => {
            let problem = problem("the top level is not a mapping: `key: value` is expected");
            Err(Position::Line(1, 1).invalid(text, problem))
        }
    }
}

/// Splits a text into lines as the parser does: they end with LF, CRLF or CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Maximum number of keys, values, starts and ends in a text. The parser takes about 100 bytes for each.
const MAX_VALUES: usize = 800_000;

/// Builds the nodes of a text.
struct Builder<'t> {
    text: &'t str,
    lines: Vec<&'t str>,
    /// Whether items are parsed: only one document, scalar keys, only tags with a JSON type, and `<<` merges.
    strict: bool,
    documents: Vec<Rc<TreeNode>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Finished>,
    /// Line at which the last event ended; comments do not count.
    last_line: usize,
    /// Number of entries that merges may still add.
    merges: usize,
    /// Number of keys, values, starts and ends so far.
    values: usize,
}

/// A sequence or mapping that is not yet closed.
struct Open {
    content: Content,
    anchor: usize,
    at: Position,
    /// Height of the deepest value in it.
    height: usize,
}

enum Content {
    List(Vec<Rc<TreeNode>>),
    Map { entries: Vec<TreeEntry>, seen: HashSet<String>, key: Option<Key>, merged: Vec<Rc<TreeNode>> },
}

/// A key that waits for its value.
struct Key {
    text: String,
    merges: bool,
    at: Position,
    comment: String,
}

/// A complete value.
#[derive(Clone)]
struct Finished {
    node: Rc<TreeNode>,
    height: usize,
}

/// A value with its position, before it is added to its container.
struct Placed {
    value: Finished,
    at: Position,
    comment: String,
    /// Whether it is a plain `<<`.
    merges: bool,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, strict: bool) -> Self {
        Self {
            text,
            lines: lines(text).collect(),
            strict,
            documents: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            last_line: 0,
            merges: limits::ITEMS,
            values: 0,
        }
    }

    fn build(mut self) -> Result<Vec<Rc<TreeNode>>, Invalid> {
        // The parser accepts them, but the parsers of most applications do not.
        let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
        if let Some(offset) = self.text.find(control) {
            return Err(self.fault(
                Position::Byte(offset),
                "YAML has no control characters; in double quotes they can be escaped",
            ));
        }
        let mut parser = Parser::new_from_str(self.text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let place = error.marker();
                // The end of the text can be on an additional line.
                let at = match place.line() {
                    line if line > self.lines.len() => Position::Byte(self.text.len()),
                    line => Position::Line(line, place.col() + 1),
                };
                at.invalid(self.text, problem(error.info()))
            })?;
            self.event(event, span)?;
        }
        Ok(self.documents)
    }

    fn event(&mut self, event: Event, span: Span) -> Result<(), Invalid> {
        let at = Position::Line(span.start.line(), span.start.col() + 1);
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.fault(at, format!("more than {MAX_VALUES} keys, values, starts and ends")));
        }
        let comment = match event {
            Event::Scalar(..) | Event::Alias(_) => self.comment(span.start.line()),
            _ => String::new(),
        };
        if span.start != span.end || matches!(event, Event::Scalar(..)) {
            // A block scalar ends at the beginning of the following line.
            self.last_line = span.end.line() - usize::from(span.end.col() == 0);
        }
        match event {
            Event::DocumentStart(..) if self.strict && !self.documents.is_empty() => {
                Err(self.fault(at, "a second document: only one can be read as items"))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), &["seq"], at)?;
                self.open(Content::List(Vec::new()), anchor, at)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.check_tag(tag.as_deref(), &["map"], at)?;
                if style == StructureStyle::Block && self.is_indented_by_tab(&span) {
                    return Err(self.fault(at, "a tab cannot indent a mapping"));
                }
                let map = Content::Map { entries: Vec::new(), seen: HashSet::new(), key: None, merged: Vec::new() };
                self.open(map, anchor, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Scalar(text, style, anchor, tag) => {
                self.check_tag(tag.as_deref(), &["str", "int", "float", "bool", "null"], at)?;
                let merges = style == ScalarStyle::Plain && text == "<<" && self.strict;
                // The parser reports a missing value as `~`.
                let text =
                    if style == ScalarStyle::Plain && span.is_empty() { String::new() } else { text.into_owned() };
                let kind = kind(&text, style, tag.as_deref());
                let is_tagged = |name| tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag(name));
                if self.strict
                    && (is_tagged("bool") && kind != ScalarKind::Boolean
                        || is_tagged("null") && kind != ScalarKind::Null)
                {
                    return Err(self.fault(at, "this value is not of the type of its tag"));
                }
                let node = Rc::new(TreeNode::Scalar(Scalar::new(kind, text)));
                let value = Finished { node, height: 0 };
                self.anchors.extend((anchor > 0).then(|| (anchor, value.clone())));
                self.add(Placed { value, at, comment, merges })
            }
            Event::Alias(anchor) => {
                let Some(value) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.fault(at, "this alias refers to a value that contains it"));
                };
                if self.open.len() + value.height > MAX_DEPTH {
                    return Err(self.too_deep(at));
                }
                self.add(Placed { value, at, comment, merges: false })
            }
            _ => Ok(()),
        }
    }

    /// Returns whether a tab indents the first key of a mapping, which no reader accepts.
    fn is_indented_by_tab(&self, key: &Span) -> bool {
        let text = &self.text[..key.start.byte_offset().unwrap_or_default()];
        let before = text.rsplit(['\n', '\r']).next().unwrap_or_default();
        before.contains('\t') && before.chars().all(|c| matches!(c, ' ' | '\t' | '-' | '?' | ':'))
    }

    fn fault(&self, at: Position, detail: impl Into<String>) -> Invalid {
        at.invalid(self.text, problem(detail))
    }

    fn too_deep(&self, at: Position) -> Invalid {
        self.fault(at, format!("nested deeper than {MAX_DEPTH} levels"))
    }

    /// Returns the comment directly above a line, if nothing else begins on that line.
    fn comment(&self, line: usize) -> String {
        match self.lines.get(self.last_line..line - 1) {
            Some(lines) if self.strict => comment_at_end_of(lines, &['#']),
            _ => String::new(),
        }
    }

    /// Refuses a tag without a corresponding JSON type, because an item cannot keep it.
    fn check_tag(&self, tag: Option<&Tag>, known: &[&str], at: Position) -> Result<(), Invalid> {
        match tag {
            Some(tag)
                if self.strict
                    && !is_plain_string(tag)
                    && !known.iter().any(|known| tag.is_yaml_core_schema_tag(known)) =>
            {
                Err(self.fault(at, format!("the tag {tag} cannot be read into an item")))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, content: Content, anchor: usize, at: Position) -> Result<(), Invalid> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.too_deep(at));
        }
        self.open.push(Open { content, anchor, at, height: 0 });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Invalid> {
        let Open { content, anchor, at, height } = self.open.pop().expect("the parser pairs starts and ends");
        let node = match content {
            Content::List(nodes) => TreeNode::List(nodes),
            Content::Map { mut entries, mut seen, merged, .. } => {
                for map in merged {
                    self.merge(&map, &mut entries, &mut seen, at)?;
                }
                TreeNode::Map(entries)
            }
        };
        let value = Finished { node: Rc::new(node), height: height + 1 };
        self.anchors.extend((anchor > 0).then(|| (anchor, value.clone())));
        self.add(Placed { value, at, comment: String::new(), merges: false })
    }

    /// Adds the entries of `<<` that the mapping does not have (<https://yaml.org/type/merge.html>).
    fn merge(
        &mut self,
        node: &TreeNode,
        entries: &mut Vec<TreeEntry>,
        seen: &mut HashSet<String>,
        at: Position,
    ) -> Result<(), Invalid> {
        match node {
            TreeNode::Map(merged) => {
                self.merges = self
                    .merges
                    .checked_sub(merged.len())
                    .ok_or_else(|| at.invalid(self.text, Problem::TooMany { max: limits::ITEMS }))?;
                entries.extend(merged.iter().filter(|entry| seen.insert(entry.key.clone())).cloned());
                Ok(())
            }
            TreeNode::List(nodes) if nodes.iter().all(|node| matches!(**node, TreeNode::Map(_))) => {
                nodes.iter().try_for_each(|node| self.merge(node, entries, seen, at))
            }
            _ => Err(self.fault(at, "`<<` in this mapping merges a value that is not a mapping")),
        }
    }

    /// Adds a value to its container.
    fn add(&mut self, placed: Placed) -> Result<(), Invalid> {
        let Placed { value: Finished { node, height }, at, comment, merges } = placed;
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        open.height = open.height.max(height);
        match &mut open.content {
            Content::List(nodes) => nodes.push(node),
            Content::Map { entries, merged, key, .. } if key.is_some() => {
                let Key { text, merges, at, comment } = key.take().expect("the map has a pending key");
                if merges {
                    merged.push(node);
                } else {
                    entries.push(TreeEntry { key: text, node, comment, at });
                }
            }
            Content::Map { seen, key, .. } => {
                let text = match &*node {
                    TreeNode::Scalar(scalar) => scalar.text.clone(),
                    _ if self.strict => {
                        return Err(self.fault(at, "a key that is not a scalar cannot be read into an item"));
                    }
                    _ => {
                        *key = Some(Key { text: String::new(), merges, at, comment });
                        return Ok(());
                    }
                };
                if !seen.insert(text.clone()) {
                    return Err(at.invalid(self.text, Problem::Duplicate { key: text }));
                }
                *key = Some(Key { text, merges, at, comment });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Problems, found, items, typed};
    use super::*;
    use crate::formats::{ItemFormat, Typing, read};

    #[test]
    fn values_are_read_in_the_core_schema_with_their_digits() {
        let text = "n: 1.50e3\nbig: 12345678901234567890123\nhex: 0x0b\nolder: [-0x1F, 0b1, 0x1_000]\nthousands: 1_000\nmonth: 2024_01\ninf: -.inf\n\
                    mode: 0777\non: yes\nt: True\nnothing: ~\nempty:\nday: 2024-01-31\ns: \"1\"\nstr: !!str 1\nint: !!int '5'\nbang: ! 1\n\
                    list: [1, +2, x, 'y', null, {a: 0o17}]\nmap: {}\nblock: |\n  a\n    b\n\nfold: >-\n  a\n  b\n1: one\n";
        assert_eq!(
            typed(&read(ItemFormat::Yaml, text, Typing::Keep).unwrap()),
            [
                "n string 1.50e3",
                "big string 12345678901234567890123",
                "hex number 11",
                "older json [\"-0x1F\",\"0b1\",\"0x1_000\"]",
                "thousands string 1_000",
                "month string 2024_01",
                "inf string -.inf",
                "mode string 0777",
                "on string yes",
                "t boolean true",
                "nothing json null",
                "empty json null",
                "day string 2024-01-31",
                "s string 1",
                "str string 1",
                "int number 5",
                "bang string 1",
                "list json [1,2,\"x\",\"y\",null,{\"a\":\"0o17\"}]",
                "map json {}",
                "block string a\n  b\n",
                "fold string a b",
                "1 string one",
            ]
        );
        let strings = typed(&read(ItemFormat::Yaml, text, Typing::Strings).unwrap());
        assert_eq!(
            (&*strings[2], &*strings[9], &*strings[10]),
            ("hex string 0x0b", "t string true", "nothing string ")
        );
    }

    #[test]
    fn aliases_and_merges_are_read() {
        let text = "base: &base {a: 1, b: &two 2}\ndev:\n  <<: *base\n  b: 3\nlist: [*two, *base]\nboth:\n  <<: [{a: 4}, *base]\n";
        assert_eq!(
            items(ItemFormat::Yaml, text),
            ["base.a=1", "base.b=2", "dev.b=3", "dev.a=1", "list=[2,{\"a\":1,\"b\":2}]", "both.a=4", "both.b=2"]
        );
    }

    #[test]
    fn a_duplicate_key_is_an_error_at_any_level() {
        check("a: {b: 1}\nb: [{b: 1}, {b: 1}]\n---\na: 1\n").unwrap();
        assert_eq!(found(check("é: [{b: 1, b: 2}]")), "1:12 duplicate b");
        assert_eq!(found(check("a: 1\n\"a\": 2")), "2:1 duplicate a");
        assert_eq!(
            read(ItemFormat::Yaml, "a.b: 1\na:\n  b: 2", Typing::Keep).problems(),
            ["/items/a.b 3:3 duplicate a.b"]
        );
    }

    #[test]
    fn brackets_may_close_at_the_column_of_their_key() {
        for (text, value) in [
            ("root:\n  k: [\n    \"http://a\",\n    \"http://b\"\n  ]\n", r#"["http://a","http://b"]"#),
            ("root:\n  k: [\n  ]\n", "[]"),
            ("root:\n  k: [ # none\n\n  ]\n", "[]"),
            ("root:\n  k: &a [\n  'a', # c\n# c\n\n  b,\n  ]\n", r#"["a","b"]"#),
            ("root:\n  k: [\n    [1, 2],\n    {a: [\n    ]},\n    {\n    }\n  ]\n", r#"[[1,2],{"a":[]},{}]"#),
            ("root:\n  k:\n  - {\n    a: 1\n  }\n  - [\n  ]\n", r#"[{"a":1},[]]"#),
            ("root: {k: [\n1,\n2\n],\n}\n", "[1,2]"),
            ("root:\r\n  k: [\r\n    \"a\"\r\n  ]\r\n", r#"["a"]"#),
        ] {
            for text in [text.to_owned(), format!("{text}z: 1\n"), format!("---\n{text}...\n")] {
                check(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
                let items = read(ItemFormat::Yaml, &text, Typing::Keep).unwrap_or_else(|e| panic!("{e:?}: {text}"));
                assert_eq!(items["root.k"].value.expose(), value, "{text}");
            }
        }
        let text = "x: &x 1\nk: {\n  a: *x,\n  \"b\": '2'\n}\nz: 1\n";
        assert_eq!(items(ItemFormat::Yaml, text), ["x=1", "k.a=1", "k.b=2", "z=1"]);
        assert!(check("a: [\n1\nb: 2\n").is_err());
    }

    #[test]
    fn a_quoted_text_may_continue_at_the_column_of_its_key() {
        for (text, value) in [
            ("p:\n  k: 'A text that\n  broke'\n", "A text that broke"),
            ("p:\n  k: \"a\n\n  b: c\n# d\"\n", "a\nb: c # d"),
            ("p:\n  \"k\": 'a\nb ''c'''\n", "a b 'c'"),
            ("p:\n  k: \"a \\\n  b\"\n", "a b"),
            ("p:\r\n  k: 'a\r\n  b'\r\n", "a b"),
            ("p:\n  k: 'a\n\tb'\n", "a b"),
        ] {
            for text in [text.to_owned(), format!("{text}  l: 1\nz: 1\n")] {
                check(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
                assert_eq!(read(ItemFormat::Yaml, &text, Typing::Keep).unwrap()["p.k"].value.expose(), value, "{text}");
            }
        }
        assert_eq!(items(ItemFormat::Yaml, "l:\n- 'a\nb'\n- - \"c\nd\"\n"), [r#"l=["a b",["c d"]]"#]);
        assert!(found(check("k: 'a\n--- b'\n")).contains("document"));
    }

    #[test]
    fn tabs_separate_but_do_not_indent() {
        let text = "a:\t1\nb: \t\"x\"\t# c\nc:\t'y'\nd:\t[1,\t2]\ne:\t{f:\t1}\ng:\t|\n  h\ni:\t&i j\nk:\t*i\nl:\t\nm:\n  -\tn\no :\tp\n";
        check(text).unwrap();
        assert_eq!(
            items(ItemFormat::Yaml, text),
            ["a=1", "b=x", "c=y", "d=[1,2]", "e.f=1", "g=h\n", "i=j", "k=j", "l=null", "m=[\"n\"]", "o=p"]
        );
        for (text, said) in [
            ("a:\n\tb: 1\n", "2:"),
            ("a:\n \tb: 1\n", "2:3 a tab cannot indent a mapping"),
            ("-\ta: 1\n", "1:3 a tab cannot indent a mapping"),
            ("- \t- a\n", "1:"),
        ] {
            assert!(found(check(text)).starts_with(said), "{text:?}: {}", found(check(text)));
        }
    }

    #[test]
    fn an_error_has_its_position() {
        assert_eq!(found(check("é: 'é' x")), "1:8 invalid trailing content after single-quoted scalar");
        assert_eq!(found(check("a: [1")), "1:4 unclosed bracket '['");
        check("a: [\n  1\n]\nb: {\n  c: 1\n}\n").unwrap();
        assert!(found(check("a: \"é\u{1}\"")).starts_with("1:6 YAML has no control characters"));
        for (text, said) in [
            ("- 1", "1:1 the top level is not a mapping"),
            ("a", "1:1 the top level is not a mapping"),
            ("a: 1\n---\na: 2", "2:1 a second document"),
            ("? [a]\n: 1", "1:3 a key that is not a scalar"),
            ("a: !Ref b", "1:9 the tag !Ref cannot be read"),
            ("a: !!bool yes", "1:11 this value is not of the type of its tag"),
            ("a: !!null x", "1:11 this value is not of the type of its tag"),
            ("a: 1\n<<: 2", "1:1 `<<` in this mapping"),
        ] {
            let problems = read(ItemFormat::Yaml, text, Typing::Keep).problems().concat();
            assert!(problems.trim().starts_with(said), "{text}: {problems}");
        }
        check("? [a]\n: !Ref 1\n--- !x\n- 2").unwrap();
    }

    #[test]
    fn an_empty_document_has_no_keys() {
        for text in ["# nothing", "---\n", "---\n# c\n", "--- # c", "null", "~", "%YAML 1.2\n---\n", ""] {
            assert_eq!(items(ItemFormat::Yaml, text), [""; 0], "{text:?}");
        }
    }

    #[test]
    fn comments_are_parsed_alike_with_every_line_end() {
        for end in ["\n", "\r\n", "\r"] {
            let text =
                ["# about a", "a: 1", "", "# about b", "b: 2", "x: 1", "", "c: 3", "# about d", "d: 1", ""].join(end);
            let items = read(ItemFormat::Yaml, &text, Typing::Keep).unwrap();
            let comments = items.values().map(|item| &*item.comment).collect::<Vec<_>>();
            assert_eq!(comments, ["about a", "about b", "", "", "about d"], "{end:?}");
        }
    }

    #[test]
    fn a_comment_directly_above_a_key_is_its_comment() {
        let text = "# head\n\n# a\na: |\n  text\n  # text\n# b\nb:\n  # one\n  # two\n  c: 'x\n\n    y' # tail\n  d: [1,\n  # in\n   2]\n# e\ne: 1\n";
        let items = read(ItemFormat::Yaml, text, Typing::Keep).unwrap();
        let comments: Vec<_> = items.values().map(|item| item.comment.as_str()).collect();
        assert_eq!(comments, ["a", "one\ntwo", "", "e"]);
    }

    #[test]
    fn alias_bombs_are_refused_before_they_expand() {
        let bomb = |leaf: &str, level: fn(usize) -> String| {
            (1..30).fold(format!("a0: &a0 {leaf}\n"), |text, n| format!("{text}a{n}: &a{n} {}\n", level(n - 1)))
        };
        let lists = bomb("[x]", |n| format!("[{}]", vec![format!("*a{n}"); 9].join(", ")));
        let maps = bomb("{x: 1}", |n| format!("{{b: *a{n}, c: *a{n}, d: *a{n}}}"));
        let empty = bomb("{x: {}}", |n| format!("{{b: *a{n}, c: *a{n}, d: *a{n}}}"));
        let long =
            format!("a: &a {}\n{}", "x".repeat(200_000), (0..100).map(|n| format!("k{n}: *a\n")).collect::<String>());
        let merges = format!(
            "a: &a {{{}}}\n{}",
            (0..1000).map(|n| format!("k{n}: 1, ")).collect::<String>(),
            (0..1000).map(|n| format!("m{n}: {{<<: *a}}\n")).collect::<String>()
        );
        for bomb in [lists, maps, empty, long, merges] {
            check(&bomb).unwrap();
            let problems = read(ItemFormat::Yaml, &bomb, Typing::Keep).problems().concat();
            assert!(problems.contains("TooLong") || problems.contains("TooMany"), "{problems}");
        }
    }

    #[test]
    fn too_many_values_are_refused_before_a_tree_is_built() {
        let text = format!("a: [{}]", "1,".repeat(MAX_VALUES));
        let said = format!("more than {MAX_VALUES} keys");
        assert!(read(ItemFormat::Yaml, &text, Typing::Keep).problems().concat().contains(&said));
    }

    #[test]
    fn deep_nesting_is_refused_without_a_stack_overflow() {
        for text in [
            "[".repeat(100_000),
            "{a: ".repeat(100_000),
            "- ".repeat(100_000),
            "? ".repeat(100_000),
            (0..1500).map(|n| " ".repeat(n) + "a:\n").collect(),
        ] {
            assert!(check(&text).is_err());
        }
        let chain: String = (1..100_000).map(|n| format!("- &a{n} [*a{}]\n", n - 1)).collect();
        assert!(found(check(&format!("- &a0 []\n{chain}"))).ends_with("nested deeper than 128 levels"));
    }
}
