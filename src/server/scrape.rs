//! `/metrics`: the counters of all parts, and gauges that each scrape updates. A scrape uses neither SQL nor etcd.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use parking_lot::Mutex;

use crate::{
    channel::{Channel, MAX_AHEAD_RELEASES},
    http::method_name,
    metrics::{self, ConnectionMetrics, EnvOutbox, ProcessMetrics, Registry, RequestMetrics, ServerPart, TextFormat},
    reader::Reader,
    service::{Dispatch, now},
    storage::Db,
    tasks::TaskDriver,
};

/// The metrics of this process.
#[derive(Debug)]
pub struct Scrape {
    registry: Registry,
    /// Gauges that a scrape sets. Scrapes run one at a time, so that none mixes with another.
    state: Mutex<metrics::StateMetrics>,
    process: ProcessMetrics,
    /// The delivery status. `None` on a reader node.
    dispatch: Option<Arc<Dispatch>>,
    reader: Arc<Reader>,
    /// Metrics of all requests except reads.
    pub requests: RequestMetrics,
    /// Metrics of the connections.
    pub connections: ConnectionMetrics,
}

impl Scrape {
    /// Registers the metrics of all parts. A reader node has neither a database nor deliveries, so `console` is `None`.
    pub fn new(
        console: Option<(&Db, Arc<Dispatch>)>,
        channel: &Channel,
        reader: Arc<Reader>,
        tasks: &TaskDriver,
    ) -> Self {
        let mut registry = Registry::default();
        let (state, process) = (metrics::StateMetrics::default(), ProcessMetrics::new());
        let (requests, connections) = (RequestMetrics::default(), ConnectionMetrics::default());
        if let Some((db, dispatch)) = &console {
            dispatch.status.meter.register(&mut registry);
            db.meter().register(&mut registry);
        }
        state.register(&mut registry);
        channel.meter().register(&mut registry);
        reader.store.meter.register(&mut registry);
        reader.meter.register(&mut registry);
        requests.register(&mut registry);
        connections.register(&mut registry);
        process.register(&mut registry);
        tasks.metrics().register(&mut registry);
        let dispatch = console.map(|(_, dispatch)| dispatch);
        Self { registry, state: Mutex::new(state), process, dispatch, reader, requests, connections }
    }

    /// Updates the gauges and returns all metrics as text for Prometheus.
    pub fn text(&self, form: TextFormat) -> String {
        let state = self.state.lock();
        let now = now();
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        if let Some(dispatch) = &self.dispatch {
            state.set_outbox(dispatch.status.outbox().into_iter().map(|(env, releases, since)| EnvOutbox {
                env: env.to_string(),
                releases,
                oldest_seconds: now.ms_since(since).max(0) / 1000,
            }));
            let drifts = dispatch.status.drifts();
            let of = |kind: &'static str| (kind, drifts.iter().filter(|drift| drift.kind.name() == kind).count());
            state.set_drifts(["foreign", "ahead", "held"].map(of));
            state.late.set(count(dispatch.status.late().len()));
        }
        state.ahead.set(count(self.reader.store.ahead(MAX_AHEAD_RELEASES).len()));
        state.damaged.set(count(self.reader.store.damaged()));
        state.instances.set(count(self.reader.instances.total()));
        state.stale.set(self.reader.store.stale_since().map_or(0, |since| now.ms_since(since).max(0) / 1000));
        self.process.update();
        self.registry.text(form)
    }
}

/// Counts and times a request that is not a read. For `axum::middleware::from_fn_with_state`.
pub async fn count(State(scrape): State<Arc<Scrape>>, request: Request, next: Next) -> Response {
    let part = if request.uri().path().starts_with("/api/") { ServerPart::Api } else { ServerPart::Console };
    let method = method_name(request.method());
    let began = Instant::now();
    let response = next.run(request).await;
    scrape.requests.answered(part, method, response.status().as_u16(), began.elapsed());
    response
}
