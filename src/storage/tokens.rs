//! The tokens, without their secrets.

use super::{Conn, damaged, on};
use crate::domain::{
    access::{GrantToken, May},
    error::Result,
    time::Time,
    token::{Token, TokenKind},
};

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: String,
    name: String,
    kind: String,
    patterns: String,
    creator: bool,
    sha256: String,
    created_by: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TokenRow {
    fn token(self) -> Result<Token> {
        let kind = TokenKind::ALL.into_iter().find(|k| k.as_str() == self.kind);
        Ok(Token {
            id: self.id,
            name: self.name,
            kind: kind.ok_or_else(|| damaged("a token's kind", &self.kind))?,
            patterns: serde_json::from_str(&self.patterns).map_err(|e| damaged("a token's patterns", e))?,
            creator: self.creator,
            sha256: self.sha256,
            created_by: self.created_by,
            created_at: Time(self.created_at),
            expires_at: self.expires_at.map(Time),
            revoked_at: self.revoked_at.map(Time),
            last_used_at: self.last_used_at.map(Time),
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
        let rows: Vec<TokenRow> = on!(self, c => sqlx::query_as(
            tokens!("where (revoked_at is null or revoked_at > ?) and (expires_at is null or expires_at > ?)")
        ).bind(since.0).bind(since.0).fetch_all(c).await)?;
        rows.into_iter().map(TokenRow::token).collect()
    }

    /// Returns a page of all tokens created before `before`, newest first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn tokens(&mut self, before: Option<Time>, limit: u32) -> Result<Vec<Token>> {
        let rows: Vec<TokenRow> = on!(self, c => sqlx::query_as(
            tokens!("where created_at < ? order by created_at desc, id limit ?")
        ).bind(before.map_or(i64::MAX, |t| t.0)).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(TokenRow::token).collect()
    }

    /// Returns a token.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn token(&mut self, id: &str) -> Result<Option<Token>> {
        let row: Option<TokenRow> = on!(self, c => sqlx::query_as(tokens!("where id = ?")).bind(id)
            .fetch_optional(c).await)?;
        row.map(TokenRow::token).transpose()
    }

    /// Inserts a token.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_token(&mut self, _: &May<GrantToken, ()>, token: &Token) -> Result<()> {
        let patterns = serde_json::to_string(&token.patterns).map_err(|e| damaged("a token's patterns", e))?;
        on!(self, c => sqlx::query(
            "insert into tokens (id, name, kind, patterns, creator, sha256, created_by, created_at, expires_at) \
             values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ).bind(&token.id).bind(&token.name).bind(token.kind.as_str()).bind(&patterns).bind(token.creator)
            .bind(&token.sha256).bind(&token.created_by).bind(token.created_at.0).bind(token.expires_at.map(|t| t.0))
            .execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// Revokes a token. A second revocation does not change the time of the first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn revoke_token(&mut self, _: &May<GrantToken, ()>, id: &str, now: Time) -> Result<()> {
        on!(self, c => sqlx::query("update tokens set revoked_at = ? where id = ? and revoked_at is null")
            .bind(now.0).bind(id).execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// Records when tokens were last used.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn set_tokens_last_used(&mut self, uses: &[(String, Time)]) -> Result<()> {
        for (id, at) in uses {
            on!(self, c => sqlx::query("update tokens set last_used_at = ? where id = ?").bind(at.0).bind(id)
                .execute(c).await.map(|_| ()))?;
        }
        Ok(())
    }
}
