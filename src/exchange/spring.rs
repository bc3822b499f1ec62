//! A folder of Spring Cloud Config. The server of Spring merges files, Trimtab has no layers, so by default each
//! application gets one document for each environment. From lowest to highest, as Spring Boot 2.4 and later order them:
//! `application`, `{app}`, `application-{profile}`, `{app}-{profile}`. Later documents of a file win, and `.properties` wins over
//! YAML beside it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Draft, DraftBody, Drafts, ExportEntry, OriginalNames, ReadOptions,
    archive::{self, Charset},
    drafts::{app_and_profile, format_by_ending},
};
use crate::{
    domain::{
        content::{Format, Items},
        exchange::{ExportRefusal, ImportLayout, ImportNotes, NoteKind, Product},
    },
    formats::{self, ItemFormat, Typing},
};

/// Name of the files for all applications.
const SHARED: &str = "application";
/// Namespace that Spring's clients read.
const NAMESPACE: &str = "application";
/// Keys with the condition of a document, in lower case and without dashes.
const CONDITIONS: [&str; 2] = ["spring.config.activate.onprofile", "spring.profiles"];
/// Maximum number of merged documents.
const MAX_MERGED: usize = 5_000;
/// Maximum size of all merged documents, in bytes.
const MAX_MERGED_BYTES: usize = 128 * 1024 * 1024;
/// Beginning of a value that only the server can decrypt.
const CIPHER: &str = "{cipher}";

/// Returns whether an entry is a file for all applications.
pub(super) fn is_shared_file(entry: &ExportEntry) -> bool {
    stem(entry).is_some_and(|stem| stem == SHARED || stem.starts_with("application-"))
}

/// Returns the name of a configuration file without its ending.
fn stem(entry: &ExportEntry) -> Option<&str> {
    let (stem, _) = entry.file_name().rsplit_once('.')?;
    let is_known = matches!(format_by_ending(entry.file_name()), Some(Format::Yaml | Format::Properties));
    (is_known && !stem.is_empty()).then_some(stem)
}

/// Reads a folder.
///
/// # Errors
/// [`ExportRefusal::NotOf`] if it has no YAML and properties files.
pub(super) fn read(
    mut entries: Vec<ExportEntry>,
    options: &ReadOptions,
    notes: &mut ImportNotes,
) -> Result<Drafts, ExportRefusal> {
    archive::without_common_folder(&mut entries, notes);
    let mut drafts = Drafts::default();
    let is_config =
        |entry: &&ExportEntry| !entry.path.contains('/') && (stem(entry).is_some() || entry.path.is_empty());
    let (mut files, others): (Vec<&ExportEntry>, Vec<&ExportEntry>) = entries.iter().partition(is_config);
    others.iter().for_each(|other| drafts.notes.about(NoteKind::Entries, &other.path));
    if files.is_empty() {
        return Err(ExportRefusal::NotOf { product: Product::Spring });
    }
    // Properties are after YAML, because they win.
    files.sort_by_key(|entry| (format_by_ending(&entry.path) == Some(Format::Properties), &entry.path));
    let stems: BTreeSet<&str> = files.iter().map(|entry| stem(entry).unwrap_or(SHARED)).chain([SHARED]).collect();
    let names: Vec<(&str, &str)> =
        files.iter().map(|entry| app_and_profile(stem(entry).unwrap_or(SHARED), &stems)).collect();
    let layout = options.layout.unwrap_or(ImportLayout::Merged);
    drafts.layout = Some((layout, vec![ImportLayout::Merged, ImportLayout::AsIs]));
    if layout == ImportLayout::AsIs {
        for (entry, (app, profile)) in files.iter().zip(names) {
            let mut notes = ImportNotes::default();
            let text = text(entry, &mut notes)?;
            let format = format_by_ending(&entry.path).unwrap_or(Format::Yaml);
            let original = original(profile, app);
            let draft = Draft::new(original, &entry.path, format, DraftBody::Text(text.as_ref().into()));
            drafts.configs.push(Draft { notes, ..draft });
        }
        return Ok(drafts);
    }
    let mut layers = Vec::new();
    for (entry, (app, profile)) in files.iter().zip(names) {
        let text = text(entry, &mut drafts.notes)?;
        let documents = documents(entry, &text, &mut drafts.notes);
        layers.push(Layer { app, profile, path: &entry.path, documents });
    }
    merge(&layers, &mut drafts)?;
    Ok(drafts)
}

