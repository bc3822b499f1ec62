//! Accepts connections, and closes them when the server stops.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{extract::Request, response::Response, serve::Listener};
use tokio::{
    sync::Semaphore,
    time::{interval, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use super::{
    ConnectionConfig,
    http1::Http1,
    io::Connection,
    refusals::{self, HealthOnly},
    slots::Slots,
};

/// Interval between checks of all connections.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// Maximum time for a connection without a whole request once the server is closing.
const CLOSING_GRACE: Duration = Duration::from_secs(1);
/// Maximum number of connections that are being refused.
const MAX_REFUSALS: usize = 32;

/// Serves any listener, as [`super::serve`] does.
pub(super) async fn serve_listener<L, S>(listener: L, app: S, config: ConnectionConfig, closing: CancellationToken)
where
    L: Listener<Addr = SocketAddr>,
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let end = CancellationToken::new();
    let _end = end.clone().drop_guard();
    let ConnectionConfig { limits, headers, health_paths, meter } = config;
    let stall_timeout = limits.stall_timeout;
    let refusals = Arc::new(Semaphore::new(MAX_REFUSALS));
    let slots = Arc::new(Slots::new(limits, meter, end));
    let connections = TaskTracker::new();
    let accepting = async {
        // Moved here, so that it is closed when accepting ends.
        let mut listener = listener;
        loop {
            // Waits here while too many files are open.
            let (stream, peer) = listener.accept().await;
            let connection = Connection::new(stream, stall_timeout);
            let (address, activity) = (peer.ip().to_canonical(), connection.activity());
            if let Some(slot) = slots.acquire(address, activity.clone()) {
                let http1 = Http1 { peer, app: app.clone(), slot, headers, closing: closing.clone() };
                connections.spawn(http1.run(connection));
            } else if let Some(slot) = slots.acquire_health(address, activity) {
                let app = HealthOnly { app: app.clone(), paths: health_paths };
                let http1 = Http1 { peer, app, slot, headers, closing: closing.clone() };
                connections.spawn(http1.run(connection));
            } else if let Ok(permit) = refusals.clone().try_acquire_owned() {
                connections.spawn(refusals::no_slot(connection, headers, permit));
            }
        }
    };
    let checking = check(|| slots.close_expired());
    let ending = async {
        closing.run_until_cancelled(accepting).await;
        connections.close();
        sleep(CLOSING_GRACE).await;
        check(|| slots.close_idle()).await;
    };
    let done = async {
        closing.cancelled().await;
        connections.wait().await;
    };
    tokio::select! {
        () = done => {}
        () = checking => {}
        () = ending => {}
    }
}

async fn check(all: impl Fn()) {
    let mut interval = interval(CHECK_INTERVAL);
    loop {
        interval.tick().await;
        all();
    }
}
