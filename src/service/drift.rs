//! Drift between the channel and the database: listing it, repairing it, and deciding which side to keep.

use super::{
    Service, check_text, detached,
    idempotency::{Work, WorkOutcome},
    publish::{
        SingleRelease,
        policy::{self, Proposal, Purpose, ReleaseContent},
        restored,
    },
    record,
};
use crate::{
    domain::{
        access::Actor,
        audit::Event,
        content::Content,
        drift::{Drift, KeptSide},
        error::{Error, Result},
        names::ConfigId,
        numbers,
        release::Published,
    },
    storage::Conn,
};

/// An administrator's decision about a config in which the channel or a reader is ahead of the database.
#[derive(Clone, Debug)]
pub struct ResolveDrift {
    /// The config.
    pub config: ConfigId,
    /// The side that is kept.
    pub kept_side: KeptSide,
    /// The number of the release ahead, as the administrator saw it.
    pub seq: u64,
    /// The reason.
    pub message: String,
    /// The typed name of the environment, if it is protected.
    pub confirm: String,
}

impl Work for ResolveDrift {
    const NAME: &'static str = "settle";

    async fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> Result<WorkOutcome> {
        actor.may_administer()?;
        check_text("/message", &self.message)?;
        let id = &self.config;
        let (may, live_config) = service.lock_to_release(tx, actor, id, Purpose::Drift).await?;
        let (live, before) = (live_config.live, &live_config.content);
        let (ahead, document) = service.dispatch.status.ahead(id).unzip();
        policy::check(&Proposal {
            content: ReleaseContent::Drift {
                live_config: &live_config,
                keep: self.kept_side,
                reviewed_seq: self.seq,
                ahead,
            },
            message: &self.message,
            confirm: &self.confirm,
        })?;
        let (seq, content) = match self.kept_side {
            KeptSide::Database => (numbers::next(self.seq)?, before.clone()),
            KeptSide::Channel => {
                let Some(document) = document.flatten() else { return Err(Error::Stale(live.to_string())) };
                let format = live_config.location.namespace.format;
                let content = restored(before, Content::from_document(format, document.expose())?, self.seq);
                // If the stored document differs in its bytes, readers need a release with a new number.
                let same = content.document().trim_end() == document.expose().trim_end();
                (if same { self.seq } else { numbers::next(self.seq)? }, content)
            }
        };
        let alone = SingleRelease {
            live_config: &live_config,
            seq,
            content: &content,
            message: self.message.trim(),
            rolled_back_to: None,
        };
        let made = service.release_single(tx, &may, actor, alone).await?;
        record(tx, actor, &Event::DriftResolved { config: id.clone(), seq, kept_side: self.kept_side }).await?;
        Ok(made)
    }
}

impl Service {
    /// Returns the drifts that this node found last, in configs that the actor sees.
    pub fn drifts(&self, actor: &Actor) -> Vec<Drift> {
        self.dispatch.status.drifts().into_iter().filter(|drift| actor.may_view(&drift.config).is_ok()).collect()
    }

    /// Writes the live release of a config into the channel again. The new bytes differ from the present ones in the
    /// channel, so that programs that missed the release are notified.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no release yet or the config is not visible; [`Error::Forbidden`];
    /// [`Error::State`] if the channel is ahead of the database; [`Error::Unavailable`].
    pub async fn repair(&self, actor: &Actor, id: &ConfigId) -> Result<()> {
        actor.may_publish(id)?;
        let live = self.db.read().await?.live_seq(id).await?;
        if live == 0 {
            return Err(Error::NotFound(id.to_string()));
        }
        let event = Event::ReleaseRepaired { config: id.clone(), seq: live };
        self.record_and_repair(actor, event, Some(id.clone())).await
    }

    /// Decides which side to keep if the channel or a reader is ahead of the database. Then the config can be published
    /// again. Readers report only numbers, so a document that only a reader holds cannot be kept.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the actor is an administrator; [`Error::Stale`] if the release ahead is another one
    /// by now, or gone; [`Error::State`] if the database has nothing to release again; [`Error::Invalid`],
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn resolve_drift(&self, actor: &Actor, resolution: ResolveDrift) -> Result<Published> {
        let (arrivals, config) = (self.dispatch.status.arrivals(), resolution.config.clone());
        let made = self.run_once(actor, None, resolution).await?;
        self.dispatch.status.forget_drift(&config);
        self.dispatch.notifier.notify([&config.env]);
        Ok(self.published(made, arrivals).await)
    }

    /// Records in the audit that drift was found.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn record_drift(&self, drift: &Drift) -> Result<()> {
        let (db, event) = (self.db.clone(), Event::DriftFound { config: drift.config.clone(), kind: drift.kind });
        detached(async move {
            let mut tx = db.write().await?;
            record(&mut tx, &Actor::system(), &event).await?;
            tx.commit().await
        })
        .await
    }

    /// Records an event and then requests the repair that it is about. Both happen even if the client goes away.
    pub(super) async fn record_and_repair(&self, actor: &Actor, event: Event, config: Option<ConfigId>) -> Result<()> {
        let (service, actor) = (self.clone(), actor.clone());
        detached(async move {
            let slot = service.dispatch.repairs.reserve()?;
            let mut tx = service.db.write().await?;
            record(&mut tx, &actor, &event).await?;
            tx.commit().await?;
            slot.request(config).await
        })
        .await
    }
}
