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

/// Admits requests with a valid token. The token is checked first, so that a client without one cannot find out which
/// paths and methods exist.
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
        // A request with a large body moves to a compute slot once the body has arrived.
        compute::run_or_offload(next.run(request)).await
    };
    for (name, value) in [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// A call of an endpoint: the actor of the token that [`admit`] admitted, and the `N` names in the path, decoded.
pub(super) struct Call<const N: usize> {
    pub api: Automation,
    pub actor: Actor,
    pub names: [String; N],
}

impl<const N: usize> FromRequestParts<Automation> for Call<N> {
    type Rejection = HttpProblem;

    async fn from_request_parts(parts: &mut Parts, api: &Automation) -> Result<Self, HttpProblem> {
        let grant = parts.extensions.get::<Grant>().ok_or(Error::Unauthenticated)?;
        let actor = api.service.actor_of_token(grant.token()).await?;
        // A path that is not UTF-8 names no object. axum refuses a path that has no names.
        let names = Path::<Vec<String>>::from_request_parts(parts, api).await.map_or(Vec::new(), |Path(names)| names);
        let names = names.try_into().map_err(|_| Error::NotFound(truncate(parts.uri.path())))?;
        Ok(Self { api: api.clone(), actor, names })
    }
}

impl<const N: usize> Call<N> {
    /// Parses the names. An invalid name gets the same answer as a missing object.
    pub(super) fn find<T, E>(&self, read: impl FnOnce([&str; N]) -> Result<T, E>) -> Result<T, Error> {
        read(self.names.each_ref().map(String::as_str)).map_err(|_| Error::NotFound(truncate(&self.names.join("/"))))
    }
}
