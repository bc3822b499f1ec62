//! Chooses the thread that handles a request (see [`compute`]).

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};

use super::body::read_whole;
use crate::{
    compute::{self, Compute},
    domain::error::Error,
};

/// Handles a request of the user `who` on the runtime's own threads, or on a separate thread if its contents are large.
///
/// A request with a safe method starts on the runtime, and starts again on the separate thread if it loads large
/// contents. A request with a large body starts on the separate thread. So does one whose small body may expand to
/// large contents (`may_expand`), such as YAML with aliases. Any other request moves there when it loads large contents.
/// The body has to be in memory already.
///
/// # Errors
/// Returns the errors of [`Compute::run`].
pub async fn answer<F>(
    compute: &Compute,
    who: &str,
    may_expand: bool,
    request: Request,
    run: impl Fn(Request) -> F,
) -> Result<Response, Error>
where
    F: Future<Output = Response> + Send + 'static,
{
    if request.method().is_safe() {
        let (parts, body) = request.into_parts();
        let again = Request::from_parts(parts.clone(), Body::empty());
        return match compute::run_light(run(Request::from_parts(parts, body))).await {
            Some(response) => Ok(response),
            None => compute.run(who, with_whole_body(run(again))).await,
        };
    }
    if !may_expand && request.body().size_hint().lower() <= compute::MAX_INLINE_BYTES as u64 {
        return Ok(compute::run_or_offload(run(request)).await);
    }
    compute.run(who, with_whole_body(run(request))).await
}

/// Awaits an answer and its whole body, which is compressed while it is read.
async fn with_whole_body(answer: impl Future<Output = Response>) -> Response {
    let (parts, body) = answer.await.into_parts();
    Response::from_parts(parts, read_whole(body, usize::MAX).await)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[tokio::test]
    async fn small_body_with_large_contents_is_handled_on_a_separate_thread() {
        let runtime = thread::current().id();
        let compute = Compute::with_slots(1);
        for (grows, is_elsewhere) in [(false, false), (true, true)] {
            let began = Arc::new(std::sync::OnceLock::new());
            let request = Request::post("/").body(Body::from("a: &a [1]")).unwrap();
            let run = |_| {
                let began = Arc::clone(&began);
                async move {
                    began.set(thread::current().id()).unwrap();
                    Response::default()
                }
            };
            answer(&compute, "ana", grows, request, run).await.unwrap();
            assert_eq!(*began.get().unwrap() != runtime, is_elsewhere);
        }
    }
}
