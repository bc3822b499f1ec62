//! Publishing and rolling back: one transaction makes the releases, then delivery is waited for a little.

pub(super) mod policy;

use std::{collections::BTreeSet, time::Duration};

use tokio::{
    sync::broadcast,
    time::{Instant, timeout_at},
};
use tracing::Instrument;

use policy::{Proposal, Purpose, What};

use super::{
    Arrived, Idempotency, Save, Service, Why,
    changes::{ChangeConfig, as_delivered, by_config, check_visible, open},
    check_text, new_change, now,
    once::{Made, Work},
    record,
    save::{is_live, under},
    told, validation,
};
use crate::{
    compute,
    domain::{
        access::{self, Actor, May},
        audit::Event,
        change::{Change, ChangeEdit, ChangeId, ChangeState},
        content::{Content, Item, Items},
        entry::{Entry, Meta},
        error::{Error, Invalid, Problem, Result, State},
        names::{ConfigId, EnvName},
        numbers,
        release::{Delivery, Published, Release},
        time::Time,
    },
    fast_path::AcceptedRelease,
    storage::{Conn, Latest, Standing},
    traces,
};

/// How often a wait for delivery asks the database, for what another node delivers.
pub(super) const ASK: Duration = Duration::from_millis(100);

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

/// A release that no edits lead to.
pub(super) struct Alone<'a> {
    /// The config, locked.
    pub standing: &'a Standing,
    /// Its number.
    pub seq: u64,
    pub content: &'a Content,
    pub message: &'a str,
    pub rolled_back_to: Option<u64>,
}

/// Edits of many configs that are published at once.
struct SaveAndPublish {
    message: String,
    confirm: String,
    saves: Vec<Save>,
}

impl Work for Publish {
    const NAME: &'static str = "publish";

    async fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> Result<Made> {
        service.publish_in(tx, actor, self).await
    }
}

impl Work for SaveAndPublish {
    const NAME: &'static str = "save and publish";

    async fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> Result<Made> {
        let Self { message, confirm, saves } = self;
        service.save_and_publish_in(tx, actor, message, confirm, saves.clone()).await
    }
}

impl Work for Rollback {
    const NAME: &'static str = "roll back";

    async fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> Result<Made> {
        service.roll_back_in(tx, actor, self).await
    }
}

