//! A request body with a timeout.
//!
//! An incomplete request holds a connection and memory. If its head was authorised, it also holds a right that may have
//! been revoked meanwhile.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use futures::future::BoxFuture;
use hyper::body::{Frame, SizeHint};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::activity::BodyInFlight;
use crate::http::body::LateBody;

/// Maximum time for the rest of a body once the server is closing.
const CLOSING_TIMEOUT: Duration = Duration::from_millis(700);

/// A body that fails with [`LateBody`] when it does not arrive in time.
pub(super) struct BodyTimeout<B> {
    body: B,
    late: BoxFuture<'static, ()>,
    in_flight: Option<BodyInFlight>,
}

impl<B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static> BodyTimeout<B> {
    /// Limits a body to `timeout` from now on, and to less from `closing` on. `in_flight` is dropped at its end.
    pub fn limit(body: B, timeout: Duration, closing: CancellationToken, in_flight: Option<BodyInFlight>) -> Body {
        let late = async move {
            let closed = async {
                closing.cancelled().await;
                sleep(CLOSING_TIMEOUT).await;
            };
            tokio::select! {
                () = sleep(timeout) => {}
                () = closed => {}
            }
        };
        Body::new(Self { body, late: Box::pin(late), in_flight })
    }
}

impl<B: HttpBody<Error: Into<axum::BoxError>> + Unpin> HttpBody for BodyTimeout<B> {
    type Data = B::Data;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if self.body.is_end_stream() || !matches!(frame, Some(Ok(_))) {
                self.in_flight = None;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        self.late.as_mut().poll(cx).map(|()| Some(Err(LateBody.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use futures::{StreamExt, stream};

    use super::*;
    use crate::http::body::{is_late, is_too_long};

    const TIMEOUT: Duration = Duration::from_secs(30);

    fn limit(body: Body, closing: &CancellationToken) -> Body {
        BodyTimeout::limit(body, TIMEOUT, closing.clone(), None)
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_body_fails() {
        let half = || {
            let first = stream::iter([Ok::<_, axum::BoxError>(Bytes::from_static(b"{"))]);
            Body::from_stream(first.chain(stream::pending()))
        };
        let closing = CancellationToken::new();
        let error = to_bytes(limit(half(), &closing), 100).await.unwrap_err();
        assert!(is_late(&error) && !is_too_long(&error), "{error}");

        let body = limit(half(), &closing);
        closing.cancel();
        let read = tokio::time::timeout(TIMEOUT / 2, to_bytes(body, 100)).await.expect("before the timeout");
        assert!(is_late(&read.unwrap_err()));
    }

    #[tokio::test]
    async fn whole_body_passes_and_a_long_one_fails() {
        let read = |text: &'static str| to_bytes(limit(Body::from(text), &CancellationToken::new()), 5);
        assert_eq!(read("whole").await.unwrap(), "whole");
        assert!(is_too_long(&read("longer").await.unwrap_err()));
    }
}
