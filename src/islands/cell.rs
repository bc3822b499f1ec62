//! Editing a value in its row. A click on the value, or F2 in the row, opens the form that the server has for it (`…/cell`).
//! Enter saves, Escape closes, Tab saves and goes on to the next row. Everything else opens the form of the whole key.

use std::cell::RefCell;

use leptos::{
    wasm_bindgen::JsCast,
    web_sys::{Event, HtmlElement, HtmlFormElement, HtmlInputElement, KeyboardEvent, Node},
};
use wasm_bindgen_futures::spawn_local;

use super::{
    dom,
    long_table::{self, CELL_FORM},
};

/// The cells with values, in tables whose values can be edited.
const CELLS: &str = "table[data-cells] td.v";
/// The field with the value, in the form of a cell.
const VALUE: &str = "[name=value]";

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

#[derive(Default)]
struct State {
    /// The open cell, the key of its row, and the content that its form has replaced.
    open: Option<(HtmlElement, String, Vec<Node>)>,
    /// The key whose cell opens when the form is saved.
    next: Option<String>,
}

pub fn start() {
    dom::on("click", |event| {
        click(&event);
    });
    dom::on("keydown", |event| {
        press(&event);
    });
}

/// Opens the next cell after a form was saved and the table was replaced. Without one, the focus goes to the saved row.
pub fn again() {
    let closed = STATE.with_borrow_mut(|state| {
        // The table may have stayed.
        let (_, key, _) = state.open.take_if(|(cell, ..)| !cell.is_connected())?;
        Some((key, state.next.take()))
    });
    let Some((saved, next)) = closed else { return };
    if let Some(cell) = next.as_deref().and_then(cell_of) {
        open(cell);
    } else if let Some(cell) = cell_of(&saved) {
        focus_row(&cell);
    }
}

fn click(event: &Event) -> Option<()> {
    if dom::closest(event, "[data-close]").is_some() {
        return close();
    }
    let cell = dom::closest(event, CELLS)?;
    // A click may also end the selection of a part of the value.
    let selects = dom::window().get_selection().ok()?.is_some_and(|selection| !selection.is_collapsed());
    if selects || dom::closest(event, "a, button, summary, input, label, form").is_some() {
        return None;
    }
    go(cell);
    Some(())
}

fn press(event: &Event) -> Option<()> {
    let key = event.dyn_ref::<KeyboardEvent>()?;
    if key.ctrl_key() || key.meta_key() || key.alt_key() || key.is_composing() {
        return None;
    }
    match (key.key().as_str(), dom::closest(event, CELL_FORM)) {
        ("F2", None) => go(in_row(&dom::closest(event, "table[data-cells] tbody tr")?)?),
        ("Escape", Some(_)) => close()?,
        ("Tab", Some(_)) => {
            let value = event.target()?.dyn_into::<HtmlElement>().ok()?;
            value.matches(VALUE).ok().filter(|is_value| *is_value)?;
            go(beside(&value, if key.shift_key() { -1 } else { 1 })?);
        }
        _ => return None,
    }
    event.prevent_default();
    Some(())
}

/// Opens a cell. If another one is open, that one is saved first.
fn go(cell: HtmlElement) {
    let Some((there, ..)) = STATE.with_borrow(|state| state.open.clone()) else { return open(cell) };
    let form = dom::all(&there, CELL_FORM).into_iter().next().and_then(|form| form.dyn_into::<HtmlFormElement>().ok());
    match form.filter(is_changed) {
        Some(form) => {
            STATE.with_borrow_mut(|state| state.next = key_of(&cell));
            form.request_submit().ok();
        }
        None => {
            close();
            open(cell);
        }
    }
}

/// Returns whether the value differs from the one that the server sent.
fn is_changed(form: &HtmlFormElement) -> bool {
    dom::all(form, "input[name=value]").iter().filter_map(|input| input.dyn_ref::<HtmlInputElement>()).any(|input| {
        match input.type_().as_str() {
            "radio" => input.checked() != input.default_checked(),
            _ => input.value() != input.default_value(),
        }
    })
}

