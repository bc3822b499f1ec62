//! The filter of long tables and lists.

use leptos::prelude::*;

use super::{PageAddress, Submit, lang};

/// Shows only the rows of the table or list `of` that contain every word, and their number. If scripts run, it filters
/// while typing; otherwise the server gets `?q=`.
#[component]
pub fn FilterBox(
    /// Id of the table or list. Its rows are those of the table bodies, or the list items.
    #[prop(into)]
    of: String,
    /// Label: "Filter 128 keys".
    #[prop(into)]
    label: String,
    /// Current filter of the page.
    #[prop(optional, into)]
    value: Option<String>,
) -> impl IntoView {
    let t = lang();
    let here = use_context::<PageAddress>().map(|here| here.path.split('?').next().unwrap_or_default().to_owned());
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
