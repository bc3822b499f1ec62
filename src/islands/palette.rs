//! The palette: Ctrl+K or Cmd+K opens the search as a dialog. It shows the hits of the search page while the user types.

use std::cell::{Cell, RefCell};

use leptos::{
    wasm_bindgen::JsCast,
    web_sys::{
        AbortController, Document, Element, Event, HtmlDialogElement, HtmlElement, HtmlInputElement, KeyboardEvent,
        MouseEvent, RequestInit, Response, ScrollIntoViewOptions, ScrollLogicalPosition, UrlSearchParams,
    },
};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::dom;
use crate::texts::Lang;

/// Id of the dialog.
const PALETTE: &str = "palette";
/// Id of the list of hits.
const HITS: &str = "palette-hits";
/// Value of `keyCode` for keys that an input method handles. Safari does not report the last of them as composing.
const COMPOSING: u32 = 229;
/// Time without typing after which the server is asked, in milliseconds.
const PAUSE_MS: i32 = 120;

thread_local! {
    /// Number of the latest request. Answers to earlier ones are dropped.
    static LATEST: Cell<u32> = const { Cell::new(0) };
    static IN_FLIGHT: RefCell<Option<AbortController>> = const { RefCell::new(None) };
}

pub fn start(lang: Lang) {
    name_shortcut();
    dom::on("keydown", move |event| {
        if let Some(key) = event.dyn_ref::<KeyboardEvent>() {
            press(lang, key);
        }
    });
    dom::on("input", move |event| {
        if dom::closest(&event, "#palette input").is_some() {
            ask_soon(lang);
        }
    });
    dom::on("click", move |event| {
        click(lang, &event);
    });
    dom::on("mousedown", |event| {
        close_beside(&event);
    });
}

/// Returns whether the system is one of Apple, where Cmd+K is usual and Ctrl+K deletes to the end of a line.
fn is_apple() -> bool {
    let platform = dom::window().navigator().platform().unwrap_or_default();
    ["Mac", "iPhone", "iPad"].iter().any(|name| platform.starts_with(name))
}

/// Names the shortcut of this system in the link to the search, which names that of most systems.
fn name_shortcut() -> Option<()> {
    if is_apple() {
        for link in dom::all(&dom::root(), "[data-palette]") {
            link.set_attribute("aria-keyshortcuts", "Meta+K").ok()?;
            link.query_selector("kbd").ok()??.set_text_content(Some("⌘K"));
        }
    }
    Some(())
}

fn dialog() -> Option<HtmlDialogElement> {
    dom::by_id(PALETTE)?.dyn_into().ok()
}

fn input() -> Option<HtmlInputElement> {
    let dialog = dialog()?;
    dom::all(&dialog, "input").into_iter().next()?.dyn_into().ok()
}

fn options() -> Vec<HtmlElement> {
    dialog().map(|dialog| dom::all(&dialog, "[role=option]")).unwrap_or_default()
}

fn open(lang: Lang) -> Option<()> {
    let dialog = dialog()?;
    if !dialog.open() {
        dialog.show_modal().ok()?;
        ask_soon(lang);
    }
    input()?.select();
    Some(())
}

fn press(lang: Lang, key: &KeyboardEvent) -> Option<()> {
    let modifiers = match is_apple() {
        true => (key.meta_key(), key.ctrl_key()),
        false => (key.ctrl_key(), key.meta_key()),
    };
    let has_modifier = modifiers == (true, false) && !key.alt_key() && !key.shift_key();
    if has_modifier && key.key().eq_ignore_ascii_case("k") {
        open(lang)?;
        key.prevent_default();
        return Some(());
    }
    // While an input method composes characters, the keys are its own.
    if dom::closest(key, "#palette input").is_none() || key.is_composing() || key.key_code() == COMPOSING {
        return None;
    }
    let options = options();
    let chosen = options.iter().position(|option| option.get_attribute("aria-selected").as_deref() == Some("true"));
    let last = options.len().checked_sub(1)?;
    match (key.key().as_str(), chosen) {
        ("ArrowDown", Some(at)) if at < last => choose(&options, at + 1),
        ("ArrowDown", _) => choose(&options, 0),
        ("ArrowUp", Some(at)) if at > 0 => choose(&options, at - 1),
        ("ArrowUp", _) => choose(&options, last),
        ("Enter", Some(at)) => follow(&options[at], false),
        _ => return None,
    };
    key.prevent_default();
    Some(())
}

fn click(lang: Lang, event: &Event) -> Option<()> {
    let mouse = event.dyn_ref::<MouseEvent>()?;
    let in_new_tab = mouse.ctrl_key() || mouse.meta_key();
    if let Some(option) = dom::closest(event, "#palette [role=option]") {
        return follow(&option, in_new_tab);
    }
    if dom::closest(event, "[data-palette]").is_some() && !in_new_tab && !mouse.shift_key() {
        open(lang)?;
        event.prevent_default();
    }
    Some(())
}

