//! ConfigMaps and Secrets of Kubernetes: `kubectl get configmap,secret -o yaml`, or manifests. Annotations are never read,
//! because one of them repeats the whole object, with its secrets.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{Draft, DraftBody, DraftItem, Drafts, ExportEntry, OriginalNames, drafts::format_by_ending};
use crate::{
    domain::{
        content::Format,
        exchange::{ExportRefusal, ImportNotes, NoteKind, Product},
    },
    formats::{YamlNode, yaml_documents},
};

/// Kinds that hold configuration.
const KINDS: [&str; 3] = ["ConfigMap", "Secret", "List"];
/// The object with which Kubernetes publishes its own certificates.
const ROOT_CERTIFICATES: &str = "kube-root-ca.crt";
/// Types of Secrets that programs manage.
const MANAGED_TYPES: [&str; 3] =
    ["kubernetes.io/service-account-token", "helm.sh/release.v1", "bootstrap.kubernetes.io/token"];
/// Labels with the name of an application.
const APP_LABELS: [&str; 2] = ["app.kubernetes.io/name", "app"];
/// Endings of an object's name that are not part of the application's.
const NAME_ENDINGS: [&str; 4] = ["-configmap", "-config", "-secrets", "-secret"];

/// Returns whether a text has a manifest of a ConfigMap or Secret.
pub(super) fn is_manifest(text: &str) -> bool {
    let is_kind = |line: &str| {
        let kind = line.strip_prefix("kind:").map(|kind| kind.split('#').next().unwrap_or_default().trim());
        kind.is_some_and(|kind| KINDS.contains(&kind.trim_matches(['"', '\''])))
    };
    text.lines().any(is_kind)
}

/// Returns whether an entry has a manifest.
pub(super) fn is_manifest_file(entry: &ExportEntry) -> bool {
    entry.text().is_ok_and(is_manifest)
}

/// Reads manifests.
///
/// # Errors
/// [`ExportRefusal`] if a file cannot be parsed, or no object holds configuration.
pub(super) fn read(entries: &[ExportEntry]) -> Result<Drafts, ExportRefusal> {
    let mut drafts = Drafts::default();
    let mut objects = 0;
    for entry in entries {
        let text = entry.text()?;
        let mistake = |invalid| ExportRefusal::Mistake { path: entry.path.clone(), invalid };
        for document in &yaml_documents(text).map_err(mistake)? {
            let listed = document.get("items").map(YamlNode::elements).unwrap_or_default();
            let is_list = field(document, "kind").ends_with("List");
            let found = if is_list { listed } else { std::slice::from_ref(document) };
            objects += found.iter().filter(|found| !field(found, "kind").is_empty()).count();
            found.iter().for_each(|found| object(found, &entry.path, &mut drafts));
        }
    }
    match objects {
        0 => Err(ExportRefusal::NotOf { product: Product::Kubernetes }),
        _ => Ok(drafts),
    }
}

fn field<'n>(node: &'n YamlNode, name: &str) -> &'n str {
    node.get(name).and_then(YamlNode::text).unwrap_or_default()
}

fn object(object: &YamlNode, file: &str, drafts: &mut Drafts) {
    let kind = field(object, "kind");
    let metadata = object.get("metadata");
    let of_metadata = |name: &str| metadata.map(|metadata| field(metadata, name)).unwrap_or_default();
    let (namespace, name) = (of_metadata("namespace"), of_metadata("name"));
    let place = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
    let has_owner = metadata.and_then(|metadata| metadata.get("ownerReferences")).is_some();
    match kind {
        "" => {}
        _ if name == ROOT_CERTIFICATES || has_owner || MANAGED_TYPES.contains(&field(object, "type")) => {
            drafts.notes.about(NoteKind::ManagedObjects, place);
        }
        "ConfigMap" => {
            let labels = metadata.and_then(|metadata| metadata.get("labels"));
            let label = |name: &&str| labels.map(|labels| field(labels, name)).filter(|label| !label.is_empty());
            let app = APP_LABELS.iter().find_map(label).unwrap_or_else(|| app_of(name));
            let lost =
                labels.map_or(0, |labels| labels.entries().len()) + usize::from(object.get("immutable").is_some());
            let names = OriginalNames { env: namespace.to_owned(), app: app.to_owned(), namespace: name.to_owned() };
            let path = if file.is_empty() { place } else { format!("{file}: {place}") };
            config_map(object, &names, &path, lost, drafts);
        }
        "Secret" => drafts.notes.about(NoteKind::Secrets, place),
        kind => drafts.notes.about(NoteKind::OtherObjects, format!("{kind} {place}")),
    }
}

/// Returns the name of the application for an object without a label.
fn app_of(name: &str) -> &str {
    let stem = NAME_ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
    stem.filter(|stem| !stem.is_empty()).unwrap_or(name)
}

/// Adds a ConfigMap. A key with the ending of a format is a namespace of its own, the other keys are one together.
fn config_map(object: &YamlNode, names: &OriginalNames, path: &str, lost: usize, drafts: &mut Drafts) {
    let mut notes = ImportNotes::default();
    notes.count(NoteKind::Labels, lost);
    let mut values: Vec<(&str, String)> = Vec::new();
    for (key, node) in object.get("data").map(YamlNode::entries).unwrap_or_default() {
        match node {
            YamlNode::Scalar { text, is_string } => {
                if !is_string {
                    notes.about(NoteKind::SourceTexts, key);
                }
                values.push((key, text.clone()));
            }
            _ => notes.about(NoteKind::Unreadable, key),
        }
    }
    for (key, node) in object.get("binaryData").map(YamlNode::entries).unwrap_or_default() {
        let base64: String = node.text().unwrap_or_default().split_whitespace().collect();
        match BASE64_STANDARD.decode(base64).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            Some(text) => values.push((key, text)),
            None => notes.about(NoteKind::Binary, key),
        }
    }
    let (texts, items): (Vec<_>, Vec<_>) = values.into_iter().partition(|(key, _)| format_by_ending(key).is_some());
    if !items.is_empty() || texts.is_empty() {
        let items = items.into_iter().map(|(key, value)| DraftItem::string(key, value)).collect();
        let body = DraftBody::Items(items);
        drafts.configs.push(Draft { notes, ..Draft::new(names.clone(), path, Format::Kv, body) });
    } else {
        notes.iter().for_each(|note| drafts.notes.add(note.clone()));
    }
    for (key, text) in texts {
        let names = OriginalNames { namespace: key.to_owned(), ..names.clone() };
        let format = format_by_ending(key).unwrap_or(Format::Text);
        let body = if text.is_empty() { DraftBody::Nothing } else { DraftBody::Text(text.into()) };
        drafts.configs.push(Draft::new(names, format!("{path}/{key}"), format, body));
    }
}
