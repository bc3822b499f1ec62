//! Server-sent events: many configs over one connection.
//!
//! A stream holds no releases. It knows the numbers that it has sent and reads the snapshot store for each further
//! piece. A slow client therefore costs no memory and skips to the latest release. The connection of a client that
//! stops reading is closed by [`crate::connections`].

use std::{collections::VecDeque, convert::Infallible, fmt::Write, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};
use futures::stream;
use tokio::time::{Instant, sleep_until};

use super::{
    instance_of, query,
    render::{NOSNIFF, STALE_SINCE},
};
use crate::{
    auth::tokens::Grant,
    domain::{names::ConfigId, numbers},
    http::problem::HttpProblem,
    metrics,
    reader::{Reader, WaiterSlot, instances::InstanceIdentity, store::Waiter},
};

/// Interval between records of the instance of a quiet stream.
const RECORD_INTERVAL: Duration = Duration::from_secs(60);
/// Delay after which a client reconnects a broken stream.
const RECONNECT_DELAY: &str = "retry: 2000\n\n";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Configs as they change, as server-sent events
///
/// Sends the live release of each config, then each newer one: event: config, data: a Config. Sends a comment every
/// 15 s. With Last-Event-ID, sends only releases other than those it names; where it has a higher number, the live one.
#[utoipa::path(get, path = "/api/v1/watch", tag = "read",
    params(("config" = Vec<ConfigId>, Query, max_items = 200, explode)),
    responses((status = 200, body = String, content_type = "text/event-stream", description = "The stream.")))]
pub(super) fn watch_configs(reader: &Arc<Reader>, request: &Request, grant: Grant) -> Result<Response, HttpProblem> {
    let configs = query::configs(request.uri().query())?;
    let keys: Vec<Box<str>> = configs.iter().map(|config| config.to_string().into()).collect();
    for key in &keys {
        reader.open(&grant, key)?;
    }
    if !reader.store.is_ready() {
        return Err(reader.absent(&keys[0]));
    }
    let events = Events::new(reader, grant, keys, request)?;
    let mut response = Response::new(Body::from_stream(stream::unfold(Box::new(events), |mut events| async {
        let chunk = events.next().await?;
        Some((Ok::<_, Infallible>(chunk), events))
    })));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    // Tells a proxy to forward each event at once.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    if let Some(since) = reader.store.stale_header() {
        headers.insert(STALE_SINCE, since);
    }
    Ok(response)
}

/// One open stream.
struct Events {
    reader: Arc<Reader>,
    grant: Grant,
    instance: Option<InstanceIdentity<'static>>,
    // The number of each config's release on the client. 0 without one.
    sent: Box<[u64]>,
    // Hash of the configs and their order, for the ids of events.
    configs_hash: u32,
    waiter: Waiter,
    out: VecDeque<Bytes>,
    ping_at: Instant,
    note_at: Instant,
    is_over: bool,
    _place: WaiterSlot,
}

impl Events {
    fn new(reader: &Arc<Reader>, grant: Grant, keys: Vec<Box<str>>, request: &Request) -> Result<Self, HttpProblem> {
        let mark = crc32fast::hash(keys.join("&").as_bytes());
        let sent = parse_resumed(request.headers(), mark, keys.len()).unwrap_or_else(|| vec![0; keys.len()]);
        Ok(Self {
            _place: reader.acquire_waiter_slot(request, &grant, metrics::WaiterKind::Stream)?,
            waiter: Waiter::new(keys.into_iter().zip(sent.iter().copied()), reader.settings.lag),
            instance: instance_of(request).map(InstanceIdentity::into_owned),
            reader: Arc::clone(reader),
            grant,
            sent: sent.into(),
            configs_hash: mark,
            out: VecDeque::from([Bytes::from_static(RECONNECT_DELAY.as_bytes())]),
            ping_at: Instant::now() + reader.settings.ping,
            note_at: Instant::now() + RECORD_INTERVAL,
            is_over: false,
        })
    }

