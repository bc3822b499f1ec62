//! Replaces elements of the page with those of another page, or of a newer version of this page.

use leptos::{
    wasm_bindgen::{JsCast, JsValue},
    web_sys::{Document, HtmlElement},
};

use super::{cell, dom, editor, filter, long_table, select, times};
use crate::texts::Lang;

/// Replaces the elements with these ids by those of `page`.
pub fn replace_all<'a>(page: &Document, ids: impl IntoIterator<Item = &'a str>, lang: Lang) {
    for id in ids {
        replace_one(page, id);
    }
    times::localise(lang, &dom::root());
    long_table::again(lang);
    filter::again();
    select::again();
    editor::mount();
    cell::again();
}

/// Replaces the element with this id.
fn replace_one(page: &Document, id: &str) -> Option<()> {
    let old = dom::by_id(id)?;
    let new: HtmlElement = page.get_element_by_id(id)?.dyn_into().ok()?;
    if old.get_attribute("role").as_deref() == Some("status") {
        // Screen readers announce only changes inside a live region, so the region itself stays.
        let children = js_sys::Array::from(&new.child_nodes());
        old.replace_children_with_node(&children);
        return Some(());
    }
    if old.is_equal_node(Some(&new)) {
        return Some(());
    }
    old.replace_with_with_node_1(&new).ok()?;
    for island in dom::all(&new, "leptos-island") {
        hydrate(&island);
    }
    Some(())
}

/// Hydrates an island in a replaced element.
fn hydrate(island: &HtmlElement) -> Option<JsValue> {
    let hydrate = js_sys::Reflect::get(&dom::window(), &"__hydrateIsland".into()).ok()?;
    let hydrate: js_sys::Function = hydrate.dyn_into().ok()?;
    hydrate.call2(&JsValue::NULL, island, &island.dataset().get("component")?.into()).ok()
}
