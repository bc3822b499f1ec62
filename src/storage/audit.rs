//! Audit events: who did what to which object when. Written in the transaction of what they tell; never changed.

use super::{Conn, later};
use crate::domain::{access::Actor, error::Result, time::Time};

/// An event to be written. `detail` never carries values, passwords or tokens.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// UUIDv7.
    pub id: String,
    /// When.
    pub at: Time,
    /// Who.
    pub actor: &'a Actor,
    /// What: `publish`, `token.create` …
    pub action: &'static str,
    /// To which object.
    pub object: String,
    /// More, for people.
    pub detail: String,
}

impl Conn {
    /// Writes an event.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn note(&mut self, event: &Event<'_>) -> Result<()> {
        later!(
            self,
            "insert into audit_events (id, at, actor, actor_name, action, object, detail) values (?, ?, ?, ?, ?, ?, ?)",
            &event.id,
            event.at.0,
            &event.actor.id,
            &event.actor.name,
            event.action,
            &event.object,
            &event.detail,
        )
    }
}
