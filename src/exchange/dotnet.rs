//! `appsettings.json` and `appsettings.{Environment}.json` of .NET. The files of each environment become one config of keys
//! with colons, as .NET itself merges them: names ignore case, and arrays merge by index.

use std::collections::BTreeMap;

use super::{Draft, DraftBody, DraftItem, Drafts, ExportEntry, OriginalNames, archive, drafts::MergeBudget};
use crate::{
    domain::{
        content::{Format, ValueType},
        error::{Invalid, Problem},
        exchange::{ExportRefusal, ImportNotes, NoteKind, Product},
        json::{self, JsonValue},
        limits,
    },
    formats::lenient_json,
};

const STEM: &str = "appsettings";
const ENDING: &str = ".json";
/// Between the parts of a key.
const SEPARATOR: &str = ":";
/// Words in the names of keys with secret values, in lower case.
const SECRET_WORDS: [&str; 6] = ["connectionstrings:", "password", "secret", "apikey", "accesskey", "token"];

/// Returns whether an entry is a settings file.
pub(super) fn is_settings_file(entry: &ExportEntry) -> bool {
    env_of(entry.file_name()).is_some()
}

/// Returns the environment of a settings file, which is empty for the common one.
fn env_of(name: &str) -> Option<&str> {
    let middle = name.strip_suffix(ENDING)?.strip_prefix(STEM)?;
    if middle.is_empty() { Some("") } else { middle.strip_prefix('.').filter(|env| !env.is_empty()) }
}

/// Reads settings files, or one file with an empty path.
///
/// # Errors
/// [`ExportRefusal`] if there is none, or one cannot be parsed.
pub(super) fn read(mut entries: Vec<ExportEntry>, notes: &mut ImportNotes) -> Result<Drafts, ExportRefusal> {
    archive::without_common_folder(&mut entries, notes);
    let mut drafts = Drafts { ignores_case: true, ..Drafts::default() };
    let mut common = Vec::new();
    let mut by_env: BTreeMap<String, (String, Vec<DraftItem>)> = BTreeMap::new();
    for entry in &entries {
        let env = if entry.path.is_empty() { Some("") } else { env_of(&entry.path) };
        let Some(env) = env else {
            drafts.notes.about(NoteKind::Entries, &entry.path);
            continue;
        };
        let items = items(entry)?;
        match env {
            "" => common = items,
            env => _ = by_env.insert(env.to_owned(), (entry.path.clone(), items)),
        }
    }
    if common.is_empty() && by_env.is_empty() {
        return Err(ExportRefusal::NotOf { product: Product::DotNet });
    }
    if by_env.is_empty() {
        by_env.insert(String::new(), (format!("{STEM}{ENDING}"), Vec::new()));
    }
    let mut budget = MergeBudget::default();
    for (env, (path, own)) in by_env {
        let mut notes = ImportNotes::default();
        if !common.is_empty() && !own.is_empty() {
            notes.count(NoteKind::FilesMerged, 2);
        }
        let mut merged: BTreeMap<String, usize> = BTreeMap::new();
        let mut items: Vec<DraftItem> = Vec::new();
        for item in common.iter().chain(&own) {
            budget.take(&item.key, &item.value)?;
            let item = DraftItem { key: item.key.clone(), value: item.value.clone(), comment: String::new(), ..*item };
            match merged.get(&item.key.to_lowercase()) {
                Some(at) => items[*at] = item,
                None => {
                    merged.insert(item.key.to_lowercase(), items.len());
                    items.push(item);
                }
            }
        }
        for item in &items {
            let key = item.key.to_lowercase();
            if SECRET_WORDS.iter().any(|word| key.contains(word)) {
                notes.about(NoteKind::LikelySecrets, &item.key);
            }
        }
        let original = OriginalNames { env, namespace: STEM.to_owned(), ..OriginalNames::default() };
        drafts.configs.push(Draft { notes, ..Draft::new(original, path, Format::Kv, DraftBody::Items(items)) });
    }
    Ok(drafts)
}

fn items(entry: &ExportEntry) -> Result<Vec<DraftItem>, ExportRefusal> {
    let mistake = |invalid| ExportRefusal::Mistake { path: entry.path.clone(), invalid };
    let text = lenient_json(entry.text()?);
    let mut items = Vec::new();
    match json::parse(&text, limits::NESTING).map_err(mistake)? {
        JsonValue::Map(members) => {
            for member in members {
                flatten(member.key, member.value, &mut items).map_err(mistake)?;
            }
        }
        _ => return Err(ExportRefusal::NotOf { product: Product::DotNet }),
    }
    Ok(items)
}

/// Adds the items of a value.
///
/// # Errors
/// [`Problem::TooMany`] if there are more than a config can have.
fn flatten(key: String, value: JsonValue, items: &mut Vec<DraftItem>) -> Result<(), Invalid> {
    // A key that is too long is left out later. Nothing below it is copied with that key.
    let is_too_long = key.len() > limits::KEY_BYTES;
    let below = |name: &str| format!("{key}{SEPARATOR}{name}");
    let (value, kind) = match value {
        _ if is_too_long => (String::new(), ValueType::String),
        JsonValue::Map(members) if !members.is_empty() => {
            return members.into_iter().try_for_each(|member| flatten(below(&member.key), member.value, items));
        }
        JsonValue::List { values, .. } if !values.is_empty() => {
            let mut values = values.into_iter().enumerate();
            return values.try_for_each(|(n, value)| flatten(below(&n.to_string()), value, items));
        }
        JsonValue::Map(_) => ("{}".to_owned(), ValueType::Json),
        JsonValue::List { .. } => ("[]".to_owned(), ValueType::Json),
        JsonValue::String(text) => (text, ValueType::String),
        JsonValue::Literal(literal @ ("true" | "false")) => (literal.to_owned(), ValueType::Boolean),
        JsonValue::Literal("null") => ("null".to_owned(), ValueType::Json),
        JsonValue::Literal(number) => (number.to_owned(), ValueType::Number),
    };
    if items.len() == limits::ITEMS {
        return Err(Invalid::new("", Problem::TooMany { max: limits::ITEMS }));
    }
    items.push(DraftItem { key, value: value.into(), kind, comment: String::new() });
    Ok(())
}