    /// Waits for the next piece of the body. Returns `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.out.pop_front() {
                return Some(chunk);
            }
            if self.is_over {
                return None;
            }
            self.queue_events();
            if self.out.is_empty() {
                self.wait().await;
            }
        }
    }

    /// Queues an event for each config with another release than was sent.
    fn queue_events(&mut self) {
        let news = self.waiter.take_new(&self.reader.store);
        let now = (self.reader.clock)();
        for (at, snapshot) in news {
            self.sent[at] = snapshot.seq();
            snapshot.reads.count();
            self.reader.record_instance(&self.grant, self.waiter.key(at), self.instance.as_ref(), snapshot.seq(), now);
            self.out.push_back(format!("event: config\nid: {}\ndata: ", id(self.configs_hash, &self.sent)).into());
            self.out.push_back(snapshot.event().clone());
            self.out.push_back(Bytes::from_static(b"\n\n"));
        }
    }

    async fn wait(&mut self) {
        let expiry = self.reader.expiry(&self.grant);
        let wake = expiry.map_or(self.ping_at, |at| at.min(self.ping_at));
        tokio::select! {
            () = self.waiter.wait() => {}
            () = self.grant.ended() => self.is_over = true,
            () = self.reader.stop.cancelled() => {
                self.is_over = true;
                // Spreads the reconnects to other nodes over a few seconds.
                self.out.push_back(format!("retry: {}\n\n", rand::random_range(500..5000)).into());
            }
            () = sleep_until(wake) => {
                let now = Instant::now();
                self.is_over = expiry.is_some_and(|at| at <= now);
                if now >= self.ping_at {
                    self.ping_at = now + self.reader.settings.ping;
                    self.out.push_back(Bytes::from_static(b": still here\n\n"));
                }
                if now >= self.note_at {
                    self.note_at = now + RECORD_INTERVAL;
                    self.record_instance();
                }
            }
        }
    }

    fn record_instance(&self) {
        let now = (self.reader.clock)();
        for (key, sent) in self.waiter.keys().zip(&self.sent).filter(|(_, sent)| **sent > 0) {
            self.reader.record_instance(&self.grant, key, self.instance.as_ref(), *sent, now);
        }
    }
}

/// Returns the id of an event: a hash of the requested configs, then the number of each one's release on the client. A
/// client that resumes the same configs from it gets only newer releases.
fn id(configs_hash: u32, sent: &[u64]) -> String {
    let mut text = format!("{configs_hash:08x}");
    for (at, seq) in sent.iter().enumerate() {
        let _ = write!(text, "{}{seq}", if at == 0 { '-' } else { '.' });
    }
    text
}

/// Returns the client's releases from its `Last-Event-ID`. Returns `None` if that belongs to other configs.
fn parse_resumed(headers: &HeaderMap, mark: u32, configs: usize) -> Option<Vec<u64>> {
    let (of, sent) = headers.get(LAST_EVENT_ID)?.to_str().ok()?.split_once('-')?;
    let sent: Vec<u64> = sent.split('.').map(|seq| seq.parse().ok()).collect::<Option<_>>()?;
    let is_bounded = sent.iter().all(|seq| *seq <= numbers::MAX_NUMBER);
    (of == format!("{mark:08x}") && sent.len() == configs && is_bounded).then_some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_resumes_only_the_same_configs() {
        let headers = HeaderMap::from_iter([(LAST_EVENT_ID, id(7, &[3, 0, 12]).parse().unwrap())]);
        assert_eq!(headers[LAST_EVENT_ID], "00000007-3.0.12");
        assert_eq!(parse_resumed(&headers, 7, 3), Some(vec![3, 0, 12]));
        assert_eq!(parse_resumed(&headers, 8, 3), None);
        assert_eq!(parse_resumed(&headers, 7, 2), None);
        assert_eq!(parse_resumed(&HeaderMap::new(), 7, 3), None);
        let most = HeaderMap::from_iter([(LAST_EVENT_ID, id(7, &[numbers::MAX_NUMBER]).parse().unwrap())]);
        assert_eq!(parse_resumed(&most, 7, 1), Some(vec![numbers::MAX_NUMBER]));
        let more = HeaderMap::from_iter([(LAST_EVENT_ID, id(7, &[u64::MAX]).parse().unwrap())]);
        assert_eq!(parse_resumed(&more, 7, 1), None, "no release has such a number");
    }
}
