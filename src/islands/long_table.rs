//! Long tables: the page has only the rows near the screen. The rows before and after them are empty space of their
//! height, and the server sends rows when they come near. The table knows its number of rows, so the scroll bar and
//! screen readers show it as a whole.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap},
};

use leptos::{
    wasm_bindgen::JsCast,
    web_sys::{
        Document, HtmlElement, HtmlInputElement, Node, PerformanceNavigation, Response, ScrollIntoViewOptions,
        ScrollLogicalPosition, ScrollRestoration,
    },
};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{dom, match_count, selection, times};
use crate::{components::BODY_ROWS, texts::Lang};

/// The form of a value that is edited in its row (`cell.rs`).
pub const CELL_FORM: &str = "form.cell";
/// Number of bodies in a response of the server.
pub const FETCHED_BODIES: usize = 4;
/// Maximum number of loaded bodies that are kept outside of the page.
const MAX_STORED_BODIES: usize = 40;
/// Height of a row before any is measured, in pixels.
const ROW_HEIGHT: f64 = 36.0;
/// Maximum number of rounds in which bodies are added. Their heights may show that the screen needs more.
const MAX_ROUNDS: usize = 4;
/// Delay after which a new position of the page is remembered. Browsers refuse to do that at every step.
const POSITION_DELAY_MS: i32 = 250;

thread_local! {
    static TABLE: RefCell<Option<LongTable>> = const { RefCell::new(None) };
    /// Whether a request for rows is in flight.
    static IN_FLIGHT: Cell<bool> = const { Cell::new(false) };
    /// Whether the position of the page will be remembered soon.
    static REMEMBERS: Cell<bool> = const { Cell::new(false) };
}

pub fn start(lang: Lang) {
    again(lang);
    dom::on("scroll", |_| {
        update();
        remember_position_soon();
    });
    dom::on_resize(|| {
        TABLE.with_borrow_mut(|table| table.as_mut().map(LongTable::measure_again));
        update();
    });
}

/// Remembers the position of a page with a long table in the browser's history. The browser itself cannot restore it,
/// because the page is short until the island runs.
fn remember_position_soon() {
    if TABLE.with_borrow(Option::is_none) || REMEMBERS.replace(true) {
        return;
    }
    dom::set_timeout(POSITION_DELAY_MS, || {
        REMEMBERS.set(false);
        if let (Ok(history), Ok(y)) = (dom::window().history(), dom::window().scroll_y()) {
            history.replace_state_with_url(&y.into(), "", None).ok();
        }
    });
}

/// Returns the position of the page when the user left it, if the browser returns to it or loads it again.
fn remembered_position() -> Option<f64> {
    let history = dom::window().history().ok()?;
    history.set_scroll_restoration(ScrollRestoration::Manual).ok()?;
    let way = dom::window().performance()?.navigation().type_();
    let returns = [PerformanceNavigation::TYPE_RELOAD, PerformanceNavigation::TYPE_BACK_FORWARD].contains(&way);
    history.state().ok().filter(|_| returns)?.as_f64()
}

/// Takes over the long table of the page, at the start or after it was replaced.
pub fn again(lang: Lang) {
    TABLE.with_borrow_mut(|known| {
        let Some(table) = dom::all(&dom::root(), "table[data-rows]").into_iter().next() else {
            *known = None;
            return;
        };
        if known.as_ref().is_none_or(|known| known.table != table) {
            *known = LongTable::take_over(table, known.take(), lang);
        }
    });
    update();
}

/// Filters a long table. Returns `None` if the table is not long.
pub fn filter(table: &HtmlElement, query: &str) -> Option<()> {
    TABLE.with_borrow_mut(|known| {
        let known = known.as_mut().filter(|known| known.table == *table)?;
        query.clone_into(&mut known.wanted_query);
        if known.query == query {
            known.say_count();
        }
        Some(())
    })?;
    update();
    Some(())
}

