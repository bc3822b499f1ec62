//! `/api/v1/configs/…/releases` and `…/rollback`.

use axum::extract::RawQuery;

use super::{
    Answer,
    answers::{self, Publication, ReleasesPage},
    body::RequestBody,
    guard::Call,
    node::{IntegerInRange, Node, ReadJson, objects},
};
use crate::{
    domain::{limits, names::ConfigId, numbers},
    http::query,
    service,
};

objects! {
    struct Rollback {
        /// The release whose content is restored.
        #[schema(minimum = 1)]
        to: IntegerInRange<1, { numbers::MAX_NUMBER }> as u64,
        /// The reason.
        message: Option<String>,
        /// The name of the environment, if it is protected.
        confirm: Option<String>,
    }
}

/// List the releases of a config, the newest first
#[utoipa::path(get, path = "/api/v1/configs/{env}/{app}/{namespace}/releases", tag = "write",
    params(
        ("before" = Option<u64>, Query, minimum = 1, description = "Only releases with a lower number."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Maximum number; 50 by default."),
    ),
    responses((status = 200, body = ReleasesPage, description = "A page of releases.")))]
pub(super) async fn list_releases(call: Call<3>, RawQuery(query): RawQuery) -> Answer {
    let config = call.find(|[env, app, namespace]| ConfigId::parse(env, app, namespace))?;
    let known = [("before", 1..=numbers::MAX_NUMBER), ("limit", 1..=u64::from(limits::MAX_PAGE_ROWS))];
    let [before, limit] = query::parse_numbers(query.as_deref(), known)?;
    let limit = limit.and_then(|n| u32::try_from(n).ok()).unwrap_or(limits::PAGE_ROWS);
    let releases = call.api.service.releases(&call.actor, &config, before, limit).await?;
    Ok(answers::page(&config, &releases))
}

/// Publish the content of an older release as a new one
#[utoipa::path(post, path = "/api/v1/configs/{env}/{app}/{namespace}/rollback", tag = "write", request_body = Rollback,
    responses(
        (status = 200, body = Publication, description = "Published and delivered."),
        (status = 202), (status = 409), (status = 422),
    ))]
pub(super) async fn roll_back(call: Call<3>, body: RequestBody) -> Answer {
    let config = call.find(|[env, app, namespace]| ConfigId::parse(env, app, namespace))?;
    let Rollback { to, message, confirm } = body.read()?;
    let (message, confirm) = (message.unwrap_or_default(), confirm.unwrap_or_default());
    let rollback = service::Rollback { config, to: to.0, message, confirm, live: None, idempotency: body.idempotency };
    Ok(call.api.published(&call.api.service.roll_back(&call.actor, rollback).await?))
}
