//! Shortcuts to the document.

use leptos::{
    wasm_bindgen::{JsCast, prelude::Closure},
    web_sys::{self, Document, DomParser, Element, Event, HtmlElement, NodeList, Response, SupportedType, Window},
};
use wasm_bindgen_futures::JsFuture;

/// Returns the window. Islands run only in a browser.
pub fn window() -> Window {
    web_sys::window().expect("a browser has a window")
}

/// Returns the document.
pub fn document() -> Document {
    window().document().expect("a window has a document")
}

/// Returns `<html>`.
pub fn root() -> Element {
    document().document_element().expect("a document has a root")
}

/// Calls `act` on every event of this name that reaches the document.
pub fn on(name: &str, act: impl FnMut(Event) + 'static) {
    let act = Closure::<dyn FnMut(Event)>::new(act);
    document().add_event_listener_with_callback(name, act.as_ref().unchecked_ref()).ok();
    // The listener lives as long as the page.
    act.forget();
}

/// Calls `act` whenever the size of the window changes.
pub fn on_resize(act: impl FnMut() + 'static) {
    let act = Closure::<dyn FnMut()>::new(act);
    window().add_event_listener_with_callback("resize", act.as_ref().unchecked_ref()).ok();
    act.forget();
}

/// Calls `act` once after `ms` milliseconds.
pub fn set_timeout(ms: i32, act: impl FnOnce() + 'static) {
    let act = Closure::once_into_js(act);
    window().set_timeout_with_callback_and_timeout_and_arguments_0(act.unchecked_ref(), ms).ok();
}

/// Calls `act` every `ms` milliseconds.
pub fn set_interval(ms: i32, act: impl FnMut() + 'static) {
    let act = Closure::<dyn FnMut()>::new(act);
    window().set_interval_with_callback_and_timeout_and_arguments_0(act.as_ref().unchecked_ref(), ms).ok();
    act.forget();
}

/// Returns the target of an event or its nearest ancestor that matches the selector.
pub fn closest(event: &Event, selector: &str) -> Option<HtmlElement> {
    let target = event.target()?.dyn_into::<Element>().ok()?;
    target.closest(selector).ok()??.dyn_into().ok()
}

/// Returns all elements below `root` that match the selector.
pub fn all(root: &Element, selector: &str) -> Vec<HtmlElement> {
    root.query_selector_all(selector).map(list).unwrap_or_default()
}

fn list(nodes: NodeList) -> Vec<HtmlElement> {
    (0..nodes.length()).filter_map(|n| nodes.item(n)?.dyn_into().ok()).collect()
}

/// Returns the element with this id.
pub fn by_id(id: &str) -> Option<HtmlElement> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

/// Says something in the page's status message, which screen readers announce.
pub fn say(text: &str) {
    let Some(flash) = by_id("flash") else { return };
    let Ok(message) = document().create_element("p") else { return };
    message.set_class_name("flash");
    message.set_text_content(Some(text));
    flash.replace_children_with_node_1(&message);
}

/// Parses the page in a response.
pub async fn parse(answer: &Response) -> Option<Document> {
    let text = JsFuture::from(answer.text().ok()?).await.ok()?.as_string()?;
    DomParser::new().ok()?.parse_from_string(&text, SupportedType::TextHtml).ok()
}
