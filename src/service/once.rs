//! What makes changes and releases, each in one transaction, and once: a retry with the same idempotency key gets what
//! the first try made.

use super::{Publish, Rollback, Save, Service, detached, now};
use crate::{
    domain::{
        access::Actor,
        change::ChangeId,
        error::{Error, Invalid, Problem, Result, State},
    },
    storage::Conn,
};

/// A key that the caller made up for one request, and the hash of that request.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The key.
    pub key: String,
    /// SHA-256 of the request, in hexadecimal.
    pub body_sha256: String,
}

/// What there is to do.
pub(super) enum Work {
    Save { message: String, saves: Vec<Save> },
    Publish(Publish),
    SaveAndPublish { message: String, confirm: String, saves: Vec<Save> },
    RollBack(Rollback),
}

impl Service {
    /// Does `work`, unless its key says that it is done already. Gives the change that it made.
    pub(super) async fn once(&self, actor: &Actor, key: Option<Idempotency>, work: Work) -> Result<ChangeId> {
        let (service, actor) = (self.clone(), actor.clone());
        detached(async move {
            match service.work(&actor, key.as_ref(), work).await {
                // Of two that came together, the slower one fails on what the faster one did, in whatever way: its
                // change is published, its difference is gone, its key is taken.
                Err(error) => service.done(&actor, key.as_ref()).await.ok_or(error),
                done => done,
            }
        })
        .await
    }

    async fn done(&self, actor: &Actor, key: Option<&Idempotency>) -> Option<ChangeId> {
        let key = key?;
        let mut db = self.db.read().await.ok()?;
        remembered(&mut db, actor, Some(key)).await.ok()?
    }

    async fn work(&self, actor: &Actor, key: Option<&Idempotency>, work: Work) -> Result<ChangeId> {
        let mut tx = self.db.write().await?;
        if let Some(done) = remembered(&mut tx, actor, key).await? {
            return Ok(done);
        }
        let releases = !matches!(work, Work::Save { .. });
        let change = match work {
            Work::Save { message, saves } => self.save_in(&mut tx, actor, Some(message), saves).await?.id,
            Work::Publish(publish) => self.publish_in(&mut tx, actor, &publish).await?,
            Work::SaveAndPublish { message, confirm, saves } => {
                let change = self.save_in(&mut tx, actor, Some(message), saves).await?.id;
                let publish = Publish { change, diff_sha256: None, message: None, confirm, idempotency: None };
                self.publish_in(&mut tx, actor, &publish).await?
            }
            Work::RollBack(rollback) => self.roll_back_in(&mut tx, actor, &rollback).await?,
        };
        if let Some(key) = key
            && !tx.remember(&actor.id, &key.key, &key.body_sha256, &change, now()).await?
        {
            return Err(Error::State(State::InProgress));
        }
        tx.commit().await?;
        if releases {
            self.dispatch.ring();
        }
        Ok(change)
    }
}

/// The change that a key made.
async fn remembered(db: &mut Conn, actor: &Actor, key: Option<&Idempotency>) -> Result<Option<ChangeId>> {
    let Some(key) = key else { return Ok(None) };
    match db.idempotent(&actor.id, &key.key).await? {
        None => Ok(None),
        Some((body, change)) if body == key.body_sha256 => Ok(Some(change)),
        Some(_) => Err(Invalid::new("/idempotency-key", Problem::Idempotency).into()),
    }
}
