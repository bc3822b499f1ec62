//! Protocols in which applications read. Each is a folder here and one line in [`serve`].
//!
//! A protocol translates and decides nothing. A request becomes what it asks for: [`Wanted`](super::poll::Wanted) configs
//! and a [`Poll`](super::poll::Poll). An answer is written from releases by the protocol's [`Render`]. Admission, rates,
//! scopes, waiting, counting, noting of instances and compression are shared and know no protocol. All of it is generic, so
//! that a read takes no dynamic call and no allocation for it.

mod native;
mod serve;

use std::{convert::Infallible, future::Ready, sync::Arc};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use futures::future::{BoxFuture, Either};

use super::{Reader, answer::Render, poll::Step};
use crate::{
    auth::tokens::Grant,
    domain::{time::Time, token::Denied},
    http::problem::Problem,
    metrics,
};

/// The answer to a request: at once, or later.
pub(super) type Answering =
    Either<Ready<Result<Response, Infallible>>, BoxFuture<'static, Result<Response, Infallible>>>;

/// Answers a request in the protocol that its path belongs to. Returns `None`, and leaves the request as it is, when it is
/// no read.
pub(super) fn serve(reader: &Arc<Reader>, request: &mut Request) -> Option<Answering> {
    // One line for each protocol: `.or_else(|| serve::serve::<Another>(reader, request))`.
    serve::serve::<native::Native>(reader, request)
}

/// A protocol.
pub(super) trait Protocol: 'static {
    /// What a path names.
    type Target<'a>: Copy;
    /// Writes the answers.
    type Render: Render;

    /// Returns what a path names. Returns `None` when the path is not one of this protocol.
    fn route(path: &str) -> Option<Self::Target<'_>>;

    /// Returns the kind as which a read is counted.
    fn kind(target: Self::Target<'_>) -> metrics::What;

    /// Authenticates a request.
    ///
    /// # Errors
    /// The reason why it is not let in.
    fn admit(reader: &Reader, request: &Request, now: Time) -> Result<Grant, Denied> {
        reader.admit(request, now)
    }

    /// Answers an admitted request, or begins to wait. It opens every config with [`Reader::open`] before it says anything
    /// else of it.
    ///
    /// # Errors
    /// The refusal.
    fn read(
        reader: &Arc<Reader>,
        request: &Request,
        target: Self::Target<'_>,
        grant: Grant,
        now: Time,
    ) -> Result<Step<Self::Render>, Problem>;

    /// Writes a refusal.
    fn refuse(problem: Problem) -> Response {
        problem.into_response()
    }
}
