//! A curve that climbs in steps: who has got something, by when. Drawn on the server, as one picture.

use std::fmt::Write;

use leptos::prelude::*;

/// The picture's size, in its own units.
const WIDE: f64 = 600.0;
const HIGH: f64 = 120.0;

/// Climbs one step at each of the times, to `all`.
#[component]
pub fn Curve(
    /// What it shows, for those who do not see it.
    #[prop(into)]
    label: String,
    /// When each came, in milliseconds, in order.
    times: Vec<i64>,
    /// How many there are, with those that have not come.
    all: usize,
    /// What stands under its left and its right end.
    ends: (String, String),
) -> impl IntoView {
    let path = steps(&times, all);
    let (from, to) = ends;
    view! {
        <figure class="curve">
            <svg viewBox=format!("0 0 {WIDE} {HIGH}") preserveAspectRatio="none" role="img" aria-label=label>
                <path class="area" d=format!("{path}V{HIGH}H0Z") />
                <path class="line" d=path />
            </svg>
            <figcaption><span>{from}</span><span>{to}</span></figcaption>
        </figure>
    }
    .into_any()
}

/// The path: across to each time, then up by one.
fn steps(times: &[i64], all: usize) -> String {
    let last = times.last().copied().unwrap_or(0).max(1);
    let mut path = format!("M0 {HIGH}");
    for (n, at) in times.iter().enumerate() {
        let across = fraction(usize::try_from(*at).unwrap_or(0), usize::try_from(last).unwrap_or(1)) * WIDE;
        let up = HIGH - fraction(n + 1, all) * HIGH;
        let _ = write!(path, "H{across:.1}V{up:.1}");
    }
    path
}

/// Of whole numbers small enough to be exact.
fn fraction(part: usize, whole: usize) -> f64 {
    let small = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    (small(part) / small(whole.max(1))).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_climbs_one_step_at_each_time() {
        assert_eq!(steps(&[0, 50, 100], 4), "M0 120H0.0V90.0H300.0V60.0H600.0V30.0");
        assert_eq!(steps(&[], 0), "M0 120");
    }
}
