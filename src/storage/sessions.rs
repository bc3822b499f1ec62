//! Sessions, stored under the hash of their id. Only the browser has the id itself.

use std::collections::HashSet;

use sqlx::QueryBuilder;

use super::{Conn, defer, on};
use crate::domain::{error::Result, time::Time};

impl Conn {
    /// Inserts a session.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_session(
        &mut self,
        id_sha256: &str,
        user: Option<&str>,
        data: &str,
        expires_at: Time,
        now: Time,
    ) -> Result<()> {
        Ok(on!(self, c => sqlx::query(
            "insert into sessions (id_sha256, user_id, data, created_at, expires_at) values (?, ?, ?, ?, ?)"
        ).bind(id_sha256).bind(user).bind(data).bind(now.0).bind(expires_at.0).execute(c).await.map(|_| ()))?)
    }

    /// Updates a session. One that was ended meanwhile stays ended.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn update_session(
        &mut self,
        id_sha256: &str,
        user: Option<&str>,
        data: &str,
        expires_at: Time,
    ) -> Result<()> {
        Ok(on!(self, c => sqlx::query("update sessions set user_id = ?, data = ?, expires_at = ? where id_sha256 = ?")
            .bind(user).bind(data).bind(expires_at.0).bind(id_sha256).execute(c).await.map(|_| ()))?)
    }

    /// Returns the data and the expiry of a session that has not expired.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn session(&mut self, id_sha256: &str, now: Time) -> Result<Option<(String, Time)>> {
        let row: Option<(String, i64)> = on!(self, c => sqlx::query_as(
            "select data, expires_at from sessions where id_sha256 = ? and expires_at > ?"
        ).bind(id_sha256).bind(now.0).fetch_optional(c).await)?;
        Ok(row.map(|(data, at)| (data, Time(at))))
    }

    /// Returns those of the given sessions that have not ended.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn existing_sessions(&mut self, all: &[String], now: Time) -> Result<HashSet<String>> {
        let rows: Vec<(String,)> = on!(self, c => {
            let mut query = QueryBuilder::new("select id_sha256 from sessions where expires_at > ");
            query.push_bind(now.0).push(" and id_sha256 in (");
            let mut list = query.separated(", ");
            for one in all {
                list.push_bind(one.as_str());
            }
            query.push(")").build_query_as().fetch_all(c).await
        })?;
        Ok(rows.into_iter().map(|(one,)| one).collect())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn delete_session(&mut self, id_sha256: &str) -> Result<()> {
        defer!(self, "delete from sessions where id_sha256 = ?", id_sha256)
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn delete_sessions_of(&mut self, user: &str) -> Result<()> {
        defer!(self, "delete from sessions where user_id = ?", user)
    }

    /// Deletes expired sessions, and idempotency keys and failed log-ins from before `day_ago`.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn delete_expired(&mut self, now: Time, day_ago: Time) -> Result<()> {
        defer!(self, "delete from sessions where expires_at < ?", now.0)?;
        defer!(self, "delete from idempotency where created_at < ?", day_ago.0)?;
        defer!(self, "delete from failures where last_at < ?", day_ago.0)
    }
}
