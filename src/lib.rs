//! Trimtab: a configuration center with a web console.
//!
//! This list is the only place that knows which modules are for the server alone. `ARCHITECTURE.md` is the map.

#[cfg(feature = "ssr")]
pub mod auth;
#[cfg(feature = "ssr")]
pub mod channel;
#[cfg(feature = "ssr")]
pub mod delivery;
pub mod domain;
#[cfg(feature = "ssr")]
pub mod formats;
#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
pub mod storage;
pub mod texts;
