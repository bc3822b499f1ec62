//! Snapshots and long polls.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until},
};

use super::{
    Reader,
    instances::Visitor,
    out_of_scope,
    query::{self, Newer},
    shelf::Waiter,
    snapshot::{self, Snapshot, View},
};
use crate::{
    auth::tokens::{Denied, Grant},
    domain::names::{AppName, EnvName},
    http::{problem::Problem, request_id::RequestId},
};

const PREFIX: &str = "/api/v1/configs/";

/// `GET /api/v1/configs/{env}/{app}/{namespace}`.
pub(super) async fn config(State(reader): State<Arc<Reader>>, request: Request) -> Response {
    read(&reader, request, View::Envelope).await
}

/// `GET /api/v1/configs/{env}/{app}/{namespace}/raw`.
pub(super) async fn raw(State(reader): State<Arc<Reader>>, request: Request) -> Response {
    read(&reader, request, View::Raw).await
}

/// `GET /api/v1/configs/{env}/{app}`.
pub(super) async fn app(State(reader): State<Arc<Reader>>, request: Request) -> Response {
    let id = RequestId::of(&request);
    let mut response = reader.all(&request).unwrap_or_else(IntoResponse::into_response);
    id.finish(&mut response);
    response
}

async fn read(reader: &Reader, request: Request, view: View) -> Response {
    let id = RequestId::of(&request);
    let decided = match reader.decide(&request, view) {
        Ok(Next::Answer(response)) => Ok(response),
        Ok(Next::Wait(parked)) => {
            // Whoever waits for a minute keeps no more than it needs.
            drop(request);
            Box::pin(parked.wait(reader)).await
        }
        Err(problem) => Err(problem),
    };
    let mut response = decided.unwrap_or_else(IntoResponse::into_response);
    id.finish(&mut response);
    response
}

enum Next {
    Answer(Response),
    Wait(Box<Parked>),
}

/// A long poll that has nothing to tell yet.
struct Parked {
    key: Box<str>,
    view: View,
    grant: Grant,
    visitor: Option<Visitor<'static>>,
    waiter: Waiter,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    fn decide(&self, request: &Request, view: View) -> Result<Next, Problem> {
        let grant = self.admit(request)?;
        let path = request.uri().path();
        let key = path.strip_prefix(PREFIX).unwrap_or(path);
        let key = if view == View::Raw { key.strip_suffix("/raw").unwrap_or(key) } else { key };
        let held = self.open(&grant, key)?;
        let Newer { after, wait } = Newer::parse(request.uri().query())?;
        let visitor = visitor(request);

        if let Some(snapshot) = &held {
            let has = match after {
                // Releases with equal bytes share their validator, so one who counts is answered by number alone: a
                // roll-back would otherwise be "not modified" for ever.
                Some(after) => snapshot.seq() <= after,
                None => query::has(request.headers(), snapshot.etag()),
            };
            // Whoever says that it has a release holds it, and so does whoever gets one now.
            self.note(key, visitor.as_ref(), snapshot.seq());
            if !has {
                return Ok(Next::Answer(snapshot.answer(view, self.shelf.stale_header())));
            }
        }
        let (Some(after), Some(wait)) = (after, wait) else {
            return self.nothing_new(key, held.as_deref()).map(Next::Answer);
        };
        if held.is_none() && !self.shelf.is_ready() {
            return Err(self.absent(key));
        }
        Ok(Next::Wait(Box::new(Parked {
            key: key.into(),
            view,
            grant,
            visitor: visitor.map(Visitor::into_owned),
            waiter: Waiter::new([(key.into(), after)]),
            until: Instant::now() + wait,
            _place: self.place()?,
        })))
    }

    /// 304; but 404 where there is nothing at all: "you have the latest" would not be true.
    fn nothing_new(&self, key: &str, held: Option<&Snapshot>) -> Result<Response, Problem> {
        let held = held.ok_or_else(|| self.absent(key))?;
        Ok(held.unchanged(self.shelf.stale_header()))
    }

    /// All namespaces of an application that the token reaches.
    fn all(&self, request: &Request) -> Result<Response, Problem> {
        let grant = self.admit(request)?;
        let path = request.uri().path();
        let key = path.strip_prefix(PREFIX).unwrap_or(path);
        let (env, app) = key.split_once('/').ok_or_else(|| self.absent(key))?;
        let names = env.parse::<EnvName>().ok().zip(app.parse::<AppName>().ok());
        let (env, app) = names.ok_or_else(|| self.absent(key))?;
        if !grant.touches(&env, &app) {
            return Err(out_of_scope(key));
        }
        query::none(request.uri().query())?;

        let mut configs = self.shelf.of_app(key);
        configs.retain(|c| grant.reads(&c.entry.config));
        if configs.is_empty() {
            return Err(self.absent(key));
        }
        let visitor = visitor(request);
        for config in &configs {
            self.note(&config.entry.config.to_string(), visitor.as_ref(), config.seq());
        }
        let etag = validator(&configs);
        let mut response = if query::has(request.headers(), &etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, snapshot::JSON)], Body::from(together(&env, &app, &configs))).into_response()
        };
        response.headers_mut().insert(header::ETAG, etag);
        snapshot::validate(response.headers_mut(), self.shelf.stale_header());
        Ok(response)
    }
}

impl Parked {
    /// Answers with the first newer release, else 304 when the time is over or the server goes down.
    async fn wait(mut self: Box<Self>, reader: &Reader) -> Result<Response, Problem> {
        let expiry = reader.expiry(&self.grant);
        let end = expiry.map_or(self.until, |at| at.min(self.until));
        loop {
            if let Some((_, snapshot)) = self.waiter.look(&reader.shelf).pop() {
                reader.note(&self.key, self.visitor.as_ref(), snapshot.seq());
                return Ok(snapshot.answer(self.view, reader.shelf.stale_header()));
            }
            tokio::select! {
                () = self.waiter.rung() => {}
                () = self.grant.over() => return Err(Denied::Revoked.into()),
                () = reader.stop.cancelled() => break,
                () = sleep_until(end) => break,
            }
        }
        if expiry.is_some_and(|at| at <= Instant::now()) {
            return Err(Denied::Expired.into());
        }
        reader.nothing_new(&self.key, reader.shelf.get(&self.key).as_deref())
    }
}

/// Who is noted: HEAD brings no document, so nobody holds anything by it.
fn visitor(request: &Request) -> Option<Visitor<'_>> {
    if request.method() == Method::GET { Visitor::of(request) } else { None }
}

fn together(env: &EnvName, app: &AppName, configs: &[Arc<Snapshot>]) -> Vec<u8> {
    // Names need no escaping.
    let mut body = format!(r#"{{"env":"{env}","app":"{app}","configs":["#).into_bytes();
    body.reserve(configs.iter().map(|c| c.envelope.len() + 1).sum::<usize>() + 1);
    for (at, config) in configs.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&config.envelope);
    }
    body.extend_from_slice(b"]}");
    body
}

/// A validator of several releases: two tokens that reach different namespaces get different ones.
fn validator(configs: &[Arc<Snapshot>]) -> HeaderValue {
    let mut all = Sha256::new();
    for config in configs {
        all.update(format!("{} {} {}\n", config.entry.config, config.seq(), config.entry.meta.sha256));
    }
    let hex: String = all.finalize()[..16].iter().map(|b| format!("{b:02x}")).collect();
    HeaderValue::from_str(&format!("\"{hex}\"")).expect("hexadecimal digits are a header value")
}
