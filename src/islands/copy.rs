//! Copy buttons: `data-copy` is the text, `data-copied` the label of the button for a moment afterwards.

use leptos::{
    wasm_bindgen::{JsCast, JsValue},
    web_sys::{HtmlDocument, HtmlElement, HtmlTextAreaElement},
};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::dom;

pub fn start() {
    dom::on("click", |event| {
        let Some(button) = dom::closest(&event, "[data-copy]") else { return };
        let text = button.dataset().get("copy").unwrap_or_default();
        spawn_local(async move {
            if write(&text).await {
                show_copied(&button);
            }
        });
    });
}

/// Writes a text to the clipboard. Returns whether the browser allowed it.
pub async fn write(text: &str) -> bool {
    let navigator = dom::window().navigator();
    // Without HTTPS there is no clipboard API, but `execCommand` works.
    let there = js_sys::Reflect::get(&navigator, &JsValue::from_str("clipboard")).is_ok_and(|c| c.is_object());
    if there && JsFuture::from(navigator.clipboard().write_text(text)).await.is_ok() {
        return true;
    }
    by_selection(text).unwrap_or(false)
}

fn by_selection(text: &str) -> Option<bool> {
    let document = dom::document();
    let field: HtmlTextAreaElement = document.create_element("textarea").ok()?.dyn_into().ok()?;
    field.set_value(text);
    field.set_class_name("visually-hidden");
    document.body()?.append_child(&field).ok()?;
    field.select();
    let copied = document.dyn_into::<HtmlDocument>().ok()?.exec_command("copy").ok();
    field.remove();
    copied
}

fn show_copied(button: &HtmlElement) {
    let was = button.get_attribute("aria-label");
    let said = button.dataset().get("copied");
    if let (Some(said), None) = (said, button.get_attribute("data-done")) {
        button.set_attribute("aria-label", &said).ok();
        button.set_attribute("data-done", "").ok();
        let button = button.clone();
        dom::set_timeout(1600, move || {
            button.remove_attribute("data-done").ok();
            match was {
                Some(was) => button.set_attribute("aria-label", &was).ok(),
                None => button.remove_attribute("aria-label").ok(),
            };
        });
    }
}