impl Service {
    /// Publishes a change: all its releases or none. The answer waits up to 5 s for delivery.
    ///
    /// # Errors
    /// [`Error::Conflict`] when keys were changed on both sides, [`Error::Stale`] when the difference is another one,
    /// [`Error::Invalid`] for a missing message or confirmation or a document that cannot be parsed,
    /// [`Error::State`], [`Error::NotFound`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn publish(&self, actor: &Actor, publish: Publish) -> Result<Published> {
        let arrivals = self.dispatch.status.arrivals();
        let made = self.once(actor, publish.idempotency.clone(), publish).await?;
        Ok(self.published(made, arrivals).await)
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
        let arrivals = self.dispatch.status.arrivals();
        let made = self.once(actor, idempotency, SaveAndPublish { message, confirm, saves }).await?;
        Ok(self.published(made, arrivals).await)
    }

    /// Makes a new release whose content equals an older one. Everybody's open changes stay and are rebased.
    ///
    /// # Errors
    /// As [`Service::publish`]; [`Error::State`] with `Empty` when the content is the live one already.
    pub async fn roll_back(&self, actor: &Actor, rollback: Rollback) -> Result<Published> {
        let arrivals = self.dispatch.status.arrivals();
        let made = self.once(actor, rollback.idempotency.clone(), rollback).await?;
        Ok(self.published(made, arrivals).await)
    }

    async fn publish_in(&self, tx: &mut Conn, actor: &Actor, publish: &Publish) -> Result<Made> {
        check_text("/message", publish.message.as_deref().unwrap_or_default())?;
        let (mut change, edits) = self.publishable(tx, actor, &publish.change).await?;
        if let Some(message) = &publish.message {
            change.message = message.trim().to_owned();
        }
        let mut configs = Vec::new();
        for (id, edits) in by_config(edits) {
            let may = actor.may_publish(&id)?;
            policy::check_config(&self.dispatch, &id, Purpose::Content)?;
            let standing = self.locked_standing(tx, &may).await?;
            configs.push((may, self.assemble_one(tx, id, standing, edits).await?));
        }
        let entries = accept(&mut change, actor, &configs, publish.diff_sha256.as_deref(), &publish.confirm)?;
        tx.update_change(&change).await?;
        release_all(tx, actor, &change, configs, entries).await
    }

    /// The same as saving in a new change and publishing that. It has no edits of its own: nobody ever sees it open.
    pub(super) async fn save_and_publish_in(
        &self,
        tx: &mut Conn,
        actor: &Actor,
        message: &str,
        confirm: &str,
        saves: Vec<Save>,
    ) -> Result<Made> {
        check_text("/message", message)?;
        if saves.is_empty() {
            return Err(Invalid::new("/edits", Problem::Required).into());
        }
        let mut change = new_change(actor, message.to_owned(), now());
        let (mut configs, mut conflicts) = (Vec::with_capacity(saves.len()), Vec::new());
        let mut saves: Vec<(usize, Save)> = saves.into_iter().enumerate().collect();
        saves.sort_by(|(_, a), (_, b)| a.config.cmp(&b.config));
        for (n, save) in saves {
            let id = save.config.clone();
            actor.may_edit(&id)?;
            let may = actor.may_publish(&id)?;
            policy::check_config(&self.dispatch, &id, Purpose::Content)?;
            let standing = self.locked_standing(tx, &may).await?;
            let edits = match self.fit(tx, &standing, save, &[], true).await {
                Err(Error::Conflict(found)) => {
                    conflicts.extend(found);
                    continue;
                }
                edits => edits.map_err(|e| under(e, &format!("/edits/{n}")))?,
            };
            let differing = edits.into_iter().filter(|(key, edit)| !is_live(&standing.content, key, edit));
            let edit = |(key, edit)| ChangeEdit {
                config: id.clone(),
                key,
                edit,
                base: standing.live,
                version: change.version,
                at: change.created_at,
            };
            let edits = differing.map(edit).collect();
            configs.push((may, self.assemble_one(tx, id, standing, edits).await?));
        }
        if !conflicts.is_empty() {
            return Err(Error::Conflict(conflicts));
        }
        let entries = accept(&mut change, actor, &configs, None, confirm)?;
        tx.insert_change(&change).await?;
        release_all(tx, actor, &change, configs, entries).await
    }

    /// Locks a change that the actor may see and that is still open. Who publishes need not be its author: the
    /// difference that is published is the one that the publisher looked at.
    async fn publishable(&self, tx: &mut Conn, actor: &Actor, id: &ChangeId) -> Result<(Change, Vec<ChangeEdit>)> {
        let change = tx.lock_change(id).await?.ok_or_else(|| Error::NotFound(id.to_string()))?;
        let edits = tx.edits(id).await?;
        if change.state != ChangeState::Open {
            self.seen(tx, actor, id).await?;
        }
        check_visible(actor, &change, edits.iter().map(|edit| &edit.config))?;
        open(&change)?;
        if edits.is_empty() { Err(Error::State(State::Empty)) } else { Ok((change, edits)) }
    }

    async fn roll_back_in(&self, tx: &mut Conn, actor: &Actor, rollback: &Rollback) -> Result<Made> {
        check_text("/message", &rollback.message)?;
        let id = &rollback.config;
        let may = actor.may_publish(id)?;
        policy::check_config(&self.dispatch, id, Purpose::Content)?;
        let standing = self.locked_standing(tx, &may).await?;
        let target = tx.content(id, rollback.to).await?;
        policy::check(&Proposal {
            what: What::Rollback { standing: &standing, target: target.as_ref(), seen: rollback.live },
            message: &rollback.message,
            confirm: &rollback.confirm,
        })?;
        let target = target.ok_or_else(|| Invalid::new("/to", Problem::Release { release: rollback.to }))?;
        let seq = numbers::after(standing.live)?;
        let after = restored(&standing.content, target, seq);
        let alone = Alone {
            standing: &standing,
            seq,
            content: &after,
            message: rollback.message.trim(),
            rolled_back_to: Some(rollback.to),
        };
        let made = self.release_alone(tx, &may, actor, alone).await?;
        record(tx, actor, &Event::RolledBack { config: id.clone(), seq, to: rollback.to }).await?;
        Ok(made)
    }

    /// Makes one release and the change that it is said to come from.
    pub(super) async fn release_alone(
        &self,
        tx: &mut Conn,
        may: &May<access::Publish>,
        actor: &Actor,
        alone: Alone<'_>,
    ) -> Result<Made> {
        let Standing { place, live, latest, .. } = alone.standing;
        let change = Change {
            state: ChangeState::Published,
            ..new_change(actor, alone.message.to_owned(), after(latest.as_ref()))
        };
        tx.insert_change(&change).await?;
        let format = place.namespace.format;
        let entry = as_delivered(&change, &actor.name, may.on(), alone.seq, format, alone.content);
        let Alone { content, rolled_back_to, .. } = alone;
        let fresh = Fresh { entry, previous: *live, latest: latest.clone(), content, rolled_back_to };
        let mut made = Made::of(change.id.clone(), Vec::new());
        fresh.insert(tx, may, actor, &mut made).await?;
        Ok(made)
    }

    /// What a published change has become. As the answer to a publish, this waits for delivery.
    ///
    /// # Errors
    /// As [`Service::change`].
    pub async fn publication(&self, actor: &Actor, change: &ChangeId) -> Result<Published> {
        let arrivals = self.dispatch.status.arrivals();
        self.seen(&mut self.db.read().await?, actor, change).await?;
        let made = self.made(change).await?;
        Ok(self.published(made, arrivals).await)
    }

    /// The same, for a look in between. Of what is under way a moment is waited for all the same: who publishes is
    /// told of the delivery before the database is, and who then looks shall not see less.
    pub(super) async fn progress(&self, change: &ChangeId) -> Result<Published> {
        self.dispatch.fast_path.acks().request_flush();
        let arrivals = self.dispatch.status.arrivals();
        let made = self.made(change).await?;
        Ok(self.published_within(made, arrivals, self.patience.min(ASK)).await)
    }

    async fn made(&self, change: &ChangeId) -> Result<Made> {
        let releases = self.db.read().await?.releases_of_change(change).await?;
        Ok(Made::of(change.clone(), releases))
    }

    /// Waits for delivery as the answer to a publish does. The contents are no longer needed then.
    pub(super) async fn published(&self, made: Made, arrivals: broadcast::Receiver<Arrived>) -> Published {
        compute::leave();
        self.published_within(made, arrivals, self.patience).await
    }

    async fn published_within(
        &self,
        made: Made,
        arrivals: broadcast::Receiver<Arrived>,
        patience: Duration,
    ) -> Published {
        let Made { change, releases, .. } = made;
        let delivery = self.delivery(&change, &releases, arrivals, patience);
        let delivery = delivery.instrument(traces::wait_for_delivery()).await;
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
                return Delivery::Accepted { late_because: self.why(releases).to_string() };
            }
            ask = Instant::now() + ASK;
        }
        Delivery::Delivered { revision }
    }

    /// Waits a moment until the database knows of a delivery, too. For who draws a page of it next: the answer to a
    /// publish does not wait for that, and a page shall not say less than the message above it.
    pub async fn settled(&self, published: &Published) {
        // What another node delivered was told by the database itself.
        if matches!(published.delivery, Delivery::Delivered { .. }) {
            self.dispatch.fast_path.acks().flushed(ASK).await;
        }
    }

    async fn delivery_in_sql(&self, change: &ChangeId) -> Result<(u64, Option<i64>)> {
        self.db.read().await?.delivery_of(change).await
    }

    /// Why releases that are accepted are not in the channel yet, as it is told to this actor.
    #[must_use]
    pub fn why_late(&self, actor: &Actor, releases: &[Release]) -> Why {
        told(self.why(releases), actor)
    }

    fn why(&self, releases: &[Release]) -> Why {
        let late = self.dispatch.status.late().into_iter().find(|l| releases.iter().any(|r| r.config.env == l.env));
        late.map_or(Why::Slow, |l| l.why)
    }
}

