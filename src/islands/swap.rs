//! Forms that replace only the elements that they change. A form marked `data-swap="ids"` is posted, and the elements
//! with these ids are replaced by those of the page that follows. If this fails, the browser sends the form.

use std::cell::Cell;

use leptos::{
    wasm_bindgen::{JsCast, JsValue},
    web_sys::{
        Document, Element, Event, FormData, HtmlButtonElement, HtmlElement, HtmlFormElement, RequestInit, Response,
        SubmitEvent, UrlSearchParams,
    },
};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{dom, replace};
use crate::texts::Lang;

/// Ids of elements that every form replaces: messages, the counts in the sidebar, and the banners.
const ALWAYS: [&str; 4] = ["flash", "notice", "rail", "trouble"];

thread_local! {
    /// Whether the browser sends the next form itself.
    static SEND_BY_BROWSER: Cell<bool> = const { Cell::new(false) };
}

pub fn start(lang: Lang) {
    dom::on("submit", move |event| {
        if let Some(sending) = FormInFlight::of(&event) {
            event.prevent_default();
            spawn_local(sending.send(lang));
        }
    });
}

/// A form in flight.
struct FormInFlight {
    form: HtmlFormElement,
    button: Option<HtmlElement>,
    ids: Vec<String>,
}

impl FormInFlight {
    fn of(event: &Event) -> Option<Self> {
        let form: HtmlFormElement = event.target()?.dyn_into().ok()?;
        let ids = form.dataset().get("swap")?;
        if event.default_prevented() || SEND_BY_BROWSER.replace(false) {
            return None;
        }
        let button = event.dyn_ref::<SubmitEvent>()?.submitter();
        // Such a button closes a dialog, or downloads a file.
        if button
            .as_ref()
            .is_some_and(|button| button.has_attribute("formmethod") || button.has_attribute("formaction"))
        {
            return None;
        }
        Some(Self { form, button, ids: ids.split_whitespace().map(str::to_owned).collect() })
    }

    async fn send(self, lang: Lang) {
        // A second press while the form is in flight does nothing.
        if self.form.has_attribute("aria-busy") {
            return;
        }
        self.busy(true);
        let held = self.make_read_only();
        let taken = match self.fetch().await {
            Some(answer) => self.replace_elements(answer, lang).await,
            None => show_unreachable(lang),
        };
        self.busy(false);
        for field in held {
            field.remove_attribute("readonly").ok();
        }
        if taken.is_none() {
            self.send_by_browser();
        }
    }

    /// Makes the fields read-only while the form is in flight: the response may replace the form and lose later input.
    fn make_read_only(&self) -> Vec<HtmlElement> {
        let fields = dom::all(&self.form, "input:not([readonly]), textarea:not([readonly])");
        for field in &fields {
            field.set_attribute("readonly", "").ok();
        }
        fields
    }

    fn busy(&self, busy: bool) {
        let mark = |element: &Element, name: &str| match busy {
            true => element.set_attribute(name, "true").ok(),
            false => element.remove_attribute(name).ok(),
        };
        mark(&self.form, "aria-busy");
        if let Some(button) = &self.button {
            mark(button, "data-pressed");
        }
    }

    async fn fetch(&self) -> Option<Response> {
        let fields: JsValue = FormData::new_with_form(&self.form).ok()?.into();
        let fields = UrlSearchParams::new_with_str_sequence_sequence(&fields).ok()?;
        let button = self.button.as_ref().and_then(|b| b.dyn_ref::<HtmlButtonElement>());
        if let Some(button) = button.filter(|b| !b.name().is_empty()) {
            fields.append(&button.name(), &button.value());
        }
        let action = self.form.get_attribute("action").unwrap_or_default();
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&fields);
        let headers = js_sys::Object::new();
        for (name, value) in [("accept", "text/html"), ("x-swap", "1")] {
            js_sys::Reflect::set(&headers, &name.into(), &value.into()).ok()?;
        }
        init.set_headers(&headers);
        let answer = JsFuture::from(dom::window().fetch_with_str_and_init(&action, &init)).await;
        answer.ok()?.dyn_into().ok()
    }

    /// Replaces the elements. Returns `None` if the browser has to send the form itself to show the response.
    async fn replace_elements(&self, answer: Response, lang: Lang) -> Option<()> {
        const CONFLICT: u16 = 412;
        let went = answer.headers().get("x-location").ok().flatten();
        if answer.status() == 204 {
            return dom::window().location().assign(&went?).ok();
        }
        if answer.status() == CONFLICT {
            return None;
        }
        let page = dom::parse(&answer).await?;
        let focus = Focus::now();
        // The response may be an error page without these elements. It then replaces the whole content.
        let whole = !self.ids.iter().all(|id| page.get_element_by_id(id).is_some() && dom::by_id(id).is_some());
        let ids = if whole { vec!["main".to_owned()] } else { self.ids.clone() };
        replace::replace_all(&page, ids.iter().map(String::as_str).chain(ALWAYS), lang);
        take_over_page(&page, went.as_deref().filter(|_| answer.ok()));
        focus.restore(answer.ok(), &ids);
        Some(())
    }

    /// Lets the browser send the form.
    fn send_by_browser(&self) {
        SEND_BY_BROWSER.set(true);
        let sent = match &self.button {
            Some(button) => self.form.request_submit_with_submitter(Some(button)),
            None => self.form.request_submit(),
        };
        sent.ok();
    }
}

/// Sets the title, the theme and the address to those of the new page.
fn take_over_page(page: &Document, address: Option<&str>) -> Option<()> {
    dom::document().set_title(&page.title());
    let (old, new) = (dom::root(), page.document_element()?);
    match new.get_attribute("data-theme") {
        Some(theme) => old.set_attribute("data-theme", &theme).ok()?,
        None => old.remove_attribute("data-theme").ok()?,
    }
    let history = dom::window().history().ok()?;
    history.replace_state_with_url(&JsValue::NULL, "", Some(address?)).ok()
}

/// Shows that the server could not be reached, and keeps the input.
fn show_unreachable(lang: Lang) -> Option<()> {
    let notice = dom::by_id("notice")?;
    let banner = dom::document().create_element("p").ok()?;
    banner.set_class_name("banner bad");
    banner.set_attribute("role", "alert").ok()?;
    banner.set_text_content(Some(lang.error_unreachable()));
    notice.set_text_content(None);
    notice.append_child(&banner).ok()?;
    notice.scroll_into_view_with_bool(false);
    Some(())
}

/// Position of the focus before elements are replaced.
struct Focus {
    id: Option<String>,
}

impl Focus {
    fn now() -> Self {
        // An editor has the id of its field in an attribute.
        let focused = dom::document().active_element();
        let id = focused.map(|f| f.get_attribute("data-field").unwrap_or_else(|| f.id()));
        Self { id: id.filter(|id| !id.is_empty()) }
    }

    /// Moves the focus to the first invalid field, or back to its element, or to the first replaced element.
    fn restore(&self, succeeded: bool, ids: &[String]) -> Option<()> {
        let wrong = (!succeeded).then(|| dom::all(&dom::root(), "[aria-invalid=true]").into_iter().next()).flatten();
        let lost = dom::document().active_element().is_none_or(|now| now.tag_name() == "BODY");
        if let Some(field) = wrong {
            return field.focus().ok();
        }
        if !lost {
            return Some(());
        }
        let back = self.id.as_deref().and_then(dom::by_id);
        let place = back.or_else(|| dom::by_id(ids.first()?))?;
        if place.tab_index() < 0 && !place.has_attribute("tabindex") {
            place.set_tab_index(-1);
        }
        place.focus().ok()
    }
}
