//! Pictures of the last 24 hours: reads per minute, instances, and the time from accepted to seen.

use super::{config::elapsed, console::Console};
use crate::{
    components::{view::*, *},
    domain::{access::Actor, names::ConfigId},
    reader::history::{BUCKET_MS, BUCKETS, Picture},
    texts::{Lang, grouped},
};

/// The pictures of some configs.
#[derive(Clone)]
pub(super) struct PicturesData {
    picture: Picture,
    /// Whether other nodes answer reads that are not in the pictures.
    has_other_nodes: bool,
}

impl PicturesData {
    /// Takes the pictures of those configs that `shows` accepts and the actor may see.
    pub fn take(console: &Console, actor: &Actor, shows: impl Fn(&ConfigId) -> bool) -> Self {
        let picture = console.reader.history.picture(|config| shows(config) && actor.may_view(config).is_ok());
        Self { picture, has_other_nodes: console.nodes.has_others() }
    }
}

/// A card with the three pictures.
#[component]
pub(super) fn Pictures(data: PicturesData) -> impl IntoView {
    let t = lang();
    let PicturesData { picture, has_other_nodes } = data;
    let kept = match picture.is_whole() {
        true => t.pictures_kept().into_any(),
        false => dated(t.pictures_since(), picture.since),
    };
    let others = has_other_nodes.then(|| view! { " "{t.pictures_one_node()} });
    let body = if picture.is_empty() {
        view! { <p class="quiet">{t.pictures_none()}</p> }.into_any()
    } else {
        let counted = view! { " "{t.pictures_counted()} }.into_any();
        view! {
            <div class="charts">
                {values(t, t.pictures_reads(), &picture, picture.reads.clone(), None)}
                {values(t, t.pictures_instances(), &picture, picture.instances.clone(), Some(counted))}
                {seen(t, &picture)}
            </div>
        }
        .into_any()
    };
    view! { <Card id="last-day" title=t.pictures_title()>{body}<p class="quiet">{kept}{others}</p></Card> }.into_any()
}

/// Draws values over time, and says the present, the largest and the smallest one.
fn values(
    t: Lang,
    title: &'static str,
    picture: &Picture,
    values: Vec<Option<u32>>,
    more: Option<AnyView>,
) -> Option<AnyView> {
    let known = || values.iter().enumerate().filter_map(|(n, value)| Some((n, (*value)?)));
    let (now, least) = (known().next_back()?.1, known().map(|(_, value)| value).min()?);
    let (at, most) = known().max_by_key(|(n, value)| (*value, *n))?;
    let number = |n: u32| view! { <b>{grouped(n)}</b> }.into_any();
    // The last bucket begins before now, so its time is never in the future.
    let time = view! { <When at=picture.time_of(at) /> }.into_any();
    let says = sentence(t.pictures_reads_says(), [number(now), number(most), time, number(least)]);
    let says = view! { {says}{more} }.into_any();
    let ends = (t.pictures_ago(), t.pictures_now());
    Some(view! { <Chart title plot=Plot::Line(values) says most=grouped(most) ends /> }.into_any())
}

/// Draws a stem for each release, as high as the time until all instances had it.
fn seen(t: Lang, picture: &Picture) -> AnyView {
    let title = t.pictures_seen();
    let start = picture.time_of(0);
    let place = |at: crate::domain::time::Time| {
        usize::try_from((at.ms_since(start) * 1000).div_euclid(BUCKET_MS * BUCKETS as i64)).unwrap_or(0).min(1000)
    };
    let whole = |ms: i64| usize::try_from(ms).unwrap_or(0);
    let events: Vec<_> =
        picture.releases.iter().map(|release| (place(release.accepted_at), whole(release.all_ms))).collect();
    let mut times: Vec<i64> = picture.releases.iter().map(|release| release.all_ms).collect();
    times.sort_unstable();
    let Some(longest) = times.last().copied() else {
        let says = t.pictures_no_releases();
        return view! { <figure class="curve chart"><h3>{title}</h3><p class="quiet">{says}</p></figure> }.into_any();
    };
    let time = |ms: i64| view! { <b>{elapsed(t, ms)}</b> }.into_any();
    let says = match times.len() {
        1 => sentence(t.pictures_seen_one(), [time(longest)]),
        n => sentence(&t.pictures_seen_says(n), [time(percentile(&times, 50)), time(percentile(&times, 95))]),
    };
    let longest = elapsed(t, longest);
    let ends = (t.pictures_ago(), t.pictures_now());
    view! { <Chart title plot=Plot::Stems(events) says most=longest ends /> }.into_any()
}

/// Returns the smallest of the sorted values that at least `percent` of them do not exceed.
fn percentile(sorted: &[i64], percent: usize) -> i64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

/// Reads per minute of one config, as a small line; nothing if it has no reads.
#[component]
pub(super) fn ReadsSparkline(
    /// Reads per minute, the oldest first.
    reads: Vec<Option<u32>>,
) -> impl IntoView {
    let most = reads.iter().flatten().max().copied().unwrap_or(0);
    let now = reads.iter().rev().flatten().next().copied().unwrap_or(0);
    let label = lang().spark_says(&grouped(now), &grouped(most));
    (most > 0).then(|| view! { <Sparkline label values=reads /> })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occur() {
        let twenty: Vec<i64> = (1..=20).collect();
        assert_eq!((percentile(&twenty, 50), percentile(&twenty, 95)), (10, 19));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 95), percentile(&[], 50)), (7, 7, 0));
        assert_eq!((percentile(&[1, 9], 50), percentile(&[1, 9], 95)), (1, 9));
    }
}
