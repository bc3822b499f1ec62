//! The layers around the console, in their order. Reads have a router of their own, without these layers.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures::{future::BoxFuture, stream};
use tower_http::{
    catch_panic::CatchPanicLayer,
    csrf::{CsrfLayer, ProtectionError},
};

use crate::{
    domain::error::Result,
    http::{
        body::{self, BodyBudget, MAX_SMALL_BYTES, NeedsSession},
        coding, request_id, traced,
    },
    pages::{Frame, PageContext, errors, forms, frame},
};

/// Finds the account id of the session in a request's head. Fails if that account may not send a long body.
pub type SenderLookup = Arc<dyn Fn(&HeaderMap) -> BoxFuture<'static, Result<Option<String>>> + Send + Sync>;

/// Puts all layers around the console (`pages::console` inside of the session layer).
///
/// A request passes them from the last line to the first, its answer from the first to the last.
pub fn pages(console: Router, frame: &Frame, session_account: SenderLookup) -> Router {
    console
        .layer(middleware::from_fn_with_state((frame.clone(), session_account, BodyBudget::default()), read_whole_body))
        .layer(csrf(frame))
        .layer(middleware::from_fn_with_state(frame.clone(), refuse_cross_site))
        .layer(DefaultBodyLimit::max(forms::FILE_BYTES))
        .layer(CatchPanicLayer::custom(|_| errors::crashed()))
        .layer(middleware::from_fn(traced::layer))
        .layer(middleware::from_fn(request_id::layer))
}

/// Reads the whole body before the session is checked, so that a session cannot end between the check and the request.
/// The body is limited to the size that the route accepts. A long body needs a session whose user may edit.
async fn read_whole_body(
    State((frame, signed_in, large)): State<(Frame, SenderLookup, BodyBudget)>,
    request: Request,
    next: Next,
) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    if let Err(refused) = coding::check_body(request.headers()) {
        return refused.into_response();
    }
    let most = forms::max_body_bytes(request.uri().path());
    let length = request.body().size_hint().upper().unwrap_or(u64::MAX);
    let (parts, body) = request.into_parts();
    let answer_at_once = |page| frame::document(&frame, PageContext::of_parts(&parts), page, None);
    let (most, owner) = if most > MAX_SMALL_BYTES && length > MAX_SMALL_BYTES as u64 {
        match signed_in(&parts.headers).await {
            Ok(Some(account)) => (most, account),
            Ok(None) if length == u64::MAX => (MAX_SMALL_BYTES, String::new()),
            Ok(None) => {
                let body = stream::iter([Err::<Bytes, _>(NeedsSession)]);
                return next.run(Request::from_parts(parts, Body::from_stream(body))).await;
            }
            Err(error) => return answer_at_once(errors::page(&error)),
        }
    } else {
        // A small body does not count in the budget, so it needs no owner.
        (most, String::new())
    };
    let Some((body, _room)) = large.acquire(&owner, body, most).await else {
        tracing::warn!("too many large request bodies at once; a request is refused");
        let mut response = answer_at_once(errors::status_page(StatusCode::SERVICE_UNAVAILABLE));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        return response;
    };
    next.run(Request::from_parts(parts, body::read_whole(body, most).await)).await
}

/// Returns the layer that refuses cross-site requests of browsers. The console's own origins are trusted.
fn csrf(frame: &Frame) -> CsrfLayer {
    frame.origins.iter().fold(CsrfLayer::new(), |layer, origin| match layer.clone().add_trusted_origin(origin) {
        Ok(trusting) => trusting,
        Err(error) => {
            tracing::warn!(%error, "public_url is not a valid origin, so it is not trusted");
            layer
        }
    })
}

