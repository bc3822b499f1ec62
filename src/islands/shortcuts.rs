//! Keyboard shortcuts: `/` for the filter, `n` and `p` for the next and previous difference, Ctrl+Z and Ctrl+Shift+Z for
//! undo and redo, `?` for the list of all. They are ignored in fields, and can be switched off (`data-keys="off"` on the
//! document).

use leptos::{
    wasm_bindgen::JsCast,
    web_sys::{KeyboardEvent, ScrollIntoViewOptions, ScrollLogicalPosition},
};

use super::dom;

pub fn start() {
    dom::on("keydown", |event| {
        let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
        let typing = dom::closest(&event, "input, textarea, select, [contenteditable]").is_some();
        let ctrl = key.ctrl_key() || key.meta_key();
        if typing || key.alt_key() || dom::root().get_attribute("data-keys").as_deref() == Some("off") {
            return;
        }
        let press = |button: &str| dom::all(&dom::root(), button).first().map(|button| button.click()).is_some();
        let acted = match key.key().as_str() {
            "z" if ctrl => press("[data-undo]"),
            "y" | "Z" if ctrl => press("[data-redo]"),
            _ if ctrl => false,
            "/" => dom::all(&dom::root(), "[data-filter], main input[type=search]")
                .first()
                .is_some_and(|filter| filter.focus().is_ok()),
            "?" => press("[data-key-help]"),
            "n" => step(1),
            "p" => step(-1),
            _ => false,
        };
        if acted {
            event.prevent_default();
        }
    });
}

/// Goes to the next or the previous difference.
fn step(by: i32) -> bool {
    let hunks = dom::all(&dom::root(), "[data-hunk]");
    let Ok(count) = i32::try_from(hunks.len()) else { return false };
    if count == 0 {
        return false;
    }
    let at = hunks.iter().position(|hunk| hunk.has_attribute("data-here"));
    let next = match at.and_then(|at| i32::try_from(at).ok()) {
        Some(at) => (at + by).rem_euclid(count),
        None if by > 0 => 0,
        None => count - 1,
    };
    if let Some(at) = at {
        hunks[at].remove_attribute("data-here").ok();
    }
    let Some(hunk) = usize::try_from(next).ok().and_then(|n| hunks.get(n)) else { return false };
    hunk.set_attribute("data-here", "").ok();
    hunk.set_tab_index(-1);
    hunk.focus().ok();
    let options = ScrollIntoViewOptions::new();
    options.set_block(ScrollLogicalPosition::Center);
    hunk.scroll_into_view_with_scroll_into_view_options(&options);
    true
}
