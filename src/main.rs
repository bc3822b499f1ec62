//! Entry point of the command line, and the site that the binary carries.

// tools/build.sh passes `--cfg site` only to this crate, so that a new site does not rebuild the library.
#![allow(unexpected_cfgs)]

// Written by tools/site.mjs.
#[cfg(site)]
include!(env!("TRIMTAB_SITE"));

/// The site of a build without one. The server then serves the folder of `cargo leptos watch`.
#[cfg(not(site))]
const SITE: &[trimtab::pages::assets::File] = &[];

fn main() -> std::process::ExitCode {
    trimtab::cli::run(SITE)
}
