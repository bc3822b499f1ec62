//! Answers to connections whose request no handler sees: there is no place for them, or the head cannot be read.

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

use super::{headers::Headers, health};
use crate::{
    domain::error::{Error, Part},
    http::{
        listener::Connection,
        problem::{Problem, retry_after},
    },
};

/// Maximum time for a refused client to read the answer.
const HEARD: Duration = Duration::from_secs(1);

/// Answers health on a connection beyond the most, and nothing else.
#[derive(Clone)]
pub(super) struct Kept<S>(pub S);

impl<S> Service<Request> for Kept<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if health::PATHS.contains(&request.uri().path()) {
            return Either::Left(self.0.call(request));
        }
        let mut response = crowd().into_response();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        Either::Right(ready(Ok(response)))
    }
}

fn unavailable() -> Error {
    Error::Unavailable { part: Part::Channel, detail: String::new() }
}

fn crowd() -> Problem {
    Problem::from(unavailable()).because("Too many connections are open.")
}

/// Says that there is no place, without reading what is asked.
pub(super) async fn no_place(connection: Connection, headers: Headers, _turn: OwnedSemaphorePermit) {
    let seconds = retry_after(&unavailable()).unwrap_or_default();
    say(connection, headers, &crowd(), &format!("retry-after: {seconds}\r\n")).await;
}

/// Says that the head of a request cannot be read.
pub(super) async fn unreadable(connection: Connection, headers: Headers, status: StatusCode) {
    say(connection, headers, &Problem::unreadable(status), "").await;
}

async fn say(mut connection: Connection, headers: Headers, problem: &Problem, more: &str) {
    let body = problem.body(None);
    let head = headers.head(problem.status(), &body);
    let (line, rest) = head.split_once("\r\n").unwrap_or_default();
    let head = format!("{line}\r\n{more}{rest}");
    let said = async {
        connection.write_all(&[head.as_bytes(), &body].concat()).await?;
        connection.shutdown().await?;
        // What is not taken would tear off what was said.
        copy(&mut connection, &mut sink()).await
    };
    // A client that does not listen is not waited for.
    let _ = timeout(HEARD, said).await;
}
