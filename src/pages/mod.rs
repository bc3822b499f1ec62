//! The console's pages. A handler authenticates the user, awaits the service and returns a [`Page`]: a title and a
//! view, which is rendered at once. The frame (`frame.rs`) makes the HTML document, in the user's language and theme,
//! and fills a refused form in again. A typical handler:
//!
//! ```ignore
//! pub async fn show(State(console): State<Console>, who: CurrentUser, Path(name): Path<AppName>) -> PageResult {
//!     let matrix = console.service.app(&who.actor, &name).await?;
//!     Ok(Page::new(move |_| name.to_string(), move || view! { <Matrix matrix /> }))
//! }
//! ```

pub mod account;
pub mod apps;
pub mod assets;
mod bin;
pub mod changes;
pub mod config;
pub mod console;
pub mod cookies;
pub mod delivery;
#[cfg(debug_assertions)]
mod design;
pub mod envs;
pub mod errors;
mod favourites;
pub mod forms;
pub mod frame;
pub mod home;
pub mod import;
mod key_help;
pub mod live;
pub mod login;
pub mod page_context;
mod pictures;
pub mod routes;
pub mod scope;
pub mod search;
pub mod serve;
pub mod setup;
pub mod shared;
pub mod shell;
pub mod status_banners;
pub mod system;
pub mod tokens;
pub mod users;

use std::sync::Arc;

use crate::components::view::*;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;

pub use self::{
    frame::Frame,
    page_context::{PageContext, PageUser},
    serve::console,
};
use crate::{
    components::{Crumb, RefusedForm},
    domain::error::Error,
    session::guard::MissingUser,
    texts::Lang,
};

/// Result of a page handler.
pub type PageResult = Result<Page, PageError>;

/// Surroundings of the view of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageLayout {
    /// A document with header and sidebar.
    Console,
    /// A document.
    Alone,
    /// Nothing.
    Fragment,
}

/// A page that is not rendered yet.
pub struct Page {
    pub(crate) status: StatusCode,
    pub(crate) title: Box<dyn FnOnce(Lang) -> String + Send>,
    pub(crate) view: Box<dyn FnOnce() -> AnyView + Send>,
    pub(crate) crumbs: Box<dyn FnOnce(Lang) -> Vec<Crumb> + Send>,
    pub(crate) layout: PageLayout,
    pub(crate) refused: Option<RefusedForm>,
}

impl Page {
    /// Creates a page. `title` and `view` are called once each; the Leptos context has the language and the time.
    pub fn new<V: IntoView + 'static>(
        title: impl FnOnce(Lang) -> String + Send + 'static,
        view: impl FnOnce() -> V + Send + 'static,
    ) -> Self {
        Self {
            status: StatusCode::OK,
            title: Box::new(title),
            view: Box::new(move || view().into_any()),
            crumbs: Box::new(|_| Vec::new()),
            layout: PageLayout::Console,
            refused: None,
        }
    }

    /// Sets the breadcrumbs in the header.
    #[must_use]
    pub fn crumbs(mut self, crumbs: impl FnOnce(Lang) -> Vec<Crumb> + Send + 'static) -> Self {
        self.crumbs = Box::new(crumbs);
        self
    }

    /// Sets another title.
    #[must_use]
    pub fn title(mut self, title: impl FnOnce(Lang) -> String + Send + 'static) -> Self {
        self.title = Box::new(title);
        self
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Fills in a form that the page's own handler refused, and takes the status of its error.
    #[must_use]
    pub fn refused(mut self, refused: RefusedForm) -> Self {
        self.refused = Some(refused);
        self
    }

    /// Leaves out header and sidebar, for log-in and set-up.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.layout = PageLayout::Alone;
        self
    }

    /// Leaves out the whole document: the response is a part of a page, for an island.
    #[must_use]
    pub fn fragment(mut self) -> Self {
        self.layout = PageLayout::Fragment;
        self
    }
}

/// Reason why a handler returns no page.
pub enum PageError {
    /// An error, shown as an error page. [`Error::Unauthenticated`] redirects to `/login`.
    Refused(Error),
    /// Another response, such as a redirect or a download.
    Answered(Box<Response>),
}

impl From<Error> for PageError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<MissingUser> for PageError {
    fn from(MissingUser(error): MissingUser) -> Self {
        Self::Refused(error)
    }
}

impl From<Response> for PageError {
    fn from(response: Response) -> Self {
        Self::Answered(Box::new(response))
    }
}

/// Response extension that holds the content for the frame to render.
#[derive(Clone)]
pub(crate) struct PendingContent(Arc<Mutex<Option<PageContent>>>);

/// Content that the frame can render.
pub(crate) enum PageContent {
    Page(Page),
    Refused(Error),
}

impl PendingContent {
    pub(crate) fn take(&self) -> Option<PageContent> {
        self.0.lock().take()
    }
}

fn slot(drawable: PageContent) -> Response {
    let mut response = StatusCode::OK.into_response();
    response.extensions_mut().insert(PendingContent(Arc::new(Mutex::new(Some(drawable)))));
    response
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        slot(PageContent::Page(self))
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(error) => slot(PageContent::Refused(error)),
            Self::Answered(response) => *response,
        }
    }
}
