//! Texts to take along, and boxes for what is long.

use leptos::prelude::*;

use super::{I, Icon, lang};

/// Copies a text. There where scripts run, else not there.
#[component]
pub fn Copy(
    /// The text.
    #[prop(into)]
    text: String,
    /// What is copied, when there are several: "Copy the key".
    #[prop(optional, into)]
    label: Option<String>,
) -> impl IntoView {
    let t = lang();
    view! {
        <button
            type="button"
            class="btn bare copy alive-only"
            data-copy=text
            data-copied=t.copied()
            aria-label=label.unwrap_or_else(|| t.copy().to_owned())
        >
            <Icon name=I::Copy />
        </button>
    }
}

/// A block of text in monospace, with a button that copies it.
#[component]
pub fn Code(
    /// The text.
    #[prop(into)]
    text: String,
    /// What it is: names the block.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    // A group, not a region: its card is the landmark, often with the same name.
    view! {
        <div class="code">
            <pre tabindex="0" role="group" aria-label=label><code>{text.clone()}</code></pre>
            <Copy text />
        </div>
    }
}

/// A value that is longer, in bytes, or has more lines, is folded or scrolls by itself.
const LONG: (usize, usize) = (400, 12);

/// Whether a value would make a page long.
#[must_use]
pub fn is_long(value: &str) -> bool {
    value.len() > LONG.0 || value.lines().nth(LONG.1).is_some()
}

/// A box that scrolls when it is full. There is nothing in it that has the focus, so it has it itself.
#[component]
pub fn Scrolls(
    /// Name of the box, for screen readers.
    #[prop(into)]
    label: String,
    /// Class that limits its height.
    #[prop(optional)]
    class: &'static str,
    /// What is in it.
    children: Children,
) -> impl IntoView {
    // A group, as a block of code is.
    view! { <div class=format!("scrolls {class}") tabindex="0" role="group" aria-label=label>{children()}</div> }
}
