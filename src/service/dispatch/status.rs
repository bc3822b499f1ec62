//! Status of delivery, as the publisher of this node reports it to pages, health, metrics and waiting publishes.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};

use crate::{
    domain::{
        change::ChangeId,
        drift::{Drift, DriftKind},
        names::{ConfigId, EnvName},
        release::DelayReason,
        sensitive::Sensitive,
        time::Time,
    },
    metrics,
};

/// Maximum number of arrivals that a waiting publish may lag behind. Beyond it the publish queries SQL.
const MAX_ARRIVALS: usize = 1024;

/// An environment whose releases are late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateEnv {
    /// The environment.
    pub env: EnvName,
    /// Time since which they are late.
    pub since: Time,
    /// The reason.
    pub reason: DelayReason,
    /// The number of releases that wait.
    pub waiting: u64,
}

/// Arrival of the releases of a change in the channel, in one environment.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The change.
    pub change: ChangeId,
    /// The environment.
    pub env: EnvName,
    /// The channel's revision.
    pub revision: i64,
}

/// A config that differs between the channel and SQL, as a comparison found it.
#[derive(Clone, Debug)]
pub struct FoundDrift {
    /// The config.
    pub config: ConfigId,
    /// The kind of difference.
    pub kind: DriftKind,
    /// The document in the channel, if that is ahead of SQL.
    pub document: Option<Sensitive<Arc<str>>>,
}

#[derive(Debug)]
struct KnownDrift {
    drift: Drift,
    document: Option<Sensitive<Arc<str>>>,
}

/// The status of delivery on one node.
#[derive(Debug)]
pub struct DeliveryStatus {
    arrivals: broadcast::Sender<Arrival>,
    changes: watch::Sender<u64>,
    state: Mutex<State>,
    /// Counts releases that were accepted and delivered.
    pub meter: metrics::DeliveryMetrics,
}

#[derive(Debug, Default)]
struct State {
    late: BTreeMap<EnvName, LateEnv>,
    compared_at: Option<Time>,
    drifts: BTreeMap<ConfigId, KnownDrift>,
    outbox: Vec<(EnvName, u64, Time)>,
}

impl Default for DeliveryStatus {
    fn default() -> Self {
        Self {
            arrivals: broadcast::channel(MAX_ARRIVALS).0,
            changes: watch::Sender::default(),
            state: Mutex::default(),
            meter: metrics::DeliveryMetrics::default(),
        }
    }
}

impl DeliveryStatus {
    /// Reports an arrival to all publishes that wait.
    pub fn report_arrival(&self, arrived: Arrival) {
        // Fails when no publish waits.
        let _ = self.arrivals.send(arrived);
        self.report_change();
    }

    /// Returns a receiver of all arrivals from now on.
    pub fn arrivals(&self) -> broadcast::Receiver<Arrival> {
        self.arrivals.subscribe()
    }

    /// Reports that pages about delivery are out of date.
    pub fn report_change(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Returns a receiver that changes whenever pages about delivery are out of date.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Reports that an environment is late. An earlier `since` is kept.
    pub fn set_late(&self, late: LateEnv) {
        self.meter.failed.inc();
        let mut state = self.state.lock();
        let since = state.late.get(&late.env).map_or(late.since, |before| before.since.min(late.since));
        let late = LateEnv { since, ..late };
        if state.late.insert(late.env.clone(), late.clone()).as_ref() != Some(&late) {
            drop(state);
            self.report_change();
        }
    }

    /// Reports that an environment is no longer late.
    pub fn clear_late(&self, env: &EnvName) {
        if self.state.lock().late.remove(env).is_some() {
            self.report_change();
        }
    }

    /// Returns the environments that are late.
    pub fn late(&self) -> Vec<LateEnv> {
        self.state.lock().late.values().cloned().collect()
    }

    /// Reports the contents of the outbox: the number of releases of each environment, and the time of the oldest.
    pub fn set_outbox(&self, outbox: Vec<(EnvName, u64, Time)>) {
        self.state.lock().outbox = outbox;
    }

    /// Returns the contents of the outbox at the last poll.
    pub fn outbox(&self) -> Vec<(EnvName, u64, Time)> {
        self.state.lock().outbox.clone()
    }

    /// Reports all drifts that a comparison found. Returns the new ones.
    pub fn set_drifts(&self, found: impl IntoIterator<Item = FoundDrift>, now: Time) -> Vec<Drift> {
        let mut state = self.state.lock();
        let before = std::mem::take(&mut state.drifts);
        let mut new = Vec::new();
        for FoundDrift { config, kind, document } in found {
            let same = before.get(&config).filter(|known| known.drift.kind == kind);
            let since = same.map_or(now, |known| known.drift.since);
            let drift = Drift { config: config.clone(), kind, since };
            if same.is_none() {
                new.push(drift.clone());
            }
            state.drifts.insert(config, KnownDrift { drift, document });
        }
        self.meter.reconciled.inc();
        let is_any_gone = before.keys().any(|config| !state.drifts.contains_key(config));
        state.compared_at = Some(now);
        drop(state);
        if is_any_gone || !new.is_empty() {
            self.report_change();
        }
        new
    }

    /// Returns the drifts that this node found last.
    pub fn drifts(&self) -> Vec<Drift> {
        self.state.lock().drifts.values().map(|known| known.drift.clone()).collect()
    }

    /// Returns the release that is ahead of SQL in a config: its number, and its document if the channel has it.
    pub fn ahead(&self, config: &ConfigId) -> Option<(u64, Option<Sensitive<Arc<str>>>)> {
        let state = self.state.lock();
        let found = state.drifts.get(config)?;
        match found.drift.kind {
            DriftKind::Ahead { seq, .. } | DriftKind::Held { seq, .. } => Some((seq, found.document.clone())),
            DriftKind::Foreign { .. } => None,
        }
    }

    /// Forgets the drift of a config after an administrator resolved it. The next comparison reports one that is left.
    pub fn forget_drift(&self, config: &ConfigId) {
        self.state.lock().drifts.remove(config);
        self.report_change();
    }

    /// Returns the time of the last comparison of the channel with SQL.
    pub fn compared_at(&self) -> Option<Time> {
        self.state.lock().compared_at
    }
}