/// Returns the address of rows that begin with this one or a few before it.
pub fn address_of(row: usize) -> Option<String> {
    TABLE.with_borrow(|table| table.as_ref().map(|table| table.request(&table.query, row / BODY_ROWS).address))
}

/// Shows the rows near the screen, and requests those that are missing.
fn update() {
    let missing = TABLE.with_borrow_mut(|table| table.as_mut()?.show());
    if missing.is_some() && !IN_FLIGHT.replace(true) {
        spawn_local(async {
            load().await;
            IN_FLIGHT.set(false);
        });
    }
}

/// Requests rows until none is missing. One request at a time: while the user types, only the latest filter counts.
async fn load() {
    loop {
        let Some(request) = TABLE.with_borrow_mut(|table| table.as_mut()?.show()) else { return };
        let answer = fetch(&request.address).await;
        let taken = TABLE.with_borrow_mut(|table| table.as_mut().map(|table| table.take_rows(&request, answer)));
        if taken != Some(true) {
            return;
        }
    }
}

/// Requests rows.
pub async fn fetch(address: &str) -> Option<Document> {
    let answer: Response = JsFuture::from(dom::window().fetch_with_str(address)).await.ok()?.dyn_into().ok()?;
    // After a log-out the server redirects to the log-in.
    if !answer.ok() || answer.redirected() {
        return None;
    }
    dom::parse(&answer).await
}

/// A request for rows.
struct Request {
    /// The table that the rows are for. A saved form may replace it meanwhile.
    table: HtmlElement,
    address: String,
    query: String,
}

struct LongTable {
    table: HtmlElement,
    input: HtmlInputElement,
    lang: Lang,
    /// The filter that the rows match.
    query: String,
    /// The filter in the field.
    wanted_query: String,
    /// Number of rows that match.
    matching: usize,
    /// Bodies in the page.
    shown: BTreeMap<usize, HtmlElement>,
    /// Loaded bodies that are not in the page.
    stored: BTreeMap<usize, HtmlElement>,
    /// Measured heights of bodies.
    heights: HashMap<usize, f64>,
    /// Height of a row in the other bodies. It stays the same as long as there is empty space of this height.
    row_height: f64,
    /// The row with the open form. It replaces the copies that the server sends, which lack the input.
    open: Option<HtmlElement>,
    /// Last position of the page.
    scroll_y: f64,
}

impl LongTable {
    /// Takes over a table that the server rendered. `before` is the table that it replaces: the page stays where it is.
    fn take_over(table: HtmlElement, before: Option<Self>, lang: Lang) -> Option<Self> {
        let boxes = dom::all(&dom::root(), "[data-filter]").into_iter();
        let mut boxes = boxes.filter(|input| input.dataset().get("filter").as_deref() == Some(&table.id()));
        let input: HtmlInputElement = boxes.next()?.dyn_into().ok()?;
        for pages in dom::all(&dom::root(), "[data-pages-of]") {
            pages.set_hidden(true);
        }
        let query = input.get_attribute("value").unwrap_or_default();
        let mut new = Self {
            matching: number(&table, "matching")?,
            shown: bodies(&table),
            stored: BTreeMap::new(),
            heights: HashMap::new(),
            row_height: ROW_HEIGHT,
            open: dom::all(&table, "tr.editing").into_iter().next(),
            wanted_query: query.clone(),
            scroll_y: dom::window().scroll_y().unwrap_or_default(),
            query,
            table,
            input,
            lang,
        };
        if let Some(before) = before.filter(|before| before.query == new.query) {
            (new.heights, new.row_height) = (before.heights, before.row_height);
            new.arrange();
            dom::window().scroll_to_with_x_and_y(0.0, before.scroll_y);
        } else {
            new.measure_again();
            if let Some(position) = remembered_position() {
                dom::window().scroll_to_with_x_and_y(0.0, position);
                new.show();
                return Some(new);
            }
        }
        new.show();
        new.scroll_to_target();
        Some(new)
    }

