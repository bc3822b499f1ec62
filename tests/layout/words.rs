//! Keeps the worst of private language away: docs that begin with a clause instead of a noun or verb, and public types
//! that share a name.

use std::{collections::BTreeMap, fs, path::Path};

use syn::{Ident, Item, Visibility, visit::Visit};

use super::{
    dependencies::{attributes_of, is_test},
    sources, tree,
};

/// Folders of Rust files whose docs are checked.
const FOLDERS: [&str; 5] = ["src", "tests", "torture/src", "bench/src", "bindgen/src"];
/// First words that no doc may have.
const REFUSED: [&str; 6] = ["Who ", "Whoever ", "What ", "The same", "As [", "Of "];

#[test]
fn docs_begin_with_a_noun_or_a_verb() {
    let mut wrong = Vec::new();
    for file in FOLDERS.iter().flat_map(|folder| sources(Path::new(folder))) {
        let lines = refused_lines(&fs::read_to_string(&file).unwrap());
        wrong.extend(lines.into_iter().map(|line| format!("{}:{line}", file.display())));
    }
    assert!(wrong.is_empty(), "begin with {REFUSED:?}:\n{}\n", wrong.join("\n"));
}

#[test]
fn public_types_have_names_of_their_own() {
    let twice = shared_names(tree().into_iter().map(|file| (fs::read_to_string(&file.name).unwrap(), file.name)));
    assert!(twice.is_empty(), "are defined more than once:\n{}\n", twice.join("\n"));
}

/// Lines, from 1, whose doc begins with one of the refused words.
fn refused_lines(text: &str) -> Vec<usize> {
    let is_refused = |line: &str| {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        doc.is_some_and(|doc| REFUSED.iter().any(|word| doc.trim_start().starts_with(word)))
    };
    text.lines().zip(1..).filter(|(line, _)| is_refused(line)).map(|(_, number)| number).collect()
}

/// Names of types that several files make visible to others, with these files. Tests are left out.
fn shared_names(files: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (text, name) in files {
        let mut types = Types::default();
        types.visit_file(&syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}")));
        types.0.into_iter().for_each(|found| all.entry(found).or_default().push(name.clone()));
    }
    all.retain(|_, files| files.len() > 1);
    all.into_iter().map(|(name, files)| format!("{name}: {}", files.join(" "))).collect()
}

/// Names of the types of a file that other files can see.
#[derive(Default)]
struct Types(Vec<String>);

impl Types {
    fn note(&mut self, visibility: &Visibility, name: &Ident) {
        if !matches!(visibility, Visibility::Inherited) {
            self.0.push(name.to_string());
        }
    }
}

impl Visit<'_> for Types {
    fn visit_item(&mut self, item: &Item) {
        if is_test(attributes_of(item)) {
            return;
        }
        match item {
            Item::Struct(item) => self.note(&item.vis, &item.ident),
            Item::Enum(item) => self.note(&item.vis, &item.ident),
            Item::Trait(item) => self.note(&item.vis, &item.ident),
            Item::Type(item) => self.note(&item.vis, &item.ident),
            Item::Union(item) => self.note(&item.vis, &item.ident),
            _ => {}
        }
        syn::visit::visit_item(self, item);
    }
}

#[test]
fn refused_docs_are_found() {
    let text = "//! Whoever reads.\n/// Returns it.\n    ///  What it is.\nfn f() {} // Who\n/// As [`f`].\n/// Offers.\n/// Of all.";
    assert_eq!(refused_lines(text), [1, 3, 5, 7]);
}

#[test]
fn shared_names_are_found_and_tests_are_left_out() {
    let file = |name: &str, text: &str| (text.to_owned(), name.to_owned());
    let twice = shared_names(
        [
            file("a.rs", "pub struct One; struct Own; mod inner { pub(super) enum Two {} }"),
            file("b.rs", "pub(crate) trait One {} struct Own; #[cfg(test)] mod tests { pub type Two = u8; }"),
        ]
        .into_iter(),
    );
    assert_eq!(twice, ["One: a.rs b.rs"]);
}
