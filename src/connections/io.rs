//! The bytes of one connection, with a stall timeout on writes.
//!
//! The body of an answer cannot detect a client that stops reading, because the body is not polled while its last bytes
//! are blocked. So the connection itself has the timeout.

use std::{
    future::{Future, pending, poll_fn},
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::activity::Activity;

/// Maximum number of bytes that are read ahead while an answer is late.
const READ_AHEAD_BYTES: usize = 4096;

/// A stream that connections run over. In tests it is in memory.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> ByteStream for T {}

/// An accepted connection over a stream `T`.
#[derive(Debug)]
pub(super) struct Connection<T> {
    stream: T,
    stall_timeout: Duration,
    // Set only while a write is blocked, so that a waiting client needs no timer.
    stall: Option<Pin<Box<Sleep>>>,
    // Bytes that were read before their request.
    unread: Vec<u8>,
    activity: Arc<Activity>,
}

impl<T: ByteStream> Connection<T> {
    /// Returns a connection whose writes fail after they were blocked for `stall_timeout`.
    pub fn new(stream: T, stall_timeout: Duration) -> Self {
        Self { stream, stall_timeout, stall: None, unread: Vec::new(), activity: Arc::new(Activity::new()) }
    }

    /// Returns its activity.
    pub fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }

    /// Puts back bytes that were read and belong to the next request.
    pub fn put_back(&mut self, bytes: &[u8]) {
        self.unread.splice(..0, bytes.iter().copied());
    }

    /// Waits for bytes to read. Returns false at the end of the stream.
    pub async fn readable(&mut self) -> bool {
        !self.unread.is_empty() || self.read_ahead().await
    }

    /// Waits until the client closes the connection. Keeps the bytes that the client sends until then, within a bound.
    pub async fn closed(&mut self) {
        while self.unread.len() < READ_AHEAD_BYTES {
            if !self.read_ahead().await {
                return;
            }
        }
        pending().await
    }

    /// Reads some bytes into `unread`. Returns false at the end of the stream.
    async fn read_ahead(&mut self) -> bool {
        poll_fn(|cx| {
            // On the stack, because a waiting connection has no buffer.
            let mut buffer = [0; 1024];
            let mut buffer = ReadBuf::new(&mut buffer);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let has_read = read.is_ok() && !buffer.filled().is_empty();
            if has_read {
                self.unread.extend_from_slice(buffer.filled());
                self.activity.record_read();
            }
            Poll::Ready(has_read)
        })
        .await
    }

    fn write<N>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<N>>,
    ) -> Poll<io::Result<N>> {
        let written = write(Pin::new(&mut self.stream), cx);
        if written.is_ready() {
            if self.stall.take().is_some() {
                self.activity.set_blocked(false);
            }
            return written;
        }
        self.activity.set_blocked(true);
        let timeout = self.stall_timeout;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(timeout)));
        stall.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: ByteStream> AsyncRead for Connection<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let n = self.unread.len().min(buf.remaining());
            buf.put_slice(&self.unread[..n]);
            self.unread.drain(..n);
            if self.unread.is_empty() {
                self.unread = Vec::new();
            }
            self.activity.record_read();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.record_read();
        }
        read
    }
}

impl<T: ByteStream> AsyncWrite for Connection<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn blocked_write_ends_the_connection() {
        let (_client, stream) = duplex(100);
        let mut connection = Connection::new(stream, Duration::from_secs(30));
        let error = connection.write_all(&[0; 1000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
