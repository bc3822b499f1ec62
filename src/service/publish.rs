//! Publishing and rolling back: one transaction makes the releases, then delivery is waited for a little.

use std::{collections::BTreeSet, time::Duration};

use tokio::{
    sync::broadcast,
    time::{Instant, sleep, timeout_at},
};

use super::{
    Idempotency, Save, Service, Why,
    changes::{ChangeConfig, check_configs, diffs, open},
    check_text,
    dispatch::Arrived,
    new_change_id, note, now,
    once::{Made, Work},
};
use crate::{
    domain::{
        access::{self, Actor, May},
        change::{Change, ChangeId, ChangeState},
        content::{Content, Format, Item, Items, sha256},
        diff::diff_sha256,
        error::{Error, Invalid, Problem, Result, State},
        names::{ConfigId, EnvName},
        release::{Delivery, Release},
        time::Time,
    },
    formats,
    storage::{Conn, Env, NewRelease},
};

/// How often a wait for delivery asks the database, for what another node delivers.
const ASK: Duration = Duration::from_millis(100);

/// Which change to publish, and what was looked at.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The change.
    pub change: ChangeId,
    /// SHA-256 of the difference that was looked at; none publishes whatever it is now.
    pub diff_sha256: Option<String>,
    /// Why; none keeps the change's own message.
    pub message: Option<String>,
    /// The name of the protected environment, typed; several separated by blanks or commas.
    pub confirm: String,
    /// To make a retry safe.
    pub idempotency: Option<Idempotency>,
}

/// Which config to roll back to which release.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// The config.
    pub config: ConfigId,
    /// The number of the release whose content comes back.
    pub to: u64,
    /// Why.
    pub message: String,
    /// The name of the environment, typed, when it is protected.
    pub confirm: String,
    /// The live release that was looked at; none rolls back whatever is live.
    pub live: Option<u64>,
    /// To make a retry safe.
    pub idempotency: Option<Idempotency>,
}

/// What a publish did.
#[derive(Clone, Debug)]
pub struct Published {
    /// The change.
    pub change: ChangeId,
    /// Its releases.
    pub releases: Vec<Release>,
    /// How far they have come.
    pub delivery: Delivery,
}

/// A release that no edits lead to.
pub(super) struct Alone<'a> {
    /// The number of the release before, 0 when there is none.
    pub live: u64,
    /// Its own number.
    pub seq: u64,
    pub format: Format,
    pub content: &'a Content,
    pub message: &'a str,
    pub rolled_back_to: Option<u64>,
}

