//! Trimtab's own protocol: `/api/v1/configs/…` and `/api/v1/watch`.

mod query;
mod render;
mod watch;

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{HeaderName, Method, header},
};
use utoipa::OpenApi;

use super::Protocol;
use crate::{
    auth::tokens::Grant,
    domain::time::Time,
    http::{coding::AcceptedCodings, etag, problem::HttpProblem},
    metrics,
    reader::{
        Reader,
        answer::Releases,
        instances::InstanceIdentity,
        poll::{ClientRelease, ReadRequest, ReadStep, RequestedConfig},
        snapshot::{Envelope, Shape},
    },
};
use query::PollQuery;
use render::{AppAnswer, Configs, NativeRender};

const PREFIX: &str = "/api/v1/configs/";
/// The request header with the instance's name.
const INSTANCE: HeaderName = HeaderName::from_static("x-instance");

/// An answer, or the wait for one.
type Found = Result<ReadStep<NativeRender>, HttpProblem>;

/// Trimtab's own protocol.
pub(super) struct Native;

/// The target of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// `/api/v1/configs/{env}/{app}/{namespace}`, with or without `/raw`.
    Config(&'a str, Shape),
    /// `/api/v1/configs/{env}/{app}`.
    App(&'a str),
    /// `/api/v1/watch`.
    Watch,
}

impl Protocol for Native {
    type Target<'a> = Target<'a>;
    type Render = NativeRender;

    fn route(path: &str) -> Option<Target<'_>> {
        let Some(key) = path.strip_prefix(PREFIX) else {
            return (path == "/api/v1/watch").then_some(Target::Watch);
        };
        match key.bytes().filter(|b| *b == b'/').count() {
            1 => Some(Target::App(key)),
            2 => Some(Target::Config(key, Shape::Envelope)),
            3 => key.strip_suffix("/raw").map(|key| Target::Config(key, Shape::Document)),
            _ => None,
        }
    }

    fn kind(target: Target<'_>) -> metrics::ReadKind {
        match target {
            Target::Config(_, Shape::Envelope) => metrics::ReadKind::Config,
            Target::Config(_, Shape::Document) => metrics::ReadKind::Raw,
            Target::App(_) => metrics::ReadKind::App,
            Target::Watch => metrics::ReadKind::Watch,
        }
    }

    fn read(reader: &Arc<Reader>, request: &Request, target: Target<'_>, grant: Grant, now: Time) -> Found {
        match target {
            Target::Config(key, Shape::Envelope) => get_config(reader, request, grant, key, now),
            Target::Config(key, Shape::Document) => get_document(reader, request, grant, key, now),
            Target::App(key) => get_configs(reader, request, &grant, key, now),
            Target::Watch => watch::watch_configs(reader, request, grant).map(ReadStep::Answer),
        }
    }
}

/// The operations of this protocol for `openapi.json`.
#[derive(Debug, OpenApi)]
#[openapi(paths(get_config, get_document, get_configs, watch::watch_configs))]
pub struct Operations;

/// The live release of a config
///
/// With after and wait, waits until there is a release newer than after; 304 when none came. An after above the live
/// release is answered with the live one.
#[utoipa::path(get, path = "/api/v1/configs/{env}/{app}/{namespace}", tag = "read", params(PollQuery), responses(
    (status = 200, body = Envelope, description = "The release.",
        headers(("X-Config-Release" = u64, description = "The number of the release."))),
    (status = 304, description = "There is nothing newer."),
))]
fn get_config(reader: &Reader, request: &Request, grant: Grant, key: &str, now: Time) -> Found {
    config(reader, request, grant, key, Shape::Envelope, now)
}

/// The document alone, in its own content type
#[utoipa::path(get, path = "/api/v1/configs/{env}/{app}/{namespace}/raw", tag = "read", params(PollQuery), responses(
    (status = 200, body = String, content_type = "*/*", description = "The document, byte for byte.",
        headers(("X-Config-Release" = u64, description = "The number of the release."))),
    (status = 304, description = "There is nothing newer."),
))]
fn get_document(reader: &Reader, request: &Request, grant: Grant, key: &str, now: Time) -> Found {
    config(reader, request, grant, key, Shape::Document, now)
}

fn config(reader: &Reader, request: &Request, grant: Grant, key: &str, shape: Shape, now: Time) -> Found {
    let held = reader.open(&grant, key)?;
    let PollQuery { after, wait } = PollQuery::parse(request.uri().query())?;
    let accepted = AcceptedCodings::parse(request.headers())?;
    let has = match (after, &held) {
        (Some(after), _) => ClientRelease::Release(after),
        (None, Some(held)) if etag::matches(request.headers(), &header::IF_NONE_MATCH, &held.etag) => {
            ClientRelease::Live
        }
        (None, _) => ClientRelease::Nothing,
    };
    let poll = ReadRequest {
        grant,
        instance: recorded_instance(request),
        accepted,
        wait,
        render: NativeRender::Config(shape),
    };
    reader.poll(request, &mut [RequestedConfig { key, held, has }], poll, now)
}

/// All configs of an application that the token reaches
#[utoipa::path(get, path = "/api/v1/configs/{env}/{app}", tag = "read", responses(
    (status = 200, body = Configs, description = "The live releases."),
    (status = 304, description = "There is nothing newer."),
))]
fn get_configs(reader: &Reader, request: &Request, grant: &Grant, key: &str, now: Time) -> Found {
    let configs = reader.open_app(grant, key)?;
    query::refuse_parameters(request.uri().query())?;
    let accepted = AcceptedCodings::parse(request.headers())?;
    if configs.is_empty() {
        return Err(reader.absent(key));
    }
    let visitor = recorded_instance(request);
    for config in &configs {
        reader.record_instance(grant, &config.entry.config.to_string(), visitor.as_ref(), config.seq(), now);
    }
    let app = AppAnswer::new(&configs);
    let has_all = etag::matches(request.headers(), &header::IF_NONE_MATCH, &app.etag);
    let (releases, render) = (Releases::Several(configs), NativeRender::App(app));
    if has_all {
        reader.nothing_new(key, Some(releases), render, accepted)
    } else {
        Ok(reader.answer_with(releases, render, accepted))
    }
}

/// Returns the instance to record. HEAD transfers no document, so it records none.
fn recorded_instance(request: &Request) -> Option<InstanceIdentity<'_>> {
    if request.method() == Method::GET { instance_of(request) } else { None }
}

/// Returns the instance that sends a request.
fn instance_of(request: &Request) -> Option<InstanceIdentity<'_>> {
    InstanceIdentity::of(request, request.headers().get(INSTANCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_routed_by_their_path() {
        let config = |key, shape| Some(Target::Config(key, shape));
        for (path, target) in [
            ("/api/v1/configs/prod/shop/a", config("prod/shop/a", Shape::Envelope)),
            ("/api/v1/configs/prod/shop/raw", config("prod/shop/raw", Shape::Envelope)),
            ("/api/v1/configs/prod/shop/a/raw", config("prod/shop/a", Shape::Document)),
            ("/api/v1/configs/prod/shop", Some(Target::App("prod/shop"))),
            ("/api/v1/watch", Some(Target::Watch)),
        ] {
            assert_eq!(Native::route(path), target, "{path}");
        }
        for other in ["/", "/api/v1/configs/prod/shop/a/releases", "/api/v1/configs", "/api/v1/watch/", "/API/v1/watch"]
        {
            assert_eq!(Native::route(other), None, "{other}");
        }
    }
}
