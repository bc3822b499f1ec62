//! Selection of rows in a table with checkboxes: ranges with Shift, arrow keys, the number of rows, and copies to the
//! clipboard. In a long table, most rows are not in the page: their keys are remembered, and sent with the form.

use std::collections::BTreeSet;

use leptos::{
    wasm_bindgen::{JsCast, JsValue},
    web_sys::{
        Event, FormData, HtmlElement, HtmlFormElement, HtmlInputElement, KeyboardEvent, MouseEvent, RequestInit,
        Response, UrlSearchParams,
    },
};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{
    copy, dom, long_table,
    selection::{BOXES, SELECTION, Selection, mark},
};
use crate::{
    components::BODY_ROWS,
    texts::{Lang, grouped},
};

/// The checkbox in the heading.
const ALL: &str = "th.pick input";

pub fn start(lang: Lang) {
    dom::on("click", move |event| {
        extend(&event, lang);
        copy_keys(&event);
    });
    dom::on("change", |event| {
        change(&event);
    });
    dom::on("keydown", |event| {
        step(&event);
    });
    dom::on("input", |event| {
        filter(&event);
    });
    dom::on("submit", |event| {
        send(&event);
    });
    again();
}

/// Takes over the checkboxes of the page, at the start or after they were replaced. Selected rows stay selected, unless
/// the form of the selection has succeeded.
pub fn again() {
    let refused = !dom::all(&dom::root(), "[data-refused]").is_empty();
    SELECTION.with_borrow_mut(|selection| {
        if std::mem::take(&mut selection.sent) && !refused {
            *selection = Selection::default();
        }
        for checkbox in boxes().into_iter().filter(HtmlInputElement::checked) {
            selection.set(checkbox.value(), true);
        }
    });
    for all in dom::all(&dom::root(), ALL) {
        if !is_long() {
            // It stands for the rows in the page, which are sent themselves.
            all.remove_attribute("name").ok();
        } else if let Some(all) = all.dyn_ref::<HtmlInputElement>() {
            all.set_checked(SELECTION.with_borrow(|selection| selection.all));
        }
    }
    mark(&dom::root());
    say_count();
}

/// Returns the checkboxes in the page, in their order.
fn boxes() -> Vec<HtmlInputElement> {
    dom::all(&dom::root(), BOXES).into_iter().filter_map(|checkbox| checkbox.dyn_into().ok()).collect()
}

/// Returns those of rows that the filter shows.
fn shown_boxes() -> Vec<HtmlInputElement> {
    boxes().into_iter().filter(|checkbox| checkbox.closest("tr[hidden]").is_ok_and(|row| row.is_none())).collect()
}

fn table() -> Option<HtmlElement> {
    dom::all(&dom::root(), "th.pick").first()?.closest("table").ok()??.dyn_into().ok()
}

fn is_long() -> bool {
    table().is_some_and(|table| table.has_attribute("data-rows"))
}

/// Returns the target of an event if it is a checkbox.
fn target(event: &Event, selector: &str) -> Option<HtmlInputElement> {
    dom::closest(event, selector)?.dyn_into().ok()
}

fn change(event: &Event) -> Option<()> {
    if let Some(all) = target(event, ALL) {
        SELECTION.with_borrow_mut(|selection| {
            if is_long() {
                *selection = Selection { all: all.checked(), ..Selection::default() };
            }
            for checkbox in shown_boxes() {
                selection.set(checkbox.value(), all.checked());
            }
        });
        mark(&dom::root());
    } else {
        let checkbox = target(event, BOXES)?;
        SELECTION.with_borrow_mut(|selection| {
            selection.set(checkbox.value(), checkbox.checked());
            selection.last = Some(checkbox.value());
        });
    }
    say_count();
    Some(())
}

/// Extends the selection from the row that was clicked last to one that is clicked with Shift. Both get the same state.
fn extend(event: &Event, lang: Lang) -> Option<()> {
    let checkbox = target(event, BOXES)?;
    let shift = event.dyn_ref::<MouseEvent>()?.shift_key();
    let last = SELECTION.with_borrow(|selection| selection.last.clone()).filter(|_| shift)?;
    let shown = shown_boxes();
    let place = |key: &str| shown.iter().position(|checkbox| checkbox.value() == key);
    let (here, there) = (place(&checkbox.value())?, place(&last)?);
    let between = &shown[here.min(there)..=here.max(there)];
    SELECTION.with_borrow_mut(|selection| {
        for between in between {
            selection.set(between.value(), checkbox.checked());
            between.set_checked(checkbox.checked());
        }
    });
    say_count();
    // In a long table, rows between them may be missing.
    let (first, last) = (index_of(between.first()?)?, index_of(between.last()?)?);
    if last - first >= between.len() {
        spawn_local(load_range(lang, first, last, checkbox.checked()));
    }
    Some(())
}

/// Returns the index of a row in a long table.
fn index_of(checkbox: &HtmlInputElement) -> Option<usize> {
    let row = checkbox.closest("tr").ok()??;
    row.get_attribute("aria-rowindex")?.parse().ok()
}

/// Loads the rows with these indices for their keys, and selects them.
async fn load_range(lang: Lang, first: usize, last: usize, selected: bool) {
    // The heading is row 1.
    for row in (first - 2..=last - 2).step_by(long_table::FETCHED_BODIES * BODY_ROWS) {
        let rows = match long_table::address_of(row) {
            Some(address) => long_table::fetch(&address).await.and_then(|page| page.document_element()),
            None => None,
        };
        let Some(rows) = rows else { return dom::say(lang.rows_not_loaded()) };
        let loaded = dom::all(&rows, BOXES).into_iter().filter_map(|checkbox| checkbox.dyn_into().ok());
        let between = loaded.filter(|checkbox| index_of(checkbox).is_some_and(|index| (first..=last).contains(&index)));
        SELECTION.with_borrow_mut(|selection| {
            between.for_each(|checkbox| selection.set(checkbox.value(), selected));
        });
    }
    mark(&dom::root());
    say_count();
}

