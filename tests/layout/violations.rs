//! Forbidden dependencies, in every syntax that could hide them, must be found.

use super::{cycles::cycles, dependencies::File, folders::violations};

/// Name of a file, its code, and the folder or crate on which it must not depend.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("src/domain/time.rs", "use crate::storage::Db;", "storage"),
    // In a group on one line, and deeper.
    ("src/domain/time.rs", "use crate::{texts::Lang, clock};", "texts"),
    ("src/reader/shelf.rs", "use crate::{domain::{time::Time}, service::{self as s, Service}};", "service"),
    // After the tests of a file, and before another item of it.
    (
        "src/channel/mod.rs",
        "#[cfg(test)] mod suite; #[cfg(test)] mod tests { use super::*; } use crate::service::now;",
        "service",
    ),
    // Without a `use`: in a type, a call, a pattern, a bound.
    ("src/auth/tokens.rs", "fn f(db: &crate::storage::Db) {}", "storage"),
    ("src/http/body.rs", "fn f() { let x = crate::pages::console(1); }", "pages"),
    ("src/texts/mod.rs", "fn f(x: u8) { match x { crate::server::PORT => {} _ => {} } }", "server"),
    ("src/storage/mod.rs", "fn f<T: crate::service::Known>(t: T) {}", "service"),
    // In a macro, also in a group in it.
    ("src/components/form.rs", "fn f() { view! { <p>{move || crate::service::now()}</p> } }", "service"),
    ("src/islands/keep.rs", "macro_rules! m { () => { use crate::{texts::Lang, storage::Db}; } }", "storage"),
    // Through `super`.
    ("src/reader/last_good/file.rs", "use super::super::super::service::Service;", "service"),
    ("src/automation/edits.rs", "fn f() { super::super::storage::open() }", "storage"),
    // Under another name.
    ("src/api/mod.rs", "use crate::channel as carrier; fn f() { carrier::open() }", "channel"),
    ("src/cli/mod.rs", "use crate::reader::Reader as R;", "reader"),
    // In an attribute, in an implementation, in a field.
    ("src/domain/time.rs", "struct A { #[serde(with = \"x\")] a: crate::clock::Clock }", "clock"),
    ("src/domain/time.rs", "impl A { fn f() -> crate::formats::Media { todo!() } }", "formats"),
    // Crates and the standard library.
    ("src/service/save.rs", "use sqlx::query;", "sqlx"),
    ("src/delivery/publisher.rs", "fn f(c: etcd_client::Client) {}", "etcd_client"),
    ("src/domain/time.rs", "use std::time::{Duration, SystemTime};", "std::time::SystemTime"),
    ("src/domain/time.rs", "use std::time; fn f() { time::Instant::now(); }", "std::time::Instant"),
    ("src/reader/mod.rs", "use leptos::prelude::*;", "leptos"),
    ("src/server/mod.rs", "use sqlx::query;", "sqlx"),
    ("src/cli/mod.rs", "fn f(c: etcd_client::Client) {}", "etcd_client"),
    ("src/server/telemetry.rs", "use opentelemetry::trace::TracerProvider;", "opentelemetry"),
    ("src/traces/mod.rs", "use crate::domain::content::Item;", "crate::domain::content"),
    // By a glob.
    ("src/service/save.rs", "use sqlx::*;", "sqlx"),
    ("src/domain/time.rs", "use std::time::*;", "std::time::Instant"),
    ("src/domain/time.rs", "use crate::*;", "*"),
    ("src/reader/shelf.rs", "use super::super::*;", "*"),
    ("src/traces/mod.rs", "use crate::domain::*;", "crate::domain::content"),
    ("src/formats/toml.rs", "async fn f() { tokio::spawn(async {}); }", "tokio"),
    // Syntax that would hide a dependency.
    ("src/domain/time.rs", "#[path = \"../storage/mod.rs\"] mod s;", "#[path]"),
    ("src/domain/time.rs", "extern crate sqlx as s;", "extern crate"),
    ("src/domain/time.rs", "use crate as c;", "renames"),
    // A new folder must be added to the table.
    ("src/webhooks/mod.rs", "fn f() {}", "webhooks"),
];

#[test]
fn forbidden_dependencies_are_found() {
    for (name, code, what) in FORBIDDEN {
        let wrong = violations(&[File::parse(name, code)]);
        assert!(wrong.iter().any(|line| line.contains(name) && line.contains(what)), "{name}: {code}\n{wrong:?}");
    }
}

#[test]
fn allowed_dependencies_and_those_of_tests_are_accepted() {
    for (name, code) in [
        ("src/storage/mod.rs", "use crate::{domain::{access::Pattern, names::*}, metrics}; use sqlx::query;"),
        ("src/domain/time.rs", "#[cfg(test)] mod tests { use crate::storage::Db; }"),
        ("src/domain/time.rs", "#[cfg(test)] use crate::storage::Db; #[test] fn f() { crate::server::start() }"),
        ("src/domain/time.rs", "impl A { #[cfg(test)] fn f() { crate::server::start() } }"),
        ("src/domain/time.rs", "/// See `crate::storage`. \n pub(in crate::domain) fn f() { \"crate::storage::Db\"; }"),
        ("src/domain/access/actor.rs", "use super::super::names::AppName; use super::Pattern;"),
        ("src/http/host.rs", "use axum::http::Uri; use std::time::Duration;"),
    ] {
        assert_eq!(violations(&[File::parse(name, code)]), [""; 0], "{code}");
    }
}

#[test]
fn cycles_are_found_through_re_exports_but_not_between_parent_and_child() {
    let circle =
        |files: &[(&str, &str)]| cycles(&files.iter().map(|(name, code)| File::parse(name, code)).collect::<Vec<_>>());
    let (a, b) = ("src/service/a.rs", "src/service/b.rs");
    assert_eq!(circle(&[(a, "use super::b::B;"), (b, "fn f() { crate::service::a::A::new() }")]), [[a, b]]);
    let parent = ("src/service/mod.rs", "mod a; mod b; pub use b::B; pub use self::a::A;");
    assert_eq!(circle(&[(a, "use super::B;"), (b, "use crate::service::A;"), parent]), [[a, b]]);
    assert!(circle(&[(a, "use super::B;"), (b, ""), parent]).is_empty());
    let child = ("src/service/a/c.rs", "use super::A;");
    assert!(circle(&[(a, "mod c; use self::c::C;"), child]).is_empty(), "a parent and its child are no cycle");
    let c = ("src/service/c.rs", "use super::a::A;");
    assert_eq!(circle(&[(a, "use super::b::B;"), (b, "use super::c::C;"), c]).len(), 1);
}
