//! A connection as hyper has it. hyper itself answers a head that it cannot read, without any of our headers. Such an
//! answer is kept back here, and [`super::refusal`] writes one that is like all others.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::listener::{Connection, Pulse};

/// The bytes in front of a status: `HTTP/1.1 `.
const VERSION_BYTES: usize = 9;

/// A connection that keeps back what hyper says by itself.
pub(super) struct Wire {
    connection: Connection,
    pulse: Arc<Pulse>,
    /// Requests whose answers have left hyper's buffers.
    answered: u32,
    /// Bytes that hyper wrote while no answer of ours was under way.
    own: Vec<u8>,
}

impl Wire {
    pub fn new(connection: Connection) -> Self {
        let pulse = connection.pulse();
        let answered = pulse.begun();
        Self { connection, pulse, answered, own: Vec::new() }
    }

    /// Gives back the connection, and the status of what was kept back.
    pub fn into_parts(self) -> (Connection, Option<StatusCode>) {
        let status = self.own.get(VERSION_BYTES..VERSION_BYTES + 3).and_then(|s| StatusCode::from_bytes(s).ok());
        (self.connection, status)
    }

    fn is_own(&self) -> bool {
        self.pulse.begun() == self.answered
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_own() {
            self.own.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.connection).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_own() {
            bufs.iter().for_each(|buf| self.own.extend_from_slice(buf));
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut self.connection).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.connection).poll_flush(cx))?;
        // hyper flushes when its buffers are empty.
        if self.pulse.is_answered() {
            self.answered = self.pulse.begun();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.own.is_empty() { Pin::new(&mut self.connection).poll_shutdown(cx) } else { Poll::Ready(Ok(())) }
    }
}
