//! `/api/v1/changes`: made, looked at, published, discarded.

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
};

use super::{
    Answer, Automation,
    body::Body,
    edits,
    guard::{By, Place},
    node::{Node, given},
};
use crate::{
    domain::error::{Error, State as Is},
    http::query,
    service::Publish,
};

/// `POST /api/v1/changes`.
pub(super) async fn create(State(api): State<Automation>, By(actor): By, body: Body) -> Answer {
    let wanted = body.read(edits::change)?;
    if wanted.publish {
        let (message, confirm, saves) = (wanted.message, wanted.confirm, wanted.saves);
        let published = api.service.save_and_publish(&actor, message, confirm, saves, body.once).await?;
        return Ok(api.published(&published));
    }
    let id = api.service.save_all(&actor, wanted.message, wanted.saves, body.once).await?;
    let view = api.service.change(&actor, &id).await?;
    Ok(api.change(StatusCode::CREATED, &view))
}

/// `GET /api/v1/changes/{id}`.
pub(super) async fn show(
    State(api): State<Automation>,
    By(actor): By,
    place: Place<1>,
    RawQuery(query): RawQuery,
) -> Answer {
    query::none(query.as_deref())?;
    let id = place.find(|[id]| id.parse())?;
    let view = api.service.change(&actor, &id).await?;
    Ok(api.change(StatusCode::OK, &view))
}

/// `POST /api/v1/changes/{id}/publish`.
pub(super) async fn publish(State(api): State<Automation>, By(actor): By, place: Place<1>, body: Body) -> Answer {
    let change = place.find(|[id]| id.parse())?;
    let (diff_sha256, message, confirm) = body.read(|node| {
        let [seen, message, confirm] = node.fields(["diff_sha256", "message", "confirm"])?;
        let seen = node.required("diff_sha256", seen).and_then(|seen| {
            let hash = seen.string()?;
            if is_sha256(&hash) { Some(hash) } else { seen.expected("64 hexadecimal digits") }
        });
        let (message, confirm) = (given(message, Node::string), given(confirm, Node::string));
        Some((seen?, message?, confirm?.unwrap_or_default()))
    })?;
    let publish = Publish { change, diff_sha256: Some(diff_sha256), message, confirm, idempotency: body.once };
    Ok(api.published(&api.service.publish(&actor, publish).await?))
}

/// `DELETE /api/v1/changes/{id}`: discards it. Asked twice, it is as discarded as after the first time.
pub(super) async fn discard(
    State(api): State<Automation>,
    By(actor): By,
    place: Place<1>,
    RawQuery(query): RawQuery,
) -> Answer {
    query::none(query.as_deref())?;
    let id = place.find(|[id]| id.parse())?;
    match api.service.discard(&actor, &id).await {
        Ok(()) | Err(Error::State(Is::Discarded)) => {}
        Err(other) => return Err(other.into()),
    }
    let view = api.service.change(&actor, &id).await?;
    Ok(api.change(StatusCode::OK, &view))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
