//! Reads Rust files with `syn` and lists the paths that their code names. Test items are left out, wherever they stand.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::{
    Attribute, Item, UseTree,
    spanned::Spanned,
    visit::{self, Visit},
};

/// One path that a file names, such as `crate::storage::Db` or `sqlx::query`.
#[derive(Clone, Debug)]
pub struct Named {
    /// Segments from the root: `["crate", "storage", "Db"]`, or first the name of another crate. A macro ends with `!`,
    /// a glob with `*`.
    pub path: Vec<String>,
    /// Line in the file, from 1.
    pub line: usize,
    /// Whether it is a `pub use`.
    pub exported: bool,
}

/// A source file: its module path, such as `["service", "publish"]`, and the paths that it names.
#[derive(Debug)]
pub struct File {
    /// Path from the repository's root, such as `src/service/publish.rs`.
    pub name: String,
    pub module: Vec<String>,
    pub named: Vec<Named>,
    /// Modules that are compiled only for tests.
    pub tests: Vec<Vec<String>>,
    /// Lines with `#[path]`, `extern crate` or a renamed `crate` or `super`, which could hide a dependency.
    pub obscuring: Vec<(usize, &'static str)>,
}

impl File {
    /// Parses a file of `src`.
    ///
    /// # Panics
    /// Panics when the text is not valid Rust.
    pub fn parse(name: &str, text: &str) -> Self {
        let module = module_of(name);
        let tree = syn::parse_file(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut reader = Reader { module: module.clone(), ..Reader::default() };
        reader.visit_file(&tree);
        let Reader { named, hides, aliases, tests, .. } = reader;
        let named = named.into_iter().map(|n| resolve(n, &aliases)).collect();
        Self { name: name.to_owned(), module, named, tests, obscuring: hides }
    }

    /// Returns the top folder below `src`, or the name of a file that is directly in `src`.
    pub fn folder(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }
}

fn module_of(name: &str) -> Vec<String> {
    let path = name.strip_prefix("src/").unwrap_or(name).trim_end_matches(".rs");
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}

/// Follows imported names: `use crate::storage; … storage::Db` names `crate::storage::Db`.
fn resolve(mut named: Named, aliases: &BTreeMap<String, Vec<String>>) -> Named {
    if let Some(target) = named.path.first().and_then(|first| aliases.get(first)) {
        named.path.splice(..1, target.iter().cloned());
    }
    named
}

#[derive(Default)]
struct Reader {
    module: Vec<String>,
    named: Vec<Named>,
    tests: Vec<Vec<String>>,
    hides: Vec<(usize, &'static str)>,
    aliases: BTreeMap<String, Vec<String>>,
}

impl Reader {
    /// Records a path, with `super` and `self` resolved.
    fn note(&mut self, path: &[String], span: Span, exported: bool) {
        let Some(first) = path.first() else { return };
        let mut base = vec!["crate".to_owned()];
        base.extend(self.module.iter().cloned());
        let mut rest = path;
        let whole = match first.as_str() {
            "crate" => path.to_vec(),
            "self" | "super" => {
                while let Some((head, tail)) =
                    rest.split_first().filter(|(h, _)| matches!(h.as_str(), "self" | "super"))
                {
                    if head == "super" {
                        base.pop();
                    }
                    rest = tail;
                }
                base.extend(rest.iter().cloned());
                base
            }
            _ => path.to_vec(),
        };
        self.named.push(Named { path: whole, line: span.start().line, exported });
    }

    fn note_use(&mut self, tree: &UseTree, before: &mut Vec<String>, exported: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.note_use(&path.tree, before, exported);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.note_use(tree, before, exported)),
            UseTree::Glob(glob) => {
                before.push("*".to_owned());
                self.note(before, glob.span(), exported);
                before.pop();
            }
            UseTree::Name(name) => self.note_leaf(&name.ident.to_string(), None, before, name.span(), exported),
            UseTree::Rename(name) => {
                let alias = name.rename.to_string();
                self.note_leaf(&name.ident.to_string(), Some(alias), before, name.span(), exported);
            }
        }
    }

    fn note_leaf(&mut self, name: &str, alias: Option<String>, before: &[String], span: Span, exported: bool) {
        let mut path = before.to_vec();
        if name != "self" || path.is_empty() {
            path.push(name.to_owned());
        }
        if alias.is_some() && matches!(path.last().map(String::as_str), Some("crate" | "super" | "self")) {
            self.hides.push((span.start().line, "renames a root of paths"));
        }
        self.note(&path, span, exported);
        let visible = alias.or_else(|| path.last().cloned());
        if let (Some(visible), Some(whole)) = (visible, self.named.last()) {
            let whole = whole.path.clone();
            // `use sqlx;` imports a name under itself and makes no alias.
            if whole.first() != Some(&visible) {
                self.aliases.insert(visible, whole);
            }
        }
    }

    /// Records paths inside a macro, where there are only tokens: each run of names with `::` between them is a path.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if let TokenTree::Group(group) = &tokens[at] {
                self.note_tokens(group.stream());
            }
            let TokenTree::Ident(first) = &tokens[at] else {
                at += 1;
                continue;
            };
            let span = first.span();
            let mut path = vec![first.to_string()];
            at += 1;
            while let [TokenTree::Punct(a), TokenTree::Punct(b), next, ..] = &tokens[at..]
                && a.as_char() == ':'
                && b.as_char() == ':'
            {
                match next {
                    TokenTree::Ident(ident) => path.push(ident.to_string()),
                    TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                        self.note_group(&path, group.stream());
                        at += 3;
                        break;
                    }
                    _ => break,
                }
                at += 3;
            }
            if path.len() > 1 {
                self.note(&path, span, false);
            }
        }
    }

    /// Records the paths of a group such as `crate::{a::B, c}` inside a macro.
    fn note_group(&mut self, before: &[String], tokens: TokenStream) {
        let mut first = true;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if first => {
                    let mut path = before.to_vec();
                    path.push(ident.to_string());
                    self.note(&path, ident.span(), false);
                    first = false;
                }
                TokenTree::Punct(punct) => first = punct.as_char() == ',',
                _ => {}
            }
        }
    }
}

/// Returns whether an item is compiled only for tests.
pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test")))
    })
}

pub fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes_of(item)) {
            visit::visit_item(self, item);
        } else if let Item::Mod(item) = item {
            self.tests.push(self.module.iter().cloned().chain([item.ident.to_string()]).collect());
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => &item.attrs[..],
            syn::ImplItem::Fn(item) => &item.attrs[..],
            syn::ImplItem::Type(item) => &item.attrs[..],
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_test(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.attrs.iter().any(|attribute| attribute.path().is_ident("path")) {
            self.hides.push((item.span().start().line, "has a #[path]"));
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.hides.push((item.span().start().line, "has an extern crate"));
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let exported = !matches!(item.vis, syn::Visibility::Inherited);
        self.note_use(&item.tree, &mut Vec::new(), exported);
    }

    // `pub(in crate::a)` restricts visibility and is no dependency.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    // Documentation, derives and this project's `#[cfg_attr]`s name no dependencies.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if !attribute.path().is_ident("doc") {
            visit::visit_attribute(self, attribute);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.note(&segments, path.span(), false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let mut segments: Vec<String> = item.path.segments.iter().map(|s| s.ident.to_string()).collect();
        if let Some(last) = segments.last_mut() {
            last.push('!');
        }
        self.note(&segments, item.path.span(), false);
        self.note_tokens(item.tokens.clone());
    }
}
