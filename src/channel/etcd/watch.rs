//! Follows releases as they come.

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

/// A watch in etcd.
#[derive(Debug)]
pub struct EtcdWatch {
    stream: Stream,
    keys: Keys,
    /// Everything up to this revision was given.
    after: i64,
    /// Taken in and not given yet.
    ready: VecDeque<(i64, Vec<Entry>)>,
}

/// The responses to a watch, none of which is waited for in vain.
#[derive(Debug)]
pub(super) struct Stream {
    stream: WatchStream,
    etcd: Arc<Etcd>,
    /// Which member is watched.
    member: usize,
    /// What came up to this revision is known.
    after: i64,
    /// When something has to have come.
    due: Instant,
    /// When it is the answer to a request for a sign of life that is due: which connection others used then.
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
    /// Watches what comes after a revision.
    pub async fn open(etcd: &Arc<Etcd>, from: &str, options: WatchOptions, after: i64) -> Result<Self, Fault> {
        // The last revision that is known is sent again: etcd 3.6 gives no sign of life on a watch that begins in the
        // future, so one to which nobody writes would seem to have fallen silent.
        let options = &options.with_start_revision(after.max(1));
        let watch = move |etcd: Client| async move {
            let watched = create(&etcd, from, options).await?;
            if !watched.1.cancel_reason().contains("invalid auth token") {
                return Ok(watched);
            }
            // The client logs in again by itself when a call is refused so, but not when a watch is.
            etcd.refresh_token().await?;
            create(&etcd, from, options).await
        };
        let (member, (stream, created)) = etcd.call_apart(etcd.timing.call, watch).await?;
        alive(&created)?;
        if head(created.header())?.revision < after {
            // Restored from a backup, or another cluster: etcd would wait in silence until it comes so far.
            return Err(Fault::Compacted);
        }
        etcd.heard();
        let due = Instant::now() + etcd.timing.silence;
        Ok(Self { stream, etcd: Arc::clone(etcd), member, after, due, asked: None })
    }

    /// The next response. May be dropped and called again.
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
                    // Nor would it answer on the connection of the others, unless that is a newer one.
                    self.etcd.leave(self.member, connection);
                    return Err(Fault::Unreachable("etcd fell silent".into()));
                }
                (Err(_), None) => {
                    // The answer is a sign of life and no more: in 3.4.23 its revision may be ahead of releases that
                    // were not sent yet (etcd issue 15220).
                    self.stream.request_progress().await.map_err(|error| broken(&error))?;
                    let connection = self.etcd.members[self.member].connection().number;
                    self.expect(call, Some(connection));
                }
            }
        }
    }

    /// Whether an event is about something new, and not the revision that is sent again.
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

    /// Sorts a response into batches of one revision each. A response holds whole revisions, in order.
    fn take(&mut self, response: &WatchResponse) {
        let mut known = self.after;
        let mut revisions: Vec<(i64, Vec<KeyValue>)> = Vec::new();
        for event in response.events() {
            let Some(kv) = event.kv() else { continue };
            // Not newer than what was given: sent twice.
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
                        "somebody deleted a key in etcd; readers keep what they have"
                    );
                }
            }
        }
        for (revision, puts) in revisions {
            let (entries, damaged) = self.keys.join(puts);
            for damage in damaged {
                self.stream.etcd.upset();
                tracing::warn!(%damage, revision, "somebody else wrote to etcd; readers keep what they have");
            }
            self.ready.push_back((revision, entries));
        }
    }
}

/// A watch, and etcd's first response to it.
async fn create(etcd: &Client, from: &str, options: &WatchOptions) -> Result<(WatchStream, WatchResponse), Error> {
    let mut watches = etcd.watch_client().max_decoding_message_size(MESSAGE_BYTES);
    let mut stream = watches.watch(from, Some(options.clone())).await?;
    let created = stream.message().await?;
    Ok((stream, created.ok_or_else(|| Error::WatchError("it ended at once".into()))?))
}

/// Whether a response says that the watch goes on.
fn alive(response: &WatchResponse) -> Result<(), Fault> {
    if response.compact_revision() > 0 {
        return Err(Fault::Compacted);
    }
    if response.canceled() {
        return Err(Fault::Refused(format!("etcd ended the watch: {}", response.cancel_reason())));
    }
    Ok(())
}

/// What an error of the stream means. A response too large to take in is a watch that is too far behind.
fn broken(error: &Error) -> Fault {
    match error {
        Error::GRpcStatus(status) if is_too_long(status.message()) => Fault::Compacted,
        _ => fault("the watched member", error),
    }
}
