//! The parts that publishing and delivery share on one node: notifications, status, repairs, the fast path.

mod notifier;
mod repairs;
mod status;
mod trace_parents;

use std::collections::BTreeSet;

use crate::{
    domain::names::EnvName,
    fast_path::{AcceptedRelease, FastPath},
    traces,
};
pub use notifier::Notifier;
pub use repairs::{Repair, Repairs};
pub use status::{Arrival, DeliveryStatus, FoundDrift, LateEnv};
pub use trace_parents::TraceParents;

/// The shared parts of publishing and delivery.
#[derive(Debug, Default)]
pub struct Dispatch {
    /// Notifies the publisher of releases in the outbox.
    pub notifier: Notifier,
    /// Status of delivery, for pages, health and answers to publishes.
    pub status: DeliveryStatus,
    /// Requests to write releases again.
    pub repairs: Repairs,
    /// Parent spans of deliveries.
    pub trace_parents: TraceParents,
    /// The fast path of delivery.
    pub fast_path: FastPath,
}

impl Dispatch {
    /// Returns a dispatch with this fast path.
    pub fn new(fast_path: FastPath) -> Self {
        Self { fast_path, ..Self::default() }
    }

    /// Hands accepted releases over to the publisher, inside the span of the publish.
    pub fn accept(&self, releases: Vec<AcceptedRelease>) {
        let envs: BTreeSet<EnvName> = releases.iter().map(|release| release.entry.config.env.clone()).collect();
        self.status.meter.accepted.inc_by(releases.len() as u64);
        if let (Some(parent), Some(first)) = (traces::current_parent(), releases.first()) {
            self.trace_parents.add(&envs, &first.entry.meta.change, &parent);
        }
        self.fast_path.hand_over(releases);
        self.notifier.notify(&envs);
    }
}
