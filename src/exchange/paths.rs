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
    let mut keys: BTreeMap<OriginalNames, Vec<PathValue>> = BTreeMap::new();
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
                let value = PathValue { path: below(&path, 2), value };
                keys.entry(names(profile, app, NAMESPACE)).or_default().push(value);
            }
            (ImportLayout::EnvAppKey, [env, app, key @ ..]) if !key.is_empty() => {
                let value = PathValue { path: below(&path, 2), value };
                keys.entry(names(env, app, NAMESPACE)).or_default().push(value);
            }
            (ImportLayout::Keys, parts) if parts.len() > common => {
                let value = PathValue { path: below(&path, common), value };
                keys.entry(names("", "", NAMESPACE)).or_default().push(value);
            }
            _ => drafts.notes.about(NoteKind::OutsideLayout, &path),
        }
    }
    for (original, values) in keys {
        let path = format!("{}/{}", original.env, original.app);
        drafts.configs.push(Draft::new(original, path, Format::Kv, DraftBody::Items(items(values))));
    }
}

/// Returns a path without its first folders.
fn below(path: &str, folders: usize) -> String {
    let strip = |path: &str| path.trim_start_matches('/').split_once('/').map_or("", |(_, rest)| rest).to_owned();
    (0..folders).fold(path.to_owned(), |path, _| strip(&path))
}

/// Makes items whose keys have dots in place of slashes. A path that would get the key of another one keeps its slashes.
fn items(values: Vec<PathValue>) -> Vec<DraftItem> {
    let dotted = |path: &str| path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    values.iter().for_each(|value| *counts.entry(dotted(&value.path)).or_default() += 1);
    let item = |PathValue { path, value }| {
        let key = dotted(&path);
        DraftItem::string(if counts[&key] > 1 { path } else { key }, value)
    };
    values.into_iter().map(item).collect()
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
