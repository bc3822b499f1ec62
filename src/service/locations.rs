//! Existence, location and live content of configs.

use super::Service;
use crate::{
    domain::{
        access::{Actor, May, Pattern, Publish},
        error::{Error, Result, StateConflict},
        names::{AppName, ConfigId},
    },
    storage::{ConfigLocation, Conn, LiveConfig},
};

impl Service {
    /// Checks that the objects of a pattern exist and that the actor sees some of their configs. The pattern of all
    /// configs reveals nothing, so every actor may use it.
    ///
    /// # Errors
    /// [`Error::NotFound`], no matter whether an object is missing or the actor sees nothing of it.
    pub async fn check_scope(&self, actor: &Actor, scope: &Pattern) -> Result<()> {
        let (env, app, namespace) = (scope.env(), scope.app(), scope.namespace());
        if scope.wildcard_count() == 3 {
            return Ok(());
        }
        let missing = || Error::NotFound(scope.to_string());
        if !actor.sees(scope) {
            return Err(missing());
        }
        let mut db = self.db.read().await?;
        let has_env = match env {
            Some(env) => db.env(env).await?.is_some(),
            None => true,
        };
        let has_rest = match (app, namespace) {
            (None, None) => true,
            (Some(app), None) => db.app(app).await?.is_some(),
            (Some(app), Some(namespace)) => db.namespace(app, namespace).await?.is_some(),
            (None, Some(namespace)) => {
                let seen =
                    |app: &AppName| actor.sees(&Pattern::new(env.cloned(), Some(app.clone()), Some(namespace.clone())));
                db.all_namespaces().await?.iter().any(|(app, name)| name == namespace && seen(app))
            }
        };
        if has_env && has_rest { Ok(()) } else { Err(missing()) }
    }

    /// Returns the environment and namespace of a config, if they exist.
    pub(super) async fn location(&self, db: &mut Conn, id: &ConfigId) -> Result<ConfigLocation> {
        db.location(id).await?.ok_or_else(|| Error::NotFound(id.to_string()))
    }

    /// Returns the live content of a config, with its environment and namespace.
    pub(super) async fn live_config(&self, db: &mut Conn, id: &ConfigId) -> Result<LiveConfig> {
        let known = self.dispatch.fast_path.content(id);
        db.live_config(id, known.as_ref()).await?.ok_or_else(|| Error::NotFound(id.to_string()))
    }

    /// Returns the live content of a config that is not archived.
    pub(super) async fn open_live_config(&self, db: &mut Conn, id: &ConfigId) -> Result<LiveConfig> {
        let live_config = self.live_config(db, id).await?;
        check_open(&live_config.location)?;
        Ok(live_config)
    }

    /// Locks a config until the transaction ends, so that no other release of it is made, and returns its live content.
    pub(super) async fn lock_live_config(&self, tx: &mut Conn, may: &May<Publish>) -> Result<LiveConfig> {
        tx.lock_config(may).await?;
        let live_config = self.open_live_config(tx, may.on()).await?;
        if live_config.is_new {
            // If two transactions make its first release concurrently, one fails here and is run again.
            tx.insert_config(may).await?;
        }
        Ok(live_config)
    }
}

fn check_open(location: &ConfigLocation) -> Result<()> {
    if location.is_archived() { Err(Error::State(StateConflict::Archived)) } else { Ok(()) }
}
