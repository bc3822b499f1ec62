//! Exports of Apollo. The portal's version is not in them, and a `.properties` file of 2.0 and later has JSON, so the
//! content of each file decides:
//!
//! - 1.3 to 1.6: `key = value` lines without escapes, one namespace;
//! - 1.7 to 1.9: Java properties, and texts as they are, with deleted keys;
//! - 2.0 and later: a JSON array of items for every format, with metadata beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{
    Draft, DraftBody, DraftItem, Drafts, ExportEntry, OriginalNames, ReadOptions,
    archive::Charset,
    drafts::{format_by_ending, format_by_name},
};
use crate::{
    domain::{
        content::{Format, ValueType},
        exchange::{ExportRefusal, ImportNote, ImportNotes, NoteKind, Product},
    },
    formats,
};

const METADATA: &str = ".metadata";
const NAMESPACE_METADATA: &str = ".appnamespace.metadata";
const CLUSTER_METADATA: &str = ".cluster.metadata";
const APP_METADATA: &str = "app.metadata";
/// Ending that the export adds to namespaces of keys and values.
const KEYS_ENDING: &str = ".properties";
/// Cluster whose configs belong to the environment itself.
const DEFAULT_CLUSTER: &str = "default";
/// Namespace of a single file, whose name is not in it.
const DEFAULT_NAMESPACE: &str = "application";
/// Key of the one item that holds a text.
const TEXT_KEY: &str = "content";

/// An item in exports of 2.0 and later. Gson leaves out nulls.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonItem {
    key: String,
    #[serde(default)]
    r#type: i64,
    value: Option<String>,
    comment: Option<String>,
    /// 0 if the item is deleted.
    line_num: i64,
}

impl JsonItem {
    /// Returns whether the item holds the text of a namespace.
    fn is_text(&self) -> bool {
        self.key == TEXT_KEY && self.line_num > 0
    }
}

/// Metadata of a namespace.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamespaceMetadata {
    name: String,
    app_id: String,
    format: Option<String>,
    #[serde(default)]
    is_public: bool,
}

/// Returns whether a path belongs to an export of Apollo.
pub(super) fn is_path(entry: &ExportEntry) -> bool {
    let name = entry.file_name();
    name.ends_with(NAMESPACE_METADATA)
        || name == APP_METADATA
        || (entry.path.contains('/') && file_names(name).is_some())
}

/// Returns whether a text is a file of 2.0 or later.
pub(super) fn is_items(text: &str) -> bool {
    parse_items(text).is_some_and(|items| !items.is_empty())
}

fn parse_items(text: &str) -> Option<Vec<JsonItem>> {
    if text.trim_start().starts_with('[') { serde_json::from_str(text).ok() } else { None }
}

/// Returns the items of a file that are not deleted.
fn live_items(text: &str) -> Vec<JsonItem> {
    parse_items(text).unwrap_or_default().into_iter().filter(|item| item.line_num > 0).collect()
}

/// Splits the name of a file into application, cluster and namespace with its ending.
fn file_names(name: &str) -> Option<[&str; 3]> {
    let mut parts = name.split('+');
    let names = [parts.next()?, parts.next()?, parts.next()?];
    (parts.next().is_none() && names.iter().all(|name| !name.is_empty())).then_some(names)
}

/// Reads an export.
///
/// # Errors
/// [`ExportRefusal::NotOf`] if no file is in a form of Apollo.
pub(super) fn read(entries: &[ExportEntry], options: &ReadOptions) -> Result<Drafts, ExportRefusal> {
    let mut export = Export::default();
    match entries {
        [single] if single.path.is_empty() => export.single(single, options)?,
        _ => {
            // Entries are in random order, and metadata decide the formats of files.
            let (metadata, files): (Vec<_>, Vec<_>) =
                entries.iter().partition(|entry| entry.file_name().ends_with(METADATA));
            metadata.into_iter().for_each(|entry| export.metadata(entry));
            files.into_iter().for_each(|entry| export.file(entry));
        }
    }
    if export.drafts.configs.is_empty() {
        return Err(ExportRefusal::NotOf { product: Product::Apollo });
    }
    export.drop_equal_clusters();
    export.note_public_namespaces();
    export.note_missing();
    let mut drafts = export.drafts;
    drafts.generation = match (export.has_metadata, export.has_json) {
        (true, _) => "2.0 and later",
        (false, true) => "2.0 and later, one application or namespace",
        (false, false) => "1.3 to 1.9",
    };
    drafts.ignores_case = true;
    drafts.notes.add(ImportNote::new(NoteKind::EditingState, 1));
    Ok(drafts)
}

