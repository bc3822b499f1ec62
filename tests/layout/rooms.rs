//! The table of allowed arrows. A folder that is not in it is refused: say here what it may know.

use std::collections::BTreeSet;

use super::arrows::{File, Named};

/// A folder of `src`, or a file beside the folders.
pub struct Room {
    pub name: &'static str,
    /// Other rooms that its code may name.
    pub knows: &'static [&'static str],
    /// Entries of [`GUARDED`] that its code may name.
    pub may: &'static [&'static str],
}

const fn room(name: &'static str, knows: &'static [&'static str], may: &'static [&'static str]) -> Room {
    Room { name, knows, may }
}

/// Crates and parts of the standard library that are allowed to some rooms alone.
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
    "wasm_bindgen",
    "web_sys",
];

/// Paths that a room must not name although it knows their room. Traces leave the process, so they hold no content.
const NEVER: &[(&str, &str)] = &[("traces", "crate::domain::content")];

/// All rooms. Each knows only rooms that stand before it.
#[rustfmt::skip]
pub const ROOMS: &[Room] = &[
    // Rules, without I/O and without a clock.
    room("domain", &[], &[]),
    room("clock", &["domain"], &["std::time::SystemTime"]),
    room("texts", &["domain"], &[]),
    room("formats", &["domain"], &[]),

    // Tools that know nothing of configuration.
    room("stdio", &[], &["std::process", "std::fs"]),
    room("private", &[], &["std::fs"]),
    room("metrics", &[], &["prometheus_client", "std::fs", "std::time::Instant", "std::time::SystemTime"]),
    room("compute", &["domain"], &["tokio", "std::time::Instant"]),
    room("traces", &["domain"], &["opentelemetry", "opentelemetry_otlp", "opentelemetry_proto", "opentelemetry_sdk", "tokio", "tonic", "tracing_opentelemetry", "std::time::SystemTime"]),
    // Credentials.
    room("auth", &["domain"], &["tokio", "std::time::Instant"]),

    // Where configuration lies.
    room("channel", &["clock", "domain", "metrics", "traces"], &["etcd_client", "tokio", "std::fs", "std::time::Instant"]),
    room("storage", &["compute", "domain", "metrics", "private", "traces"], &["sqlx", "tokio", "std::fs", "std::time::Instant"]),

    // Use cases: no transport. What the fast path holds never counts, so nothing below asks it.
    room("fast_path", &["channel", "clock", "compute", "domain", "metrics", "storage", "traces"], &["tokio", "std::time::Instant"]),
    room("service", &["auth", "channel", "clock", "compute", "domain", "fast_path", "formats", "metrics", "storage", "traces"], &["tokio", "std::time::Instant"]),
    room("delivery", &["auth", "channel", "clock", "domain", "fast_path", "service", "storage", "traces"], &["tokio", "std::time::Instant"]),

    // What speaks HTTP. Readers are answered from memory: no service and no SQL.
    room("http", &["compute", "domain", "texts", "traces"], &["axum", "hyper", "tokio", "tower", "std::time::Instant"]),
    room("reader", &["auth", "channel", "clock", "domain", "http", "metrics", "texts"], &["axum", "hyper", "tokio", "tower", "tower_http", "std::fs", "std::time::Instant"]),
    room("session", &["auth", "clock", "domain", "http", "service", "storage"], &["axum", "leptos", "tokio", "tower_sessions"]),
    room("automation", &["auth", "compute", "domain", "http", "service"], &["axum"]),

    // The console.
    room("components", &["domain", "texts"], &["leptos"]),
    room("islands", &["components", "domain", "texts"], &["leptos", "wasm_bindgen", "web_sys"]),
    room("browser", &["islands"], &["leptos", "wasm_bindgen"]),
    room("api", &["auth", "domain", "formats", "service", "session", "texts"], &["leptos"]),
    room("pages", &["api", "auth", "clock", "components", "compute", "domain", "formats", "http", "islands", "reader", "service", "session", "texts"], &["axum", "leptos", "leptos_axum", "tokio", "tower", "tower_http", "tower_sessions", "std::env", "std::fs", "std::time::Instant", "std::time::SystemTime"]),

    // Puts all of it together.
    room("server", &["auth", "automation", "channel", "delivery", "domain", "fast_path", "http", "metrics", "pages", "private", "reader", "service", "session", "stdio", "storage", "texts", "traces"], &["axum", "hyper", "leptos", "opentelemetry_sdk", "tokio", "tower", "tower_http", "std::env", "std::fs", "std::process", "std::time::Instant", "std::time::SystemTime"]),
    room("cli", &["auth", "automation", "channel", "delivery", "domain", "fast_path", "formats", "pages", "server", "service", "stdio", "storage", "texts", "traces"], &["clap", "tokio", "std::env", "std::fs", "std::process"]),
    // `lib.rs` and `main.rs`.
    room("lib", &[], &["std::process"]),
];

/// Every arrow that the table does not allow, a line each.
pub fn violations(files: &[File]) -> Vec<String> {
    let mut wrong = BTreeSet::new();
    for file in files {
        let Some(room) = ROOMS.iter().find(|room| room.name == file.folder()) else {
            wrong.insert(format!("{}: {} has no line in tests/layout/rooms.rs", file.name, file.folder()));
            continue;
        };
        for (line, what) in &file.hides {
            wrong.insert(format!("{}:{line}: {what}, so that its arrows cannot be followed", file.name));
        }
        for named in &file.named {
            if let Some(what) = forbidden(room, named) {
                wrong.insert(format!("{}:{}: {} must not know {what}", file.name, named.line, room.name));
            }
        }
    }
    wrong.into_iter().collect()
}

fn forbidden(room: &Room, named: &Named) -> Option<String> {
    if let [root, other, ..] = &named.path[..]
        && root == "crate"
    {
        let never = NEVER.iter().find(|(name, path)| *name == room.name && begins(&named.path, path));
        if let Some((_, path)) = never {
            return Some((*path).to_owned());
        }
        let known = other == room.name || room.knows.contains(&other.as_str());
        let is_room = other == "*" || ROOMS.iter().any(|room| room.name == *other);
        return (is_room && !known && room.name != "lib").then(|| other.clone());
    }
    // A single name is a crate only in `use sqlx;`, which brings nothing in.
    let is_named = |guarded: &str| named.path.len() > 1 && begins(&named.path, guarded);
    GUARDED.iter().find(|guarded| !room.may.contains(guarded) && is_named(guarded)).map(|guarded| (*guarded).to_owned())
}

/// Tells whether a path names something in `prefix`. A glob names everything below it.
fn begins(path: &[String], prefix: &str) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let prefix: Vec<&str> = prefix.split("::").collect();
    match path.split_last() {
        Some((&"*", folder)) => prefix.starts_with(folder) || folder.starts_with(&prefix),
        _ => path.starts_with(&prefix),
    }
}
