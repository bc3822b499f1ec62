//! Watches in etcd.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use etcd_client::{Client, Error, EventType, KeyValue, WatchOptions, WatchResponse, WatchStream};
use tokio::time::{Instant, timeout_at};

use super::{
    super::ChannelError,
    Etcd, Timing, classify, head,
    keys::Keys,
    list::{MAX_MESSAGE_BYTES, is_too_long},
};
use crate::domain::entry::Entry;

/// A watch of releases.
#[derive(Debug)]
pub struct EtcdWatch {
    stream: ResponseStream,
    keys: Keys,
    /// Revision up to which all releases were returned.
    pub(in super::super) after: i64,
    /// Received batches that are not returned yet, with their revisions.
    ready: VecDeque<(i64, Vec<Entry>)>,
}

/// The responses of a watch. Detects a silent connection.
#[derive(Debug)]
pub(super) struct ResponseStream {
    stream: WatchStream,
    etcd: Arc<Etcd>,
    /// The watched member.
    member: usize,
    /// Revision at which the watch began. Earlier events are known.
    after: i64,
    /// Deadline of the next response.
    deadline: Instant,
    /// Set after a progress request: number of the connection that other requests used at that time.
    progress_requested_on: Option<usize>,
}

impl Etcd {
    pub(in super::super) async fn watch(self: &Arc<Self>, after: i64) -> Result<EtcdWatch, ChannelError> {
        let (from, to) = &self.keys.releases();
        let stream = ResponseStream::open(self, from, WatchOptions::new().with_range(to.as_str()), after).await?;
        Ok(EtcdWatch { stream, keys: self.keys.clone(), after, ready: VecDeque::new() })
    }
}

impl ResponseStream {
    /// Watches keys after a revision.
    pub async fn open(etcd: &Arc<Etcd>, from: &str, options: WatchOptions, after: i64) -> Result<Self, ChannelError> {
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
        let (member, (stream, created)) = etcd.call_on_new_connection(etcd.timing.call, watch).await?;
        check_alive(&created)?;
        if head(created.header())?.revision < after {
            // etcd was restored, or is another cluster. It would wait silently until it reaches this revision.
            return Err(ChannelError::Compacted);
        }
        etcd.record_watch_start();
        let due = Instant::now() + etcd.timing.silence;
        Ok(Self { stream, etcd: Arc::clone(etcd), member, after, deadline: due, progress_requested_on: None })
    }

    /// Waits for the next response. The future may be dropped and called again.
    pub async fn next(&mut self) -> Result<WatchResponse, ChannelError> {
        let response = self.next_response().await;
        if matches!(response, Err(ChannelError::Unreachable(_))) {
            self.etcd.record_watch_failure();
        }
        response
    }

    async fn next_response(&mut self) -> Result<WatchResponse, ChannelError> {
        let Timing { silence, call, .. } = self.etcd.timing;
        loop {
            match (timeout_at(self.deadline, self.stream.message()).await, self.progress_requested_on) {
                (Ok(Ok(Some(response))), _) => {
                    self.set_deadline(silence, None);
                    check_alive(&response)?;
                    return Ok(response);
                }
                (Ok(Ok(None)), _) => return Err(ChannelError::Unreachable("etcd ended the watch".into())),
                (Ok(Err(error)), _) => return Err(classify_stream(&error)),
                (Err(_), Some(connection)) => {
                    // Other requests would not be answered either, unless they use a newer connection.
                    self.etcd.switch_member(self.member, connection);
                    return Err(ChannelError::Unreachable("etcd fell silent".into()));
                }
                (Err(_), None) => {
                    // The response only proves that etcd answers: in 3.4.23 its revision may be ahead of releases that
                    // were not sent yet (etcd issue 15220).
                    self.stream.request_progress().await.map_err(|error| classify_stream(&error))?;
                    let connection = self.etcd.members[self.member].connection.lock().number;
                    self.set_deadline(call, Some(connection));
                }
            }
        }
    }

    /// Returns whether an event is newer than the revision at which the watch began.
    pub fn is_new(&self, kv: &KeyValue) -> bool {
        kv.mod_revision() > self.after
    }

    fn set_deadline(&mut self, within: Duration, progress_requested_on: Option<usize>) {
        self.deadline = Instant::now() + within;
        self.progress_requested_on = progress_requested_on;
    }
}

impl EtcdWatch {
    pub(in super::super) async fn next(&mut self) -> Result<Vec<Entry>, ChannelError> {
        loop {
            if let Some((revision, batch)) = self.ready.pop_front() {
                self.after = revision;
                if !batch.is_empty() {
                    return Ok(batch);
                }
                continue;
            }
            let response = self.stream.next().await?;
            self.queue_batches(&response);
        }
    }

    /// Splits a response into batches of one revision each. A response holds whole revisions, in order.
    fn queue_batches(&mut self, response: &WatchResponse) {
        let mut known = self.after;
        let mut revisions: Vec<(i64, Vec<KeyValue>, Vec<KeyValue>)> = Vec::new();
        for event in response.events() {
            let Some(kv) = event.kv() else { continue };
            // Sent twice.
            if kv.mod_revision() <= known && revisions.last().is_none_or(|(at, ..)| *at != kv.mod_revision()) {
                continue;
            }
            if known < kv.mod_revision() {
                known = kv.mod_revision();
                revisions.push((known, Vec::new(), Vec::new()));
            }
            if !self.keys.is_release(kv.key()) {
                continue;
            }
            let (_, puts, deletes) = revisions.last_mut().expect("pushed above");
            match event.event_type() {
                EventType::Put => puts.push(kv.clone()),
                EventType::Delete => deletes.push(kv.clone()),
            }
        }
        for (revision, puts, deletes) in revisions {
            let (entries, damaged) = self.keys.join(puts);
            let is_removed = |key: &[u8]| {
                let config = self.keys.config(key);
                entries.iter().any(|entry| entry.meta.is_removal() && Some(&entry.config) == config.as_ref())
            };
            for key in deletes.iter().map(KeyValue::key).filter(|key| !is_removed(key)) {
                self.stream.etcd.report_disturbance();
                tracing::warn!(
                    key = %key.escape_ascii(),
                    revision,
                    "a key in etcd was deleted by another program, readers keep their release"
                );
            }
            for damage in damaged {
                self.stream.etcd.report_disturbance();
                tracing::warn!(%damage, revision, "another program wrote to etcd, readers keep their release");
            }
            self.ready.push_back((revision, entries));
        }
    }
}

/// Opens a watch and returns it with etcd's first response.
async fn create(etcd: &Client, from: &str, options: &WatchOptions) -> Result<(WatchStream, WatchResponse), Error> {
    let mut watches = etcd.watch_client().max_decoding_message_size(MAX_MESSAGE_BYTES);
    let mut stream = watches.watch(from, Some(options.clone())).await?;
    let created = stream.message().await?;
    Ok((stream, created.ok_or_else(|| Error::WatchError("it ended at once".into()))?))
}

/// Checks that a response does not end the watch.
fn check_alive(response: &WatchResponse) -> Result<(), ChannelError> {
    if response.compact_revision() > 0 {
        return Err(ChannelError::Compacted);
    }
    if response.canceled() {
        return Err(ChannelError::Refused(format!("etcd ended the watch: {}", response.cancel_reason())));
    }
    Ok(())
}

/// Classifies an error of the stream. A response that is too large means that the watch is too far behind.
fn classify_stream(error: &Error) -> ChannelError {
    match error {
        Error::GRpcStatus(status) if is_too_long(status.message()) => ChannelError::Compacted,
        _ => classify("the watched member", error),
    }
}
