//! The stream that hyper reads and writes.
//!
//! If hyper cannot parse a head, it writes an answer itself, without a call to the service and without our headers.
//! This stream holds such a stray answer back, and [`super::refusals`] writes an answer with all headers instead.
//!
//! hyper parses the next head while the last bytes of an answer are blocked, if it drains an ignored body at that
//! moment. It would then mix both answers in one buffer. So this stream takes these bytes from hyper, and
//! [`Activity::is_unsent`] delays the next request until they are sent.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::http::StatusCode;
use hyper::body::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    activity::Activity,
    io::{ByteStream, Connection},
};

/// Number of bytes before the status of an answer: `HTTP/1.1 `.
const VERSION_BYTES: usize = 9;

/// A connection that keeps back stray answers of hyper.
pub(super) struct HyperIo<T> {
    connection: Connection<T>,
    activity: Arc<Activity>,
    /// Number of requests whose answers have left hyper's buffers.
    answered: u32,
    /// Last bytes of an answer that are not sent yet.
    unsent: Bytes,
    /// Bytes that hyper wrote while none of our answers was in flight.
    stray: Vec<u8>,
}

impl<T: ByteStream> HyperIo<T> {
    pub fn new(connection: Connection<T>) -> Self {
        let activity = connection.activity();
        let answered = activity.begun();
        Self { connection, activity, answered, unsent: Bytes::new(), stray: Vec::new() }
    }

    /// Returns the connection, and the status of the stray answer if there is one.
    pub fn into_parts(self) -> (Connection<T>, Option<StatusCode>) {
        let status = self.stray.get(VERSION_BYTES..VERSION_BYTES + 3).and_then(|s| StatusCode::from_bytes(s).ok());
        (self.connection, status)
    }

    fn is_stray(&self) -> bool {
        self.activity.begun() == self.answered
    }

    /// Takes the last bytes of an answer that the write did not accept. Returns the number of bytes that hyper may
    /// drop.
    fn take_unsent(&mut self, bufs: &[IoSlice<'_>], written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let total: usize = bufs.iter().map(|buf| buf.len()).sum();
        let n = match written {
            Poll::Ready(Ok(n)) => n,
            Poll::Pending => 0,
            Poll::Ready(Err(_)) => return written,
        };
        // hyper drains only an ignored body. Without a body nothing is copied, because for each slow reader a
        // copy would take as much memory as the document.
        if n == total || !self.activity.is_answered() || !self.activity.had_body() {
            return written;
        }
        let (mut rest, mut skip) = (Vec::with_capacity(total - n), n);
        for buf in bufs {
            let from = skip.min(buf.len());
            rest.extend_from_slice(&buf[from..]);
            skip -= from;
        }
        self.unsent = rest.into();
        self.activity.set_unsent(true);
        Poll::Ready(Ok(total))
    }

    /// Sends the last bytes of an answer.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while !self.unsent.is_empty() {
            let n = ready!(Pin::new(&mut self.connection).poll_write(cx, &self.unsent))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(n);
        }
        self.unsent = Bytes::new();
        self.activity.set_unsent(false);
        // The next request waits in the same task.
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }
}

impl<T: ByteStream> AsyncRead for HyperIo<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(cx, buf)
    }
}

impl<T: ByteStream> AsyncWrite for HyperIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_stray() {
            bufs.iter().for_each(|buf| self.stray.extend_from_slice(buf));
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        ready!(self.poll_send(cx))?;
        let written = Pin::new(&mut self.connection).poll_write_vectored(cx, bufs);
        self.take_unsent(bufs, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when its buffers are empty.
        if self.activity.is_answered() {
            self.answered = self.activity.begun();
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.stray.is_empty() { Pin::new(&mut self.connection).poll_shutdown(cx) } else { Poll::Ready(Ok(())) }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use futures::poll;
    use tokio::io::duplex;

    use super::*;

    /// For each slow reader of a large document, a copy would take as much memory as the document.
    #[tokio::test]
    async fn only_the_end_of_an_answer_to_a_request_with_a_body_is_buffered() {
        for has_body in [false, true] {
            let (_client, stream) = duplex(10);
            let mut io = HyperIo::new(Connection::new(stream, Duration::from_secs(30)));
            let in_flight = io.activity.begin();
            let receiving = has_body.then(|| io.activity.receive_body());
            let body = [0; 100];
            let written = poll_fn(|cx| Pin::new(&mut io).poll_write(cx, &body)).await.unwrap();
            assert_eq!((written, io.unsent.len()), (10, 0));
            drop((in_flight, receiving));
            let written = poll!(poll_fn(|cx| Pin::new(&mut io).poll_write(cx, &body[10..]))).map(Result::unwrap);
            let taken = if has_body { (Poll::Ready(90), 90) } else { (Poll::Pending, 0) };
            assert_eq!((written, io.unsent.len()), taken);
        }
    }
}
