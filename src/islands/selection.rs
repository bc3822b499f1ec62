//! The selected rows of the table with checkboxes. Rows are known by their keys, because most rows of a long table are not
//! in the page.

use std::{cell::RefCell, collections::BTreeSet};

use leptos::{
    wasm_bindgen::JsCast,
    web_sys::{Element, HtmlInputElement},
};

use super::dom;

/// Checkboxes of rows.
pub const BOXES: &str = "td.pick input";

thread_local! {
    pub static SELECTION: RefCell<Selection> = RefCell::default();
}

/// The selected rows.
#[derive(Default)]
pub struct Selection {
    /// All rows of a long table are selected, except `keys`. Otherwise only `keys` are.
    pub all: bool,
    pub keys: BTreeSet<String>,
    /// The row that was clicked last, where a range begins.
    pub last: Option<String>,
    /// The form has been sent.
    pub sent: bool,
}

impl Selection {
    /// Returns whether a row is selected.
    pub fn has(&self, key: &str) -> bool {
        self.keys.contains(key) != self.all
    }

    /// Selects a row, or ends its selection.
    pub fn set(&mut self, key: String, selected: bool) {
        if selected == self.all {
            self.keys.remove(&key)
        } else {
            self.keys.insert(key)
        };
    }
}

/// Sets the checkboxes below `root` to the selection.
pub fn mark(root: &Element) {
    SELECTION.with_borrow(|selection| {
        for checkbox in dom::all(root, BOXES) {
            if let Some(checkbox) = checkbox.dyn_ref::<HtmlInputElement>() {
                checkbox.set_checked(selection.has(&checkbox.value()));
            }
        }
    });
}
