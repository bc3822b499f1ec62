//! The field for the value of a key: it fits the type of the value.

use leptos::server_fn::ServerFn;

use crate::{
    api::config::CheckText,
    components::{view::*, *},
    domain::content::{Item, ValueType},
};

/// Maximum length of a value in a single-line field, in characters.
const ONE_LINE: usize = 100;

/// Line breaks. A single-line field would lose them.
pub(super) const LINE_ENDS: [char; 2] = ['\n', '\r'];

/// The values of a boolean.
const BOOLEANS: &[&str] = &["true", "false"];

/// Returns whether a value needs a multi-line field.
pub(super) fn needs_lines(item: &Item) -> bool {
    let value = item.value.expose();
    item.kind == ValueType::Json || value.contains(LINE_ENDS) || value.chars().count() > ONE_LINE
}

/// A single-line field: a text, a number, or a choice of `true` and `false`. The server checks the text while it is typed.
#[component]
pub(super) fn ValueField(item: Item, #[prop(optional)] autofocus: bool) -> impl IntoView {
    let t = lang();
    let Item { value, kind, .. } = item;
    let value = value.into_inner();
    if kind == ValueType::Boolean && BOOLEANS.contains(&value.as_str()) {
        return view! { <Choice name="value" label=t.value() options=BOOLEANS value /> }.into_any();
    }
    let inputmode = if kind == ValueType::Number { "decimal" } else { "text" };
    view! { <Field name="value" label=t.value() value mono=true autofocus inputmode check=CheckText::PATH /> }
        .into_any()
}