    /// Scrolls to the row that the address names, if it is out of sight.
    fn scroll_to_target(&self) -> Option<()> {
        let hash = dom::window().location().hash().ok()?;
        let row = dom::by_id(hash.strip_prefix('#')?).filter(|row| self.table.contains(Some(row.unchecked_ref())))?;
        let (place, height) = (row.get_bounding_client_rect(), window_height());
        if place.bottom() < 0.0 || place.top() > height {
            let options = ScrollIntoViewOptions::new();
            options.set_block(ScrollLogicalPosition::Center);
            row.scroll_into_view_with_scroll_into_view_options(&options);
        }
        Some(())
    }

    fn count(&self) -> usize {
        self.matching.div_ceil(BODY_ROWS)
    }

    /// Shows the bodies near the screen as far as they are loaded. Returns the request for what is missing.
    fn show(&mut self) -> Option<Request> {
        let mut wanted = self.wanted();
        for _ in 0..MAX_ROUNDS {
            if !self.exchange(&wanted) {
                break;
            }
            wanted = self.wanted();
        }
        self.scroll_y = dom::window().scroll_y().unwrap_or_default();
        if self.wanted_query != self.query {
            return Some(self.request(&self.wanted_query, 0));
        }
        let missing = wanted.into_iter().find(|n| !self.shown.contains_key(n))?;
        Some(self.request(&self.query, missing / FETCHED_BODIES * FETCHED_BODIES))
    }

    fn request(&self, query: &str, body: usize) -> Request {
        let rows = self.table.dataset().get("rows").unwrap_or_default();
        let before = if rows.contains('?') { '&' } else { '?' };
        let query_text = String::from(js_sys::encode_uri_component(query));
        let address = format!("{rows}{before}q={query_text}&from={}", body * BODY_ROWS);
        Request { table: self.table.clone(), address, query: query.to_owned() }
    }

    /// Returns the bodies that belong into the page: those near the screen, those with an open form, whose input must not
    /// be lost, and the one with the focus with its neighbours, so that Tab leads to the next row.
    fn wanted(&mut self) -> BTreeSet<usize> {
        let mut wanted = self.near_screen();
        let focus = dom::document().active_element();
        for (n, body) in &self.shown {
            if focus.is_some() && body.contains(focus.as_deref()) {
                wanted.extend(n.saturating_sub(1)..=n + 1);
            }
            let has_cell = body.query_selector(CELL_FORM).is_ok_and(|form| form.is_some());
            if has_cell || self.open.as_ref().is_some_and(|open| body.contains(Some(open.unchecked_ref()))) {
                wanted.insert(*n);
            }
        }
        wanted.retain(|n| *n < self.count());
        wanted
    }

    /// Returns the bodies that are on the screen or less than a screen away.
    fn near_screen(&mut self) -> BTreeSet<usize> {
        self.measure();
        let height = window_height();
        let margin = height / 2.0 + 200.0;
        let head = dom::all(&self.table, ":scope > thead").first().map_or(0.0, height_of);
        let mut top = self.table.get_bounding_client_rect().top() + head;
        let mut near = BTreeSet::new();
        for n in 0..self.count() {
            let bottom = top + self.height(n);
            if bottom > -margin && top < height + margin {
                near.insert(n);
            }
            top = bottom;
        }
        near
    }

    fn measure(&mut self) {
        self.heights.extend(self.shown.iter().map(|(n, body)| (*n, height_of(body))));
    }

    /// Measures all heights again, for example after the width of the table has changed.
    fn measure_again(&mut self) {
        self.heights.clear();
        self.measure();
        let rows: usize = self.heights.keys().map(|n| self.rows_in(*n)).sum();
        if rows > 0 {
            self.row_height = self.heights.values().sum::<f64>() / pixels(rows);
        }
        let anchor = Anchor::of(self.shown.values());
        self.arrange();
        anchor.restore();
    }

    fn rows_in(&self, body: usize) -> usize {
        self.matching.saturating_sub(body * BODY_ROWS).min(BODY_ROWS)
    }

