//! Answers made of releases, compressed or not, for every protocol. Their bytes are shared with the snapshots.

use std::{ops::Deref, slice, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::HeaderValue,
    response::Response,
};
use futures::future::join_all;
use tokio::time::timeout;

use super::{
    Reader,
    gzip::{Gzip, JoinedGzip, MIN_BYTES, SMALL_BYTES},
    pieces::Pieces,
    snapshot::{Shape, Snapshot},
};
use crate::{
    domain::error::{Dependency, Error},
    http::{coding::AcceptedCodings, problem::HttpProblem},
};

/// Text between two releases of a body.
const SEPARATOR: &str = ",";

/// Writes the answers to one read in the format of a protocol. `stale` is the time since when the answer may be
/// outdated, as RFC 3339. It is `None` while the channel is connected.
pub(super) trait Render: Send + 'static {
    /// Returns the parts of the body of an answer with releases.
    fn layout<'a>(&'a self, releases: &'a [Arc<Snapshot>]) -> Layout<'a>;

    /// Writes the answer around its body.
    fn full(&self, releases: &[Arc<Snapshot>], body: Body, coding: Coding, stale: Option<HeaderValue>) -> Response;

    /// Writes that the client has all of these releases. `coding` is the one that the whole answer would have. Returns
    /// `None` if the protocol has no such answer. Then the client gets the releases again.
    fn unchanged(&self, releases: &[Arc<Snapshot>], coding: Coding, stale: Option<HeaderValue>) -> Option<Response>;

    /// Writes that there is no release.
    ///
    /// # Errors
    /// The refusal, if the protocol refuses such a read.
    fn absent(&self, refusal: HttpProblem) -> Result<Response, HttpProblem> {
        Err(refusal)
    }
}

/// Content coding of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
}

/// Parts of a body: a text, releases separated by commas, a text. Each text is shorter than 64 KiB.
pub(super) struct Layout<'a> {
    pub begin: Bytes,
    pub releases: &'a [Arc<Snapshot>],
    pub shape: Shape,
    pub end: Bytes,
}

/// Releases of an answer, at least one. A single one takes no allocation.
pub(super) enum Releases {
    One(Arc<Snapshot>),
    Several(Vec<Arc<Snapshot>>),
}

impl Releases {
    /// Collects releases. Returns `None` when there are none.
    pub fn collect(mut releases: impl Iterator<Item = Arc<Snapshot>>) -> Option<Self> {
        let first = releases.next()?;
        Some(match releases.next() {
            None => Self::One(first),
            Some(second) => Self::Several([first, second].into_iter().chain(releases).collect()),
        })
    }

    /// Counts an answer with these releases, or one that says that the client has them.
    pub fn count_reads(&self) {
        self.iter().for_each(|release| release.reads.count());
    }
}

impl Deref for Releases {
    type Target = [Arc<Snapshot>];

    fn deref(&self) -> &Self::Target {
        match self {
            Self::One(release) => slice::from_ref(release),
            Self::Several(releases) => releases,
        }
    }
}

impl Layout<'_> {
    /// Returns whether compression pays.
    fn is_large(&self) -> bool {
        self.releases.iter().map(|release| release.entry.document.expose().len()).sum::<usize>() >= MIN_BYTES
    }

    /// Returns whether the body is the first release and nothing else.
    fn is_release(&self) -> bool {
        self.releases.len() == 1 && self.begin.is_empty() && self.end.is_empty()
    }

    fn plain(self) -> Body {
        if let ([release], true) = (self.releases, self.is_release()) {
            return release.text(self.shape).into();
        }
        let mut pieces = Vec::with_capacity(2 * self.releases.len() + 1);
        pieces.push(self.begin);
        for (at, release) in self.releases.iter().enumerate() {
            if at > 0 {
                pieces.push(Bytes::from_static(SEPARATOR.as_bytes()));
            }
            pieces.push(release.text(self.shape));
        }
        pieces.push(self.end);
        Pieces::new(pieces).into()
    }

    /// Joins the compressed forms of the releases.
    fn compressed(self, forms: &[Gzip]) -> Body {
        if let ([form], true) = (forms, self.is_release()) {
            return form.file.clone().into();
        }
        let mut file = JoinedGzip::default();
        file.text(&self.begin);
        for (at, form) in forms.iter().enumerate() {
            if at > 0 {
                file.text(SEPARATOR);
            }
            file.part(form);
        }
        file.text(&self.end);
        Pieces::new(file.finish()).into()
    }
}

/// Releases and the format of their answer.
pub(super) struct ReadAnswer<R> {
    pub releases: Releases,
    pub render: R,
}

impl<R: Render> ReadAnswer<R> {
    fn layout(&self) -> Layout<'_> {
        self.render.layout(&self.releases)
    }

    /// Returns whether compression pays.
    pub fn is_large(&self) -> bool {
        self.layout().is_large()
    }

    /// Answers without compression.
    pub fn plain(&self, stale: Option<HeaderValue>) -> Response {
        self.render.full(&self.releases, self.layout().plain(), Coding::Identity, stale)
    }

    /// Answers that the client has all releases, if the protocol has such an answer.
    pub fn unchanged(&self, accepted: AcceptedCodings, stale: Option<HeaderValue>) -> Option<Response> {
        let coding = if accepted.wants_gzip(self.is_large()) { Coding::Gzip } else { Coding::Identity };
        self.render.unchanged(&self.releases, coding, stale)
    }

    /// Answers with compressed forms that exist or are small enough to be made at once. Otherwise returns itself.
    pub fn compressed_now(self, stale: Option<HeaderValue>) -> Result<Response, Box<Self>> {
        let mut left = SMALL_BYTES;
        let Layout { releases, shape, .. } = self.layout();
        let forms = releases.iter().map(|release| {
            release.form(shape).get_made().or_else(|| {
                let text = release.text(shape);
                left = left.checked_sub(text.len())?;
                release.form(shape).get_or_make(&text)
            })
        });
        match forms.collect::<Option<Vec<_>>>() {
            Some(forms) => Ok(self.joined(&forms, stale)),
            None => Err(Box::new(self)),
        }
    }

    /// Answers when the compressed forms are made, or without them if that takes too long.
    ///
    /// # Errors
    /// 503 if it takes too long and the client accepts only compressed answers.
    pub async fn compressed(
        self: Box<Self>,
        accepted: AcceptedCodings,
        reader: &Reader,
    ) -> Result<Response, HttpProblem> {
        let begun = {
            let Layout { releases, shape, .. } = self.layout();
            let begin = |release: &Arc<Snapshot>| release.form(shape).begin(release.text(shape), &reader.compressor);
            releases.iter().map(begin).collect::<Option<Vec<_>>>()
        };
        let forms: Option<Vec<Gzip>> = match begun {
            Some(begun) => timeout(reader.settings.compression, join_all(begun))
                .await
                .ok()
                .and_then(|all| all.into_iter().collect()),
            None => None,
        };
        let stale = reader.store.stale_header();
        match forms {
            Some(forms) => Ok(self.joined(&forms, stale)),
            None if accepted.accepts_identity() => Ok(self.plain(stale)),
            None => {
                let late = Error::Unavailable { part: Dependency::Channel, detail: String::new() };
                Err(HttpProblem::from(late).with_detail("The response is not compressed yet. Try again in a moment."))
            }
        }
    }

    fn joined(&self, forms: &[Gzip], stale: Option<HeaderValue>) -> Response {
        self.render.full(&self.releases, self.layout().compressed(forms), Coding::Gzip, stale)
    }
}
