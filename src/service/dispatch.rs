//! Between publishing and delivery: who publishes rings here, the publisher answers here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::{
    accepted::{Accepted, Waiting},
    marks::Marks,
};
pub use crate::domain::release::Why;
use crate::{
    domain::{
        change::ChangeId,
        drift::{Drift, DriftKind},
        error::{Error, Part, Result},
        names::{ConfigId, EnvName},
        time::Time,
    },
    metrics,
    traces::Place,
};

/// Repairs that wait at the most.
const REPAIRS: usize = 64;
/// How long somebody who asks for a repair waits for it.
const REPAIR_WAIT: Duration = Duration::from_secs(15);

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

/// What a comparison of the channel with the database found of a config.
#[derive(Clone, Debug)]
pub struct Departed {
    /// The config.
    pub config: ConfigId,
    /// In which way.
    pub kind: DriftKind,
    /// What lies in the channel, where that is ahead.
    pub document: Option<Arc<str>>,
}

#[derive(Debug)]
struct Noted {
    drift: Drift,
    document: Option<Arc<str>>,
}

/// What the publisher is asked to do at once, and who waits for that.
#[derive(Debug)]
pub struct Repair {
    /// Whose live release is to be written into the channel again; none compares everything and delivers what is missing.
    pub config: Option<ConfigId>,
    /// Takes the outcome.
    pub done: oneshot::Sender<Result<()>>,
}

/// The bell and the answers.
#[derive(Debug)]
pub struct Dispatch {
    bell: watch::Sender<u64>,
    rung: Mutex<BTreeSet<EnvName>>,
    accepted: Mutex<Waiting>,
    arrived: broadcast::Sender<Arrived>,
    news: watch::Sender<u64>,
    late: Mutex<BTreeMap<EnvName, Late>>,
    compared_at: Mutex<Option<Time>>,
    drifts: Mutex<BTreeMap<ConfigId, Noted>>,
    due: Mutex<Vec<(EnvName, u64, Time)>>,
    repairs: mpsc::Sender<Repair>,
    asked: Mutex<Option<mpsc::Receiver<Repair>>>,
    /// What is delivered and not yet said to the database.
    pub marks: Marks,
    /// What was accepted and delivered.
    pub meter: metrics::Deliveries,
}

impl Default for Dispatch {
    fn default() -> Self {
        let (repairs, asked) = mpsc::channel(REPAIRS);
        Self {
            bell: watch::Sender::new(0),
            rung: Mutex::default(),
            accepted: Mutex::default(),
            arrived: broadcast::channel(1024).0,
            news: watch::Sender::new(0),
            late: Mutex::default(),
            compared_at: Mutex::default(),
            drifts: Mutex::default(),
            due: Mutex::default(),
            repairs,
            asked: Mutex::new(Some(asked)),
            marks: Marks::default(),
            meter: metrics::Deliveries::default(),
        }
    }
}

