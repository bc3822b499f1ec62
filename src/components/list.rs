//! Tables, and the filter of long tables and lists.

use super::{Hidden, PageAddress, Submit, lang, view::*};

/// Number of rows in one table body of a [`LongTable`].
pub const BODY_ROWS: usize = 25;

/// A table of which the page has only a part. Its rows come in bodies of [`BODY_ROWS`], numbered by `data-body`, so that
/// the island can add and remove whole bodies.
#[derive(Clone, Debug)]
pub struct LongTable {
    /// Address of further rows, for the island. It takes the parameters `q` and `from`.
    pub rows_href: String,
    /// Number of rows that the filter matches.
    pub matching: usize,
    /// Number of all rows.
    pub all: usize,
}

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
    /// Heading of a first column with checkboxes.
    #[prop(optional_no_strip)]
    pick: Option<AnyView>,
    /// Address of the form for a value in its row, if values can be edited there (`islands/cell.rs`).
    #[prop(optional_no_strip)]
    cells: Option<String>,
    /// Headings of the columns.
    columns: Vec<&'static str>,
    /// Heading of a last column with actions, for screen readers.
    #[prop(optional)]
    actions: Option<&'static str>,
    /// Marks a long table, whose rows come in bodies of their own.
    #[prop(optional)]
    long: Option<LongTable>,
    /// Rows.
    rows: R,
) -> impl IntoView {
    let columns = columns.into_iter().map(|text| view! { <th scope="col">{text}</th> }).collect_view();
    let actions = actions.map(|text| view! { <th scope="col"><span class="visually-hidden">{text}</span></th> });
    let Some(LongTable { rows_href, matching, all }) = long else {
        return view! {
            <table class=class id=id data-live=live data-cells=cells>
                <thead><tr>{pick}{columns}{actions}</tr></thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any();
    };
    let with_heading = matching + 1;
    view! {
        <table class=class id=id data-live=live data-rows=rows_href data-matching=matching data-all=all data-cells=cells aria-rowcount=with_heading>
            <thead><tr aria-rowindex="1">{pick}{columns}{actions}</tr></thead>
            {rows}
        </table>
    }
    .into_any()
}

/// Shows only the rows of the table or list `of` that contain every word, and their number. If scripts run, it filters
/// while typing, unless `on_server`; otherwise the server gets `?q=`.
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
    /// Other query parameters that the server gets.
    #[prop(optional)]
    with: Vec<(&'static str, String)>,
    /// Only the server filters, because the page does not have all rows.
    #[prop(optional)]
    on_server: bool,
) -> impl IntoView {
    let t = lang();
    let with = with.into_iter().filter(|(_, value)| !value.is_empty());
    let with = with.map(|(name, value)| view! { <Hidden name value /> }).collect_view();
    let submit = if on_server {
        view! { <Submit>{t.filter()}</Submit> }.into_any()
    } else {
        view! { <noscript><Submit>{t.filter()}</Submit></noscript> }.into_any()
    };
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
                    data-filter=(!on_server).then_some(of)
                    data-none=t.filter_none()
                    data-shows=template
                />
                <output class="quiet" aria-live="polite"></output>
                {with}
                {submit}
            </form>
        </search>
    }
}
