//! `/metrics`: the counters of all parts, and what is looked up whenever somebody asks. No SQL and no etcd.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use parking_lot::Mutex;

use crate::{
    channel::{AHEAD, Channel},
    http::method_name,
    metrics::{self, Connections, EnvDue, Form, Part, Process, Registry, Requests},
    reader::Reader,
    service::{Dispatch, now},
    storage::Db,
    tasks::TaskDriver,
};

/// All counters of this process.
#[derive(Debug)]
pub struct Scrape {
    registry: Registry,
    /// One look at a time, so that no text has half of another one's.
    state: Mutex<metrics::State>,
    process: Process,
    /// Of a console.
    dispatch: Option<Arc<Dispatch>>,
    reader: Arc<Reader>,
    /// What is no read.
    pub requests: Requests,
    /// Connections.
    pub connections: Connections,
}

impl Scrape {
    /// Registers what all parts count. A reader node is no console: it has no database and delivers nothing.
    #[must_use]
    pub fn new(
        console: Option<(&Db, Arc<Dispatch>)>,
        channel: &Channel,
        reader: Arc<Reader>,
        tasks: &TaskDriver,
    ) -> Self {
        let mut registry = Registry::default();
        let (state, process) = (metrics::State::default(), Process::new());
        let (requests, connections) = (Requests::default(), Connections::default());
        if let Some((db, dispatch)) = &console {
            dispatch.status.meter.register(&mut registry);
            db.meter().register(&mut registry);
        }
        state.register(&mut registry);
        channel.meter().register(&mut registry);
        reader.shelf.meter.register(&mut registry);
        reader.meter.register(&mut registry);
        requests.register(&mut registry);
        connections.register(&mut registry);
        process.register(&mut registry);
        tasks.metrics().register(&mut registry);
        let dispatch = console.map(|(_, dispatch)| dispatch);
        Self { registry, state: Mutex::new(state), process, dispatch, reader, requests, connections }
    }

    /// What Prometheus reads.
    #[must_use]
    pub fn text(&self, form: Form) -> String {
        let state = self.state.lock();
        let now = now();
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        if let Some(dispatch) = &self.dispatch {
            state.set_due(dispatch.status.outbox().into_iter().map(|(env, releases, since)| EnvDue {
                env: env.to_string(),
                releases,
                oldest_seconds: now.ms_since(since).max(0) / 1000,
            }));
            let drifts = dispatch.status.drifts();
            let of = |kind: &'static str| (kind, drifts.iter().filter(|drift| drift.kind.name() == kind).count());
            state.set_drifts(["foreign", "ahead", "held"].map(of));
            state.late.set(count(dispatch.status.late().len()));
        }
        state.ahead.set(count(self.reader.shelf.ahead(AHEAD).len()));
        state.damaged.set(count(self.reader.shelf.damaged()));
        state.instances.set(count(self.reader.instances.total()));
        state.stale.set(self.reader.shelf.stale_since().map_or(0, |since| now.ms_since(since).max(0) / 1000));
        self.process.look();
        self.registry.text(form)
    }
}

/// Counts the answer to a request that is no read.
pub async fn count(State(scrape): State<Arc<Scrape>>, request: Request, next: Next) -> Response {
    let part = if request.uri().path().starts_with("/api/") { Part::Api } else { Part::Console };
    let method = method_name(request.method());
    let began = Instant::now();
    let response = next.run(request).await;
    scrape.requests.answered(part, method, response.status().as_u16(), began.elapsed());
    response
}
