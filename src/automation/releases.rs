//! `/api/v1/configs/…/releases` and `…/rollback`.

use axum::extract::{RawQuery, State};

use super::{
    Answer, Automation, answers,
    body::Body,
    edits::RELEASE_MAX,
    guard::{By, Place},
    node::{Node, given},
};
use crate::{
    domain::{limits, names::ConfigId},
    http::query,
    service::Rollback,
};

/// `GET /api/v1/configs/{env}/{app}/{namespace}/releases?before=&limit=`.
pub(super) async fn list(
    State(api): State<Automation>,
    By(actor): By,
    place: Place<3>,
    RawQuery(query): RawQuery,
) -> Answer {
    let config = place.find(|[env, app, namespace]| ConfigId::parse(env, app, namespace))?;
    let known = [("before", 1..=RELEASE_MAX), ("limit", 1..=u64::from(limits::PAGE_MAX))];
    let [before, limit] = query::numbers(query.as_deref(), known)?;
    let limit = limit.and_then(|n| u32::try_from(n).ok()).unwrap_or(limits::PAGE);
    let releases = api.service.releases(&actor, &config, before, limit).await?;
    Ok(answers::page(&config, &releases))
}

/// `POST /api/v1/configs/{env}/{app}/{namespace}/rollback`.
pub(super) async fn roll_back(State(api): State<Automation>, By(actor): By, place: Place<3>, body: Body) -> Answer {
    let config = place.find(|[env, app, namespace]| ConfigId::parse(env, app, namespace))?;
    let (to, message, confirm) = body.read(|node| {
        let [to, message, confirm] = node.fields(["to", "message", "confirm"])?;
        let to = node.required("to", to).and_then(|to| to.whole(1, RELEASE_MAX));
        let (message, confirm) = (given(message, Node::string), given(confirm, Node::string));
        Some((to?, message?.unwrap_or_default(), confirm?.unwrap_or_default()))
    })?;
    let rollback = Rollback { config, to, message, confirm, live: None, idempotency: body.once };
    Ok(api.published(&api.service.roll_back(&actor, rollback).await?))
}
