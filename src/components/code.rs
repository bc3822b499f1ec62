//! Texts to take along.

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
