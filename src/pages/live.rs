//! Tells pages that are open that they would say something else by now. The events carry nothing: whoever gets one asks
//! for the page again, as somebody who may see it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Query, State},
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
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep},
};

use super::{Failed, console::Console};
use crate::{auth::guard::CurrentUser, domain::names::ConfigId, reader::Reader, service::now};

/// Streams that are open at once.
const STREAMS: usize = 500;
/// How long a stream stays open; a browser opens the next one by itself, and shows that it is still logged in.
const LIFE: Duration = Duration::from_secs(600);
/// How often it is looked who reads a config. The shortest time between two events, too.
const LOOK: Duration = Duration::from_secs(1);

/// `/live`.
pub fn routes() -> Router<Console> {
    let room = Arc::new(Semaphore::new(STREAMS));
    Router::new().route("/live", get(move |state, who, query| open(state, who, query, room.clone())))
}

/// What an address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// A config whose readers are looked at, too.
    config: Option<ConfigId>,
    /// Of what the page says.
    mark: u64,
}

/// What an element of a page says with `data-live`, to be exchanged when there is something new; with `config` also when
/// other readers have it.
#[must_use]
pub fn followed(console: &Console, config: Option<&ConfigId>) -> String {
    let mark = mark(&console.reader, config, *console.service.news().borrow());
    config.map_or_else(|| format!("mark={mark}"), |config| format!("config={config}&mark={mark}"))
}

/// Another number whenever a page says something else.
fn mark(reader: &Reader, config: Option<&ConfigId>, news: u64) -> u64 {
    let held = config.map(|config| reader.instances.releases(config, now())).unwrap_or_default();
    // In no order; each holds a later release than before, if another one.
    held.iter().fold(news, |mark, release| mark.wrapping_add(release.wrapping_mul(1 << 32).wrapping_add(1 << 31)))
}

async fn open(
    State(console): State<Console>,
    who: Result<CurrentUser, Failed>,
    Query(asked): Query<Asked>,
    room: Arc<Semaphore>,
) -> Result<Response, Failed> {
    // To a browser this says not to ask again.
    let Ok(who) = who else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    if let Some(config) = &asked.config {
        who.actor.may_view(config)?;
    }
    let Ok(place) = room.try_acquire_owned() else {
        return Ok((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "10")]).into_response());
    };
    let watching = Watching {
        mark: asked.mark,
        config: asked.config,
        news: console.service.news(),
        reader: console.reader,
        until: Instant::now() + LIFE,
        _place: place,
    };
    Ok(Sse::new(events(watching)).keep_alive(KeepAlive::default()).into_response())
}

/// One open stream.
struct Watching {
    config: Option<ConfigId>,
    news: watch::Receiver<u64>,
    reader: Arc<Reader>,
    mark: u64,
    until: Instant,
    _place: OwnedSemaphorePermit,
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
            let now = mark(&self.reader, self.config.as_ref(), *self.news.borrow());
            if now != self.mark {
                self.mark = now;
                return true;
            }
            tokio::select! {
                () = self.reader.stopping() => return false,
                () = sleep(LOOK) => {}
            }
            if Instant::now() >= self.until {
                return false;
            }
        }
    }
}
