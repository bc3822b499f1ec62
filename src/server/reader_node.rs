//! A reader node: only the read endpoints, with etcd and without a database.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::HeaderMap,
    middleware,
    response::IntoResponse,
    routing::get,
};
use serde_json::Map;
use tokio_util::sync::CancellationToken;

use super::{
    background::ReaderNodeTasks,
    health::{Readiness, metrics_response},
    scrape::Scrape,
    settings::Settings,
    shutdown::Shutdown,
};
use crate::{
    auth::tokens::TokenCache,
    channel::{Channel, MAX_AHEAD_RELEASES},
    domain::{
        error::{Error, truncate},
        time::Time,
    },
    http::{problem::HttpProblem, request_id},
    reader::{
        self, Reader,
        known_tokens::KnownTokens,
        last_good::{LastGood, NAME},
        nodes::Nodes,
    },
    service::now,
    tasks::TaskDriver,
    texts::Lang,
};

/// The parts of a reader node that its health endpoints read.
#[derive(Clone)]
struct ReaderNodeParts {
    reader: Arc<Reader>,
    tokens: Arc<KnownTokens>,
    file: Arc<LastGood>,
    scrape: Arc<Scrape>,
    tasks: TaskDriver,
    /// Cancelled when the shutdown begins.
    draining: CancellationToken,
}

/// Loads the last known good, starts the background tasks and assembles the routes. Needs no answer from etcd.
///
/// # Errors
/// Fails if the node cannot start, with the reason in one line.
pub(super) async fn start(
    settings: &Settings,
    address: SocketAddr,
    tasks: &TaskDriver,
    shutdown: &Shutdown,
) -> Result<(reader::Front, Arc<Scrape>), String> {
    let Some(etcd) = settings.etcd.clone() else { return Err("a reader node needs etcd; set etcd.endpoints".into()) };
    let (root, members, name) = (etcd.root.clone(), etcd.endpoints.join(", "), etcd.node.clone());
    let channel = Channel::etcd(etcd).await.map_err(|e| format!("etcd: {e}"))?;
    let table = Arc::new(TokenCache::new());
    let reading = reader::ReaderSettings { rate: settings.rates.reads, ..reader::ReaderSettings::default() };
    let reader = Reader::new(table.clone(), now, &reading, shutdown.closing.clone());
    let tokens = Arc::new(KnownTokens::new(table));
    let file = LastGood::new(&settings.data_dir, &root, reader.store.clone(), Some(tokens.clone()), now);
    let kept = settings.data_dir.join(NAME);
    tracing::info!(%address, etcd = members, root, file = %kept.display(), "starting as a reader node");
    file.load().await;
    let scrape = Arc::new(Scrape::new(None, &channel, reader.clone(), tasks));
    let background = ReaderNodeTasks {
        channel,
        reader: reader.clone(),
        nodes: Nodes::new(reader.clone(), &name, true),
        tokens: tokens.clone(),
        last_good: file.clone(),
    };
    tasks.start(background.list());
    let (tasks, draining) = (tasks.clone(), shutdown.draining.clone());
    let routes = routes(ReaderNodeParts { reader, tokens, file, scrape: scrape.clone(), tasks, draining });
    Ok((routes, scrape))
}

/// Returns all routes: reads in front, then health. All other paths exist only on consoles.
fn routes(parts: ReaderNodeParts) -> reader::Front {
    let reader = parts.reader.clone();
    let elsewhere = async |request: Request| {
        let problem = HttpProblem::from(Error::NotFound(truncate(request.uri().path())));
        problem.with_detail(Lang::En.reader_node())
    };
    let rest = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route(
            "/metrics",
            get(async |State(parts): State<ReaderNodeParts>, headers: HeaderMap| {
                metrics_response(&parts.scrape, &headers)
            }),
        )
        .fallback(elsewhere)
        .layer(middleware::from_fn(request_id::layer))
        .with_state(parts);
    reader::in_front(reader, rest)
}

/// Answers `/readyz`. A node is ready if it can answer reads. It is degraded if it may be behind, or may not be ready
/// after a restart.
async fn ready(
    State(ReaderNodeParts { reader, tokens, file, tasks, draining, .. }): State<ReaderNodeParts>,
) -> impl IntoResponse {
    let (releases, known) = (reader.store.is_ready(), tokens.list().is_some());
    let draining = draining.is_cancelled();
    let ready = releases && known && !draining;
    let since = |what: &str, since: Option<Time>| {
        since.map(|since| format!("{what} have not been confirmed by etcd since {}", since.rfc3339()))
    };
    let reasons: Vec<String> = [
        draining.then(|| "the server is ending".to_owned()),
        (!releases).then(|| "no release has arrived since the start".to_owned()),
        (!known).then(|| "no tokens have arrived since the start".to_owned()),
        reader.store.has_lost_releases().then(|| "etcd holds no release; readers keep their releases".to_owned()),
        since("releases", reader.store.stale_since()),
        since("tokens", tokens.stale_since()),
        tokens.refused().map(|why| format!("{why}; the previous tokens stay in use")),
        tokens
            .ahead_version()
            .map(|_| "this node has newer tokens than etcd; a console has to write its tokens again".to_owned()),
        ahead_reason(&reader),
        match reader.store.damaged() {
            0 => None,
            n => Some(format!("{n} keys in etcd hold no valid release; readers keep their current releases")),
        },
        file.problem(),
    ]
    .into_iter()
    .flatten()
    .collect();
    Readiness { ready, reasons, has_releases: releases, tasks: tasks.statuses(), more: Map::new() }.answer()
}

/// Returns a reason if this node has later releases than etcd. Only consoles show which ones.
fn ahead_reason(reader: &Reader) -> Option<String> {
    let ahead = reader.store.ahead(MAX_AHEAD_RELEASES).len();
    let most = if ahead == MAX_AHEAD_RELEASES { "at least " } else { "" };
    (ahead > 0).then(|| {
        format!("this node holds later releases than etcd in {most}{ahead} configs; an administrator has to decide")
    })
}