/// Answers the requests that [`csrf`] refuses, with a page if the client accepts one.
///
/// Also refuses requests with cookies but without an origin: only browsers send cookies, and they name the origin.
async fn refuse_cross_site(State(frame): State<Frame>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let page = headers.get(header::ACCEPT).is_some_and(|a| String::from_utf8_lossy(a.as_bytes()).contains("html"));
    let page_context = page.then(|| PageContext::of(&request));
    let says = |name: &str| headers.get(name).is_some_and(|value| !value.is_empty());
    if says("sec-fetch-site") || says("origin") || !headers.contains_key(header::COOKIE) {
        let response = next.run(request).await;
        if response.extensions().get::<ProtectionError>().is_none() {
            return response;
        }
    }
    tracing::warn!("request refused: it is of another site, or has cookies without Origin");
    match page_context {
        Some(page_context) => frame::document(&frame, page_context, errors::status_page(StatusCode::FORBIDDEN), None),
        None => StatusCode::FORBIDDEN.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    use axum::{body::to_bytes, extract::Multipart};
    use tower::ServiceExt;

    use super::*;
    use crate::{
        auth::signing::Signer,
        http::body::{is_too_long, needs_session},
        pages::{assets::Assets, cookies::Jar},
    };

    fn frame() -> Frame {
        Frame::new(Assets::embedded(&[]), vec![], Jar::new(Signer::random(), false))
    }

    fn signed_in(signed_in: bool) -> SenderLookup {
        Arc::new(move |_| Box::pin(async move { Ok(signed_in.then(|| "ana".to_owned())) }))
    }

    /// Returns the user that a header names.
    fn named() -> SenderLookup {
        Arc::new(|headers: &HeaderMap| {
            let name = headers.get("x-who").and_then(|name| name.to_str().ok()).map(str::to_owned);
            Box::pin(async move { Ok(name) })
        })
    }

    /// Returns the status of a request with these headers to a console that accepts everything.
    async fn sent(method: Method, headers: &[(&str, &str)]) -> StatusCode {
        let origins = vec!["https://other.example".to_owned(), "https://not.an/origin".to_owned()];
        let frame = Frame::new(Assets::embedded(&[]), origins, Jar::new(Signer::random(), false));
        let console = pages(Router::new().fallback(async || StatusCode::OK), &frame, signed_in(true));
        let mut request = Request::builder().method(method).uri("/fn/x").header("host", "config.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        console.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    }

    #[tokio::test]
    async fn another_site_cannot_post() {
        for ours in [
            &[("sec-fetch-site", "same-origin"), ("cookie", "a=b")][..],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://config.example"), ("cookie", "a=b")],
            &[("origin", "http://config.example")],
            &[("origin", "https://other.example"), ("cookie", "a=b")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://other.example")],
            &[("sec-fetch-site", "same-site"), ("origin", "https://other.example"), ("cookie", "a=b")],
            &[],
        ] {
            assert_eq!(sent(Method::POST, ours).await, 200, "{ours:?}");
        }
        for others in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site"), ("origin", "https://config.example")],
            &[("sec-fetch-site", "Same-Origin")],
            &[("sec-fetch-site", "canary")],
            &[("origin", "https://evil.example")],
            &[("origin", "https://config.example:8443")],
            &[("origin", "https://config.example.evil.example")],
            &[("origin", "https://other.example:443")],
            &[("origin", "http://other.example")],
            &[("origin", "https://not.an/origin")],
            &[("origin", "config.example")],
            &[("origin", "null")],
            &[("origin", "null"), ("cookie", "a=b")],
            &[("cookie", "a=b")],
            &[("cookie", "a=b"), ("origin", "")],
            &[("cookie", "a=b"), ("sec-fetch-site", "")],
        ] {
            assert_eq!(sent(Method::POST, others).await, 403, "{others:?}");
        }
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
            assert_eq!(sent(method.clone(), &[("sec-fetch-site", "cross-site")]).await, 403, "{method}");
        }
    }

    #[tokio::test]
    async fn another_site_may_read() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            let headers = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("cookie", "a=b")];
            assert_eq!(sent(method.clone(), &headers).await, 200, "{method}");
            assert_eq!(sent(method.clone(), &[("cookie", "a=b")]).await, 200, "{method}");
        }
    }

    #[tokio::test]
    async fn session_is_checked_after_the_whole_body_arrived() {
        let locked = Arc::new(AtomicBool::new(false));
        let door = async |State(locked): State<Arc<AtomicBool>>, request: Request, next: Next| {
            if locked.load(Ordering::Acquire) {
                StatusCode::UNAUTHORIZED.into_response()
            } else {
                next.run(request).await
            }
        };
        let console = Router::new()
            .route(
                "/import",
                axum::routing::post(async |mut form: Multipart| match form.next_field().await {
                    Err(error) if is_too_long(&error) => StatusCode::PAYLOAD_TOO_LARGE,
                    _ => StatusCode::OK,
                }),
            )
            .fallback(async |request: Request| match to_bytes(request.into_body(), usize::MAX).await {
                Err(error) if is_too_long(&error) => StatusCode::PAYLOAD_TOO_LARGE,
                _ => StatusCode::OK,
            })
            .layer(middleware::from_fn_with_state(Arc::clone(&locked), door));
        let console = pages(console, &frame(), signed_in(true));
        let (send, sent) = tokio::sync::oneshot::channel();
        let body = Body::from_stream(stream::once(async { Ok::<&str, std::convert::Infallible>(sent.await.unwrap()) }));
        let mut parked = pin!(console.clone().oneshot(Request::post("/fn/x").body(body).unwrap()));
        assert!(futures::poll!(&mut parked).is_pending());
        locked.store(true, Ordering::Release);
        send.send("a=b").unwrap();
        assert_eq!(parked.await.unwrap().status(), 401);

        locked.store(false, Ordering::Release);
        let large = Request::post("/fn/x").body(Body::from("x".repeat(forms::max_body_bytes("/fn/x") + 1))).unwrap();
        assert_eq!(console.clone().oneshot(large).await.unwrap().status(), 413);
        let kind = "multipart/form-data; boundary=b";
        let large =
            format!("--b\r\ncontent-disposition: form-data; name=\"text\"\r\n\r\n{}", "x".repeat(forms::FILE_BYTES));
        let large = Request::post("/import").header(header::CONTENT_TYPE, kind).body(Body::from(large)).unwrap();
        assert_eq!(console.oneshot(large).await.unwrap().status(), 413);
    }

    #[tokio::test]
    async fn a_compressed_body_is_refused_before_it_is_read() {
        let console = pages(Router::new().fallback(async || "ok"), &frame(), signed_in(false));
        for path in ["/fn/log-in", "/fn/save-text", "/apps/shop/import"] {
            let body = Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>());
            let request = Request::post(path).header(header::CONTENT_ENCODING, "gzip").body(body).unwrap();
            let refused = console.clone().oneshot(request).await.unwrap();
            assert_eq!(
                (refused.status(), &refused.headers()["accept-encoding"]),
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, &"identity".parse().unwrap()),
                "{path}"
            );
            let said = to_bytes(refused.into_body(), 1000).await.unwrap();
            assert!(String::from_utf8_lossy(&said).contains("“gzip” is not supported"), "{said:?}");
        }
    }

    #[tokio::test]
    async fn large_bodies_share_a_budget_and_small_ones_are_always_read() {
        let console = pages(Router::new().fallback(async || "ok"), &frame(), named());
        let import = |who: &str| Request::post("/import").header("x-who", who);
        // Their length is unknown, so each counts as the maximum.
        let endless = |who: &str| {
            let body = Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>());
            Box::pin(console.clone().oneshot(import(who).body(body).unwrap()))
        };
        let of_one = (64 << 20) / forms::FILE_BYTES.next_multiple_of(1 << 20);
        let mut parked = Vec::new();
        for who in ["ana", "bo"] {
            for _ in 0..of_one {
                let mut one = endless(who);
                assert!(futures::poll!(&mut one).is_pending());
                parked.push(one);
            }
            let refused = endless(who).await.unwrap();
            assert_eq!(
                (refused.status().as_u16(), &refused.headers()["retry-after"]),
                (503, &HeaderValue::from_static("5")),
                "{who} exceeds the share"
            );
        }
        assert_eq!(endless("cy").await.unwrap().status(), 503);
        let small = || console.clone().oneshot(Request::post("/fn/x").body(Body::from("a=b")).unwrap());
        assert_eq!(small().await.unwrap().status(), 200);
        parked.pop();
        let large = import("cy").body(Body::from(vec![b'x'; 1 << 20])).unwrap();
        assert_eq!(console.clone().oneshot(large).await.unwrap().status(), 200);
    }

    #[tokio::test]
    async fn large_body_without_a_session_is_refused() {
        let console =
            Router::new().fallback(async |request: Request| match to_bytes(request.into_body(), usize::MAX).await {
                Err(error) if needs_session(&error) => StatusCode::UNAUTHORIZED,
                Err(error) if is_too_long(&error) => StatusCode::PAYLOAD_TOO_LARGE,
                Err(_) => StatusCode::BAD_REQUEST,
                Ok(body) if body.is_empty() => StatusCode::NO_CONTENT,
                Ok(_) => StatusCode::OK,
            });
        let console = pages(console, &frame(), signed_in(false));
        let post = async |path: &str, body: Body| {
            console.clone().oneshot(Request::post(path).body(body).unwrap()).await.unwrap().status().as_u16()
        };
        let declared = |bytes: usize| Body::from("x".repeat(bytes));
        let endless = || Body::from_stream(stream::repeat(Ok::<_, std::convert::Infallible>("x".repeat(1000))));
        assert_eq!(post("/fn/log-in", declared(100)).await, 200);
        assert_eq!(post("/fn/save-text", declared(MAX_SMALL_BYTES)).await, 200);
        assert_eq!(post("/fn/save-text", declared(MAX_SMALL_BYTES + 1)).await, 401);
        assert_eq!(post("/configs/a/b/c/import", endless()).await, 413);
        assert_eq!(post("/no/route/with/a/body", endless()).await, 413, "it is not read");
    }
}
