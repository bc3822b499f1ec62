//! The audit events. They are written in the transaction of the action and never changed.

use super::{Conn, defer};
use crate::domain::{
    access::Actor,
    audit::{AuditRow, Event},
    error::Result,
    time::Time,
};

impl Conn {
    /// Writes an event. `id` is a UUIDv7.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn record(&mut self, id: &str, at: Time, actor: &Actor, event: &Event) -> Result<()> {
        let AuditRow { action, object, detail } = AuditRow::from(event);
        defer!(
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
