//! The rules of Trimtab: names, documents, differences, merges, changes, releases and roles.
//!
//! This module does no I/O and reads no clock. All of it except `entry` compiles for the server and the browser.

pub mod access;
pub mod audit;
pub mod bin;
pub mod blame;
pub mod catalog;
pub mod change;
pub mod content;
pub mod diff;
pub mod drift;
#[cfg(feature = "ssr")]
pub mod entry;
pub mod error;
pub mod exchange;
pub mod favourite;
pub mod form_text;
pub mod format;
pub mod json;
pub mod limits;
pub mod merge;
pub mod names;
pub mod network;
pub mod numbers;
pub mod problem;
pub mod release;
pub mod sensitive;
pub mod time;
pub mod token;
pub mod undo;
pub mod unseen;
