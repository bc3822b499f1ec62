//! Reads of configs, at once or when a newer release arrives, for every protocol.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use axum::{extract::Request, response::Response};
use tokio::time::{Instant, sleep_until};

use super::{
    Place, Reader,
    answer::{Answer, Releases, Render},
    instances::Visitor,
    shelf::Waiter,
    snapshot::Snapshot,
};
use crate::{
    auth::tokens::Grant,
    domain::{time::Time, token::Denied},
    http::{coding::Accepted, problem::Problem},
    metrics,
};

/// A requested config.
pub(super) struct Wanted<'r> {
    /// Its name.
    pub key: &'r str,
    /// Its latest release, from [`Reader::open`].
    pub held: Option<Arc<Snapshot>>,
    /// The release that the client has.
    pub has: Has,
}

/// The release of a config that a client has.
#[derive(Clone, Copy)]
pub(super) enum Has {
    /// Nothing, or another release than the latest.
    Nothing,
    /// The latest release, by its validator.
    Live,
    /// The release of this number.
    Release(u64),
}

/// The properties of a read apart from its configs.
pub(super) struct Poll<'r, R> {
    /// The grant of its token.
    pub grant: Grant,
    /// The instance to record, if any.
    pub visitor: Option<Visitor<'r>>,
    /// The content codings that the client accepts.
    pub accepted: Accepted,
    /// Maximum wait for a newer release. `None` answers at once.
    pub wait: Option<Duration>,
    /// Writes the answer.
    pub render: R,
}

/// Result of an admitted read.
pub(super) enum Step<R> {
    Answer(Response),
    /// The answer must be compressed first.
    Compress(Box<Answer<R>>, Accepted),
    Wait(Box<Parked<R>>),
}

impl<R: Render> Step<R> {
    pub async fn finish(self, reader: &Reader) -> Result<Response, Problem> {
        match self {
            Self::Answer(response) => Ok(response),
            Self::Compress(answer, accepted) => answer.compressed(accepted, reader).await,
            Self::Wait(parked) => parked.wait(reader).await,
        }
    }

    /// Finishes the step of a long poll. Boxes the rest, which few answers need, to keep long polls small.
    async fn finish_boxed(self, reader: &Reader) -> Result<Response, Problem> {
        match self {
            Self::Answer(response) => Ok(response),
            later => Box::pin(later.finish(reader)).await,
        }
    }
}

/// A waiting long poll.
pub(super) struct Parked<R> {
    grant: Grant,
    visitor: Option<Visitor<'static>>,
    accepted: Accepted,
    render: R,
    waiter: Waiter,
    until: Instant,
    _place: Place,
}

impl Has {
    /// Returns whether the client needs the latest release. `is_patient` tells whether a client with a higher number
    /// than that gets nothing, because this node may lag behind another one (see [`Waiter`]).
    fn lacks(self, live: &Snapshot, is_patient: impl Fn() -> bool) -> bool {
        match self {
            Self::Nothing => true,
            Self::Live => false,
            // Numbers decide, not validators: a roll-back to equal bytes has the same validator, and would be "not
            // modified" for ever.
            Self::Release(number) => match live.seq().cmp(&number) {
                Ordering::Greater => true,
                Ordering::Equal => false,
                Ordering::Less => !is_patient(),
            },
        }
    }
}

impl Wanted<'_> {
    /// Returns the release above which the client waits.
    fn after(&self) -> u64 {
        match (self.has, &self.held) {
            (Has::Release(number), _) => number,
            (_, Some(held)) => held.seq(),
            (_, None) => 0,
        }
    }
}

