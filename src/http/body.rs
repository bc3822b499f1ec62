//! Bodies of requests: room for large ones, and why one could not be read.

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
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// A body up to so many bytes needs no room, and is read of everybody.
pub const SMALL_BYTES: usize = 64 * 1024;
/// How many mebibytes larger bodies may weigh together. Half of it is for one owner: nobody fills the room alone, so nobody
/// alone has the bodies of others end.
const LARGE_MIB: usize = 128;
/// How long a body has to be on its way before it may end for another one.
const GRACE: Duration = Duration::from_secs(1);
/// How long the request of a body that was ended may take to give its room back.
const RETURN: Duration = Duration::from_secs(1);

/// Room for large bodies, which together have a bound, and those of each owner another one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Room(Arc<Large>);

#[derive(Debug)]
struct Large {
    free: Arc<Semaphore>,
    /// Maximum number of mebibytes of one owner.
    share: usize,
    grace: Duration,
    coming: Mutex<Coming>,
}

/// The large bodies that are on their way.
#[derive(Debug, Default)]
struct Coming {
    next: u64,
    bodies: HashMap<u64, Speed>,
    /// Remainder of each owner's share.
    left: HashMap<Arc<str>, Arc<Semaphore>>,
}

/// How fast whose body comes, and the way to end it.
#[derive(Debug)]
struct Speed {
    owner: Arc<str>,
    began: Instant,
    bytes: Arc<AtomicU64>,
    end: CancellationToken,
}

impl Default for Room {
    fn default() -> Self {
        Self::of(LARGE_MIB, GRACE)
    }
}

impl Room {
    fn of(mebibytes: usize, grace: Duration) -> Self {
        let (free, share) = (Arc::new(Semaphore::new(mebibytes)), (mebibytes / 2).max(1));
        Self(Arc::new(Large { free, share, grace, coming: Mutex::default() }))
    }

    /// Acquires room for a body of which at most `most` bytes are read. A body without a declared length takes as much
    /// as it may. The room is returned when [`Taken`] is dropped. When there is none, a slow body ends, as a late one
    /// does: of the same owner when that one has half of the room, else of whoever has most. `None` when that frees too
    /// little.
    pub async fn take(&self, owner: &str, body: Body, most: usize) -> Option<(Body, Taken)> {
        let size = body.size_hint().upper().unwrap_or(u64::MAX).min(most as u64);
        if size <= SMALL_BYTES as u64 {
            return Some((body, Taken::default()));
        }
        let taken = self.acquire(owner, u32::try_from(size.div_ceil(1 << 20)).unwrap_or(u32::MAX)).await?;
        let (bytes, end) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let number = {
            let mut coming = self.coming();
            let speed = Speed { owner: owner.into(), began: Instant::now(), bytes: bytes.clone(), end: end.clone() };
            let number = coming.next;
            coming.next += 1;
            coming.bodies.insert(number, speed);
            number
        };
        let listed = Some(Listed { room: self.clone(), number });
        let body = Weighty { body, bytes, ended: Box::pin(end.cancelled_owned()), listed };
        Some((Body::new(body), taken))
    }

    /// Acquires a part of the owner's share, then as much of the room. Whoever waits for room counts as holding it.
    async fn acquire(&self, owner: &str, mebibytes: u32) -> Option<Taken> {
        let share = self.left_to(owner);
        let of_share = self.part(&share, mebibytes, Some(owner)).await?;
        let of_room = self.part(&self.0.free, mebibytes, None).await?;
        Some(Taken { _permits: Some([of_share, of_room]) })
    }

    fn left_to(&self, owner: &str) -> Arc<Semaphore> {
        let mut coming = self.coming();
        // Of the others nobody holds anything, and only here could somebody get hold of them.
        coming.left.retain(|_, left| Arc::strong_count(left) > 1);
        Arc::clone(coming.left.entry(owner.into()).or_insert_with(|| Arc::new(Semaphore::new(self.0.share))))
    }

