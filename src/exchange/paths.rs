//! Configs from keys that are paths, as Consul and etcd have them.

use std::collections::BTreeMap;

use super::{Draft, DraftBody, DraftItem, Drafts, OriginalNames, ReadOptions, drafts::format_by_ending};
use crate::{
    domain::{
        content::Format,
        exchange::{ImportLayout, NoteKind},
        sensitive::Sensitive,
    },
    formats,
};

/// Namespace of keys, which a path does not name.
const NAMESPACE: &str = "application";
/// First part of the paths that Spring Cloud Consul reads.
const SPRING_PREFIX: &str = "config";
/// Key of Spring Cloud Consul that holds a whole document.
const SPRING_DOCUMENT: &str = "data";

/// A key with its value.
pub(super) struct PathValue {
    pub path: String,
    pub value: Sensitive,
}

/// Adds the configs of paths to the drafts.
pub(super) fn add(drafts: &mut Drafts, values: Vec<PathValue>, options: &ReadOptions) {
    let layout = options.layout.unwrap_or_else(|| guess(&values));
    let choices =
        vec![ImportLayout::EnvAppKey, ImportLayout::AppProfileKey, ImportLayout::Documents, ImportLayout::Keys];
    drafts.layout = Some((layout, choices));
    let common = common_folder(&values);
    let mut items: BTreeMap<OriginalNames, Vec<DraftItem>> = BTreeMap::new();
    for PathValue { path, value } in values {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let names = |env: &str, app: &str, namespace: &str| OriginalNames {
            env: env.to_owned(),
            app: app.to_owned(),
            namespace: namespace.to_owned(),
        };
        match (layout, &parts[..]) {
            (ImportLayout::Documents, [folders @ .., namespace]) => {
                let (env, app) = match folders {
                    [.., env, app] => (*env, *app),
                    [app] => ("", *app),
                    [] => ("", ""),
                };
                let format = format(namespace, value.expose());
                let body = if value.expose().is_empty() { DraftBody::Nothing } else { DraftBody::Text(value) };
                drafts.configs.push(Draft::new(names(env, app, namespace), &path, format, body));
            }
            (ImportLayout::AppProfileKey, [_, app, SPRING_DOCUMENT]) => {
                let (app, profile) = app.split_once(',').unwrap_or((*app, ""));
                let format = format(SPRING_DOCUMENT, value.expose());
                drafts.configs.push(Draft::new(names(profile, app, NAMESPACE), &path, format, DraftBody::Text(value)));
            }
            (ImportLayout::AppProfileKey, [_, app, key @ ..]) if !key.is_empty() => {
                let (app, profile) = app.split_once(',').unwrap_or((*app, ""));
                let item = DraftItem::string(key.join("."), value);
                items.entry(names(profile, app, NAMESPACE)).or_default().push(item);
            }
            (ImportLayout::EnvAppKey, [env, app, key @ ..]) if !key.is_empty() => {
                let item = DraftItem::string(key.join("."), value);
                items.entry(names(env, app, NAMESPACE)).or_default().push(item);
            }
            (ImportLayout::Keys, parts) if parts.len() > common => {
                let item = DraftItem::string(parts[common..].join("."), value);
                items.entry(names("", "", NAMESPACE)).or_default().push(item);
            }
            _ => drafts.notes.about(NoteKind::OutsideLayout, &path),
        }
    }
    for (original, items) in items {
        let path = format!("{}/{}", original.env, original.app);
        drafts.configs.push(Draft::new(original, path, Format::Kv, DraftBody::Items(items)));
    }
}

/// Guesses the layout from the shape of the paths.
fn guess(values: &[PathValue]) -> ImportLayout {
    let part_counts = || values.iter().map(|value| value.path.split('/').filter(|part| !part.is_empty()).count());
    let with_values = || values.iter().filter(|value| !value.value.expose().is_empty());
    let is_document =
        |value: &&PathValue| format_by_ending(&value.path).is_some() || value.value.expose().contains('\n');
    let first = |value: &PathValue| value.path.trim_start_matches('/').starts_with(&format!("{SPRING_PREFIX}/"));
    if values.iter().all(first) {
        ImportLayout::AppProfileKey
    } else if with_values().filter(is_document).count() * 2 > with_values().count() {
        ImportLayout::Documents
    } else if part_counts().all(|count| count >= 3) {
        ImportLayout::EnvAppKey
    } else {
        ImportLayout::Keys
    }
}

/// Returns the number of folders that all paths have in common.
fn common_folder(values: &[PathValue]) -> usize {
    let folders = |value: &PathValue| {
        let mut parts: Vec<String> = value.path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        parts.pop();
        parts
    };
    let mut all = values.iter().map(folders);
    let Some(mut common) = all.next() else { return 0 };
    for folders in all {
        let equal = common.iter().zip(&folders).take_while(|(a, b)| a == b).count();
        common.truncate(equal);
    }
    common.len()
}

/// Returns the format of a document: by its ending, else by its content.
fn format(name: &str, text: &str) -> Format {
    let is = |format: Format| formats::check(format, text).is_ok();
    let shape = text.trim_start();
    match format_by_ending(name) {
        Some(format) => format,
        None if shape.starts_with(['{', '[']) && is(Format::Json) => Format::Json,
        None if shape.lines().any(|line| line.contains(": ") || line.ends_with(':')) && is(Format::Yaml) => {
            Format::Yaml
        }
        None => Format::Text,
    }
}
