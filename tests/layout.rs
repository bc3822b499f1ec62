//! Keeps the arrows of ARCHITECTURE.md: which folder may know of which.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Whoever is counted or told of.
const WHO_WORKS: &[&str] = &[
    "crate::api",
    "crate::auth",
    "crate::automation",
    "crate::channel",
    "crate::delivery",
    "crate::http",
    "crate::pages",
    "crate::reader",
    "crate::server",
    "crate::service",
    "crate::storage",
    "sqlx",
    "axum",
    "leptos",
    "etcd_client",
];

/// A folder of `src` and what its code must not name.
const ARROWS: &[(&str, &[&str])] = &[
    // domain knows no I/O and nobody else.
    (
        "domain",
        &[
            "crate::api",
            "crate::auth",
            "crate::automation",
            "crate::channel",
            "crate::cli",
            "crate::components",
            "crate::delivery",
            "crate::formats",
            "crate::http",
            "crate::islands",
            "crate::pages",
            "crate::reader",
            "crate::server",
            "crate::service",
            "crate::storage",
            "crate::texts",
            "sqlx",
            "axum",
            "leptos",
            "etcd_client",
            "tokio",
            "SystemTime",
            "Instant::now",
        ],
    ),
    ("formats", &["crate::service", "crate::storage", "crate::channel", "sqlx", "axum", "leptos", "tokio"]),
    // Everybody counts; counting knows nobody.
    ("metrics", WHO_WORKS),
    // It runs whatever it is given.
    ("compute", WHO_WORKS),
    // What is told of a request is nothing that somebody sent.
    ("traces", WHO_WORKS),
    ("traces", &["crate::domain::content"]),
    // Use cases know rules, storage, formats and passwords; no transport.
    (
        "service",
        &[
            "crate::api",
            "crate::automation",
            "crate::components",
            "crate::delivery",
            "crate::http",
            "crate::islands",
            "crate::pages",
            "crate::reader",
            "crate::server",
            "sqlx",
            "axum",
            "leptos",
            "etcd_client",
        ],
    ),
    ("storage", &["crate::api", "crate::pages", "crate::service", "crate::server", "axum", "leptos", "etcd_client"]),
    ("channel", &["crate::storage", "crate::service", "crate::pages", "crate::server", "sqlx", "axum", "leptos"]),
    (
        "delivery",
        &["crate::api", "crate::pages", "crate::reader", "crate::server", "sqlx", "axum", "leptos", "etcd_client"],
    ),
    // Readers answer from memory.
    (
        "reader",
        &[
            "crate::service",
            "crate::storage",
            "crate::pages",
            "crate::delivery",
            "crate::server",
            "sqlx",
            "leptos",
            "etcd_client",
        ],
    ),
    ("api", &["crate::storage", "crate::channel", "crate::delivery", "sqlx", "etcd_client"]),
    (
        "automation",
        &[
            "crate::storage::Db",
            "crate::storage::Conn",
            "crate::channel",
            "crate::pages",
            "sqlx",
            "leptos",
            "etcd_client",
        ],
    ),
    (
        "pages",
        &["crate::storage::Db", "crate::storage::Conn", "crate::channel", "crate::delivery", "sqlx", "etcd_client"],
    ),
    ("islands", &["crate::service", "crate::storage", "crate::pages", "crate::auth", "crate::channel", "sqlx", "axum"]),
    ("components", &["crate::service", "crate::storage", "crate::pages", "crate::auth", "crate::api", "sqlx", "axum"]),
    ("texts", &["crate::service", "crate::storage", "crate::pages", "crate::components", "sqlx", "axum", "leptos"]),
];

#[test]
fn every_folder_knows_only_what_it_may() {
    let mut wrong = Vec::new();
    for (folder, forbidden) in ARROWS {
        let files = sources(&Path::new("src").join(folder));
        assert!(!files.is_empty(), "src/{folder} is gone: take it out of this list");
        for file in files {
            for (number, line) in code(&file) {
                for name in forbidden.iter().filter(|name| names(&line, name)) {
                    wrong.push(format!("{}:{number}: {folder} must not know {name}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn sql_is_in_storage_and_etcd_in_the_channel_alone() {
    for file in sources(Path::new("src")) {
        let path = file.to_string_lossy().into_owned();
        for (number, line) in code(&file) {
            let sql = names(&line, "sqlx") && !path.starts_with("src/storage");
            let etcd = names(&line, "etcd_client") && !path.starts_with("src/channel");
            assert!(!sql && !etcd, "{path}:{number}: {}", line.trim());
        }
    }
}

#[test]
fn what_traces_hold_is_written_in_one_folder() {
    for file in sources(Path::new("src")) {
        let path = file.to_string_lossy().into_owned();
        for (number, line) in code(&file) {
            let makes =
                ["opentelemetry", "opentelemetry_proto", "tracing_opentelemetry"].iter().any(|n| names(&line, n));
            let span = ["span!", "_span!", "#[instrument", "tracing::instrument"].iter().any(|n| line.contains(n));
            let ours = path.starts_with("src/traces/");
            // The log says which request its lines belong to.
            let log = path == "src/http/request_id.rs";
            assert!(ours || !(makes || span && !log), "{path}:{number}: {}", line.trim());
        }
    }
}

#[test]
fn raw_html_is_written_in_one_file() {
    let mut files: Vec<PathBuf> = sources(Path::new("src"));
    files.retain(|file| code(file).iter().any(|(_, line)| line.contains("inner_html=")));
    assert!(files.len() <= 1, "a value written unescaped is how a page is taken over: {files:?}");
}

#[test]
fn the_arrows_would_be_seen_if_they_broke() {
    assert!(
        names("use sqlx::query;", "sqlx") && names("    let x = crate::storage::Db::open();", "crate::storage::Db")
    );
    assert!(!names("use mysqlx::query;", "sqlx") && !names("crate::storage::Dbx", "crate::storage::Db"));
}

/// Whether a line names a path: as a whole word.
fn names(line: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        !before.ends_with(|c| word(c) || c == ':') && !after.starts_with(word)
    })
}

/// The lines of a file that are code, numbered; comments and what follows `#[cfg(test)]` left out. Grouped imports
/// (`use crate::{storage::Db, …}`) are taken apart, so that `crate::` stands before each name.
fn code(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).unwrap();
    let (mut lines, mut in_group) = (Vec::new(), false);
    for (n, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with("#[cfg(test)]") {
            break;
        }
        if trimmed.starts_with("//") {
            continue;
        }
        let line = line.split(" // ").next().unwrap_or_default();
        in_group |= line.trim_start().starts_with("use crate::{");
        if in_group {
            let inner = line.trim().trim_start_matches("use crate::{");
            // Only the first level: what is inside further braces belongs to the name before them.
            lines.push((n + 1, format!("crate::{inner}")));
            in_group = !line.contains("};");
        } else {
            lines.push((n + 1, line.to_owned()));
        }
    }
    lines
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        // What is in `tests` is compiled for tests alone.
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
