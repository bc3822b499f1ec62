//! Configs as the readers of the products find them: with the product's names, and unchecked.

use std::collections::BTreeSet;

use super::OriginalNames;
use crate::domain::{
    content::{Format, ValueType},
    exchange::{ExportRefusal, ImportLayout, ImportNotes},
    sensitive::Sensitive,
};

/// Profiles that are common as the last part of a data id.
const PROFILES: [&str; 14] = [
    "dev",
    "develop",
    "development",
    "test",
    "testing",
    "sit",
    "uat",
    "fat",
    "stage",
    "staging",
    "pre",
    "gray",
    "prod",
    "production",
];

/// Maximum size of all configs that are merged of files, in bytes.
const MAX_MERGED_BYTES: usize = 128 * 1024 * 1024;
/// Maximum number of dashes at which a name is split.
const MAX_PROFILE_DASHES: usize = 8;

/// The result of a reader.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub generation: &'static str,
    pub configs: Vec<Draft>,
    pub notes: ImportNotes,
    /// The layout that was used, and all that are possible.
    pub layout: Option<(ImportLayout, Vec<ImportLayout>)>,
    /// Whether the configuration without an environment is left out, because no answer names one.
    pub leaves_out_base: bool,
    /// Whether names that differ only in case are equal for clients of the product.
    pub ignores_case: bool,
}

/// A config, unchecked.
#[derive(Debug)]
pub(super) struct Draft {
    pub original: OriginalNames,
    /// Another spelling of the environment that its name is made from: `prod-shanghai` for `PRO/shanghai`.
    pub env_spelling: Option<String>,
    pub path: String,
    pub format: Format,
    pub body: DraftBody,
    pub description: String,
    pub notes: ImportNotes,
}

impl Draft {
    pub fn new(original: OriginalNames, path: impl Into<String>, format: Format, body: DraftBody) -> Self {
        Self {
            original,
            env_spelling: None,
            path: path.into(),
            format,
            body,
            description: String::new(),
            notes: ImportNotes::default(),
        }
    }
}

/// The content of a draft.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DraftBody {
    /// Items, in order. A key can be there several times.
    Items(Vec<DraftItem>),
    /// A text.
    Text(Sensitive),
    /// Nothing was ever saved.
    Nothing,
}

/// An item, unchecked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DraftItem {
    pub key: String,
    pub value: Sensitive,
    pub kind: ValueType,
    pub comment: String,
}

impl DraftItem {
    /// Returns a string item without a comment.
    pub fn string(key: impl Into<String>, value: impl Into<Sensitive>) -> Self {
        Self { key: key.into(), value: value.into(), kind: ValueType::String, comment: String::new() }
    }
}

/// Memory for configs that are merged of files. Each file may be in many of them.
#[derive(Debug)]
pub(super) struct MergeBudget(usize);

impl Default for MergeBudget {
    fn default() -> Self {
        Self(MAX_MERGED_BYTES)
    }
}

impl MergeBudget {
    /// Takes an item out of the budget.
    ///
    /// # Errors
    /// [`ExportRefusal::Expands`] if it is used up.
    pub fn take(&mut self, key: &str, value: &Sensitive) -> Result<(), ExportRefusal> {
        let bytes = key.len() + value.expose().len() + size_of::<DraftItem>();
        self.0 = self.0.checked_sub(bytes).ok_or(ExportRefusal::Expands)?;
        Ok(())
    }
}

/// Returns the format that the ending of a name says.
pub(super) fn format_by_ending(name: &str) -> Option<Format> {
    let (_, ending) = name.rsplit_once('.')?;
    format_by_name(ending)
}

/// Returns the format with a name or an alias of another product.
pub(super) fn format_by_name(name: &str) -> Option<Format> {
    Some(match name.to_ascii_lowercase().as_str() {
        "properties" => Format::Properties,
        "json" => Format::Json,
        "yml" | "yaml" => Format::Yaml,
        "toml" => Format::Toml,
        "xml" => Format::Xml,
        "txt" | "text" | "html" | "htm" => Format::Text,
        _ => return None,
    })
}

/// Splits `cart-prod` into application and profile, if `cart` is one of the names, too, or `prod` is a common profile.
pub(super) fn app_and_profile<'n>(name: &'n str, names: &BTreeSet<&str>) -> (&'n str, &'n str) {
    let splits = || name.rmatch_indices('-').take(MAX_PROFILE_DASHES).map(|(at, _)| (&name[..at], &name[at + 1..]));
    let is_profile = |(app, profile): &(&str, &str)| {
        !app.is_empty() && !profile.is_empty() && (names.contains(app) || PROFILES.contains(&&*profile.to_lowercase()))
    };
    splits().find(is_profile).unwrap_or((name, ""))
}