    fn height(&self, body: usize) -> f64 {
        self.heights.get(&body).copied().unwrap_or_else(|| self.row_height * pixels(self.rows_in(body)))
    }

    /// Removes the bodies that are not wanted, and adds those that are loaded. Returns whether anything changed.
    fn exchange(&mut self, wanted: &BTreeSet<usize>) -> bool {
        let leaving: Vec<usize> = self.shown.keys().copied().filter(|n| !wanted.contains(n)).collect();
        let coming: Vec<usize> = wanted.iter().copied().filter(|n| self.stored.contains_key(n)).collect();
        if leaving.is_empty() && coming.is_empty() {
            return false;
        }
        let anchor = Anchor::of(self.shown.iter().filter(|(n, _)| !leaving.contains(n)).map(|(_, body)| body));
        for n in leaving {
            if let Some(body) = self.shown.remove(&n) {
                body.remove();
                self.stored.insert(n, body);
            }
        }
        for n in coming {
            self.shown.extend(self.stored.remove(&n).map(|body| (n, body)));
        }
        self.forget_far_bodies(wanted.first().copied().unwrap_or_default());
        self.arrange();
        anchor.restore();
        true
    }

    /// Bounds the memory. The server sends these bodies again.
    fn forget_far_bodies(&mut self, near: usize) {
        while self.stored.len() > MAX_STORED_BODIES {
            let is_first_farther = self.stored.keys().next().map(|n| n.abs_diff(near))
                > self.stored.keys().next_back().map(|n| n.abs_diff(near));
            _ = if is_first_farther { self.stored.pop_first() } else { self.stored.pop_last() };
        }
    }

    /// Stores a body that the server sent.
    fn store(&mut self, n: usize, body: HtmlElement) {
        if let (Some(open), Some(copy)) = (&self.open, dom::all(&body, ":scope > tr.editing").first()) {
            let index = copy.get_attribute("aria-rowindex").unwrap_or_default();
            open.set_attribute("aria-rowindex", &index).ok();
            copy.replace_with_with_node_1(open).ok();
        }
        times::localise(self.lang, &body);
        // Out of the document that the server sent.
        body.remove();
        self.stored.insert(n, body);
    }

    /// Puts the bodies into the table, with empty space in place of the others. Bodies in the table are not moved, which
    /// would end the focus in them.
    fn arrange(&self) -> Option<()> {
        for gap in dom::all(&self.table, ":scope > tbody.gap") {
            gap.remove();
        }
        let space = |from: usize, to: usize| (from..to).map(|n| self.height(n)).sum::<f64>();
        let columns = dom::all(&self.table, ":scope > thead th").len();
        let (mut end, mut next): (usize, Option<Node>) = (self.count(), None);
        for (n, body) in self.shown.iter().rev() {
            if n + 1 < end {
                next = Some(self.insert(&gap(space(n + 1, end), columns)?, next.as_ref())?);
            }
            next = match body.is_connected() {
                true => Some(body.clone().into()),
                false => {
                    // The selection may have changed while the body was not in the page.
                    selection::mark(body);
                    Some(self.insert(body, next.as_ref())?)
                }
            };
            end = *n;
        }
        if end > 0 {
            self.insert(&gap(space(0, end), columns)?, next.as_ref())?;
        }
        Some(())
    }

    fn insert(&self, new: &HtmlElement, next: Option<&Node>) -> Option<Node> {
        self.table.insert_before(new, next).ok()
    }

    /// Takes rows from the server. Returns whether there were any, so that the next request makes sense.
    fn take_rows(&mut self, request: &Request, answer: Option<Document>) -> bool {
        if request.table != self.table {
            return true;
        }
        let table = answer.as_ref().and_then(|page| page.query_selector("table").ok().flatten());
        let table: Option<HtmlElement> = table.and_then(|table| table.dyn_into().ok());
        let Some((table, matching)) = table.and_then(|table| Some((table.clone(), number(&table, "matching")?))) else {
            dom::say(self.lang.rows_not_loaded());
            return false;
        };
        // The content may have changed since the page was made.
        if request.query != self.query || matching != self.matching {
            self.restart(&request.query, matching);
        }
        for (n, body) in bodies(&table) {
            if !self.shown.contains_key(&n) && !self.stored.contains_key(&n) {
                self.store(n, body);
            }
        }
        self.say_count();
        true
    }

