//! Shows times in the local time zone and keeps relative times up to date.

use leptos::web_sys::{Element, HtmlElement};

use super::dom;
use crate::{components::relative, domain::time::Time, texts::Lang};

pub fn start(lang: Lang) {
    localise(lang, &dom::root());
    dom::set_interval(30_000, move || localise(lang, &dom::root()));
}

/// Formats all times below `root` in the time zone of the browser.
pub fn localise(lang: Lang, root: &Element) {
    for element in dom::all(root, "time[data-when]") {
        format_time(lang, &element);
    }
}

fn format_time(lang: Lang, element: &HtmlElement) -> Option<()> {
    let date = js_sys::Date::new(&element.get_attribute("datetime")?.into());
    let (at, now) = (whole(date.get_time())?, whole(js_sys::Date::now())?);
    // Minutes by which the local time is behind UTC.
    let behind = whole(date.get_timezone_offset())?;
    let here = |ms: i64| Time(ms - behind * 60_000);
    let text = relative(lang, here(at), here(now));
    if element.text_content().as_deref() != Some(&text) {
        element.set_text_content(Some(&text));
    }
    let (exact, ahead) = (here(at).rfc3339(), -behind);
    let sign = if ahead < 0 { '−' } else { '+' };
    let zone = format!("{sign}{:02}:{:02}", ahead.abs() / 60, ahead.abs() % 60);
    element.set_title(&format!("{} {} UTC{zone}", &exact[..10], &exact[11..19]));
    Some(())
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are whole and small enough")]
fn whole(number: f64) -> Option<i64> {
    number.is_finite().then_some(number as i64)
}
