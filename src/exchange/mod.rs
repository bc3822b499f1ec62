//! Exports of whole applications and environments: reading those of other products, and reading and writing our own.
//!
//! This module does no I/O: bytes go in, configs come out. Content is recognised by what is in it, never by a name.
//! Every product is one file, which makes [`Draft`]s with the product's own names. [`finish`] gives them Trimtab's names
//! and checks them.
//!
//! All readers must withstand hostile files: sizes, counts and nesting are limited, and nothing panics.

mod apollo;
mod archive;
mod consul;
mod detect;
mod dotnet;
mod drafts;
mod etcd;
mod finish;
mod kubernetes;
mod nacos;
mod names;
mod own;
mod paths;
mod plan;
mod spring;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::domain::{
    content::{Content, Format},
    exchange::{ExportRefusal, ImportLayout, ImportNotes, ImportQuestion, NoteKind, Product},
    names::{AppName, ConfigId, EnvName, NamespaceName},
};
pub use archive::{ExportEntry, ExportSource, MAX_ENTRIES, MAX_EXPORT_BYTES, is_of_system};
use drafts::{Draft, DraftBody, DraftItem, Drafts};
pub use own::{ExportedConfig, write_json, write_zip};
pub use plan::plan;

/// Answers to the questions of an export.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// The product. `None` detects it from the content.
    pub product: Option<Product>,
    /// Maximum size of all files of an archive together, in bytes. `None` is the maximum that can be read.
    pub max_unpacked: Option<usize>,
    /// The environment of configs for which the export names none.
    pub env: Option<EnvName>,
    /// The application of configs for which the export names none.
    pub app: Option<AppName>,
    /// The namespace of a single file, which names none.
    pub namespace: Option<NamespaceName>,
    /// The meaning of the names.
    pub layout: Option<ImportLayout>,
    /// Environments by their original names. `None` leaves out their configs.
    pub envs: BTreeMap<String, Option<EnvName>>,
    /// Applications by their original names. `None` leaves out their configs.
    pub apps: BTreeMap<String, Option<AppName>>,
    /// Namespaces by their original names. `None` leaves out their configs.
    pub namespaces: BTreeMap<String, Option<NamespaceName>>,
}

/// The names of a config in its product. A name that the export does not have is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct OriginalNames {
    /// The environment. A cluster of Apollo follows after a slash: `PRO/shanghai`.
    pub env: String,
    /// The application.
    pub app: String,
    /// The namespace.
    pub namespace: String,
}

/// A config that was found in an export.
#[derive(Clone, Debug)]
pub struct FoundConfig {
    /// The config to import into.
    pub config: ConfigId,
    /// Its names in the product.
    pub original: OriginalNames,
    /// Its place in the export: the path of the file, or the common part of the keys.
    pub path: String,
    /// The format of its namespace.
    pub format: Format,
    /// The content. `None` if nothing was ever saved there.
    pub content: Option<Content>,
    /// Description for a new namespace.
    pub description: String,
    /// Notes about this config.
    pub notes: ImportNotes,
}

impl FoundConfig {
    /// Returns whether keys or documents of the config are left out.
    pub fn is_incomplete(&self) -> bool {
        [NoteKind::Keys, NoteKind::Unreadable, NoteKind::Conditions, NoteKind::Encrypted, NoteKind::Binary]
            .into_iter()
            .any(|kind| self.notes.has(kind))
    }
}

/// An export that was read.
#[derive(Clone, Debug)]
pub struct ReadExport {
    /// The product.
    pub product: Product,
    /// The generation of the product's exports, such as `2.0 and later`. Empty if there is only one.
    pub generation: &'static str,
    /// The configs, sorted by name.
    pub configs: Vec<FoundConfig>,
    /// Notes about the whole export.
    pub notes: ImportNotes,
    /// Questions that the options do not answer.
    pub questions: Vec<ImportQuestion>,
}

/// Reads an export.
///
/// # Errors
/// [`ExportRefusal`] if the content is not recognised, damaged, or above the limits.
pub fn read(source: ExportSource, options: &ReadOptions) -> Result<ReadExport, ExportRefusal> {
    let mut notes = ImportNotes::default();
    let found = detect::detect(source, options, &mut notes)?;
    let drafts = match found.product {
        Product::Apollo => apollo::read(&found.entries, options)?,
        Product::Nacos | Product::RNacos => nacos::read(found.entries, options, &mut notes)?,
        Product::Trimtab => own::read(&found.entries)?,
        Product::Consul => consul::read(&found.entries, options)?,
        Product::Etcd => etcd::read(&found.entries, options)?,
        Product::Spring => spring::read(found.entries, options, &mut notes)?,
        Product::Kubernetes => kubernetes::read(&found.entries)?,
        Product::DotNet => dotnet::read(found.entries, &mut notes)?,
    };
    Ok(finish::finish(found.product, drafts, notes, options))
}
