//! Gives drafts their names and formats, and checks their contents against the limits.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, DraftBody, DraftItem, Drafts, FoundConfig, ReadExport, ReadOptions, names};
use crate::{
    domain::{
        content::{Content, Format, Item, Items, ValueType, check_key},
        error::{Invalid, Problem},
        exchange::{ImportNotes, ImportQuestion, NoteKind, Product},
        limits,
        names::{AppName, ConfigId, EnvName, NamespaceName},
    },
    formats,
};

/// Name of the environment for configs without one. Nobody creates it, so an answer is needed.
const NO_ENV: &str = "default";
/// Name of the application for configs without one.
const NO_APP: &str = "imported";
/// Mark at the end of a comment that was cut.
const CUT: char = '…';

/// Makes the configs of the drafts.
pub(super) fn finish(product: Product, drafts: Drafts, notes: ImportNotes, options: &ReadOptions) -> ReadExport {
    let Drafts { generation, mut configs, notes: more, layout, leaves_out_base, ignores_case } = drafts;
    let mut all_notes = notes;
    more.iter().for_each(|note| all_notes.add(note.clone()));
    let before = configs.len();
    configs.retain(|draft| is_chosen(draft, options));
    all_notes.count(NoteKind::NotChosen, before - configs.len());

    let naming = Naming::of(&configs, options);
    let mut questions = naming.questions(&configs, options);
    if let (Some((assumed, choices)), None) = (layout, options.layout) {
        questions.push(ImportQuestion::Layout { assumed, choices });
    }
    if leaves_out_base {
        questions.push(ImportQuestion::BaseEnv);
    }
    naming.note_renames(ignores_case, &mut all_notes);

    let mut found: Vec<FoundConfig> =
        configs.into_iter().filter_map(|draft| naming.found(draft, &mut all_notes)).collect();
    keep_last(&mut found, |found| (found.config.clone(), found.path.clone()), &mut all_notes);
    unify_formats(&mut found);
    separate_targets(&mut found, &mut all_notes);
    // Names that are made distinct by a hash could be equal nevertheless.
    keep_last(&mut found, |found| found.config.clone(), &mut all_notes);
    found.sort_by(|a, b| a.config.cmp(&b.config));
    ReadExport { product, generation, configs: found, notes: all_notes, questions }
}

/// Returns whether no answer leaves the config out.
fn is_chosen(draft: &Draft, options: &ReadOptions) -> bool {
    let original = &draft.original;
    !matches!(options.envs.get(&original.env), Some(None))
        && !matches!(options.apps.get(&original.app), Some(None))
        && !matches!(options.namespaces.get(&original.namespace), Some(None))
}

/// The names of all drafts.
struct Naming {
    /// By original name.
    envs: BTreeMap<String, EnvName>,
    /// By original name.
    apps: BTreeMap<String, AppName>,
    /// By application and original name.
    namespaces: BTreeMap<(AppName, String), NamespaceName>,
}

impl Naming {
    fn of(drafts: &[Draft], options: &ReadOptions) -> Self {
        let spellings: BTreeMap<&str, &str> = drafts
            .iter()
            .map(|draft| (&*draft.original.env, draft.env_spelling.as_deref().unwrap_or(&draft.original.env)))
            .collect();
        let env_names = names::assign(spellings.values().copied().filter(|name| !name.is_empty()));
        let envs = spellings.into_iter().map(|(original, spelling)| {
            let chosen = options.envs.get(original).cloned().flatten();
            let given = || options.env.clone().unwrap_or_else(|| valid(NO_ENV));
            let name = || if original.is_empty() { given() } else { valid(&env_names[spelling]) };
            (original.to_owned(), chosen.unwrap_or_else(name))
        });
        let originals: BTreeSet<&str> = drafts.iter().map(|draft| &*draft.original.app).collect();
        let app_names = names::assign(originals.iter().copied().filter(|name| !name.is_empty()));
        let apps: BTreeMap<String, AppName> = originals
            .into_iter()
            .map(|original| {
                let chosen = options.apps.get(original).cloned().flatten();
                let given = || options.app.clone().unwrap_or_else(|| valid(NO_APP));
                let name = || if original.is_empty() { given() } else { valid(&app_names[original]) };
                (original.to_owned(), chosen.unwrap_or_else(name))
            })
            .collect();
        let mut by_app: BTreeMap<AppName, BTreeSet<&str>> = BTreeMap::new();
        for draft in drafts {
            by_app.entry(apps[&draft.original.app].clone()).or_default().insert(&draft.original.namespace);
        }
        let mut namespaces = BTreeMap::new();
        for (app, originals) in by_app {
            let assigned = names::assign(originals.iter().copied());
            for original in originals {
                let chosen = options.namespaces.get(original).cloned().flatten();
                let name = chosen.unwrap_or_else(|| valid(&assigned[original]));
                namespaces.insert((app.clone(), original.to_owned()), name);
            }
        }
        Self { envs: envs.collect(), apps, namespaces }
    }

