//! The caller of a request, and the object in its path.

use axum::{
    extract::{FromRequestParts, Path, Request, State},
    http::{HeaderValue, header, request::Parts},
    middleware::Next,
    response::Response,
};

use super::Automation;
use crate::{
    auth::tokens::Grant,
    compute,
    domain::{
        access::Actor,
        error::{Error, truncate},
        token::TokenRefusal,
    },
    http::{bearer, problem::HttpProblem, threads},
    service::now,
};

/// Admits requests with a valid token. This comes before everything else: an answer without a token does not tell even
/// whether a path or a method exists.
pub(super) async fn admit(
    State(automation): State<Automation>,
    mut request: Request,
    next: Next,
) -> Result<Response, HttpProblem> {
    let token = bearer::token(request.headers())?;
    let mut grant = automation.tokens.authenticate(token, now());
    if matches!(grant, Err(TokenRefusal::Unknown)) {
        let token = token.to_owned();
        automation.tokens.request_refresh().await;
        grant = automation.tokens.authenticate(&token, now());
    }
    let grant = grant?;
    grant.check_rate(automation.rate)?;
    let who = grant.token().id.clone();
    request.extensions_mut().insert(grant);
    let mut response = if request.method().is_safe() {
        threads::answer(&automation.compute, &who, false, request, |request| next.clone().run(request)).await?
    } else {
        // A large body takes a place once it is there.
        compute::run_or_offload(next.run(request)).await
    };
    for (name, value) in [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// The actor of a token with write access, which [`admit`] admitted. The service does nothing without an actor.
pub(super) struct By(pub Actor);

impl FromRequestParts<Automation> for By {
    type Rejection = HttpProblem;

    async fn from_request_parts(parts: &mut Parts, automation: &Automation) -> Result<Self, HttpProblem> {
        let grant = parts.extensions.get::<Grant>().ok_or(Error::Unauthenticated)?;
        Ok(Self(automation.service.actor_of_token(grant.token()).await?))
    }
}

/// The names in the path, decoded.
pub(super) struct Place<const N: usize>(pub [String; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Place<N> {
    type Rejection = HttpProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpProblem> {
        // Every name is UTF-8.
        let missing = || Error::NotFound(truncate(parts.uri.path()));
        let names = Path::<Vec<String>>::from_request_parts(&mut parts.clone(), state).await;
        let names = names.ok().and_then(|Path(names)| names.try_into().ok());
        Ok(Self(names.ok_or_else(missing)?))
    }
}

impl<const N: usize> Place<N> {
    /// Parses the names. An object with an invalid name is missing.
    pub(super) fn find<T, E>(self, read: impl FnOnce([&str; N]) -> Result<T, E>) -> Result<T, Error> {
        read(self.0.each_ref().map(String::as_str)).map_err(|_| Error::NotFound(truncate(&self.0.join("/"))))
    }
}
