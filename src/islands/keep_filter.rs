//! Adds the filter of a table to the links of its rows, so that the table is filtered in the same way after an edit.

use leptos::{
    wasm_bindgen::JsCast,
    web_sys::{Element, Event, HtmlInputElement, UrlSearchParams},
};

use super::dom;

pub fn start() {
    dom::on("click", |event| {
        add_filter(&event);
    });
}

fn add_filter(event: &Event) -> Option<()> {
    let link = dom::closest(event, "table[id] a[href*='?edit=']")?;
    let table = link.closest("table[id]").ok()??;
    let boxes = dom::all(&dom::root(), "[data-filter]");
    let input = boxes.into_iter().find(|input| input.dataset().get("filter") == Some(table.id()))?;
    let value = input.dyn_ref::<HtmlInputElement>()?.value();
    let link: &Element = &link;
    let href = link.get_attribute("href")?;
    let (address, place) = href.split_once('#').unwrap_or((&href, ""));
    // The server appends its own filter at the end of the address.
    let address = address.split("&q=").next().unwrap_or(address);
    let query = UrlSearchParams::new().ok()?;
    query.append("q", &value);
    let query = if value.is_empty() { String::new() } else { format!("&{}", query.to_string()) };
    link.set_attribute("href", &format!("{address}{query}#{place}")).ok()
}
