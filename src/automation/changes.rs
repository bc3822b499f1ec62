//! `/api/v1/changes`: creates, returns, publishes and discards changes.

use axum::{extract::RawQuery, http::StatusCode};

use super::{
    Answer,
    answers::{ChangeAnswer, Publication},
    body::RequestBody,
    edits::NewChange,
    guard::Call,
    node::{Node, ReadJson, objects},
};
use crate::{
    domain::{
        content::Sha256Hex,
        error::{Error, StateConflict as Is},
    },
    http::query,
    service,
};

objects! {
    struct Publish {
        diff_sha256: Sha256Hex,
        /// The reason, if the change has no message.
        message: Option<String>,
        /// Names of the protected environments that the change affects, separated by spaces.
        confirm: Option<String>,
    }
}

impl ReadJson<'_> for Sha256Hex {
    fn read(node: Node<'_>) -> Option<Self> {
        let hash = node.string()?;
        let fits = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        if fits { Some(Self(hash)) } else { node.record_expected("64 hexadecimal digits") }
    }
}

/// Create a change, and publish it at once if publish is true
///
/// Saves all edits or none. An edit is merged if nobody else has changed its key since base.
#[utoipa::path(post, path = "/api/v1/changes", tag = "write", request_body = NewChange, responses(
    (status = 200, body = Publication, description = "Published and delivered."),
    (status = 201, body = ChangeAnswer, description = "The change, open.", headers(("Location", description = "The change."))),
    (status = 202), (status = 409), (status = 412), (status = 422),
))]
pub(super) async fn create_change(Call { api, actor, .. }: Call<0>, body: RequestBody) -> Answer {
    let NewChange { edits, message, confirm, publish } = body.read()?;
    let message = message.unwrap_or_default();
    if publish.unwrap_or_default() {
        let confirm = confirm.unwrap_or_default();
        let published = api.service.save_and_publish(&actor, message, confirm, edits.0, body.idempotency).await?;
        return Ok(api.published(&published));
    }
    let id = api.service.save_all(&actor, message, edits.0, body.idempotency).await?;
    let view = api.service.change(&actor, &id).await?;
    Ok(api.change(StatusCode::CREATED, &view))
}

/// A change with its state
#[utoipa::path(get, path = "/api/v1/changes/{id}", tag = "write", responses(
    (status = 200, body = ChangeAnswer, description = "The change."),
))]
pub(super) async fn get_change(call: Call<1>, RawQuery(query): RawQuery) -> Answer {
    query::refuse_parameters(query.as_deref())?;
    let id = call.find(|[id]| id.parse())?;
    let view = call.api.service.change(&call.actor, &id).await?;
    Ok(call.api.change(StatusCode::OK, &view))
}

/// Publish a change
///
/// Publishes exactly the difference with this hash, or nothing.
#[utoipa::path(post, path = "/api/v1/changes/{id}/publish", tag = "write", request_body = Publish, responses(
    (status = 200, body = Publication, description = "Published and delivered."),
    (status = 202), (status = 409), (status = 412), (status = 422),
))]
pub(super) async fn publish_change(call: Call<1>, body: RequestBody) -> Answer {
    let change = call.find(|[id]| id.parse())?;
    let Publish { diff_sha256, message, confirm } = body.read()?;
    let (diff_sha256, confirm) = (Some(diff_sha256.0), confirm.unwrap_or_default());
    let publish = service::PublishRequest { change, diff_sha256, message, confirm, idempotency: body.idempotency };
    Ok(call.api.published(&call.api.service.publish(&call.actor, publish).await?))
}

/// Discard a change
///
/// A token discards its own changes. With the right to create applications it also discards changes of other tokens,
/// of the command line and of disabled users, if it owns all their configs. Discarding a discarded change succeeds.
#[utoipa::path(delete, path = "/api/v1/changes/{id}", tag = "write", responses(
    (status = 200, body = ChangeAnswer, description = "The change, discarded."),
    (status = 409),
))]
pub(super) async fn discard_change(call: Call<1>, RawQuery(query): RawQuery) -> Answer {
    query::refuse_parameters(query.as_deref())?;
    let id = call.find(|[id]| id.parse())?;
    match call.api.service.discard(&call.actor, &id).await {
        Ok(()) | Err(Error::State(Is::Discarded)) => {}
        Err(other) => return Err(other.into()),
    }
    let view = call.api.service.change(&call.actor, &id).await?;
    Ok(call.api.change(StatusCode::OK, &view))
}
