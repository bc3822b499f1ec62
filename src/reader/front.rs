//! The tower service in front of all routes. It answers reads and passes other requests on.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{Router, extract::Request, response::Response};
use futures::future::Either;
use tower::Service;

use super::{
    Reader,
    protocols::{self, AnswerFuture},
};
use crate::http::path;

/// Answers reads and passes other requests on to `rest`.
#[derive(Clone)]
pub struct Front {
    reader: Arc<Reader>,
    rest: Router,
}

impl Front {
    pub(super) fn new(reader: Arc<Reader>, rest: Router) -> Self {
        Self { reader, rest }
    }
}

impl Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.rest, cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        path::normalize(request.uri_mut());
        match protocols::serve(&self.reader, &mut request) {
            Some(answering) => answering,
            None => Either::Right(Box::pin(self.rest.call(request))),
        }
    }
}
