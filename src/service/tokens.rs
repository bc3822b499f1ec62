//! Tokens: creating, listing, revoking, and turning them into actors.

use super::{Service, detached, now, record};
use crate::{
    auth::tokens,
    domain::{
        access::{Actor, Pattern},
        audit::Event,
        error::{Error, Invalid, Problem, Result, truncate},
        limits,
        names::AppName,
        time::Time,
        token::{Token, TokenKind},
        unseen,
    },
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A token to be created.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: TokenKind,
    /// The configs that it covers.
    pub patterns: Vec<Pattern>,
    /// Whether it may create applications and environments.
    pub creator: bool,
    /// Time of the expiry, if it expires.
    pub expires_at: Option<Time>,
}

/// A new token with its text, which is shown only once.
#[derive(Clone)]
pub struct ShownToken {
    /// The token as it is stored.
    pub token: Token,
    /// Its text.
    pub text: String,
}

impl Service {
    /// Creates a token. Its text is in this answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the actor does not own all configs that it covers; [`Error::Invalid`],
    /// [`Error::Unavailable`].
    pub async fn create_token(&self, actor: &Actor, new: NewToken) -> Result<ShownToken> {
        let (service, actor) = (self.clone(), actor.clone());
        detached(async move {
            let name = check_token_name(&new.name)?;
            if new.patterns.is_empty() && !new.creator {
                return Err(Invalid::new("/patterns", Problem::Required).into());
            }
            if new.patterns.len() > 100 {
                return Err(Invalid::new("/patterns", Problem::TooMany { max: 100 }).into());
            }
            let may = actor.may_grant(&new.patterns)?;
            if new.creator {
                actor.may_administer()?;
            }
            let tokens::GeneratedToken { id, text, sha256 } = tokens::generate(new.kind);
            let token = Token {
                id,
                name,
                kind: new.kind,
                patterns: new.patterns,
                creator: new.creator,
                sha256,
                created_by: actor.name.clone(),
                created_at: now(),
                expires_at: new.expires_at,
                revoked_at: None,
                last_used_at: None,
            };
            let mut tx = service.db.write().await?;
            tx.insert_token(&may, &token).await?;
            let Token { id, kind, patterns, .. } = token.clone();
            record(&mut tx, &actor, &Event::TokenCreated { id, kind, patterns }).await?;
            tx.commit().await?;
            Ok(ShownToken { token, text })
        })
        .await
    }

    /// Revokes a token. Readers notice within five seconds.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist or the actor does not own all its configs; [`Error::Unavailable`].
    pub async fn revoke_token(&self, actor: &Actor, id: &str) -> Result<()> {
        let (service, actor, id) = (self.clone(), actor.clone(), id.to_owned());
        detached(async move {
            let mut tx = service.db.write().await?;
            let missing = || Error::NotFound(truncate(&id));
            let token = tx.token(&id).await?.ok_or_else(missing)?;
            let may = actor.may_grant(&token.patterns).map_err(|_| missing())?;
            tx.revoke_token(&may, &id, now()).await?;
            let Token { kind, patterns, .. } = token;
            record(&mut tx, &actor, &Event::TokenRevoked { id, kind, patterns }).await?;
            tx.commit().await
        })
        .await
    }

    /// Returns the tokens that the actor may revoke, the newest first: up to [`limits::MAX_PAGE_ROWS`] of those created
    /// before `before`, optionally of one application.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tokens(&self, actor: &Actor, app: Option<&AppName>, before: Option<Time>) -> Result<Vec<Token>> {
        let of_app =
            |token: &Token| app.is_none_or(|app| token.patterns.iter().any(|p| p.app().is_none_or(|a| a == app)));
        let (mut db, mut before, page) = (self.db.read().await?, before, limits::MAX_PAGE_ROWS as usize);
        let mut tokens = Vec::new();
        // Tokens of others are left out, so more are read than are returned.
        loop {
            let read = db.tokens(before, limits::MAX_PAGE_ROWS).await?;
            let last = read.len() < page;
            before = read.last().map(|token| token.created_at);
            tokens.extend(read.into_iter().filter(|t| actor.may_grant(&t.patterns).is_ok() && of_app(t)));
            if last || tokens.len() >= page {
                break;
            }
        }
        tokens.truncate(page);
        Ok(tokens)
    }

    /// Returns the actor of an automation token.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a read token.
    pub async fn actor_of_token(&self, token: &Token) -> Result<Actor> {
        if token.kind != TokenKind::Automation {
            return Err(Error::Forbidden(crate::domain::error::Need::Kind));
        }
        Ok(Actor::token(&token.id, &token.name, token.creator, &token.patterns))
    }

    /// Returns all valid tokens, and those that ended within the last day, for readers to check against. A client with
    /// one of the latter learns that it ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn known_tokens(&self) -> Result<Vec<Token>> {
        self.db.read().await?.tokens_since(now().plus_ms(-DAY_MS)).await
    }

    /// Returns whether nothing was ever released.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_new(&self) -> Result<bool> {
        Ok(self.db.read().await?.latest_releases(1, 0).await?.is_empty())
    }
}

/// Checks the name of a token: 1 to 200 bytes, only visible characters. The name is the author of the token's actions.
fn check_token_name(name: &str) -> Result<String, Invalid> {
    let name = name.trim();
    let problem = match name {
        "" => Problem::Required,
        n if n.len() > limits::TOKEN_NAME_BYTES => Problem::TooLong { max: limits::TOKEN_NAME_BYTES },
        n => match unseen::find_problem(n) {
            Some(problem) => problem,
            None => return Ok(n.to_owned()),
        },
    };
    Err(Invalid::new("/name", problem))
}
