//! All pages, and what their handlers are given. A new page is a file beside this one with its `routes`.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};

use super::{Viewer, account, apps, changes, config, envs, home, login, setup, tokens, trouble::Trouble, users};
use crate::{auth::guard::CurrentUser, reader::Reader, service::Service};

/// What the handlers of pages are given.
#[derive(Clone)]
pub struct Console {
    /// The use cases.
    pub service: Service,
    /// Who reads what, for the pages that show it.
    pub reader: Arc<Reader>,
    /// How people and programs reach this server.
    pub public_url: Arc<str>,
    /// What all keys in etcd begin with; none without etcd.
    pub etcd_root: Option<Arc<str>>,
}

/// The routes of all pages.
pub fn routes(console: Console) -> Router {
    Router::new()
        .merge(home::routes())
        .merge(setup::routes())
        .merge(login::routes())
        .merge(account::routes())
        .merge(apps::routes())
        .merge(envs::routes())
        .merge(changes::routes())
        .merge(tokens::routes())
        .merge(users::routes())
        .merge(config::routes())
        .layer(middleware::from_fn_with_state(console.clone(), viewer))
        .with_state(console)
}

/// Tells the frame who is looking, as things are once the page is made.
async fn viewer(State(console): State<Console>, request: Request, next: Next) -> Response {
    let user = request.extensions().get::<CurrentUser>().cloned();
    let mut response = next.run(request).await;
    if let Some(user) = user {
        let open = console.service.count_my_changes(&user.actor).await.unwrap_or(0);
        let mut viewer = Viewer::new(&user.account.name, user.account.administrator, open);
        viewer.trouble = Trouble {
            late: console.service.late(&user.actor),
            unheard: console.reader.shelf.stale_since(),
            drifts: console.service.drifts(&user.actor),
        };
        response.extensions_mut().insert(viewer);
    }
    response
}
