//! Tokens whose scope includes an application.

use crate::components::view::*;
use axum::extract::{Path, Query, State};

use super::{AppHead, AppTab, crumbs, matrix_of};
use crate::{
    domain::{names::AppName, time::Time},
    pages::{
        Page, PageResult,
        console::Console,
        tokens::{Tokens, TokensQuery},
    },
    session::guard::{CurrentUser, RecentlyAuthenticated},
};

pub(super) async fn show(
    State(console): State<Console>,
    who: CurrentUser,
    RecentlyAuthenticated(fresh): RecentlyAuthenticated,
    Path(name): Path<AppName>,
    Query(asked): Query<TokensQuery>,
) -> PageResult {
    let (matrix, _) = matrix_of(&console, &who, &name).await?;
    let tokens = console.service.tokens(&who.actor, Some(&name), asked.before.map(Time)).await?;
    let make = matrix.is_owner.then(|| format!("/tokens/new?app={name}"));
    let (app, here) = (matrix.app, format!("/apps/{name}/tokens"));
    let (title, crumbs) = (name.to_string(), crumbs(&name));
    let view = move || {
        view! {
            <AppHead app tab=AppTab::Tokens />
            <Tokens tokens dead=asked.all path=here make fresh />
        }
    };
    Ok(Page::new(move |t| format!("{} · {title}", t.tokens()), view).crumbs(crumbs))
}
