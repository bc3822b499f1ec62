//! The console as one service: pages, and the server functions that their forms post to.

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use leptos::server_fn::axum::server_fn_paths;
use tower::ServiceExt;
use tower_http::{CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer};

use super::{
    PageContext,
    forms::{self, Functions},
    frame::{Frame, draw, refused},
};
use crate::{
    api,
    domain::error::Error,
    http::{
        request_id::{self, RequestId},
        threads, traced,
    },
    session::guard::CurrentUser,
};

/// Compression level of pages. Brotli's default level takes four times as long for an ordinary page and fifteen times
/// as long for a large table, whose rows are alike. It makes neither smaller.
const COMPRESSION: CompressionLevel = CompressionLevel::Precise(1);

/// Builds the console: pages, and the server functions that their forms post to. `context` runs before each server
/// function and provides its context; the request with its extensions is provided already. Layers of `pages`, such as
/// the one that hands the user to the frame, are around error pages too.
pub fn console(frame: Frame, pages: Router, context: impl Fn() + Clone + Send + Sync + 'static) -> Router {
    let pages = pages
        .layer(CatchPanicLayer::custom(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()))
        .layer(middleware::from_fn_with_state(frame.clone(), draw))
        .layer(CompressionLayer::new().quality(COMPRESSION))
        .layer(middleware::from_fn_with_state(frame.clone(), choose_thread))
        .layer(middleware::from_fn(traced::record_page_route));
    let functions = Functions::new(frame.clone(), pages.clone(), context);
    // A fallback, not a route: the parameters of a route would precede those of a page that the function returns.
    Router::new().fallback(async move |request: Request| {
        let path = request.uri().path();
        if path.starts_with(api::PREFIX) {
            let known = server_fn_paths().find(|(known, _)| *known == path).map(|(known, _)| known.to_owned());
            let is_known = known.is_some();
            let call = |request| {
                let functions = functions.clone();
                async move { functions.call(request, is_known).await }
            };
            let answer = on_its_thread(&frame, request, call).await;
            // The response may contain a page. The trace records the route of the function, not that of the page.
            return traced::with_route(answer, known);
        }
        if path == "/api" || path.starts_with("/api/") {
            let missing = Error::NotFound("such endpoint".to_owned());
            return request_id::answer(Some(RequestId::of(&request)), Err(missing.into()));
        }
        pages.oneshot(request).await.into_response()
    })
}

/// Makes large pages on a compute thread.
async fn choose_thread(State(frame): State<Frame>, request: Request, next: Next) -> Response {
    on_its_thread(&frame, request, |request| next.clone().run(request)).await
}

/// Answers a request with `run`, on a compute thread if needed. See [`threads::answer`].
async fn on_its_thread<F>(frame: &Frame, request: Request, run: impl Fn(Request) -> F) -> Response
where
    F: Future<Output = Response> + Send + 'static,
{
    let page_context = PageContext::of(&request);
    let who = request.extensions().get::<CurrentUser>().map(|user| user.actor.id.clone()).unwrap_or_default();
    let grows = forms::is_import(request.uri().path());
    let answer = threads::answer(&frame.compute, &who, grows, request, run).await;
    answer.unwrap_or_else(|error| refused(frame, page_context, &error, None))
}
