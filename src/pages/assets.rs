//! The style and the islands' program, which pages load from `/pkg/`.

use std::{path::PathBuf, sync::Arc};

use hydration_context::SsrSharedContext;
use leptos::{config::LeptosOptions, hydration::HydrationScripts, nonce::Nonce, prelude::*};

/// Placeholder in the scripts for the nonce of each response.
const NONCE: &str = "0NONCE0";
/// Placeholder in the scripts for the name of the islands' files.
const NAME: &str = "0NAME0";

/// A file embedded in the binary. tools/site.mjs writes the list of them.
#[derive(Debug)]
pub struct File {
    /// Its URL path.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Hash of its content, in characters that an entity tag may have.
    pub hash: &'static str,
    /// Time of the last change of its content, in seconds since 1970.
    pub modified: u64,
    /// Its bytes.
    pub plain: &'static [u8],
    /// Its bytes in brotli, if it is served so.
    pub br: Option<&'static [u8]>,
    /// Its bytes in gzip, if it is served so.
    pub gzip: Option<&'static [u8]>,
}

/// Location of the files.
#[derive(Clone, Debug)]
pub enum Files {
    /// In the binary. Names in `/pkg/` contain a hash, so the content under a name never changes.
    Embedded(&'static [File]),
    /// In the folder of a development build, under names without a hash.
    Folder(PathBuf),
}

/// The files, and the tags that load the style and the islands.
#[derive(Clone, Debug)]
pub struct Assets {
    /// Location of the files.
    pub files: Files,
    /// URL path of the style sheet.
    pub style: String,
    /// URL path of the script of the editor, which only pages with an editor load.
    pub editor: String,
    scripts: String,
}

impl Assets {
    /// Returns the assets of a release build.
    pub fn embedded(files: &'static [File]) -> Self {
        let name = |begin: &str, kind: &str| {
            let mut names = files.iter().filter_map(|file| file.path.strip_prefix("/pkg/")?.strip_suffix(kind));
            names.find(|name| name.starts_with(begin)).unwrap_or_default()
        };
        let path = |begin: &str, kind: &str| format!("/pkg/{}{kind}", name(begin, kind));
        let scripts = scripts(name("trimtab.", ".js"), name("trimtab.", ".wasm"));
        Self { files: Files::Embedded(files), style: path("trimtab.", ".css"), editor: path("editor.", ".js"), scripts }
    }

    /// Returns the assets that `cargo leptos watch` keeps in this folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        let (style, editor) = ("/pkg/trimtab.css".to_owned(), "/pkg/editor.js".to_owned());
        Self { files: Files::Folder(folder.into()), style, editor, scripts: scripts("trimtab", "trimtab") }
    }

    /// Returns the scripts that start the islands.
    pub fn scripts(&self, nonce: &str) -> String {
        self.scripts.replace(NONCE, nonce)
    }
}

/// Renders the scripts of Leptos, which load `/pkg/<js>.js` and `/pkg/<wasm>.wasm`.
fn scripts(js: &str, wasm: &str) -> String {
    let owner = Owner::new_root(Some(Arc::new(SsrSharedContext::new_islands())));
    let options = LeptosOptions::builder().output_name(NAME).build();
    let html = owner.with(|| {
        provide_context(Nonce::from_value(NONCE));
        view! { <HydrationScripts options islands=true /> }.to_html()
    });
    owner.unset_with_forced_cleanup();
    // Leptos also writes the nonce into `crossorigin`, where it has no meaning.
    let html = html.replace(&format!("crossorigin=\"{NONCE}\""), "crossorigin=\"anonymous\"");
    // Leptos appends `_bg` to the WASM's name, unless cargo-leptos builds this.
    html.replace(&format!("{NAME}_bg"), wasm).replace(NAME, js)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_load_the_embedded_files() {
        const fn file(path: &'static str) -> File {
            File { path, content_type: "", hash: "", modified: 0, plain: b"", br: None, gzip: None }
        }
        static FILES: [File; 5] = [
            file("/robots.txt"),
            file("/pkg/editor.e.js"),
            file("/pkg/trimtab.s.css"),
            file("/pkg/trimtab.j.js"),
            file("/pkg/trimtab.w.wasm"),
        ];
        let assets = Assets::embedded(&FILES);
        assert_eq!(assets.style, "/pkg/trimtab.s.css");
        assert_eq!(assets.editor, "/pkg/editor.e.js");
        let scripts = assets.scripts("once");
        for part in ["\"/pkg/trimtab.j.js\"", "\"/pkg/trimtab.w.wasm\"", "\"trimtab.j\", \"trimtab.w\"", "\"once\""] {
            assert!(scripts.contains(part), "{part} in {scripts}");
        }
        assert!(!scripts.contains(NAME) && !scripts.contains(NONCE), "{scripts}");
    }
}
