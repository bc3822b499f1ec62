//! Where configs lie, and what is live there.

use super::Service;
use crate::{
    domain::{
        access::{May, Publish},
        error::{Error, Result, State},
        names::ConfigId,
    },
    storage::{Conn, Place, Standing},
};

impl Service {
    /// Where a config lies, when its environment and its namespace exist.
    pub(super) async fn place(&self, db: &mut Conn, id: &ConfigId) -> Result<Place> {
        db.place(id).await?.ok_or_else(|| Error::NotFound(id.to_string()))
    }

    /// The same, with what is live.
    pub(super) async fn standing(&self, db: &mut Conn, id: &ConfigId) -> Result<Standing> {
        let known = self.contents.of(id);
        db.standing(id, known.as_ref()).await?.ok_or_else(|| Error::NotFound(id.to_string()))
    }

    /// The same, when nothing there is archived.
    pub(super) async fn open_standing(&self, db: &mut Conn, id: &ConfigId) -> Result<Standing> {
        let standing = self.standing(db, id).await?;
        check_open(&standing.place)?;
        Ok(standing)
    }

    /// The same, locked until the transaction ends: nobody else makes a release of it meanwhile.
    pub(super) async fn locked_standing(&self, tx: &mut Conn, may: &May<Publish>) -> Result<Standing> {
        tx.lock_config(may).await?;
        let standing = self.open_standing(tx, may.on()).await?;
        if standing.is_new {
            // Of two that make its first release, one fails here and tries again.
            tx.insert_config(may).await?;
        }
        Ok(standing)
    }
}

fn check_open(place: &Place) -> Result<()> {
    if place.is_archived() { Err(Error::State(State::Archived)) } else { Ok(()) }
}
