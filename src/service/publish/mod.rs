//! Publishing and rolling back: one transaction makes the releases, then the answer waits briefly for delivery.

pub(super) mod policy;

use std::{collections::BTreeSet, time::Duration};

use tokio::{
    sync::broadcast,
    time::{Instant, timeout_at},
};
use tracing::Instrument;

use policy::{Proposal, Purpose, ReleaseContent};

use super::{
    Arrival, DelayReason, Idempotency, Save, Service,
    changes::{ChangeConfig, by_config, channel_entry, check_open_state, check_visible},
    check_text,
    idempotency::{Work, WorkOutcome},
    new_change, now, reason_for, record,
    save::{is_live, with_prefix},
    validation,
};
use crate::{
    compute,
    domain::{
        access::{self, Actor, May},
        audit::Event,
        change::{Change, ChangeEdit, ChangeId, ChangeState},
        content::{Content, Item, Items},
        entry::{Entry, Meta},
        error::{Error, Invalid, Problem, Result, StateConflict},
        names::{ConfigId, EnvName},
        numbers,
        release::{Delivery, Published, Release},
        time::Time,
    },
    fast_path::AcceptedRelease,
    storage::{Conn, LiveConfig, LiveRelease},
    traces,
};

/// Interval of database queries during the wait for delivery: another node may deliver. Also the wait of pages for
/// acknowledgements.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A change to publish, as it was reviewed.
#[derive(Clone, Debug)]
pub struct PublishRequest {
    /// The change.
    pub change: ChangeId,
    /// SHA-256 of the difference that was reviewed. `None` publishes the present difference.
    pub diff_sha256: Option<String>,
    /// The reason. `None` keeps the message of the change.
    pub message: Option<String>,
    /// The typed names of the protected environments, separated by blanks or commas.
    pub confirm: String,
    /// Makes a retry safe.
    pub idempotency: Option<Idempotency>,
}

/// A config to roll back, and the release to go back to.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// The config.
    pub config: ConfigId,
    /// The number of the release whose content is restored.
    pub to: u64,
    /// The reason.
    pub message: String,
    /// The typed name of the environment, if it is protected.
    pub confirm: String,
    /// The live release that was reviewed. `None` rolls back from any.
    pub live: Option<u64>,
    /// Makes a retry safe.
    pub idempotency: Option<Idempotency>,
}

/// A release without edits: a rollback, or a decision about drift.
pub(super) struct SingleRelease<'a> {
    /// The config, locked.
    pub live_config: &'a LiveConfig,
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

impl Work for PublishRequest {
    const NAME: &'static str = "publish";

    async fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> Result<WorkOutcome> {
        check_text("/message", self.message.as_deref().unwrap_or_default())?;
        let (mut change, edits) = service.publishable(tx, actor, &self.change).await?;
        if let Some(message) = &self.message {
            change.message = message.trim().to_owned();
        }
        let mut configs = Vec::new();
        for (id, edits) in by_config(edits) {
            let (may, live_config) = service.lock_to_release(tx, actor, &id, Purpose::Content).await?;
            configs.push((may, service.assemble_one(tx, id, live_config, edits).await?));
        }
        let entries = accept(&mut change, actor, &configs, self.diff_sha256.as_deref(), &self.confirm)?;
        tx.update_change(&change).await?;
        release_all(tx, actor, &change, configs, entries).await
    }
}

impl Work for SaveAndPublish {
    const NAME: &'static str = "save and publish";

    async fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> Result<WorkOutcome> {
        let Self { message, confirm, saves } = self;
        service.save_and_publish_in(tx, actor, message, confirm, saves.clone()).await
    }
}

impl Work for Rollback {
    const NAME: &'static str = "roll back";

    async fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> Result<WorkOutcome> {
        check_text("/message", &self.message)?;
        let id = &self.config;
        let (may, live_config) = service.lock_to_release(tx, actor, id, Purpose::Content).await?;
        let target = tx.content(id, self.to).await?;
        policy::check(&Proposal {
            content: ReleaseContent::Rollback {
                live_config: &live_config,
                target: target.as_ref(),
                reviewed_live: self.live,
            },
            message: &self.message,
            confirm: &self.confirm,
        })?;
        let target = target.ok_or_else(|| Invalid::new("/to", Problem::Release { release: self.to }))?;
        let seq = numbers::next(live_config.last)?;
        let after = restored(&live_config.content, target, seq);
        let alone = SingleRelease {
            live_config: &live_config,
            seq,
            content: &after,
            message: self.message.trim(),
            rolled_back_to: Some(self.to),
        };
        let made = service.release_single(tx, &may, actor, alone).await?;
        record(tx, actor, &Event::RolledBack { config: id.clone(), seq, to: self.to }).await?;
        Ok(made)
    }
}

