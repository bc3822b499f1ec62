//! Trimtab: a configuration center with a web console.
//!
//! This list is the only place that knows which modules are for one side alone. `ARCHITECTURE.md` is the map.

pub mod api;
pub mod components;
pub mod domain;
pub mod islands;
pub mod texts;

#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
pub mod server;

#[cfg(feature = "hydrate")]
mod browser;