/// Moves the focus to the next row. With Shift, that row gets the state of this one.
fn step(event: &Event) -> Option<()> {
    let (checkbox, key) = (target(event, BOXES)?, event.dyn_ref::<KeyboardEvent>()?);
    let shown = shown_boxes();
    let here = shown.iter().position(|other| *other == checkbox)?;
    let next = match key.key().as_str() {
        "ArrowDown" => shown.get(here + 1)?,
        "ArrowUp" => shown.get(here.checked_sub(1)?)?,
        _ => return None,
    };
    event.prevent_default();
    next.focus().ok()?;
    if key.shift_key() {
        next.set_checked(checkbox.checked());
        SELECTION.with_borrow_mut(|selection| selection.set(next.value(), checkbox.checked()));
        say_count();
    }
    Some(())
}

/// Ends the selection of all listed rows when the list changes.
fn filter(event: &Event) -> Option<()> {
    dom::closest(event, "[data-filter]")?;
    for all in dom::all(&dom::root(), ALL) {
        all.dyn_into::<HtmlInputElement>().ok()?.set_checked(false);
    }
    if SELECTION.with_borrow(|selection| selection.all) {
        SELECTION.take();
        mark(&dom::root());
        say_count();
    }
    Some(())
}

fn count() -> usize {
    SELECTION.with_borrow(|selection| {
        let rows = table().and_then(|table| table.get_attribute("aria-rowcount")?.parse::<usize>().ok());
        if selection.all { rows.unwrap_or(1) - 1 - selection.keys.len() } else { selection.keys.len() }
    })
}

/// Shows the number of selected rows, and whether all are. The bar is shown as long as there are some.
fn say_count() {
    let shown = shown_boxes();
    for all in dom::all(&dom::root(), ALL).into_iter().filter(|_| !is_long()) {
        if let Some(all) = all.dyn_ref::<HtmlInputElement>() {
            all.set_checked(!shown.is_empty() && shown.iter().all(HtmlInputElement::checked));
        }
    }
    for output in dom::all(&dom::root(), "output[data-count]") {
        let says = output.dataset().get("count").unwrap_or_default();
        output.set_text_content(Some(&says.replacen("{}", &grouped(count()), 1)));
        let bar = output.closest("form").ok().flatten();
        bar.and_then(|bar| bar.toggle_attribute_with_force("data-selected", count() > 0).ok());
    }
}

/// Adds the rows that are not in the page to the form that is about to be sent.
fn send(event: &Event) -> Option<()> {
    let form: HtmlFormElement = event.target()?.dyn_into().ok()?;
    prepare(&form)?;
    SELECTION.with_borrow_mut(|selection| selection.sent = true);
    Some(())
}

/// Adds hidden fields for the rows that are not in the page.
fn prepare(form: &HtmlFormElement) -> Option<()> {
    form.query_selector("output[data-count]").ok()??;
    for field in dom::all(form, "input[data-row]") {
        field.remove();
    }
    if let Some(filter) = dom::all(&dom::root(), "[data-filter]").first() {
        let shown = form.query_selector("input[name=q]").ok()??.dyn_into::<HtmlInputElement>().ok()?;
        shown.set_value(&filter.dyn_ref::<HtmlInputElement>()?.value());
    }
    let here: BTreeSet<String> = boxes().iter().map(HtmlInputElement::value).collect();
    let (all, keys) = SELECTION.with_borrow(|selection| (selection.all, selection.keys.clone()));
    let name = if all { "except[]" } else { "keys[]" };
    for key in keys.iter().filter(|key| all || !here.contains(*key)) {
        let field: HtmlInputElement = dom::document().create_element("input").ok()?.dyn_into().ok()?;
        field.set_type("hidden");
        field.set_name(name);
        field.set_value(key);
        field.set_attribute("data-row", "").ok()?;
        form.append_child(&field).ok()?;
    }
    Some(())
}

/// Copies the selected keys to the clipboard: the file that the button would download.
fn copy_keys(event: &Event) -> Option<()> {
    let button = dom::closest(event, "[data-copy-keys]")?;
    let form: HtmlFormElement = button.closest("form").ok()??.dyn_into().ok()?;
    event.prevent_default();
    prepare(&form)?;
    let fields: JsValue = FormData::new_with_form(&form).ok()?.into();
    let fields = UrlSearchParams::new_with_str_sequence_sequence(&fields).ok()?;
    spawn_local(async move {
        let says = match fetch(&button, &fields).await {
            Some(text) if copy::write(&text).await => "copyKeys",
            _ => "failed",
        };
        dom::say(&button.dataset().get(says).unwrap_or_default());
    });
    Some(())
}

async fn fetch(button: &HtmlElement, fields: &UrlSearchParams) -> Option<String> {
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(fields);
    let address = button.get_attribute("formaction")?;
    let answer = JsFuture::from(dom::window().fetch_with_str_and_init(&address, &init)).await.ok()?;
    let answer: Response = answer.dyn_into().ok()?;
    if !answer.ok() || answer.redirected() {
        return None;
    }
    JsFuture::from(answer.text().ok()?).await.ok()?.as_string()
}
