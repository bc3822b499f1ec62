//! The body of a request, which has to come in time.
//!
//! Whoever sends half a request and waits holds a connection, memory and, where somebody was let in by the head of it, a
//! door that may have been locked meanwhile.

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::HttpBody;
use futures::future::BoxFuture;
use http_body_util::LengthLimitError;
use hyper::body::{Frame, SizeHint};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// How long a whole body may take.
pub const WHOLE: Duration = Duration::from_secs(30);
/// How long what is left of it may take once the server goes down.
pub const LAST: Duration = Duration::from_millis(700);

/// A body up to so many bytes may always come.
const SMALL_BYTES: u64 = 64 * 1024;
/// How many mebibytes larger bodies may weigh together.
const LARGE_MIB: usize = 128;

/// Room for large bodies, which together have a bound.
#[derive(Clone, Debug)]
pub struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_MIB)))
    }
}

impl Room {
    /// Room for a body of which at most `most` bytes are taken, until what this gives is dropped; none when there is
    /// none. Who does not say how long a body is takes as much as it may.
    pub fn take<B: HttpBody>(&self, body: &B, most: usize) -> Option<OwnedSemaphorePermit> {
        let size = body.size_hint().upper().unwrap_or(u64::MAX).min(most as u64);
        let mebibytes = if size > SMALL_BYTES { u32::try_from(size.div_ceil(1 << 20)).unwrap_or(u32::MAX) } else { 0 };
        Arc::clone(&self.0).try_acquire_many_owned(mebibytes).ok()
    }
}

/// A body that breaks off when it is late.
pub struct Timely<B> {
    body: B,
    late: BoxFuture<'static, ()>,
}

/// The rest of a body did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body did not arrive in time")]
pub struct Late;

impl<B> Timely<B> {
    /// A body that may take `whole` from now on: usually [`WHOLE`]; and [`LAST`] from `stop` on.
    pub fn new(body: B, whole: Duration, stop: CancellationToken) -> Self {
        let late = async move {
            let stopped = async {
                stop.cancelled().await;
                sleep(LAST).await;
            };
            tokio::select! {
                () = sleep(whole) => {}
                () = stopped => {}
            }
        };
        Self { body, late: Box::pin(late) }
    }
}

impl<B: HttpBody<Error: Into<axum::BoxError>> + Unpin> HttpBody for Timely<B> {
    type Data = B::Data;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        self.late.as_mut().poll(cx).map(|()| Some(Err(Late.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether a body could not be read because it was late.
#[must_use]
pub fn is_late(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<Late>())
}

/// Whether a body could not be read because it was longer than it may be.
#[must_use]
pub fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<LengthLimitError>())
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes, to_bytes};
    use futures::{StreamExt, stream};

    use super::*;

    /// A body of which the first half has come.
    fn half() -> Body {
        let first = stream::iter([Ok::<_, axum::BoxError>(Bytes::from_static(b"{"))]);
        Body::from_stream(first.chain(stream::pending()))
    }

    #[tokio::test]
    async fn half_a_body_breaks_off() {
        let stop = CancellationToken::new();
        let body = Timely::new(half(), Duration::from_millis(20), stop.clone());
        let error = to_bytes(Body::new(body), 100).await.unwrap_err();
        assert!(is_late(&error) && !is_too_long(&error), "{error}");

        let body = Timely::new(half(), Duration::from_secs(3600), stop.clone());
        stop.cancel();
        assert!(is_late(&to_bytes(Body::new(body), 100).await.unwrap_err()));
    }

    #[tokio::test]
    async fn a_whole_body_comes_through_and_a_long_one_does_not() {
        let timely = |body: &'static str| Body::new(Timely::new(Body::from(body), WHOLE, CancellationToken::new()));
        assert_eq!(to_bytes(timely("whole"), 5).await.unwrap(), "whole");
        assert!(is_too_long(&to_bytes(timely("longer"), 5).await.unwrap_err()));
    }
}
