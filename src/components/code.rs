//! Texts with a copy button, and scroll boxes for long content.

use super::{I, Icon, lang, view::*};

/// A button that copies a text. It is shown only if scripts run.
#[component]
pub fn CopyButton(
    /// The text.
    #[prop(into)]
    text: String,
    /// Label for a page with several such buttons: "Copy the key".
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
    /// Accessible name of the block.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    // The role is a group, not a region, because the card around it is a region already, often with the same name.
    view! {
        <div class="code">
            <pre tabindex="0" role="group" aria-label=label><code>{text.clone()}</code></pre>
            <CopyButton text />
        </div>
    }
}

/// Maximum bytes and lines of a value that is shown in full. Longer values are folded or get a scroll box.
const MAX_SHORT_VALUE: (usize, usize) = (400, 12);

/// Returns whether a value would make a page long.
pub fn is_long(value: &str) -> bool {
    value.len() > MAX_SHORT_VALUE.0 || value.lines().nth(MAX_SHORT_VALUE.1).is_some()
}

/// A scroll box. It can have the focus, so that the keyboard can scroll it although nothing in it can have the focus.
#[component]
pub fn ScrollBox(
    /// Name of the box, for screen readers.
    #[prop(into)]
    label: String,
    /// Class that limits the height.
    #[prop(optional)]
    class: &'static str,
    /// Content.
    children: Children,
) -> impl IntoView {
    // The role is a group, as in [`Code`].
    view! { <div class=format!("scrolls {class}") tabindex="0" role="group" aria-label=label>{children.view()}</div> }
}
