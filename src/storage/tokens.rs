//! The tokens, without their secrets.

use sqlx::FromRow;

use super::{
    Conn, damaged, defer, on,
    row::{AnyRow, invalid},
};
use crate::domain::{
    access::{GrantToken, May},
    error::Result,
    time::Time,
    token::Token,
};

impl<R: AnyRow> FromRow<'_, R> for Token {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            name: row.text("name")?,
            kind: row.variant("kind")?,
            patterns: serde_json::from_str(&row.text("patterns")?).map_err(|e| invalid("patterns", e))?,
            creator: row.boolean("creator")?,
            sha256: row.text("sha256")?,
            created_by: row.text("created_by")?,
            created_at: row.time("created_at")?,
            expires_at: row.optional_time("expires_at")?,
            revoked_at: row.optional_time("revoked_at")?,
            last_used_at: row.optional_time("last_used_at")?,
        })
    }
}

macro_rules! tokens {
    ($tail:literal) => {
        concat!(
            "select id, name, kind, patterns, creator, sha256, created_by, created_at, expires_at, revoked_at, ",
            "last_used_at from tokens ",
            $tail
        )
    };
}

impl Conn {
    /// Returns all tokens except those that expired or were revoked before `since`, for checking credentials.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn tokens_since(&mut self, since: Time) -> Result<Vec<Token>> {
        Ok(on!(self, c => sqlx::query_as(
            tokens!("where (revoked_at is null or revoked_at > ?) and (expires_at is null or expires_at > ?)")
        ).bind(since.0).bind(since.0).fetch_all(c).await)?)
    }

    /// Returns a page of all tokens created before `before`, newest first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn tokens(&mut self, before: Option<Time>, limit: u32) -> Result<Vec<Token>> {
        Ok(on!(self, c => sqlx::query_as(
            tokens!("where created_at < ? order by created_at desc, id limit ?")
        ).bind(before.map_or(i64::MAX, |t| t.0)).bind(limit).fetch_all(c).await)?)
    }

    /// Returns a token.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn token(&mut self, id: &str) -> Result<Option<Token>> {
        Ok(on!(self, c => sqlx::query_as(tokens!("where id = ?")).bind(id)
            .fetch_optional(c).await)?)
    }

    /// Inserts a token.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_token(&mut self, _: &May<GrantToken, ()>, token: &Token) -> Result<()> {
        let patterns = serde_json::to_string(&token.patterns).map_err(|e| damaged("a token's patterns", e))?;
        Ok(on!(self, c => sqlx::query(
            "insert into tokens (id, name, kind, patterns, creator, sha256, created_by, created_at, expires_at) \
             values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ).bind(&token.id).bind(&token.name).bind(token.kind.as_str()).bind(&patterns).bind(token.creator)
            .bind(&token.sha256).bind(&token.created_by).bind(token.created_at.0).bind(token.expires_at.map(|t| t.0))
            .execute(c).await.map(|_| ()))?)
    }

    /// Revokes a token. A second revocation does not change the time of the first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn revoke_token(&mut self, _: &May<GrantToken, ()>, id: &str, now: Time) -> Result<()> {
        defer!(self, "update tokens set revoked_at = ? where id = ? and revoked_at is null", now.0, id)
    }

    /// Records when tokens were last used.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn set_tokens_last_used(&mut self, uses: &[(String, Time)]) -> Result<()> {
        for (id, at) in uses {
            defer!(
                self,
                "update tokens set last_used_at = ? where id = ? and coalesce(last_used_at, 0) < ?",
                at.0,
                id,
                at.0
            )?;
        }
        Ok(())
    }
}
