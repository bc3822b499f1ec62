//! Keys of etcd with a common prefix: `etcdctl get --prefix … -w json`, and answers of `POST /v3/kv/range`, which has
//! numbers as strings.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::{
    Drafts, ExportEntry, ReadOptions,
    paths::{self, PathValue},
};
use crate::domain::exchange::{ExportRefusal, ImportNote, NoteKind, Product};

/// An answer. Empty fields are left out.
#[derive(Deserialize)]
struct Range {
    #[expect(dead_code, reason = "only its presence matters")]
    header: serde::de::IgnoredAny,
    #[serde(default)]
    kvs: Vec<Pair>,
    #[serde(default)]
    more: bool,
    #[serde(default)]
    count: Number,
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    lease: Number,
}

/// A number, which may be written as a string.
#[derive(Default)]
struct Number(i64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Spelling {
            Number(i64),
            Text(String),
        }
        match Spelling::deserialize(from)? {
            Spelling::Number(number) => Ok(Self(number)),
            Spelling::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// Returns whether a text looks like the plain output of `etcdctl`: a line for each key and each value.
pub(super) fn is_plain(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.starts_with('/') && first.len() > 1 && !first.contains([' ', '=', ':']) && !first.starts_with("//")
}

/// Reads an answer.
///
/// # Errors
/// [`ExportRefusal`] if a file is no answer of etcd, or all are empty.
pub(super) fn read(entries: &[ExportEntry], options: &ReadOptions) -> Result<Drafts, ExportRefusal> {
    let mut drafts = Drafts::default();
    let mut values = Vec::new();
    for entry in entries {
        let text = entry.text()?;
        let range: Range = serde_json::from_str(text).map_err(|_| {
            if is_plain(text) { ExportRefusal::EtcdPlain } else { ExportRefusal::NotOf { product: Product::Etcd } }
        })?;
        let listed = i64::try_from(range.kvs.len()).unwrap_or(i64::MAX);
        if range.more || range.count.0 > listed {
            drafts.notes.about(NoteKind::MayBeMissing, format!("{listed} / {}", range.count.0));
        }
        for Pair { key, value, lease } in range.kvs {
            let text =
                |base64: &str| BASE64_STANDARD.decode(base64).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(path) = text(&key) else {
                drafts.notes.about(NoteKind::Binary, key);
                continue;
            };
            if lease.0 != 0 {
                drafts.notes.about(NoteKind::Leases, path);
                continue;
            }
            match text(&value) {
                Some(value) => values.push(PathValue { path, value: value.into() }),
                None => drafts.notes.about(NoteKind::Binary, path),
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
