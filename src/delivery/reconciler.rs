//! Compares SQL with the channel: what the channel lost is delivered again; where it holds something else, people are
//! told and decide.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{Publisher, failure::unavailable};
use crate::{
    channel::{Channel, Damage, Lock},
    domain::{
        drift::DriftKind,
        entry::{Entry, Identity},
        error::{Error, Result, State},
        names::{ConfigId, EnvName},
    },
    service::{FoundDrift, Repair, Service, now},
    storage::Expected,
};

/// How often both are compared when nothing happens.
const EVERY: Duration = Duration::from_secs(30);
/// How soon after a comparison another one may follow, whatever happens.
const SOON: Duration = Duration::from_secs(2);
/// Delay of a comparison after a foreign write, because such writes usually come in groups.
const RECONCILE_DEBOUNCE: Duration = Duration::from_millis(200);
/// How soon again when one of them did not answer: as soon as it is back.
const AGAIN: Duration = Duration::from_secs(2);
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Releases that go out again in one transaction; large ones go alone when they do not fit together.
const BATCH: usize = 50;

/// What a comparison found.
#[derive(Debug, Default)]
struct Found {
    /// Releases that the channel does not have, by environment.
    behind: BTreeMap<EnvName, Vec<(ConfigId, u64)>>,
    /// Releases of which half is gone.
    halved: BTreeMap<EnvName, Vec<(ConfigId, u64)>>,
    drifts: Vec<FoundDrift>,
    /// Releases of configs of which a later one is due, with the number of that.
    before: Vec<(ConfigId, Identity, u64)>,
}

impl Publisher {
    /// Reconciles now, then every 30 s and soon after something upset the channel, for ever.
    pub async fn keep_reconciled(self) {
        let mut upsets = self.channel.upsets();
        loop {
            upsets.mark_unchanged();
            let pause = match self.reconcile().await {
                Ok(0) => EVERY,
                Ok(n) => {
                    tracing::info!(releases = n, "delivered again what the channel did not have");
                    EVERY
                }
                Err(error) => {
                    tracing::warn!(error = %error, "the channel cannot be compared with the database; trying again");
                    AGAIN
                }
            };
            let soonest = Instant::now() + SOON;
            if timeout(pause, upsets.changed()).await.is_ok() {
                sleep(RECONCILE_DEBOUNCE).await;
                sleep_until(soonest).await;
            }
        }
    }

    /// Delivers again what the channel has lost or is behind with, and notes where it holds something else. Gives how
    /// many releases went out.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when SQL or the channel does not answer.
    pub async fn reconcile(&self) -> Result<usize> {
        if cfg!(feature = "without-outbox") {
            return Ok(0);
        }
        let held = self.channel.ahead().await.map_err(unavailable)?.releases;
        // In this order: what SQL says is delivered is there, and so may be what came after it.
        let expected = self.db.read().await?.expected().await?;
        let mut comparison = Comparison::with(expected);
        let listing = self.channel.list_by(|entry| comparison.look(entry)).await.map_err(unavailable)?;
        let Found { behind, halved, mut drifts, before } = comparison.end(listing.damaged);
        drifts.extend(self.foreign_before(before).await?);
        readers_ahead(&mut drifts, held);
        if !drifts.is_empty() {
            let expected = self.db.read().await?.expected().await?;
            let live = expected.into_iter().map(|e| (e.config, e.identity)).collect();
            drifts.retain_mut(|drift| is_still_drift(drift, &live));
        }
        self.alarm(drifts).await?;
        let behind = self.write_again(behind, false).await?;
        Ok(behind + self.write_again(halved, true).await?)
    }

    /// Those of which the database does not know what lies in the channel below the release that is due: the publisher
    /// does not go over it.
    async fn foreign_before(&self, before: Vec<(ConfigId, Identity, u64)>) -> Result<Vec<FoundDrift>> {
        let mut foreign = Vec::new();
        if !before.is_empty() {
            let mut db = self.db.read().await?;
            for (config, there, seq) in before {
                if db.knows(&config, &there).await? != Some(true) {
                    foreign.push(FoundDrift { config, kind: DriftKind::Foreign { seq }, document: None });
                }
            }
        }
        Ok(foreign)
    }

    /// Reports drifts to pages. New ones are logged and recorded in the audit.
    async fn alarm(&self, drifts: Vec<FoundDrift>) -> Result<()> {
        let service = Service::new(self.db.clone(), self.dispatch.clone());
        let mut noted = Ok(());
        for drift in self.dispatch.status.set_drifts(drifts, now()) {
            tracing::error!(config = %drift.config, "{}; an administrator has to decide", drift.kind);
            if noted.is_ok() {
                noted = service.note_drift(&drift).await;
            }
            if noted.is_err() {
                // What the audit does not know is found again as something new.
                self.dispatch.status.forget_drift(&drift.config);
            }
        }
        noted
    }

    async fn write_again(&self, by_env: BTreeMap<EnvName, Vec<(ConfigId, u64)>>, repair: bool) -> Result<usize> {
        let mut written = 0;
        for (env, releases) in by_env {
            let lock = self.channel.lock(&env, LOCK_WAIT).await.map_err(unavailable)?;
            let mut outcome = Ok(());
            for chunk in releases.chunks(BATCH) {
                outcome = self.write_chunk(&lock, chunk, repair).await;
                if outcome.is_err() {
                    break;
                }
                written += chunk.len();
            }
            lock.release().await;
            outcome?;
        }
        Ok(written)
    }

