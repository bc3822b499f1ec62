//! The tokens that reach an application.

use axum::extract::{Path, Query, State};
use leptos::prelude::*;

use super::{AppHead, AppTab, crumbs, matrix_of};
use crate::{
    auth::guard::CurrentUser,
    components::*,
    domain::{names::AppName, time::Time},
    pages::{
        Answer, Page, Place,
        console::Console,
        tokens::{Asked, Tokens},
    },
};

pub(super) async fn show(
    State(console): State<Console>,
    who: CurrentUser,
    Path(name): Path<AppName>,
    Query(asked): Query<Asked>,
) -> Answer {
    let (matrix, _) = matrix_of(&console, &who, &name).await?;
    let tokens = console.service.tokens(&who.actor, Some(&name), asked.before.map(Time)).await?;
    let (app, may, here) = (matrix.app, matrix.owned, format!("/apps/{name}/tokens"));
    let make = format!("/tokens/new?app={name}");
    let (title, crumbs) = (name.to_string(), crumbs(&name));
    let view = move || {
        let t = lang();
        view! {
            <AppHead app tab=AppTab::Tokens />
            <Tokens tokens dead=asked.all path=here may />
            {may.then(|| view! { <p class="do"><LinkButton href=make icon=I::Plus>{t.tokens_add()}</LinkButton></p> })}
        }
    };
    Ok(Page::new(move |t| format!("{} · {title}", t.app_tokens()), view).place(Place::Applications).crumbs(crumbs))
}