impl Reader {
    /// Answers with the releases that the client does not have. Without any, it waits or answers that nothing is new.
    /// `wanted` has at least one config.
    ///
    /// # Errors
    /// 404 without a release, unless the protocol has its own answer for that; 503 while the store is not ready, or if
    /// too many requests wait.
    pub(super) fn poll<R: Render>(
        &self,
        request: &Request,
        wanted: &mut [Wanted<'_>],
        poll: Poll<'_, R>,
        now: Time,
    ) -> Result<Step<R>, Problem> {
        let Poll { grant, visitor, accepted, wait, render } = poll;
        for wanted in &*wanted {
            if let Some(held) = &wanted.held {
                // A client holds the latest release if it names it, or gets it now.
                self.note(&grant, wanted.key, visitor.as_ref(), held.seq(), now);
            }
        }
        let is_patient = || wait.is_some() || self.shelf.stale_header().is_some();
        let news = wanted.iter_mut().filter_map(|wanted| {
            let has = wanted.has;
            wanted.held.take_if(|held| has.lacks(held, is_patient))
        });
        if let Some(news) = Releases::collect(news) {
            return Ok(self.give(news, render, accepted));
        }
        let Some(wait) = wait else {
            let held = Releases::collect(wanted.iter_mut().filter_map(|wanted| wanted.held.take()));
            return self.nothing_new(wanted[0].key, held, render, accepted);
        };
        if let Some(missing) = wanted.iter().find(|wanted| wanted.held.is_none())
            && !self.shelf.is_ready()
        {
            return Err(self.absent(missing.key));
        }
        Ok(Step::Wait(Box::new(Parked {
            _place: self.place(request, &grant, metrics::Waiting::Poll)?,
            grant,
            visitor: visitor.map(Visitor::into_owned),
            accepted,
            render,
            waiter: Waiter::new(wanted.iter().map(|wanted| (wanted.key.into(), wanted.after())), self.lag),
            until: Instant::now() + wait,
        })))
    }

    /// Answers with releases, compressed if the client accepts that and they are large enough.
    pub(super) fn give<R: Render>(&self, releases: Releases, render: R, accepted: Accepted) -> Step<R> {
        let (answer, stale) = (Answer { releases, render }, self.shelf.stale_header());
        if !accepted.wants_gzip(answer.is_large()) {
            return Step::Answer(answer.plain(stale));
        }
        match answer.compressed_now(stale) {
            Ok(response) => Step::Answer(response),
            Err(answer) => Step::Compress(answer, accepted),
        }
    }

    /// Answers that the client has all of these releases. Without any release it answers that the config `key` is
    /// absent.
    pub(super) fn nothing_new<R: Render>(
        &self,
        key: &str,
        held: Option<Releases>,
        render: R,
        accepted: Accepted,
    ) -> Result<Step<R>, Problem> {
        let Some(releases) = held else { return render.absent(self.absent(key)).map(Step::Answer) };
        let answer = Answer { releases, render };
        match answer.unchanged(accepted, self.shelf.stale_header()) {
            Some(response) => Ok(Step::Answer(response)),
            None => Ok(self.give(answer.releases, answer.render, accepted)),
        }
    }
}

impl<R: Render> Parked<R> {
    /// Answers with the first newer releases, or that nothing is new after the wait or when the server stops.
    async fn wait(mut self: Box<Self>, reader: &Reader) -> Result<Response, Problem> {
        let expiry = reader.expiry(&self.grant);
        let end = expiry.map_or(self.until, |at| at.min(self.until));
        let mut is_over = false;
        loop {
            let news = self.waiter.look(&reader.shelf);
            let now = (reader.clock)();
            for (at, release) in &news {
                reader.note(&self.grant, self.waiter.key(*at), self.visitor.as_ref(), release.seq(), now);
            }
            if let Some(news) = Releases::collect(news.into_iter().map(|(_, release)| release)) {
                return reader.give(news, self.render, self.accepted).finish_boxed(reader).await;
            }
            if is_over {
                let held = Releases::collect(self.waiter.keys().filter_map(|key| reader.shelf.get(key)));
                let step = reader.nothing_new(self.waiter.key(0), held, self.render, self.accepted)?;
                return step.finish_boxed(reader).await;
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
