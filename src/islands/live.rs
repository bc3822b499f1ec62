//! Live updates of delivery pages: when the server reports a change, the elements marked `data-live` are replaced. A
//! page in the background has no connection.

use std::cell::{Cell, RefCell};

use leptos::{
    wasm_bindgen::{JsCast, closure::Closure},
    web_sys::{Document, Event, EventSource, HtmlElement, Response},
};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{dom, replace};
use crate::texts::Lang;

/// Ids of elements that are always replaced: the counts in the sidebar, and the banners.
const ALWAYS: [&str; 2] = ["rail", "trouble"];

thread_local! {
    static STREAM: RefCell<Option<EventSource>> = const { RefCell::new(None) };
    /// Whether a request for the page is in flight.
    static IN_FLIGHT: Cell<bool> = const { Cell::new(false) };
}

pub fn start(lang: Lang) {
    open_or_close_stream(lang);
    dom::on("visibilitychange", move |_| open_or_close_stream(lang));
}

/// Opens the stream if the page is visible and has marked elements, and closes it if the page is hidden.
fn open_or_close_stream(lang: Lang) {
    if dom::document().hidden() {
        if let Some(stream) = STREAM.take() {
            stream.close();
        }
    } else if let Some(marked) = dom::all(&dom::root(), "[data-live]").first()
        && STREAM.with_borrow(Option::is_none)
    {
        open_stream(lang, marked);
    }
}

/// Opens the stream with the state that the element shows, so that changes before the stream is open are not missed.
fn open_stream(lang: Lang, marked: &HtmlElement) -> Option<()> {
    let stream = EventSource::new(&format!("/live?{}", marked.dataset().get("live")?)).ok()?;
    let changed = Closure::<dyn Fn(Event)>::new(move |_| spawn_local(update_once(lang)));
    stream.add_event_listener_with_callback("change", changed.as_ref().unchecked_ref()).ok()?;
    changed.forget();
    STREAM.set(Some(stream));
    Some(())
}

async fn update_once(lang: Lang) {
    if !IN_FLIGHT.replace(true) {
        update(lang).await;
        IN_FLIGHT.set(false);
    }
}

async fn update(lang: Lang) -> Option<()> {
    let address = dom::window().location().href().ok()?;
    let answer = JsFuture::from(dom::window().fetch_with_str(&address)).await.ok()?;
    let answer: Response = answer.dyn_into().ok()?;
    // After a log-out the server redirects. The page then stays as it is until the next click.
    if !answer.ok() || answer.redirected() {
        return None;
    }
    let page = dom::parse(&answer).await?;
    announce_release(&page);
    let marked = dom::all(&dom::root(), "[data-live]").into_iter().filter(|element| !is_in_use(element));
    let ids: Vec<String> = marked.map(|element| element.id()).collect();
    replace::replace_all(&page, ids.iter().map(String::as_str).chain(ALWAYS), lang);
    Some(())
}

/// Says that a release is live that is newer than the one that this page shows.
fn announce_release(page: &Document) -> Option<()> {
    let (here, there) = (dom::by_id("newer")?, page.get_element_by_id("newer")?);
    if here.dataset().get("seq") == there.get_attribute("data-seq") {
        return Some(());
    }
    let children = js_sys::Array::from(&there.child_nodes());
    here.replace_children_with_node(&children);
    here.set_hidden(false);
    Some(())
}

/// Returns whether the element contains the focus or a form in flight. It is then replaced only at a later event.
fn is_in_use(element: &HtmlElement) -> bool {
    element.query_selector(":focus, [aria-busy]").is_ok_and(|found| found.is_some())
}
