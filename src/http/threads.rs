//! Chooses the thread that answers a request: see [`compute`].

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};

use super::body::whole;
use crate::{
    compute::{self, Compute},
    domain::error::Error,
};

/// Answers a request of `who` on the runtime's own threads while it is light, and else on a thread of its own.
///
/// A request that changes nothing is begun again there. One with a large body, or whose body means much however small it is
/// (`grows`: YAML repeats what an alias stands for), begins there; its body has to be whole already. Any other one moves.
///
/// # Errors
/// As [`Compute::run`].
pub async fn answer<F>(
    compute: &Compute,
    who: &str,
    grows: bool,
    request: Request,
    run: impl Fn(Request) -> F,
) -> Result<Response, Error>
where
    F: Future<Output = Response> + Send + 'static,
{
    if request.method().is_safe() {
        let (parts, body) = request.into_parts();
        let again = Request::from_parts(parts.clone(), Body::empty());
        return match compute::light(run(Request::from_parts(parts, body))).await {
            Some(response) => Ok(response),
            None => compute.run(who, packed(run(again))).await,
        };
    }
    if !grows && request.body().size_hint().lower() <= compute::SMALL as u64 {
        return Ok(compute::follow(run(request)).await);
    }
    compute.run(who, packed(run(request))).await
}

/// Waits for the body of an answer, too: it is compressed while it is read.
async fn packed(answer: impl Future<Output = Response>) -> Response {
    let (parts, body) = answer.await.into_parts();
    Response::from_parts(parts, whole(body, usize::MAX).await)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[tokio::test]
    async fn a_small_body_that_means_much_begins_on_a_thread_of_its_own() {
        let runtime = thread::current().id();
        let compute = Compute::with_places(1);
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
