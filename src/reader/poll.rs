//! Reads of configs, at once or when a newer release arrives, for every protocol.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use axum::{extract::Request, response::Response};
use tokio::time::{Instant, sleep_until};

use super::{
    Reader, WaiterSlot,
    answer::{ReadAnswer, Releases, Render},
    instances::InstanceIdentity,
    snapshot::Snapshot,
    store::Waiter,
};
use crate::{
    auth::tokens::Grant,
    domain::{time::Time, token::TokenRefusal},
    http::{coding::AcceptedCodings, problem::HttpProblem},
    metrics,
};

/// A requested config.
pub(super) struct RequestedConfig<'r> {
    /// Its name.
    pub key: &'r str,
    /// Its latest release, from [`Reader::open`].
    pub held: Option<Arc<Snapshot>>,
    /// The release that the client has.
    pub has: ClientRelease,
}

/// The release of a config that a client has.
#[derive(Clone, Copy)]
pub(super) enum ClientRelease {
    /// Nothing, or another release than the latest.
    Nothing,
    /// The latest release, by its validator.
    Live,
    /// The release of this number.
    Release(u64),
}

/// The properties of a read apart from its configs.
pub(super) struct ReadRequest<'r, R> {
    /// The grant of its token.
    pub grant: Grant,
    /// The instance to record, if any.
    pub instance: Option<InstanceIdentity<'r>>,
    /// The content codings that the client accepts.
    pub accepted: AcceptedCodings,
    /// Maximum wait for a newer release. `None` answers at once.
    pub wait: Option<Duration>,
    /// Writes the answer.
    pub render: R,
}

/// Result of an admitted read.
pub(super) enum ReadStep<R> {
    Answer(Response),
    /// The answer must be compressed first.
    Compress(Box<ReadAnswer<R>>, AcceptedCodings),
    Wait(Box<WaitingPoll<R>>),
}

impl<R: Render> ReadStep<R> {
    pub async fn finish(self, reader: &Reader) -> Result<Response, HttpProblem> {
        match self {
            Self::Answer(response) => Ok(response),
            Self::Compress(answer, accepted) => answer.compressed(accepted, reader).await,
            Self::Wait(parked) => parked.wait(reader).await,
        }
    }

    /// Finishes the step of a long poll. Boxes the rest, which few answers need, to keep long polls small.
    async fn finish_boxed(self, reader: &Reader) -> Result<Response, HttpProblem> {
        match self {
            Self::Answer(response) => Ok(response),
            later => Box::pin(later.finish(reader)).await,
        }
    }
}

/// A waiting long poll.
pub(super) struct WaitingPoll<R> {
    grant: Grant,
    visitor: Option<InstanceIdentity<'static>>,
    accepted: AcceptedCodings,
    render: R,
    waiter: Waiter,
    until: Instant,
    _place: WaiterSlot,
}

impl ClientRelease {
    /// Returns whether the client needs the latest release. `is_patient` tells whether a client with a higher number
    /// than that gets nothing, because this node may lag behind another one (see [`Waiter`]).
    fn is_outdated(self, live: &Snapshot, is_patient: impl Fn() -> bool) -> bool {
        match self {
            Self::Nothing => true,
            Self::Live => false,
            // Numbers decide, not validators: a rollback to equal bytes has the same validator, and would be "not
            // modified" for ever.
            Self::Release(number) => match live.seq().cmp(&number) {
                Ordering::Greater => true,
                Ordering::Equal => false,
                Ordering::Less => !is_patient(),
            },
        }
    }
}

