//! Tokens of programs: the list, creating and revoking them.

mod list;
mod new;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Query, State},
    routing::get,
};
use serde::Deserialize;

pub(super) use self::list::Tokens;
use super::{Page, PageResult, console::Console, forms::SMALL_FORM_BYTES, scope::ScopeChoices};
use crate::{
    api::paths::NEW_TOKEN,
    components::{view::*, *},
    domain::{limits, time::Time},
    session::guard::{CurrentUser, RecentlyAuthenticated},
};

/// `/tokens`, `/tokens/new`.
pub fn routes() -> Router<Console> {
    let small = DefaultBodyLimit::max(SMALL_FORM_BYTES);
    Router::new().route("/tokens", get(all)).route(NEW_TOKEN, get(new::show).post(new::make).layer(small))
}

/// Query parameters of the list.
#[derive(Deserialize)]
pub(super) struct TokensQuery {
    /// Shows only tokens created before this time, in Unix milliseconds.
    pub before: Option<i64>,
    /// Shows tokens that no longer work too.
    #[serde(default)]
    pub all: bool,
}

async fn all(
    State(console): State<Console>,
    who: CurrentUser,
    RecentlyAuthenticated(fresh): RecentlyAuthenticated,
    Query(asked): Query<TokensQuery>,
) -> PageResult {
    let tokens = console.service.tokens(&who.actor, None, asked.before.map(Time)).await?;
    let older = (tokens.len() == limits::MAX_PAGE_ROWS as usize).then(|| tokens.last().map(|token| token.created_at.0));
    let older = older.flatten().map(|at| format!("/tokens?before={at}"));
    let newer = asked.before.map(|_| "/tokens".to_owned());
    let make = (!ScopeChoices::of(&console, &who).await?.is_empty()).then(|| NEW_TOKEN.to_owned());
    let view = move || {
        let t = lang();
        view! {
            <Head title=t.tokens() />
            <p class="lead">{t.tokens_lead()}<Explain term=Term::Token /></p>
            <Tokens tokens dead=asked.all path="/tokens" make fresh />
            <Pager of=t.tokens() newer older />
        }
    };
    Ok(Page::new(|t| t.tokens().to_owned(), view).crumbs(|t| vec![Crumb::here(t.tokens())]))
}