    async fn write_chunk(&self, lock: &Lock, releases: &[(ConfigId, u64)], repair: bool) -> Result<()> {
        // One that cannot be read is said to be so where it is read, and the others are not kept waiting by it.
        let entries: Vec<Entry> = self.db.read().await?.entries(releases).await?.into_iter().flatten().collect();
        let batches = if Channel::fits(&entries).is_ok() {
            vec![entries]
        } else {
            entries.into_iter().map(|e| vec![e]).collect()
        };
        for batch in batches {
            if repair {
                self.channel.repair(lock, &batch).await.map_err(unavailable)?;
            } else {
                self.bring(lock, &batch).await?;
            }
        }
        Ok(())
    }

    /// Does the repairs that people ask for, until told to stop.
    pub(super) async fn do_requested_repairs(self) {
        let Some(mut asked) = self.dispatch.repairs.take_receiver() else { return };
        while let Some(Some(Repair { config, done })) = self.stop.run_until_cancelled(asked.recv()).await {
            let outcome = match &config {
                Some(config) => self.repair(config).await,
                None => self.reconcile().await.map(drop),
            };
            // Who asked may be gone.
            let _ = done.send(outcome);
        }
    }

    /// Writes the live release of a config into the channel again, whatever is there, and compares again.
    async fn repair(&self, config: &ConfigId) -> Result<()> {
        let entry = {
            let mut db = self.db.read().await?;
            let live = db.live_seq(config).await?;
            db.entry(config, live).await?.ok_or_else(|| Error::NotFound(config.to_string()))?
        };
        let lock = self.channel.lock(&config.env, LOCK_WAIT).await.map_err(unavailable)?;
        let repaired = self.channel.repair(&lock, &[entry]).await;
        lock.release().await;
        let already = repaired.map_err(unavailable)?.already;
        self.dispatch.notifier.notify([&config.env]);
        self.reconcile().await?;
        if already.is_empty() { Ok(()) } else { Err(Error::State(State::Ahead)) }
    }
}

/// The comparison of a listing of the channel with SQL. It keeps only drifts, because the documents may be many.
struct Comparison {
    /// What was not found in the channel yet.
    expected: BTreeMap<ConfigId, Expected>,
    found: Found,
}

impl Comparison {
    fn with(expected: Vec<Expected>) -> Self {
        let expected = expected.into_iter().map(|e| (e.config.clone(), e)).collect();
        Self { expected, found: Found::default() }
    }

    /// Takes a release of the channel.
    fn look(&mut self, entry: Entry) {
        let (seq, found) = (entry.meta.seq, &mut self.found);
        // The database does not know of it.
        let Some(expected) = self.expected.remove(&entry.config) else { return found.ahead(entry, 0) };
        let live = expected.identity.seq;
        if seq > live {
            found.ahead(entry, live);
        } else if entry.is(&expected.identity) {
            // It is there.
        } else if seq == live {
            found.foreign(entry.config, seq);
        } else if expected.delivered {
            found.behind(expected);
        } else {
            // What is due is the publisher's, if it may go over what lies there.
            found.before.push((entry.config, entry.meta.identity(), live));
        }
    }

    /// The rest has no release in the channel.
    fn end(self, damaged: Vec<Damage>) -> Found {
        let halves = damaged.into_iter().filter_map(|damage| Some((damage.config?, damage.lost)));
        let (damaged, mut found): (HashMap<ConfigId, bool>, _) = (halves.collect(), self.found);
        for expected in self.expected.into_values().filter(|expected| expected.delivered) {
            match damaged.get(&expected.config) {
                Some(false) => found.foreign(expected.config, expected.identity.seq),
                Some(true) => found.halved(expected),
                None => found.behind(expected),
            }
        }
        found
    }
}

/// Adds the configs of which reader nodes hold a later release than the channel.
fn readers_ahead(drifts: &mut Vec<FoundDrift>, held: Vec<(ConfigId, u64)>) {
    for (config, seq) in held {
        let held = FoundDrift { config, kind: DriftKind::Held { live: 0, seq }, document: None };
        match drifts.iter_mut().find(|drift| drift.config == held.config) {
            Some(FoundDrift { kind: DriftKind::Ahead { seq: there, .. }, .. }) if *there >= seq => {}
            Some(drift) => *drift = held,
            None => drifts.push(held),
        }
    }
}

/// Whether this is still so by what the database says is live now: others publish while the channel is read.
fn is_still_drift(drift: &mut FoundDrift, by_now: &HashMap<ConfigId, Identity>) -> bool {
    let now = by_now.get(&drift.config).map_or(0, |live| live.seq);
    match &mut drift.kind {
        DriftKind::Ahead { live, seq } | DriftKind::Held { live, seq } => {
            *live = now;
            *seq > now
        }
        // What was published after it goes over it.
        DriftKind::Foreign { seq } => *seq == now,
    }
}

impl Found {
    fn behind(&mut self, Expected { config, identity, .. }: Expected) {
        self.behind.entry(config.env.clone()).or_default().push((config, identity.seq));
    }

    fn halved(&mut self, Expected { config, identity, .. }: Expected) {
        self.halved.entry(config.env.clone()).or_default().push((config, identity.seq));
    }

    fn ahead(&mut self, entry: Entry, live: u64) {
        let kind = DriftKind::Ahead { live, seq: entry.meta.seq };
        self.drifts.push(FoundDrift { config: entry.config, kind, document: Some(entry.document) });
    }

    fn foreign(&mut self, config: ConfigId, seq: u64) {
        self.drifts.push(FoundDrift { config, kind: DriftKind::Foreign { seq }, document: None });
    }
}