    /// Acquires a part of what is left; for lack of it, bodies of `owner` end, or of whoever has most.
    async fn part(&self, left: &Arc<Semaphore>, mebibytes: u32, owner: Option<&str>) -> Option<OwnedSemaphorePermit> {
        // Each body that ends frees one at least.
        for _ in 0..mebibytes {
            if let Ok(permit) = Arc::clone(left).try_acquire_many_owned(mebibytes) {
                return Some(permit);
            }
            if !self.end_slowest(owner) {
                return None;
            }
            if let Ok(Ok(permit)) = timeout(RETURN, Arc::clone(left).acquire_many_owned(mebibytes)).await {
                return Some(permit);
            }
        }
        None
    }

    /// Ends the slowest body of an owner, or else of whoever holds most; of several who do, the slowest of all. False
    /// when none of theirs has been on its way for long enough to be called slow: others do not pay for them.
    fn end_slowest(&self, owner: Option<&str>) -> bool {
        let mut coming = self.coming();
        let least = coming.left.values().map(|left| left.available_permits()).min().unwrap_or_default();
        let known = coming.bodies.iter().filter(|(_, speed)| match owner {
            _ if speed.began.elapsed() < self.0.grace => false,
            Some(owner) => *speed.owner == *owner,
            None => coming.left.get(&speed.owner).is_some_and(|left| left.available_permits() == least),
        });
        let rate = |speed: &Speed| speed.bytes.load(Ordering::Relaxed) / speed.began.elapsed().as_secs().max(1);
        let Some((_, number)) = known.map(|(number, speed)| (rate(speed), *number)).min() else { return false };
        if let Some(slowest) = coming.bodies.remove(&number) {
            slowest.end.cancel();
        }
        true
    }

    fn coming(&self) -> MutexGuard<'_, Coming> {
        self.0.coming.lock()
    }
}

/// Room that a body has taken, of its owner's share and of all, until it is dropped.
#[derive(Debug, Default)]
pub struct Taken {
    _permits: Option<[OwnedSemaphorePermit; 2]>,
}

/// Lists a body among those that may end for another one, until it is dropped.
#[derive(Debug)]
struct Listed {
    room: Room,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.room.coming().bodies.remove(&self.number);
    }
}

/// A large body on its way, which breaks off when another one needs its room more.
struct Weighty {
    body: Body,
    bytes: Arc<AtomicU64>,
    ended: BoxFuture<'static, ()>,
    listed: Option<Listed>,
}

impl HttpBody for Weighty {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return self.ended.as_mut().poll(cx).map(|()| Some(Err(Late.into())));
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

/// The rest of a body did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body did not arrive in time")]
pub struct Late;

/// The body is too long for somebody who is not logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a body of this length needs a session")]
pub struct NeedsSession;

/// Whether a body was not read because nobody is logged in.
#[must_use]
pub fn needs_session(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<NeedsSession>())
}

