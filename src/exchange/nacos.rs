//! Exports of Nacos and r-nacos: one entry `group/dataId` for each config. The tenant is nowhere inside.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Draft, DraftBody, Drafts, ExportEntry, OriginalNames, ReadOptions, archive,
    drafts::{app_and_profile, format_by_ending, format_by_name},
};
use crate::{
    domain::{
        content::Format,
        exchange::{ExportRefusal, ImportLayout, ImportNote, ImportNotes, NoteKind, Product},
    },
    formats::{self, YamlNode},
};

/// Metadata of 1.4.6 and later.
const METADATA: &str = ".metadata.yml";
/// Metadata of earlier versions: lines `GROUP.dataId~ext.app=appName`.
const OLD_METADATA: &str = ".meta.yml";
/// Entry of an empty export of r-nacos.
const NOTHING: &str = ".ignore";
/// Group of configs without a group.
pub(super) const DEFAULT_GROUP: &str = "DEFAULT_GROUP";
/// Beginning of the data ids of encrypted configs.
const CIPHER: &str = "cipher-";
/// Namespace of configs whose data id is the name of an application.
const NAMESPACE: &str = "application";
/// Returns whether an entry has the metadata of an export.
pub(super) fn is_metadata(entry: &ExportEntry) -> bool {
    matches!(entry.file_name(), METADATA | OLD_METADATA)
}

/// Returns whether an entry says that an export of r-nacos is empty.
pub(super) fn is_empty_mark(entry: &ExportEntry) -> bool {
    entry.path == NOTHING
}

/// Metadata of a config.
#[derive(Default)]
struct Metadata {
    format: Option<String>,
    app: String,
    description: String,
    has_tags: bool,
}

/// Reads an export.
///
/// # Errors
/// [`ExportRefusal`] if it is empty, or its metadata cannot be read.
pub(super) fn read(
    mut entries: Vec<ExportEntry>,
    options: &ReadOptions,
    notes: &mut ImportNotes,
) -> Result<Drafts, ExportRefusal> {
    let is_at_root = |entry: &ExportEntry| !entry.path.contains('/');
    let is_repacked = match entries.iter().find(|entry| is_metadata(entry)) {
        Some(metadata) => !is_at_root(metadata),
        None => entries.iter().all(|entry| entry.parts().len() > 2),
    };
    if is_repacked {
        archive::without_common_folder(&mut entries, notes);
    }
    let mut drafts = Drafts::default();
    let metadata = read_metadata(&entries, &mut drafts)?;
    let mut configs = Vec::new();
    for entry in entries.iter().filter(|entry| !is_metadata(entry)) {
        match entry.path.split_once('/') {
            Some((group, id)) if !group.is_empty() && !id.is_empty() && !id.contains('/') => {
                configs.push((group, id, entry));
            }
            None if is_empty_mark(entry) => {}
            _ => drafts.notes.about(NoteKind::Entries, &entry.path),
        }
    }
    if configs.is_empty() {
        return Err(ExportRefusal::Empty);
    }
    let known = |group: &str, id: &str| metadata.get(&(group.to_owned(), id.to_owned()));
    let layout = options.layout.unwrap_or_else(|| {
        if configs.iter().any(|(group, ..)| *group != DEFAULT_GROUP) {
            ImportLayout::Groups
        } else if configs.iter().all(|(group, id, _)| known(group, id).is_some_and(|found| !found.app.is_empty())) {
            ImportLayout::AppNames
        } else {
            ImportLayout::DataIds
        }
    });
    drafts.layout = Some((layout, vec![ImportLayout::Groups, ImportLayout::DataIds, ImportLayout::AppNames]));
    let stems: BTreeSet<&str> = configs.iter().map(|(_, id, _)| stem(id)).collect();
    for (group, id, entry) in configs {
        let empty = Metadata::default();
        let found = known(group, id).unwrap_or(&empty);
        if id.starts_with(CIPHER) {
            drafts.notes.about(NoteKind::Encrypted, &entry.path);
            continue;
        }
        let original = original(layout, group, id, &found.app, &stems);
        let mut draft_notes = ImportNotes::default();
        let Ok(text) = entry.document() else {
            drafts.notes.about(NoteKind::Binary, &entry.path);
            continue;
        };
        let format = format(id, found.format.as_deref(), text, &mut draft_notes);
        draft_notes.count(NoteKind::Descriptions, usize::from(found.has_tags));
        let body = if text.is_empty() { DraftBody::Nothing } else { DraftBody::Text(text.into()) };
        drafts.configs.push(Draft {
            description: found.description.clone(),
            notes: draft_notes,
            ..Draft::new(original, &entry.path, format, body)
        });
    }
    drafts.notes.add(ImportNote::new(NoteKind::NoHistory, 1));
    Ok(drafts)
}

