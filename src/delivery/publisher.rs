//! Drains the outbox: a background task on every node, with one worker for each environment that has releases in it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use super::{
    failure::{Failure, unavailable},
    session::{BlockedConfigs, LockSession, OutboxChange, ParentSpans},
};
use crate::{
    channel::{Channel, ChannelError, Delivered, Lock},
    domain::{
        entry::{Entry, Identity},
        error::{Error, Result},
        names::{ConfigId, EnvName},
        time::Time,
    },
    service::{Arrival, DelayReason, Dispatch, LateEnv, detached, now},
    storage::Db,
    tasks::{Task, TaskDriver, TaskHandle, panic_text},
    texts::Lang,
    traces,
};

/// Interval between polls of the outbox when nothing notifies the worker: a command or another node may have filled it.
/// The node that accepted a release has one interval to deliver it, because a second node would only block the lock.
const OUTBOX_POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Timeout of a wait for the lock. After it the worker reports the environment as late and retries.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for which an idle worker keeps the lock, so that only the first of several publishes waits for it.
const MAX_IDLE: Duration = Duration::from_secs(1);
/// Interval between reads of the outbox by an idle worker, for releases that other nodes accepted.
const IDLE_POLL_INTERVAL: Duration = Duration::from_millis(25);
/// Delay before the first of these reads after a delivery. It keeps the read out of the way of the next publish.
const IDLE_POLL_DELAY: Duration = Duration::from_millis(10);
/// Retry delays after a failure: the first and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Minimum retry delay, also when the channel reports a change.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Maximum number of removals that are delivered before the next read of the outbox.
const MAX_REMOVALS: u32 = 20;

/// Carries releases from SQL into the channel. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Publisher {
    pub(super) db: Db,
    pub(super) channel: Channel,
    pub(super) dispatch: Arc<Dispatch>,
    /// Environments that have a worker. The value is true after a panic of the worker, until a successor may start.
    working: Arc<Mutex<HashMap<EnvName, bool>>>,
    /// Notified when a worker has ended.
    ended: Arc<Notify>,
    workers: TaskTracker,
    back_off: (Duration, Duration),
    pub(super) stop: CancellationToken,
}

impl Publisher {
    /// Returns a publisher. It does nothing before its tasks run.
    pub fn new(db: Db, channel: Channel, dispatch: Arc<Dispatch>, stop: CancellationToken) -> Self {
        Self {
            db,
            channel,
            dispatch,
            working: Arc::default(),
            ended: Arc::default(),
            workers: TaskTracker::new(),
            back_off: BACK_OFF,
            stop,
        }
    }

    /// Sets the retry delays after a failure: the first and the longest.
    #[must_use]
    pub fn with_back_off(self, first: Duration, longest: Duration) -> Self {
        Self { back_off: (first, longest), ..self }
    }

    /// Returns the background task that drains the outbox.
    pub fn delivery_task(&self) -> Task {
        let publisher = self.clone();
        Task::looping("publisher", Lang::task_publisher, move |task| publisher.clone().drain_outbox(task))
    }

    /// Returns the background task that does the repairs that people request.
    pub fn repairs_task(&self) -> Task {
        let publisher = self.clone();
        Task::looping("repairs", Lang::task_repairs, move |task| publisher.clone().do_requested_repairs(task))
    }

    /// Returns the background task that stores delivery acknowledgements.
    pub fn acks_task(&self) -> Task {
        let publisher = self.clone();
        Task::looping("delivery_acks", Lang::task_delivery_acks, move |task| publisher.clone().keep_acks_stored(task))
    }

    /// Runs the tasks of delivery until the stop, and waits until they have ended: for a command.
    pub async fn run(self) {
        let driver = TaskDriver::new(now, self.stop.clone());
        driver.start([self.delivery_task(), self.repairs_task(), self.acks_task()]);
        self.stop.cancelled().await;
        driver.end().await;
    }