/// Returns the text of a file. Spring reads `.properties` as ISO-8859-1.
fn text<'e>(entry: &'e ExportEntry, notes: &mut ImportNotes) -> Result<Cow<'e, str>, ExportRefusal> {
    match format_by_ending(&entry.path) {
        Some(Format::Properties) => entry.text_or(Charset::Latin1, notes),
        _ => entry.text().map(Cow::Borrowed),
    }
}

fn original(profile: &str, app: &str) -> OriginalNames {
    OriginalNames { env: profile.to_owned(), app: app.to_owned(), namespace: NAMESPACE.to_owned() }
}

/// A file.
struct Layer<'e> {
    app: &'e str,
    profile: &'e str,
    path: &'e str,
    documents: Vec<Document>,
}

/// A document of a file.
struct Document {
    items: Items,
    condition: Condition,
}

/// Profiles for which a document applies.
enum Condition {
    Always,
    /// Any of these. One that begins with `!` is any other.
    Any(Vec<String>),
}

impl Condition {
    fn holds(&self, profile: &str) -> bool {
        match self {
            Self::Always => true,
            Self::Any(wanted) => wanted.iter().any(|wanted| match wanted.strip_prefix('!') {
                Some(other) => other.trim() != profile,
                None => wanted == profile,
            }),
        }
    }
}

/// Parses the documents of a file. One that cannot be parsed, or is for an expression of profiles, is left out with a
/// note.
fn documents(entry: &ExportEntry, text: &str, notes: &mut ImportNotes) -> Vec<Document> {
    let (source, separators): (_, &[&str]) = match format_by_ending(&entry.path) {
        Some(Format::Properties) => (ItemFormat::Properties, &["#---", "!---"]),
        _ => (ItemFormat::Yaml, &["---"]),
    };
    let mut parts = vec![String::new()];
    for line in text.split_inclusive('\n') {
        let is_separator = separators.iter().any(|separator| {
            line.strip_prefix(separator).is_some_and(|rest| rest.trim().is_empty() || rest.trim().starts_with('#'))
        });
        match parts.last_mut() {
            Some(last) if !is_separator => last.push_str(line),
            _ => parts.push(String::new()),
        }
    }
    let mut found = Vec::new();
    let mut line = 0;
    for part in parts {
        match formats::read(source, &part, Typing::Keep) {
            Ok(items) => found.extend(document(items, &entry.path, notes)),
            Err(wrong) => {
                let at = wrong.first().and_then(|invalid| invalid.line).map_or(line, |at| line + at as usize);
                notes.about(NoteKind::Unreadable, format!("{}:{at}", entry.path));
            }
        }
        line += part.lines().count() + 1;
    }
    found
}

fn document(mut items: Items, path: &str, notes: &mut ImportNotes) -> Option<Document> {
    let is_condition = |key: &str| CONDITIONS.contains(&key.replace('-', "").to_ascii_lowercase().as_str());
    let mut condition = Condition::Always;
    let found: Vec<String> = items.keys().filter(|key| is_condition(key)).cloned().collect();
    for key in found {
        let Some(item) = items.shift_remove(&key) else { continue };
        let listed: Option<Vec<String>> = serde_json::from_str(item.value.expose()).ok();
        let all = listed.unwrap_or_else(|| item.value.expose().split(',').map(|name| name.trim().to_owned()).collect());
        if all.iter().any(|name| name.contains(['&', '|', '('])) {
            notes.about(NoteKind::ProfileExpressions, format!("{path}: {}", all.join(", ")));
            return None;
        }
        condition = Condition::Any(all);
    }
    items.retain(|key, item| {
        let is_cipher = item.value.expose().contains(CIPHER);
        if is_cipher {
            notes.about(NoteKind::Encrypted, format!("{path}: {key}"));
        }
        !is_cipher
    });
    Some(Document { items, condition })
}

