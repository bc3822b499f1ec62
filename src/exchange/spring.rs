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
    drafts::{MergeBudget, app_and_profile, format_by_ending},
    names,
};
use crate::{
    domain::{
        content::{Format, Items, ValueType},
        exchange::{ExportRefusal, ImportLayout, ImportNotes, NoteKind, Product},
        names::EnvName,
    },
    formats::{self, ItemFormat, Typing},
};

/// Name of the files for all applications.
const SHARED: &str = "application";
/// Namespace that Spring's clients read.
const NAMESPACE: &str = "application";
/// Keys with the profiles of a document, in lower case and without dashes.
const PROFILES: [&str; 2] = ["spring.config.activate.onprofile", "spring.profiles"];
/// Key with the cloud platform of a document, in lower case and without dashes.
const PLATFORM: &str = "spring.config.activate.oncloudplatform";
/// Maximum number of merged documents.
const MAX_MERGED: usize = 5_000;
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
        let documents = documents(entry, &text);
        layers.push(Layer { app, profile, path: &entry.path, documents });
    }
    merge(&layers, options, &mut drafts)?;
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
    /// Parts of it that are left out. Each config for which it applies lacks them.
    notes: ImportNotes,
}

impl Document {
    /// Returns a document of which nothing can be merged. It may apply for every profile.
    fn left_out(kind: NoteKind, place: String) -> Self {
        let mut notes = ImportNotes::default();
        notes.about(kind, place);
        Self { items: Items::new(), condition: Condition::Always, notes }
    }
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

/// Parses the documents of a file.
fn documents(entry: &ExportEntry, text: &str) -> Vec<Document> {
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
        found.push(match formats::read(source, &part, Typing::Keep) {
            Ok(items) => document(items, &entry.path),
            Err(wrong) => {
                let at = wrong.first().and_then(|invalid| invalid.line).map_or(line, |at| line + at as usize);
                Document::left_out(NoteKind::Unreadable, format!("{}:{at}", entry.path))
            }
        });
        line += part.lines().count() + 1;
    }
    found
}

/// Makes a document of its items. One with a condition that cannot be decided is left out.
fn document(mut items: Items, path: &str) -> Document {
    let mut profiles = Vec::new();
    let mut undecided = Vec::new();
    items.retain(|key, item| {
        // A list in properties is `on-profile[0]`.
        let name = key.split('[').next().unwrap_or_default().replace('-', "").to_ascii_lowercase();
        let value = item.value.expose();
        if name == PLATFORM {
            undecided.push(value.to_owned());
        } else if PROFILES.contains(&&*name) {
            let listed = serde_json::from_str(value).ok().filter(|_| item.kind == ValueType::Json);
            let listed: Vec<String> = listed.unwrap_or_else(|| value.split(',').map(str::to_owned).collect());
            profiles.extend(listed.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()));
        } else {
            return true;
        }
        false
    });
    undecided.extend(profiles.iter().filter(|name| name.contains(['&', '|', '(', '[', '{'])).cloned());
    if !undecided.is_empty() {
        return Document::left_out(NoteKind::Conditions, format!("{path}: {}", undecided.join(", ")));
    }
    let mut notes = ImportNotes::default();
    items.retain(|key, item| {
        let is_cipher = item.value.expose().contains(CIPHER);
        if is_cipher {
            notes.about(NoteKind::Encrypted, format!("{path}: {key}"));
        }
        !is_cipher
    });
    let condition = if profiles.is_empty() { Condition::Always } else { Condition::Any(profiles) };
    Document { items, condition, notes }
}

/// Returns the profiles of which each becomes an environment. The empty one is the configuration without a profile, which
/// the others include. Beside them it is imported only if an answer names its environment.
fn profiles<'l>(layers: &'l [Layer], options: &ReadOptions, drafts: &mut Drafts) -> BTreeSet<&'l str> {
    let in_conditions =
        layers.iter().flat_map(|layer| &layer.documents).filter_map(|document| match &document.condition {
            Condition::Any(names) => Some(names),
            Condition::Always => None,
        });
    let in_conditions = in_conditions.flatten().map(|name| name.trim_start_matches('!').trim());
    let profiles = layers.iter().map(|layer| layer.profile).chain(in_conditions);
    let mut profiles: BTreeSet<&str> = profiles.filter(|profile| !profile.is_empty()).collect();
    let becomes = |profile: &str, env: &EnvName| match options.envs.get(profile) {
        Some(chosen) => chosen.as_ref() == Some(env),
        None => names::name(profile) == env.as_str(),
    };
    let is_base_wanted = match &options.env {
        _ if profiles.is_empty() || options.envs.contains_key("") => true,
        Some(env) => !profiles.iter().any(|profile| becomes(profile, env)),
        None => {
            drafts.leaves_out_base = layers.iter().any(|layer| layer.profile.is_empty());
            false
        }
    };
    if is_base_wanted {
        profiles.insert("");
    }
    profiles
}

/// Makes one document for each application and environment.
///
/// # Errors
/// [`ExportRefusal::Expands`] if these are far more than the files.
fn merge(layers: &[Layer], options: &ReadOptions, drafts: &mut Drafts) -> Result<(), ExportRefusal> {
    let profiles = profiles(layers, options, drafts);
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
    let mut budget = MergeBudget::default();
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
            merged.items.iter().try_for_each(|(key, item)| budget.take(key, &item.value))?;
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
            document.notes.iter().for_each(|note| self.notes.add(note.clone()));
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
        let Self { items, origins, files, mut notes } = self;
        let text = yaml(items, |key| notes.about(NoteKind::Unreadable, format!("{}: {key}", origins[key])));
        if files.len() > 1 {
            notes.count(NoteKind::FilesMerged, files.len());
        }
        let path = files.iter().copied().collect::<Vec<_>>().join(" + ");
        let path = if profile.is_empty() { path } else { format!("{path} ({profile})") };
        let body = text.map_or(DraftBody::Nothing, |text| DraftBody::Text(text.into()));
        (!files.is_empty()).then(|| Draft { notes, ..Draft::new(original(profile, app), path, Format::Yaml, body) })
    }
}

/// Writes items as YAML, or returns `None` if there are none. Numbers that other parsers refuse are left out.
fn yaml(mut items: Items, mut left_out: impl FnMut(&str)) -> Option<String> {
    if formats::write(ItemFormat::Yaml, &items).is_err() {
        items.retain(|key, item| {
            let alone = Items::from([(key.clone(), item.clone())]);
            let is_writable = formats::write(ItemFormat::Yaml, &alone).is_ok();
            if !is_writable {
                left_out(key);
            }
            is_writable
        });
    }
    formats::write(ItemFormat::Yaml, &items).ok().filter(|_| !items.is_empty())
}
