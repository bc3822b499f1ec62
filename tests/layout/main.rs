//! Checks the dependencies between folders that ARCHITECTURE.md describes, that files have no cyclic dependencies, and
//! that links between documents work.

mod cycles;
mod dependencies;
mod folders;
mod links;
mod violations;
mod words;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use dependencies::File;

#[test]
fn folders_depend_only_on_allowed_folders_and_crates() {
    let files = tree();
    let folders: BTreeSet<&str> = files.iter().map(File::folder).collect();
    let gone: Vec<_> =
        folders::FOLDERS.iter().filter(|room| !folders.contains(room.name)).map(|room| room.name).collect();
    assert!(gone.is_empty(), "no longer in src, remove from tests/layout/folders.rs: {gone:?}");
    let wrong = folders::violations(&files);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn folders_are_listed_after_those_they_depend_on() {
    for (n, room) in folders::FOLDERS.iter().enumerate() {
        for known in room.may_depend_on {
            let below = folders::FOLDERS[..n].iter().any(|other| other.name == *known);
            assert!(below, "{} depends on {known}, which is not listed before it", room.name);
        }
    }
}

#[test]
fn files_have_no_cyclic_dependencies() {
    let circles = cycles::cycles(&tree());
    assert!(circles.is_empty(), "\n{}\n", circles.iter().map(|files| files.join(" ")).collect::<Vec<_>>().join("\n"));
}

/// Spans carry their attributes to a trace collector, so only `traces` creates them. The exception is
/// `http/request_id.rs`, whose span adds the request id to log lines.
#[test]
fn spans_are_created_only_in_traces() {
    const SPANS: [&str; 7] =
        ["span!", "trace_span!", "debug_span!", "info_span!", "warn_span!", "error_span!", "instrument"];
    for file in tree().iter().filter(|file| file.folder() != "traces" && file.name != "src/http/request_id.rs") {
        for named in &file.named {
            let is_span = SPANS.iter().any(|span| named.path.last().is_some_and(|last| last == span));
            assert!(!is_span, "{}:{}: {}", file.name, named.line, named.path.join("::"));
        }
    }
}

#[test]
fn raw_html_is_written_in_at_most_one_file() {
    let mut files = sources(Path::new("src"));
    files.retain(|file| fs::read_to_string(file).unwrap().contains("inner_html="));
    assert!(files.len() <= 1, "unescaped values allow cross-site scripting: {files:?}");
}

#[test]
fn links_between_documents_are_valid() {
    let broken = links::broken();
    assert!(broken.is_empty(), "no such file or heading:\n{}\n", broken.join("\n"));
}

/// Returns all files of `src` except those that are compiled only for tests.
fn tree() -> Vec<File> {
    let read = |path: &PathBuf| File::parse(&path.to_string_lossy(), &fs::read_to_string(path).unwrap());
    let mut files: Vec<File> = sources(Path::new("src")).iter().map(read).collect();
    let tests: Vec<Vec<String>> = files.iter().flat_map(|file| file.tests.clone()).collect();
    files.retain(|file| !tests.iter().any(|test| file.module.starts_with(test)));
    files
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