/// Returns the names of a config.
fn original(layout: ImportLayout, group: &str, id: &str, app: &str, stems: &BTreeSet<&str>) -> OriginalNames {
    let of_group = if group == DEFAULT_GROUP { "" } else { group };
    let (env, app, namespace) = match layout {
        ImportLayout::DataIds => {
            let (app, profile) = app_and_profile(stem(id), stems);
            (profile, app, NAMESPACE)
        }
        ImportLayout::AppNames if !app.is_empty() => ("", app, id),
        _ => ("", of_group, id),
    };
    OriginalNames { env: env.to_owned(), app: app.to_owned(), namespace: namespace.to_owned() }
}

/// Returns a data id without the ending of its format.
fn stem(id: &str) -> &str {
    match id.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() && format_by_ending(id).is_some() => stem,
        _ => id,
    }
}

/// Returns the declared format. A missing one, and `text` with the ending of another format, are decided by the ending.
fn format(id: &str, declared: Option<&str>, text: &str, notes: &mut ImportNotes) -> Format {
    let known = declared.and_then(format_by_name);
    let by_ending = format_by_ending(id);
    match (known, by_ending) {
        (Some(format), _) if format != Format::Text => format,
        (_, Some(Format::Text)) => Format::Text,
        (known, Some(by_ending)) => {
            let is_valid = formats::check(by_ending, formats::stored(by_ending, text)).is_ok() || text.is_empty();
            match known {
                // An invalid text gets its own note later.
                None => by_ending,
                Some(_) if is_valid => {
                    notes.about(NoteKind::FormatGuessed, format!("text → {by_ending}"));
                    by_ending
                }
                Some(declared) => declared,
            }
        }
        _ => Format::Text,
    }
}

type AllMetadata = BTreeMap<(String, String), Metadata>;

fn read_metadata(entries: &[ExportEntry], drafts: &mut Drafts) -> Result<AllMetadata, ExportRefusal> {
    let named = |name: &str| entries.iter().find(|entry| entry.path == name);
    if let Some(entry) = named(METADATA) {
        drafts.generation = "1.4.6 and later";
        let text = entry.text()?;
        let mistake = |invalid| ExportRefusal::Mistake { path: entry.path.clone(), invalid };
        let documents = formats::yaml_documents(text).map_err(mistake)?;
        let list = documents.first().and_then(|document| document.get("metadata"));
        return Ok(list.map(YamlNode::elements).unwrap_or_default().iter().filter_map(metadata).collect());
    }
    drafts.generation = "no metadata";
    let Some(entry) = named(OLD_METADATA) else { return Ok(AllMetadata::new()) };
    drafts.generation = "1.4.5 and earlier";
    let text = entry.text()?;
    let apps: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.trim().split_once('=')).collect();
    // A dot in a group makes a line ambiguous, so each config looks for its own line.
    let of_entry = |entry: &ExportEntry| {
        let (group, id) = entry.path.split_once('/')?;
        let id_in_line = match id.rsplit_once('.') {
            Some((stem, ending)) => format!("{stem}~{ending}"),
            None => id.to_owned(),
        };
        let app = apps.get(format!("{group}.{id_in_line}.app").as_str())?;
        Some(((group.to_owned(), id.to_owned()), Metadata { app: (*app).to_owned(), ..Metadata::default() }))
    };
    Ok(entries.iter().filter_map(of_entry).collect())
}

fn metadata(node: &YamlNode) -> Option<((String, String), Metadata)> {
    let field = |name: &str| node.get(name).and_then(YamlNode::text).unwrap_or_default().to_owned();
    let found = Metadata {
        format: Some(field("type")).filter(|format| !format.is_empty()),
        app: field("appName"),
        description: field("desc"),
        has_tags: !field("configTags").is_empty(),
    };
    Some(((field("group"), field("dataId")), found)).filter(|((group, id), _)| !group.is_empty() && !id.is_empty())
}

/// Returns the product whose export this is: r-nacos writes no metadata.
pub(super) fn product(entries: &[ExportEntry]) -> Product {
    if entries.iter().any(is_metadata) { Product::Nacos } else { Product::RNacos }
}
