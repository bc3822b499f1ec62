//! Tables, and the filter of long tables and lists.

use leptos::prelude::*;

use super::{PageAddress, Submit, lang};

/// A table with a heading for each column.
#[component]
pub fn Table<R: IntoView + 'static>(
    /// CSS classes.
    class: &'static str,
    /// Id, for its filter.
    #[prop(optional, into)]
    id: Option<String>,
    /// Value of `data-live`, if the table is kept up to date.
    #[prop(optional, into)]
    live: Option<String>,
    /// Headings of the columns.
    columns: Vec<&'static str>,
    /// Heading of a last column with actions, for screen readers.
    #[prop(optional)]
    actions: Option<&'static str>,
    /// Rows.
    rows: R,
) -> impl IntoView {
    let columns = columns.into_iter().map(|text| view! { <th scope="col">{text}</th> }).collect_view();
    let actions = actions.map(|text| view! { <th scope="col"><span class="visually-hidden">{text}</span></th> });
    view! {
        <table class=class id=id data-live=live>
            <thead><tr>{columns}{actions}</tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

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
