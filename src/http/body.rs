//! Bodies of requests: the budget for large ones, and the reasons why a body could not be read.

use std::{
    collections::HashMap,
    error::Error,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use futures::{future::BoxFuture, stream};
use http_body_util::LengthLimitError;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// Maximum size of a body that does not count in the budget and needs no session, in bytes.
pub const MAX_SMALL_BYTES: usize = 64 * 1024;
/// Maximum size of all larger bodies together, in mebibytes. One owner gets at most half of it, so that no owner alone
/// can make bodies of others fail.
const BUDGET_MIB: usize = 128;
/// Minimum age of a body that may be cancelled for another one.
const MIN_AGE: Duration = Duration::from_secs(1);
/// Timeout of the wait for a cancelled request to return its part of the budget.
const RETURN_TIMEOUT: Duration = Duration::from_secs(1);

/// The budget for large bodies, with a limit for all and one for each owner. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BodyBudget(Arc<BudgetState>);

#[derive(Debug)]
struct BudgetState {
    free: Arc<Semaphore>,
    /// Maximum number of mebibytes of one owner.
    owner_mib: usize,
    min_age: Duration,
    incoming: Mutex<IncomingBodies>,
}

/// The large bodies that are being received.
#[derive(Debug, Default)]
struct IncomingBodies {
    next: u64,
    bodies: HashMap<u64, IncomingBody>,
    /// Remainder of each owner's share.
    owner_shares: HashMap<Arc<str>, Arc<Semaphore>>,
}

/// A large body that is being received: its owner, its progress and its cancellation.
#[derive(Debug)]
struct IncomingBody {
    owner: Arc<str>,
    began: Instant,
    bytes: Arc<AtomicU64>,
    cancel: CancellationToken,
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self::of(BUDGET_MIB, MIN_AGE)
    }
}

impl BodyBudget {
    fn of(mebibytes: usize, grace: Duration) -> Self {
        let (free, share) = (Arc::new(Semaphore::new(mebibytes)), (mebibytes / 2).max(1));
        Self(Arc::new(BudgetState { free, owner_mib: share, min_age: grace, incoming: Mutex::default() }))
    }

    /// Acquires a part of the budget for a body, of which at most `most` bytes are read. An unknown length counts as
    /// `most`. Dropping [`BodyPermit`] returns the part. If too little is left, the slowest body is cancelled with
    /// [`LateBody`]. It belongs to the same owner if the owner's share is used up, or else to the owner with the most.
    /// Returns `None` if the cancelled bodies free too little.
    pub async fn acquire(&self, owner: &str, body: Body, most: usize) -> Option<(Body, BodyPermit)> {
        let size = body.size_hint().upper().unwrap_or(u64::MAX).min(most as u64);
        if size <= MAX_SMALL_BYTES as u64 {
            return Some((body, BodyPermit::default()));
        }
        let taken = self.acquire_both(owner, u32::try_from(size.div_ceil(1 << 20)).unwrap_or(u32::MAX)).await?;
        let (bytes, end) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let number = {
            let mut incoming = self.0.incoming.lock();
            let speed =
                IncomingBody { owner: owner.into(), began: Instant::now(), bytes: bytes.clone(), cancel: end.clone() };
            let number = incoming.next;
            incoming.next += 1;
            incoming.bodies.insert(number, speed);
            number
        };
        let listed = Some(ListedBody { budget: self.clone(), number });
        let body = LargeBody { body, bytes, ended: Box::pin(end.cancelled_owned()), listed };
        Some((Body::new(body), taken))
    }

    /// Acquires a part of the owner's share, then as much of the budget. While it waits, the part of the share is held.
    async fn acquire_both(&self, owner: &str, mebibytes: u32) -> Option<BodyPermit> {
        let share = self.share_of(owner);
        let of_share = self.acquire_from(&share, mebibytes, Some(owner)).await?;
        let of_budget = self.acquire_from(&self.0.free, mebibytes, None).await?;
        Some(BodyPermit { _permits: Some([of_share, of_budget]) })
    }

    fn share_of(&self, owner: &str) -> Arc<Semaphore> {
        let mut incoming = self.0.incoming.lock();
        // Removes unused shares. Shares are handed out only here, under the lock, so none is acquired meanwhile.
        incoming.owner_shares.retain(|_, left| Arc::strong_count(left) > 1);
        Arc::clone(
            incoming.owner_shares.entry(owner.into()).or_insert_with(|| Arc::new(Semaphore::new(self.0.owner_mib))),
        )
    }

