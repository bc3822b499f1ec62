//! Accepts connections and serves each until the server goes down.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{extract::Request, response::Response, serve::Listener};
use tokio::{net::TcpListener, time::interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use super::{
    headers::Headers,
    refusal::{self, Kept},
    serving::{Limits, Room},
    talk::Talk,
};
use crate::{
    http::listener::{Impatient, STALL},
    metrics::Connections,
};

/// How long a connection without a whole request may stay when the server goes down.
const LAST: Duration = Duration::from_secs(1);
/// How often the connections are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Connections without a place that are told so at the same time.
const REFUSALS: usize = 32;

/// Serves until `stop`, and then until nothing is under way any more. Whoever drops this ends all connections.
pub async fn serve<S>(
    listener: TcpListener,
    app: S,
    limits: Limits,
    headers: Headers,
    meter: Connections,
    stop: CancellationToken,
) where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let end = CancellationToken::new();
    let _end = end.clone().drop_guard();
    let room = Arc::new(Room::new(limits, end, meter, REFUSALS));
    let talks = TaskTracker::new();
    let accepting = async {
        // A reader that no longer takes what it asked for ends with its connection, instead of holding it for ever.
        let mut listener = Impatient::new(listener, STALL);
        loop {
            // Too many open files is waited out there.
            let (connection, peer) = listener.accept().await;
            if let Some(place) = room.place(peer.ip().to_canonical(), connection.pulse()) {
                let talk = Talk { peer, app: app.clone(), place, headers, stop: stop.clone() };
                talks.spawn(talk.run(connection));
            } else if let Some(place) = room.kept_place(peer.ip().to_canonical(), connection.pulse()) {
                let talk = Talk { peer, app: Kept(app.clone()), place, headers, stop: stop.clone() };
                talks.spawn(talk.run(connection));
            } else if let Ok(turn) = room.refusals.clone().try_acquire_owned() {
                talks.spawn(refusal::no_place(connection, headers, turn));
            }
        }
    };
    let looking = async {
        let mut every = interval(LOOK);
        loop {
            every.tick().await;
            room.look();
        }
    };
    let leaving = async {
        stop.run_until_cancelled(accepting).await;
        talks.close();
        tokio::time::sleep(LAST).await;
        room.leave();
        let mut every = interval(LOOK);
        loop {
            every.tick().await;
            room.leave();
        }
    };
    let done = async {
        stop.cancelled().await;
        talks.wait().await;
    };
    tokio::select! {
        () = done => {}
        () = looking => {}
        () = leaving => {}
    }
}