/// Makes one document for each application and environment.
///
/// # Errors
/// [`ExportRefusal::Expands`] if these are far more than the files.
fn merge(layers: &[Layer], drafts: &mut Drafts) -> Result<(), ExportRefusal> {
    let in_conditions =
        layers.iter().flat_map(|layer| &layer.documents).filter_map(|document| match &document.condition {
            Condition::Any(names) => Some(names),
            Condition::Always => None,
        });
    let in_conditions = in_conditions.flatten().map(|name| name.trim_start_matches('!').trim());
    let profiles = layers.iter().map(|layer| layer.profile).chain(in_conditions);
    let mut profiles: BTreeSet<&str> = profiles.filter(|profile| !profile.is_empty()).collect();
    if profiles.is_empty() {
        profiles.insert("");
    }
    let mut apps: BTreeSet<&str> = layers.iter().map(|layer| layer.app).filter(|app| *app != SHARED).collect();
    if apps.is_empty() {
        apps.insert(SHARED);
    }
    if apps.len() * profiles.len() > MAX_MERGED {
        return Err(ExportRefusal::Expands);
    }
    let mut by_name: BTreeMap<(&str, &str), Vec<&Layer>> = BTreeMap::new();
    for layer in layers {
        by_name.entry((layer.app, layer.profile)).or_default().push(layer);
    }
    let mut bytes = 0;
    for app in apps {
        for profile in &profiles {
            let mut merged = Merged::default();
            let mut add = |of: &str, of_profile: &str| {
                for layer in by_name.get(&(of, of_profile)).into_iter().flatten() {
                    merged.add(layer, profile);
                }
            };
            let own: &[&str] = if app == SHARED { &[SHARED] } else { &[SHARED, app] };
            own.iter().for_each(|of| add(of, ""));
            if !profile.is_empty() {
                own.iter().for_each(|of| add(of, profile));
            }
            bytes += merged.items.iter().map(|(key, item)| key.len() + item.value.expose().len()).sum::<usize>();
            if bytes > MAX_MERGED_BYTES {
                return Err(ExportRefusal::Expands);
            }
            drafts.configs.extend(merged.draft(app, profile));
        }
    }
    Ok(())
}

/// The merged documents of an application in an environment.
#[derive(Default)]
struct Merged<'e> {
    items: Items,
    /// The file that each key comes from.
    origins: BTreeMap<String, &'e str>,
    files: BTreeSet<&'e str>,
    notes: ImportNotes,
}

impl<'e> Merged<'e> {
    fn add(&mut self, layer: &Layer<'e>, profile: &str) {
        for document in layer.documents.iter().filter(|document| document.condition.holds(profile)) {
            self.files.insert(layer.path);
            for (key, item) in &document.items {
                let beside = layer.path.strip_suffix(".properties").zip(self.origins.get(key));
                if beside.is_some_and(|(stem, origin)| {
                    origin.strip_prefix(stem).is_some_and(|ending| matches!(ending, ".yml" | ".yaml"))
                }) {
                    self.notes.about(NoteKind::PropertiesFirst, key);
                }
                self.items.insert(key.clone(), item.clone());
                self.origins.insert(key.clone(), layer.path);
            }
        }
    }

    fn draft(self, app: &str, profile: &str) -> Option<Draft> {
        let Self { items, files, mut notes, .. } = self;
        if files.len() > 1 {
            notes.count(NoteKind::FilesMerged, files.len());
        }
        let path = files.iter().copied().collect::<Vec<_>>().join(" + ");
        let path = if profile.is_empty() { path } else { format!("{path} ({profile})") };
        let body = match formats::write(ItemFormat::Yaml, &items) {
            _ if items.is_empty() => DraftBody::Nothing,
            Ok(text) => DraftBody::Text(text.into()),
            Err(_) => return None,
        };
        (!files.is_empty()).then(|| Draft { notes, ..Draft::new(original(profile, app), path, Format::Yaml, body) })
    }
}
