//! Compares SQL with the channel. Lost releases are delivered again. Drift is reported to people, who resolve it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{Publisher, failure::unavailable};
use crate::{
    channel::{Channel, DamagedKey, Lock},
    domain::{
        drift::DriftKind,
        entry::{Entry, Identity},
        error::{Error, Result, StateConflict},
        names::{ConfigId, EnvName},
    },
    service::{FoundDrift, Repair, Service, now},
    storage::ExpectedRelease,
    tasks::{Task, TaskHandle},
    texts::Lang,
};

/// Interval between comparisons without a disturbance.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(30);
/// Minimum interval between comparisons.
const MIN_RECONCILE_INTERVAL: Duration = Duration::from_secs(2);
/// Delay of a comparison after a foreign write, because such writes usually come in groups.
const RECONCILE_DEBOUNCE: Duration = Duration::from_millis(200);
/// Delay before a retry when SQL or the channel did not answer.
const RETRY_DELAY: Duration = Duration::from_secs(2);
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of releases written again in one transaction. If they do not fit, each is written alone.
const MAX_BATCH: usize = 50;

/// Result of a comparison.
#[derive(Debug, Default)]
struct ComparisonResult {
    /// Releases that the channel lacks, by environment.
    behind: BTreeMap<EnvName, Vec<(ConfigId, u64)>>,
    /// Releases of which the channel lacks the document or the metadata, by environment.
    half_missing: BTreeMap<EnvName, Vec<(ConfigId, u64)>>,
    drifts: Vec<FoundDrift>,
    /// Releases in the channel whose config has a later release in the outbox, with the number of the later release.
    before_outbox: Vec<(ConfigId, Identity, u64)>,
    /// Removals of configs of which the channel still holds an earlier release.
    unremoved: Vec<(Entry, Identity)>,
    /// Removals that the channel lacks.
    missing_removals: Vec<Entry>,
}

impl Publisher {
    /// Returns the background task that compares.
    pub fn reconciler_task(&self) -> Task {
        let publisher = self.clone();
        Task::looping("reconciler", Lang::task_reconciler, move |task| {
            let publisher = publisher.clone();
            async move { _ = task.until_stopped(publisher.keep_reconciled(&task)).await }
        })
    }

    /// Reconciles now, every 30 s and soon after each disturbance of the channel, for ever.
    async fn keep_reconciled(self, task: &TaskHandle) {
        let mut disturbances = self.channel.disturbances();
        loop {
            disturbances.mark_unchanged();
            let pause = match self.reconcile().await {
                Ok(written) => {
                    if written > 0 {
                        tracing::info!(releases = written, "delivered releases again that the channel lacked");
                    }
                    task.ran();
                    RECONCILE_INTERVAL
                }
                Err(error) => {
                    tracing::warn!(error = %error, "the channel could not be compared with the database, retrying");
                    task.failed(error.name(), &error);
                    RETRY_DELAY
                }
            };
            task.next_in(pause);
            let soonest = Instant::now() + MIN_RECONCILE_INTERVAL;
            if timeout(pause, disturbances.changed()).await.is_ok() {
                sleep(RECONCILE_DEBOUNCE).await;
                sleep_until(soonest).await;
            }
        }
    }

    /// Delivers releases again that the channel lacks, and records drift. Returns the number of releases that it
    /// delivered.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when SQL or the channel does not answer.
    pub async fn reconcile(&self) -> Result<usize> {
        let held = self.channel.ahead().await.map_err(unavailable)?.releases;
        // SQL comes first: then the listing has all releases that SQL calls delivered, and maybe later ones.
        let (expected, removals) = self.expected().await?;
        let mut comparison = Comparison::with(expected, removals);
        let listing = self.channel.list_by(|entry| comparison.compare(entry)).await.map_err(unavailable)?;
        let ComparisonResult {
            behind,
            half_missing: halved,
            mut drifts,
            before_outbox: before,
            unremoved,
            missing_removals,
        } = comparison.finish(listing.damaged);
        let removals: Vec<Entry> =
            unremoved.iter().map(|(removal, _)| removal.clone()).chain(missing_removals).collect();
        let unremoved = unremoved.into_iter().map(|(removal, there)| (removal.config, there, removal.meta.seq));
        drifts.extend(self.foreign_before_outbox(before.into_iter().chain(unremoved).collect()).await?);
        readers_ahead(&mut drifts, held);
        if !drifts.is_empty() {
            let (expected, removals) = self.expected().await?;
            let removed = removals.into_iter().map(|removal| (removal.config.clone(), removal.meta.identity()));
            let live = removed.chain(expected.into_iter().map(|e| (e.config, e.identity))).collect();
            drifts.retain_mut(|drift| is_still_drift(drift, &live));
        }
        let foreign: HashSet<ConfigId> = drifts.iter().map(|drift| drift.config.clone()).collect();
        self.report_drifts(drifts).await?;
        let behind = self.rewrite(behind, false).await?;
        self.rewrite_removals(removals.into_iter().filter(|removal| !foreign.contains(&removal.config))).await?;
        Ok(behind + self.rewrite(halved, true).await?)
    }