    /// Acquires a part of `left`. If too little is left, cancels bodies of `owner`, or else of the owner with the most.
    async fn acquire_from(
        &self,
        left: &Arc<Semaphore>,
        mebibytes: u32,
        owner: Option<&str>,
    ) -> Option<OwnedSemaphorePermit> {
        // Each cancelled body frees at least one mebibyte.
        for _ in 0..mebibytes {
            if let Ok(permit) = Arc::clone(left).try_acquire_many_owned(mebibytes) {
                return Some(permit);
            }
            if !self.cancel_slowest(owner) {
                return None;
            }
            if let Ok(Ok(permit)) = timeout(RETURN_TIMEOUT, Arc::clone(left).acquire_many_owned(mebibytes)).await {
                return Some(permit);
            }
        }
        None
    }

    /// Cancels the slowest body of `owner`. Without an `owner`, cancels the slowest body of the owners that hold most.
    /// Returns false if none of these bodies is old enough to count as slow.
    fn cancel_slowest(&self, owner: Option<&str>) -> bool {
        let mut incoming = self.0.incoming.lock();
        let least = incoming.owner_shares.values().map(|left| left.available_permits()).min().unwrap_or_default();
        let known = incoming.bodies.iter().filter(|(_, speed)| match owner {
            _ if speed.began.elapsed() < self.0.min_age => false,
            Some(owner) => *speed.owner == *owner,
            None => incoming.owner_shares.get(&speed.owner).is_some_and(|left| left.available_permits() == least),
        });
        let rate = |speed: &IncomingBody| speed.bytes.load(Ordering::Relaxed) / speed.began.elapsed().as_secs().max(1);
        let Some((_, number)) = known.map(|(number, speed)| (rate(speed), *number)).min() else { return false };
        if let Some(slowest) = incoming.bodies.remove(&number) {
            slowest.cancel.cancel();
        }
        true
    }
}

/// A part of the budget and of the owner's share, until it is dropped.
#[derive(Debug, Default)]
pub struct BodyPermit {
    _permits: Option<[OwnedSemaphorePermit; 2]>,
}

/// Keeps a body in the list of those that may be cancelled, until it is dropped.
#[derive(Debug)]
struct ListedBody {
    budget: BodyBudget,
    number: u64,
}

impl Drop for ListedBody {
    fn drop(&mut self) {
        self.budget.0.incoming.lock().bodies.remove(&self.number);
    }
}

/// A large body that is being received. It fails with [`LateBody`] when it is cancelled for another one.
struct LargeBody {
    body: Body,
    bytes: Arc<AtomicU64>,
    ended: BoxFuture<'static, ()>,
    listed: Option<ListedBody>,
}

impl HttpBody for LargeBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return self.ended.as_mut().poll(cx).map(|()| Some(Err(LateBody.into())));
        };
        match &frame {
            Some(Ok(frame)) => {
                let more = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.bytes.fetch_add(more, Ordering::Relaxed);
            }
            _ => self.listed = None,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The rest of a body did not arrive in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body did not arrive in time")]
pub struct LateBody;

/// The body is too long for a request without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a body of this length needs a session")]
pub struct NeedsSession;

/// Returns whether a body was not read because the request has no session.
pub fn needs_session(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<NeedsSession>())
}

/// Reads a body of at most `most` bytes into memory. If that fails, the returned body fails with the same error, and
/// its reader answers the request.
pub async fn read_whole(body: Body, most: usize) -> Body {
    match to_bytes(body, most).await {
        Ok(body) => Body::from(body),
        Err(error) => Body::from_stream(stream::iter([Err::<Bytes, _>(error.into_inner())])),
    }
}

/// Returns whether a body could not be read because it was late.
pub fn is_late(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<LateBody>())
}