#[derive(Default)]
struct Export {
    drafts: Drafts,
    /// Formats of namespaces with metadata, by application and name.
    formats: BTreeMap<(String, String), Option<String>>,
    /// Public namespaces by name: their applications and formats.
    public: BTreeMap<String, (String, Option<String>)>,
    /// Environments and clusters with metadata: application, environment, cluster.
    clusters: BTreeSet<(String, String, String)>,
    /// Clusters that are left out, because they equal the default cluster: application, `ENV/cluster`.
    equal: BTreeSet<(String, String)>,
    has_metadata: bool,
    has_json: bool,
}

/// Place of a file in the export.
struct Place<'e> {
    app: &'e str,
    env: &'e str,
    cluster: &'e str,
    file: &'e str,
}

impl Export {
    fn single(&mut self, entry: &ExportEntry, options: &ReadOptions) -> Result<(), ExportRefusal> {
        let mut notes = ImportNotes::default();
        let text = entry.text_or(Charset::Gb18030, &mut notes)?;
        let name = options.namespace.as_ref().map_or(DEFAULT_NAMESPACE, |name| name.as_str());
        let is_text = matches!(live_items(&text)[..], [ref item] if item.is_text());
        let format = match format_by_ending(name) {
            Some(Format::Properties) | None if !is_text => Format::Kv,
            format => format.unwrap_or(Format::Text),
        };
        let Some(body) = self.body(&text, format, &mut notes) else { return Ok(()) };
        let original = OriginalNames { namespace: name.to_owned(), ..OriginalNames::default() };
        self.drafts.configs.push(Draft { notes, ..Draft::new(original, name, format, body) });
        Ok(())
    }

    fn metadata(&mut self, entry: &ExportEntry) {
        let name = entry.file_name();
        self.has_metadata = true;
        if name.ends_with(NAMESPACE_METADATA) {
            let text = entry.text_or(Charset::Gb18030, &mut self.drafts.notes).unwrap_or_default();
            match serde_json::from_str::<NamespaceMetadata>(&text) {
                Ok(read) => {
                    if read.is_public {
                        self.public.insert(read.name.clone(), (read.app_id.clone(), read.format.clone()));
                    }
                    self.formats.insert((read.app_id, read.name), read.format);
                }
                Err(_) => self.drafts.notes.about(NoteKind::Unreadable, &entry.path),
            }
        } else if let (Some(cluster), [.., app, env, _]) = (name.strip_suffix(CLUSTER_METADATA), &entry.parts()[..]) {
            self.clusters.insert(((*app).to_owned(), (*env).to_owned(), cluster.to_owned()));
        } else if name != APP_METADATA {
            self.drafts.notes.about(NoteKind::Entries, &entry.path);
        }
    }

    fn file(&mut self, entry: &ExportEntry) {
        match (file_names(entry.file_name()), &entry.parts()[..]) {
            (Some([app, cluster, file]), [.., folder, env, _]) if app == *folder => {
                self.config(entry, &Place { app, env, cluster, file });
            }
            _ => self.drafts.notes.about(NoteKind::Entries, &entry.path),
        }
    }

