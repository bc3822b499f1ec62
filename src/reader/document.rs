//! Answers of one release or of all those of an application, compressed or not. Their bytes are shared with the snapshots.

use std::{slice, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use futures::future::join_all;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::{
    Reader,
    gzip::{Gzip, Joined, MIN_BYTES, SMALL_BYTES},
    pieces::Pieces,
    snapshot::{self, Snapshot, View},
};
use crate::{
    domain::{
        error::{Error, Part},
        names::{AppName, EnvName},
    },
    http::{coding::Accepted, problem::Problem},
};

/// Texts between the configs of an application, and behind them.
const COMMA: &str = ",";
const END: &str = "]}";

/// All releases of an application that a token reaches.
pub(super) struct App {
    configs: Vec<Arc<Snapshot>>,
    begin: String,
    etag: HeaderValue,
}

impl App {
    pub fn new(env: &EnvName, app: &AppName, configs: Vec<Arc<Snapshot>>) -> Self {
        // Names need no escaping.
        let begin = format!(r#"{{"env":"{env}","app":"{app}","configs":["#);
        Self { etag: validator(&configs), begin, configs }
    }

    pub fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    /// Whether it is worth to compress them.
    pub fn is_large(&self) -> bool {
        self.configs.iter().map(|c| c.entry.document.len()).sum::<usize>() >= MIN_BYTES
    }

    /// 200 with all of them.
    pub fn answer(&self, stale: Option<HeaderValue>) -> Response {
        let mut pieces = Vec::with_capacity(2 * self.configs.len() + 1);
        pieces.push(self.begin.clone().into());
        for (at, config) in self.configs.iter().enumerate() {
            if at > 0 {
                pieces.push(Bytes::from_static(COMMA.as_bytes()));
            }
            pieces.push(config.envelope().clone());
        }
        pieces.push(Bytes::from_static(END.as_bytes()));
        self.answer_with(pieces, stale)
    }

    /// 200 with all of them, compressed. `forms` are theirs.
    fn answer_gzip(&self, forms: &[Gzip], stale: Option<HeaderValue>) -> Response {
        let mut file = Joined::default();
        file.text(&self.begin);
        for (at, form) in forms.iter().enumerate() {
            if at > 0 {
                file.text(COMMA);
            }
            file.part(form);
        }
        file.text(END);
        let mut response = self.answer_with(file.finish(), stale);
        snapshot::mark_gzip(response.headers_mut(), &self.etag);
        response
    }

    /// 304: the client has them already. `gzip` is whether they would have been compressed.
    pub fn unchanged(&self, gzip: bool, stale: Option<HeaderValue>) -> Response {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        let etag = if gzip { snapshot::weak(&self.etag) } else { self.etag.clone() };
        response.headers_mut().insert(header::ETAG, etag);
        snapshot::validate(response.headers_mut(), stale);
        response
    }

    fn answer_with(&self, pieces: Vec<Bytes>, stale: Option<HeaderValue>) -> Response {
        let mut response = Response::new(Body::new(Pieces::new(pieces)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, snapshot::JSON);
        headers.insert(header::ETAG, self.etag.clone());
        snapshot::validate(headers, stale);
        response
    }
}

/// The form of a document that is sent compressed.
pub(super) enum Document {
    Config(Arc<Snapshot>, View),
    App(App),
}

impl Document {
    /// Answers with compressed forms that are there, or are small enough to be made at once. Else returns itself.
    pub fn answer_now(self, stale: Option<HeaderValue>) -> Result<Response, Box<Self>> {
        let mut left = SMALL_BYTES;
        let (configs, view) = self.parts();
        let forms = configs.iter().map(|config| {
            config.form(view).made().or_else(|| {
                let text = config.text(view);
                left = left.checked_sub(text.len())?;
                config.form(view).make(&text)
            })
        });
        match forms.collect::<Option<Vec<_>>>() {
            Some(forms) => Ok(self.answer_gzip(&forms, stale)),
            None => Err(Box::new(self)),
        }
    }

    /// Answers once the compressed forms are made, or without them when that takes too long.
    ///
    /// # Errors
    /// 503 when it takes too long and the client takes nothing else.
    pub async fn answer_later(self: Box<Self>, accepted: Accepted, reader: &Reader) -> Result<Response, Problem> {
        let (configs, view) = self.parts();
        let begun = configs.iter().map(|c| c.form(view).begin(c.text(view), &reader.compressor));
        let forms: Option<Vec<Gzip>> = match begun.collect::<Option<Vec<_>>>() {
            Some(begun) => {
                timeout(reader.compression, join_all(begun)).await.ok().and_then(|all| all.into_iter().collect())
            }
            None => None,
        };
        let stale = reader.shelf.stale_header();
        match (forms, &*self) {
            (Some(forms), _) => Ok(self.answer_gzip(&forms, stale)),
            (None, _) if !accepted.takes_identity() => {
                let late = Error::Unavailable { part: Part::Channel, detail: String::new() };
                Err(Problem::from(late).because("The answer is not compressed yet."))
            }
            (None, Self::Config(snapshot, view)) => Ok(snapshot.answer(*view, stale)),
            (None, Self::App(app)) => Ok(app.answer(stale)),
        }
    }

    fn parts(&self) -> (&[Arc<Snapshot>], View) {
        match self {
            Self::Config(snapshot, view) => (slice::from_ref(snapshot), *view),
            Self::App(app) => (&app.configs, View::Envelope),
        }
    }

    fn answer_gzip(&self, forms: &[Gzip], stale: Option<HeaderValue>) -> Response {
        match self {
            Self::Config(snapshot, view) => snapshot.answer_gzip(*view, &forms[0], stale),
            Self::App(app) => app.answer_gzip(forms, stale),
        }
    }
}

/// A validator of several releases: two tokens that reach different namespaces get different ones.
fn validator(configs: &[Arc<Snapshot>]) -> HeaderValue {
    let mut all = Sha256::new();
    for config in configs {
        all.update(format!("{} {} {}\n", config.entry.config, config.seq(), config.entry.meta.sha256));
    }
    let hex = HEXLOWER.encode(&all.finalize()[..16]);
    HeaderValue::from_str(&format!("\"{hex}\"")).expect("hexadecimal digits are a header value")
}
