//! Hidden fields that all forms of a config share.

use std::sync::Arc;

use crate::components::view::*;

use super::OpenedConfig;
use crate::components::Hidden;

/// Hidden fields with the config, its release and the user's change that a form was made for.
#[component]
pub fn ConfigFields(
    opened: Arc<OpenedConfig>,
    #[prop(optional)] key: String,
    #[prop(optional)] q: String,
) -> impl IntoView {
    let (change, version) = opened.own_change();
    view! {
        <Hidden name="config" value=opened.view.id.to_string() />
        <Hidden name="base" value=opened.view.live_seq().to_string() />
        <Hidden name="version" value=version.to_string() />
        {(!change.is_empty()).then(|| view! { <Hidden name="change" value=change /> })}
        {(!key.is_empty()).then(|| view! { <Hidden name="key" value=key /> })}
        {(!q.is_empty()).then(|| view! { <Hidden name="q" value=q /> })}
    }
    .into_any()
}