/// Returns whether a body could not be read because it was too long.
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
    use std::pin::pin;

    use futures::{StreamExt, poll};

    use super::*;

    async fn read((body, taken): (Body, BodyPermit)) -> Result<Bytes, axum::Error> {
        let end = to_bytes(body, 1 << 21).await;
        drop(taken);
        end
    }

    fn endless() -> Body {
        Body::from_stream(stream::pending::<Result<Bytes, axum::BoxError>>())
    }

    #[tokio::test]
    async fn slowest_body_is_cancelled_for_a_new_one() {
        let room = BodyBudget::of(2, Duration::ZERO);
        let mut slow = pin!(read(room.acquire("ana", endless(), 1 << 20).await.unwrap()));
        let mut fast = pin!(read(room.acquire("bo", half_arrived(), 1 << 20).await.unwrap()));
        assert!(poll!(&mut slow).is_pending() && poll!(&mut fast).is_pending());
        let (third, ended) = tokio::join!(room.acquire("cy", endless(), 1 << 20), &mut slow);
        assert!(third.is_some() && is_late(&ended.unwrap_err()) && poll!(&mut fast).is_pending());
        let small = room.acquire("cy", Body::from("x"), 1 << 20).await.unwrap();
        assert_eq!(read(small).await.unwrap(), "x", "a small one is not limited");
    }

    /// Returns a body whose first half arrives at once, and the rest never.
    fn half_arrived() -> Body {
        let first = stream::iter([Ok::<_, axum::BoxError>(Bytes::from(vec![0; 1 << 19]))]);
        Body::from_stream(first.chain(stream::pending()))
    }

    #[tokio::test]
    async fn one_owner_gets_half_of_the_budget_and_cancels_only_own_bodies() {
        let room = BodyBudget::of(4, Duration::ZERO);
        let mut slow = pin!(read(room.acquire("root", endless(), 1 << 20).await.unwrap()));
        assert!(poll!(&mut slow).is_pending());
        let mut theirs = Vec::new();
        for _ in 0..10 {
            theirs.push(tokio::spawn(read(room.acquire("eve", half_arrived(), 1 << 20).await.unwrap())));
            tokio::task::yield_now().await;
        }
        assert!(poll!(&mut slow).is_pending(), "the slow body of another owner is not cancelled");
        assert_eq!(theirs.iter().filter(|one| !one.is_finished()).count(), 2);
        assert_eq!(room.0.free.available_permits(), 1);
        let _other = room.acquire("bo", endless(), 1 << 20).await.unwrap();
        assert!(poll!(&mut slow).is_pending() && theirs.iter().filter(|one| !one.is_finished()).count() == 2);
    }

    #[tokio::test]
    async fn full_budget_cancels_a_body_of_the_owner_with_the_most() {
        let room = BodyBudget::of(4, Duration::ZERO);
        let mut slow = pin!(read(room.acquire("root", endless(), 1 << 20).await.unwrap()));
        let mut other = pin!(read(room.acquire("bo", half_arrived(), 1 << 20).await.unwrap()));
        let mut first = pin!(read(room.acquire("eve", half_arrived(), 1 << 20).await.unwrap()));
        let mut second = pin!(read(room.acquire("eve", half_arrived(), 1 << 20).await.unwrap()));
        for one in [&mut slow, &mut other, &mut first, &mut second] {
            assert!(poll!(one).is_pending());
        }
        let (third, ended) = tokio::join!(room.acquire("cy", half_arrived(), 1 << 20), &mut first);
        assert!(third.is_some() && is_late(&ended.unwrap_err()));
        assert!(poll!(&mut slow).is_pending() && poll!(&mut other).is_pending() && poll!(&mut second).is_pending());

        // All owners have equal parts now.
        let (fourth, ended) = tokio::join!(room.acquire("di", half_arrived(), 1 << 20), &mut slow);
        assert!(fourth.is_some() && is_late(&ended.unwrap_err()));
        assert!(poll!(&mut other).is_pending() && poll!(&mut second).is_pending());
        assert_eq!(room.0.free.available_permits(), 0, "the budget is not exceeded");
        drop((third, fourth));
        assert_eq!(room.0.free.available_permits(), 2);
        drop(room.share_of("ed"));
        assert_eq!(room.0.incoming.lock().owner_shares.len(), 3, "owners without bodies are removed");
    }

    #[tokio::test]
    async fn new_and_complete_bodies_are_not_cancelled() {
        let large = || Body::from(vec![0; MAX_SMALL_BYTES + 1]);
        let room = BodyBudget::of(1, MIN_AGE);
        let _begun = room.acquire("ana", endless(), 1 << 20).await.unwrap();
        assert!(room.acquire("ana", large(), 1 << 20).await.is_none());
        assert!(room.acquire("bo", large(), 1 << 20).await.is_none());

        let room = BodyBudget::of(1, Duration::ZERO);
        let (body, taken) = room.acquire("ana", large(), 1 << 20).await.unwrap();
        assert_eq!(to_bytes(body, 1 << 20).await.unwrap().len(), MAX_SMALL_BYTES + 1);
        assert!(room.acquire("bo", large(), 1 << 20).await.is_none());
        drop(taken);
        assert!(room.acquire("bo", large(), 1 << 20).await.is_some());
    }
}
