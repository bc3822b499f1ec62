//! Activity of one connection, shared between its task and the slots that decide when it is closed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Activity of one connection, written by its task and read by all.
#[derive(Debug)]
pub(super) struct Activity {
    accepted: Instant,
    /// Number of requests whose answers are not complete.
    in_flight: AtomicU32,
    /// Number of requests since the connection was accepted.
    begun: AtomicU32,
    /// A request has begun to arrive.
    receiving: AtomicBool,
    /// The body of the request in flight is incomplete.
    receiving_body: AtomicBool,
    /// Whether the latest request has a body.
    had_body: AtomicBool,
    /// A write waits for the client to read.
    blocked: AtomicBool,
    /// Bytes of a complete answer wait for the client to read.
    unsent: AtomicBool,
    /// The answer to the request in flight will be late.
    late: AtomicBool,
    /// Time of the last change, in milliseconds since `accepted`.
    changed: AtomicU64,
}

/// Momentary state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionState {
    /// A request or its answer is in flight.
    Active,
    /// The body of a request is incomplete. Time since the request began.
    ReceivingBody(Duration),
    /// The head of a request is incomplete. Time since the request began.
    ReceivingHead(Duration),
    /// No request. Time since the last answer.
    Idle(Duration),
}

impl ConnectionState {
    /// Returns whether a request has to be answered.
    pub fn is_in_flight(self) -> bool {
        matches!(self, Self::Active | Self::ReceivingBody(_))
    }
}

impl Activity {
    /// Returns the activity of a connection that is accepted now.
    pub fn new() -> Self {
        let [receiving_body, had_body, blocked, unsent, late] = [const { AtomicBool::new(false) }; 5];
        Self {
            accepted: Instant::now(),
            in_flight: AtomicU32::new(0),
            begun: AtomicU32::new(0),
            // The head timeout of the first request starts with the connection.
            receiving: AtomicBool::new(true),
            receiving_body,
            had_body,
            blocked,
            unsent,
            late,
            changed: AtomicU64::new(0),
        }
    }

    /// Counts a request as in flight until the returned value is dropped.
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::AcqRel);
        self.receiving.store(false, Ordering::Release);
        self.late.store(false, Ordering::Relaxed);
        self.had_body.store(false, Ordering::Release);
        InFlight(Arc::clone(self))
    }

    /// Marks the body of the request in flight as incomplete until the returned value is dropped.
    pub fn receive_body(self: &Arc<Self>) -> BodyInFlight {
        self.receiving_body.store(true, Ordering::Release);
        self.had_body.store(true, Ordering::Release);
        BodyInFlight(Arc::clone(self))
    }

    /// Returns whether the latest request had a body, which its handler may have ignored.
    pub fn had_body(&self) -> bool {
        self.had_body.load(Ordering::Acquire)
    }

    /// Returns the number of requests since the connection was accepted.
    pub fn begun(&self) -> u32 {
        self.begun.load(Ordering::Acquire)
    }

    /// Returns whether all answers are complete. Their last bytes may still be buffered.
    pub fn is_answered(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) == 0
    }

    /// Returns whether the answer to the request in flight was announced as late and no earlier answer is blocked.
    pub fn is_late(&self) -> bool {
        self.late.load(Ordering::Relaxed) && !self.blocked.load(Ordering::Acquire)
    }

    /// Returns the present state of the connection.
    pub fn state(&self) -> ConnectionState {
        let elapsed = Duration::from_millis(self.clock().saturating_sub(self.changed.load(Ordering::Acquire)));
        if !self.is_answered() || self.blocked.load(Ordering::Acquire) {
            return if self.receiving_body.load(Ordering::Acquire) {
                ConnectionState::ReceivingBody(elapsed)
            } else {
                ConnectionState::Active
            };
        }
        if self.receiving.load(Ordering::Acquire) {
            ConnectionState::ReceivingHead(elapsed)
        } else {
            ConnectionState::Idle(elapsed)
        }
    }

    /// Records that bytes of a request arrived. Only the first ones count, so slow drips do not extend the timeout.
    pub fn record_read(&self) {
        if self.is_answered() && !self.receiving.swap(true, Ordering::AcqRel) {
            self.changed.store(self.clock(), Ordering::Release);
        }
    }

    /// Records whether a write waits for the client.
    pub fn set_blocked(&self, blocked: bool) {
        if self.blocked.swap(blocked, Ordering::AcqRel) != blocked {
            self.changed.store(self.clock(), Ordering::Release);
        }
    }

    /// Records whether bytes of a complete answer wait for the client.
    pub fn set_unsent(&self, unsent: bool) {
        self.unsent.store(unsent, Ordering::Release);
    }

    /// Returns whether bytes of a complete answer wait for the client.
    pub fn is_unsent(&self) -> bool {
        self.unsent.load(Ordering::Acquire)
    }

    fn clock(&self) -> u64 {
        u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Request extension through which a handler announces a late answer. Absent where a late answer gains nothing.
#[derive(Clone, Debug)]
pub struct DelayHint(pub(super) Arc<Activity>);

impl DelayHint {
    /// Announces that the answer will be late, so that the connection keeps no buffers meanwhile.
    ///
    /// Works only before the service's `call` returns its future.
    pub fn announce(&self) {
        self.0.late.store(true, Ordering::Relaxed);
    }
}

/// A request whose answer is incomplete.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.changed.store(self.0.clock(), Ordering::Release);
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request body that is incomplete.
#[derive(Debug)]
pub(super) struct BodyInFlight(Arc<Activity>);

impl Drop for BodyInFlight {
    fn drop(&mut self) {
        self.0.receiving_body.store(false, Ordering::Release);
    }
}
