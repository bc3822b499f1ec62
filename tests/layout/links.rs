//! Links between the Markdown files of this repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Checks every relative link of all documents. Returns a line for each link whose file or heading does not exist.
pub fn broken() -> Vec<String> {
    let mut broken = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for target in prose(&text).flat_map(targets).filter(|target| !target.contains(':')) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { document.clone() } else { document.with_file_name("").join(file) };
            let leads = path.exists()
                && (heading.is_empty() || headings(&fs::read_to_string(&path).unwrap()).any(|slug| slug == heading));
            if !leads {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    broken
}

/// Returns all Markdown files of the top folder and of `docs`.
fn documents() -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![PathBuf::from("docs")], Vec::new());
    let is_document = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
    let list = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    found.extend(list(Path::new(".")).filter(|path| is_document(path)));
    while let Some(folder) = folders.pop() {
        for path in list(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if is_document(&path) {
                found.push(path);
            }
        }
    }
    found
}

/// Returns the lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !fence && !code
    })
}

/// Returns the targets of links and images in a line: `target` of `[text](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next())
}

/// Returns the anchors that GitHub generates for the headings.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|line| line.starts_with('#')).map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}
