//! Entry point of the islands in the browser.

/// Starts the islands. The page's script calls it first.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