fn open(cell: HtmlElement) {
    spawn_local(async move {
        if load(&cell).await.is_none() {
            // Such as a long value, or a removed key.
            let link = cell.closest("tr").ok().flatten().and_then(|row| row.query_selector("th a").ok().flatten());
            if let Some(link) = link.and_then(|link| link.dyn_into::<HtmlElement>().ok()) {
                link.click();
            }
        }
    });
}

async fn load(cell: &HtmlElement) -> Option<()> {
    let table = cell.closest("table[data-cells]").ok()??.dyn_into::<HtmlElement>().ok()?;
    let address = table.dataset().get("cells")?;
    let before = if address.contains('?') { '&' } else { '?' };
    let q = dom::all(&dom::root(), "[data-filter]")
        .first()
        .and_then(|f| f.dyn_ref::<HtmlInputElement>().map(HtmlInputElement::value));
    let encoded = |text: &str| String::from(js_sys::encode_uri_component(text));
    let key = key_of(cell)?;
    let (sent_key, q) = (encoded(&key), encoded(&q.unwrap_or_default()));
    // The form of a whole key has the same fields, so only one of both can be open.
    if dom::by_id("edit").is_some() {
        return None;
    }
    let page = long_table::fetch(&format!("{address}{before}key={sent_key}&q={q}")).await?;
    let form = page.query_selector(CELL_FORM).ok()??;
    if !cell.is_connected() {
        return Some(());
    }
    // Another cell was opened while this one was loaded.
    close();
    let content = cell.child_nodes();
    let content: Vec<Node> = (0..content.length()).filter_map(|n| content.item(n)).collect();
    cell.replace_children_with_node_1(&form);
    STATE.with_borrow_mut(|state| state.open = Some((cell.clone(), key, content)));
    let field = dom::all(cell, "input[type=radio]:checked, input[name=value]").into_iter().next()?;
    field.focus().ok()?;
    if let Some(text) = field.dyn_ref::<HtmlInputElement>().filter(|input| input.type_() == "text") {
        text.select();
    }
    Some(())
}

/// Closes the open cell without saving, and leads the focus back to its row.
fn close() -> Option<()> {
    let (cell, _, content) = STATE.with_borrow_mut(|state| state.open.take())?;
    let content: js_sys::Array = content.into_iter().collect();
    cell.replace_children_with_node(&content);
    focus_row(&cell)
}

/// Moves the focus to the key of a cell's row.
fn focus_row(cell: &HtmlElement) -> Option<()> {
    let row = cell.closest("tr").ok()??;
    row.query_selector("th a").ok()??.dyn_into::<HtmlElement>().ok()?.focus().ok()
}

/// Returns the key of a cell's row.
fn key_of(cell: &HtmlElement) -> Option<String> {
    let checkbox = cell.closest("tr").ok()??.query_selector("td.pick input").ok()??;
    Some(checkbox.dyn_into::<HtmlInputElement>().ok()?.value())
}

fn in_row(row: &HtmlElement) -> Option<HtmlElement> {
    row.query_selector(":scope > td.v").ok()??.dyn_into().ok()
}

fn cell_of(key: &str) -> Option<HtmlElement> {
    cells().into_iter().find(|cell| key_of(cell).as_deref() == Some(key))
}

/// Returns the cells of the rows that the filter shows.
fn cells() -> Vec<HtmlElement> {
    dom::all(&dom::root(), "table[data-cells] tr:not([hidden]) > td.v")
}

/// Returns the cell of a row near that of this field.
fn beside(field: &HtmlElement, by: isize) -> Option<HtmlElement> {
    let here = field.closest("td.v").ok()??;
    let cells = cells();
    let at = cells.iter().position(|cell| **cell == here)?;
    cells.get(at.checked_add_signed(by)?).cloned()
}
