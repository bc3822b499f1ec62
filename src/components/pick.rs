//! Checkboxes that select the rows of a table, for a form below it. `islands/select.rs` adds ranges and the keyboard.

use super::{lang, view::*};

/// The cell with the checkbox of a row. The whole cell can be clicked.
#[component]
pub fn Pick(
    /// Id of the form.
    form: &'static str,
    /// The sent value, which names the row.
    key: String,
    /// Initially selected.
    checked: bool,
) -> impl IntoView {
    let label = lang().select_key(&key);
    view! {
        <td class="pick">
            <label class="pick">
                <input type="checkbox" form=form name="keys[]" value=key checked=checked aria-label=label />
            </label>
        </td>
    }
    .into_any()
}

/// The heading of the column. Its checkbox selects all listed rows.
#[component]
pub fn PickAll(
    /// Id of the form.
    form: &'static str,
    /// Initially selected.
    checked: bool,
) -> impl IntoView {
    view! {
        <th scope="col" class="pick">
            <label class="pick">
                <input type="checkbox" form=form name="all" value="true" checked=checked />
                <span>{lang().select_listed()}</span>
            </label>
        </th>
    }
    .into_any()
}
