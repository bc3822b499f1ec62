//! Number of rows that a filter matches, beside its field.

use leptos::web_sys::HtmlInputElement;

use crate::texts::grouped;

/// Shows beside the filter how many rows it matches.
pub fn show(input: &HtmlInputElement, matching: usize, all: usize) {
    let text = |name: &str| input.dataset().get(name);
    let says = match (input.value().trim().is_empty(), matching) {
        (true, _) => None,
        (false, 0) => text("none"),
        (false, _) => text("shows").map(|t| t.replacen("{}", &grouped(matching), 1).replacen("{}", &grouped(all), 1)),
    };
    say(input, says.as_deref());
}

/// Shows a text beside the filter.
fn say(input: &HtmlInputElement, text: Option<&str>) {
    if let Some(output) = input.form().and_then(|form| form.query_selector("output").ok().flatten()) {
        output.set_text_content(text);
    }
}
