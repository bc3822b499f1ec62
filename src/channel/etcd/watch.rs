//! Watches in etcd.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use etcd_client::{Client, Error, EventType, KeyValue, WatchOptions, WatchResponse, WatchStream};
use tokio::time::{Instant, timeout_at};

use super::{
    super::Fault,
    Etcd, Timing, fault, head,
    keys::Keys,
    list::{MESSAGE_BYTES, is_too_long},
};
use crate::domain::entry::Entry;

/// A watch of releases.
#[derive(Debug)]
pub struct EtcdWatch {
    stream: Stream,
    keys: Keys,
    /// Revision up to which all releases were returned.
    after: i64,
    /// Received batches that are not returned yet, with their revisions.
    ready: VecDeque<(i64, Vec<Entry>)>,
}

/// The responses of a watch. Detects a silent connection.
#[derive(Debug)]
pub(super) struct Stream {
    stream: WatchStream,
    etcd: Arc<Etcd>,
    /// The watched member.
    member: usize,
    /// Revision at which the watch began. Earlier events are known.
    after: i64,
    /// Deadline of the next response.
    due: Instant,
    /// Set after a progress request: number of the connection that other requests used at that time.
    asked: Option<usize>,
}

impl Etcd {
    pub(in super::super) async fn watch(self: &Arc<Self>, after: i64) -> Result<EtcdWatch, Fault> {
        let (from, to) = &self.keys.releases();
        let stream = Stream::open(self, from, WatchOptions::new().with_range(to.as_str()), after).await?;
        Ok(EtcdWatch { stream, keys: self.keys.clone(), after, ready: VecDeque::new() })
    }
}

impl Stream {
    /// Watches keys after a revision.
    pub async fn open(etcd: &Arc<Etcd>, from: &str, options: WatchOptions, after: i64) -> Result<Self, Fault> {
        // Includes the last known revision: etcd 3.6 answers no progress request of a watch that begins in the future,
        // so a watch without writes would seem silent.
        let options = &options.with_start_revision(after.max(1));
        let watch = move |etcd: Client| async move {
            let watched = create(&etcd, from, options).await?;
            if !watched.1.cancel_reason().contains("invalid auth token") {
                return Ok(watched);
            }
            // The client itself logs in again after such a refusal of a call, but not of a watch.
            etcd.refresh_token().await?;
            create(&etcd, from, options).await
        };
        let (member, (stream, created)) = etcd.call_apart(etcd.timing.call, watch).await?;
        alive(&created)?;
        if head(created.header())?.revision < after {
            // etcd was restored, or is another cluster. It would wait silently until it reaches this revision.
            return Err(Fault::Compacted);
        }
        etcd.heard();
        let due = Instant::now() + etcd.timing.silence;
        Ok(Self { stream, etcd: Arc::clone(etcd), member, after, due, asked: None })
    }

    /// Waits for the next response. The future may be dropped and called again.
    pub async fn next(&mut self) -> Result<WatchResponse, Fault> {
        let response = self.response().await;
        if matches!(response, Err(Fault::Unreachable(_))) {
            self.etcd.lost();
        }
        response
    }

    async fn response(&mut self) -> Result<WatchResponse, Fault> {
        let Timing { silence, call, .. } = self.etcd.timing;
        loop {
            match (timeout_at(self.due, self.stream.message()).await, self.asked) {
                (Ok(Ok(Some(response))), _) => {
                    self.expect(silence, None);
                    alive(&response)?;
                    return Ok(response);
                }
                (Ok(Ok(None)), _) => return Err(Fault::Unreachable("etcd ended the watch".into())),
                (Ok(Err(error)), _) => return Err(broken(&error)),
                (Err(_), Some(connection)) => {
                    // Other requests would not be answered either, unless they use a newer connection.
                    self.etcd.leave(self.member, connection);
                    return Err(Fault::Unreachable("etcd fell silent".into()));
                }
                (Err(_), None) => {
                    // The response only proves that etcd answers: in 3.4.23 its revision may be ahead of releases that
                    // were not sent yet (etcd issue 15220).
                    self.stream.request_progress().await.map_err(|error| broken(&error))?;
                    let connection = self.etcd.members[self.member].connection().number;
                    self.expect(call, Some(connection));
                }
            }
        }
    }

    /// Returns whether an event is newer than the revision at which the watch began.
    pub fn is_news(&self, kv: &KeyValue) -> bool {
        kv.mod_revision() > self.after
    }

    fn expect(&mut self, within: Duration, asked: Option<usize>) {
        self.due = Instant::now() + within;
        self.asked = asked;
    }
}

impl EtcdWatch {
    pub(in super::super) fn revision(&self) -> i64 {
        self.after
    }

    pub(in super::super) async fn next(&mut self) -> Result<Vec<Entry>, Fault> {
        loop {
            if let Some((revision, batch)) = self.ready.pop_front() {
                self.after = revision;
                if !batch.is_empty() {
                    return Ok(batch);
                }
                continue;
            }
            let response = self.stream.next().await?;
            self.take(&response);
        }
    }

    /// Splits a response into batches of one revision each. A response holds whole revisions, in order.
    fn take(&mut self, response: &WatchResponse) {
        let mut known = self.after;
        let mut revisions: Vec<(i64, Vec<KeyValue>)> = Vec::new();
        for event in response.events() {
            let Some(kv) = event.kv() else { continue };
            // Sent twice.
            if kv.mod_revision() <= known && revisions.last().is_none_or(|(at, _)| *at != kv.mod_revision()) {
                continue;
            }
            if known < kv.mod_revision() {
                known = kv.mod_revision();
                revisions.push((known, Vec::new()));
            }
            if !self.keys.is_release(kv.key()) {
                continue;
            }
            match event.event_type() {
                EventType::Put => revisions.last_mut().expect("pushed above").1.push(kv.clone()),
                EventType::Delete => {
                    self.stream.etcd.upset();
                    tracing::warn!(
                        key = %kv.key().escape_ascii(),
                        revision = kv.mod_revision(),
                        "a key in etcd was deleted by another program, readers keep their release"
                    );
                }
            }
        }
        for (revision, puts) in revisions {
            let (entries, damaged) = self.keys.join(puts);
            for damage in damaged {
                self.stream.etcd.upset();
                tracing::warn!(%damage, revision, "another program wrote to etcd, readers keep their release");
            }
            self.ready.push_back((revision, entries));
        }
    }
}

/// Opens a watch and returns it with etcd's first response.
async fn create(etcd: &Client, from: &str, options: &WatchOptions) -> Result<(WatchStream, WatchResponse), Error> {
    let mut watches = etcd.watch_client().max_decoding_message_size(MESSAGE_BYTES);
    let mut stream = watches.watch(from, Some(options.clone())).await?;
    let created = stream.message().await?;
    Ok((stream, created.ok_or_else(|| Error::WatchError("it ended at once".into()))?))
}

/// Checks that a response does not end the watch.
fn alive(response: &WatchResponse) -> Result<(), Fault> {
    if response.compact_revision() > 0 {
        return Err(Fault::Compacted);
    }
    if response.canceled() {
        return Err(Fault::Refused(format!("etcd ended the watch: {}", response.cancel_reason())));
    }
    Ok(())
}

/// Classifies an error of the stream. A response that is too large means that the watch is too far behind.
fn broken(error: &Error) -> Fault {
    match error {
        Error::GRpcStatus(status) if is_too_long(status.message()) => Fault::Compacted,
        _ => fault("the watched member", error),
    }
}