    /// Returns the live releases and the removals that the channel should hold.
    async fn expected(&self) -> Result<(Vec<ExpectedRelease>, Vec<Entry>)> {
        let mut db = self.db.read_snapshot().await?;
        Ok((db.expected_releases().await?, db.expected_removals().await?))
    }

    /// Writes removals again that the channel lacks: etcd was restored from a backup, or keys were deleted.
    async fn rewrite_removals(&self, removals: impl Iterator<Item = Entry>) -> Result<()> {
        let mut by_env: BTreeMap<EnvName, Vec<Entry>> = BTreeMap::new();
        for removal in removals {
            by_env.entry(removal.config.env.clone()).or_default().push(removal);
        }
        for (env, removals) in by_env {
            let lock = self.channel.lock(&env, LOCK_TIMEOUT).await.map_err(unavailable)?;
            let mut outcome = Ok(());
            for removal in &removals {
                match self.write_removal(&lock, removal).await {
                    // The next comparison reports it.
                    Err(failure) if failure.needs_person() => {}
                    done => outcome = done,
                }
                if outcome.is_err() {
                    break;
                }
            }
            lock.release().await;
            outcome?;
            tracing::info!(%env, removals = removals.len(), "wrote removals of configs again that the channel lacked");
        }
        Ok(())
    }

    /// Returns the configs that have a later release in the outbox, and in the channel a release that is not in the
    /// database. The publisher does not overwrite such a foreign write.
    async fn foreign_before_outbox(&self, before: Vec<(ConfigId, Identity, u64)>) -> Result<Vec<FoundDrift>> {
        let mut foreign = Vec::new();
        if !before.is_empty() {
            let mut db = self.db.read().await?;
            for (config, there, seq) in before {
                if db.is_stored_release(&config, &there).await? != Some(true) {
                    foreign.push(FoundDrift { config, kind: DriftKind::Foreign { seq }, document: None });
                }
            }
        }
        Ok(foreign)
    }

    /// Reports drifts to pages. New ones are logged and recorded in the audit.
    async fn report_drifts(&self, drifts: Vec<FoundDrift>) -> Result<()> {
        let service = Service::new(self.db.clone(), self.dispatch.clone());
        let mut noted = Ok(());
        for drift in self.dispatch.status.set_drifts(drifts, now()) {
            tracing::error!(config = %drift.config, "{}; an administrator has to decide", drift.kind);
            if noted.is_ok() {
                noted = service.record_drift(&drift).await;
            }
            if noted.is_err() {
                // The next comparison reports it as new, so that the audit gets it.
                self.dispatch.status.forget_drift(&drift.config);
            }
        }
        noted
    }

    async fn rewrite(&self, by_env: BTreeMap<EnvName, Vec<(ConfigId, u64)>>, repair: bool) -> Result<usize> {
        let mut written = 0;
        for (env, releases) in by_env {
            let lock = self.channel.lock(&env, LOCK_TIMEOUT).await.map_err(unavailable)?;
            let mut outcome = Ok(());
            for chunk in releases.chunks(MAX_BATCH) {
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
        // Leaves out releases that cannot be read. The storage reports them, and the others go on.
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
                self.write_releases(lock, &batch).await?;
            }
        }
        Ok(())
    }

    /// Does the repairs that people request, until the stop.
    pub(super) async fn do_requested_repairs(self, task: TaskHandle) {
        while let Some(Some(Repair { config, done })) = task.until_stopped(self.dispatch.repairs.next()).await {
            let outcome = match &config {
                Some(config) => self.repair(config).await,
                None => self.reconcile().await.map(drop),
            };
            // The request may have been cancelled. A failure is its answer, and no failure of this task.
            let _ = done.send(outcome);
            task.ran();
        }
    }

    /// Overwrites a config in the channel with its live release, and reconciles.
    async fn repair(&self, config: &ConfigId) -> Result<()> {
        let entry = {
            let mut db = self.db.read().await?;
            let live = db.live_seq(config).await?;
            db.entry(config, live).await?.ok_or_else(|| Error::NotFound(config.to_string()))?
        };
        let lock = self.channel.lock(&config.env, LOCK_TIMEOUT).await.map_err(unavailable)?;
        let repaired = self.channel.repair(&lock, &[entry]).await;
        lock.release().await;
        let already = repaired.map_err(unavailable)?.already;
        self.dispatch.notifier.notify([&config.env]);
        self.reconcile().await?;
        if already.is_empty() { Ok(()) } else { Err(Error::State(StateConflict::Ahead)) }
    }
}

