//! Keys that the server generates. All nodes of an installation share them.

use super::{Conn, defer, on};
use crate::domain::error::Result;

impl Conn {
    /// Returns the key of this name, in hexadecimal.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn secret(&mut self, name: &str) -> Result<Option<String>> {
        Ok(on!(self, c => sqlx::query_scalar("select secret from secrets where name = ?")
            .bind(name).fetch_optional(c).await)?)
    }

    /// Stores a new key.
    ///
    /// # Errors
    /// Those of [`super::Db::write`]; [`crate::domain::error::StateConflict::InProgress`] if another node stored one
    /// first.
    pub async fn insert_secret(&mut self, name: &str, secret: &str) -> Result<()> {
        defer!(self, "insert into secrets (name, secret) values (?, ?)", name, secret)
    }
}
