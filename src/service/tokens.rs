//! Tokens: made, listed, revoked, and turned into actors.

use super::{Service, detached, now, record};
use crate::{
    auth::tokens,
    domain::{
        access::{Actor, Pattern},
        audit::Event,
        error::{Error, Invalid, Problem, Result, excerpt},
        limits,
        names::AppName,
        time::Time,
        token::{Token, TokenKind},
        unseen,
    },
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub kind: TokenKind,
    /// The configs that it reaches.
    pub patterns: Vec<Pattern>,
    /// Whether it may create applications and environments.
    pub creator: bool,
    /// When it stops working by itself.
    pub expires_at: Option<Time>,
}

/// A new token with its text, which is shown this once.
#[derive(Clone)]
pub struct ShownToken {
    /// The token as it is kept.
    pub token: Token,
    /// Its text.
    pub text: String,
}

impl Service {
    /// Makes a token. Its text is in this answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the actor does not own all that it names, [`Error::Invalid`],
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
            let tokens::Fresh { id, text, sha256 } = tokens::generate(new.kind);
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

    /// Revokes a token; readers notice within five seconds.
    ///
    /// # Errors
    /// [`Error::NotFound`] also when the actor does not own all that it names, [`Error::Unavailable`].
    pub async fn revoke_token(&self, actor: &Actor, id: &str) -> Result<()> {
        let (service, actor, id) = (self.clone(), actor.clone(), id.to_owned());
        detached(async move {
            let mut tx = service.db.write().await?;
            let missing = || Error::NotFound(excerpt(&id));
            let token = tx.token(&id).await?.ok_or_else(missing)?;
            let may = actor.may_grant(&token.patterns).map_err(|_| missing())?;
            tx.revoke_token(&may, &id, now()).await?;
            let Token { kind, patterns, .. } = token;
            record(&mut tx, &actor, &Event::TokenRevoked { id, kind, patterns }).await?;
            tx.commit().await
        })
        .await
    }

    /// The tokens that the actor may revoke, the newest first: [`limits::PAGE_MAX`] of those made before `before`, or
    /// the rest. Of one application, when it is named.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tokens(&self, actor: &Actor, app: Option<&AppName>, before: Option<Time>) -> Result<Vec<Token>> {
        let of_app =
            |token: &Token| app.is_none_or(|app| token.patterns.iter().any(|p| p.app().is_none_or(|a| a == app)));
        let (mut db, mut before, page) = (self.db.read().await?, before, limits::PAGE_MAX as usize);
        let mut tokens = Vec::new();
        // Those of others are left out, so more are read than are given.
        loop {
            let read = db.tokens(before, limits::PAGE_MAX).await?;
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

    /// The actor behind an automation token's text.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`] for a read token, [`Error::Unavailable`].
    pub async fn actor_of_token(&self, token: &Token) -> Result<Actor> {
        if token.kind != TokenKind::Automation {
            return Err(Error::Forbidden(crate::domain::error::Need::Kind));
        }
        Ok(Actor::token(&token.id, &token.name, token.creator, &token.patterns))
    }

    /// All tokens that work now, and those that ended within the last day: what readers check against. Whoever comes with
    /// one of the latter is told that it ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn known_tokens(&self) -> Result<Vec<Token>> {
        self.db.read().await?.tokens_since(now().plus_ms(-DAY_MS)).await
    }

    /// Whether nothing was ever released here.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_new(&self) -> Result<bool> {
        Ok(self.db.read().await?.latest_releases(1, 0).await?.is_empty())
    }

    /// Notes when tokens were last used.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tokens_used(&self, uses: Vec<(String, Time)>) -> Result<()> {
        let service = self.clone();
        detached(async move {
            let mut tx = service.db.write().await?;
            tx.tokens_used(&uses).await?;
            tx.commit().await
        })
        .await
    }
}

/// What people call a token: 1 to 200 bytes, all of which can be seen. It stands as the author of what the token does.
fn check_token_name(name: &str) -> Result<String, Invalid> {
    let name = name.trim();
    let problem = match name {
        "" => Problem::Required,
        n if n.len() > limits::TOKEN_NAME_BYTES => Problem::TooLong { max: limits::TOKEN_NAME_BYTES },
        n => match unseen::refused(n) {
            Some(problem) => problem,
            None => return Ok(n.to_owned()),
        },
    };
    Err(Invalid::new("/name", problem))
}