    fn say_count(&self) {
        let all = number(&self.table, "all").unwrap_or_default();
        match_count::show(&self.input, self.matching, all);
    }

    /// Begins with other rows. The open form stays if the filter does.
    fn restart(&mut self, query: &str, matching: usize) {
        let keeps_form = query == self.query;
        query.clone_into(&mut self.query);
        self.matching = matching;
        self.stored.clear();
        self.heights.clear();
        let (open, count) = (self.open.clone(), self.count());
        self.shown.retain(|n, body| {
            let has_form = open.as_ref().is_some_and(|open| body.contains(Some(open.unchecked_ref())));
            let stays = keeps_form && has_form && *n < count;
            if !stays {
                body.remove();
            }
            stays
        });
        self.table.set_attribute("aria-rowcount", &(matching + 1).to_string()).ok();
        self.arrange();
    }
}

/// Point of the page that stays in place while bodies are exchanged: the first body on the screen, or else the end.
struct Anchor {
    body: Option<(HtmlElement, f64)>,
    at_end: bool,
}

impl Anchor {
    fn of<'a>(bodies: impl IntoIterator<Item = &'a HtmlElement>) -> Self {
        let mut places = bodies.into_iter().map(|body| (body, body.get_bounding_client_rect()));
        let first = places.find(|(_, place)| place.bottom() > 0.0 && place.top() < window_height());
        let at_end = dom::window().scroll_y().unwrap_or_default() + window_height() >= page_height() - 2.0;
        Self { body: first.map(|(body, place)| (body.clone(), place.top())), at_end }
    }

    fn restore(self) {
        match self.body {
            Some((body, top)) => {
                let moved = body.get_bounding_client_rect().top() - top;
                if moved.abs() >= 1.0 {
                    dom::window().scroll_by_with_x_and_y(0.0, moved);
                }
            }
            None if self.at_end => dom::window().scroll_to_with_x_and_y(0.0, page_height()),
            None => {}
        }
    }
}

/// Makes empty space of this height in a table with so many columns.
fn gap(height: f64, columns: usize) -> Option<HtmlElement> {
    let element = |name: &str| dom::document().create_element(name).ok()?.dyn_into::<HtmlElement>().ok();
    let (gap, row, cell) = (element("tbody")?, element("tr")?, element("td")?);
    gap.set_class_name("gap");
    gap.set_attribute("aria-hidden", "true").ok()?;
    cell.set_attribute("colspan", &columns.to_string()).ok()?;
    row.append_child(&cell).ok()?;
    gap.append_child(&row).ok()?;
    row.style().set_property("block-size", &format!("{height}px")).ok()?;
    Some(gap)
}

/// Returns the bodies in a table of the server, by number.
fn bodies(table: &HtmlElement) -> BTreeMap<usize, HtmlElement> {
    let all = dom::all(table, ":scope > tbody").into_iter();
    all.filter_map(|body| Some((number(&body, "body")?, body))).collect()
}

/// Returns a number of the element's data.
fn number(element: &HtmlElement, name: &str) -> Option<usize> {
    element.dataset().get(name)?.parse().ok()
}

fn window_height() -> f64 {
    dom::window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or_default()
}

fn page_height() -> f64 {
    f64::from(dom::root().scroll_height())
}

fn height_of(element: &HtmlElement) -> f64 {
    element.get_bounding_client_rect().height()
}

#[expect(clippy::cast_precision_loss, reason = "a table has few rows")]
fn pixels(count: usize) -> f64 {
    count as f64
}
