//! Enhancements of every page for browsers that run scripts. The listeners are on the document, so they also serve
//! elements that are added or replaced later.
#![expect(missing_docs, reason = "`#[island]` makes a struct of its own")]

use leptos::prelude::*;

use super::{
    cell, check, copy, dom, editor, filter, keep_filter, keep_input, live, long_table, menu, palette, select,
    shortcuts, swap, times,
};
use crate::texts::Lang;

/// Starts all enhancements: forms marked `data-swap` replace only the elements that they change, filters act while
/// typing, buttons copy, times are local, menus close.
#[island]
pub fn Enhance(
    /// The language of the page.
    lang: Lang,
) -> impl IntoView {
    // Effects run only in the browser.
    Effect::new(move |_| {
        // Before `swap`, which reads the fields of a form.
        select::start(lang);
        swap::start(lang);
        long_table::start(lang);
        filter::start();
        keep_filter::start();
        cell::start();
        check::start();
        copy::start();
        times::start(lang);
        menu::start();
        palette::start(lang);
        shortcuts::start();
        keep_input::start();
        editor::mount();
        live::start(lang);
        dom::root().set_attribute("data-alive", "").ok();
    });
}
