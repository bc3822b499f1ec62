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
    time::{Instant, sleep_until},
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
}

async fn open(
    State(console): State<Console>,
    who: CurrentUser,
    Query(asked): Query<Asked>,
    room: Arc<Semaphore>,
) -> Result<Response, Failed> {
    if let Some(config) = &asked.config {
        who.actor.may_view(config)?;
    }
    let Ok(place) = room.try_acquire_owned() else {
        return Ok((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "10")]).into_response());
    };
    let watching = Watching {
        seen: asked.config.as_ref().map(|config| seen(&console.reader, config)),
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
    seen: Option<u64>,
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
            let look = Instant::now() + LOOK;
            tokio::select! {
                () = self.reader.stopping() => return false,
                () = sleep_until(look.min(self.until)) => {}
            }
            if Instant::now() >= self.until {
                return false;
            }
            let now = self.config.as_ref().map(|config| seen(&self.reader, config));
            let other = now != self.seen;
            self.seen = now;
            if self.news.has_changed().unwrap_or(false) || other {
                self.news.mark_unchanged();
                return true;
            }
        }
    }
}

/// Something that differs when other instances have the live release of a config.
fn seen(reader: &Reader, config: &ConfigId) -> u64 {
    reader
        .instances
        .of(config, now())
        .iter()
        .fold(0, |sum, instance| sum.wrapping_mul(31).wrapping_add(instance.release))
}
