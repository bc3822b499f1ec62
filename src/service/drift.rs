//! Where the channel departs from the database: shown, and repaired by whoever may publish.

use super::{
    Service, check_text,
    once::{Made, Work},
    publish::{
        Alone,
        policy::{self, Proposal, Purpose, What},
        restored,
    },
    record,
};
use crate::{
    domain::{
        access::Actor,
        audit::Event,
        content::Content,
        drift::{Drift, Wins},
        error::{Error, Result},
        names::ConfigId,
        numbers,
        release::Published,
    },
    storage::Conn,
};

/// The decision of an administrator about a config of which the channel, or a reader, is ahead.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The config.
    pub config: ConfigId,
    /// Which side counts.
    pub wins: Wins,
    /// The number there that was looked at.
    pub seq: u64,
    /// Why.
    pub message: String,
    /// The name of the environment, typed, when it is protected.
    pub confirm: String,
}

impl Work for Settle {
    const NAME: &'static str = "settle";

    async fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> Result<Made> {
        service.settle_in(tx, actor, self).await
    }
}

impl Service {
    /// In what the channel departs from the database, as this node found last; of the configs that the actor sees.
    #[must_use]
    pub fn drifts(&self, actor: &Actor) -> Vec<Drift> {
        self.dispatch.status.drifts().into_iter().filter(|drift| actor.may_view(&drift.config).is_ok()).collect()
    }

    /// Writes the live release of a config into the channel again, in bytes that differ from those that lie there, so
    /// that programs which missed it wake up.
    ///
    /// # Errors
    /// [`Error::NotFound`] also when there is no release yet, [`Error::Forbidden`], [`Error::State`] when the channel is
    /// ahead of the database, [`Error::Unavailable`].
    pub async fn repair(&self, actor: &Actor, id: &ConfigId) -> Result<()> {
        actor.may_publish(id)?;
        let live = self.db.read().await?.live_seq(id).await?;
        if live == 0 {
            return Err(Error::NotFound(id.to_string()));
        }
        // Noted first: it is done even when nobody waits for it any more.
        let mut tx = self.db.write().await?;
        record(&mut tx, actor, &Event::ReleaseRepaired { config: id.clone(), seq: live }).await?;
        tx.commit().await?;
        self.dispatch.repairs.repair(id.clone()).await
    }

    /// Decides which side counts where the channel, or a reader, is ahead of the database, and lets the config be
    /// published again. Readers are known by numbers alone: what they hold cannot be taken over.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for everybody but administrators; [`Error::Stale`] when there is another release by now, or
    /// none; [`Error::State`] when there is nothing in the database to release again; [`Error::Invalid`],
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn settle(&self, actor: &Actor, settle: Settle) -> Result<Published> {
        let (arrivals, config) = (self.dispatch.status.arrivals(), settle.config.clone());
        let made = self.once(actor, None, settle).await?;
        self.dispatch.status.forget_drift(&config);
        self.dispatch.notifier.notify([&config.env]);
        Ok(self.published(made, arrivals).await)
    }

    async fn settle_in(&self, tx: &mut Conn, actor: &Actor, settle: &Settle) -> Result<Made> {
        actor.may_administer()?;
        check_text("/message", &settle.message)?;
        let id = &settle.config;
        let may = actor.may_publish(id)?;
        policy::check_config(&self.dispatch, id, Purpose::Drift)?;
        let standing = self.locked_standing(tx, &may).await?;
        let (live, before) = (standing.live, &standing.content);
        let (ahead, document) = self.dispatch.status.ahead(id).unzip();
        policy::check(&Proposal {
            what: What::Drift { standing: &standing, wins: settle.wins, seen: settle.seq, ahead },
            message: &settle.message,
            confirm: &settle.confirm,
        })?;
        let (seq, content) = match settle.wins {
            Wins::Database => (numbers::after(settle.seq)?, before.clone()),
            Wins::Channel => {
                let Some(document) = document.flatten() else { return Err(Error::Stale(live.to_string())) };
                let format = standing.place.namespace.format;
                let content = restored(before, Content::of_document(format, document.expose())?, settle.seq);
                // Where it would be written in other bytes, readers get it as a release of its own.
                let same = content.document().trim_end() == document.expose().trim_end();
                (if same { settle.seq } else { numbers::after(settle.seq)? }, content)
            }
        };
        let alone =
            Alone { standing: &standing, seq, content: &content, message: settle.message.trim(), rolled_back_to: None };
        let made = self.release_alone(tx, &may, actor, alone).await?;
        record(tx, actor, &Event::DriftResolved { config: id.clone(), seq, wins: settle.wins }).await?;
        Ok(made)
    }

    /// Records in the audit that the channel departs from the database.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn note_drift(&self, drift: &Drift) -> Result<()> {
        let mut tx = self.db.write().await?;
        let event = Event::DriftFound { config: drift.config.clone(), kind: drift.kind };
        record(&mut tx, &Actor::system(), &event).await?;
        tx.commit().await
    }
}
