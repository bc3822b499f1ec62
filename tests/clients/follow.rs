//! Compiles the Rust program of the page "Use it" for the behaviour tests, with this repository's lints. The page shows
//! the included file.
#![expect(clippy::disallowed_methods, reason = "the program of an application may use thread::sleep")]

include!("../../src/pages/config/clients/follow.rs");
