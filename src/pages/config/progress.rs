//! Delivery progress of the live release: accepted, delivered, seen.

use std::sync::Arc;

use super::OpenedConfig;
use crate::{
    api::paths,
    components::{view::*, *},
    domain::release::{DelayReason, Release},
    pages::shared::MissingNodes,
    reader::nodes::Readers,
    texts::Lang,
};

/// Maximum number of instances named that do not have the release yet.
const NAMED: usize = 3;

/// The card with the delivery progress.
#[component]
pub fn DeliveryProgress(opened: Arc<OpenedConfig>) -> impl IntoView {
    let t = lang();
    let live = opened.view.live.clone()?;
    let (seen, all) = opened.seen();
    let arrived = live.delivered_at.is_some() && seen == all;
    let title = if arrived { t.release_title(live.seq) } else { t.progress_running(live.seq) };
    Some(
        view! {
            <Card id="way" title term=Term::Delivery>
                <ol class="way">
                    <li>
                        <span class="dot"><Icon name=I::Ok /></span>
                        <b>{t.accepted()}</b>
                        <When at=live.accepted_at />
                        {(!live.message.is_empty()).then(|| view! { <small>{live.message.clone()}</small> })}
                    </li>
                    <Delivered opened=opened.clone() live=live.clone() />
                    {live.delivered_at.is_some().then(|| view! { <Seen opened=opened.clone() live=live.clone() /> })}
                </ol>
                <MissingNodes coverage=opened.coverage.clone() />
                <ProgressLinks opened live arrived />
            </Card>
        }
        .into_any(),
    )
}

/// Links to refresh while the release is on its way, and to roll back to the previous one.
#[component]
fn ProgressLinks(opened: Arc<OpenedConfig>, live: Release, arrived: bool) -> impl IntoView {
    let t = lang();
    let again = (!arrived).then(|| view! { <a class="btn small" href=opened.href.clone()>{t.refresh()}</a> });
    let before = Some(live.previous).filter(|before| *before > 0 && opened.may_publish());
    let back = before.map(|before| {
        let href = format!("{}#roll-back", paths::release(&live.config, before));
        view! { <a class="btn small bare" href=href><Icon name=I::Undo />{t.roll_back_to(before)}</a> }
    });
    (again.is_some() || back.is_some()).then(|| view! { <p class="beside">{again}{back}</p> }.into_any())
}

#[component]
fn Delivered(opened: Arc<OpenedConfig>, live: Release) -> impl IntoView {
    let t = lang();
    let Some(at) = live.delivered_at else {
        let why = opened.late.as_ref().map_or(DelayReason::Slow, |late| late.reason.clone());
        let before = live.previous;
        return view! {
            <li>
                <span class="dot now"><Icon name=I::Clock /></span>
                <b>{t.not_delivered()}</b>
                <small>{t.why_late(&why)}</small>
                {(before > 0).then(|| view! { <small>{t.still_read(before)}</small> })}
            </li>
        }
        .into_any();
    };
    view! {
        <li>
            <span class="dot"><Icon name=I::Ok /></span>
            <b>{t.delivered()}</b>
            <time>{t.plus_ms(&elapsed(t, at.0 - live.accepted_at.0))}</time>
            {live.revision.map(|n| view! { <small>{t.revision(n)}</small> })}
        </li>
    }
    .into_any()
}

#[component]
fn Seen(opened: Arc<OpenedConfig>, live: Release) -> impl IntoView {
    let t = lang();
    let (seen, all) = opened.seen();
    if all == 0 {
        return view! {
            <li>
                <span class="dot due"><Icon name=I::Nodes /></span>
                <b>{t.no_readers()}</b>
                <small>{t.no_readers_recently()}</small>
            </li>
        }
        .into_any();
    }
    let waits = all - seen;
    let waiting = waiting_for(&opened.readers, live.seq);
    // A last read after more than a minute was by an instance that started later. It does not show how long it took.
    let last =
        opened.readers.instances.iter().filter(|i| i.release == live.seq).map(|i| i.since.0 - live.accepted_at.0).max();
    let last = last.filter(|ms| (0..60_000).contains(ms)).map(|ms| view! { <time>{t.plus_ms(&elapsed(t, ms))}</time> });
    let (class, icon) = if waits == 0 { ("dot", I::Ok) } else { ("dot now", I::Nodes) };
    view! {
        <li>
            <span class=class><Icon name=icon /></span>
            <b>{t.seen_by_n(seen, all)}</b>
            {last}
            <progress value=seen max=all aria-label=t.seen_by_n(seen, all)></progress>
            {waiting}
        </li>
    }
    .into_any()
}

/// Names the instances that do not have a release yet.
pub(in crate::pages) fn waiting_for(readers: &Readers, release: u64) -> Option<AnyView> {
    let t = lang();
    let (seen, all) = readers.seen(release);
    let names = readers.behind(release).take(NAMED).map(|i| view! { " "<code>{i.name.clone()}</code> });
    let names: Vec<_> = names.collect();
    let more = all - seen - names.len();
    let more = (more > 0).then(|| view! { " "{t.and_more(more)} });
    (seen < all).then(|| view! { <small>{t.waiting_for()}{names}{more}</small> }.into_any())
}

/// Formats a duration: `9 ms`, `1.2 s`, `3 min`, `2 days`.
pub(in crate::pages) fn elapsed(t: Lang, ms: i64) -> String {
    match ms.max(0) {
        ms @ ..1000 => t.milliseconds(ms),
        ms @ 1000..60_000 => t.seconds(&format!("{}.{}", ms / 1000, ms % 1000 / 100)),
        ms @ 60_000..3_600_000 => t.minutes(ms / 60_000),
        ms @ 3_600_000..86_400_000 => t.hours(ms / 3_600_000),
        ms => t.days(ms / 86_400_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_readable_units() {
        let said = [-5, 9, 999, 1250, 59_999, 60_000, 3_600_000, 172_800_000].map(|ms| elapsed(Lang::En, ms));
        assert_eq!(said, ["0 ms", "9 ms", "999 ms", "1.2 s", "59.9 s", "1 min", "1 h", "2 days"]);
    }
}
