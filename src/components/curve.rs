//! A step curve of the instances that received a release, over time. The server draws it as one picture.

use std::fmt::Write;

use super::view::*;

/// Width of the picture, in units of its view box.
const WIDTH: f64 = 600.0;
/// Height of the picture.
const HEIGHT: f64 = 120.0;

/// A curve that rises by one step at each of the times; `all` is its full height.
#[component]
pub fn Curve(
    /// Description for screen readers.
    #[prop(into)]
    label: String,
    /// Times of the steps in milliseconds, ascending.
    times: Vec<i64>,
    /// Total number, including steps that are still missing.
    all: usize,
    /// Labels of the left and the right end.
    ends: (String, String),
) -> impl IntoView {
    let path = steps(&times, all);
    let (from, to) = ends;
    view! {
        <figure class="curve">
            <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=label>
                <path class="area" d=format!("{path}V{HEIGHT}H0Z") />
                <path class="line" d=path />
            </svg>
            <figcaption><span>{from}</span><span>{to}</span></figcaption>
        </figure>
    }
    .into_any()
}

/// Returns the SVG path: across to each time, then up by one step.
fn steps(times: &[i64], all: usize) -> String {
    let last = times.last().copied().unwrap_or(0).max(1);
    let mut path = format!("M0 {HEIGHT}");
    for (n, at) in times.iter().enumerate() {
        let across = fraction(usize::try_from(*at).unwrap_or(0), usize::try_from(last).unwrap_or(1)) * WIDTH;
        let up = HEIGHT - fraction(n + 1, all) * HEIGHT;
        let _ = write!(path, "H{across:.1}V{up:.1}");
    }
    path
}

/// Divides two whole numbers that are small enough to be exact.
pub(super) fn fraction(part: usize, whole: usize) -> f64 {
    let small = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    (small(part) / small(whole.max(1))).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curve_rises_by_one_step_at_each_time() {
        assert_eq!(steps(&[0, 50, 100], 4), "M0 120H0.0V90.0H300.0V60.0H600.0V30.0");
        assert_eq!(steps(&[], 0), "M0 120");
    }
}