    fn config(&mut self, entry: &ExportEntry, place: &Place) {
        let mut notes = ImportNotes::default();
        let Ok(text) = entry.text_or(Charset::Gb18030, &mut notes) else {
            return self.drafts.notes.about(NoteKind::Binary, &entry.path);
        };
        let (namespace, format) = self.namespace(place);
        let Some(body) = self.body(&text, format, &mut notes) else {
            return self.drafts.notes.about(NoteKind::Unreadable, &entry.path);
        };
        let is_default = place.cluster == DEFAULT_CLUSTER;
        let env = env_name(place.env);
        let original = OriginalNames {
            env: if is_default { place.env.to_owned() } else { format!("{}/{}", place.env, place.cluster) },
            app: place.app.to_owned(),
            namespace,
        };
        let spelling = if is_default { env } else { format!("{env}-{}", place.cluster) };
        self.drafts.configs.push(Draft {
            env_spelling: Some(spelling),
            notes,
            ..Draft::new(original, &entry.path, format, body)
        });
    }

    /// Returns name and format of a file's namespace. The metadata decide: a namespace of keys may be called `notes.txt`.
    fn namespace(&self, place: &Place) -> (String, Format) {
        let declared = |name: &str| {
            let own = self.formats.get(&(place.app.to_owned(), name.to_owned()));
            own.or_else(|| self.public.get(name).map(|(_, format)| format))?.as_deref()
        };
        if let Some(stem) = place.file.strip_suffix(KEYS_ENDING)
            && declared(stem).is_none_or(|format| format == "properties")
        {
            return (stem.to_owned(), Format::Kv);
        }
        let format = match declared(place.file) {
            Some("properties") => Some(Format::Kv),
            Some(declared) => format_by_name(declared),
            None => format_by_ending(place.file),
        };
        (place.file.to_owned(), format.unwrap_or(Format::Text))
    }

    /// Returns the content of a file, or `None` if it has items for a text namespace, and none of them holds the text.
    fn body(&mut self, text: &str, format: Format, notes: &mut ImportNotes) -> Option<DraftBody> {
        let items = parse_items(text);
        self.has_json |= items.is_some();
        Some(match (items, format) {
            (Some(items), Format::Kv) => DraftBody::Items(json_items(items, notes)),
            (Some(items), _) if !items.is_empty() => {
                let text = items.into_iter().find(JsonItem::is_text)?;
                DraftBody::Text(text.value.unwrap_or_default().into())
            }
            (None, Format::Kv) => DraftBody::Items(lines(text, notes)),
            _ if text.is_empty() => DraftBody::Nothing,
            _ => DraftBody::Text(text.into()),
        })
    }

    /// Leaves out clusters of which every config equals that of the default one. Of other clusters all configs stay,
    /// because an environment of Trimtab takes nothing from another one.
    fn drop_equal_clusters(&mut self) {
        let (mut others, mut defaults): (Vec<Draft>, Vec<Draft>) =
            std::mem::take(&mut self.drafts.configs).into_iter().partition(|draft| draft.original.env.contains('/'));
        let by_name: BTreeMap<_, &Draft> = defaults.iter().map(|draft| (&draft.original, draft)).collect();
        let cluster = |draft: &Draft| (draft.original.app.clone(), draft.original.env.clone());
        let differs = |other: &&Draft| {
            let env = other.original.env.split('/').next().unwrap_or_default().to_owned();
            let same = by_name.get(&OriginalNames { env, ..other.original.clone() });
            same.is_none_or(|same| same.format != other.format || same.body != other.body)
        };
        let differing: BTreeSet<_> = others.iter().filter(differs).map(cluster).collect();
        others.retain(|other| {
            let is_kept = differing.contains(&cluster(other));
            if !is_kept {
                self.drafts.notes.about(NoteKind::SameCluster, &other.path);
                self.equal.insert(cluster(other));
            }
            is_kept
        });
        defaults.append(&mut others);
        self.drafts.configs = defaults;
    }

    fn note_public_namespaces(&mut self) {
        let names = self.drafts.configs.iter().map(|draft| (&*draft.original.app, &*draft.original.namespace));
        for (app, name) in names.collect::<BTreeSet<(&str, &str)>>() {
            if let Some((owner, _)) = self.public.get(name).filter(|(owner, _)| owner != app) {
                self.drafts.notes.about(NoteKind::PublicNamespace, format!("{owner}/{name}: {app}"));
            }
        }
    }

