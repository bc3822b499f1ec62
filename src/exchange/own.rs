//! Trimtab's own export of an application or an environment, which is read back without loss: one JSON, or a zip of
//! files with a manifest.
//!
//! The JSON is `{"trimtab": 1, "configs": [{"env", "app", "namespace", "format", "description", "items" | "text"}]}`. A
//! config without a release has neither items nor text. In a zip this is `trimtab.json`, and each config has `file` and
//! `sha256` in place of its content: `texts/…` has a text as it is, `items/…` a JSON array of items.

use std::{
    collections::BTreeMap,
    io::{Cursor, Write},
};

use serde::{Deserialize, Serialize};
use zip::{ZipWriter, result::ZipResult, write::SimpleFileOptions};

use super::{Draft, DraftBody, DraftItem, Drafts, ExportEntry, OriginalNames, archive::OWN_MANIFEST};
use crate::domain::{
    content::{Content, Format, ValueType, sha256},
    exchange::ExportRefusal,
    json::unreadable,
    names::ConfigId,
    sensitive::{self, Sensitive},
};

/// Version of the form.
const VERSION: u64 = 1;
/// Key with the version, which no other product's JSON has.
pub(super) const VERSION_KEY: &str = "trimtab";

/// A config to be exported.
#[derive(Clone, Debug)]
pub struct ExportedConfig {
    /// The config.
    pub config: ConfigId,
    /// The format of its namespace.
    pub format: Format,
    /// The description of its namespace.
    pub description: String,
    /// The live content. `None` before the first release.
    pub content: Option<Content>,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    trimtab: u64,
    configs: Vec<ManifestConfig>,
}

/// The version alone, because later versions may have other fields.
#[derive(Deserialize)]
struct ManifestVersion {
    trimtab: u64,
}

#[derive(Serialize, Deserialize)]
struct ManifestConfig {
    env: String,
    app: String,
    namespace: String,
    format: Format,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    items: Option<Vec<ManifestItem>>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "sensitive::plain::optional")]
    text: Option<Sensitive>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ManifestItem {
    key: String,
    #[serde(with = "sensitive::plain")]
    value: Sensitive,
    #[serde(rename = "type", default)]
    kind: ValueType,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    comment: String,
}

/// Returns whether an entry is the manifest of an export.
pub(super) fn is_manifest(entry: &ExportEntry) -> bool {
    entry.path == OWN_MANIFEST
}

impl ManifestConfig {
    fn new(exported: &ExportedConfig) -> Self {
        let ConfigId { env, app, namespace } = &exported.config;
        let (items, text) = match &exported.content {
            None => (None, None),
            Some(Content::Text(text)) => (None, Some(text.expose().into())),
            Some(Content::Kv(items)) => {
                let item = |(key, item): (&String, &crate::domain::content::Item)| ManifestItem {
                    key: key.clone(),
                    value: item.value.clone(),
                    kind: item.kind,
                    comment: item.comment.clone(),
                };
                (Some(items.iter().map(item).collect()), None)
            }
        };
        Self {
            env: env.to_string(),
            app: app.to_string(),
            namespace: namespace.to_string(),
            format: exported.format,
            description: exported.description.clone(),
            items,
            text,
            file: None,
            sha256: None,
        }
    }
}

/// Writes configs as one JSON.
pub fn write_json(configs: &[ExportedConfig]) -> String {
    let manifest = Manifest { trimtab: VERSION, configs: configs.iter().map(ManifestConfig::new).collect() };
    json(&manifest)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("names, items and texts are JSON") + "\n"
}

/// Writes configs as a zip archive. The same configs always give the same bytes.
pub fn write_zip(configs: &[ExportedConfig]) -> Vec<u8> {
    // Writing to memory cannot fail, and no name is there twice.
    zipped(configs).expect("a zip archive in memory")
}

fn zipped(configs: &[ExportedConfig]) -> ZipResult<Vec<u8>> {
    let mut files = Vec::new();
    let mut manifest = Manifest { trimtab: VERSION, configs: Vec::new() };
    for exported in configs {
        let mut config = ManifestConfig::new(exported);
        let content = match (config.items.take(), config.text.take()) {
            (Some(items), _) => Some((format!("items/{}.json", exported.config), json(&items))),
            (_, Some(text)) => Some((format!("texts/{}", exported.config), text.into_inner())),
            _ => None,
        };
        if let Some((path, content)) = content {
            config.sha256 = Some(sha256(content.as_bytes()));
            config.file = Some(path.clone());
            files.push((path, content));
        }
        manifest.configs.push(config);
    }
    files.insert(0, (OWN_MANIFEST.to_owned(), json(&manifest)));
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        writer.start_file(path, SimpleFileOptions::default())?;
        writer.write_all(content.as_bytes())?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Reads an export.
///
/// # Errors
/// [`ExportRefusal::Mistake`] with the position, [`ExportRefusal::Version`], and [`ExportRefusal::Manifest`] for a file that is
/// missing or changed.
pub(super) fn read(entries: &[ExportEntry]) -> Result<Drafts, ExportRefusal> {
    let mut drafts = Drafts::default();
    let manifest = entries.iter().find(|entry| entry.path.is_empty() || is_manifest(entry));
    let manifest = manifest.ok_or_else(|| ExportRefusal::Manifest { path: OWN_MANIFEST.to_owned() })?;
    let text = manifest.text()?;
    let ManifestVersion { trimtab } = parse(&manifest.path, text)?;
    if trimtab != VERSION {
        return Err(ExportRefusal::Version { version: trimtab });
    }
    let Manifest { configs, .. } = parse(&manifest.path, text)?;
    let by_path: BTreeMap<&str, &ExportEntry> = entries.iter().map(|entry| (&*entry.path, entry)).collect();
    for config in configs {
        let path = config.file.clone().unwrap_or_else(|| format!("{}/{}/{}", config.env, config.app, config.namespace));
        let body = match (config.items, config.text, config.file) {
            (Some(items), ..) => body(items),
            (_, Some(text), _) => DraftBody::Text(text),
            (_, _, Some(file)) => {
                let changed = || ExportRefusal::Manifest { path: file.clone() };
                let entry = by_path.get(file.as_str()).ok_or_else(changed)?;
                if config.sha256.is_some_and(|expected| expected != sha256(&entry.bytes)) {
                    return Err(changed());
                }
                match config.format {
                    Format::Kv => body(parse(&entry.path, entry.text()?)?),
                    _ => DraftBody::Text(entry.document()?.into()),
                }
            }
            _ => DraftBody::Nothing,
        };
        let original = OriginalNames { env: config.env, app: config.app, namespace: config.namespace };
        let draft = Draft::new(original, path, config.format, body);
        drafts.configs.push(Draft { description: config.description, ..draft });
    }
    if drafts.configs.is_empty() { Err(ExportRefusal::Empty) } else { Ok(drafts) }
}

fn body(items: Vec<ManifestItem>) -> DraftBody {
    let item = |ManifestItem { key, value, kind, comment }| DraftItem { key, value, kind, comment };
    DraftBody::Items(items.into_iter().map(item).collect())
}

fn parse<T: for<'de> Deserialize<'de>>(path: &str, text: &str) -> Result<T, ExportRefusal> {
    serde_json::from_str(text)
        .map_err(|error| ExportRefusal::Mistake { path: path.to_owned(), invalid: unreadable(text, &error) })
}
