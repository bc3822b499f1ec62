//! Closes menus on a click elsewhere and on Escape.

use leptos::{
    wasm_bindgen::JsCast,
    web_sys::{Element, HtmlElement, KeyboardEvent, Node},
};

use super::dom;

const OPEN: &str = "details.menu[open]";

pub fn start() {
    dom::on("click", |event| {
        let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
        for menu in dom::all(&dom::root(), OPEN) {
            if !menu.contains(target.as_ref()) {
                menu.remove_attribute("open").ok();
            }
        }
    });
    dom::on("keydown", |event| {
        if event.dyn_ref::<KeyboardEvent>().is_none_or(|key| key.key() != "Escape") {
            return;
        }
        for menu in dom::all(&dom::root(), OPEN) {
            let focus: Option<Element> = dom::document().active_element();
            let inside = menu.contains(focus.as_deref());
            menu.remove_attribute("open").ok();
            let summary = menu.query_selector("summary").ok().flatten().and_then(|s| s.dyn_into::<HtmlElement>().ok());
            if let (true, Some(summary)) = (inside, summary) {
                summary.focus().ok();
            }
        }
    });
}
