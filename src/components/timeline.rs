//! Releases as a picture: a lane for each environment, a dot for each release, a diamond for each rollback. The server
//! draws it as SVG. All numbers are pixels.

use super::{EnvStyle, EnvTag, RenderedAt, day, lang, view::*};
use crate::domain::time::Time;

/// Height of the dates above the lanes, as in `style/timeline.css`.
const TOP: usize = 22;
/// Height of a lane, as in `style/timeline.css`.
const LANE: usize = 96;
/// Position of the dots in their lane.
const DOT: usize = 36;
/// Radius of a dot.
const RADIUS: usize = 7;
/// Height of the control points of an arrow above its ends. The arrow rises by three quarters of it.
const RISE: usize = 26;
/// Minimum distance of two releases, whatever their lanes.
const STEP: usize = 32;
/// Distance between the texts of two releases in one lane.
const GAP: usize = 8;
/// Minimum width of a link.
const MIN_WIDTH: usize = 28;
/// Maximum width of a text. Longer ones are cut.
const MAX_WIDTH: usize = 104;
/// Minimum distance of two dates.
const MIN_DATE_STEP: usize = 72;
/// Positions of the lines of text below a dot.
const LINES: [usize; 3] = [22, 36, 49];

/// A release in the picture.
#[derive(Clone, Debug, Default)]
pub struct TimelineRelease {
    /// Index of its lane.
    pub lane: usize,
    /// Address of its page.
    pub href: String,
    /// Accessible name, also shown on hover.
    pub title: String,
    /// Number, namespace and author.
    pub lines: [String; 3],
    /// Time.
    pub at: Time,
    /// Whether it is a rollback.
    pub is_rollback: bool,
    /// Index of the release whose content it restored, if that is in the picture.
    pub restored: Option<usize>,
}

/// Releases by time, in a lane for each environment.
#[component]
pub fn Timeline(
    /// Accessible name.
    #[prop(into)]
    label: String,
    /// Explanation of its marks.
    hint: &'static str,
    /// The environments.
    lanes: Vec<EnvStyle>,
    /// The releases, from left to right.
    releases: Vec<TimelineRelease>,
) -> impl IntoView {
    let placed = Placed::of(&releases);
    let (width, height) = (placed.width, TOP + lanes.len() * LANE);
    let now = use_context::<RenderedAt>().map_or(Time(0), |now| now.0);
    let dates = placed.dates.iter().map(|(x, at)| {
        let line = (*x > 0).then(|| view! { <path class="day" d=format!("M{x} 0V{height}") /> });
        view! { {line}<text x=x + 5 y=15>{day(lang(), *at, now)}</text> }
    });
    let dates = dates.collect_view();
    let names = lanes.iter().map(|env| view! { <li><EnvTag env=env.clone() bare=true /></li> }).collect_view();
    let lines = (0..lanes.len()).map(|lane| view! { <path class="lane" d=format!("M0 {}H{width}", dot_y(lane)) /> });
    let lines = lines.collect_view();
    let of_lane = |releases: &[TimelineRelease], lane: usize| {
        let there = releases.iter().enumerate().filter(|(_, release)| release.lane == lane);
        let arrows = there.clone().filter_map(|(n, release)| {
            let (from, to) = (placed.centres[n], placed.centres[release.restored?]);
            Some(view! { <path class="back" d=arrow(from, to, dot_y(lane)) /> })
        });
        let arrows = arrows.collect_view();
        view! { {arrows}{there.map(|(n, release)| dot(release, placed.centres[n])).collect_view()} }.into_any()
    };
    let groups = lanes.iter().enumerate().map(|(lane, env)| {
        view! { <g class=env.class()>{of_lane(&releases, lane)}</g> }
    });
    view! {
        <figure class="timeline">
            <ol class="lanes">{names}</ol>
            <div class="track">
                <svg viewBox=format!("0 0 {width} {height}") width=width height=height role="group" aria-label=label>
                    {dates}
                    {lines}
                    {groups.collect_view()}
                </svg>
            </div>
            <figcaption class="hint">{hint}</figcaption>
        </figure>
    }
    .into_any()
}

/// Renders a release and its texts as a link.
fn dot(release: &TimelineRelease, x: usize) -> AnyView {
    let y = dot_y(release.lane);
    let width = width(release);
    let shape = if release.is_rollback {
        let (r, d) = (RADIUS + 2, 2 * (RADIUS + 2));
        view! { <path class="dot" d=format!("M{} {y}l{r} -{r}l{r} {r}l-{r} {r}Z", x + r - d) /> }.into_any()
    } else {
        view! { <circle class="dot" cx=x cy=y r=RADIUS /> }.into_any()
    };
    let lines = release.lines.iter().zip(LINES);
    let lines = lines.map(|(text, below)| view! { <text x=x y=y + below>{cut(text)}</text> }).collect_view();
    view! {
        <a href=release.href.clone()>
            <title>{release.title.clone()}</title>
            <rect x=x - width / 2 y=y - 14 width=width height=70 rx=6 />
            {shape}
            {lines}
        </a>
    }
    .into_any()
}

/// Position of the releases.
#[derive(Debug, PartialEq, Eq)]
struct Placed {
    /// Centre of each release.
    centres: Vec<usize>,
    /// Dates where the day changes, each with the position of the change.
    dates: Vec<(usize, Time)>,
    /// Width of the picture.
    width: usize,
}

