//! Trimtab: a configuration center with a web console.
//!
//! This list is the only place that knows which modules are for the server alone. `ARCHITECTURE.md` is the map.

pub mod domain;
#[cfg(feature = "ssr")]
pub mod formats;
