//! Delivery progress of a change's releases: accepted, delivered, seen; and the reasons for delays.

use crate::{
    api::paths,
    components::{view::*, *},
    domain::release::Release,
    pages::{
        config::{elapsed, waiting_for},
        shared::{EnvStyles, MissingNodes},
    },
    reader::nodes::{NodeCoverage, Readers},
    service::{DelayReason, LateEnv},
};

/// A release and its readers.
#[derive(Clone, Debug)]
pub(super) struct ReleaseProgress {
    pub release: Release,
    /// Readers of the config.
    pub readers: Readers,
    /// Number of the release that the channel has now.
    pub live: u64,
}

impl ReleaseProgress {
    /// Returns the number of instances that have it and the number of all instances.
    fn seen(&self) -> (usize, usize) {
        self.readers.seen(self.release.seq)
    }

    fn is_under_way(&self) -> bool {
        let (seen, all) = self.seen();
        self.release.delivered_at.is_none() || seen < all
    }
}

/// Delivery progress of the releases of a change.
#[component]
pub(super) fn ChangeProgress(
    /// Its releases.
    progress: Vec<ReleaseProgress>,
    /// Late deliveries.
    late: Vec<LateEnv>,
    /// Other nodes that reported their readers, and those that did not.
    coverage: NodeCoverage,
    /// Styles of the environments.
    env_styles: EnvStyles,
    /// Value of `data-live`, by which it is kept up to date.
    live_query: String,
) -> impl IntoView {
    let t = lang();
    let under_way = progress.iter().any(ReleaseProgress::is_under_way);
    let parts = progress.into_iter().map(|p| {
        let late = late.iter().find(|late| late.env == p.release.config.env).cloned();
        let env_style = env_styles.get(&p.release.config.env);
        view! { <One progress=p late env_style /> }
    });
    let parts = parts.collect_view();
    let again = under_way.then(|| view! { <p class="do"><LinkButton href="">{t.refresh()}</LinkButton></p> });
    view! {
        <div id="live-way" data-live=live_query>
            <Card id="way" title=t.change_progress()>{parts}<MissingNodes coverage />{again}</Card>
        </div>
    }
    .into_any()
}

#[component]
fn One(progress: ReleaseProgress, late: Option<LateEnv>, env_style: EnvStyle) -> impl IntoView {
    let t = lang();
    let Release { config, seq, accepted_at, delivered_at, revision, .. } = progress.release.clone();
    let done = || view! { <span class="dot"><Icon name=I::Ok /></span> };
    let delivered = match delivered_at {
        Some(at) => {
            let revision = revision.map(|n| view! { <small>{t.revision(n)}</small> });
            let took = t.plus_ms(&elapsed(t, at.0 - accepted_at.0));
            view! { <li>{done()}<b>{t.delivered()}</b><span class="took">{took}</span>{revision}</li> }.into_any()
        }
        None => {
            let why = t.why_late(&late.as_ref().map_or(DelayReason::Slow, |late| late.reason.clone()));
            let since = late.map(|late| view! { <When at=late.since /> });
            view! {
                <li>
                    <span class="dot now"><Icon name=I::Clock /></span>
                    <b>{t.not_delivered()}</b>
                    <span class="took">{since}</span>
                    <small>{t.delayed_because(&why)}" "{t.delayed_effect()}</small>
                </li>
            }
            .into_any()
        }
    };
    let seen = delivered_at.map(|_| view! { <Seen progress=progress.clone() /> });
    view! {
        <p class="which">
            <a class="aim" href=paths::config(&config)>
                <EnvTag env=env_style bare=true />" "
                <span class="mono">{format!("{} / {}", config.app, config.namespace)}</span>
            </a>
            <span class="quiet">{t.change_release(seq)}</span>
        </p>
        <ol class="way">
            <li>{done()}<b>{t.accepted()}</b><span class="took"><When at=accepted_at /></span></li>
            {delivered}
            {seen}
        </ol>
    }
    .into_any()
}

#[component]
fn Seen(progress: ReleaseProgress) -> impl IntoView {
    let t = lang();
    let (seen, all) = progress.seen();
    if all == 0 {
        return view! { <li><span class="dot due"><Icon name=I::Nodes /></span><span class="quiet">{t.no_readers()}</span></li> }
            .into_any();
    }
    let waits = all - seen;
    let (dot, icon) = if waits == 0 { ("dot", I::Ok) } else { ("dot now", I::Nodes) };
    let waiting = waiting_for(&progress.readers, progress.release.seq);
    let newer =
        (progress.live > progress.release.seq).then(|| view! { <small>{t.progress_superseded(progress.live)}</small> });
    let says = t.seen_by_n(seen, all);
    view! {
        <li>
            <span class=dot><Icon name=icon /></span>
            <b>{says.clone()}</b>
            <progress value=seen max=all aria-label=says></progress>
            {waiting}
            {newer}
        </li>
    }
    .into_any()
}