impl Dispatch {
    /// Tells the publisher that something is due in some environments.
    pub fn ring<'a>(&self, envs: impl IntoIterator<Item = &'a EnvName>) {
        let mut rung = self.rung.lock();
        rung.extend(envs.into_iter().cloned());
        if rung.is_empty() {
            return;
        }
        drop(rung);
        self.bell.send_modify(|rings| *rings = rings.wrapping_add(1));
    }

    /// Tells the publisher that these releases were accepted.
    pub fn accepted(&self, accepted: Vec<Accepted>) {
        let envs: BTreeSet<EnvName> = accepted.iter().map(|new| new.entry.config.env.clone()).collect();
        self.meter.accepted.inc_by(accepted.len() as u64);
        let mut waiting = self.accepted.lock();
        accepted.into_iter().for_each(|new| waiting.add(new));
        drop(waiting);
        self.ring(&envs);
    }

    /// What was accepted on this node in an environment since this was asked last, as far as it was kept.
    pub fn just_accepted(&self, env: &EnvName) -> Vec<Accepted> {
        self.accepted.lock().take(env)
    }

    /// Where it is told of, if it is, what becomes of a release that was accepted on this node and waits for a worker.
    pub fn place(&self, env: &EnvName) -> Option<Place> {
        self.accepted.lock().place(env)
    }

    /// For which environments was rung since this was asked last.
    pub fn rung(&self) -> BTreeSet<EnvName> {
        std::mem::take(&mut *self.rung.lock())
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
        self.tell();
    }

    /// Changes whenever a page about delivery would say something else from now on.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Tells open pages that there is something new.
    pub fn tell(&self) {
        self.news.send_modify(|news| *news = news.wrapping_add(1));
    }

    /// What arrives from now on.
    #[must_use]
    pub fn arrivals(&self) -> broadcast::Receiver<Arrived> {
        self.arrived.subscribe()
    }

    /// Says that an environment is late.
    pub fn set_late(&self, late: Late) {
        self.meter.failed.inc();
        let mut all = self.late.lock();
        let since = all.get(&late.env).map_or(late.since, |before| before.since.min(late.since));
        let late = Late { since, ..late };
        if all.insert(late.env.clone(), late.clone()).as_ref() != Some(&late) {
            self.tell();
        }
    }

    /// Says that an environment is no longer late.
    pub fn on_time(&self, env: &EnvName) {
        if self.late.lock().remove(env).is_some() {
            self.tell();
        }
    }

    /// What is late now.
    #[must_use]
    pub fn late(&self) -> Vec<Late> {
        self.late.lock().values().cloned().collect()
    }

    /// Says what waits for delivery: how many releases of which environment, and since when the oldest.
    pub fn set_due(&self, due: Vec<(EnvName, u64, Time)>) {
        *self.due.lock() = due;
    }

    /// What waited for delivery when the outbox was last looked at.
    #[must_use]
    pub fn due(&self) -> Vec<(EnvName, u64, Time)> {
        self.due.lock().clone()
    }

    /// Says in what the channel departs from the database now. Gives what was not known before.
    pub fn set_drifts(&self, found: impl IntoIterator<Item = Departed>, now: Time) -> Vec<Drift> {
        let mut known = self.drifts.lock();
        let before = std::mem::take(&mut *known);
        let mut new = Vec::new();
        for Departed { config, kind, document } in found {
            let same = before.get(&config).filter(|noted| noted.drift.kind == kind);
            let since = same.map_or(now, |noted| noted.drift.since);
            let drift = Drift { config: config.clone(), kind, since };
            if same.is_none() {
                new.push(drift.clone());
            }
            known.insert(config, Noted { drift, document });
        }
        self.meter.reconciled.inc();
        let gone = before.keys().any(|config| !known.contains_key(config));
        drop(known);
        *self.compared_at.lock() = Some(now);
        if gone || !new.is_empty() {
            self.tell();
        }
        new
    }

    /// In what the channel departs from the database, as this node found last.
    #[must_use]
    pub fn drifts(&self) -> Vec<Drift> {
        let drifts = self.drifts.lock();
        drifts.values().map(|noted| noted.drift.clone()).collect()
    }

    /// Returns the release that is ahead of the database in a config: its number, and its document if the channel has it.
    #[must_use]
    pub fn ahead(&self, config: &ConfigId) -> Option<(u64, Option<Arc<str>>)> {
        let drifts = self.drifts.lock();
        let found = drifts.get(config)?;
        match found.drift.kind {
            DriftKind::Ahead { seq, .. } | DriftKind::Held { seq, .. } => Some((seq, found.document.clone())),
            DriftKind::Foreign { .. } => None,
        }
    }

    /// Forgets in what a config departs: it was decided. If it still does, the next comparison says so again.
    pub fn forget_drift(&self, config: &ConfigId) {
        self.drifts.lock().remove(config);
        self.tell();
    }

    /// When the channel was last compared with the database.
    #[must_use]
    pub fn compared_at(&self) -> Option<Time> {
        *self.compared_at.lock()
    }

    /// Has the live release of a config written into the channel again, and waits for it.
    ///
    /// # Errors
    /// Those of the publisher; [`Error::Unavailable`] when it does not come to it in time.
    pub async fn repair(&self, config: ConfigId) -> Result<()> {
        self.ask(Some(config)).await
    }

    /// Has the channel compared with the database now, and what is missing delivered, and waits for it.
    ///
    /// # Errors
    /// As [`Dispatch::repair`].
    pub async fn compare(&self) -> Result<()> {
        self.ask(None).await
    }

    async fn ask(&self, config: Option<ConfigId>) -> Result<()> {
        let away = |detail: &str| Error::Unavailable { part: Part::Channel, detail: detail.to_owned() };
        let (done, outcome) = oneshot::channel();
        self.repairs.try_send(Repair { config, done }).map_err(|_| away("too many repairs wait already"))?;
        match tokio::time::timeout(REPAIR_WAIT, outcome).await {
            Ok(Ok(outcome)) => outcome,
            _ => Err(away("the repair takes longer than the answer waits; look again in a moment")),
        }
    }

    /// The repairs that are asked for. There is one publisher, which takes this once.
    pub fn take_repairs(&self) -> Option<mpsc::Receiver<Repair>> {
        self.asked.lock().take()
    }
}
