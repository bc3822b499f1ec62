//! Filters tables and lists while the user types. `data-filter` names the table or list. Rows that lack a word are
//! hidden: their texts are read once, and only rows whose visibility changes are updated. The rows of a long table are
//! filtered by the server.

use std::{cell::RefCell, collections::HashMap};

use leptos::{
    wasm_bindgen::JsCast,
    web_sys::{HtmlElement, HtmlInputElement},
};

use super::{dom, long_table, match_count};

struct Row {
    element: HtmlElement,
    text: String,
    hidden: bool,
}

thread_local! {
    /// Rows of each table, with the visibility that the last filter gave them.
    static TABLES: RefCell<HashMap<String, (HtmlElement, Vec<Row>)>> = RefCell::default();
}

pub fn start() {
    dom::on("input", |event| {
        if let Some(input) = dom::closest(&event, "[data-filter]") {
            apply(&input);
        }
    });
    again();
}

/// Filters again, after rows were replaced or the browser restored the fields of a page.
pub fn again() {
    TABLES.with_borrow_mut(HashMap::clear);
    for input in dom::all(&dom::root(), "[data-filter]") {
        if input.dyn_ref::<HtmlInputElement>().is_some_and(|input| !input.value().is_empty()) {
            apply(&input);
        }
    }
}

fn apply(input: &HtmlElement) -> Option<()> {
    let input = input.dyn_ref::<HtmlInputElement>()?;
    let id = input.dataset().get("filter")?;
    let query = input.value().to_lowercase();
    let words: Vec<&str> = query.split_whitespace().collect();
    let table = dom::by_id(&id)?;
    if long_table::filter(&table, &input.value()).is_some() {
        return Some(());
    }
    let (shown, all) = TABLES.with_borrow_mut(|tables| {
        let (known, rows) = tables.entry(id.clone()).or_insert_with(|| (table.clone(), read(&table)));
        if *known != table {
            (*known, *rows) = (table.clone(), read(&table));
        }
        for row in rows.iter_mut() {
            let hidden = !words.iter().all(|word| row.text.contains(word));
            if hidden != row.hidden {
                row.hidden = hidden;
                row.element.set_hidden(hidden);
            }
        }
        (rows.iter().filter(|row| !row.hidden).count(), rows.len())
    });
    // The page shows an empty state instead of a table without rows.
    if all == 0 {
        return None;
    }
    match_count::show(input, shown, all);
    Some(())
}

fn read(table: &HtmlElement) -> Vec<Row> {
    let rows = dom::all(table, ":scope > tbody > tr:not(.editing), :scope > li");
    let row = |element: HtmlElement| {
        let text = element.text_content().unwrap_or_default().to_lowercase();
        Row { hidden: element.hidden(), text, element }
    };
    rows.into_iter().map(row).collect()
}
