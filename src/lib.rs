//! Trimtab: a configuration center with a web console.
//!
//! This list alone decides which modules are only for the server or the browser. `ARCHITECTURE.md` is the map.

// The nested futures of a page's request exceed the compiler's default of 128.
#![recursion_limit = "256"]
// These macros panic on a closed pipe or a full disk. `stdio` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod api;
pub mod components;
pub mod domain;
pub mod islands;
pub mod texts;

#[cfg(feature = "ssr")]
pub mod auth;
#[cfg(feature = "ssr")]
pub mod automation;
#[cfg(feature = "ssr")]
pub mod channel;
#[cfg(feature = "ssr")]
pub mod cli;
#[cfg(feature = "ssr")]
pub mod clock;
#[cfg(feature = "ssr")]
pub mod compute;
#[cfg(feature = "ssr")]
pub mod connections;
#[cfg(feature = "ssr")]
pub mod delivery;
#[cfg(feature = "ssr")]
pub mod exchange;
#[cfg(feature = "ssr")]
pub mod fast_path;
#[cfg(feature = "ssr")]
pub mod formats;
#[cfg(feature = "ssr")]
pub mod http;
#[cfg(feature = "ssr")]
pub mod metrics;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
mod private;
#[cfg(feature = "ssr")]
pub mod reader;
#[cfg(feature = "ssr")]
pub mod search;
#[cfg(feature = "ssr")]
pub mod server;
#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
pub mod session;
#[cfg(feature = "ssr")]
pub mod stdio;
#[cfg(feature = "ssr")]
pub mod storage;
#[cfg(feature = "ssr")]
pub mod tasks;
#[cfg(feature = "ssr")]
pub mod traces;

#[cfg(feature = "hydrate")]
mod browser;

#[cfg(test)]
#[path = "../tests/behaviour/support/prerequisites.rs"]
mod prerequisites;
