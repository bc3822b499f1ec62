//! Which request is a read, and snapshots and long polls.

use std::{
    cmp::Ordering,
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::Request,
    http::{Method, header},
    response::Response,
};
use futures::future::{BoxFuture, Either};
use tokio::time::{Instant, sleep_until};
use tower::Service;

use super::{
    Place, Reader,
    document::{App, Document},
    instances::Visitor,
    out_of_scope,
    query::{self, Newer},
    shelf::Waiter,
    snapshot::{Snapshot, View},
    watch,
};
use crate::{
    auth::tokens::Grant,
    domain::{
        names::{AppName, EnvName},
        time::Time,
        token::Denied,
    },
    http::{
        coding::Accepted,
        etag, path,
        problem::Problem,
        request_id::{RequestId, answer},
    },
    metrics,
};

const PREFIX: &str = "/api/v1/configs/";

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target<'a> {
    /// `/api/v1/configs/{env}/{app}/{namespace}`, or the same with `/raw`.
    Config(&'a str, View),
    /// `/api/v1/configs/{env}/{app}`.
    App(&'a str),
    /// `/api/v1/watch`.
    Watch,
}

impl<'a> Target<'a> {
    fn what(self) -> metrics::What {
        match self {
            Self::Config(_, View::Envelope) => metrics::What::Config,
            Self::Config(_, View::Raw) => metrics::What::Raw,
            Self::App(_) => metrics::What::App,
            Self::Watch => metrics::What::Watch,
        }
    }

    fn of(path: &'a str) -> Option<Self> {
        let Some(key) = path.strip_prefix(PREFIX) else {
            return (path == "/api/v1/watch").then_some(Self::Watch);
        };
        match key.bytes().filter(|b| *b == b'/').count() {
            1 => Some(Self::App(key)),
            2 => Some(Self::Config(key, View::Envelope)),
            3 => key.strip_suffix("/raw").map(|key| Self::Config(key, View::Raw)),
            _ => None,
        }
    }
}

/// Takes the requests that read, and leaves the others to the rest.
#[derive(Clone)]
pub struct Front {
    reader: Arc<Reader>,
    rest: Router,
}

impl Front {
    pub(super) fn new(reader: Arc<Reader>, rest: Router) -> Self {
        Self { reader, rest }
    }
}

impl Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.rest, cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        path::normalize(request.uri_mut());
        let Some(target) = Target::of(request.uri().path()) else {
            return Either::Right(Box::pin(self.rest.call(request)));
        };
        let (given, head) = (RequestId::given(&request), request.method() == Method::HEAD);
        let what = target.what();
        let done = move |reader: &Reader, result| {
            let response = answer(given, result);
            reader.meter.answered(what, response.status().as_u16());
            Ok(if head { bodiless(response) } else { response })
        };
        let now = (self.reader.clock)();
        let decided = match self.reader.admit(&request, now) {
            // It may have been made a moment ago.
            Err(Denied::Unknown) => {
                let reader = Arc::clone(&self.reader);
                return Either::Right(Box::pin(async move {
                    let result = admitted_late(&reader, request).await;
                    done(&reader, result)
                }));
            }
            admitted => decide(&self.reader, &request, target, admitted, now),
        };
        match decided {
            Ok(Next::Answer(response)) => Either::Left(ready(done(&self.reader, Ok(response)))),
            Err(problem) => Either::Left(ready(done(&self.reader, Err(problem)))),
            Ok(later) => {
                // The request ends here: whoever waits for a minute keeps no more than it needs.
                let reader = Arc::clone(&self.reader);
                Either::Right(Box::pin(async move {
                    let result = later.answer(&reader).await;
                    done(&reader, result)
                }))
            }
        }
    }
}

/// What a request gets that shows this token. After the token it is the method that is looked at.
fn decide(
    reader: &Arc<Reader>,
    request: &Request,
    target: Target<'_>,
    admitted: Result<Grant, Denied>,
    now: Time,
) -> Result<Next, Problem> {
    let grant = admitted?;
    grant.keep_to(reader.rate)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::method_not_allowed("GET, HEAD"));
    }
    match target {
        Target::Config(key, view) => reader.config(request, grant, key, view, now),
        Target::App(key) => reader.app(request, &grant, key, now),
        Target::Watch => watch::open(reader, request, grant).map(Next::Answer),
    }
}