impl Service {
    /// Publishes a change: all its releases or none. The answer waits up to 5 s for delivery.
    ///
    /// # Errors
    /// [`Error::Conflict`] if keys were changed on both sides; [`Error::Stale`] if the difference has changed;
    /// [`Error::Invalid`] for a missing message or confirmation or an invalid document; [`Error::State`],
    /// [`Error::NotFound`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn publish(&self, actor: &Actor, publish: PublishRequest) -> Result<Published> {
        self.run_and_deliver(actor, publish.idempotency.clone(), publish).await
    }

    /// Saves edits of many configs and publishes them, in one transaction.
    ///
    /// # Errors
    /// Those of [`Service::save_all`] and [`Service::publish`].
    pub async fn save_and_publish(
        &self,
        actor: &Actor,
        message: String,
        confirm: String,
        saves: Vec<Save>,
        idempotency: Option<Idempotency>,
    ) -> Result<Published> {
        self.run_and_deliver(actor, idempotency, SaveAndPublish { message, confirm, saves }).await
    }

    /// Makes a new release with the content of an older one. Open changes are kept and rebased.
    ///
    /// # Errors
    /// Those of [`Service::publish`]; [`Error::State`] with `Empty` if that content is live already.
    pub async fn roll_back(&self, actor: &Actor, rollback: Rollback) -> Result<Published> {
        self.run_and_deliver(actor, rollback.idempotency.clone(), rollback).await
    }

    /// Runs work that makes releases, and waits for their delivery.
    pub(super) async fn run_and_deliver<W: Work>(
        &self,
        actor: &Actor,
        key: Option<Idempotency>,
        work: W,
    ) -> Result<Published> {
        let arrivals = self.dispatch.status.arrivals();
        let made = self.run_once(actor, key, work).await?;
        Ok(self.published(made, arrivals).await)
    }

    /// Authorises a release of a config, checks that it is possible, and locks the live content.
    pub(super) async fn lock_to_release(
        &self,
        tx: &mut Conn,
        actor: &Actor,
        id: &ConfigId,
        purpose: Purpose,
    ) -> Result<(May<access::Publish>, LiveConfig)> {
        let may = actor.may_publish(id)?;
        policy::check_config(&self.dispatch, id, purpose)?;
        let live_config = self.lock_live_config(tx, &may).await?;
        Ok((may, live_config))
    }

    /// Saves edits in a new change and publishes it. The change stores no edits, because it is never open.
    pub(super) async fn save_and_publish_in(
        &self,
        tx: &mut Conn,
        actor: &Actor,
        message: &str,
        confirm: &str,
        saves: Vec<Save>,
    ) -> Result<WorkOutcome> {
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
            let (may, live_config) = self.lock_to_release(tx, actor, &id, Purpose::Content).await?;
            let edits = match self.check_edits(tx, &live_config, save, &[], true).await {
                Err(Error::Conflict(found)) => {
                    conflicts.extend(found);
                    continue;
                }
                edits => edits.map_err(|e| with_prefix(e, &format!("/edits/{n}")))?,
            };
            let differing = edits.into_iter().filter(|(key, edit)| !is_live(&live_config.content, key, edit));
            let edit = |(key, edit)| ChangeEdit {
                config: id.clone(),
                key,
                edit,
                base: live_config.live,
                version: change.version,
                at: change.created_at,
            };
            let edits = differing.map(edit).collect();
            configs.push((may, self.assemble_one(tx, id, live_config, edits).await?));
        }
        if !conflicts.is_empty() {
            return Err(Error::Conflict(conflicts));
        }
        let entries = accept(&mut change, actor, &configs, None, confirm)?;
        tx.insert_change(&change).await?;
        release_all(tx, actor, &change, configs, entries).await
    }

    /// Locks an open change that the actor may see. The publisher need not be its author, because the publisher has
    /// reviewed the difference that is published.
    async fn publishable(&self, tx: &mut Conn, actor: &Actor, id: &ChangeId) -> Result<(Change, Vec<ChangeEdit>)> {
        let change = tx.lock_change(id).await?.ok_or_else(|| Error::NotFound(id.to_string()))?;
        let edits = tx.edits(id).await?;
        if change.state != ChangeState::Open {
            self.visible_change(tx, actor, id).await?;
        }
        check_visible(actor, &change, edits.iter().map(|edit| &edit.config))?;
        check_open_state(&change)?;
        if edits.is_empty() { Err(Error::State(StateConflict::Empty)) } else { Ok((change, edits)) }
    }

    /// Makes one release, and a change for it.
    pub(super) async fn release_single(
        &self,
        tx: &mut Conn,
        may: &May<access::Publish>,
        actor: &Actor,
        alone: SingleRelease<'_>,
    ) -> Result<WorkOutcome> {
        let LiveConfig { location, live, latest, .. } = alone.live_config;
        let change = Change {
            state: ChangeState::Published,
            ..new_change(actor, alone.message.to_owned(), after(latest.as_ref()))
        };
        tx.insert_change(&change).await?;
        let format = location.namespace.format;
        let entry = channel_entry(&change, &actor.name, may.on(), alone.seq, format, alone.content);
        let SingleRelease { content, rolled_back_to, .. } = alone;
        let fresh = NewRelease { entry, previous: *live, latest: latest.clone(), content, rolled_back_to };
        let mut made = WorkOutcome::of(change.id.clone(), Vec::new());
        fresh.insert(tx, may, actor, &mut made).await?;
        Ok(made)
    }

    /// Returns a published change with its delivery. Waits for delivery like the answer to a publish.
    ///
    /// # Errors
    /// Those of [`Service::change`].
    pub async fn publication(&self, actor: &Actor, change: &ChangeId) -> Result<Published> {
        let arrivals = self.dispatch.status.arrivals();
        self.visible_change(&mut self.db.read().await?, actor, change).await?;
        let made = self.stored_outcome(change).await?;
        Ok(self.published(made, arrivals).await)
    }

    /// Returns a published change with its delivery for a page. Waits briefly for pending acknowledgements, so that the
    /// page does not lag behind the answer to the publish.
    pub(super) async fn progress(&self, change: &ChangeId) -> Result<Published> {
        self.dispatch.fast_path.acks.request_flush();
        let arrivals = self.dispatch.status.arrivals();
        let made = self.stored_outcome(change).await?;
        Ok(self.published_within(made, arrivals, self.delivery_timeout.min(POLL_INTERVAL)).await)
    }

    async fn stored_outcome(&self, change: &ChangeId) -> Result<WorkOutcome> {
        let releases = self.db.read().await?.releases_of_change(change).await?;
        Ok(WorkOutcome::of(change.clone(), releases))
    }

    /// Waits for delivery and returns the answer to a publish. Contents are no longer needed from here on.
    pub(super) async fn published(&self, made: WorkOutcome, arrivals: broadcast::Receiver<Arrival>) -> Published {
        compute::release_slot();
        self.published_within(made, arrivals, self.delivery_timeout).await
    }

    async fn published_within(
        &self,
        made: WorkOutcome,
        arrivals: broadcast::Receiver<Arrival>,
        patience: Duration,
    ) -> Published {
        let WorkOutcome { change, releases, .. } = made;
        let delivery = self.await_delivery(&change, &releases, arrivals, patience);
        let delivery = delivery.instrument(traces::wait_for_delivery()).await;
        Published { change, releases, delivery }
    }

    /// Waits until the releases of a change are in the channel, or returns why they are not yet. They are accepted
    /// already: a failing database can delay this answer but not falsify it.
    async fn await_delivery(
        &self,
        change: &ChangeId,
        releases: &[Release],
        mut arrivals: broadcast::Receiver<Arrival>,
        patience: Duration,
    ) -> Delivery {
        let mut waiting: BTreeSet<EnvName> =
            releases.iter().filter(|r| r.delivered_at.is_none()).map(|r| r.config.env.clone()).collect();
        let mut revision = releases.iter().filter_map(|r| r.revision).max().unwrap_or(0);
        let deadline = Instant::now() + patience;
        let mut ask = Instant::now() + POLL_INTERVAL;
        while !waiting.is_empty() {
            if let Ok(Ok(arrived)) = timeout_at(deadline.min(ask), arrivals.recv()).await {
                if arrived.change == *change {
                    waiting.remove(&arrived.env);
                    revision = revision.max(arrived.revision);
                }
                // Only the database knows of other nodes' deliveries, so it is polled even while other arrivals keep
                // coming.
                if waiting.is_empty() || Instant::now() < deadline.min(ask) {
                    continue;
                }
            }
            if let Ok((0, at)) = self.delivery_in_sql(change).await {
                return Delivery::Delivered { revision: at.unwrap_or(revision) };
            }
            if Instant::now() >= deadline {
                return Delivery::Accepted { late_because: self.late_reason(releases).to_string() };
            }
            ask = Instant::now() + POLL_INTERVAL;
        }
        Delivery::Delivered { revision }
    }

    /// Waits briefly until the delivery is recorded in the database, before a page is rendered from the database. The
    /// answer to a publish does not wait for this record, so the page could contradict the message above it.
    pub async fn wait_until_recorded(&self, published: &Published) {
        // A delivery by another node is known from the database, so only own acknowledgements matter.
        if matches!(published.delivery, Delivery::Delivered { .. }) {
            self.dispatch.fast_path.acks.flushed(POLL_INTERVAL).await;
        }
    }

    async fn delivery_in_sql(&self, change: &ChangeId) -> Result<(u64, Option<i64>)> {
        self.db.read().await?.delivery_of_change(change).await
    }

    /// Returns why accepted releases are not in the channel yet, as far as the actor may know.
    pub fn why_late(&self, actor: &Actor, releases: &[Release]) -> DelayReason {
        reason_for(self.late_reason(releases), actor)
    }

    fn late_reason(&self, releases: &[Release]) -> DelayReason {
        let late = self.dispatch.status.late().into_iter().find(|l| releases.iter().any(|r| r.config.env == l.env));
        late.map_or(DelayReason::Slow, |l| l.reason)
    }
}

