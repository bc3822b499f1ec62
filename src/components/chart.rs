//! Pictures of values over time, which the server draws: a line, or a stem for each event.

use std::fmt::Write;

use super::{curve::fraction, view::*};

/// Width of a chart, in units of its view box.
const WIDTH: f64 = 600.0;
/// Height of a chart.
const HEIGHT: f64 = 120.0;
/// Width of a sparkline.
const SPARK_WIDTH: f64 = 96.0;
/// Height of a sparkline.
const SPARK_HEIGHT: f64 = 20.0;

/// The content of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plot {
    /// Values at equal intervals. A gap where there is none.
    Line(Vec<Option<u32>>),
    /// Events: each with its time in thousandths of the width, and its value.
    Stems(Vec<(usize, usize)>),
}

impl Plot {
    /// Returns the largest value.
    fn most(&self) -> usize {
        match self {
            Self::Line(values) => values.iter().flatten().max().map_or(0, |most| whole(*most)),
            Self::Stems(events) => events.iter().map(|(_, value)| *value).max().unwrap_or(0),
        }
    }
}

/// A chart with its title, a sentence that says what it shows, and the labels of its axes.
#[component]
pub fn Chart(
    /// Title, which also is the name of the picture.
    title: &'static str,
    /// The values.
    plot: Plot,
    /// The content of the picture in words.
    says: AnyView,
    /// Label of the largest value.
    #[prop(into)]
    most: String,
    /// Labels of the left and the right end.
    ends: (&'static str, &'static str),
) -> impl IntoView {
    let all = plot.most();
    let shapes = match &plot {
        Plot::Line(values) => {
            let (line, area) = (line(values, all, WIDTH, HEIGHT), area(values, all));
            view! { <path class="area" d=area /><path class="line" d=line /> }.into_any()
        }
        Plot::Stems(events) => view! { <path class="line" d=stems(events, all) /> }.into_any(),
    };
    view! {
        <figure class="curve chart">
            <h3>{title}</h3>
            <p>{says}</p>
            <p class="most" aria-hidden="true">{most}</p>
            <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=title>{shapes}</svg>
            <figcaption><span>{ends.0}</span><span>{ends.1}</span></figcaption>
        </figure>
    }
    .into_any()
}

/// A small line without axes, beside a text.
#[component]
pub fn Sparkline(
    /// Description for screen readers.
    label: String,
    /// The values.
    values: Vec<Option<u32>>,
) -> impl IntoView {
    let most = Plot::Line(values.clone()).most();
    let path = line(&values, most, SPARK_WIDTH, SPARK_HEIGHT);
    let title = label.clone();
    view! {
        <svg class="spark" viewBox=format!("0 0 {SPARK_WIDTH} {SPARK_HEIGHT}") preserveAspectRatio="none" role="img" aria-label=label>
            <title>{title}</title>
            <path class="line" d=path />
        </svg>
    }
    .into_any()
}

/// Returns the runs of values without a gap: the index of the first, and the values.
fn runs(values: &[Option<u32>]) -> Vec<(usize, Vec<u32>)> {
    let mut runs: Vec<(usize, Vec<u32>)> = Vec::new();
    for (n, value) in values.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(value), Some((start, run))) if *start + run.len() == n => run.push(*value),
            (Some(value), _) => runs.push((n, vec![*value])),
            (None, _) => {}
        }
    }
    runs
}

/// Returns the SVG path through all values. A single value between gaps is a dot, which round ends make visible.
fn line(values: &[Option<u32>], most: usize, width: f64, height: f64) -> String {
    let mut path = String::new();
    for (start, run) in runs(values) {
        for (n, value) in run.iter().enumerate() {
            let (x, y) = (across(start + n, values.len(), width), up(whole(*value), most, height));
            let _ = write!(path, "{}{x:.1} {y:.1}", if n == 0 { 'M' } else { 'L' });
        }
        if run.len() == 1 {
            path.push_str("h0");
        }
    }
    path
}

/// Returns the SVG path of the area below the values.
fn area(values: &[Option<u32>], most: usize) -> String {
    let mut path = String::new();
    for (start, run) in runs(values) {
        let _ = write!(path, "M{:.1} {HEIGHT}", across(start, values.len(), WIDTH));
        for (n, value) in run.iter().enumerate() {
            let (x, y) = (across(start + n, values.len(), WIDTH), up(whole(*value), most, HEIGHT));
            let _ = write!(path, "L{x:.1} {y:.1}");
        }
        let _ = write!(path, "V{HEIGHT}Z");
    }
    path
}

/// Returns the SVG path of a stem for each event.
fn stems(events: &[(usize, usize)], most: usize) -> String {
    let mut path = String::new();
    for (at, value) in events {
        let _ = write!(path, "M{:.1} {HEIGHT}V{:.1}", fraction(*at, 1000) * WIDTH, up(*value, most, HEIGHT));
    }
    path
}

fn across(n: usize, all: usize, width: f64) -> f64 {
    fraction(n, all.saturating_sub(1)) * width
}

fn up(value: usize, most: usize, height: f64) -> f64 {
    height - fraction(value, most) * height
}

fn whole(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_at_gaps() {
        let values = [Some(0), Some(10), None, Some(5), None];
        assert_eq!(line(&values, 10, 400.0, 100.0), "M0.0 100.0L100.0 0.0M300.0 50.0h0");
        assert_eq!(area(&values, 10), "M0.0 120L0.0 120.0L150.0 0.0V120ZM450.0 120L450.0 60.0V120Z");
        assert_eq!(line(&[None, None], 0, 400.0, 100.0), "");
        assert_eq!(line(&[Some(0), Some(0)], 0, 400.0, 100.0), "M0.0 100.0L400.0 100.0");
    }

    #[test]
    fn a_stem_is_as_high_as_its_value() {
        let plot = Plot::Stems(vec![(0, 10), (1000, 40)]);
        assert_eq!(plot.most(), 40);
        assert_eq!(stems(&[(0, 10), (1000, 40)], 40), "M0.0 120V90.0M600.0 120V0.0");
        assert_eq!(stems(&[(500, 0)], 0), "M300.0 120V120.0");
    }
}