/// Makes the releases of an accepted change, whose configs go into the channel as `entries`.
async fn release_all(
    tx: &mut Conn,
    actor: &Actor,
    change: &Change,
    configs: Vec<Locked>,
    entries: Vec<Entry>,
) -> Result<Made> {
    let mut made = Made::of(change.id.clone(), Vec::new());
    for ((may, config), entry) in configs.into_iter().zip(entries).filter(|((_, config), _)| !config.diff.is_empty()) {
        let (previous, latest) = (config.live, config.latest);
        let fresh = Fresh { entry, previous, latest, content: &config.after, rolled_back_to: None };
        fresh.insert(tx, &may, actor, &mut made).await?;
        made.contents.push(config.after);
    }
    let releases = made.releases.iter().map(|r| (r.config.clone(), r.seq)).collect();
    record(tx, actor, &Event::ChangePublished { change: change.id.clone(), releases }).await?;
    Ok(made)
}

/// A new release.
struct Fresh<'a> {
    entry: Entry,
    previous: u64,
    latest: Option<Latest>,
    content: &'a Content,
    rolled_back_to: Option<u64>,
}

impl Fresh<'_> {
    /// Makes it, of the config that `may` names.
    async fn insert(self, tx: &mut Conn, may: &May<access::Publish>, actor: &Actor, made: &mut Made) -> Result<()> {
        let Meta { seq, sha256, format, author, message, published_at, change } = (*self.entry.meta).clone();
        let release = Release {
            config: may.on().clone(),
            seq,
            previous: self.previous,
            format,
            sha256,
            author,
            message,
            change,
            rolled_back_to: self.rolled_back_to,
            accepted_at: published_at,
            delivered_at: None,
            revision: None,
        };
        tx.insert_release(may, &release, &actor.id, self.content).await?;
        let follows = self.latest.map(|latest| latest.change);
        made.accepted.push(AcceptedRelease { entry: self.entry, follows });
        made.releases.push(release);
        Ok(())
    }
}

/// A config whose row is locked, as it is to be released.
type Locked = (May<access::Publish>, ChangeConfig);

/// Checks that a change may be published as it is, and makes it a published one. Gives what goes into the channel.
fn accept(
    change: &mut Change,
    actor: &Actor,
    configs: &[Locked],
    seen: Option<&str>,
    confirm: &str,
) -> Result<Vec<Entry>> {
    let configs = || configs.iter().map(|(_, config)| config);
    let what = What::Edits { configs: configs().collect(), seen };
    policy::check(&Proposal { what, message: &change.message, confirm })?;
    change.updated_at = after(configs().filter_map(|c| c.latest.as_ref()).max_by_key(|latest| latest.accepted_at));
    change.state = ChangeState::Published;
    validation::entries(change, &actor.name, configs())
}

/// Now; later than the release that is followed, also when this node's clock is behind.
fn after(release: Option<&Latest>) -> Time {
    release.map_or_else(now, |before| now().max(before.accepted_at.plus_ms(1)))
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
