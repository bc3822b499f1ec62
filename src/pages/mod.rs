//! Pages. A handler authenticates, awaits the service and answers with a [`Page`]: a title and a view that is drawn at
//! once. The frame around all pages (`frame.rs`) then makes the document of it, in the language and theme of the
//! person, with the forms that were refused filled in. So a handler is:
//!
//! ```ignore
//! pub async fn show(State(app): State<App>, who: CurrentUser, Path(name): Path<AppName>) -> Answer {
//!     let app = app.service.application(&who.actor, &name).await?;
//!     Ok(Page::new(move |t| t.app_title(&name), move || view! { <Application app /> }))
//! }
//! ```

pub mod account;
pub mod apps;
pub mod assets;
pub mod changes;
pub mod config;
pub mod console;
pub mod cookies;
pub mod delivery;
pub mod envs;
pub mod errors;
pub mod forms;
pub mod frame;
pub mod home;
pub mod live;
pub mod login;
pub mod parts;
pub mod routes;
pub mod scope;
pub mod serve;
pub mod setup;
pub mod shell;
pub mod tokens;
pub mod trouble;
pub mod users;
pub mod visit;

use std::sync::Arc;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use leptos::prelude::*;
use parking_lot::Mutex;

pub use self::{
    frame::Frame,
    serve::console,
    visit::{Viewer, Visit},
};
use crate::{
    components::{Crumb, Refused},
    domain::error::Error,
    session::guard::Rejected,
    texts::Lang,
};

/// What a page's handler answers.
pub type Answer = Result<Page, Failed>;

/// The entry of the rail that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the page of that name")]
pub enum Place {
    Home,
    Applications,
    Changes,
    Delivery,
    Environments,
    Tokens,
    Users,
}

/// A page that is not drawn yet.
pub struct Page {
    pub(crate) status: StatusCode,
    pub(crate) title: Box<dyn FnOnce(Lang) -> String + Send>,
    pub(crate) view: Box<dyn FnOnce() -> AnyView + Send>,
    pub(crate) crumbs: Box<dyn FnOnce(Lang) -> Vec<Crumb> + Send>,
    pub(crate) place: Option<Place>,
    pub(crate) alone: bool,
    pub(crate) refused: Option<Refused>,
}

impl Page {
    /// A page with this title and this view. Both are called once, where the language and the time are in the context.
    pub fn new<V: IntoView + 'static>(
        title: impl FnOnce(Lang) -> String + Send + 'static,
        view: impl FnOnce() -> V + Send + 'static,
    ) -> Self {
        Self {
            status: StatusCode::OK,
            title: Box::new(title),
            view: Box::new(move || view().into_any()),
            crumbs: Box::new(|_| Vec::new()),
            place: None,
            alone: false,
            refused: None,
        }
    }

    /// The same, in this entry of the rail.
    #[must_use]
    pub fn place(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same, with the way to it in the header.
    #[must_use]
    pub fn crumbs(mut self, crumbs: impl FnOnce(Lang) -> Vec<Crumb> + Send + 'static) -> Self {
        self.crumbs = Box::new(crumbs);
        self
    }

    /// The same, with another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same, with a form that its own handler refused: filled in, and with the error's status.
    #[must_use]
    pub fn refused(mut self, refused: Refused) -> Self {
        self.refused = Some(refused);
        self
    }

    /// The same, without header and rail: logging in, setting up.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }
}

/// Why there is no page.
pub enum Failed {
    /// The page of the error is shown. [`Error::Unauthenticated`] leads to `/login`.
    Refused(Error),
    /// Another answer: a redirect, a download.
    Answered(Box<Response>),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Rejected> for Failed {
    fn from(Rejected(error): Rejected) -> Self {
        Self::Refused(error)
    }
}

impl From<Response> for Failed {
    fn from(response: Response) -> Self {
        Self::Answered(Box::new(response))
    }
}

/// What the frame finds in an answer's extensions and draws.
#[derive(Clone)]
pub(crate) struct Slot(Arc<Mutex<Option<Drawable>>>);

/// What can be drawn.
pub(crate) enum Drawable {
    Page(Page),
    Refused(Error),
}

impl Slot {
    pub(crate) fn take(&self) -> Option<Drawable> {
        self.0.lock().take()
    }
}

fn slot(drawable: Drawable) -> Response {
    let mut response = StatusCode::OK.into_response();
    response.extensions_mut().insert(Slot(Arc::new(Mutex::new(Some(drawable)))));
    response
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        slot(Drawable::Page(self))
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(error) => slot(Drawable::Refused(error)),
            Self::Answered(response) => *response,
        }
    }
}
