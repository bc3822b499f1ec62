//! Between publishing and delivery: who publishes rings here, the publisher answers here.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::{broadcast, watch};

pub use crate::domain::release::Why;
use crate::domain::{change::ChangeId, names::EnvName, time::Time};

/// An environment whose releases are late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// The environment.
    pub env: EnvName,
    /// Since when.
    pub since: Time,
    /// Why.
    pub why: Why,
    /// How many releases wait.
    pub waiting: u64,
}

/// Part of a change has arrived in the channel.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The change.
    pub change: ChangeId,
    /// The environment whose releases arrived.
    pub env: EnvName,
    /// The channel's revision.
    pub revision: i64,
}

/// The bell and the answers.
#[derive(Debug)]
pub struct Dispatch {
    bell: watch::Sender<u64>,
    arrived: broadcast::Sender<Arrived>,
    late: Mutex<BTreeMap<EnvName, Late>>,
}

impl Default for Dispatch {
    fn default() -> Self {
        Self { bell: watch::Sender::new(0), arrived: broadcast::channel(1024).0, late: Mutex::default() }
    }
}

impl Dispatch {
    /// Tells the publisher that something is due.
    pub fn ring(&self) {
        self.bell.send_modify(|rings| *rings = rings.wrapping_add(1));
    }

    /// Changes whenever somebody rings from now on.
    #[must_use]
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// Tells everybody who waits that a change arrived in an environment.
    pub fn arrived(&self, arrived: Arrived) {
        // Nobody waiting is no fault.
        let _ = self.arrived.send(arrived);
    }

    /// What arrives from now on.
    #[must_use]
    pub fn arrivals(&self) -> broadcast::Receiver<Arrived> {
        self.arrived.subscribe()
    }

    /// Says that an environment is late.
    pub fn set_late(&self, late: Late) {
        let mut all = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        let since = all.get(&late.env).map_or(late.since, |before| before.since.min(late.since));
        all.insert(late.env.clone(), Late { since, ..late });
    }

    /// Says that an environment is no longer late.
    pub fn on_time(&self, env: &EnvName) {
        self.late.lock().unwrap_or_else(PoisonError::into_inner).remove(env);
    }

    /// What is late now.
    #[must_use]
    pub fn late(&self) -> Vec<Late> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
