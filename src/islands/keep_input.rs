//! Keeps the input when the page is reloaded in the other language, or with a newer release.

use leptos::{
    wasm_bindgen::JsCast,
    web_sys::{HtmlElement, HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement, Storage},
};

use super::dom;

const KEY: &str = "kept";

/// Id and value of a field, and the release that its form is based on. Without it, saving would overwrite what a newer
/// release says.
type Typed = (String, String, Option<String>);

pub fn start() {
    restore();
    dom::on("submit", |event| {
        if dom::closest(&event, "form[data-keep]").is_some() {
            keep();
        }
    });
}

fn storage() -> Option<Storage> {
    dom::window().session_storage().ok().flatten()
}

fn fields() -> Vec<HtmlElement> {
    let fields = ":is(input:not([type=hidden], [type=password]), textarea, select)[id]";
    dom::all(&dom::root(), &format!("form[method=post] {fields}, {fields}[form]"))
}

/// Returns the value of a field if it differs from the one that the server sent.
fn typed(field: &HtmlElement) -> Option<String> {
    if let Some(input) = field.dyn_ref::<HtmlInputElement>() {
        return match input.type_().as_str() {
            "checkbox" => (input.checked() != input.default_checked()).then(|| input.checked().to_string()),
            _ => (input.value() != input.default_value()).then(|| input.value()),
        };
    }
    if let Some(area) = field.dyn_ref::<HtmlTextAreaElement>() {
        return (area.default_value().ok() != Some(area.value())).then(|| area.value());
    }
    field.dyn_ref::<HtmlSelectElement>().map(HtmlSelectElement::value)
}

/// Returns the hidden field with the release that the form of a field is based on.
fn base_of(field: &HtmlElement) -> Option<HtmlInputElement> {
    field.closest("form").ok()??.query_selector("input[name=base]").ok()??.dyn_into().ok()
}

fn keep() {
    let typed: Vec<Typed> =
        fields().iter().filter_map(|f| Some((f.id(), typed(f)?, base_of(f).map(|base| base.value())))).collect();
    let path = dom::window().location().pathname().unwrap_or_default();
    if let (Some(storage), Ok(json)) = (storage(), serde_json::to_string(&(path, typed))) {
        storage.set_item(KEY, &json).ok();
    }
}

fn restore() -> Option<()> {
    let storage = storage()?;
    let json = storage.get_item(KEY).ok()??;
    storage.remove_item(KEY).ok();
    let (path, typed): (String, Vec<Typed>) = serde_json::from_str(&json).ok()?;
    if dom::window().location().pathname().ok()? != path {
        return None;
    }
    for (id, value, base) in typed {
        let Some(field) = dom::by_id(&id) else { continue };
        if let Some((field, base)) = base_of(&field).zip(base) {
            field.set_value(&base);
        }
        if let Some(input) = field.dyn_ref::<HtmlInputElement>() {
            match input.type_().as_str() {
                "checkbox" => input.set_checked(value == "true"),
                _ => input.set_value(&value),
            }
        } else if let Some(area) = field.dyn_ref::<HtmlTextAreaElement>() {
            area.set_value(&value);
        } else if let Some(select) = field.dyn_ref::<HtmlSelectElement>() {
            select.set_value(&value);
        }
    }
    Some(())
}
