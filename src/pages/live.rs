//! Tells pages that are open that they would say something else by now. The events carry nothing: whoever gets one asks
//! for the page again, as somebody who may see it.

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

use super::{Failed, console::Console};
use crate::{
    domain::access::Pattern,
    http::shares::{Full, Share, Shares},
    reader::{Reader, nodes::Nodes},
    session::{
        guard::{CurrentUser, Rejected},
        streams::Stream as OfSession,
    },
};

/// Maximum number of open streams, of all people and of one: a page in view keeps one.
const STREAMS: usize = 500;
const STREAMS_OF_ONE: usize = 12;
/// How long a stream stays open; a browser opens the next one by itself, and shows that it is still logged in.
const LIFE: Duration = Duration::from_secs(600);
/// How often it is looked who reads. The shortest time between two events, too.
const LOOK: Duration = Duration::from_secs(1);

/// `/live`.
pub fn routes() -> Router<Console> {
    let room = Shares::new(STREAMS, STREAMS_OF_ONE);
    Router::new().route("/live", get(move |state, who, session, query| open(state, who, session, query, room.clone())))
}

/// What an address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// Configs whose readers are looked at, too.
    of: Option<Pattern>,
    /// Of what the page says.
    mark: u64,
}

/// What is new by now, before a page is made of it.
#[must_use]
pub fn news(console: &Console) -> u64 {
    *console.service.news().borrow()
}

/// What an element of a page says with `data-live`, to be exchanged when there is something newer than `news`; with
/// `scope` also when other readers have a config, or another node has told who reads these configs.
#[must_use]
pub fn followed(console: &Console, scope: Option<&Pattern>, news: u64) -> String {
    let mark = mark(&console.nodes, scope, news);
    scope.map_or_else(|| format!("mark={mark}"), |scope| format!("of={scope}&mark={mark}"))
}

/// Another number whenever a page says something else.
fn mark(nodes: &Nodes, scope: Option<&Pattern>, news: u64) -> u64 {
    scope.map_or(0, |scope| nodes.mark(scope)).wrapping_add(news)
}

async fn open(
    State(console): State<Console>,
    who: Result<CurrentUser, Rejected>,
    Extension(session): Extension<Session>,
    asked: Result<Query<Asked>, QueryRejection>,
    room: Arc<Shares>,
) -> Result<Response, Failed> {
    // To a browser this says not to ask again.
    let (Ok(who), Some(of_session)) = (who, console.streams.open(&session)) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let Query(asked) = asked.map_err(IntoResponse::into_response)?;
    // Of more than one config it is told who has answered, and nothing of what. Other nodes are asked about nothing that is
    // not there, or not for these eyes.
    if let Some(scope) = &asked.of {
        console.service.check_scope(&who.actor, scope).await?;
    }
    let place = match room.take(&who.account.id) {
        Ok(place) => place,
        Err(full) => {
            let status = match full {
                Full::One => StatusCode::TOO_MANY_REQUESTS,
                Full::All => StatusCode::SERVICE_UNAVAILABLE,
            };
            return Ok((status, [(header::RETRY_AFTER, "10")]).into_response());
        }
    };
    let watching = Watching {
        who: who.account.id.clone(),
        mark: asked.mark,
        of: asked.of,
        news: console.service.news(),
        reader: console.reader,
        nodes: console.nodes,
        until: Instant::now() + LIFE,
        of_session,
        _place: place,
    };
    Ok(Sse::new(events(watching)).keep_alive(KeepAlive::default()).into_response())
}

/// One open stream.
struct Watching {
    who: String,
    of: Option<Pattern>,
    news: watch::Receiver<u64>,
    reader: Arc<Reader>,
    nodes: Arc<Nodes>,
    mark: u64,
    until: Instant,
    of_session: OfSession,
    _place: Share,
}

fn events(watching: Watching) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(watching, async |mut watching| {
        // A browser keeps an event without data to itself.
        watching.changed().await.then(|| (Ok(Event::default().event("change").data("page")), watching))
    })
}

impl Watching {
    /// Waits until the page says something else. False at the end of the stream.
    async fn changed(&mut self) -> bool {
        loop {
            if let Some(scope) = &self.of {
                drop(self.nodes.ask(&self.who, scope.clone()));
            }
            let now = mark(&self.nodes, self.of.as_ref(), *self.news.borrow());
            if now != self.mark {
                self.mark = now;
                return true;
            }
            tokio::select! {
                () = self.reader.stopping() => return false,
                () = self.of_session.ended() => return false,
                () = sleep(LOOK) => {}
            }
            if Instant::now() >= self.until {
                return false;
            }
        }
    }
}
