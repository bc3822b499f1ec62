//! Exports of Consul's key-value store: `consul kv export`, and answers of `GET /v1/kv/…?recurse`.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::{
    Drafts, ExportEntry, ReadOptions,
    paths::{self, PathValue},
};
use crate::domain::exchange::{ExportRefusal, ImportNote, NoteKind, Product};

/// A key of either form.
#[derive(Deserialize)]
struct Pair {
    #[serde(alias = "Key")]
    key: String,
    #[serde(alias = "Flags", default)]
    flags: u64,
    #[serde(alias = "Value")]
    value: Option<String>,
    #[serde(rename = "Session")]
    session: Option<String>,
}

/// Returns whether a text is an export of Consul.
pub(super) fn is_export(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Shape {
        #[serde(alias = "Key")]
        #[expect(dead_code, reason = "only its presence matters")]
        key: String,
        #[serde(alias = "Flags")]
        #[expect(dead_code, reason = "only its presence matters")]
        flags: u64,
    }
    serde_json::from_str::<Vec<Shape>>(text).is_ok()
}

/// Reads an export.
///
/// # Errors
/// [`ExportRefusal`] if a file is no export of Consul, or all are empty.
pub(super) fn read(entries: &[ExportEntry], options: &ReadOptions) -> Result<Drafts, ExportRefusal> {
    let mut drafts = Drafts::default();
    let mut values = Vec::new();
    for entry in entries {
        let not_consul = |_| ExportRefusal::NotOf { product: Product::Consul };
        let pairs: Vec<Pair> = serde_json::from_str(entry.text()?).map_err(not_consul)?;
        for Pair { key, flags, value, session } in pairs {
            let value = value.unwrap_or_default();
            if key.ends_with('/') && value.is_empty() {
                drafts.notes.count(NoteKind::FolderMarks, 1);
                continue;
            }
            if flags != 0 || session.is_some() {
                drafts.notes.about(NoteKind::Flags, &key);
            }
            match BASE64_STANDARD.decode(value.as_bytes()).map(String::from_utf8) {
                Ok(Ok(value)) => values.push(PathValue { path: key, value: value.into() }),
                Ok(Err(_)) => drafts.notes.about(NoteKind::Binary, key),
                Err(_) => drafts.notes.about(NoteKind::Unreadable, key),
            }
        }
    }
    if values.is_empty() {
        return Err(ExportRefusal::Empty);
    }
    paths::add(&mut drafts, values, options);
    drafts.notes.add(ImportNote::new(NoteKind::NoHistory, 1));
    Ok(drafts)
}