    /// Drains the outbox until the stop. Then finishes the deliveries in progress.
    async fn drain_outbox(self, task: TaskHandle) {
        let mut notified = self.dispatch.notifier.subscribe();
        let (mut look, mut seen) = (interval(OUTBOX_POLL_INTERVAL), None);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                _ = notified.changed() => Ok(self.dispatch.notifier.take_notified()),
                () = self.ended.notified() => self.outbox_envs().await.map(|due| due.into_keys().collect()),
                _ = look.tick() => self.overdue_envs(&mut seen).await,
            };
            match due {
                Ok(envs) => {
                    self.start_workers(envs, &task).await;
                    let working = self.working.lock().await;
                    // The lock is held, so that a worker reports its panic afterwards.
                    if !working.values().any(|panicked| *panicked) {
                        task.ran();
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %error, "the outbox could not be read, retrying");
                    task.failed(error.name(), &error);
                }
            }
        }
        self.workers.close();
        self.workers.wait().await;
    }

    /// Returns the environments with releases or removals in the outbox, each with the time of the oldest.
    async fn outbox_envs(&self) -> Result<BTreeMap<EnvName, Time>> {
        let due = self.db.read().await?.outbox_envs().await?;
        let envs = due.iter().map(|(env, _, since)| (env.clone(), *since)).collect();
        self.dispatch.status.set_outbox(due);
        Ok(envs)
    }

    /// Returns the environments whose oldest release was in the outbox at the last poll already. The first poll returns
    /// all environments with releases, because this node may have accepted them before it restarted.
    async fn overdue_envs(&self, seen: &mut Option<BTreeMap<EnvName, Time>>) -> Result<BTreeSet<EnvName>> {
        let due = self.outbox_envs().await?;
        let before = seen.take();
        let is_overdue = |env: &EnvName, since| before.as_ref().is_none_or(|all| all.get(env) == Some(since));
        let due = seen.insert(due).iter().filter(|(env, since)| is_overdue(env, since));
        Ok(due.map(|(env, _)| env.clone()).collect())
    }

    /// Drains the outbox once and returns. It is for commands that run without a server.
    ///
    /// # Errors
    /// The first failure.
    pub async fn drain_once(&self) -> Result<()> {
        for env in self.outbox_envs().await?.into_keys() {
            let lock = self.channel.lock(&env, LOCK_TIMEOUT).await.map_err(unavailable)?;
            let mut session = self.session(ParentSpans::new());
            let drained = self.drain(&env, &lock, &mut session).await;
            lock.release().await;
            self.flush_acks().await.and(drained.map_err(Error::from))?;
        }
        Ok(())
    }

    async fn start_workers(&self, envs: BTreeSet<EnvName>, task: &TaskHandle) {
        let mut working = self.working.lock().await;
        for env in envs {
            if let hash_map::Entry::Vacant(free) = working.entry(env.clone()) {
                free.insert(false);
                let (publisher, task) = (self.clone(), task.clone());
                self.workers.spawn(async move {
                    if let Err(panic) = AssertUnwindSafe(publisher.work(&env)).catch_unwind().await {
                        let why = panic_text(&*panic);
                        tracing::error!(env = %env, error = why, "a delivery worker panicked");
                        publisher.working.lock().await.insert(env.clone(), true);
                        task.failed("panicked", &format_args!("{env}: {why}"));
                        // The next worker starts after a delay, because it may panic at once, too.
                        task.until_stopped(sleep(publisher.back_off.1)).await;
                    }
                    publisher.working.lock().await.remove(&env);
                    // A release may have been accepted since the worker's last poll.
                    publisher.ended.notify_one();
                });
            }
        }
    }

    /// Delivers in lock sessions until the outbox has nothing for the environment, or the server stops.
    async fn work(&self, env: &EnvName) {
        let (first, longest) = self.back_off;
        let (mut pause, mut notified, mut disturbances) =
            (first, self.dispatch.notifier.subscribe(), self.channel.disturbances());
        let mut trace_parents = ParentSpans::new();
        loop {
            // Blocked changes are retried after a delay, but new changes wake the worker at once.
            let wakes = match self.work_locked(env, &mut trace_parents).await {
                Ok(blocked) if blocked.is_empty() => return,
                Ok(_) => true,
                Err(failure) => {
                    if matches!(failure, Failure::Channel(ChannelError::Busy { .. })) {
                        // The worker has waited for the lock already.
                        pause = MIN_RETRY_DELAY;
                    }
                    self.report_late(env, failure).await;
                    false
                }
            };
            let disturbance = async {
                sleep(MIN_RETRY_DELAY).await;
                disturbances.changed().await
            };
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(longest),
                _ = disturbance => pause = first,
                _ = notified.changed(), if wakes => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Works in one lock session. `trace_parents` holds those of changes that earlier sessions did not deliver.
    /// Afterwards it holds those that this one did not deliver.
    async fn work_locked(&self, env: &EnvName, trace_parents: &mut ParentSpans) -> Result<BlockedConfigs, Failure> {
        let parent = trace_parents.values().next().cloned().or_else(|| self.dispatch.trace_parents.any(env));
        let span = traces::lock(parent.as_ref(), env);
        let lock = self.channel.lock(env, LOCK_TIMEOUT).instrument(span.clone()).await;
        let lock = lock.inspect_err(|error| traces::failed(&span, error.name()))?;
        drop(span);
        let mut session = self.session(std::mem::take(trace_parents));
        let done = self.drain_until_idle(env, &lock, &mut session).await;
        lock.release().await;
        *trace_parents = session.trace_parents;
        self.flush_acks().await?;
        done.map(|()| session.blocked)
    }

    fn session(&self, trace_parents: ParentSpans) -> LockSession {
        LockSession::new(self.db.clone(), self.dispatch.clone(), trace_parents)
    }

    /// Stores all pending acknowledgements in one transaction.
    pub(super) async fn flush_acks(&self) -> Result<()> {
        if self.dispatch.fast_path.acks.flush(&self.db).await? {
            self.dispatch.status.report_change();
        }
        Ok(())
    }

    /// Delivers until the environment has been idle for [`MAX_IDLE`], another node waits for the lock, or the server
    /// stops.
    async fn drain_until_idle(&self, env: &EnvName, lock: &Lock, session: &mut LockSession) -> Result<(), Failure> {
        let (mut idle_since, mut waiters_checked_at, mut notified) =
            (Instant::now(), Instant::now(), self.dispatch.notifier.subscribe());
        loop {
            if self.drain(env, lock, session).await? {
                idle_since = Instant::now();
            }
            // Blocked changes stay in the outbox: the worker does not poll them.
            if self.stop.is_cancelled() || idle_since.elapsed() > MAX_IDLE || !session.blocked.is_empty() {
                return Ok(());
            }
            if waiters_checked_at.elapsed() > IDLE_POLL_INTERVAL {
                if self.channel.has_waiters(lock).await {
                    return Ok(());
                }
                waiters_checked_at = Instant::now();
            }
            let pause =
                if session.outbox_read_at.elapsed() > IDLE_POLL_DELAY { IDLE_POLL_DELAY } else { IDLE_POLL_INTERVAL };
            let was_notified = timeout(pause, notified.changed()).await.is_ok();
            if !was_notified && !self.db.has_one_writer() {
                self.dispatch.fast_path.acks.request_flush();
            }
        }
    }

    /// Delivers the outbox of an environment, change by change in the order of acceptance. Returns whether any change
    /// was delivered. A change that only a person can resolve blocks its configs. Others are delivered.
    async fn drain(&self, env: &EnvName, lock: &Lock, session: &mut LockSession) -> Result<bool, Failure> {
        let (mut any, mut after, read_at) = (false, None, session.outbox_read_at);
        loop {
            let page = session.outbox_page(env, after.as_ref()).await?;
            for change in page.changes {
                if session.blocked.touches(&change) {
                    session.blocked.add(&change);
                    continue;
                }
                match self.deliver(env, lock, &change, session).await {
                    Ok(()) => any = true,
                    Err(failure) if failure.needs_person() => {
                        let decided = self.resolved_config(&change, &failure).await?;
                        session.blocked.add_except(&change, decided.as_ref());
                        self.report_late(env, failure).await;
                    }
                    Err(other) => return Err(other),
                }
            }
            after = page.next;
            if after.is_none() {
                // Removals are in SQL alone.
                if session.outbox_read_at != read_at {
                    any |= self.deliver_removals(env, lock, session).await?;
                }
                if session.blocked.is_empty() {
                    self.dispatch.status.clear_late(env);
                }
                return Ok(any);
            }
        }
    }

    /// Delivers removals of an environment. Returns whether any was delivered. The documents of removed configs are
    /// deleted after all releases of earlier changes are delivered. A foreign write under a removed name is left alone
    /// and reported, until a person deletes it.
    async fn deliver_removals(&self, env: &EnvName, lock: &Lock, session: &mut LockSession) -> Result<bool, Failure> {
        let due = self.db.read().await?.due_removals(env, MAX_REMOVALS).await?;
        let mut any = false;
        for removal in due {
            if session.blocked.has(&removal.config) {
                continue;
            }
            match self.deliver_removal(lock, &removal).await {
                Ok(()) => any = true,
                Err(failure) if failure.needs_person() => {
                    session.blocked.add_config(removal.config);
                    self.report_late(env, failure).await;
                }
                Err(other) => return Err(other),
            }
        }
        Ok(any)
    }

    async fn deliver_removal(&self, lock: &Lock, removal: &Entry) -> Result<(), Failure> {
        self.write_removal(lock, removal).await?;
        let (db, removal) = (self.db.clone(), removal.clone());
        let done = detached(async move {
            let mut tx = db.write().await?;
            tx.mark_removed(&removal).await?;
            tx.commit().await
        });
        Ok(done.await?)
    }

    /// Writes a removal into the channel, unless that holds a release that the database does not know.
    pub(super) async fn write_removal(&self, lock: &Lock, removal: &Entry) -> Result<(), Failure> {
        let removal = std::slice::from_ref(removal);
        let held = self.channel.held(removal).await?;
        let held = removal.iter().zip(held).filter_map(|(of, held)| Some((of.config.clone(), held?)));
        self.check_ahead(&held.collect::<Vec<_>>()).await?;
        self.write_releases(lock, removal).await?;
        Ok(())
    }

    async fn deliver(
        &self,
        env: &EnvName,
        lock: &Lock,
        due: &OutboxChange,
        session: &mut LockSession,
    ) -> Result<(), Failure> {
        let change = due.id.clone();
        let releases = due.releases.as_ref().map_err(Failure::clone)?;
        let span = traces::delivery(session.trace_parents.get(&change), env, &change, releases.len());
        let done = self.write_releases(lock, releases).instrument(span.clone()).await;
        let done = done.inspect_err(|failure| traces::failed(&span, failure.name()))?;
        drop(span);
        session.trace_parents.remove(&change);
        releases.iter().for_each(|e| self.dispatch.status.meter.delivered(now().ms_since(e.meta.published_at)));
        let is_full = session.acknowledge(releases, done.revision).await?;
        // The answer to the publish does not wait for pending acknowledgements.
        self.dispatch.status.report_arrival(Arrival { change, env: env.clone(), revision: done.revision });
        if is_full {
            self.flush_acks().await?;
        }
        Ok(())
    }

    /// Writes releases into the channel, all or none. A config is skipped if the channel holds a later release of it
    /// that the database knows.
    pub(super) async fn write_releases(&self, lock: &Lock, releases: &[Entry]) -> Result<Delivered, Failure> {
        let done = match self.deliver_and_remember(lock, releases).await {
            Err(ChannelError::Overtaken(later)) => {
                self.check_ahead(&later).await?;
                let is_left = |entry: &&Entry| !later.iter().any(|(config, _)| *config == entry.config);
                let left: Vec<Entry> = releases.iter().filter(is_left).cloned().collect();
                self.deliver_and_remember(lock, &left).await
            }
            done => done,
        }?;
        self.check_ahead(&done.already).await?;
        Ok(done)
    }

    /// Delivers releases and remembers those that were written.
    async fn deliver_and_remember(&self, lock: &Lock, releases: &[Entry]) -> Result<Delivered, ChannelError> {
        let done = self.channel.deliver(lock, releases).await?;
        let is_written = |entry: &&Entry| !done.already.iter().any(|(config, _)| *config == entry.config);
        self.dispatch.fast_path.remember_writes(releases.iter().filter(is_written));
        Ok(done)
    }

    /// Returns the config at which a change fails because of a later number in the channel, if the database is past
    /// that number. Then a person has resolved it, and the releases made since must not wait for this change.
    async fn resolved_config(&self, change: &OutboxChange, failure: &Failure) -> Result<Option<ConfigId>> {
        let (Failure::Ahead { config, seq } | Failure::Channel(ChannelError::Mismatch { config, seq })) = failure
        else {
            return Ok(None);
        };
        let is_older = change.configs.iter().any(|(own, number)| own == config && number < seq);
        let is_past = is_older && self.db.read().await?.live_seq(config).await? >= *seq;
        Ok(is_past.then(|| config.clone()))
    }

    /// Checks that the database knows each release that the channel already holds.
    async fn check_ahead(&self, already: &[(ConfigId, Identity)]) -> Result<(), Failure> {
        if already.is_empty() {
            return Ok(());
        }
        let mut db = self.db.read().await?;
        for (config, there) in already {
            let (config, seq) = (config.clone(), there.seq);
            match db.is_stored_release(&config, there).await? {
                None => return Err(Failure::Ahead { config, seq }),
                Some(false) => return Err(ChannelError::Mismatch { config, seq }.into()),
                Some(true) => {}
            }
        }
        Ok(())
    }

    async fn report_late(&self, env: &EnvName, failure: Failure) {
        tracing::warn!(env = %env, reason = failure.name(), error = %failure, "delivery is late");
        let why = match failure {
            Failure::Channel(ChannelError::Busy { .. }) => DelayReason::Busy,
            Failure::Channel(ChannelError::Mismatch { config, seq }) => DelayReason::Mismatch(config, seq),
            Failure::Channel(error) => DelayReason::Channel(Some(error.to_string())),
            Failure::Ahead { config, seq } => DelayReason::Ahead(config, seq),
            Failure::Unreadable { config, seq, .. } => DelayReason::Unreadable(config, seq),
            // An unavailable database is reported where it is used.
            Failure::Database(Error::Unavailable { .. }) => return,
            Failure::Database(_) => DelayReason::Slow,
        };
        let (waiting, since) = self.outbox_size(env).await.unwrap_or((0, now()));
        self.dispatch.status.set_late(LateEnv { env: env.clone(), since, reason: why, waiting });
    }

    async fn outbox_size(&self, env: &EnvName) -> Result<(u64, Time)> {
        let due = self.db.read().await?.outbox_envs().await?;
        Ok(due.into_iter().find(|(e, ..)| e == env).map_or((0, now()), |(_, n, at)| (n, at)))
    }
}
