//! Pages about delivery follow what happens: when the server says that something is new, the elements marked `data-live`
//! are exchanged. A page that nobody sees keeps no connection.

use std::cell::{Cell, RefCell};

use leptos::{
    wasm_bindgen::{JsCast, closure::Closure},
    web_sys::{Event, EventSource, HtmlElement, Response},
};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{dom, exchange};
use crate::texts::Lang;

/// Exchanged with what is marked: the counts in the rail, what does not work.
const ALWAYS: [&str; 2] = ["rail", "trouble"];

thread_local! {
    static STREAM: RefCell<Option<EventSource>> = const { RefCell::new(None) };
    /// A page is on its way.
    static LOOKING: Cell<bool> = const { Cell::new(false) };
}

pub fn start(lang: Lang) {
    follow(lang);
    dom::on("visibilitychange", move |_| follow(lang));
}

/// Listens while somebody looks at a page that has something to follow.
fn follow(lang: Lang) {
    if dom::document().hidden() {
        if let Some(stream) = STREAM.take() {
            stream.close();
        }
    } else if let Some(marked) = dom::all(&dom::root(), "[data-live]").first()
        && STREAM.with_borrow(Option::is_none)
    {
        listen(lang, marked);
    }
}

/// The element tells what it says, so that nothing is missed before the stream is open, or while it was not.
fn listen(lang: Lang, marked: &HtmlElement) -> Option<()> {
    let stream = EventSource::new(&format!("/live?{}", marked.dataset().get("live")?)).ok()?;
    let changed = Closure::<dyn Fn(Event)>::new(move |_| spawn_local(look(lang)));
    stream.add_event_listener_with_callback("change", changed.as_ref().unchecked_ref()).ok()?;
    changed.forget();
    STREAM.set(Some(stream));
    Some(())
}

async fn look(lang: Lang) {
    if !LOOKING.replace(true) {
        renew(lang).await;
        LOOKING.set(false);
    }
}

async fn renew(lang: Lang) -> Option<()> {
    let address = dom::window().location().href().ok()?;
    let answer = JsFuture::from(dom::window().fetch_with_str(&address)).await.ok()?;
    let answer: Response = answer.dyn_into().ok()?;
    // Whoever was logged out stays on the page until the next click says so.
    if !answer.ok() || answer.redirected() {
        return None;
    }
    let page = exchange::page(&answer).await?;
    let marked = dom::all(&dom::root(), "[data-live]").into_iter().filter(|element| !is_in_use(element));
    let ids: Vec<String> = marked.map(|element| element.id()).collect();
    exchange::put(&page, ids.iter().map(String::as_str).chain(ALWAYS), lang);
    Some(())
}

/// Whether somebody is at a control in it, or a form in it is on its way: that waits for the next event.
fn is_in_use(element: &HtmlElement) -> bool {
    element.query_selector(":focus, [aria-busy]").is_ok_and(|found| found.is_some())
}