// Takes the request, so that it is not kept while it waits.
fn decide_late(reader: &Arc<Reader>, request: Request) -> Result<Next, Problem> {
    let (path, now) = (request.uri().path(), (reader.clock)());
    let target = Target::of(path).ok_or_else(|| reader.absent(path))?;
    decide(reader, &request, target, reader.admit(&request, now), now)
}

/// What a request gets whose token is not known, once the tokens were read anew.
async fn admitted_late(reader: &Arc<Reader>, request: Request) -> Result<Response, Problem> {
    reader.tokens.renewed().await;
    decide_late(reader, request)?.answer(reader).await
}

/// The answer to HEAD: all of the answer to GET but its body.
fn bodiless(mut response: Response) -> Response {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::empty();
    response
}

/// Outcome of a read that is admitted.
enum Next {
    Answer(Response),
    /// The answer has to be compressed first.
    Compress(Box<Document>, Accepted),
    Wait(Box<Parked>),
}

impl Next {
    async fn answer(self, reader: &Reader) -> Result<Response, Problem> {
        match self {
            Self::Answer(response) => Ok(response),
            Self::Compress(document, accepted) => document.answer_later(accepted, reader).await,
            Self::Wait(parked) => parked.wait(reader).await,
        }
    }
}

/// A long poll that has nothing to tell yet.
struct Parked {
    key: Box<str>,
    view: View,
    accepted: Accepted,
    grant: Grant,
    visitor: Option<Visitor<'static>>,
    waiter: Waiter,
    until: Instant,
    _place: Place,
}

impl Reader {
    fn config(&self, request: &Request, grant: Grant, key: &str, view: View, now: Time) -> Result<Next, Problem> {
        let held = self.open(&grant, key)?;
        let Newer { after, wait } = Newer::parse(request.uri().query())?;
        let accepted = Accepted::parse(request.headers())?;
        let visitor = visitor(request);

        if let Some(snapshot) = &held {
            let has = match after.map(|after| snapshot.seq().cmp(&after)) {
                // Releases with equal bytes share their validator, so one who counts is answered by number alone: a
                // roll-back would otherwise be "not modified" for ever.
                Some(Ordering::Greater) => false,
                Some(Ordering::Equal) => true,
                // It may be that this node lags: see `Waiter`.
                Some(Ordering::Less) => wait.is_some() || self.shelf.stale_header().is_some(),
                None => etag::is_named(request.headers(), &header::IF_NONE_MATCH, snapshot.etag()),
            };
            // Whoever says that it has a release holds it, and so does whoever gets one now.
            self.note(&grant, key, visitor.as_ref(), snapshot.seq(), now);
            if !has {
                return Ok(self.give(snapshot, view, accepted));
            }
        }
        let (Some(after), Some(wait)) = (after, wait) else {
            return self.nothing_new(key, held.as_deref(), accepted).map(Next::Answer);
        };
        if held.is_none() && !self.shelf.is_ready() {
            return Err(self.absent(key));
        }
        Ok(Next::Wait(Box::new(Parked {
            _place: self.place(request, &grant, metrics::Waiting::Poll)?,
            key: key.into(),
            view,
            accepted,
            grant,
            visitor: visitor.map(Visitor::into_owned),
            waiter: Waiter::new([(key.into(), after)], self.lag),
            until: Instant::now() + wait,
        })))
    }

    /// 200 with a release, compressed if the client takes that and it pays.
    fn give(&self, snapshot: &Arc<Snapshot>, view: View, accepted: Accepted) -> Next {
        if accepted.wants_gzip(snapshot.is_large()) {
            self.give_gzip(Document::Config(Arc::clone(snapshot), view), accepted)
        } else {
            Next::Answer(snapshot.answer(view, self.shelf.stale_header()))
        }
    }

    fn give_gzip(&self, document: Document, accepted: Accepted) -> Next {
        let answer = document.answer_now(self.shelf.stale_header());
        answer.map_or_else(|document| Next::Compress(document, accepted), Next::Answer)
    }

