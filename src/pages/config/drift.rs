//! Drift of a config: the channel or a reader differs from the database. Shows the difference and resolves it.

use std::sync::Arc;

use leptos::server_fn::ServerFn;

use super::{OpenedConfig, change_panel::EnvNameField};
use crate::{
    api::publish::{Repair, Settle},
    components::{view::*, *},
    domain::drift::{Drift, DriftKind},
};

/// Shown above every page of a config with drift. Content that only a reader holds cannot be kept, only replaced.
#[component]
pub fn ConfigDrift(opened: Arc<OpenedConfig>, drift: Drift) -> impl IntoView {
    let t = lang();
    let since = dated(t.started_at(), drift.since);
    let (title, text, form) = match drift.kind {
        DriftKind::Foreign { seq } => {
            let form = opened.may_publish().then(|| view! { <RepairForm opened=opened.clone() /> }.into_any());
            (t.drift_foreign(seq), t.drift_foreign_text(), form)
        }
        DriftKind::Ahead { live, seq } => {
            let form = opened
                .may_resolve_drift
                .then(|| view! { <ResolveDriftForm opened=opened.clone() seq live /> }.into_any());
            (t.drift_ahead(seq), if form.is_some() { t.drift_ahead_text() } else { t.state_ahead() }, form)
        }
        DriftKind::Held { live, seq } => {
            let form = opened
                .may_resolve_drift
                .then(|| view! { <ResolveDriftForm opened=opened.clone() seq live held=true /> }.into_any());
            (t.drift_held(seq), if form.is_some() { t.drift_held_text() } else { t.state_ahead() }, form)
        }
    };
    view! { <Banner mood=Mood::Bad title><p>{text}" "{since}</p>{form}</Banner> }.into_any()
}

#[component]
fn RepairForm(opened: Arc<OpenedConfig>) -> impl IntoView {
    let t = lang();
    view! {
        <Form action=Repair::PATH id="repair" swap="config">
            <Hidden name="config" value=opened.view.id.to_string() />
            <Submit tone=Tone::Primary>{t.drift_repair(opened.view.live_seq())}</Submit>
        </Form>
    }
    .into_any()
}

#[component]
fn ResolveDriftForm(
    opened: Arc<OpenedConfig>,
    seq: u64,
    live: u64,
    /// Whether a reader node holds the release and the channel does not.
    #[prop(optional)]
    held: bool,
) -> impl IntoView {
    let t = lang();
    let env = opened.view.env.name.to_string();
    let protected = opened.view.env.protected;
    let note = if protected { t.why_required(&env) } else { t.why_optional().to_owned() };
    view! {
        <Form action=Settle::PATH id="settle" swap="config">
            <Hidden name="config" value=opened.view.id.to_string() />
            <Hidden name="seq" value=seq.to_string() />
            <Field name="message" label=t.why() note required=protected />
            {protected.then(|| view! { <EnvNameField env /> })}
            <div class="do">
                {(!held).then(|| {
                    view! { <Submit tone=Tone::Primary name="wins" value="channel">{t.drift_keep_channel(seq)}</Submit> }
                })}
                <Submit tone=if held { Tone::Primary } else { Tone::Plain } name="wins" value="database">
                    {t.drift_keep_database(live, seq.saturating_add(1))}
                </Submit>
            </div>
        </Form>
    }
    .into_any()
}
