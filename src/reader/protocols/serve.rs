//! The steps shared by reads of all protocols: token, rate, method, metrics, HEAD.

use std::{future::ready, mem, sync::Arc};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::{Method, header},
    response::Response,
};
use futures::future::Either;

use super::{AnswerFuture, Protocol};
use crate::{
    auth::tokens::Grant,
    domain::{time::Time, token::TokenRefusal},
    http::{
        problem::HttpProblem,
        request_id::{self, RequestId},
    },
    reader::{Reader, poll::ReadStep},
};

/// Answers a request of a protocol. Returns `None` and leaves the request unchanged if its path is of another one.
pub(super) fn serve<P: Protocol>(reader: &Arc<Reader>, request: &mut Request) -> Option<AnswerFuture> {
    let target = P::route(request.uri().path())?;
    let (given, head) = (RequestId::given(request), request.method() == Method::HEAD);
    let kind = P::kind(target);
    let done = move |reader: &Reader, result| {
        let response = request_id::answer_with_refusal(given, result, P::refuse);
        reader.meter.answered(kind, response.status().as_u16());
        Ok(if head { bodiless(response) } else { response })
    };
    let now = (reader.clock)();
    let decided = match P::admit(reader, request, now) {
        // This node may not know a new token yet.
        Err(TokenRefusal::Unknown) => {
            let (reader, request) = (Arc::clone(reader), mem::take(request));
            return Some(Either::Right(Box::pin(async move {
                let result = admitted_late::<P>(&reader, request).await;
                done(&reader, result)
            })));
        }
        admitted => decide::<P>(reader, request, target, admitted, now),
    };
    Some(match decided {
        Ok(ReadStep::Answer(response)) => Either::Left(ready(done(reader, Ok(response)))),
        Err(problem) => Either::Left(ready(done(reader, Err(problem)))),
        Ok(later) => {
            // Drops the request here, so that a long poll does not keep it in memory.
            let reader = Arc::clone(reader);
            Either::Right(Box::pin(async move {
                let result = later.finish(&reader).await;
                done(&reader, result)
            }))
        }
    })
}

/// Checks a request's token, rate and method, in this order, and then reads its target.
fn decide<P: Protocol>(
    reader: &Arc<Reader>,
    request: &Request,
    target: P::Target<'_>,
    admitted: Result<Grant, TokenRefusal>,
    now: Time,
) -> Result<ReadStep<P::Render>, HttpProblem> {
    let grant = admitted?;
    grant.check_rate(reader.settings.rate)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(HttpProblem::method_not_allowed("GET, HEAD"));
    }
    P::read(reader, request, target, grant, now)
}

// Takes the request by value, so that it is dropped before a wait.
fn decide_late<P: Protocol>(reader: &Arc<Reader>, request: Request) -> Result<ReadStep<P::Render>, HttpProblem> {
    let (path, now) = (request.uri().path(), (reader.clock)());
    let target = P::route(path).ok_or_else(|| reader.absent(path))?;
    decide::<P>(reader, &request, target, P::admit(reader, &request, now), now)
}

/// Answers a request with an unknown token, after the tokens were read again.
async fn admitted_late<P: Protocol>(reader: &Arc<Reader>, request: Request) -> Result<Response, HttpProblem> {
    reader.tokens.request_refresh().await;
    decide_late::<P>(reader, request)?.finish(reader).await
}

/// Makes the answer to HEAD: the answer to GET without its body.
fn bodiless(mut response: Response) -> Response {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::empty();
    response
}
