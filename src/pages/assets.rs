//! Where the style and the islands' program are: `/pkg/trimtab[.hash].{css,js,wasm}`.

use std::{fs, path::PathBuf};

use hydration_context::SsrSharedContext;
use leptos::{config::LeptosOptions, hydration::HydrationScripts, nonce::Nonce, prelude::*};

/// Stands in the scripts where each answer puts a nonce of its own.
const NONCE: &str = "0NONCE0";

/// The tags that load the style and the islands.
#[derive(Clone, Debug)]
pub struct Assets {
    /// Where the files are on the disk.
    pub dir: PathBuf,
    /// The address of the style.
    pub style: String,
    scripts: String,
}

impl Assets {
    /// Reads the names of the files once: `hash.txt` is beside the program when the names have hashes.
    #[must_use]
    pub fn of(options: &LeptosOptions) -> Self {
        let (name, pkg) = (&options.output_name, &options.site_pkg_dir);
        let hash = options.hash_files.then(|| hash_of("css", options)).flatten();
        let style = hash.map_or_else(|| format!("/{pkg}/{name}.css"), |hash| format!("/{pkg}/{name}.{hash}.css"));
        Self { dir: PathBuf::from(&*options.site_root), style, scripts: scripts(options) }
    }

    /// The scripts that bring the islands to life.
    #[must_use]
    pub fn scripts(&self, nonce: &str) -> String {
        self.scripts.replace(NONCE, nonce)
    }
}

fn hash_of(kind: &str, options: &LeptosOptions) -> Option<String> {
    let beside = std::env::current_exe().ok()?.parent()?.join(&*options.hash_file);
    let lines = fs::read_to_string(beside).ok()?;
    lines.lines().filter_map(|line| line.split_once(':')).find(|(k, _)| k.trim() == kind).map(|(_, h)| h.trim().into())
}

/// Draws the scripts of Leptos once: drawing them reads `hash.txt` each time.
fn scripts(options: &LeptosOptions) -> String {
    let owner = Owner::new_root(Some(std::sync::Arc::new(SsrSharedContext::new_islands())));
    let options = options.clone();
    let html = owner.with(|| {
        provide_context(Nonce::from_value(NONCE));
        view! { <HydrationScripts options islands=true /> }.to_html()
    });
    owner.unset_with_forced_cleanup();
    // Leptos writes the nonce here too, where it means nothing.
    html.replace(&format!("crossorigin=\"{NONCE}\""), "crossorigin=\"anonymous\"")
}
