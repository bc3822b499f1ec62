//! What the endpoints say. The shapes are described in `openapi.json`, and a test holds every answer against it.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Automation;
use crate::{
    domain::{
        change::ChangeId,
        content::{Item, ValueType},
        diff::Diff,
        error::Conflict,
        merge::Edit,
        names::ConfigId,
        release::{Delivery, Published, Release},
    },
    service::{ChangeConfig, ChangeView},
};

/// A change: what it does, and what became of it.
#[derive(Serialize)]
struct Change<'a> {
    id: &'a ChangeId,
    state: &'static str,
    message: &'a str,
    author: &'a str,
    created_at: String,
    updated_at: String,
    diff_sha256: &'a str,
    edits: Vec<Edits<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conflicts: Vec<Conflict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    releases: Option<Vec<Released<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a Delivery>,
    url: String,
}

/// What a change does to one config, as it could be sent.
#[derive(Serialize)]
struct Edits<'a> {
    config: &'a ConfigId,
    base: u64,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    set: IndexMap<&'a str, Value<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remove: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value<'a> {
    Text(&'a str),
    Raw(&'a RawValue),
    Item {
        value: &'a str,
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(skip_serializing_if = "str::is_empty")]
        comment: &'a str,
    },
}

/// What a publish or a roll-back did.
#[derive(Serialize)]
struct Publication<'a> {
    id: &'a ChangeId,
    state: &'static str,
    releases: Vec<Released<'a>>,
    delivery: &'a Delivery,
    url: String,
}

#[derive(Serialize)]
struct Released<'a> {
    config: &'a ConfigId,
    release: u64,
    sha256: &'a str,
}

/// A release in a page of them.
#[derive(Serialize)]
struct Row<'a> {
    release: u64,
    sha256: &'a str,
    format: &'static str,
    author: &'a str,
    message: &'a str,
    change: &'a ChangeId,
    published_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rolled_back_to: Option<u64>,
}

#[derive(Serialize)]
struct Page<'a> {
    config: &'a ConfigId,
    releases: Vec<Row<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_before: Option<u64>,
}

impl Automation {
    /// A change; one that was just made says where it is.
    pub(super) fn change(&self, status: StatusCode, view: &ChangeView) -> Response {
        answer(status, &view.change.id, &change(view, self.page_of(&view.change.id)))
    }

    /// A publish or a roll-back: 200 when it is delivered, 202 when it is accepted and why it is not delivered yet.
    pub(super) fn published(&self, published: &Published) -> Response {
        let status = match published.delivery {
            Delivery::Delivered { .. } => StatusCode::OK,
            Delivery::Accepted { .. } => StatusCode::ACCEPTED,
        };
        answer(status, &published.change, &publication(published, self.page_of(&published.change)))
    }
}

/// The body that `GET /api/v1/changes/{id}` answers with. `url` is its page.
pub fn change(view: &ChangeView, url: String) -> impl Serialize {
    let published = view.published.as_ref();
    Change {
        id: &view.change.id,
        state: view.change.state.as_str(),
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

/// The body that `POST /api/v1/changes/{id}/publish` answers with. `url` is the page of the change.
pub fn publication(published: &Published, url: String) -> impl Serialize {
    Publication {
        id: &published.change,
        state: "published",
        releases: released(&published.releases),
        delivery: &published.delivery,
        url,
    }
}

/// A page of releases, the newest first.
pub(super) fn page(config: &ConfigId, releases: &[Release]) -> Response {
    let rows = releases.iter().map(|r| Row {
        release: r.seq,
        sha256: &r.sha256,
        format: r.format.as_str(),
        author: &r.author,
        message: &r.message,
        change: &r.change,
        published_at: r.accepted_at.rfc3339(),
        delivered_at: r.delivered_at.map(|t| t.rfc3339()),
        revision: r.revision,
        rolled_back_to: r.rolled_back_to,
    });
    // They are numbered without gaps, so below 1 there is nothing.
    let next_before = releases.last().map(|last| last.seq).filter(|seq| *seq > 1);
    Json(Page { config, releases: rows.collect(), next_before }).into_response()
}

fn answer(status: StatusCode, change: &ChangeId, body: &impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    if status != StatusCode::OK {
        let at = HeaderValue::try_from(format!("/api/v1/changes/{change}")).expect("a UUID is a header value");
        response.headers_mut().insert(header::LOCATION, at);
    }
    response
}

fn released(releases: &[Release]) -> Vec<Released<'_>> {
    releases.iter().map(|r| Released { config: &r.config, release: r.seq, sha256: &r.sha256 }).collect()
}

/// The edits as their author made them, or those that a published change amounts to.
fn edits(config: &ChangeConfig, published: bool) -> Edits<'_> {
    let oldest = config.edits.iter().map(|e| e.base).min();
    let base = if published { config.live - 1 } else { oldest.unwrap_or(config.live) };
    let mut edits = Edits { config: &config.config, base, set: IndexMap::new(), remove: Vec::new(), text: None };
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

impl<'a> Edits<'a> {
    fn add(&mut self, key: &'a str, item: Option<&'a Item>) {
        match item {
            Some(item) => drop(self.set.insert(key, value(item))),
            None => self.remove.push(key),
        }
    }
}

/// The shortest way to send an item.
fn value(item: &Item) -> Value<'_> {
    let raw = || serde_json::from_str(item.value.expose().trim()).ok().map(Value::Raw);
    let short = match item.kind {
        _ if !item.comment.is_empty() => None,
        ValueType::String => Some(Value::Text(item.value.expose())),
        ValueType::Number | ValueType::Boolean => raw(),
        ValueType::Json => None,
    };
    short.unwrap_or(Value::Item { value: item.value.expose(), kind: item.kind.as_str(), comment: &item.comment })
}
