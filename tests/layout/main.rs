//! Keeps the arrows of ARCHITECTURE.md: which folder may know which, and that no files know one another in a circle.
//! Also checks the links between documents.

mod arrows;
mod circles;
mod links;
mod refused;
mod rooms;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use arrows::File;

#[test]
fn folders_know_only_what_they_may() {
    let files = tree();
    let folders: BTreeSet<&str> = files.iter().map(File::folder).collect();
    let gone: Vec<_> = rooms::ROOMS.iter().filter(|room| !folders.contains(room.name)).map(|room| room.name).collect();
    assert!(gone.is_empty(), "not in src any more, take them out of tests/layout/rooms.rs: {gone:?}");
    let wrong = rooms::violations(&files);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn rooms_are_listed_from_the_lowest_to_the_highest() {
    for (n, room) in rooms::ROOMS.iter().enumerate() {
        for known in room.knows {
            let below = rooms::ROOMS[..n].iter().any(|other| other.name == *known);
            assert!(below, "{} knows {known}, which does not stand before it", room.name);
        }
    }
}

#[test]
fn files_know_one_another_in_no_circle() {
    let circles = circles::circles(&tree());
    assert!(circles.is_empty(), "\n{}\n", circles.iter().map(|files| files.join(" ")).collect::<Vec<_>>().join("\n"));
}

/// A span carries what it is given to a collector of traces, so they are made in one folder. `http/request_id.rs` makes
/// the one of the log, which says to which request a line belongs.
#[test]
fn spans_are_made_in_one_folder() {
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
fn raw_html_is_written_in_one_file() {
    let mut files = sources(Path::new("src"));
    files.retain(|file| fs::read_to_string(file).unwrap().contains("inner_html="));
    assert!(files.len() <= 1, "a value written unescaped is how a page is taken over: {files:?}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let broken = links::broken();
    assert!(broken.is_empty(), "no such file or heading:\n{}\n", broken.join("\n"));
}

/// All files of `src` but those that are compiled for tests alone.
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