/// The comparison of a listing of the channel with SQL. It keeps only differences, because all documents together may
/// need much memory.
struct Comparison {
    /// Releases not found in the channel yet.
    expected: BTreeMap<ConfigId, ExpectedRelease>,
    /// Removals of configs without a release, not found in the channel yet.
    removals: BTreeMap<ConfigId, Entry>,
    found: ComparisonResult,
}

impl Comparison {
    fn with(expected: Vec<ExpectedRelease>, removals: Vec<Entry>) -> Self {
        let expected: BTreeMap<_, _> = expected.into_iter().map(|e| (e.config.clone(), e)).collect();
        let removals = removals.into_iter().filter(|removal| !expected.contains_key(&removal.config));
        let removals = removals.map(|removal| (removal.config.clone(), removal)).collect();
        Self { expected, removals, found: ComparisonResult::default() }
    }

    /// Compares a release of the channel.
    fn compare(&mut self, entry: Entry) {
        let (seq, found) = (entry.meta.seq, &mut self.found);
        let Some(expected) = self.expected.remove(&entry.config) else {
            return match self.removals.remove(&entry.config) {
                Some(removal) if seq < removal.meta.seq => found.unremoved.push((removal, entry.meta.identity())),
                Some(removal) if seq > removal.meta.seq => found.add_ahead(entry, removal.meta.seq),
                Some(removal) if entry.has_identity(&removal.meta.identity()) => {}
                Some(_) => found.add_foreign(entry.config, seq),
                // The database does not know the config.
                None => found.add_ahead(entry, 0),
            };
        };
        let live = expected.identity.seq;
        if seq > live {
            found.add_ahead(entry, live);
        } else if entry.has_identity(&expected.identity) {
            // The channel holds the live release.
        } else if seq == live {
            found.add_foreign(entry.config, seq);
        } else if expected.delivered {
            found.add_behind(expected);
        } else {
            // The publisher delivers the later release, if it may overwrite this one.
            found.before_outbox.push((entry.config, entry.meta.identity(), live));
        }
    }

    /// Ends the comparison. The remaining configs have no release in the channel.
    fn finish(self, damaged: Vec<DamagedKey>) -> ComparisonResult {
        let halves = damaged.into_iter().filter_map(|damage| Some((damage.config?, damage.is_incomplete)));
        let (damaged, mut found): (HashMap<ConfigId, bool>, _) = (halves.collect(), self.found);
        for expected in self.expected.into_values().filter(|expected| expected.delivered) {
            match damaged.get(&expected.config) {
                Some(false) => found.add_foreign(expected.config, expected.identity.seq),
                Some(true) => found.add_half_missing(expected),
                None => found.add_behind(expected),
            }
        }
        for (config, removal) in self.removals {
            match damaged.get(&config) {
                Some(false) => found.add_foreign(config, removal.meta.seq),
                _ => found.missing_removals.push(removal),
            }
        }
        found
    }
}

/// Adds the configs of which a reader node holds a later release than the channel.
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

/// Returns whether this is still drift by the latest live releases: others publish while the channel is listed.
fn is_still_drift(drift: &mut FoundDrift, by_now: &HashMap<ConfigId, Identity>) -> bool {
    let now = by_now.get(&drift.config).map_or(0, |live| live.seq);
    match &mut drift.kind {
        DriftKind::Ahead { live, seq } | DriftKind::Held { live, seq } => {
            *live = now;
            *seq > now
        }
        // A later publish overwrites it.
        DriftKind::Foreign { seq } => *seq == now,
    }
}

impl ComparisonResult {
    fn add_behind(&mut self, ExpectedRelease { config, identity, .. }: ExpectedRelease) {
        self.behind.entry(config.env.clone()).or_default().push((config, identity.seq));
    }

    fn add_half_missing(&mut self, ExpectedRelease { config, identity, .. }: ExpectedRelease) {
        self.half_missing.entry(config.env.clone()).or_default().push((config, identity.seq));
    }

    fn add_ahead(&mut self, entry: Entry, live: u64) {
        let kind = DriftKind::Ahead { live, seq: entry.meta.seq };
        // A removal has no document that could be kept.
        let document = (!entry.meta.is_removal()).then_some(entry.document);
        self.drifts.push(FoundDrift { config: entry.config, kind, document });
    }

    fn add_foreign(&mut self, config: ConfigId, seq: u64) {
        self.drifts.push(FoundDrift { config, kind: DriftKind::Foreign { seq }, document: None });
    }
}
