//! Where the channel departs from the database: shown, and repaired by whoever may publish.

use super::{Service, note};
use crate::domain::{
    access::Actor,
    drift::Drift,
    error::{Error, Result},
    names::ConfigId,
};

impl Service {
    /// In what the channel departs from the database, as this node found last; of the configs that the actor sees.
    #[must_use]
    pub fn drifts(&self, actor: &Actor) -> Vec<Drift> {
        self.dispatch.drifts().into_iter().filter(|drift| actor.may_view(&drift.config).is_ok()).collect()
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
        self.dispatch.repair(id.clone()).await?;
        let mut tx = self.db.write().await?;
        note(&mut tx, actor, "channel.repair", id.to_string(), format!("release {live}")).await?;
        tx.commit().await
    }

    /// Notes in the audit that the channel departs from the database.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn note_drift(&self, drift: &Drift) -> Result<()> {
        let mut tx = self.db.write().await?;
        note(&mut tx, &Actor::system(), "channel.drift", drift.config.to_string(), drift.kind.to_string()).await?;
        tx.commit().await
    }
}
