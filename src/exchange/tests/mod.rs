//! Tests of the readers: made-up exports in every form, and hostile files.

mod apollo;
mod hostile;
mod nacos;
mod others;
mod own;

pub(super) use super::archive::tests::{zip_of, zipped};
use super::*;
use crate::domain::content::Content;

/// Reads a file.
pub(super) fn read_file(bytes: impl Into<Vec<u8>>, options: &ReadOptions) -> Result<ReadExport, ExportRefusal> {
    read(ExportSource::File(bytes.into()), options)
}

/// Reads a folder.
pub(super) fn read_folder(files: &[(&str, &str)], options: &ReadOptions) -> Result<ReadExport, ExportRefusal> {
    let file =
        |(path, content): &(&str, &str)| ExportEntry { path: (*path).into(), bytes: content.as_bytes().to_vec() };
    read(ExportSource::Folder(files.iter().map(file).collect()), options)
}

/// Reads a folder of one file.
pub(super) fn read_bytes(path: &str, bytes: &[u8], options: &ReadOptions) -> Result<ReadExport, ExportRefusal> {
    read(ExportSource::Folder(vec![ExportEntry { path: path.into(), bytes: bytes.into() }]), options)
}

/// Returns options of which one is the environment and one the application.
pub(super) fn answers(env: &str, app: &str) -> ReadOptions {
    ReadOptions { env: Some(env.parse().unwrap()), app: Some(app.parse().unwrap()), ..ReadOptions::default() }
}

/// Returns a line for each config: `env/app/namespace format document`, and comments after `#`.
pub(super) fn lines(export: &ReadExport) -> Vec<String> {
    let line = |found: &FoundConfig| {
        let content = match &found.content {
            None => "(nothing)".to_owned(),
            Some(content @ Content::Kv(items)) => {
                let comments = items.values().filter(|item| !item.comment.is_empty());
                let comments: String = comments.map(|item| format!(" # {}", item.comment)).collect();
                content.document() + &comments
            }
            Some(content) => content.document(),
        };
        format!("{} {} {content}", found.config, found.format)
    };
    export.configs.iter().map(line).collect()
}

/// Returns the notes of the export and of its configs: `kind count example, …`.
pub(super) fn notes(export: &ReadExport) -> Vec<String> {
    let all = export.notes.iter().chain(export.configs.iter().flat_map(|found| found.notes.iter()));
    all.map(|note| format!("{} {} {}", note.kind.name(), note.count, note.examples.join(", ")).trim_end().to_owned())
        .collect()
}

/// Checks that a note is there.
pub(super) fn assert_note(export: &ReadExport, expected: &str) {
    let all = notes(export);
    assert!(all.iter().any(|note| note == expected), "{expected:?} is not in {all:#?}");
}
