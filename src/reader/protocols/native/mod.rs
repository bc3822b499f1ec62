//! Trimtab's own protocol: `/api/v1/configs/…` and `/api/v1/watch`.

mod query;
mod render;
mod watch;

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{HeaderName, Method, header},
};

use super::Protocol;
use crate::{
    auth::tokens::Grant,
    domain::time::Time,
    http::{coding::Accepted, etag, problem::Problem},
    metrics,
    reader::{
        Reader,
        answer::Releases,
        instances::Visitor,
        poll::{Has, Poll, Step, Wanted},
        snapshot::Shape,
    },
};
use query::Newer;
use render::{App, NativeRender};

const PREFIX: &str = "/api/v1/configs/";
/// The request header with the instance's name.
const INSTANCE: HeaderName = HeaderName::from_static("x-instance");

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

    fn kind(target: Target<'_>) -> metrics::What {
        match target {
            Target::Config(_, Shape::Envelope) => metrics::What::Config,
            Target::Config(_, Shape::Document) => metrics::What::Raw,
            Target::App(_) => metrics::What::App,
            Target::Watch => metrics::What::Watch,
        }
    }

    fn read(
        reader: &Arc<Reader>,
        request: &Request,
        target: Target<'_>,
        grant: Grant,
        now: Time,
    ) -> Result<Step<NativeRender>, Problem> {
        match target {
            Target::Config(key, shape) => config(reader, request, grant, key, shape, now),
            Target::App(key) => app(reader, request, &grant, key, now),
            Target::Watch => watch::open(reader, request, grant).map(Step::Answer),
        }
    }
}

fn config(
    reader: &Reader,
    request: &Request,
    grant: Grant,
    key: &str,
    shape: Shape,
    now: Time,
) -> Result<Step<NativeRender>, Problem> {
    let held = reader.open(&grant, key)?;
    let Newer { after, wait } = Newer::parse(request.uri().query())?;
    let accepted = Accepted::parse(request.headers())?;
    let has = match (after, &held) {
        (Some(after), _) => Has::Release(after),
        (None, Some(held)) if etag::is_named(request.headers(), &header::IF_NONE_MATCH, held.etag()) => Has::Live,
        (None, _) => Has::Nothing,
    };
    let poll = Poll { grant, visitor: visitor(request), accepted, wait, render: NativeRender::Config(shape) };
    reader.poll(request, &mut [Wanted { key, held, has }], poll, now)
}

/// Answers with all namespaces of an application in the token's scope.
fn app(reader: &Reader, request: &Request, grant: &Grant, key: &str, now: Time) -> Result<Step<NativeRender>, Problem> {
    let configs = reader.open_app(grant, key)?;
    query::none(request.uri().query())?;
    let accepted = Accepted::parse(request.headers())?;
    if configs.is_empty() {
        return Err(reader.absent(key));
    }
    let visitor = visitor(request);
    for config in &configs {
        reader.note(grant, &config.entry.config.to_string(), visitor.as_ref(), config.seq(), now);
    }
    let app = App::new(&configs);
    let has_all = etag::is_named(request.headers(), &header::IF_NONE_MATCH, app.etag());
    let (releases, render) = (Releases::Several(configs), NativeRender::App(app));
    if has_all {
        reader.nothing_new(key, Some(releases), render, accepted)
    } else {
        Ok(reader.give(releases, render, accepted))
    }
}

/// Returns the instance to record. HEAD transfers no document, so it records none.
fn visitor(request: &Request) -> Option<Visitor<'_>> {
    if request.method() == Method::GET { named(request) } else { None }
}

/// Returns the instance that sends a request.
fn named(request: &Request) -> Option<Visitor<'_>> {
    Visitor::of(request, request.headers().get(INSTANCE))
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
