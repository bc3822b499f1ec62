//! Accepts TCP connections and serves HTTP/1.1 on them. [`serve`] is the only entry.
//!
//! hyper reads requests and writes most answers. A late answer (a long poll, a stream) is written by [`long_poll`], so
//! that a waiting connection keeps none of hyper's buffers. Any other protocol needs a proxy.
//!
//! [`Limits`] holds the bounds. Each head, body and blocked write has a timeout. One task checks the heads of all
//! connections, so that a read sets no timer. A full server closes an idle connection, or the slowest one without a
//! complete request, for a new one. It refuses a connection only if all others are active, and even then answers the
//! health paths.
//!
//! Invariants, kept by `tests/`:
//! - Every answer has the security headers, answers to unreadable heads and refused connections included.
//! - Each request gets one answer, in the order of the requests.
//! - Answers are those of `axum::serve`, but for the differences listed in `tests/compare/table.rs`.
//! - A server that is closing answers every whole request and then closes its connection.
//! - Every connection ends within its timeouts, whatever bytes arrive and in whatever pieces.

mod activity;
mod body_timeout;
mod http1;
mod hyper_io;
mod io;
mod limits;
mod listener;
mod long_poll;
mod refusals;
mod slots;
#[cfg(test)]
mod tests;

use std::convert::Infallible;

use axum::{extract::Request, response::Response, serve::ListenerExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::Service;

pub use activity::DelayHint;
pub use limits::Limits;

use crate::{http::headers::Headers, metrics::ConnectionMetrics};

/// Configuration of [`serve`].
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// Limits of the connections.
    pub limits: Limits,
    /// Headers of every answer.
    pub headers: Headers,
    /// Paths that are answered even when all slots are active.
    pub health_paths: &'static [&'static str],
    /// Counters of the connections.
    pub meter: ConnectionMetrics,
}

/// Serves connections until `closing` is cancelled and every request in flight is answered.
///
/// Dropping the future closes all connections.
pub async fn serve<S>(listener: TcpListener, app: S, config: ConnectionConfig, closing: CancellationToken)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let listener = listener.tap_io(|stream| {
        // Events are small and should leave at once. A socket that refuses is only slower.
        let _ = stream.set_nodelay(true);
    });
    listener::serve_listener(listener, app, config, closing).await;
}
