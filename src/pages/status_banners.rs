//! Status banners at the top of every page: each problem with its start, its cause and what still works.

use crate::{
    api::paths,
    components::{view::*, *},
    domain::{
        drift::{Drift, DriftKind},
        time::Time,
    },
    service::{DelayReason, LateEnv},
};

/// Current problems of the system; usually none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemProblems {
    /// Environments whose releases are late.
    pub late: Vec<LateEnv>,
    /// Time since which readers have received no updates from the channel.
    pub stale_since: Option<Time>,
    /// Configs for which the channel or a reader differs from the database.
    pub drifts: Vec<Drift>,
}

/// Maximum number of configs with drift that are named. The others follow once these are resolved.
const NAMED: usize = 3;

/// A banner for each problem; every form that swaps elements replaces them too.
#[component]
pub(super) fn StatusBanners(trouble: SystemProblems) -> impl IntoView {
    let t = lang();
    let SystemProblems { late, stale_since, drifts } = trouble;
    // An unreachable channel is reported once: by a late delivery if there is one, else by a banner of its own.
    let said = late.iter().any(|late| matches!(late.reason, DelayReason::Channel(_)));
    let unheard = stale_since.filter(|_| !said).map(|since| {
        let (title, since, effect) = (t.etcd_not_responding(), dated(t.started_at(), since), t.delayed_effect());
        view! { <Banner title><p>{since}" "{effect}</p></Banner> }
    });
    let drifts = drifts.into_iter().take(NAMED).map(|drift| view! { <DriftBanner drift /> }).collect_view();
    let late = late.into_iter().map(|late| view! { <LateBanner late /> }).collect_view();
    view! { <div id="trouble">{drifts}{unheard}{late}</div> }.into_any()
}

#[component]
fn LateBanner(late: LateEnv) -> impl IntoView {
    let t = lang();
    let since = dated(t.started_at(), late.since);
    view! {
        <Banner title=t.delayed_title(late.env.as_str())>
            <p>{t.delayed_because(&t.why_late(&late.reason))}" "{since}" "{t.releases_waiting(late.waiting)}" "{t.delayed_effect()}</p>
        </Banner>
    }
    .into_any()
}

#[component]
fn DriftBanner(drift: Drift) -> impl IntoView {
    let t = lang();
    let action = view! { <LinkButton href=paths::config(&drift.config)>{t.drift_review()}</LinkButton> }.into_any();
    let config = drift.config.to_string();
    let title = match drift.kind {
        DriftKind::Held { .. } => t.drift_title_held(&config),
        DriftKind::Foreign { .. } | DriftKind::Ahead { .. } => t.drift_title(&config),
    };
    view! { <Banner mood=Mood::Bad title action /> }.into_any()
}