    /// 304; but 404 where there is nothing at all: "you have the latest" would not be true.
    fn nothing_new(&self, key: &str, held: Option<&Snapshot>, accepted: Accepted) -> Result<Response, Problem> {
        let held = held.ok_or_else(|| self.absent(key))?;
        Ok(held.unchanged(accepted.wants_gzip(held.is_large()), self.shelf.stale_header()))
    }

    /// All namespaces of an application that the token reaches.
    fn app(&self, request: &Request, grant: &Grant, key: &str, now: Time) -> Result<Next, Problem> {
        let (env, app) = key.split_once('/').ok_or_else(|| self.absent(key))?;
        let names = env.parse::<EnvName>().ok().zip(app.parse::<AppName>().ok());
        let (env, app) = names.ok_or_else(|| self.absent(key))?;
        if !grant.touches(&env, &app) {
            return Err(out_of_scope(key));
        }
        query::none(request.uri().query())?;
        let accepted = Accepted::parse(request.headers())?;

        let mut configs = self.shelf.of_app(key);
        configs.retain(|c| grant.reads(&c.entry.config));
        if configs.is_empty() {
            return Err(self.absent(key));
        }
        let visitor = visitor(request);
        for config in &configs {
            self.note(grant, &config.entry.config.to_string(), visitor.as_ref(), config.seq(), now);
        }
        let app = App::new(&env, &app, configs);
        let gzip = accepted.wants_gzip(app.is_large());
        Ok(match etag::is_named(request.headers(), &header::IF_NONE_MATCH, app.etag()) {
            true => Next::Answer(app.unchanged(gzip, self.shelf.stale_header())),
            false if gzip => self.give_gzip(Document::App(app), accepted),
            false => Next::Answer(app.answer(self.shelf.stale_header())),
        })
    }
}

impl Parked {
    /// Answers with the first newer release, else 304 when the time is over or the server goes down.
    async fn wait(mut self: Box<Self>, reader: &Reader) -> Result<Response, Problem> {
        let expiry = reader.expiry(&self.grant);
        let end = expiry.map_or(self.until, |at| at.min(self.until));
        let mut is_over = false;
        loop {
            if let Some((_, snapshot)) = self.waiter.look(&reader.shelf).pop() {
                reader.note(&self.grant, &self.key, self.visitor.as_ref(), snapshot.seq(), (reader.clock)());
                let given = reader.give(&snapshot, self.view, self.accepted);
                // In a box: few answers are compressed, and all who wait have room for what follows.
                return Box::pin(given.answer(reader)).await;
            }
            if is_over {
                return reader.nothing_new(&self.key, reader.shelf.get(&self.key).as_deref(), self.accepted);
            }
            tokio::select! {
                () = self.waiter.wake() => {}
                () = self.grant.over() => return Err(Denied::Revoked.into()),
                () = reader.stop.cancelled() => is_over = true,
                () = sleep_until(end) => is_over = true,
            }
            if is_over && expiry.is_some_and(|at| at <= Instant::now()) {
                return Err(Denied::Expired.into());
            }
        }
    }
}

/// Who is noted: HEAD brings no document, so nobody holds anything by it.
fn visitor(request: &Request) -> Option<Visitor<'_>> {
    if request.method() == Method::GET { Visitor::of(request) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_known_by_its_path() {
        let config = |key, view| Some(Target::Config(key, view));
        for (path, target) in [
            ("/api/v1/configs/prod/shop/a", config("prod/shop/a", View::Envelope)),
            ("/api/v1/configs/prod/shop/raw", config("prod/shop/raw", View::Envelope)),
            ("/api/v1/configs/prod/shop/a/raw", config("prod/shop/a", View::Raw)),
            ("/api/v1/configs/prod/shop", Some(Target::App("prod/shop"))),
            ("/api/v1/watch", Some(Target::Watch)),
        ] {
            assert_eq!(Target::of(path), target, "{path}");
        }
        for other in ["/", "/api/v1/configs/prod/shop/a/releases", "/api/v1/configs", "/api/v1/watch/", "/API/v1/watch"]
        {
            assert_eq!(Target::of(other), None, "{other}");
        }
    }
}