/// Reads a whole body of at most `most` bytes. One that cannot be read breaks off for whoever reads it next, who knows what
/// to answer.
pub async fn whole(body: Body, most: usize) -> Body {
    match to_bytes(body, most).await {
        Ok(body) => Body::from(body),
        Err(error) => Body::from_stream(stream::iter([Err::<Bytes, _>(error.into_inner())])),
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
    use std::pin::pin;

    use futures::{StreamExt, poll};

    use super::*;

    async fn read((body, taken): (Body, Taken)) -> Result<Bytes, axum::Error> {
        let end = to_bytes(body, 1 << 21).await;
        drop(taken);
        end
    }

    fn endless() -> Body {
        Body::from_stream(stream::pending::<Result<Bytes, axum::BoxError>>())
    }

    #[tokio::test]
    async fn the_slowest_body_ends_for_one_that_finds_no_room() {
        let room = Room::of(2, Duration::ZERO);
        let mut slow = pin!(read(room.take("ana", endless(), 1 << 20).await.unwrap()));
        let mut fast = pin!(read(room.take("bo", begun(), 1 << 20).await.unwrap()));
        assert!(poll!(&mut slow).is_pending() && poll!(&mut fast).is_pending());
        let (third, ended) = tokio::join!(room.take("cy", endless(), 1 << 20), &mut slow);
        assert!(third.is_some() && is_late(&ended.unwrap_err()) && poll!(&mut fast).is_pending());
        let small = room.take("cy", Body::from("x"), 1 << 20).await.unwrap();
        assert_eq!(read(small).await.unwrap(), "x", "a small one needs no room");
    }

    /// A body that came fast until now.
    fn begun() -> Body {
        let first = stream::iter([Ok::<_, axum::BoxError>(Bytes::from(vec![0; 1 << 19]))]);
        Body::from_stream(first.chain(stream::pending()))
    }

    #[tokio::test]
    async fn one_owner_has_half_of_the_room_and_ends_only_own_bodies() {
        let room = Room::of(4, Duration::ZERO);
        let mut slow = pin!(read(room.take("root", endless(), 1 << 20).await.unwrap()));
        assert!(poll!(&mut slow).is_pending());
        let mut theirs = Vec::new();
        for _ in 0..10 {
            theirs.push(tokio::spawn(read(room.take("eve", begun(), 1 << 20).await.unwrap())));
            tokio::task::yield_now().await;
        }
        assert!(poll!(&mut slow).is_pending(), "another owner's body goes on, slow as it is");
        assert_eq!(theirs.iter().filter(|one| !one.is_finished()).count(), 2);
        assert_eq!(room.0.free.available_permits(), 1);
        let _other = room.take("bo", endless(), 1 << 20).await.unwrap();
        assert!(poll!(&mut slow).is_pending() && theirs.iter().filter(|one| !one.is_finished()).count() == 2);
    }

    #[tokio::test]
    async fn a_full_room_takes_from_whoever_has_most() {
        let room = Room::of(4, Duration::ZERO);
        let mut slow = pin!(read(room.take("root", endless(), 1 << 20).await.unwrap()));
        let mut other = pin!(read(room.take("bo", begun(), 1 << 20).await.unwrap()));
        let mut first = pin!(read(room.take("eve", begun(), 1 << 20).await.unwrap()));
        let mut second = pin!(read(room.take("eve", begun(), 1 << 20).await.unwrap()));
        for one in [&mut slow, &mut other, &mut first, &mut second] {
            assert!(poll!(one).is_pending());
        }
        let (third, ended) = tokio::join!(room.take("cy", begun(), 1 << 20), &mut first);
        assert!(third.is_some() && is_late(&ended.unwrap_err()));
        assert!(poll!(&mut slow).is_pending() && poll!(&mut other).is_pending() && poll!(&mut second).is_pending());

        // All have as much now.
        let (fourth, ended) = tokio::join!(room.take("di", begun(), 1 << 20), &mut slow);
        assert!(fourth.is_some() && is_late(&ended.unwrap_err()));
        assert!(poll!(&mut other).is_pending() && poll!(&mut second).is_pending());
        assert_eq!(room.0.free.available_permits(), 0, "all together keep to the bound");
        drop((third, fourth));
        assert_eq!(room.0.free.available_permits(), 2);
        drop(room.left_to("ed"));
        assert_eq!(room.coming().left.len(), 3, "nothing is kept of whoever has nothing");
    }

    #[tokio::test]
    async fn a_body_that_has_only_begun_or_has_come_whole_does_not_end() {
        let large = || Body::from(vec![0; SMALL_BYTES + 1]);
        let room = Room::of(1, GRACE);
        let _begun = room.take("ana", endless(), 1 << 20).await.unwrap();
        assert!(room.take("ana", large(), 1 << 20).await.is_none());
        assert!(room.take("bo", large(), 1 << 20).await.is_none());

        let room = Room::of(1, Duration::ZERO);
        let (body, taken) = room.take("ana", large(), 1 << 20).await.unwrap();
        assert_eq!(to_bytes(body, 1 << 20).await.unwrap().len(), SMALL_BYTES + 1);
        assert!(room.take("bo", large(), 1 << 20).await.is_none());
        drop(taken);
        assert!(room.take("bo", large(), 1 << 20).await.is_some());
    }
}
