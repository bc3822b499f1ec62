//! Protocols for applications. Each is a folder here and one line in [`serve()`].
//!
//! A protocol translates and decides nothing. It turns a request into
//! [`RequestedConfig`](super::poll::RequestedConfig)s and a [`ReadRequest`](super::poll::ReadRequest), and its
//! [`Render`] writes the answer from releases. Admission, rates, scopes, waiting, metrics, instances and compression
//! are shared by all protocols. The shared code is generic over the protocol, so a read needs no dynamic call and no
//! allocation for the protocol.

mod native;
mod serve;

use std::{convert::Infallible, future::Ready, sync::Arc};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use futures::future::{BoxFuture, Either};

pub use native::Operations;

use super::{Reader, answer::Render, poll::ReadStep};
use crate::{
    auth::tokens::Grant,
    domain::{time::Time, token::TokenRefusal},
    http::problem::HttpProblem,
    metrics,
};

/// Future of an answer, ready or not.
pub(super) type AnswerFuture =
    Either<Ready<Result<Response, Infallible>>, BoxFuture<'static, Result<Response, Infallible>>>;

/// Answers a request in the protocol of its path. Returns `None` and leaves the request unchanged if it is no read.
pub(super) fn serve(reader: &Arc<Reader>, request: &mut Request) -> Option<AnswerFuture> {
    // One line for each protocol: `.or_else(|| serve::serve::<Another>(reader, request))`.
    serve::serve::<native::Native>(reader, request)
}

/// A protocol.
pub(super) trait Protocol: 'static {
    /// The target of a path.
    type Target<'a>: Copy;
    /// Writer of the answers.
    type Render: Render;

    /// Returns the target of a path. Returns `None` if the path does not belong to this protocol.
    fn route(path: &str) -> Option<Self::Target<'_>>;

    /// Returns the kind of a read for metrics.
    fn kind(target: Self::Target<'_>) -> metrics::ReadKind;

    /// Authenticates a request.
    ///
    /// # Errors
    /// The reason why it is refused.
    fn admit(reader: &Reader, request: &Request, now: Time) -> Result<Grant, TokenRefusal> {
        reader.admit(request, now)
    }

    /// Answers an admitted request, or begins to wait. It must open every config with [`Reader::open`] before it
    /// reveals anything about it.
    ///
    /// # Errors
    /// The refusal.
    fn read(
        reader: &Arc<Reader>,
        request: &Request,
        target: Self::Target<'_>,
        grant: Grant,
        now: Time,
    ) -> Result<ReadStep<Self::Render>, HttpProblem>;

    /// Writes a refusal.
    fn refuse(problem: HttpProblem) -> Response {
        problem.into_response()
    }
}