/// Makes the releases of an accepted change. `entries` are their entries for the channel.
async fn release_all(
    tx: &mut Conn,
    actor: &Actor,
    change: &Change,
    configs: Vec<LockedConfig>,
    entries: Vec<Entry>,
) -> Result<WorkOutcome> {
    let mut made = WorkOutcome::of(change.id.clone(), Vec::new());
    for ((may, config), entry) in configs.into_iter().zip(entries).filter(|((_, config), _)| !config.diff.is_empty()) {
        let (previous, latest) = (config.live, config.latest);
        let fresh = NewRelease { entry, previous, latest, content: &config.after, rolled_back_to: None };
        fresh.insert(tx, &may, actor, &mut made).await?;
        made.contents.push(config.after);
    }
    let releases = made.releases.iter().map(|r| (r.config.clone(), r.seq)).collect();
    record(tx, actor, &Event::ChangePublished { change: change.id.clone(), releases }).await?;
    Ok(made)
}

/// A release to be stored.
struct NewRelease<'a> {
    entry: Entry,
    previous: u64,
    latest: Option<LiveRelease>,
    content: &'a Content,
    rolled_back_to: Option<u64>,
}

impl NewRelease<'_> {
    /// Stores it in the config that `may` names.
    async fn insert(
        self,
        tx: &mut Conn,
        may: &May<access::Publish>,
        actor: &Actor,
        made: &mut WorkOutcome,
    ) -> Result<()> {
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

/// A config with a locked row, and the permission to publish it.
type LockedConfig = (May<access::Publish>, ChangeConfig);

/// Checks that a change may be published, and marks it as published. Returns the channel's entries.
fn accept(
    change: &mut Change,
    actor: &Actor,
    configs: &[LockedConfig],
    seen: Option<&str>,
    confirm: &str,
) -> Result<Vec<Entry>> {
    let configs = || configs.iter().map(|(_, config)| config);
    let what = ReleaseContent::Edits { configs: configs().collect(), reviewed_sha256: seen };
    policy::check(&Proposal { content: what, message: &change.message, confirm })?;
    change.updated_at = after(configs().filter_map(|c| c.latest.as_ref()).max_by_key(|latest| latest.accepted_at));
    change.state = ChangeState::Published;
    validation::entries(change, &actor.name, configs())
}

/// Returns the present time, but at least 1 ms after the previous release: this node's clock may be behind.
fn after(release: Option<&LiveRelease>) -> Time {
    release.map_or_else(now, |before| now().max(before.accepted_at.plus_ms(1)))
}

/// Returns older content for a new release. Items that are live with the same value keep their last change.
pub(super) fn restored(live: &Content, target: Content, seq: u64) -> Content {
    let (Content::Kv(now), Content::Kv(old)) = (live, target.clone()) else { return target };
    let items: Items = old
        .into_iter()
        .map(|(key, item)| {
            let since = now.get(&key).filter(|there| there.has_same_content(&item)).map_or(seq, |there| there.since);
            (key, Item { since, ..item })
        })
        .collect();
    Content::Kv(items)
}
