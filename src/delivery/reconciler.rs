//! Compares SQL with the channel: what the channel lost is delivered again; where it holds something else, people are
//! told and decide.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{Publisher, publisher::unavailable};
use crate::{
    channel::{Channel, Damage, Entry, Lock},
    domain::{
        drift::DriftKind,
        error::{Error, Result, State},
        names::{ConfigId, EnvName},
    },
    service::{Departed, Repair, Service, now},
    storage::Expected,
};

/// How often both are compared when nothing happens.
const EVERY: Duration = Duration::from_secs(30);
/// How soon after a comparison another one may follow, whatever happens.
const SOON: Duration = Duration::from_secs(2);
/// Who writes a key in the channel usually writes another one.
const SETTLED: Duration = Duration::from_millis(200);
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
    departed: Vec<Departed>,
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
                sleep(SETTLED).await;
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
        // In this order: what SQL says is delivered is there, and so may be what came after it.
        let expected = self.db.read().await?.expected().await?;
        let mut comparison = Comparison::with(expected);
        let listing = self.channel.list_by(|entry| comparison.look(entry)).await.map_err(unavailable)?;
        let Found { behind, halved, mut departed } = comparison.end(listing.damaged);
        if !departed.is_empty() {
            let expected = self.db.read().await?.expected().await?;
            let live = expected.into_iter().map(|e| (e.config, e.seq)).collect();
            departed.retain_mut(|departed| still_departs(departed, &live));
        }
        self.alarm(departed).await?;
        let behind = self.write_again(behind, false).await?;
        Ok(behind + self.write_again(halved, true).await?)
    }

    /// Keeps what departs where pages find it; what is new is logged and stands in the audit.
    async fn alarm(&self, departed: Vec<Departed>) -> Result<()> {
        let service = Service::new(self.db.clone(), self.dispatch.clone());
        let mut noted = Ok(());
        for drift in self.dispatch.set_drifts(departed, now()) {
            tracing::error!(config = %drift.config, "{}; an administrator has to decide", drift.kind);
            if noted.is_ok() {
                noted = service.note_drift(&drift).await;
            }
            if noted.is_err() {
                // What the audit does not know is found again as something new.
                self.dispatch.forget_drift(&drift.config);
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
    pub(super) async fn repair_what_is_asked(self) {
        let Some(mut asked) = self.dispatch.take_repairs() else { return };
        while let Some(Some(Repair { config, done })) = self.stop.run_until_cancelled(asked.recv()).await {
            let outcome = match &config {
                Some(config) => self.repair(config).await,
                None => self.reconcile().await.map(drop),
            };
            // Who asked may be gone.
            let _ = done.send(outcome);
        }
    }

    /// Writes the live release of a config into the channel again, whatever lies there; then looks what still departs.
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
        self.dispatch.ring([&config.env]);
        self.reconcile().await?;
        if already.is_empty() { Ok(()) } else { Err(Error::State(State::Ahead)) }
    }
}

/// Of the channel it keeps only what departs, whose documents may be many.
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
        match self.expected.remove(&entry.config) {
            // The database does not know of it.
            None => found.ahead(entry, 0),
            Some(expected) if seq > expected.seq => found.ahead(entry, expected.seq),
            // Still due: the publisher's.
            Some(expected) if !expected.delivered => {}
            Some(expected) if seq == expected.seq && entry.has(&expected.sha256) => {}
            Some(expected) if seq == expected.seq => found.foreign(entry.config, seq),
            Some(expected) => found.behind(expected),
        }
    }

    /// The rest has no release in the channel.
    fn end(self, damaged: Vec<Damage>) -> Found {
        let halves = damaged.into_iter().filter_map(|damage| Some((damage.config?, damage.lost)));
        let (damaged, mut found): (HashMap<ConfigId, bool>, _) = (halves.collect(), self.found);
        for expected in self.expected.into_values().filter(|expected| expected.delivered) {
            match damaged.get(&expected.config) {
                Some(false) => found.foreign(expected.config, expected.seq),
                Some(true) => found.halved(expected),
                None => found.behind(expected),
            }
        }
        found
    }
}

/// Whether this is still so by what the database says is live now: others publish while the channel is read.
fn still_departs(departed: &mut Departed, by_now: &HashMap<ConfigId, u64>) -> bool {
    let now = by_now.get(&departed.config).copied().unwrap_or_default();
    match &mut departed.kind {
        DriftKind::Ahead { live, seq } => {
            *live = now;
            *seq > now
        }
        // What was published after it goes over it.
        DriftKind::Foreign { seq } => *seq == now,
    }
}

impl Found {
    fn behind(&mut self, Expected { config, seq, .. }: Expected) {
        self.behind.entry(config.env.clone()).or_default().push((config, seq));
    }

    fn halved(&mut self, Expected { config, seq, .. }: Expected) {
        self.halved.entry(config.env.clone()).or_default().push((config, seq));
    }

    fn ahead(&mut self, entry: Entry, live: u64) {
        let kind = DriftKind::Ahead { live, seq: entry.meta.seq };
        self.departed.push(Departed { config: entry.config, kind, document: Some(entry.document) });
    }

    fn foreign(&mut self, config: ConfigId, seq: u64) {
        self.departed.push(Departed { config, kind: DriftKind::Foreign { seq }, document: None });
    }
}
