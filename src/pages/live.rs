//! Notifies open pages that their content has changed. Events carry no data: the browser requests the page again, which
//! checks the user's permissions.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures::{Stream, stream};
use serde::Deserialize;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use tower_sessions::Session;

use super::{PageError, console::Console};
use crate::{
    domain::access::Pattern,
    http::holder_slots::{HolderSlot, HolderSlots, NoFreeSlot},
    reader::{Reader, nodes::Nodes},
    service::Account,
    session::{
        guard::{CurrentUser, MissingUser},
        streams::SessionStream as OfSession,
    },
};

/// Maximum number of open streams, of all users and of one user. Each visible page keeps one open.
const MAX_STREAMS: usize = 500;
const MAX_STREAMS_PER_USER: usize = 12;
/// Maximum duration of a stream. The browser then opens the next one, for which its session is checked.
const MAX_STREAM_AGE: Duration = Duration::from_secs(600);
/// Interval between checks for changes, and so between two events.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// `/live`.
pub fn routes() -> Router<Console> {
    let room = HolderSlots::new(MAX_STREAMS, MAX_STREAMS_PER_USER);
    Router::new().route("/live", get(move |state, who, session, query| open(state, who, session, query, room.clone())))
}

/// Query parameters of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LiveQuery {
    /// Configs whose readers the page shows.
    of: Option<Pattern>,
    /// Version of the content that the page shows, from `page_version`.
    mark: u64,
}

/// Returns the version of the delivery state. A page reads it before its data, so that it misses no change.
pub fn version(console: &Console) -> u64 {
    *console.service.delivery_changes().borrow()
}

/// Returns the `data-live` value of an element that is replaced when a version newer than `delivery_version` exists. With `scope`,
/// it is also replaced when the readers of these configs change or another node reports them.
pub fn live_query(console: &Console, scope: Option<&Pattern>, delivery_version: u64) -> String {
    let mark = page_version(&console.nodes, scope, delivery_version);
    scope.map_or_else(|| format!("mark={mark}"), |scope| format!("of={scope}&mark={mark}"))
}

/// Returns a number that changes whenever the content of a page changes.
fn page_version(nodes: &Nodes, scope: Option<&Pattern>, news: u64) -> u64 {
    scope.map_or(0, |scope| nodes.version(scope)).wrapping_add(news)
}

async fn open(
    State(console): State<Console>,
    who: Result<CurrentUser, MissingUser>,
    Extension(session): Extension<Session>,
    asked: Result<Query<LiveQuery>, QueryRejection>,
    slots: Arc<HolderSlots>,
) -> Result<Response, PageError> {
    // A browser does not reconnect after this status.
    let (Ok(who), Some(of_session)) = (who, console.streams.open(&session)) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let Query(asked) = asked.map_err(IntoResponse::into_response)?;
    // For more than one config, an event means only that another node has answered. Other nodes are asked only about
    // configs that exist and that the user may see.
    if let Some(scope) = &asked.of {
        console.service.check_scope(&who.actor, scope).await?;
    }
    let place = slots.acquire(&who.account.id).map_err(|full| {
        let status = match full {
            NoFreeSlot::One => StatusCode::TOO_MANY_REQUESTS,
            NoFreeSlot::All => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, [(header::RETRY_AFTER, "10")]).into_response()
    })?;
    let watching = LiveStream {
        who: who.account.clone(),
        mark: asked.mark,
        of: asked.of,
        news: console.service.delivery_changes(),
        reader: console.reader,
        nodes: console.nodes,
        until: Instant::now() + MAX_STREAM_AGE,
        of_session,
        _slot: place,
    };
    Ok(Sse::new(events(watching)).keep_alive(KeepAlive::default()).into_response())
}

/// One open stream.
struct LiveStream {
    who: Arc<Account>,
    of: Option<Pattern>,
    news: watch::Receiver<u64>,
    reader: Arc<Reader>,
    nodes: Arc<Nodes>,
    mark: u64,
    until: Instant,
    of_session: OfSession,
    _slot: HolderSlot,
}

fn events(watching: LiveStream) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(watching, async |mut watching| {
        // Browsers ignore an event without data.
        watching.changed().await.then(|| (Ok(Event::default().event("change").data("page")), watching))
    })
}

impl LiveStream {
    /// Waits until the content of the page changes. Returns false at the end of the stream.
    async fn changed(&mut self) -> bool {
        loop {
            if let Some(scope) = &self.of {
                drop(self.nodes.query(&self.who.id, scope.clone()));
                if let Some(config) = scope.config() {
                    self.nodes.record_person(&config, &self.who.name);
                }
            }
            let now = page_version(&self.nodes, self.of.as_ref(), *self.news.borrow());
            if now != self.mark {
                self.mark = now;
                return true;
            }
            tokio::select! {
                () = self.reader.stopping() => return false,
                () = self.of_session.ended() => return false,
                () = sleep(CHECK_INTERVAL) => {}
            }
            if Instant::now() >= self.until {
                return false;
            }
        }
    }
}
