//! Audit events: who did what to which object when. Written in the transaction of the action; never changed.

use super::{Conn, later};
use crate::domain::{
    access::Actor,
    audit::{Event, Row},
    error::Result,
    time::Time,
};

impl Conn {
    /// Writes an event. `id` is a UUIDv7.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn record(&mut self, id: &str, at: Time, actor: &Actor, event: &Event) -> Result<()> {
        let Row { action, object, detail } = Row::from(event);
        later!(
            self,
            "insert into audit_events (id, at, actor, actor_name, action, object, detail) values (?, ?, ?, ?, ?, ?, ?)",
            id,
            at.0,
            &actor.id,
            &actor.name,
            &*action,
            &object,
            &detail,
        )
    }
}