    fn questions(&self, drafts: &[Draft], options: &ReadOptions) -> Vec<ImportQuestion> {
        let mut questions = Vec::new();
        if let (Some(assumed), None, false) = (self.envs.get(""), &options.env, options.envs.contains_key("")) {
            questions.push(ImportQuestion::Env { assumed: assumed.clone() });
        }
        if let (Some(assumed), None, false) = (self.apps.get(""), &options.app, options.apps.contains_key("")) {
            questions.push(ImportQuestion::App { assumed: assumed.clone() });
        }
        let is_cluster = |draft: &&Draft| draft.env_spelling.is_some() && draft.original.env.contains('/');
        let clusters: BTreeSet<&String> = drafts.iter().filter(is_cluster).map(|draft| &draft.original.env).collect();
        for cluster in clusters.into_iter().filter(|cluster| !options.envs.contains_key(*cluster)) {
            questions.push(ImportQuestion::Cluster { cluster: cluster.clone(), assumed: self.envs[cluster].clone() });
        }
        questions
    }

    fn note_renames(&self, ignores_case: bool, notes: &mut ImportNotes) {
        let envs = self.envs.iter().map(|(original, name)| (original.as_str(), name.as_str(), true));
        let apps = self.apps.iter().map(|(original, name)| (original.as_str(), name.as_str(), ignores_case));
        let namespaces =
            self.namespaces.iter().map(|((_, original), name)| (original.as_str(), name.as_str(), ignores_case));
        for (original, name, ignores_case) in envs.chain(apps).chain(namespaces) {
            if original.is_empty() || original == name {
                continue;
            }
            let is_same = ignores_case && original.to_lowercase() == name;
            notes.about(if is_same { NoteKind::Lowercased } else { NoteKind::Renamed }, format!("{original} → {name}"));
        }
    }

    /// Returns the config of a draft, or `None` if its content is above a limit.
    fn found(&self, draft: Draft, all_notes: &mut ImportNotes) -> Option<FoundConfig> {
        let Draft { original, path, format, body, description, mut notes, .. } = draft;
        let app = self.apps[&original.app].clone();
        let namespace = self.namespaces[&(app.clone(), original.namespace.clone())].clone();
        let config = ConfigId { env: self.envs[&original.env].clone(), app, namespace };
        let (format, content) = match body {
            DraftBody::Items(drafts) => (format, items(drafts, &mut notes).map(|items| Some(Content::Kv(items)))),
            DraftBody::Text(text) => text_content(format, text.expose(), &path, &mut notes),
            DraftBody::Nothing => (format, Ok(None)),
        };
        let Ok(content) = content else {
            all_notes.about(NoteKind::TooLarge, &path);
            return None;
        };
        if content.is_none() {
            notes.count(NoteKind::NothingSaved, 1);
        }
        let description = printable(&description);
        Some(FoundConfig { config, original, path, format, content, description, notes })
    }
}

/// Parses a name that the rules of [`names`] made.
fn valid<T: std::str::FromStr<Err = Invalid>>(name: &str) -> T {
    name.parse().expect("assigned names are valid")
}

/// The content is above a limit.
struct TooLarge;

fn items(drafts: Vec<DraftItem>, notes: &mut ImportNotes) -> Result<Items, TooLarge> {
    let mut items = Items::new();
    let mut bytes = 0;
    for DraftItem { key, value, kind, comment } in drafts {
        if check_key(&key).is_err() {
            notes.about(NoteKind::Keys, printable(&key));
            continue;
        }
        bytes += key.len() + value.expose().len();
        if value.expose().len() > limits::VALUE_BYTES || bytes > limits::DOCUMENT_BYTES {
            return Err(TooLarge);
        }
        let comment = if comment.len() > limits::TEXT_BYTES {
            notes.about(NoteKind::CommentsCut, &key);
            let end = comment.floor_char_boundary(limits::TEXT_BYTES - CUT.len_utf8());
            format!("{}{CUT}", &comment[..end])
        } else {
            comment
        };
        let mut item = Item { value, kind, comment, since: 0 };
        if item.check().is_err() {
            notes.about(NoteKind::TypesDropped, &key);
            item.kind = ValueType::String;
        }
        if items.insert(key.clone(), item).is_some() {
            notes.about(NoteKind::RepeatedKeys, key);
        }
    }
    if items.len() > limits::ITEMS || Content::Kv(items.clone()).document().len() > limits::DOCUMENT_BYTES {
        return Err(TooLarge);
    }
    Ok(items)
}