impl RequestedConfig<'_> {
    /// Returns the release above which the client waits.
    fn after(&self) -> u64 {
        match (self.has, &self.held) {
            (ClientRelease::Release(number), _) => number,
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
        wanted: &mut [RequestedConfig<'_>],
        poll: ReadRequest<'_, R>,
        now: Time,
    ) -> Result<ReadStep<R>, HttpProblem> {
        let ReadRequest { grant, instance: visitor, accepted, wait, render } = poll;
        for wanted in &*wanted {
            if let Some(held) = &wanted.held {
                // A client holds the latest release if it names it, or gets it now.
                self.record_instance(&grant, wanted.key, visitor.as_ref(), held.seq(), now);
            }
        }
        let is_patient = || wait.is_some() || self.store.stale_header().is_some();
        let news = wanted.iter_mut().filter_map(|wanted| {
            let has = wanted.has;
            wanted.held.take_if(|held| has.is_outdated(held, is_patient))
        });
        if let Some(news) = Releases::collect(news) {
            return Ok(self.answer_with(news, render, accepted));
        }
        let Some(wait) = wait else {
            let held = Releases::collect(wanted.iter_mut().filter_map(|wanted| wanted.held.take()));
            return self.nothing_new(wanted[0].key, held, render, accepted);
        };
        if let Some(missing) = wanted.iter().find(|wanted| wanted.held.is_none())
            && !self.store.is_ready()
        {
            return Err(self.absent(missing.key));
        }
        Ok(ReadStep::Wait(Box::new(WaitingPoll {
            _place: self.acquire_waiter_slot(request, &grant, metrics::WaiterKind::Poll)?,
            grant,
            visitor: visitor.map(InstanceIdentity::into_owned),
            accepted,
            render,
            waiter: Waiter::new(wanted.iter().map(|wanted| (wanted.key.into(), wanted.after())), self.settings.lag),
            until: Instant::now() + wait,
        })))
    }

    /// Answers with releases, compressed if the client accepts that and they are large enough.
    pub(super) fn answer_with<R: Render>(
        &self,
        releases: Releases,
        render: R,
        accepted: AcceptedCodings,
    ) -> ReadStep<R> {
        releases.count_reads();
        let (answer, stale) = (ReadAnswer { releases, render }, self.store.stale_header());
        if !accepted.wants_gzip(answer.is_large()) {
            return ReadStep::Answer(answer.plain(stale));
        }
        match answer.compressed_now(stale) {
            Ok(response) => ReadStep::Answer(response),
            Err(answer) => ReadStep::Compress(answer, accepted),
        }
    }

    /// Answers that the client has all of these releases. Without any release it answers that the config `key` is
    /// absent.
    pub(super) fn nothing_new<R: Render>(
        &self,
        key: &str,
        held: Option<Releases>,
        render: R,
        accepted: AcceptedCodings,
    ) -> Result<ReadStep<R>, HttpProblem> {
        let Some(releases) = held else { return render.absent(self.absent(key)).map(ReadStep::Answer) };
        let answer = ReadAnswer { releases, render };
        match answer.unchanged(accepted, self.store.stale_header()) {
            Some(response) => {
                answer.releases.count_reads();
                Ok(ReadStep::Answer(response))
            }
            None => Ok(self.answer_with(answer.releases, answer.render, accepted)),
        }
    }
}

impl<R: Render> WaitingPoll<R> {
    /// Answers with the first newer releases, or that nothing is new after the wait, when a config is removed for good or
    /// when the server stops.
    async fn wait(mut self: Box<Self>, reader: &Reader) -> Result<Response, HttpProblem> {
        let expiry = reader.expiry(&self.grant);
        let end = expiry.map_or(self.until, |at| at.min(self.until));
        let mut is_over = false;
        loop {
            let news = self.waiter.take_new(&reader.store);
            let now = (reader.clock)();
            for (at, release) in &news {
                reader.record_instance(&self.grant, self.waiter.key(*at), self.visitor.as_ref(), release.seq(), now);
            }
            if let Some(news) = Releases::collect(news.into_iter().map(|(_, release)| release)) {
                return reader.answer_with(news, self.render, self.accepted).finish_boxed(reader).await;
            }
            // A removed config is answered at once as one that never existed.
            if is_over || self.waiter.saw_removal() {
                let held = Releases::collect(self.waiter.keys().filter_map(|key| reader.store.get(key)));
                let step = reader.nothing_new(self.waiter.key(0), held, self.render, self.accepted)?;
                return step.finish_boxed(reader).await;
            }
            tokio::select! {
                () = self.waiter.wait() => {}
                () = self.grant.ended() => return Err(TokenRefusal::Revoked.into()),
                () = reader.stop.cancelled() => is_over = true,
                () = sleep_until(end) => is_over = true,
            }
            if is_over && expiry.is_some_and(|at| at <= Instant::now()) {
                return Err(TokenRefusal::Expired.into());
            }
        }
    }
}
