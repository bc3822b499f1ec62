//! Trimtab: a configuration center with a web console.
//!
//! This list is the only place that knows which modules are for the server alone. `ARCHITECTURE.md` is the map.

pub mod domain;
pub mod texts;

#[cfg(feature = "ssr")]
pub mod auth;
#[cfg(feature = "ssr")]
pub mod channel;
#[cfg(feature = "ssr")]
pub mod http;
#[cfg(feature = "ssr")]
pub mod reader;
