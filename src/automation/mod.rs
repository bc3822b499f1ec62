//! The write endpoints of the HTTP API, for programs with an automation token: environments, applications, changes and
//! releases.
//!
//! A handler parses the request into domain types (`body`, `edits`), calls the service and makes the answer
//! (`answers`). Only `guard` provides the actor, and only `routes` declares routes.

mod answers;
mod body;
mod catalog;
mod changes;
mod edits;
mod guard;
mod node;
mod openapi;
mod releases;
#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::Uri,
    middleware::{from_fn, from_fn_with_state},
    response::Response,
    routing::{MethodRouter, any, get, post, put},
};

use crate::{
    auth::{rate::Rate, tokens::TokenCache},
    compute::Compute,
    domain::{
        change::ChangeId,
        error::{Error, truncate},
    },
    http::{body::BodyBudget, json, problem::HttpProblem, request_id, traced},
    service::Service,
};

pub use answers::{change, publication};

/// Result of a handler.
type Answer = Result<Response, HttpProblem>;

/// State of the endpoints. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Automation {
    service: Service,
    tokens: Arc<TokenCache>,
    public_url: Arc<str>,
    /// Budget for large bodies.
    body_budget: BodyBudget,
    /// Maximum rate of calls with one token.
    rate: Rate,
    /// Threads for requests with large contents.
    compute: Compute,
}

impl Automation {
    /// Returns endpoints for a service and the tokens of `tokens`. `public_url` is the address of the console.
    pub fn new(service: Service, tokens: Arc<TokenCache>, public_url: impl AsRef<str>) -> Self {
        let public_url = public_url.as_ref().into();
        let (room, rate, compute) = (BodyBudget::default(), Rate::default(), Compute::default());
        Self { service, tokens, public_url, body_budget: room, rate, compute }
    }

    /// Sets the maximum rate of calls with one token.
    #[must_use]
    pub fn with_rate(self, rate: Rate) -> Self {
        Self { rate, ..self }
    }

    /// Shares the threads for large contents with the console.
    #[must_use]
    pub fn with_compute(self, compute: Compute) -> Self {
        Self { compute, ..self }
    }
}

/// Returns the address of a change's page on the console at `public_url`.
pub fn page_of(public_url: &str, change: &ChangeId) -> String {
    format!("{}/changes/{change}", public_url.trim_end_matches('/'))
}

/// Returns the routes of the write endpoints. All other paths under `/api/v1/` get 404, or 401 without a token.
pub fn router(automation: Automation) -> Router {
    let unknown = async |uri: Uri| HttpProblem::from(Error::NotFound(truncate(uri.path())));
    let guarded = routes()
        .into_iter()
        .fold(Router::new(), |router, (path, allow, methods)| router.route(path, with_405(allow, methods)));
    guarded
        .route("/api/v1/{*unknown}", any(unknown))
        .layer(DefaultBodyLimit::max(json::MAX_BODY_BYTES))
        .layer(from_fn_with_state(automation.clone(), guard::admit))
        .route(openapi::PATH, with_405("GET, HEAD", get(openapi::get_description)))
        .layer(from_fn(traced::layer))
        .layer(from_fn(request_id::layer))
        .with_state(automation)
}

/// Adds the refusal of all other methods: 405 with the allowed methods `allow`.
fn with_405(allow: &'static str, methods: MethodRouter<Automation>) -> MethodRouter<Automation> {
    methods.fallback(async move || HttpProblem::method_not_allowed(allow))
}

/// Returns the routes that need a token: path, allowed methods and handlers.
fn routes() -> [(&'static str, &'static str, MethodRouter<Automation>); 8] {
    [
        ("/api/v1/envs/{env}", "PUT", put(catalog::put_env)),
        ("/api/v1/apps/{app}", "PUT", put(catalog::put_app)),
        ("/api/v1/apps/{app}/namespaces/{namespace}", "PUT", put(catalog::put_namespace)),
        ("/api/v1/changes", "POST", post(changes::create_change)),
        ("/api/v1/changes/{id}", "GET, HEAD, DELETE", get(changes::get_change).delete(changes::discard_change)),
        ("/api/v1/changes/{id}/publish", "POST", post(changes::publish_change)),
        ("/api/v1/configs/{env}/{app}/{namespace}/releases", "GET, HEAD", get(releases::list_releases)),
        ("/api/v1/configs/{env}/{app}/{namespace}/rollback", "POST", post(releases::roll_back)),
    ]
}
