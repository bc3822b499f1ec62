//! Delivery as pages show it: late releases and the reason, the holder of the lock, delivery times.

use super::{LateEnv, Service, detached, publish::POLL_INTERVAL, record};
use crate::{
    channel::{ChannelError, Holder},
    domain::{
        access::Actor,
        audit::Event,
        catalog::Env,
        drift::Drift,
        error::{Dependency, Error, Result},
        names::EnvName,
        release::Release,
        time::Time,
    },
    storage::Conn,
};

/// Maximum number of recent releases that the page of an environment considers.
const RECENT_RELEASES: u32 = 100;

/// The delivery of an environment.
#[derive(Clone, Debug)]
pub struct EnvDelivery {
    /// The environment.
    pub env: Env,
    /// The reason why releases are late, if they are.
    pub late: Option<LateEnv>,
    /// The number of releases that wait for delivery.
    pub waiting: u64,
    /// Drift between the channel and the database, in configs that the actor sees.
    pub drifts: Vec<Drift>,
    /// The newest releases that the actor sees, the newest first.
    pub releases: Vec<Release>,
}

/// The state of the lock of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockState {
    /// No node holds it.
    Free,
    /// A node holds it.
    Held(Holder),
    /// The channel does not answer. Only administrators get its error.
    Unknown(Option<String>),
}

impl EnvDelivery {
    /// Returns the times from acceptance to delivery in milliseconds, the shortest first.
    pub fn delivery_times(&self) -> Vec<i64> {
        let took = |release: &Release| Some(release.delivered_at?.ms_since(release.accepted_at).max(0));
        let mut took: Vec<i64> = self.releases.iter().filter_map(took).collect();
        took.sort_unstable();
        took
    }
}

impl Service {
    /// Returns the delivery of all environments of which the actor sees something, in their order.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn deliveries(&self, actor: &Actor) -> Result<Vec<EnvDelivery>> {
        self.dispatch.fast_path.acks.flushed(POLL_INTERVAL).await;
        let mut db = self.db.read().await?;
        let (due, mut all) = (db.outbox_envs().await?, Vec::new());
        for env in db.envs().await?.into_iter().filter(|env| actor.sees_any_of_env(&env.name)) {
            all.push(self.delivery_of(&mut db, actor, env, &due).await?);
        }
        Ok(all)
    }

    /// Returns the delivery of one environment.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the actor sees nothing of the environment.
    pub async fn delivery_to(&self, actor: &Actor, env: &EnvName) -> Result<EnvDelivery> {
        self.dispatch.fast_path.acks.flushed(POLL_INTERVAL).await;
        let mut db = self.db.read().await?;
        let found = db.env(env).await?.filter(|env| actor.sees_any_of_env(&env.name));
        let env = found.ok_or_else(|| Error::NotFound(env.to_string()))?;
        let due = db.outbox_envs().await?;
        self.delivery_of(&mut db, actor, env, &due).await
    }

    async fn delivery_of(
        &self,
        db: &mut Conn,
        actor: &Actor,
        env: Env,
        due: &[(EnvName, u64, Time)],
    ) -> Result<EnvDelivery> {
        let mut releases = db.releases_in(&env.name, RECENT_RELEASES).await?;
        releases.retain(|release| actor.may_view(&release.config).is_ok());
        Ok(EnvDelivery {
            late: self.late(actor).into_iter().find(|late| late.env == env.name),
            waiting: due.iter().find(|(name, ..)| *name == env.name).map_or(0, |(_, n, _)| *n),
            drifts: self.drifts(actor).into_iter().filter(|drift| drift.config.env == env.name).collect(),
            releases,
            env,
        })
    }

    /// Returns the state of the lock of an environment.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the actor sees nothing of the environment.
    pub async fn lock_of(&self, actor: &Actor, env: &EnvName) -> Result<LockState> {
        if !actor.sees_any_of_env(env) {
            return Err(Error::NotFound(env.to_string()));
        }
        let Some(channel) = &self.channel else { return Ok(LockState::Free) };
        Ok(match channel.holder(env).await {
            Ok(Some(holder)) => LockState::Held(holder),
            Ok(None) => LockState::Free,
            Err(fault) => LockState::Unknown(actor.is_administrator().then(|| fault.to_string())),
        })
    }

    /// Releases the lock of an environment by force. A live holder can no longer write and starts a new session.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the actor is an administrator; [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn free_lock(&self, actor: &Actor, env: &EnvName) -> Result<()> {
        actor.may_administer()?;
        let (service, actor, env) = (self.clone(), actor.clone(), env.clone());
        // The audit event is recorded first, so the lock must be freed even if the client goes away.
        detached(async move {
            let mut tx = service.db.write().await?;
            tx.env(&env).await?.ok_or_else(|| Error::NotFound(env.to_string()))?;
            record(&mut tx, &actor, &Event::LockFreed { env: env.clone() }).await?;
            tx.commit().await?;
            if let Some(channel) = &service.channel {
                let away =
                    |fault: ChannelError| Error::Unavailable { part: Dependency::Channel, detail: fault.to_string() };
                channel.force_release(&env).await.map_err(away)?;
            }
            service.dispatch.notifier.notify([&env]);
            Ok(())
        })
        .await
    }

    /// Returns the time at which this node last compared the channel with the database.
    pub fn compared_at(&self) -> Option<Time> {
        self.dispatch.status.compared_at()
    }

    /// Compares the channel with the database now and delivers missing releases again.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the actor is an administrator; [`Error::Unavailable`].
    pub async fn deliver_again(&self, actor: &Actor, env: &EnvName) -> Result<()> {
        actor.may_administer()?;
        self.dispatch.notifier.notify([env]);
        self.record_and_repair(actor, Event::ChannelCompared { env: env.clone() }, None).await
    }

    /// Returns a receiver that changes whenever pages about delivery are out of date.
    pub fn delivery_changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.dispatch.status.changes()
    }
}
