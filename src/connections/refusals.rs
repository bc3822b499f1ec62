//! Answers that no handler gives, because all slots are active or the head cannot be parsed.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::future::Either;
use tokio::{
    io::{AsyncWriteExt, copy, sink},
    sync::OwnedSemaphorePermit,
    time::timeout,
};
use tower::Service;

use super::{
    io::{ByteStream, Connection},
    long_poll,
};
use crate::{
    domain::error::{Dependency, Error},
    http::{headers::Headers, problem::HttpProblem},
};

/// Maximum time for a refused client to read the answer.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Answers the health paths of `app` and refuses all others.
#[derive(Clone)]
pub(super) struct HealthOnly<S> {
    pub app: S,
    pub paths: &'static [&'static str],
}

impl<S> Service<Request> for HealthOnly<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.app.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if self.paths.contains(&request.uri().path()) {
            return Either::Left(self.app.call(request));
        }
        let mut response = overload().into_response();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        Either::Right(ready(Ok(response)))
    }
}

fn overload() -> HttpProblem {
    let error = Error::Unavailable { part: Dependency::Channel, detail: String::new() };
    HttpProblem::from(error).with_detail("Too many connections are open.")
}

/// Refuses a connection without reading its request.
pub(super) async fn no_slot<T: ByteStream>(connection: Connection<T>, headers: Headers, _permit: OwnedSemaphorePermit) {
    refuse(connection, headers, overload()).await;
}

/// Refuses a request whose head cannot be parsed.
pub(super) async fn unreadable<T: ByteStream>(connection: Connection<T>, headers: Headers, status: StatusCode) {
    refuse(connection, headers, HttpProblem::unreadable(status)).await;
}

async fn refuse<T: ByteStream>(mut connection: Connection<T>, headers: Headers, problem: HttpProblem) {
    let mut response = problem.into_response();
    headers.add_to(response.status(), response.headers_mut());
    let refused = async {
        long_poll::write(&mut connection, response, true).await?;
        connection.shutdown().await?;
        // Closing a socket with unread bytes would discard the answer.
        copy(&mut connection, &mut sink()).await
    };
    // The answer is lost on a client that does not read it in time.
    let _ = timeout(READ_TIMEOUT, refused).await;
}
