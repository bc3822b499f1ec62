//! A body made of pieces that are shared with snapshots.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// Maximum size of neighbouring pieces that are copied into one frame. A system call for each would cost more.
const FRAME_BYTES: usize = 16 * 1024;

/// A body with a known length. Large pieces are not copied. Small ones are copied when they are requested, so a client
/// that does not read has a few frames in memory, not its whole answer.
pub(super) struct Pieces {
    left: vec::IntoIter<Bytes>,
    bytes: u64,
}

impl Pieces {
    pub fn new(pieces: Vec<Bytes>) -> Self {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { left: pieces.into_iter(), bytes }
    }

    fn next(&mut self) -> Option<Bytes> {
        let mut bytes = 0;
        let fitting = self.left.as_slice().iter().take_while(|piece| {
            bytes += piece.len();
            bytes <= FRAME_BYTES
        });
        let fitting = fitting.count();
        if fitting < 2 {
            return self.left.next();
        }
        let frame = self.left.as_slice()[..fitting].concat();
        self.left.nth(fitting - 1);
        Some(frame.into())
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.next();
        self.bytes -= next.as_ref().map_or(0, |frame| frame.len() as u64);
        Poll::Ready(next.map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.as_slice().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}

impl From<Pieces> for Body {
    fn from(pieces: Pieces) -> Self {
        Self::new(pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pieces_are_shared_and_small_ones_are_joined() {
        let large = Bytes::from(vec![b'x'; FRAME_BYTES]);
        let small = Bytes::from_static(b"small");
        let mut given = vec![small.clone(), large.clone(), large.clone(), small.clone(), small];
        given.extend(vec![Bytes::from(vec![b'y'; FRAME_BYTES / 4]); 5]);
        let text = given.concat();
        let mut pieces = Pieces::new(given);
        assert_eq!(pieces.size_hint().exact(), Some(text.len() as u64));
        let frames: Vec<Bytes> = std::iter::from_fn(|| pieces.next()).collect();
        assert_eq!(frames.concat(), text);
        let lengths: Vec<usize> = frames.iter().map(Bytes::len).collect();
        let quarter = FRAME_BYTES / 4;
        assert_eq!(lengths, [5, FRAME_BYTES, FRAME_BYTES, 10 + 3 * quarter, 2 * quarter]);
        assert!(frames[1].as_ptr() == large.as_ptr() && frames[2].as_ptr() == large.as_ptr());
    }
}
