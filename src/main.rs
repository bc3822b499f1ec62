//! The command line's door, and the site that the program carries.

// tools/build.sh passes `--cfg site` to this crate alone, so that another site does not build the library anew.
#![allow(unexpected_cfgs)]

// Written by tools/site.mjs.
#[cfg(site)]
include!(env!("TRIMTAB_SITE"));

/// A build without a site serves the folder that `cargo leptos watch` makes.
#[cfg(not(site))]
const SITE: &[trimtab::pages::assets::File] = &[];

fn main() -> std::process::ExitCode {
    trimtab::cli::run(SITE)
}
