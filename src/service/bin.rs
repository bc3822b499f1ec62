//! The recycle bin: listing archived objects, restoring them, and removing them for good.

use super::{PutApp, PutEnv, PutNamespace, Service, new_id, now, record, retry_conflicts};
use crate::domain::{
    access::Actor,
    audit::Event,
    bin::{Archived, BinObject, Removal},
    change::{Change, ChangeId},
    error::{Error, Invalid, Problem, Result, StateConflict},
    names::{ConfigId, EnvName},
    time::Time,
};

const DAY_MS: i64 = 24 * 3_600_000;
/// Number of objects that are read at once.
const CHUNK: u32 = 500;
/// Maximum number of objects that one run of the background task removes. The next run continues.
const MAX_EXPIRED: u32 = 20;
/// Maximum number of open changes that a preview names.
const MAX_CHANGES: u32 = 100;

/// Objects and edits that a removal for good would concern.
#[derive(Clone, Debug)]
pub struct RemovalPreview {
    /// The archived object.
    pub archived: Archived,
    /// Its configs with a release or an edit, ordered by name.
    pub configs: Vec<ConfigId>,
    /// Open changes with edits of these configs, last edited first, at most 100. They lose these edits.
    pub changes: Vec<Change>,
    /// Earlier objects with this name that were removed, the last first, each with the number of its releases.
    pub earlier: Vec<(Removal, u64)>,
}