impl Placed {
    /// Places each release to the right of the one before it, so that texts in one lane do not overlap.
    fn of(releases: &[TimelineRelease]) -> Self {
        let lanes = releases.iter().map(|release| release.lane + 1).max().unwrap_or(0);
        // Right ends of the texts in each lane.
        let mut ends = vec![0; lanes];
        let mut centres: Vec<usize> = Vec::new();
        let mut dates: Vec<(usize, Time)> = Vec::new();
        let mut today = None;
        for release in releases {
            let half = width(release) / 2;
            let last = centres.last().copied();
            let x = last.map_or(0, |last| last + STEP).max(ends[release.lane] + GAP + half);
            let day = release.at.0.div_euclid(86_400_000);
            let change = last.map_or(0, |last| usize::midpoint(last, x));
            let has_room = dates.last().is_none_or(|(date, _)| change - date >= MIN_DATE_STEP);
            if today != Some(day) && has_room {
                dates.push((change, release.at));
            }
            today = Some(day);
            ends[release.lane] = x + half;
            centres.push(x);
        }
        let of_dates = dates.last().map_or(0, |(x, _)| x + MIN_DATE_STEP);
        let width = ends.into_iter().max().map_or(0, |end| end + GAP).max(of_dates);
        Self { centres, dates, width }
    }
}

/// Returns the position of the dots of a lane.
fn dot_y(lane: usize) -> usize {
    TOP + lane * LANE + DOT
}

/// Returns the path of an arrow from a rollback to the release that it restored, above their dots.
fn arrow(from: usize, to: usize, y: usize) -> String {
    let (begin, end) = (y - RADIUS - 3, y - RADIUS - 2);
    let top = begin - RISE;
    format!("M{from} {begin}C{from} {top} {to} {top} {to} {end}m-4 -6l4 6l4 -6")
}

/// Returns the width of a release with its texts.
fn width(release: &TimelineRelease) -> usize {
    release.lines.iter().map(|line| text_width(&cut(line))).max().unwrap_or(0).max(MIN_WIDTH)
}

/// Returns the width of a text at 11 px, or a little more.
fn text_width(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 7 } else { 12 }).sum()
}

/// Cuts a text that is too wide.
fn cut(text: &str) -> String {
    if text_width(text) <= MAX_WIDTH {
        return text.to_owned();
    }
    let mut left = MAX_WIDTH - 12;
    let fits = |c: &char| {
        let rest = left.checked_sub(if c.is_ascii() { 7 } else { 12 });
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn release(lane: usize, text: &str, at: i64) -> TimelineRelease {
        TimelineRelease { lane, lines: ["1".into(), text.into(), "ana".into()], at: Time(at), ..Default::default() }
    }

    #[test]
    fn releases_are_placed_in_order_and_texts_of_a_lane_do_not_overlap() {
        let releases = [
            release(0, "application", 3 * DAY),
            release(1, "application", 3 * DAY),
            release(0, "application", 3 * DAY),
            release(0, "a", 3 * DAY),
            release(1, "a", 3 * DAY),
        ];
        let placed = Placed::of(&releases);
        assert!(placed.centres.windows(2).all(|two| two[0] + STEP <= two[1]), "{placed:?}");
        for lane in [0, 1] {
            let there = releases.iter().zip(&placed.centres).filter(|(release, _)| release.lane == lane);
            let ends: Vec<_> = there.map(|(release, x)| (x - width(release) / 2, x + width(release) / 2)).collect();
            assert!(ends.windows(2).all(|two| two[0].1 < two[1].0), "{ends:?}");
            assert!(ends.iter().all(|(_, end)| *end < placed.width), "{ends:?} {placed:?}");
        }
        // Releases of other lanes need no room for their texts.
        assert_eq!(placed.centres[1] - placed.centres[0], STEP);
    }

    #[test]
    fn a_date_is_shown_where_the_day_changes_if_there_is_room() {
        let at = [9 * DAY + 5, 9 * DAY, 8 * DAY, 7 * DAY, 6 * DAY];
        let releases: Vec<_> = at.iter().enumerate().map(|(n, at)| release(n, "a", *at)).collect();
        let placed = Placed::of(&releases);
        let [a, b, c, d, e] = placed.centres[..] else { panic!("{placed:?}") };
        assert_eq!(placed.dates, [(0, Time(at[0])), (usize::midpoint(c, d), Time(at[3]))]);
        assert!(usize::midpoint(b, c) < MIN_DATE_STEP && a < b && placed.width >= e);
    }

    #[test]
    fn an_empty_picture_and_a_single_release_have_a_size() {
        assert_eq!(Placed::of(&[]), Placed { centres: vec![], dates: vec![], width: 0 });
        let one = Placed::of(&[release(2, "a", 0)]);
        assert_eq!((one.centres, one.dates), (vec![GAP + MIN_WIDTH / 2], vec![(0, Time(0))]));
    }

    #[test]
    fn an_arrow_ends_above_the_restored_release_inside_of_its_lane() {
        let y = dot_y(1);
        assert_eq!(arrow(40, 200, y), "M40 144C40 118 200 118 200 145m-4 -6l4 6l4 -6");
        // A curve reaches three quarters of the height of its control points.
        assert!(y - RADIUS - 3 - RISE * 3 / 4 > TOP + LANE);
        assert!(DOT + LINES[2] < LANE && y - 14 + 70 <= TOP + 2 * LANE);
    }

    #[test]
    fn long_texts_are_cut_by_their_width() {
        assert_eq!(cut("application"), "application");
        assert_eq!(cut("a-very-long-namespace"), "a-very-long-n…");
        assert_eq!(cut("配置中心的命名空间名称"), "配置中心的命名…");
        for text in ["a-very-long-namespace", "配置中心的命名空间名称"] {
            assert!(text_width(&cut(text)) <= MAX_WIDTH, "{text}");
        }
    }
}
