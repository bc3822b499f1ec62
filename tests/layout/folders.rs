//! Table of allowed dependencies. Every folder of `src` must be in it.

use std::collections::BTreeSet;

use super::dependencies::{File, Named};

/// A folder of `src`, or a file beside the folders.
pub struct Folder {
    pub name: &'static str,
    /// Other folders on which its code may depend.
    pub may_depend_on: &'static [&'static str],
    /// Entries of [`GUARDED`] that its code may use.
    pub may_use: &'static [&'static str],
}

const fn folder(name: &'static str, knows: &'static [&'static str], may: &'static [&'static str]) -> Folder {
    Folder { name, may_depend_on: knows, may_use: may }
}

/// Crates and parts of the standard library that only some folders may use.
const GUARDED: &[&str] = &[
    "axum",
    "clap",
    "etcd_client",
    "hyper",
    "leptos",
    "leptos_axum",
    "opentelemetry",
    "opentelemetry_otlp",
    "opentelemetry_proto",
    "opentelemetry_sdk",
    "prometheus_client",
    "sqlx",
    "std::env",
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "tonic",
    "tower",
    "tower_http",
    "tower_sessions",
    "tracing_opentelemetry",
    "utoipa",
    "wasm_bindgen",
    "web_sys",
];

/// Paths that a folder must not use although it may depend on their folder. Traces leave the process, so they must not
/// contain content.
const FORBIDDEN_PATHS: &[(&str, &str)] = &[("traces", "crate::domain::content")];

/// All folders. Each may depend only on folders that are listed before it.
#[rustfmt::skip]
pub const FOLDERS: &[Folder] = &[
    // Rules, without I/O and without a clock.
    folder("domain", &[], &["utoipa"]),
    folder("clock", &["domain"], &["std::time::SystemTime"]),
    folder("texts", &["domain"], &[]),
    folder("formats", &["domain"], &[]),
    folder("exchange", &["domain", "formats"], &[]),
    folder("search", &["domain", "formats"], &[]),

    // Tools that are independent of configuration.
    folder("stdio", &[], &["std::process", "std::fs"]),
    folder("private", &[], &["std::fs"]),
    folder("metrics", &[], &["prometheus_client", "std::fs", "std::time::Instant", "std::time::SystemTime"]),
    folder("compute", &["domain"], &["tokio", "std::time::Instant"]),
    folder("tasks", &["clock", "domain", "metrics", "texts"], &["tokio"]),
    folder("traces", &["domain"], &["opentelemetry", "opentelemetry_otlp", "opentelemetry_proto", "opentelemetry_sdk", "tokio", "tonic", "tracing_opentelemetry", "std::time::SystemTime"]),
    // Credentials.
    folder("auth", &["domain"], &["tokio", "std::time::Instant"]),

    // Storage of configuration.
    folder("channel", &["clock", "domain", "metrics", "traces"], &["etcd_client", "tokio", "tonic", "std::fs", "std::time::Instant"]),
    folder("storage", &["compute", "domain", "metrics", "private", "traces"], &["sqlx", "tokio", "std::fs", "std::time::Instant"]),

    // Use cases, without transport. The fast path is only a cache, so nothing below depends on it.
    folder("fast_path", &["channel", "clock", "compute", "domain", "metrics", "storage", "traces"], &["tokio", "std::time::Instant"]),
    folder("service", &["auth", "channel", "clock", "compute", "domain", "exchange", "fast_path", "formats", "metrics", "search", "storage", "traces"], &["tokio", "std::time::Instant"]),
    folder("delivery", &["auth", "channel", "clock", "domain", "fast_path", "service", "storage", "tasks", "texts", "traces"], &["tokio", "std::time::Instant"]),

    // HTTP. Readers are answered from memory, so `reader` depends neither on services nor on SQL.
    folder("http", &["compute", "domain", "texts", "traces"], &["axum", "hyper", "tokio", "utoipa"]),
    // Serves any application.
    folder("connections", &["domain", "http", "metrics"], &["axum", "hyper", "tokio", "tower", "std::time::SystemTime"]),
    folder("reader", &["auth", "channel", "clock", "connections", "domain", "http", "metrics", "tasks", "texts"], &["axum", "hyper", "tokio", "tower", "tower_http", "utoipa", "std::fs", "std::time::Instant"]),
    folder("session", &["auth", "clock", "domain", "http", "service", "storage", "tasks", "texts"], &["axum", "leptos", "tokio", "tower_sessions"]),
    folder("automation", &["auth", "compute", "domain", "http", "reader", "service"], &["axum", "utoipa"]),

    // The console.
    folder("components", &["domain", "texts"], &["leptos"]),
    folder("islands", &["components", "domain", "texts"], &["leptos", "wasm_bindgen", "web_sys"]),
    folder("browser", &["islands"], &["leptos", "wasm_bindgen"]),
    folder("api", &["auth", "domain", "formats", "service", "session", "texts"], &["leptos"]),
    folder("pages", &["api", "auth", "clock", "components", "compute", "domain", "exchange", "formats", "http", "islands", "reader", "search", "service", "session", "tasks", "texts"], &["axum", "leptos", "leptos_axum", "tokio", "tower", "tower_http", "tower_sessions", "std::env", "std::fs", "std::time::Instant", "std::time::SystemTime"]),

    // Wiring.
    folder("server", &["auth", "automation", "channel", "connections", "delivery", "domain", "fast_path", "http", "metrics", "pages", "private", "reader", "service", "session", "stdio", "storage", "tasks", "texts", "traces"], &["axum", "hyper", "leptos", "opentelemetry_sdk", "tokio", "tower", "tower_http", "std::env", "std::fs", "std::process", "std::time::Instant", "std::time::SystemTime"]),
    folder("cli", &["auth", "automation", "channel", "delivery", "domain", "exchange", "fast_path", "formats", "pages", "server", "service", "stdio", "storage", "texts", "traces"], &["clap", "tokio", "std::env", "std::fs", "std::process"]),
    // `lib.rs` and `main.rs`.
    folder("lib", &[], &["std::process"]),
];

/// Returns a line for each dependency that the table does not allow.
pub fn violations(files: &[File]) -> Vec<String> {
    let mut wrong = BTreeSet::new();
    for file in files {
        let Some(room) = FOLDERS.iter().find(|room| room.name == file.folder()) else {
            wrong.insert(format!("{}: {} has no line in tests/layout/folders.rs", file.name, file.folder()));
            continue;
        };
        for (line, what) in &file.obscuring {
            wrong.insert(format!("{}:{line}: {what}, which hides its dependencies", file.name));
        }
        for named in &file.named {
            if let Some(what) = forbidden(room, named) {
                wrong.insert(format!("{}:{}: {} must not depend on {what}", file.name, named.line, room.name));
            }
        }
    }
    wrong.into_iter().collect()
}

fn forbidden(room: &Folder, named: &Named) -> Option<String> {
    if let [root, other, ..] = &named.path[..]
        && root == "crate"
    {
        let never = FORBIDDEN_PATHS.iter().find(|(name, path)| *name == room.name && begins(&named.path, path));
        if let Some((_, path)) = never {
            return Some((*path).to_owned());
        }
        let known = other == room.name || room.may_depend_on.contains(&other.as_str());
        let is_room = other == "*" || FOLDERS.iter().any(|room| room.name == *other);
        return (is_room && !known && room.name != "lib").then(|| other.clone());
    }
    // A single name is a crate only in `use sqlx;`, which imports nothing.
    let is_named = |guarded: &str| named.path.len() > 1 && begins(&named.path, guarded);
    GUARDED
        .iter()
        .find(|guarded| !room.may_use.contains(guarded) && is_named(guarded))
        .map(|guarded| (*guarded).to_owned())
}

/// Returns whether a path names something in `prefix`. A glob names everything below it.
fn begins(path: &[String], prefix: &str) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let prefix: Vec<&str> = prefix.split("::").collect();
    match path.split_last() {
        Some((&"*", folder)) => prefix.starts_with(folder) || folder.starts_with(&prefix),
        _ => path.starts_with(&prefix),
    }
}
