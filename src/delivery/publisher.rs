//! Drains the outbox: a task on every node, one worker for each environment that has something due.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use super::{
    failure::{Failure, unavailable},
    hold::{DueChange, Frozen, Hold, Places},
};
use crate::{
    channel::{Channel, Delivered, Fault, Lock},
    domain::{
        entry::{Entry, Identity},
        error::{Error, Result},
        names::{ConfigId, EnvName},
        time::Time,
    },
    service::{Arrived, Dispatch, Late, Why, now},
    storage::Db,
    traces,
};

/// How often the outbox is looked at without anybody ringing: a command or another node may have filled it. Who filled it
/// has until the next look to deliver that: a second node at the same lock would only be in the way.
const LOOK: Duration = Duration::from_millis(500);
/// How long a worker waits for the lock before it says so and begins again.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// How long the lock is kept when nothing more is due: in a row of publishes only the first pays for it.
const LINGER: Duration = Duration::from_secs(1);
/// How often a lingering worker looks for what other nodes have accepted, when nothing is accepted here.
const LINGER_LOOK: Duration = Duration::from_millis(25);
/// How soon it does so after a delivery: in a pause between two publishes, not when the next one waits for it.
const LINGER_PAUSE: Duration = Duration::from_millis(10);
/// Pauses after a failure: the first and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// The shortest pause, whatever happens in the channel meanwhile.
const BREATH: Duration = Duration::from_millis(100);

/// Carries releases from SQL into the channel. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Publisher {
    pub(super) db: Db,
    pub(super) channel: Channel,
    pub(super) dispatch: Arc<Dispatch>,
    /// Environments that have a worker.
    working: Arc<Mutex<HashSet<EnvName>>>,
    /// A worker has ended.
    ended: Arc<Notify>,
    workers: TaskTracker,
    back_off: (Duration, Duration),
    pub(super) stop: CancellationToken,
}

impl Publisher {
    /// A publisher; nothing happens before [`Publisher::run`].
    #[must_use]
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

    /// The same with other pauses after a failure: the first and the longest.
    #[must_use]
    pub fn with_back_off(self, first: Duration, longest: Duration) -> Self {
        Self { back_off: (first, longest), ..self }
    }