/// Closes the dialog if the button is pressed on its backdrop, which is part of it. A click would also be one that
/// selects text and ends beside the dialog.
fn close_beside(event: &Event) -> Option<()> {
    let target = event.target()?.dyn_into::<Element>().ok()?;
    if target.id() == PALETTE {
        dialog()?.close();
    }
    Some(())
}

fn follow(option: &HtmlElement, in_new_tab: bool) -> Option<()> {
    let href = option.dataset().get("href")?;
    if in_new_tab {
        dom::window().open_with_url_and_target_and_features(&href, "_blank", "noopener").ok();
        return Some(());
    }
    dialog()?.close();
    dom::window().location().assign(&href).ok()
}

/// Marks no option as chosen, so that Enter opens the page for the text in the field.
fn choose_none() -> Option<()> {
    for option in options() {
        option.set_attribute("aria-selected", "false").ok()?;
    }
    input()?.remove_attribute("aria-activedescendant").ok()
}

/// Marks an option as chosen. The focus stays in the field.
fn choose(options: &[HtmlElement], chosen: usize) -> Option<()> {
    for (n, option) in options.iter().enumerate() {
        option.set_attribute("aria-selected", if n == chosen { "true" } else { "false" }).ok()?;
    }
    let option = options.get(chosen)?;
    input()?.set_attribute("aria-activedescendant", &option.id()).ok()?;
    let nearest = ScrollIntoViewOptions::new();
    nearest.set_block(ScrollLogicalPosition::Nearest);
    option.scroll_into_view_with_scroll_into_view_options(&nearest);
    Some(())
}

/// Asks the server after a pause in typing. Until it answers, the options are those of an earlier text.
fn ask_soon(lang: Lang) {
    choose_none();
    let number = LATEST.get().wrapping_add(1);
    LATEST.set(number);
    if let Some(request) = IN_FLIGHT.take() {
        request.abort();
    }
    dom::set_timeout(PAUSE_MS, move || {
        if LATEST.get() == number {
            spawn_local(async move {
                ask(lang, number).await;
            });
        }
    });
}

async fn ask(lang: Lang, number: u32) -> Option<()> {
    let typed = input()?.value();
    let query = UrlSearchParams::new().ok()?;
    query.append("q", &typed);
    let address = format!("/search?{}", query.to_string());
    let page = fetch(&format!("{address}&brief=true")).await;
    if LATEST.get() != number {
        return None;
    }
    let Some(page) = page else {
        show(lang, &[], None);
        return say(lang.search_failed());
    };
    let found = page.get_element_by_id("found")?;
    let hits = dom::all(&found, ".hits > li");
    show(lang, &hits, (!typed.trim().is_empty()).then_some(address.as_str()));
    say(&found.get_attribute("data-status").unwrap_or_default())
}

/// Returns the page at an address, unless the request is ended or the server redirects to the log-in.
async fn fetch(address: &str) -> Option<Document> {
    let (init, controller) = (RequestInit::new(), AbortController::new().ok()?);
    init.set_signal(Some(&controller.signal()));
    IN_FLIGHT.set(Some(controller));
    let answer = JsFuture::from(dom::window().fetch_with_str_and_init(address, &init)).await.ok()?;
    let answer: Response = answer.dyn_into().ok()?;
    if !answer.ok() || answer.redirected() {
        return None;
    }
    dom::parse(&answer).await
}

/// Shows hits as options, and at their end the page with all of them. The first one is chosen.
fn show(lang: Lang, hits: &[HtmlElement], address: Option<&str>) -> Option<()> {
    let list = dom::by_id(HITS)?;
    list.replace_children_with_node_0();
    for (n, hit) in hits.iter().enumerate() {
        let link = hit.query_selector("a").ok()??;
        let option = add_option(&list, n, &link.get_attribute("href")?)?;
        let parts = js_sys::Array::from(&link.child_nodes());
        if let Some(facts) = hit.query_selector("p").ok()? {
            parts.push(&facts);
        }
        option.replace_children_with_node(&parts);
    }
    if let Some(address) = address.filter(|_| !hits.is_empty()) {
        add_option(&list, hits.len(), address)?.set_text_content(Some(lang.search_all()));
    }
    let field = input()?;
    field.set_attribute("aria-expanded", if hits.is_empty() { "false" } else { "true" }).ok()?;
    field.remove_attribute("aria-activedescendant").ok()?;
    list.set_hidden(hits.is_empty());
    choose(&options(), 0)
}

fn add_option(list: &HtmlElement, n: usize, href: &str) -> Option<Element> {
    let option = dom::document().create_element("li").ok()?;
    option.set_id(&format!("palette-{n}"));
    option.set_attribute("role", "option").ok()?;
    option.set_attribute("data-href", href).ok()?;
    list.append_child(&option).ok()?;
    Some(option)
}

fn say(text: &str) -> Option<()> {
    dom::by_id("palette-status")?.set_text_content((!text.is_empty()).then_some(text));
    Some(())
}
