//! Existence, place and live content of configs.

use super::Service;
use crate::{
    domain::{
        access::{Actor, May, Pattern, Publish},
        error::{Error, Result, State},
        names::{AppName, ConfigId},
    },
    storage::{Conn, Place, Standing},
};

impl Service {
    /// Checks that the objects of a pattern exist and that the actor sees some of their configs. The pattern of all
    /// configs reveals nothing, so every actor may use it.
    ///
    /// # Errors
    /// [`Error::NotFound`], no matter whether an object is missing or the actor sees nothing of it.
    pub async fn check_scope(&self, actor: &Actor, scope: &Pattern) -> Result<()> {
        let (env, app, namespace) = (scope.env(), scope.app(), scope.namespace());
        if scope.breadth() == 3 {
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
    pub(super) async fn place(&self, db: &mut Conn, id: &ConfigId) -> Result<Place> {
        db.place(id).await?.ok_or_else(|| Error::NotFound(id.to_string()))
    }

    /// Returns the live content of a config, with its environment and namespace.
    pub(super) async fn standing(&self, db: &mut Conn, id: &ConfigId) -> Result<Standing> {
        let known = self.dispatch.fast_path.content(id);
        db.standing(id, known.as_ref()).await?.ok_or_else(|| Error::NotFound(id.to_string()))
    }

    /// Returns the live content of a config that is not archived.
    pub(super) async fn open_standing(&self, db: &mut Conn, id: &ConfigId) -> Result<Standing> {
        let standing = self.standing(db, id).await?;
        check_open(&standing.place)?;
        Ok(standing)
    }

    /// Locks a config until the transaction ends, so that no other release of it is made, and returns its live content.
    pub(super) async fn locked_standing(&self, tx: &mut Conn, may: &May<Publish>) -> Result<Standing> {
        tx.lock_config(may).await?;
        let standing = self.open_standing(tx, may.on()).await?;
        if standing.is_new {
            // If two transactions make its first release concurrently, one fails here and is run again.
            tx.insert_config(may).await?;
        }
        Ok(standing)
    }
}

fn check_open(place: &Place) -> Result<()> {
    if place.is_archived() { Err(Error::State(State::Archived)) } else { Ok(()) }
}