type Checked = (Format, Result<Option<Content>, TooLarge>);

/// Checks a text. One that is not valid in its format becomes plain text.
fn text_content(format: Format, text: &str, path: &str, notes: &mut ImportNotes) -> Checked {
    let stored = formats::stored(format, text);
    let content = |text: &str| Ok(Some(Content::Text(text.into())));
    match formats::check(format, stored) {
        Ok(()) => (format, content(stored)),
        Err(Invalid { problem: Problem::TooLong { .. }, .. }) => (format, Err(TooLarge)),
        Err(Invalid { problem: Problem::Blank, .. }) => (format, Ok(None)),
        Err(Invalid { line, column, .. }) => {
            let place = [line, column].into_iter().flatten().map(|n| format!(":{n}")).collect::<String>();
            notes.about(NoteKind::StoredAsText, format!("{path}{place} ({format})"));
            (Format::Text, content(text))
        }
    }
}

/// Returns a description that Trimtab accepts: without control characters, and not too long.
fn printable(text: &str) -> String {
    let text: String =
        text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
    text[..text.floor_char_boundary(limits::TEXT_BYTES)].to_owned()
}

/// Keeps the last of all configs with an equal key.
fn keep_last<K: Ord>(found: &mut Vec<FoundConfig>, key: impl Fn(&FoundConfig) -> K, notes: &mut ImportNotes) {
    let mut seen = BTreeSet::new();
    found.reverse();
    found.retain(|found| {
        let is_last = seen.insert(key(found));
        if !is_last {
            notes.about(NoteKind::RepeatedPaths, &found.path);
        }
        is_last
    });
    found.reverse();
}

/// Gives the texts of a namespace one format, because environments share it. If they differ, they become plain text.
fn unify_formats(found: &mut [FoundConfig]) {
    let key = |config: &FoundConfig| (config.config.app.clone(), config.config.namespace.clone());
    let mut formats: BTreeMap<_, BTreeSet<Format>> = BTreeMap::new();
    for config in found.iter().filter(|config| config.format != Format::Kv) {
        formats.entry(key(config)).or_default().insert(config.format);
    }
    for config in found.iter_mut().filter(|config| config.format != Format::Kv) {
        if formats[&key(config)].len() > 1 && config.format != Format::Text {
            config.notes.about(NoteKind::FormatGuessed, format!("{} → {}", config.format, Format::Text));
            config.format = Format::Text;
        }
    }
}

/// Renames namespaces so that no config is there twice, and no namespace has both items and texts. A text beside items
/// keeps one name in all environments: `application.yaml` beside `application`.
fn separate_targets(found: &mut [FoundConfig], notes: &mut ImportNotes) {
    let mut counts: BTreeMap<ConfigId, usize> = BTreeMap::new();
    let (mut all, mut with_items) = (BTreeSet::new(), BTreeSet::new());
    for FoundConfig { config, format, .. } in found.iter() {
        *counts.entry(config.clone()).or_default() += 1;
        let namespace = (config.app.clone(), config.namespace.clone());
        if *format == Format::Kv {
            with_items.insert(namespace.clone());
        }
        all.insert(namespace);
    }
    let beside_items = |config: &ConfigId, format: Format| -> NamespaceName {
        let name = format!("{}.{}", config.namespace, formats::media(format).extension).parse();
        let free = name.ok().filter(|name: &NamespaceName| !all.contains(&(config.app.clone(), name.clone())));
        free.unwrap_or_else(|| valid(&names::marked(config.namespace.as_str(), format.as_str())))
    };
    for FoundConfig { config, path, format, .. } in found {
        let mixes = *format != Format::Kv && with_items.contains(&(config.app.clone(), config.namespace.clone()));
        let name = match counts[config] {
            1 if mixes => beside_items(config, *format),
            1 => continue,
            _ => valid(&names::marked(config.namespace.as_str(), path)),
        };
        notes.about(NoteKind::Renamed, format!("{} → {name}", config.namespace));
        config.namespace = name;
    }
}
