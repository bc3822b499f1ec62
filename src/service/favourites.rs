//! Favourites: applications and configs that a user marked to find them first.

use super::{Service, detached};
use crate::domain::{
    access::Actor,
    error::{Error, Invalid, Problem, Result},
    favourite::{Favourite, MAX_FAVOURITES},
};

impl Service {
    /// Returns the actor's favourites that exist, are not archived, and that the actor may see.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn favourites(&self, actor: &Actor) -> Result<Vec<Favourite>> {
        let mut favourites = self.db.read().await?.favourites(&actor.id).await?;
        favourites.retain(|favourite| check_visible(actor, favourite).is_ok());
        Ok(favourites)
    }

    /// Returns whether an application or a config is a favourite of the actor.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_favourite(&self, actor: &Actor, favourite: &Favourite) -> Result<bool> {
        self.db.read().await?.is_favourite(&actor.id, favourite).await
    }

    /// Marks an application or a config as the actor's favourite, or no longer. Repeating it changes nothing. A mark of
    /// something that is gone or hidden can be removed, too.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist or the actor may not see it; [`Problem::TooMany`] at `/of`;
    /// [`Error::Unavailable`].
    pub async fn set_favourite(&self, actor: &Actor, favourite: Favourite, is_marked: bool) -> Result<()> {
        let (service, actor) = (self.clone(), actor.clone());
        detached(async move {
            if is_marked {
                check_visible(&actor, &favourite)?;
            }
            let mut tx = service.db.write().await?;
            let count = tx.lock_favourites(&actor.id).await?;
            let was_marked = tx.delete_favourite(&actor.id, &favourite).await?;
            if is_marked {
                match &favourite {
                    Favourite::App(app) => _ = tx.app(app).await?.ok_or_else(|| Error::NotFound(app.to_string()))?,
                    Favourite::Config(config) => _ = service.location(&mut tx, config).await?,
                }
                if !was_marked && count >= MAX_FAVOURITES {
                    return Err(Invalid::new("/of", Problem::TooMany { max: MAX_FAVOURITES }).into());
                }
                tx.insert_favourite(&actor.id, &favourite).await?;
            }
            tx.commit().await
        })
        .await
    }
}

fn check_visible(actor: &Actor, favourite: &Favourite) -> Result<()> {
    match favourite {
        Favourite::App(app) if actor.sees_app(app) => Ok(()),
        Favourite::App(app) => Err(Error::NotFound(app.to_string())),
        Favourite::Config(config) => actor.may_view(config).map(|_| ()),
    }
}
