//! The bodies of answers. Tests compare every answer with its description in `openapi.json`.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use indexmap::IndexMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Automation, page_of,
    values::{ItemValue, value},
};
use crate::{
    domain::{
        change::{ChangeId, ChangeState},
        content::{Format, Item, Sha256Hex},
        diff::Diff,
        error::Conflict,
        merge::Edit,
        names::ConfigId,
        release::{Delivery, Published, Release},
    },
    service::{ChangeConfig, ChangeView},
};

/// A change with its state.
#[derive(Serialize, ToSchema)]
#[schema(as = Change)]
pub(super) struct ChangeAnswer<'a> {
    id: &'a ChangeId,
    state: ChangeState,
    message: &'a str,
    author: &'a str,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// Hash of the difference to the live releases. Send it back to publish exactly this difference.
    #[schema(value_type = Sha256Hex)]
    diff_sha256: &'a str,
    edits: Vec<EditsAnswer<'a>>,
    /// Keys that a release changed after the edit. Absent without conflicts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conflicts: Vec<Conflict>,
    /// Absent until the change is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    releases: Option<Vec<ReleasedConfig<'a>>>,
    /// Absent until the change is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a Delivery>,
    /// Its page in the console.
    #[schema(format = "uri")]
    url: String,
}

/// The edits of a change in one config. For a published change, the difference that it published.
#[derive(Serialize, ToSchema)]
#[schema(as = Edits)]
struct EditsAnswer<'a> {
    config: &'a ConfigId,
    base: u64,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    set: IndexMap<&'a str, ItemValue<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remove: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// The outcome of a publish or a rollback.
#[derive(Serialize, ToSchema)]
#[schema(as = Published)]
pub(super) struct Publication<'a> {
    id: &'a ChangeId,
    state: ChangeState,
    releases: Vec<ReleasedConfig<'a>>,
    delivery: &'a Delivery,
    #[schema(format = "uri")]
    url: String,
}

/// A release of a change.
#[derive(Serialize, ToSchema)]
#[schema(as = Released)]
struct ReleasedConfig<'a> {
    config: &'a ConfigId,
    release: u64,
    #[schema(value_type = Sha256Hex)]
    sha256: &'a str,
}

/// A release in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = Release)]
struct ReleaseAnswer<'a> {
    release: u64,
    #[schema(value_type = Sha256Hex)]
    sha256: &'a str,
    format: Format,
    author: &'a str,
    message: &'a str,
    change: &'a ChangeId,
    #[schema(format = DateTime)]
    published_at: String,
    /// Absent until it is delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    delivered_at: Option<String>,
    /// Revision of the channel at which the release was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<i64>,
    /// The release whose content this rollback restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    rolled_back_to: Option<u64>,
}

/// A page of releases.
#[derive(Serialize, ToSchema)]
#[schema(as = Releases)]
pub(super) struct ReleasesPage<'a> {
    config: &'a ConfigId,
    releases: Vec<ReleaseAnswer<'a>>,
    /// The value of `before` for the next page. Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_before: Option<u64>,
}

impl Automation {
    /// Returns the answer with a change. The answer to its creation has a `Location` header.
    pub(super) fn change(&self, status: StatusCode, view: &ChangeView) -> Response {
        answer(status, &view.change.id, &change(view, page_of(&self.public_url, &view.change.id)))
    }

    /// Returns the answer to a publish or rollback: 200 if it is delivered, 202 with the reason if it is only accepted.
    pub(super) fn published(&self, published: &Published) -> Response {
        let status = match published.delivery {
            Delivery::Delivered { .. } => StatusCode::OK,
            Delivery::Accepted { .. } => StatusCode::ACCEPTED,
        };
        answer(status, &published.change, &publication(published, page_of(&self.public_url, &published.change)))
    }
}

/// Returns the body of the answer to `GET /api/v1/changes/{id}`. `url` is the page of the change.
pub fn change(view: &ChangeView, url: String) -> impl Serialize {
    let published = view.published.as_ref();
    ChangeAnswer {
        id: &view.change.id,
        state: view.change.state,
        message: &view.change.message,
        author: &view.change.author_name,
        created_at: view.change.created_at.rfc3339(),
        updated_at: view.change.updated_at.rfc3339(),
        diff_sha256: &view.diff_sha256,
        edits: view.configs.iter().map(|c| edits(c, published.is_some())).collect(),
        conflicts: view.conflicts(),
        releases: published.map(|p| released(&p.releases)),
        delivery: published.map(|p| &p.delivery),
        url,
    }
}

/// Returns the body of the answer to `POST /api/v1/changes/{id}/publish`. `url` is the page of the change.
pub fn publication(published: &Published, url: String) -> impl Serialize {
    Publication {
        id: &published.change,
        state: ChangeState::Published,
        releases: released(&published.releases),
        delivery: &published.delivery,
        url,
    }
}

/// Returns the answer with a page of releases, the newest first.
pub(super) fn page(config: &ConfigId, releases: &[Release]) -> Response {
    let rows = releases.iter().map(|r| ReleaseAnswer {
        release: r.seq,
        sha256: &r.sha256,
        format: r.format,
        author: &r.author,
        message: &r.message,
        change: &r.change,
        published_at: r.accepted_at.rfc3339(),
        delivered_at: r.delivered_at.map(|t| t.rfc3339()),
        revision: r.revision,
        rolled_back_to: r.rolled_back_to,
    });
    // Below 1 there is nothing. Numbers may have gaps, so the last page may be empty.
    let next_before = releases.last().map(|last| last.seq).filter(|seq| *seq > 1);
    Json(ReleasesPage { config, releases: rows.collect(), next_before }).into_response()
}

fn answer(status: StatusCode, change: &ChangeId, body: &impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    if status != StatusCode::OK {
        let at = HeaderValue::try_from(format!("/api/v1/changes/{change}")).expect("a UUID is a header value");
        response.headers_mut().insert(header::LOCATION, at);
    }
    response
}

fn released(releases: &[Release]) -> Vec<ReleasedConfig<'_>> {
    releases.iter().map(|r| ReleasedConfig { config: &r.config, release: r.seq, sha256: &r.sha256 }).collect()
}

/// Returns the saved edits of a change, or the difference that a published change made.
fn edits(config: &ChangeConfig, published: bool) -> EditsAnswer<'_> {
    let oldest = config.edits.iter().map(|e| e.base).min();
    let base = if published { config.live - 1 } else { oldest.unwrap_or(config.live) };
    let mut edits = EditsAnswer { config: &config.config, base, set: IndexMap::new(), remove: Vec::new(), text: None };
    match &config.diff {
        Diff::Text { new, .. } if published => edits.text = Some(new.expose()),
        Diff::Kv(keys) if published => keys.iter().for_each(|k| edits.add(&k.key, k.new.as_ref())),
        _ => {
            for edit in &config.edits {
                match &edit.edit {
                    Edit::Text(text) => edits.text = Some(text.expose()),
                    keyed => edits.add(&edit.key, keyed.item()),
                }
            }
        }
    }
    edits
}

impl<'a> EditsAnswer<'a> {
    fn add(&mut self, key: &'a str, item: Option<&'a Item>) {
        match item {
            Some(item) => drop(self.set.insert(key, value(item))),
            None => self.remove.push(key),
        }
    }
}
