//! Checks of a single-line value while it is typed, by the rules of the server. Texts in an editor have checks of their own
//! (`editor/lint.js`).

use std::cell::Cell;

use leptos::{
    wasm_bindgen::{JsCast, JsValue},
    web_sys::{Event, HtmlElement, HtmlFormElement, HtmlInputElement, RequestInit, Response, UrlSearchParams},
};
use serde::Deserialize;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::dom;

/// Pause after the last key before a check, in milliseconds.
const DELAY_MS: i32 = 300;

thread_local! {
    /// The number of the last input, so that only the last one is checked.
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// The part of the answer that is shown.
#[derive(Deserialize)]
struct Problem {
    message: String,
}

pub fn start() {
    dom::on("input", |event| {
        later(&event);
    });
    dom::on("change", |event| {
        // Another type has other rules.
        if dom::closest(&event, "select[name=kind]").is_some() {
            later(&event);
        }
    });
}

fn later(event: &Event) -> Option<()> {
    let target = event.target()?.dyn_into::<HtmlElement>().ok()?;
    let form: HtmlFormElement = target.closest("form").ok()??.dyn_into().ok()?;
    let input: HtmlInputElement = form.query_selector("input[data-check]").ok()??.dyn_into().ok()?;
    if !matches!(target.get_attribute("name").as_deref(), Some("value" | "kind")) {
        return None;
    }
    let number = LAST.get().wrapping_add(1);
    LAST.set(number);
    dom::set_timeout(DELAY_MS, move || {
        if LAST.get() == number {
            spawn_local(async move {
                // If the server cannot be reached, saving reports it.
                let problems = check(&form, &input).await;
                if let Some(problems) = problems.filter(|_| LAST.get() == number) {
                    show(&input, problems.first().map(|problem| problem.message.as_str()));
                }
            });
        }
    });
    Some(())
}

async fn check(form: &HtmlFormElement, input: &HtmlInputElement) -> Option<Vec<Problem>> {
    let fields = UrlSearchParams::new().ok()?;
    for (sent, name) in [("config", "config"), ("kind", "kind"), ("text_was", "value_was")] {
        let field = form.query_selector(&format!("[name={name}]")).ok()?;
        let value = field.and_then(|field| js_sys::Reflect::get(&field, &"value".into()).ok()?.as_string());
        fields.append(sent, &value.unwrap_or_default());
    }
    fields.append("text", &input.value());
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&fields);
    let headers = js_sys::Object::new();
    js_sys::Reflect::set(&headers, &JsValue::from_str("accept"), &JsValue::from_str("application/json")).ok()?;
    init.set_headers(&headers);
    let address = input.dataset().get("check")?;
    let answer = JsFuture::from(dom::window().fetch_with_str_and_init(&address, &init)).await.ok()?;
    let answer: Response = answer.dyn_into().ok()?;
    if !answer.ok() {
        return None;
    }
    serde_json::from_str(&JsFuture::from(answer.text().ok()?).await.ok()?.as_string()?).ok()
}

/// Shows a problem below the field, or removes the one there.
fn show(input: &HtmlInputElement, problem: Option<&str>) -> Option<()> {
    let id = format!("{}-error", input.id());
    let Some(text) = problem else {
        input.remove_attribute("aria-invalid").ok()?;
        dom::by_id(&id)?.set_text_content(None);
        return Some(());
    };
    let place = match dom::by_id(&id) {
        Some(place) => place,
        None => {
            let place: HtmlElement = dom::document().create_element("p").ok()?.dyn_into().ok()?;
            place.set_id(&id);
            place.set_class_name("wrong");
            place.set_attribute("aria-live", "polite").ok()?;
            input.parent_element()?.append_child(&place).ok()?;
            let described_by =
                input.get_attribute("aria-describedby").map_or(id.clone(), |other| format!("{id} {other}"));
            input.set_attribute("aria-describedby", &described_by).ok()?;
            place
        }
    };
    input.set_attribute("aria-invalid", "true").ok()?;
    place.set_text_content(Some(text));
    Some(())
}
