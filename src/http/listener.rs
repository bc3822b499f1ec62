//! A TCP listener whose connections end when the other side takes nothing for too long.
//!
//! A reader that stops reading, but keeps its connection, cannot be ended from inside its answer: nobody asks that for
//! more as long as the last bytes are stuck. So the connection itself watches the clock.

use std::{
    future::Future,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Sleep, sleep},
};

/// How long a write may be stuck.
pub const STALL: Duration = Duration::from_secs(30);

/// For `axum::serve`. With `ListenerExt::tap_io` it serves `ConnectInfo<SocketAddr>`.
#[derive(Debug)]
pub struct Impatient {
    listener: TcpListener,
    stall: Duration,
}

impl Impatient {
    /// Connections of `listener` that end after a write was stuck for `stall`: usually [`STALL`].
    #[must_use]
    pub fn new(listener: TcpListener, stall: Duration) -> Self {
        Self { listener, stall }
    }
}

impl Listener for Impatient {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Events are small and should leave at once. A socket that refuses is slower, not wrong.
        let _ = stream.set_nodelay(true);
        (Connection { stream, stall: self.stall, stuck: None }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection of an [`Impatient`] listener.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    stall: Duration,
    // Only while a write is stuck: a parked reader costs no timer.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let written = write(Pin::new(&mut self.stream), cx);
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let stall = self.stall;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(stall)));
        stuck.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
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
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_connection_whose_reader_sleeps_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut listener = Impatient::new(listener, Duration::from_millis(50));
        let (sleeper, (mut connection, _)) = tokio::join!(TcpStream::connect(address), Listener::accept(&mut listener));
        let end = loop {
            if let Err(end) = connection.write_all(&[0; 1 << 20]).await {
                break end;
            }
        };
        assert_eq!(end.kind(), io::ErrorKind::TimedOut);
        drop(sleeper);
    }
}
