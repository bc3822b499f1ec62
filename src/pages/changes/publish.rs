//! The column beside a change: publishing it, or the progress of its delivery.

use std::collections::BTreeSet;

use leptos::server_fn::ServerFn;

use super::{data::ChangePageData, progress::ChangeProgress};
use crate::{
    api::{
        changes::{DescribeChange, DiscardChange},
        publish::Publish,
    },
    components::{view::*, *},
    domain::change::ChangeState,
    pages::{config::EnvNameField, shared::ConfirmDialog},
};

/// Actions of an open change, or delivery progress of a published one.
#[component]
pub(super) fn Aside(
    /// Data of the page.
    shown: ChangePageData,
) -> impl IntoView {
    match shown.change.change.state {
        ChangeState::Published => {
            let ChangePageData { progress, late, coverage, env_styles, live_query, .. } = shown;
            view! { <ChangeProgress progress late coverage env_styles live_query=live_query /> }.into_any()
        }
        ChangeState::Discarded => ().into_any(),
        ChangeState::Open => view! { <Open shown /> }.into_any(),
    }
}

#[component]
fn Open(shown: ChangePageData) -> impl IntoView {
    let t = lang();
    let view = shown.change.clone();
    let differs = view.configs.iter().any(|c| !c.diff.is_empty());
    let publish = if !view.may_publish {
        let says = if view.mine { t.publish_not_mine_to() } else { t.publish_view_only() };
        (!view.configs.is_empty()).then(|| view! { <p>{says}</p> }.into_any())
    } else if !view.conflicts().is_empty() {
        Some(view! { <p class="flag warn"><Icon name=I::Warn />{t.publish_conflicts()}</p> }.into_any())
    } else {
        differs.then(|| view! { <PublishForm shown=shown.clone() /> }.into_any())
    };
    let edits: usize = view.configs.iter().map(|c| c.edits.len()).sum();
    let (id, message) = (view.change.id.to_string(), view.change.message.clone());
    let text =
        if view.mine { t.change_discard_text(edits) } else { t.change_discard_other(&view.change.author_name, edits) };
    let describe = view.mine.then(|| view! { <Describe id=id.clone() message /> });
    let own = view.may_discard.then(|| {
        view! {
            <div class="end">
                {describe}
                <ConfirmDialog
                    id="discard"
                    button=t.discard()
                    title=t.change_discard_ask()
                    text
                    action=DiscardChange::PATH
                >
                    <Hidden name="change" value=id />
                </ConfirmDialog>
            </div>
        }
    });
    view! { <Card id="publish-title" title=t.publish()>{publish}{own}</Card> }.into_any()
}

/// Form for the message of an open change. Its author recognizes the change by it, and its publisher learns the reason.
#[component]
fn Describe(id: String, message: String) -> impl IntoView {
    let t = lang();
    let open = use_context::<RefusedForm>().is_some_and(|r| r.is_of(DescribeChange::PATH, None));
    view! {
        <Reveal summary=t.change_describe() icon=I::Edit open>
            <Form action=DescribeChange::PATH swap="change">
                <Hidden name="change" value=id />
                <TextArea name="message" label=t.why() hint=t.change_message_hint() value=message />
                <p class="do"><Submit>{t.save()}</Submit></p>
            </Form>
        </Reveal>
    }
    .into_any()
}

/// The form that publishes.
#[component]
fn PublishForm(shown: ChangePageData) -> impl IntoView {
    let t = lang();
    let view = shown.change.clone();
    let differing: Vec<_> = view.configs.iter().filter(|c| !c.diff.is_empty()).collect();
    let protected: BTreeSet<&str> =
        differing.iter().filter(|c| c.env.protected).map(|c| c.config.env.as_str()).collect();
    let expected = protected.iter().copied().collect::<Vec<_>>().join(" ");
    let note = if protected.is_empty() { t.why_optional().to_owned() } else { t.why_required(&expected) };
    let readers = shown.readers;
    let becomes = differing.iter().map(|c| {
        let env_style = shown.env_styles.get(&c.config.env);
        view! {
            <li>
                {t.change_release(c.live + 1)}" · "
                <EnvTag env=env_style bare=true />" "
                <span class="mono">{format!("{} / {}", c.config.app, c.config.namespace)}</span>
            </li>
        }
    });
    let becomes = becomes.collect_view();
    let edits: usize = differing.iter().map(|c| c.edits.len()).sum();
    let (change, seen, message) = (view.change.id.to_string(), view.diff_sha256.clone(), view.change.message.clone());
    let required = !protected.is_empty();
    view! {
        <Form action=Publish::PATH id="publish" swap="change">
            <Hidden name="change" value=change />
            <Hidden name="diff_sha256" value=seen />
            <TextArea
                name="message"
                label=t.why()
                note
                value=message
                rows=2
                required
            />
            {required.then(|| view! { <EnvNameField env=expected /> })}
            <p class="hint">{t.publish_becomes()}</p>
            <ul class="becomes">{becomes}</ul>
            {(readers > 0).then(|| view! { <p class="hint">{t.publish_readers(readers)}</p> })}
            <p class="do"><Submit tone=Tone::Primary icon=I::Send wide=true>{t.publish_edits(edits)}</Submit></p>
        </Form>
    }
    .into_any()
}
