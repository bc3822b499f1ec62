//! The form of a value in its row, which `islands/cell.rs` opens. Without scripts, and for long values, the form of the
//! whole key is used instead.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::IntoResponse,
};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{
    ConfigPath, OpenedConfig,
    edit::{FORM, OriginalContent},
    fields::ConfigFields,
    value_field::{ValueField, needs_lines},
};
use crate::{
    api::config::SaveItem,
    components::{view::*, *},
    domain::content::Item,
    pages::{Page, PageResult, console::Console},
    session::guard::CurrentUser,
};

/// Query parameters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CellQuery {
    key: String,
    /// The filter of the page.
    q: String,
    /// The user's change to edit in, if several are open.
    change: String,
}

/// `…/cell`. There is no form for a value that needs the form of the whole key.
pub(super) async fn show(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<CellQuery>,
) -> PageResult {
    let opened = OpenedConfig::load(&console, &user, &id, asked.change.parse().ok().as_ref()).await?;
    let item = opened.view.author_content().items().and_then(|items| items.get(&asked.key)).cloned();
    let Some(item) = item.filter(|item| opened.may_edit() && !needs_lines(item)) else {
        return Err(StatusCode::NO_CONTENT.into_response().into());
    };
    let opened = Arc::new(opened);
    let view =
        move || view! { <CellForm opened=opened.clone() key=asked.key.clone() q=asked.q.clone() item=item.clone() /> };
    Ok(Page::new(|_| String::new(), view).fragment())
}

#[component]
fn CellForm(opened: Arc<OpenedConfig>, key: String, q: String, item: Item) -> impl IntoView {
    let t = lang();
    let comment = item.comment.clone();
    let was = item.value.expose().to_owned();
    view! {
        <Form action=SaveItem::PATH id=FORM swap="config" class="cell" label=t.edit_title(&key)>
            <ConfigFields opened key q />
            <Hidden name="kind" value=item.kind.as_str() />
            <Hidden name="comment" value=comment.clone() />
            <OriginalContent name="comment" text=comment />
            <OriginalContent name="value" text=was />
            <ValueField item />
            <Submit tone=Tone::Primary>{t.save()}</Submit>
            <button type="button" class="btn" data-close="">{t.cancel()}</button>
        </Form>
    }
    .into_any()
}