impl Service {
    /// Publishes a change: all its releases or none. The answer waits up to 5 s for delivery.
    ///
    /// # Errors
    /// [`Error::Conflict`] when keys were changed on both sides, [`Error::Stale`] when the difference is another one,
    /// [`Error::Invalid`] for a missing message or confirmation or a document that cannot be parsed,
    /// [`Error::State`], [`Error::NotFound`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn publish(&self, actor: &Actor, publish: Publish) -> Result<Published> {
        let arrivals = self.dispatch.arrivals();
        let made = self.once(actor, publish.idempotency.clone(), Work::Publish(publish)).await?;
        Ok(self.published(made, arrivals, self.patience).await)
    }

    /// Saves edits of many configs and publishes them, in one transaction.
    ///
    /// # Errors
    /// As [`Service::save_all`] and [`Service::publish`].
    pub async fn save_and_publish(
        &self,
        actor: &Actor,
        message: String,
        confirm: String,
        saves: Vec<Save>,
        idempotency: Option<Idempotency>,
    ) -> Result<Published> {
        let arrivals = self.dispatch.arrivals();
        let made = self.once(actor, idempotency, Work::SaveAndPublish { message, confirm, saves }).await?;
        Ok(self.published(made, arrivals, self.patience).await)
    }

    /// Makes a new release whose content equals an older one. Everybody's open changes stay and are rebased.
    ///
    /// # Errors
    /// As [`Service::publish`]; [`Error::State`] with `Empty` when the content is the live one already.
    pub async fn roll_back(&self, actor: &Actor, rollback: Rollback) -> Result<Published> {
        let arrivals = self.dispatch.arrivals();
        let made = self.once(actor, rollback.idempotency.clone(), Work::RollBack(rollback)).await?;
        Ok(self.published(made, arrivals, self.patience).await)
    }

    pub(super) async fn publish_in(&self, tx: &mut Conn, actor: &Actor, publish: &Publish) -> Result<ChangeId> {
        check_text("/message", publish.message.as_deref().unwrap_or_default())?;
        let mut change = self.publishable(tx, actor, &publish.change).await?;
        if let Some(message) = &publish.message {
            change.message = message.trim().to_owned();
        }
        // Locks are taken in the order of the configs' names: two publishes never wait for one another in a circle.
        let configs: BTreeSet<ConfigId> = tx.edits(&change.id).await?.into_iter().map(|e| e.config).collect();
        let mut locked: Vec<(May<access::Publish>, u64)> = Vec::with_capacity(configs.len());
        for id in &configs {
            let may = actor.may_publish(id)?;
            self.open_place(tx, id).await?;
            self.not_ahead(id)?;
            let live = tx.lock_config(&may).await?;
            locked.push((may, live));
        }
        let assembled = self.assemble(tx, &change).await?;
        check_publish(&assembled, &change, publish)?;
        let accepted_at = self.acceptance(tx, &assembled).await?;
        for (config, (may, _)) in assembled.iter().zip(&locked) {
            if !config.diff.is_empty() {
                self.release(tx, may, actor, &change, config, accepted_at).await?;
            }
        }
        change.state = ChangeState::Published;
        change.updated_at = accepted_at;
        tx.update_change(&change).await?;
        let object = change.id.to_string();
        let released = assembled.iter().filter(|c| !c.diff.is_empty());
        let names: Vec<String> = released.map(|c| format!("{} {}", c.config, c.live + 1)).collect();
        note(tx, actor, "publish", object, names.join(", ")).await?;
        Ok(change.id)
    }

    /// Locks a change that the actor may see and that is still open. Who publishes need not be its author: the
    /// difference that is published is the one that the publisher looked at.
    async fn publishable(&self, tx: &mut Conn, actor: &Actor, id: &ChangeId) -> Result<Change> {
        let change = tx.lock_change(id).await?.ok_or_else(|| Error::NotFound(id.to_string()))?;
        self.visible(tx, actor, &change).await?;
        open(&change)?;
        if tx.edits(id).await?.is_empty() {
            return Err(Error::State(State::Empty));
        }
        Ok(change)
    }

    /// A release of a number that readers have already would never reach them.
    fn not_ahead(&self, id: &ConfigId) -> Result<()> {
        if self.dispatch.ahead(id).is_some() { Err(Error::State(State::Ahead)) } else { Ok(()) }
    }

    /// Later than every release that this one follows, also when a node's clock is behind.
    async fn acceptance(&self, tx: &mut Conn, configs: &[ChangeConfig]) -> Result<Time> {
        let mut at = now();
        for config in configs.iter().filter(|c| c.live > 0) {
            if let Some(before) = tx.release(&config.config, config.live).await? {
                at = at.max(before.accepted_at.plus_ms(1));
            }
        }
        Ok(at)
    }

    async fn release(
        &self,
        tx: &mut Conn,
        may: &May<access::Publish>,
        actor: &Actor,
        change: &Change,
        config: &ChangeConfig,
        accepted_at: Time,
    ) -> Result<()> {
        let sha256 = sha256(config.after.document().as_bytes());
        let new = NewRelease {
            seq: config.live + 1,
            format: config.format,
            content: &config.after,
            sha256: &sha256,
            author_id: &actor.id,
            author: &actor.name,
            message: &change.message,
            change: &change.id,
            rolled_back_to: None,
            accepted_at,
        };
        tx.insert_release(may, &new).await
    }

    pub(super) async fn roll_back_in(&self, tx: &mut Conn, actor: &Actor, rollback: &Rollback) -> Result<ChangeId> {
        check_text("/message", &rollback.message)?;
        let id = &rollback.config;
        let may = actor.may_publish(id)?;
        let (env, namespace) = self.open_place(tx, id).await?;
        self.not_ahead(id)?;
        let live = tx.lock_config(&may).await?;
        if let Some(seen) = rollback.live.filter(|seen| *seen != live) {
            tracing::debug!(config = %id, seen, live, "a roll-back that looked at an older release");
            return Err(Error::Stale(live.to_string()));
        }
        check_protected(std::iter::once(&env), &rollback.message, &rollback.confirm)?;
        let target = tx.content(id, rollback.to).await?;
        let target = target.ok_or_else(|| Invalid::new("/to", Problem::Release { release: rollback.to }))?;
        let before = self.content_at(tx, id, live, namespace.format).await?;
        let after = restored(&before, target, live + 1);
        if crate::domain::diff::Diff::of(&before, &after).is_empty() {
            return Err(Error::State(State::Empty));
        }
        let alone = Alone {
            live,
            seq: live + 1,
            format: namespace.format,
            content: &after,
            message: rollback.message.trim(),
            rolled_back_to: Some(rollback.to),
        };
        let change = self.release_alone(tx, &may, actor, alone).await?;
        note(tx, actor, "rollback", id.to_string(), format!("release {} = release {}", live + 1, rollback.to)).await?;
        Ok(change)
    }

    /// Makes one release and the change that it is said to come from.
    pub(super) async fn release_alone(
        &self,
        tx: &mut Conn,
        may: &May<access::Publish>,
        actor: &Actor,
        alone: Alone<'_>,
    ) -> Result<ChangeId> {
        let accepted_at = match tx.release(may.on(), alone.live).await? {
            Some(last) => now().max(last.accepted_at.plus_ms(1)),
            None => now(),
        };
        let change = Change {
            id: new_change_id(),
            author: actor.id.clone(),
            author_name: actor.name.clone(),
            message: alone.message.to_owned(),
            state: ChangeState::Published,
            version: 0,
            created_at: accepted_at,
            updated_at: accepted_at,
        };
        tx.insert_change(&change).await?;
        let new = NewRelease {
            seq: alone.seq,
            format: alone.format,
            content: alone.content,
            sha256: &sha256(alone.content.document().as_bytes()),
            author_id: &actor.id,
            author: &actor.name,
            message: &change.message,
            change: &change.id,
            rolled_back_to: alone.rolled_back_to,
            accepted_at,
        };
        tx.insert_release(may, &new).await?;
        Ok(change.id)
    }

    /// What a published change has become. As the answer to a publish, this waits for delivery.
    ///
    /// # Errors
    /// As [`Service::change`].
    pub async fn publication(&self, actor: &Actor, change: &ChangeId) -> Result<Published> {
        let arrivals = self.dispatch.arrivals();
        self.seen(&mut self.db.read().await?, actor, change).await?;
        let made = self.made(change).await?;
        Ok(self.published(made, arrivals, self.patience).await)
    }

    /// The same, for a look in between. Of what is under way a moment is waited for all the same: who publishes is
    /// told of the delivery before the database is, and who then looks shall not see less.
    pub(super) async fn progress(&self, change: &ChangeId) -> Result<Published> {
        let arrivals = self.dispatch.arrivals();
        let made = self.made(change).await?;
        Ok(self.published(made, arrivals, self.patience.min(ASK)).await)
    }

    async fn made(&self, change: &ChangeId) -> Result<Made> {
        let releases = self.db.read().await?.releases_of_change(change).await?;
        Ok(Made { change: change.clone(), releases })
    }

    pub(super) async fn published(
        &self,
        made: Made,
        arrivals: broadcast::Receiver<Arrived>,
        patience: Duration,
    ) -> Published {
        let Made { change, releases } = made;
        let delivery = self.delivery(&change, &releases, arrivals, patience).await;
        Published { change, releases, delivery }
    }

    /// Waits until a change is in the channel, or says why it is not yet. The releases are accepted whatever happens
    /// here, so a database that goes away now makes the answer late, not wrong.
    async fn delivery(
        &self,
        change: &ChangeId,
        releases: &[Release],
        mut arrivals: broadcast::Receiver<Arrived>,
        patience: Duration,
    ) -> Delivery {
        let mut waiting: BTreeSet<EnvName> =
            releases.iter().filter(|r| r.delivered_at.is_none()).map(|r| r.config.env.clone()).collect();
        let mut revision = releases.iter().filter_map(|r| r.revision).max().unwrap_or(0);
        let deadline = Instant::now() + patience;
        let mut ask = Instant::now() + ASK;
        while !waiting.is_empty() {
            if let Ok(Ok(arrived)) = timeout_at(deadline.min(ask), arrivals.recv()).await {
                if arrived.change == *change {
                    waiting.remove(&arrived.env);
                    revision = revision.max(arrived.revision);
                }
                // What another node delivers is told by the database alone, however much arrives here meanwhile.
                if waiting.is_empty() || Instant::now() < deadline.min(ask) {
                    continue;
                }
            }
            if let Ok((0, at)) = self.delivery_in_sql(change).await {
                return Delivery::Delivered { revision: at.unwrap_or(revision) };
            }
            if Instant::now() >= deadline {
                return Delivery::Accepted { late_because: self.why_late(releases).to_string() };
            }
            ask = Instant::now() + ASK;
        }
        Delivery::Delivered { revision }
    }

    /// Waits a moment until the database knows of a delivery, too. For who draws a page of it next: the answer to a
    /// publish does not wait for that, and a page shall not say less than the message above it.
    pub async fn settled(&self, published: &Published) {
        let deadline = Instant::now() + ASK;
        let told = matches!(published.delivery, Delivery::Delivered { .. });
        while told && Instant::now() < deadline && !matches!(self.delivery_in_sql(&published.change).await, Ok((0, _)))
        {
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn delivery_in_sql(&self, change: &ChangeId) -> Result<(u64, Option<i64>)> {
        self.db.read().await?.delivery_of(change).await
    }

    /// Why releases that are accepted are not in the channel yet.
    #[must_use]
    pub fn why_late(&self, releases: &[Release]) -> Why {
        let late = self.dispatch.late().into_iter().find(|l| releases.iter().any(|r| r.config.env == l.env));
        late.map_or(Why::Slow, |l| l.why)
    }
}

fn check_publish(configs: &[ChangeConfig], change: &Change, publish: &Publish) -> Result<()> {
    let conflicts: Vec<_> = configs.iter().flat_map(|c| c.conflicts.clone()).collect();
    if !conflicts.is_empty() {
        return Err(Error::Conflict(conflicts));
    }
    let diffs = diffs(configs);
    if diffs.is_empty() {
        return Err(Error::State(State::Empty));
    }
    let now_is = diff_sha256(&diffs);
    if publish.diff_sha256.as_ref().is_some_and(|seen| *seen != now_is) {
        return Err(Error::Stale(now_is));
    }
    for config in configs {
        if let Content::Text(text) = &config.after {
            formats::check(config.format, text).map_err(|e| e.of(format!("/{}", config.config)))?;
        }
    }
    check_configs(change, configs)?;
    let envs = configs.iter().filter(|c| !c.diff.is_empty()).map(|c| &c.env);
    check_protected(envs, &change.message, &publish.confirm)
}

/// A protected environment wants a reason and its name typed.
pub(super) fn check_protected<'a>(envs: impl Iterator<Item = &'a Env>, message: &str, confirm: &str) -> Result<()> {
    let typed: BTreeSet<&str> = confirm.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let mut wrong = Vec::new();
    let protected: BTreeSet<&str> = envs.filter(|e| e.protected).map(|e| e.name.as_str()).collect();
    if !protected.is_empty() && message.trim().is_empty() {
        wrong.push(Invalid::new("/message", Problem::Required));
    }
    if protected.iter().any(|env| !typed.contains(env)) {
        let expected = protected.into_iter().collect::<Vec<_>>().join(" ");
        wrong.push(Invalid::new("/confirm", Problem::Confirm { expected }));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
}

/// The content of an older release as a new one: an item that is live with the same value keeps its last change.
pub(super) fn restored(live: &Content, target: Content, seq: u64) -> Content {
    let (Content::Kv(now), Content::Kv(old)) = (live, target.clone()) else { return target };
    let items: Items = old
        .into_iter()
        .map(|(key, item)| {
            let since = now.get(&key).filter(|there| there.same(&item)).map_or(seq, |there| there.since);
            (key, Item { since, ..item })
        })
        .collect();
    Content::Kv(items)
}
