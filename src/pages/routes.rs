//! Routes of all pages. A new page is a file beside this one with its own `routes`, and a line here.

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};

use super::{
    Viewer, account, apps, changes, config, console::Console, delivery, envs, home, live, login, setup, system, tokens,
    trouble::Trouble, users,
};
use crate::{api::paths, domain::names::ConfigId, session::guard::CurrentUser};

/// Returns the routes of all pages.
pub fn all(console: Console) -> Router {
    Router::new()
        .merge(home::routes())
        .merge(setup::routes())
        .merge(login::routes())
        .merge(account::routes())
        .merge(apps::routes())
        .merge(envs::routes())
        .merge(changes::routes())
        .merge(delivery::routes())
        .merge(live::routes())
        .merge(tokens::routes())
        .merge(users::routes())
        .merge(system::routes())
        .merge(config::routes())
        .layer(middleware::from_fn_with_state(console.clone(), viewer))
        .with_state(console)
}

/// Hands the user and the state of the system to the frame, once the page is made.
async fn viewer(State(console): State<Console>, request: Request, next: Next) -> Response {
    let user = request.extensions().get::<CurrentUser>().cloned();
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if let Some(user) = user {
        let open = console.service.count_my_changes(&user.actor).await.unwrap_or(0);
        let mut viewer = Viewer::new(&user.account.name, user.account.administrator, open);
        let drifts = console.service.drifts(&user.actor);
        viewer.trouble = Trouble {
            late: console.service.late(&user.actor),
            unheard: console.reader.shelf.stale_since(),
            // The pages of the config itself show its drift in detail.
            drifts: drifts.into_iter().filter(|drift| !is_page_of(&path, &drift.config)).collect(),
        };
        response.extensions_mut().insert(viewer);
    }
    response
}

/// Returns whether a path is one of the pages of a config.
fn is_page_of(path: &str, config: &ConfigId) -> bool {
    path.strip_prefix(&paths::config(config)).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