    /// Delivers what is due, until told to stop; then finishes what is under way.
    pub async fn run(self) {
        let mut bell = self.dispatch.bell();
        let (mut look, mut seen) = (interval(LOOK), None);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.workers.spawn(self.clone().repair_what_is_asked());
        self.workers.spawn(self.clone().write_what_is_delivered());
        loop {
            let due = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                _ = bell.changed() => Ok(self.dispatch.rung()),
                () = self.ended.notified() => self.due_envs().await.map(|due| due.into_keys().collect()),
                _ = look.tick() => self.overdue_envs(&mut seen).await,
            };
            match due {
                Ok(envs) => self.start_workers(envs).await,
                Err(error) => tracing::warn!(error = %error, "the outbox cannot be read; trying again"),
            }
        }
        self.workers.close();
        self.workers.wait().await;
    }

    /// Environments with something due, and since when.
    async fn due_envs(&self) -> Result<BTreeMap<EnvName, Time>> {
        let due = self.db.read().await?.due_envs().await?;
        let envs = due.iter().map(|(env, _, since)| (env.clone(), *since)).collect();
        self.dispatch.set_due(due);
        Ok(envs)
    }

    /// Those in which the same was due at the look before; at the first look, all: who accepted it may be this node
    /// before it ended.
    async fn overdue_envs(&self, seen: &mut Option<BTreeMap<EnvName, Time>>) -> Result<BTreeSet<EnvName>> {
        let due = self.due_envs().await?;
        let before = seen.take();
        let is_overdue = |env: &EnvName, since| before.as_ref().is_none_or(|all| all.get(env) == Some(since));
        let due = seen.insert(due).iter().filter(|(env, since)| is_overdue(env, since));
        Ok(due.map(|(env, _)| env.clone()).collect())
    }

    /// Delivers what is due now and returns when nothing is: for a command beside no server.
    ///
    /// # Errors
    /// The first failure.
    pub async fn drain_once(&self) -> Result<()> {
        for env in self.due_envs().await?.into_keys() {
            let lock = self.channel.lock(&env, LOCK_WAIT).await.map_err(unavailable)?;
            let mut hold = self.hold(Places::new());
            let drained = self.drain(&env, &lock, &mut hold).await;
            lock.release().await;
            hold.write_marks().await.and(drained.map_err(Error::from))?;
        }
        Ok(())
    }

    async fn start_workers(&self, envs: BTreeSet<EnvName>) {
        let mut working = self.working.lock().await;
        for env in envs {
            if working.insert(env.clone()) {
                let publisher = self.clone();
                self.workers.spawn(async move {
                    publisher.work(&env).await;
                    publisher.working.lock().await.remove(&env);
                    // Something may have come between the last look and now.
                    publisher.ended.notify_one();
                });
            }
        }
    }

    /// Holds the lock of an environment and delivers until nothing is due, or until told to stop.
    async fn work(&self, env: &EnvName) {
        let (first, longest) = self.back_off;
        let (mut pause, mut bell, mut upsets) = (first, self.dispatch.bell(), self.channel.upsets());
        let mut places = Places::new();
        loop {
            // What waits for people is tried again, but what comes meanwhile does not wait with it.
            let rings = match self.work_locked(env, &mut places).await {
                Ok(frozen) if frozen.is_empty() => return,
                Ok(_) => true,
                Err(failure) => {
                    if matches!(failure, Failure::Channel(Fault::Busy { .. })) {
                        // It has waited already.
                        pause = BREATH;
                    }
                    self.say_late(env, failure).await;
                    false
                }
            };
            let upset = async {
                sleep(BREATH).await;
                upsets.changed().await
            };
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(longest),
                _ = upset => pause = first,
                _ = bell.changed(), if rings => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// `places` are those of changes that an earlier hold did not deliver, and become those that this one does not.
    async fn work_locked(&self, env: &EnvName, places: &mut Places) -> Result<Frozen, Failure> {
        if cfg!(feature = "without-outbox") {
            return self.push_once(env).await;
        }
        let place = places.values().next().cloned().or_else(|| self.dispatch.place(env));
        let span = traces::lock(place.as_ref(), env);
        let lock = self.channel.lock(env, LOCK_WAIT).instrument(span.clone()).await;
        let lock = lock.inspect_err(|fault| traces::failed(&span, fault.name()))?;
        drop(span);
        let mut hold = self.hold(std::mem::take(places));
        let done = self.drain_and_linger(env, &lock, &mut hold).await;
        lock.release().await;
        let frozen = std::mem::take(&mut hold.frozen);
        *places = std::mem::take(&mut hold.places);
        hold.write_marks().await?;
        done.map(|()| frozen)
    }

    /// Broken on purpose: forgets what is due before it is delivered, so that nobody tries again.
    async fn push_once(&self, env: &EnvName) -> Result<Frozen, Failure> {
        let mut hold = self.hold(Places::new());
        let changes = hold.due(env, None).await?.changes;
        for releases in changes.iter().filter_map(|change| change.releases.as_ref().ok()) {
            hold.delivered(releases, 0);
        }
        hold.write_marks().await?;
        let lock = self.channel.lock(env, LOCK_WAIT).await?;
        for change in &changes {
            self.deliver(env, &lock, change, &mut self.hold(Places::new())).await?;
        }
        lock.release().await;
        Ok(Frozen::default())
    }

    fn hold(&self, places: Places) -> Hold {
        Hold::new(self.db.clone(), self.channel.clone(), self.dispatch.clone(), places)
    }

    async fn drain_and_linger(&self, env: &EnvName, lock: &Lock, hold: &mut Hold) -> Result<(), Failure> {
        let (mut idle_since, mut looked, mut bell) = (Instant::now(), Instant::now(), self.dispatch.bell());
        loop {
            if self.drain(env, lock, hold).await? {
                idle_since = Instant::now();
            }
            // What waits for people is not read again and again.
            if self.stop.is_cancelled() || idle_since.elapsed() > LINGER || !hold.frozen.is_empty() {
                return Ok(());
            }
            if looked.elapsed() > LINGER_LOOK {
                if self.channel.contended(lock).await {
                    return Ok(());
                }
                looked = Instant::now();
            }
            let pause = if hold.asked_at.elapsed() > LINGER_PAUSE { LINGER_PAUSE } else { LINGER_LOOK };
            let rung = timeout(pause, bell.changed()).await.is_ok();
            if !rung && !self.db.has_one_writer() {
                self.dispatch.marks.want();
            }
        }
    }

    /// Delivers everything that is due in an environment, change by change in the order of acceptance. True when
    /// there was something. A change that the channel does not take is frozen and left to people, with everything
    /// that comes after it in its configs; the others go on.
    async fn drain(&self, env: &EnvName, lock: &Lock, hold: &mut Hold) -> Result<bool, Failure> {
        let (mut any, mut after) = (false, None);
        loop {
            let page = hold.due(env, after.as_ref()).await?;
            for change in page.changes {
                if hold.frozen.touches(&change) {
                    hold.frozen.add(&change);
                    continue;
                }
                match self.deliver(env, lock, &change, hold).await {
                    Ok(()) => any = true,
                    Err(failure) if failure.is_for_people() => {
                        let decided = self.decided(&change, &failure).await?;
                        hold.frozen.add_but(&change, decided.as_ref());
                        self.say_late(env, failure).await;
                    }
                    Err(other) => return Err(other),
                }
            }
            after = page.next;
            if after.is_none() {
                if hold.frozen.is_empty() {
                    self.dispatch.on_time(env);
                }
                return Ok(any);
            }
        }
    }

    async fn deliver(&self, env: &EnvName, lock: &Lock, due: &DueChange, hold: &mut Hold) -> Result<(), Failure> {
        let change = due.id.clone();
        let releases = due.releases.as_ref().map_err(Failure::clone)?;
        let span = traces::delivery(hold.places.get(&change), env, &change, releases.len());
        let done = self.bring(lock, releases).instrument(span.clone()).await;
        let done = done.inspect_err(|failure| traces::failed(&span, failure.name()))?;
        drop(span);
        hold.places.remove(&change);
        releases.iter().for_each(|e| self.dispatch.meter.delivered(now().ms_since(e.meta.published_at)));
        let many = hold.delivered(releases, done.revision);
        // Who waits for the answer is told first; SQL is told so that nobody delivers it again.
        self.dispatch.arrived(Arrived { change, env: env.clone(), revision: done.revision });
        if many {
            hold.write_marks().await?;
        }
        Ok(())
    }

    /// Brings releases into the channel, all or none. Of configs where a later one is there already, which the database
    /// knows of, nothing is to be brought.
    pub(super) async fn bring(&self, lock: &Lock, releases: &[Entry]) -> Result<Delivered, Failure> {
        let done = match self.channel.deliver(lock, releases).await {
            Err(Fault::Overtaken(later)) => {
                self.check_ahead(&later).await?;
                let is_left = |entry: &&Entry| !later.iter().any(|(config, _)| *config == entry.config);
                let left: Vec<Entry> = releases.iter().filter(is_left).cloned().collect();
                self.channel.deliver(lock, &left).await
            }
            done => done,
        }?;
        self.check_ahead(&done.already).await?;
        Ok(done)
    }

    /// Returns the config that a change fails at because of a later number in the channel, when the database has gone past
    /// that number: people have decided, and what they made comes after this change and must not wait with it.
    async fn decided(&self, change: &DueChange, failure: &Failure) -> Result<Option<ConfigId>> {
        let (Failure::Ahead { config, seq } | Failure::Channel(Fault::Mismatch { config, seq })) = failure else {
            return Ok(None);
        };
        let is_older = change.configs.iter().any(|(own, number)| own == config && number < seq);
        let is_past = is_older && self.db.read().await?.live_seq(config).await? >= *seq;
        Ok(is_past.then(|| config.clone()))
    }

    /// Checks that a release which is in the channel already is this one, or one that followed it by the database.
    async fn check_ahead(&self, already: &[(ConfigId, Identity)]) -> Result<(), Failure> {
        if already.is_empty() {
            return Ok(());
        }
        let mut db = self.db.read().await?;
        for (config, there) in already {
            let (config, seq) = (config.clone(), there.seq);
            match db.knows(&config, there).await? {
                None => return Err(Failure::Ahead { config, seq }),
                Some(false) => return Err(Fault::Mismatch { config, seq }.into()),
                Some(true) => {}
            }
        }
        Ok(())
    }

    async fn say_late(&self, env: &EnvName, failure: Failure) {
        tracing::warn!(env = %env, error = %failure, "delivery is late");
        let why = match failure {
            Failure::Channel(Fault::Busy { .. }) => Why::Busy,
            Failure::Channel(Fault::Mismatch { config, seq }) => Why::Mismatch(config, seq),
            Failure::Channel(fault) => Why::Channel(Some(fault.to_string())),
            Failure::Ahead { config, seq } => Why::Ahead(config, seq),
            Failure::Unreadable { config, seq, .. } => Why::Unreadable(config, seq),
            // The database is said to be away where it is asked.
            Failure::Database(Error::Unavailable { .. }) => return,
            Failure::Database(_) => Why::Slow,
        };
        let (waiting, since) = self.waiting(env).await.unwrap_or((0, now()));
        self.dispatch.set_late(Late { env: env.clone(), since, why, waiting });
    }

    async fn waiting(&self, env: &EnvName) -> Result<(u64, Time)> {
        let due = self.db.read().await?.due_envs().await?;
        Ok(due.into_iter().find(|(e, ..)| e == env).map_or((0, now()), |(_, n, at)| (n, at)))
    }
}
