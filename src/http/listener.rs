//! A TCP listener whose connections end when the other side takes nothing for too long, and tell how they are.
//!
//! A reader that stops reading, but keeps its connection, cannot be ended from inside its answer: nobody asks that for
//! more as long as the last bytes are stuck. So the connection itself watches the clock.

use std::{
    future::{Future, poll_fn},
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Sleep, sleep},
};

/// How long a write may be stuck.
pub const STALL: Duration = Duration::from_secs(30);
/// How much is taken of what somebody sends who still waits for an answer.
const AHEAD: usize = 4096;

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
        let (stall, pulse) = (self.stall, Arc::new(Pulse::new()));
        (Connection { stream, stall, stuck: None, unread: Vec::new(), pulse }, address)
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
    // What came while nobody was there to read it.
    unread: Vec<u8>,
    pulse: Arc<Pulse>,
}

/// How a connection is: whether anything is under way on it, and since when not.
#[derive(Debug)]
pub struct Pulse {
    /// Requests that are not answered to their last byte.
    requests: AtomicU32,
    /// Requests that have begun so far.
    begun: AtomicU32,
    /// A request has begun to come.
    heard: AtomicBool,
    /// The body of the request that is under way has not come whole.
    body: AtomicBool,
    /// What was answered waits for the other side to take it.
    writing: AtomicBool,
    /// The answer to the request that is under way will take long.
    long: AtomicBool,
    /// When that last changed, in milliseconds.
    since: AtomicU64,
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A request is under way, or its answer.
    Busy,
    /// A request has begun to come for so long, and its body is not whole.
    Sending(Duration),
    /// A request has begun to come for so long, and its head is not whole.
    Begun(Duration),
    /// Nothing, for so long.
    Quiet(Duration),
}

impl State {
    /// Whether a request is under way that is to be answered.
    #[must_use]
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Busy | Self::Sending(_))
    }
}

impl Pulse {
    fn new() -> Self {
        let (requests, begun, since) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU64::new(clock()));
        // Whoever connects is about to ask.
        let [body, writing, long] = [const { AtomicBool::new(false) }; 3];
        Self { requests, begun, heard: AtomicBool::new(true), body, writing, long, since }
    }

    /// Notes a request that came, until what this gives is dropped.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        self.requests.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::AcqRel);
        self.heard.store(false, Ordering::Release);
        self.long.store(false, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Notes that the body of the request that has begun is on its way, until what this gives is dropped.
    #[must_use]
    pub fn receive(self: &Arc<Self>) -> Receiving {
        self.body.store(true, Ordering::Release);
        Receiving(Arc::clone(self))
    }

    /// Returns how many requests have begun so far.
    #[must_use]
    pub fn begun(&self) -> u32 {
        self.begun.load(Ordering::Acquire)
    }

    /// Whether no request is under way.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.requests.load(Ordering::Acquire) == 0
    }

    /// Says that the answer to the request that has begun will take long: before the call that asks for it returns.
    pub fn wait(&self) {
        self.long.store(true, Ordering::Relaxed);
    }

    /// Whether the answer to the request that has begun will take long, and nothing of an earlier one is on its way.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.long.load(Ordering::Relaxed) && !self.writing.load(Ordering::Acquire)
    }

    /// How the connection is now.
    #[must_use]
    pub fn state(&self) -> State {
        let so_long = Duration::from_millis(clock().saturating_sub(self.since.load(Ordering::Acquire)));
        if self.requests.load(Ordering::Acquire) > 0 || self.writing.load(Ordering::Acquire) {
            return if self.body.load(Ordering::Acquire) { State::Sending(so_long) } else { State::Busy };
        }
        if self.heard.load(Ordering::Acquire) { State::Begun(so_long) } else { State::Quiet(so_long) }
    }

    fn heard(&self) {
        // Slow drops do not put the end off: only the first counts.
        if self.requests.load(Ordering::Acquire) == 0 && !self.heard.swap(true, Ordering::AcqRel) {
            self.since.store(clock(), Ordering::Release);
        }
    }

    fn writing(&self, stuck: bool) {
        if self.writing.swap(stuck, Ordering::AcqRel) != stuck {
            self.since.store(clock(), Ordering::Release);
        }
    }
}

/// A request that is not answered to its last byte.
#[derive(Debug)]
pub struct UnderWay(Arc<Pulse>);

/// A body that is on its way.
#[derive(Debug)]
pub struct Receiving(Arc<Pulse>);

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.body.store(false, Ordering::Release);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.since.store(clock(), Ordering::Release);
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Milliseconds since the first connection.
fn clock() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Connection {
    /// How it is, for whoever decides when it ends.
    #[must_use]
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Puts back what was read and belongs to the next request.
    pub fn put_back(&mut self, bytes: &[u8]) {
        self.unread.splice(..0, bytes.iter().copied());
    }

    /// Returns when there is something to read: false at the end of the connection.
    pub async fn heard(&mut self) -> bool {
        !self.unread.is_empty() || self.listen().await
    }

    /// Returns when the other side is gone, and keeps what it sends until then, within a bound.
    pub async fn gone(&mut self) {
        while self.unread.len() < AHEAD {
            if !self.listen().await {
                return;
            }
        }
        std::future::pending().await
    }

    /// Takes in what comes next; false when nothing does any more.
    async fn listen(&mut self) -> bool {
        poll_fn(|cx| {
            // On the stack: whoever waits has no buffer.
            let mut some = [0; 1024];
            let mut some = ReadBuf::new(&mut some);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut some));
            let came = read.is_ok() && !some.filled().is_empty();
            if came {
                self.unread.extend_from_slice(some.filled());
                self.pulse.heard();
            }
            Poll::Ready(came)
        })
        .await
    }

    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let written = write(Pin::new(&mut self.stream), cx);
        if written.is_ready() {
            if self.stuck.take().is_some() {
                self.pulse.writing(false);
            }
            return written;
        }
        self.pulse.writing(true);
        let stall = self.stall;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(stall)));
        stuck.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let n = self.unread.len().min(buf.remaining());
            buf.put_slice(&self.unread[..n]);
            self.unread.drain(..n);
            if self.unread.is_empty() {
                self.unread = Vec::new();
            }
            self.pulse.heard();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pulse.heard();
        }
        read
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
