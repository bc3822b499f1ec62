//! A reader node: the read endpoints alone, over etcd alone.

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
    health::{Readiness, scraped},
    scrape::Scrape,
    settings::Settings,
    shutdown::Shutdown,
};
use crate::{
    auth::tokens::Table,
    channel::{AHEAD, Channel},
    domain::{
        error::{Error, excerpt},
        time::Time,
    },
    http::{problem::Problem, request_id},
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

/// What a reader node consists of.
#[derive(Clone)]
struct Parts {
    reader: Arc<Reader>,
    tokens: Arc<KnownTokens>,
    file: Arc<LastGood>,
    scrape: Arc<Scrape>,
    tasks: TaskDriver,
    /// Cancelled when the shutdown begins.
    draining: CancellationToken,
}

/// Takes what lies on disk, starts what works in the background and puts the routes together. etcd may be away.
///
/// # Errors
/// Why it does not start, in one line.
pub(super) async fn start(
    settings: &Settings,
    address: SocketAddr,
    tasks: &TaskDriver,
    shutdown: &Shutdown,
) -> Result<(reader::Front, Arc<Scrape>), String> {
    let Some(etcd) = settings.etcd.clone() else { return Err("a reader is fed from etcd: set etcd.endpoints".into()) };
    let (root, members, name) = (etcd.root.clone(), etcd.endpoints.join(", "), etcd.node.clone());
    let channel = Channel::etcd(etcd).await.map_err(|e| format!("etcd: {e}"))?;
    let table = Arc::new(Table::new());
    let reading = reader::Settings { rate: settings.rates.reads, ..reader::Settings::default() };
    let reader = Reader::new(table.clone(), now, &reading, shutdown.closing.clone());
    let tokens = Arc::new(KnownTokens::new(table));
    let file = LastGood::new(&settings.data_dir, &root, reader.shelf.clone(), Some(tokens.clone()), now);
    let kept = settings.data_dir.join(NAME);
    tracing::info!(%address, etcd = members, root, file = %kept.display(), "a reader node: the read endpoints alone");
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
    let routes = routes(Parts { reader, tokens, file, scrape: scrape.clone(), tasks, draining });
    Ok((routes, scrape))
}

/// Every route: the readers' own in front, and health. All else is on the consoles.
fn routes(parts: Parts) -> reader::Front {
    let reader = parts.reader.clone();
    let elsewhere = async |request: Request| {
        let problem = Problem::from(Error::NotFound(excerpt(request.uri().path())));
        problem.because(Lang::En.reader_node())
    };
    let rest = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(async |State(parts): State<Parts>, headers: HeaderMap| scraped(&parts.scrape, &headers)))
        .fallback(elsewhere)
        .layer(middleware::from_fn(request_id::layer))
        .with_state(parts);
    reader::in_front(reader, rest)
}

/// Ready is who can answer; degraded, with reasons, who may be behind or would not be ready again after a restart.
async fn ready(State(Parts { reader, tokens, file, tasks, draining, .. }): State<Parts>) -> impl IntoResponse {
    let (releases, known) = (reader.shelf.is_ready(), tokens.list().is_some());
    let draining = draining.is_cancelled();
    let ready = releases && known && !draining;
    let since = |what: &str, since: Option<Time>| {
        since.map(|since| format!("{what} were not confirmed by etcd since {}", since.rfc3339()))
    };
    let reasons: Vec<String> = [
        draining.then(|| "the server is ending".to_owned()),
        (!releases).then(|| "no release has arrived since the start".to_owned()),
        (!known).then(|| "no tokens have arrived since the start".to_owned()),
        reader.shelf.is_lost().then(|| "etcd holds no release; readers keep what they have".to_owned()),
        since("releases", reader.shelf.stale_since()),
        since("tokens", tokens.stale_since()),
        tokens.refused().map(|why| format!("{why}; tokens are those known before")),
        tokens
            .ahead()
            .map(|_| "this node knows later tokens than etcd holds; a console has to write them again".to_owned()),
        ahead(&reader),
        match reader.shelf.damaged() {
            0 => None,
            n => Some(format!("{n} keys in etcd are no releases; readers keep what they have")),
        },
        file.trouble_now(),
    ]
    .into_iter()
    .flatten()
    .collect();
    Readiness { ready, reasons, has_releases: releases, tasks: tasks.statuses(), more: Map::new() }.answer()
}

/// That releases here are later than those in etcd. Which ones is said to those who log in to a console.
fn ahead(reader: &Reader) -> Option<String> {
    let ahead = reader.shelf.ahead(AHEAD).len();
    let most = if ahead == AHEAD { "at least " } else { "" };
    (ahead > 0).then(|| {
        format!("this node holds later releases than etcd in {most}{ahead} configs; an administrator has to decide")
    })
}
