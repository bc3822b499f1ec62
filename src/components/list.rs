//! Finding rows in long tables and lists.

use leptos::prelude::*;

use super::{Here, Submit, lang};

/// Shows only the rows of the table or list `of` that have every word. While typing where scripts run; else the
/// server gets `?q=`. Beside it stands how many are left.
#[component]
pub fn FilterBox(
    /// The id of the table or list. Rows are those of its bodies, or its items.
    #[prop(into)]
    of: String,
    /// What it asks for: "Filter 128 keys".
    #[prop(into)]
    label: String,
    /// What the page was filtered by.
    #[prop(optional, into)]
    value: Option<String>,
) -> impl IntoView {
    let t = lang();
    let here = use_context::<Here>().map(|here| here.path.split('?').next().unwrap_or_default().to_owned());
    let template = t.filter_shows("{}", "{}");
    view! {
        <search>
            <form class="filter" method="get" action=here>
                <input
                    type="search"
                    name="q"
                    value=value
                    placeholder=label.clone()
                    aria-label=label
                    autocomplete="off"
                    spellcheck="false"
                    aria-controls=of.clone()
                    data-filter=of
                    data-none=t.filter_none()
                    data-shows=template
                />
                <output class="quiet" aria-live="polite"></output>
                <noscript><Submit>{t.filter()}</Submit></noscript>
            </form>
        </search>
    }
}