    /// Notes clusters and namespaces with metadata but without a file: the portal drops what fails, and only logs it.
    fn note_missing(&mut self) {
        let originals = self.drafts.configs.iter().map(|draft| &draft.original);
        let envs: BTreeSet<(&str, &str)> = originals.clone().map(|original| (&*original.app, &*original.env)).collect();
        let namespaces: BTreeSet<(&str, &str)> =
            originals.map(|original| (&*original.app, &*original.namespace)).collect();
        let apps: BTreeSet<&str> = namespaces.iter().map(|(app, _)| *app).collect();
        let mut missing = Vec::new();
        for (app, env, cluster) in &self.clusters {
            let name = if cluster == DEFAULT_CLUSTER { env.clone() } else { format!("{env}/{cluster}") };
            if !envs.contains(&(app, &name)) && !self.equal.contains(&(app.clone(), name)) {
                missing.push(format!("{app}/{env}/{cluster}"));
            }
        }
        // The metadata name the namespaces of all applications, also of those that the exporter does not see.
        for (app, name) in self.formats.keys().filter(|(app, _)| apps.contains(app.as_str())) {
            if !namespaces.contains(&(app, name)) {
                missing.push(format!("{app}/{name}"));
            }
        }
        missing.into_iter().for_each(|name| self.drafts.notes.about(NoteKind::MayBeMissing, name));
    }
}

/// Returns the usual name of an environment. Apollo itself takes `PROD` for `PRO` and `FWS` for `FAT`.
fn env_name(env: &str) -> String {
    match env.to_ascii_uppercase().as_str() {
        "PRO" | "PROD" => "prod".to_owned(),
        "FWS" => "fat".to_owned(),
        _ => env.to_owned(),
    }
}

/// Converts items of 2.0 and later. A line of comment goes in front of the comment of the key below it.
fn json_items(items: Vec<JsonItem>, notes: &mut ImportNotes) -> Vec<DraftItem> {
    let mut found = Vec::new();
    let mut above: Vec<String> = Vec::new();
    for item in items {
        let comment = item.comment.unwrap_or_default();
        if item.key.is_empty() {
            // A blank line separates the comments above it from the keys below it.
            if comment.trim().is_empty() {
                notes.count(NoteKind::LooseLines, above.len() + 1);
                above.clear();
            } else {
                above.push(comment.trim().to_owned());
            }
        } else if item.line_num == 0 {
            notes.about(NoteKind::DeletedKeys, item.key);
        } else {
            above.extend((!comment.is_empty()).then_some(comment));
            let kind = match item.r#type {
                1 => ValueType::Number,
                2 => ValueType::Boolean,
                3 => ValueType::Json,
                _ => ValueType::String,
            };
            let comment = std::mem::take(&mut above).join(" / ");
            found.push(DraftItem { key: item.key, value: item.value.unwrap_or_default().into(), kind, comment });
        }
    }
    notes.count(NoteKind::LooseLines, above.len());
    found
}

/// Reads keys and values of 1.3 to 1.9. The older ones put blanks around the `=` and escape nothing.
fn lines(text: &str, notes: &mut ImportNotes) -> Vec<DraftItem> {
    let is_unescaped = |line: &str| {
        line.trim().is_empty()
            || line
                .split_once('=')
                .is_some_and(|(key, value)| key.ends_with(' ') && (value.is_empty() || value.starts_with(' ')))
    };
    let entries: Vec<(String, String)> = if text.lines().all(is_unescaped) {
        let entries = text.lines().map(|line| line.split_once('=').unwrap_or_default());
        entries
            .map(|(key, value)| (key.trim_end().to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()))
            .collect()
    } else {
        match formats::properties_entries(text) {
            Ok(entries) => entries.into_iter().map(|entry| (entry.key, entry.value)).collect(),
            Err(_) => text
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        }
    };
    let (items, loose): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| !key.is_empty());
    notes.count(NoteKind::LooseLines, loose.len());
    items.into_iter().map(|(key, value)| DraftItem::string(key, value)).collect()
}
