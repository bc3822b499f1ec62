//! Times: relative under a day, exact in `title` and `datetime`. The server writes UTC, the island local time.

use super::{lang, view::*};
use crate::{
    domain::time::{Time, civil},
    texts::Lang,
};

/// Time at which the page was rendered.
#[derive(Clone, Copy, Debug)]
pub struct RenderedAt(pub Time);

/// A time.
#[component]
pub fn When(
    /// The time.
    at: Time,
    /// Keeps the text as it was rendered. For a time that lies in the future and passes while the page is open.
    #[prop(optional)]
    fixed: bool,
) -> impl IntoView {
    let text = relative(lang(), at, use_context::<RenderedAt>().map_or(at, |now| now.0));
    let exact = at.rfc3339();
    let title = format!("{} {} UTC", &exact[..10], &exact[11..19]);
    view! { <time datetime=exact title=title data-when=(!fixed).then_some("")>{text}</time> }
}

/// Formats a time: relative under a day, otherwise the date, with the year if it is not the current one.
pub fn relative(lang: Lang, at: Time, now: Time) -> String {
    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * 60 * MINUTE;
    let ago = now.0 - at.0;
    let away = ago.abs();
    if away >= DAY {
        day(lang, at, now)
    } else if ago < 0 {
        match away / MINUTE {
            0 => lang.soon().to_owned(),
            minutes @ 1..60 => lang.in_minutes(minutes),
            minutes => lang.in_hours(minutes / 60),
        }
    } else {
        match away / MINUTE {
            0 => lang.just_now().to_owned(),
            minutes @ 1..60 => lang.minutes_ago(minutes),
            minutes => lang.hours_ago(minutes / 60),
        }
    }
}

/// Formats the date in UTC.
pub fn day(lang: Lang, at: Time, now: Time) -> String {
    let date = |t: Time| civil(t.0.div_euclid(86_400_000));
    let (year, month, day) = date(at);
    let month = lang.months().split(' ').nth(month as usize - 1).unwrap_or_default();
    if year == date(now).0 { lang.day_of(month, day) } else { lang.date_of(year, month, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_relative_under_a_day() {
        let now = Time(1_795_364_000_000);
        let says = |ms: i64| relative(Lang::En, now.plus_ms(-ms), now);
        assert_eq!(says(0), "just now");
        assert_eq!(says(59_999), "just now");
        assert_eq!(says(120_000), "2 min ago");
        assert_eq!(says(7_200_000), "2 h ago");
        assert_eq!(says(3 * 86_400_000), "19 Nov");
        assert_eq!(says(400 * 86_400_000), "18 Oct 2025");
        assert_eq!(says(-7_200_000), "in 2 h");
        assert_eq!(relative(Lang::Zh, now.plus_ms(-3 * 86_400_000), now), "11月19日");
    }
}