impl Service {
    /// Returns at most `limit` archived objects that the actor may restore, the last archived first, skipping `offset`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn bin(&self, actor: &Actor, offset: usize, limit: usize) -> Result<Vec<Archived>> {
        let (mut db, mut found, mut read) = (self.db.read().await?, Vec::new(), 0);
        loop {
            let chunk = db.archived(CHUNK, read).await?;
            let is_last = chunk.len() < CHUNK as usize;
            found.extend(chunk.into_iter().filter(|archived| may_restore(actor, &archived.object)));
            if is_last || found.len() >= offset.saturating_add(limit) {
                return Ok(found.into_iter().skip(offset).take(limit).collect());
            }
            read += CHUNK;
        }
    }

    /// Restores an archived object.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`] if the object does not exist; [`Error::State`] with `Archived` if it is
    /// a namespace of an archived application; [`Error::Unavailable`].
    pub async fn restore(&self, actor: &Actor, object: &BinObject) -> Result<()> {
        let missing = || Error::NotFound(object.to_string());
        let archived = Some(false);
        match object.clone() {
            BinObject::Env(name) => {
                actor.may_administer()?;
                self.db.read().await?.env(&name).await?.ok_or_else(missing)?;
                let put = PutEnv { name, title: None, position: None, protected: None, archived };
                self.put_env(actor, put).await?;
            }
            BinObject::App(name) => {
                actor.may_own(&name)?;
                self.db.read().await?.app(&name).await?.ok_or_else(missing)?;
                self.put_app(actor, PutApp { name, title: None, description: None, archived }).await?;
            }
            BinObject::Namespace(app, name) => {
                actor.may_own(&app)?;
                self.db.read().await?.namespace(&app, &name).await?.ok_or_else(missing)?;
                self.put_namespace(actor, PutNamespace { app, name, format: None, description: None, archived })
                    .await?;
            }
        }
        Ok(())
    }

    /// Returns an archived object, with all that its removal for good would concern.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the actor may remove it; [`Error::NotFound`] if it does not exist or is not archived;
    /// [`Error::Unavailable`].
    pub async fn removal(&self, actor: &Actor, object: &BinObject) -> Result<RemovalPreview> {
        actor.may_remove()?;
        let mut db = self.db.read().await?;
        let archived = db.archived_object(object).await?.ok_or_else(|| Error::NotFound(object.to_string()))?;
        Ok(RemovalPreview {
            archived,
            configs: db.configs_of(object).await?,
            changes: db.open_changes_of(object, MAX_CHANGES).await?,
            earlier: db.removed_objects(object).await?,
        })
    }

    /// Removes an archived object for good. Its name is free at once. Its releases are kept under the returned identity,
    /// and its documents leave the channel soon. `confirm` is the typed name.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the actor is an administrator; [`Error::Invalid`] at `/confirm` for another name;
    /// [`Error::NotFound`]; [`Error::State`] with `NotArchived`; [`Error::Unavailable`].
    pub async fn remove(&self, actor: &Actor, object: &BinObject, confirm: &str) -> Result<ChangeId> {
        actor.may_remove()?;
        if confirm.trim() != object.to_string() {
            return Err(Invalid::new("/confirm", Problem::Confirm { expected: object.to_string() }).into());
        }
        self.remove_archived(actor, object, Time(i64::MAX)).await
    }

    /// Returns the time at which an archived object is removed for good, if it ever is.
    pub fn removed_at(&self, archived: &Archived) -> Option<Time> {
        let is_counted = self.bin_days > 0 && !archived.by.is_empty();
        is_counted.then(|| archived.at.plus_ms(i64::from(self.bin_days) * DAY_MS))
    }

    /// Removes some objects for good that were archived longer ago than the bin keeps them. Several nodes may do so at
    /// once. Returns whether there may be more. An object that was archived before the actor was recorded stays: when it
    /// was archived, nobody was told of a time.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn remove_expired(&self) -> Result<bool> {
        if self.bin_days == 0 {
            return Ok(false);
        }
        let before = now().plus_ms(-i64::from(self.bin_days) * DAY_MS);
        let expired = self.db.read().await?.expired(before, MAX_EXPIRED).await?;
        let is_full = expired.len() == MAX_EXPIRED as usize;
        for Archived { object, .. } in expired {
            match self.remove_archived(&Actor::system(), &object, before).await {
                Ok(id) => {
                    tracing::info!(%object, kind = object.kind(), %id, "removed an archived object for good");
                }
                // Another node removed it, or a person restored it.
                Err(Error::NotFound(_) | Error::State(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(is_full)
    }

    /// Removes an object for good that was archived before a time.
    async fn remove_archived(&self, actor: &Actor, object: &BinObject, before: Time) -> Result<ChangeId> {
        let id: ChangeId = new_id().parse().expect("a UUID is a valid id");
        let envs = retry_conflicts(|| {
            let (service, actor, object, id) = (self.clone(), actor.clone(), object.clone(), id.clone());
            async move { service.remove_in_transaction(&actor, &object, before, id).await }
        })
        .await?;
        self.dispatch.notifier.notify(&envs);
        Ok(id)
    }

    async fn remove_in_transaction(
        &self,
        actor: &Actor,
        object: &BinObject,
        before: Time,
        id: ChangeId,
    ) -> Result<Vec<EnvName>> {
        let may = actor.may_remove()?;
        let mut tx = self.db.write().await?;
        let Some(archived) = tx.lock_archived(object).await?.filter(|archived| archived.at < before) else {
            let exists = match object {
                BinObject::Env(env) => tx.env(env).await?.is_some(),
                BinObject::App(app) => tx.app(app).await?.is_some(),
                BinObject::Namespace(app, namespace) => tx.namespace(app, namespace).await?.is_some(),
            };
            return Err(match exists {
                true => Error::State(StateConflict::NotArchived),
                false => Error::NotFound(object.to_string()),
            });
        };
        let removal = Removal { id: id.clone(), by: actor.name.clone(), at: now() };
        tx.insert_removed_object(&may, &archived, &removal).await?;
        let configs = tx.configs_of(object).await?;
        for config in &configs {
            tx.remove_config(&may, config, &removal).await?;
        }
        tx.delete_object(&may, object).await?;
        let event = Event::ObjectRemoved { object: object.clone(), id, configs: configs.len() as u64 };
        record(&mut tx, actor, &event).await?;
        tx.commit().await?;
        let mut envs: Vec<EnvName> = configs.into_iter().map(|config| config.env).collect();
        envs.dedup();
        Ok(envs)
    }
}

fn may_restore(actor: &Actor, object: &BinObject) -> bool {
    match object {
        BinObject::Env(_) => actor.is_administrator(),
        BinObject::App(app) | BinObject::Namespace(app, _) => actor.may_own(app).is_ok(),
    }
}
