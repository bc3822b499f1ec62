//! Keys that the server generates. All nodes of an installation share them.

use super::{Conn, on};
use crate::domain::error::Result;

impl Conn {
    /// Returns the key of this name, in hexadecimal.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn secret(&mut self, name: &str) -> Result<Option<String>> {
        let row: Option<(String,)> = on!(self, c => sqlx::query_as("select secret from secrets where name = ?")
            .bind(name).fetch_optional(c).await)?;
        Ok(row.map(|(secret,)| secret))
    }

    /// Stores a new key.
    ///
    /// # Errors
    /// Those of [`super::Db::write`]; [`crate::domain::error::State::InProgress`] if another node stored one first.
    pub async fn insert_secret(&mut self, name: &str, secret: &str) -> Result<()> {
        on!(self, c => sqlx::query("insert into secrets (name, secret) values (?, ?)").bind(name).bind(secret)
            .execute(c).await.map(|_| ()))?;
        Ok(())
    }
}
