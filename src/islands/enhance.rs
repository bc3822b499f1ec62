//! What every page of the console gets where scripts run, by delegation from the document: whatever is drawn or
//! exchanged later is served too.
#![expect(missing_docs, reason = "`#[island]` makes a struct of its own")]

use leptos::prelude::*;

use super::{carry, copy, dom, filter, keep, keys, live, menu, swap, times};
use crate::texts::Lang;

/// Brings the page to life: forms marked `data-swap` exchange only what they change, filters act as you type, buttons
/// copy, times are local, menus close.
#[island]
pub fn Enhance(
    /// The language of the page.
    lang: Lang,
) -> impl IntoView {
    // Effects run in the browser alone.
    Effect::new(move |_| {
        swap::start(lang);
        filter::start();
        carry::start();
        copy::start();
        times::start(lang);
        menu::start();
        keys::start();
        keep::start();
        live::start(lang);
        dom::root().set_attribute("data-alive", "").ok();
    });
}
