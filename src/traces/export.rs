//! From this process to a collector: OTLP over gRPC, in the background.
//!
//! Not the batch processor and the exporter that OpenTelemetry brings: those have no deadline for a batch that is under
//! way, do not say what they dropped, and block at the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry::{Context, KeyValue, trace::TracerProvider};
use opentelemetry_proto::{
    tonic::collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    transform::{common::tonic::ResourceAttributesWithSchema, trace::tonic::group_spans_by_resource_and_scope},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Sampler, SdkTracer, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Extensions, Request,
    metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue},
    transport::{Channel, ClientTlsConfig, Endpoint},
};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{Layer, Registry, filter::FilterFn};

use super::TARGET;
use crate::domain::error::excerpt;

/// Spans that wait to be sent.
const QUEUE: usize = 2048;
/// Spans that are sent together.
const BATCH: usize = 512;
/// How long a span waits for others to go with.
const GATHER: Duration = Duration::from_secs(1);
/// How long the collector may take for a batch, with connecting.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long what is left may take at the end of the process.
const LAST: Duration = Duration::from_secs(2);
/// How often it is said that spans are lost.
const SAY: Duration = Duration::from_secs(60);

/// Where spans go.
#[derive(Clone)]
pub struct Collector {
    /// Its address: [`endpoint`].
    pub endpoint: Endpoint,
    /// What it wants to know of whoever sends; secret: [`headers`].
    pub headers: MetadataMap,
    /// Which part of all traces is told, from 0 to 1.
    pub sample: f64,
    /// What this node is called.
    pub node: String,
}

/// Reads the address of a collector.
///
/// # Errors
/// What is wrong, without the address: it may hold a password.
pub fn endpoint(text: &str) -> Result<Endpoint, String> {
    const FORM: &str = "must be an address as http://collector:4317 (OTLP over gRPC)";
    let secure = text.starts_with("https://");
    if !secure && !text.starts_with("http://") {
        return Err(FORM.into());
    }
    let endpoint = Endpoint::from_shared(text.to_owned()).map_err(|_| FORM)?.connect_timeout(DEADLINE);
    let uri = endpoint.uri();
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("holds a password; that belongs in otlp.headers".into());
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Err(FORM.into());
    }
    if !secure {
        return Ok(endpoint);
    }
    endpoint.tls_config(ClientTlsConfig::new().with_enabled_roots()).map_err(|e| e.to_string())
}

/// Reads `name=value, name=value`.
///
/// # Errors
/// What is wrong, without any value.
pub fn headers(text: &str) -> Result<MetadataMap, String> {
    let mut headers = MetadataMap::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or("must be name=value, comma-separated")?;
        let name = name.trim().to_ascii_lowercase();
        let name: MetadataKey<Ascii> = name.parse().map_err(|_| "holds a name that no header has")?;
        let value: MetadataValue<Ascii> =
            value.trim().parse().map_err(|_| format!("the value of {} is none of a header", name.as_str()))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// What goes on until the process ends.
#[derive(Debug)]
pub struct Exporting {
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Exporting {
    /// Sends what is left, as far as that is quick.
    pub async fn end(self) {
        self.end.cancel();
        let _ = timeout(LAST, self.task).await;
    }
}

/// Begins to send spans to a collector, which may be away. What makes them is given to [`layer`].
#[must_use]
pub fn start(collector: &Collector) -> (SdkTracer, Exporting) {
    super::collect(collector.sample);
    let (spans, queue) = mpsc::channel(QUEUE);
    let (lost, end) = (Arc::<AtomicU64>::default(), CancellationToken::new());
    let resource = Resource::builder_empty()
        .with_service_name("trimtab")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", collector.node.clone()))
        .build();
    let line = Line {
        client: TraceServiceClient::new(collector.endpoint.connect_lazy()),
        collector: collector.clone(),
        resource: (&resource).into(),
        lost: lost.clone(),
        said: None,
    };
    let provider = SdkTracerProvider::builder()
        .with_span_processor(Waiting { spans, lost })
        // What is told is decided where a request begins. By the number of its trace it would be for the caller to say.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource)
        .build();
    let task = tokio::spawn(line.run(queue, end.clone()));
    (provider.tracer("trimtab"), Exporting { end, task })
}

/// Turns the spans of [`super`] into those of a tracer, and nothing else.
pub fn layer(tracer: SdkTracer) -> impl Layer<Registry> + Send + Sync {
    let ours = FilterFn::new(|meta| meta.is_span() && meta.target() == TARGET);
    OpenTelemetryLayer::new(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_filter(ours.with_max_level_hint(tracing::Level::INFO))
}

/// Where spans that ended wait. Nobody waits for a place.
#[derive(Debug)]
struct Waiting {
    spans: mpsc::Sender<SpanData>,
    lost: Arc<AtomicU64>,
}

impl SpanProcessor for Waiting {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, mut span: SpanData) {
        // A request has its name by its route, which is known when it was answered.
        if let Some(route) = span.attributes.iter().find(|pair| pair.key.as_str() == "http.route") {
            span.name = format!("{} {}", span.name, route.value).into();
        }
        if self.spans.try_send(span).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The way to the collector.
struct Line {
    collector: Collector,
    client: TraceServiceClient<Channel>,
    resource: ResourceAttributesWithSchema,
    lost: Arc<AtomicU64>,
    /// When it was last said that spans are lost.
    said: Option<Instant>,
}

impl Line {
    async fn run(mut self, mut queue: mpsc::Receiver<SpanData>, end: CancellationToken) {
        let mut batch = Vec::new();
        while gather(&mut queue, &mut batch, &end).await {
            let spans = batch.len() as u64;
            if let Err((lost, why)) = self.send(std::mem::take(&mut batch)).await {
                self.lost.fetch_add(lost.min(spans), Ordering::Relaxed);
                self.say(&why);
            }
        }
    }

    /// Sends spans, once. Says how many did not arrive, and why.
    async fn send(&mut self, batch: Vec<SpanData>) -> Result<(), (u64, String)> {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let headers = self.collector.headers.clone();
        let request = Request::from_parts(headers, Extensions::default(), ExportTraceServiceRequest { resource_spans });
        let why = match timeout(DEADLINE, self.client.export(request)).await {
            Ok(Ok(answer)) => {
                let refused = answer.into_inner().partial_success.filter(|some| some.rejected_spans > 0);
                let some = |lost: i64| u64::try_from(lost).unwrap_or_default();
                return refused.map_or(Ok(()), |r| Err((some(r.rejected_spans), excerpt(&r.error_message))));
            }
            Ok(Err(status)) => format!("{}: {}", status.code(), excerpt(status.message())),
            Err(_) => format!("no answer in {DEADLINE:?}"),
        };
        // A connection that is half open would swallow what follows.
        self.client = TraceServiceClient::new(self.collector.endpoint.connect_lazy());
        Err((u64::MAX, why))
    }

    fn say(&mut self, why: &str) {
        if self.said.is_none_or(|said| said.elapsed() >= SAY) {
            self.said = Some(Instant::now());
            let lost = self.lost.swap(0, Ordering::Relaxed);
            tracing::warn!(error = why, spans.lost = lost, "the collector does not take traces");
        }
    }
}

/// Waits for spans and a little for more of them; at the end takes what is there. False when there are no more.
async fn gather(queue: &mut mpsc::Receiver<SpanData>, batch: &mut Vec<SpanData>, end: &CancellationToken) -> bool {
    let gathered = async {
        queue.recv_many(batch, BATCH).await;
        let until = Instant::now() + GATHER;
        while batch.len() < BATCH {
            let more = queue.recv_many(batch, BATCH - batch.len());
            if !matches!(timeout_at(until, more).await, Ok(1..)) {
                return;
            }
        }
    };
    if end.run_until_cancelled(gathered).await.is_none() {
        queue.close();
        while batch.len() < BATCH
            && let Ok(span) = queue.try_recv()
        {
            batch.push(span);
        }
    }
    !batch.is_empty()
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Tracer, TracerProvider};

    use super::*;

    #[test]
    fn an_address_is_one_of_a_server_and_nothing_more() {
        for good in ["http://127.0.0.1:4317", "http://collector:4317/", "https://otlp.example.org"] {
            assert!(endpoint(good).is_ok(), "{good}");
        }
        for wrong in
            ["collector:4317", "ftp://h:1", "http://h:4318/v1/traces", "http://", "two words", "http://h:1/?a=b"]
        {
            assert!(endpoint(wrong).unwrap_err().contains("gRPC"), "{wrong}");
        }
        let said = endpoint("http://me:canary@h:1").unwrap_err();
        assert!(said.contains("otlp.headers") && !said.contains("canary"), "{said}");
    }

    #[test]
    fn headers_are_names_and_values() {
        let read = headers("Authorization=Bearer a=b, x-team=one,").unwrap();
        assert_eq!(read.get("authorization").unwrap(), "Bearer a=b");
        assert_eq!(read.get("x-team").unwrap(), "one");
        assert!(headers("").unwrap().is_empty());
        for wrong in ["canary", "two words=canary", "a=canary\u{1}"] {
            assert!(!headers(wrong).unwrap_err().contains("canary"), "{wrong}");
        }
    }

    /// A queue, and a tracer whose spans go there.
    fn waiting(places: usize) -> (SdkTracer, mpsc::Receiver<SpanData>, Arc<AtomicU64>) {
        let (spans, queue) = mpsc::channel(places);
        let lost = Arc::<AtomicU64>::default();
        let provider = SdkTracerProvider::builder().with_span_processor(Waiting { spans, lost: lost.clone() }).build();
        (provider.tracer("test"), queue, lost)
    }

    #[tokio::test]
    async fn what_finds_no_place_is_lost_and_counted() {
        let (tracer, mut queue, lost) = waiting(2);
        (0..5).for_each(|_| drop(tracer.start("one")));
        assert_eq!((queue.len(), lost.load(Ordering::Relaxed)), (2, 3));
        let (mut batch, end) = (Vec::new(), CancellationToken::new());
        end.cancel();
        assert!(gather(&mut queue, &mut batch, &end).await);
        assert_eq!(batch.len(), 2);
        batch.clear();
        assert!(!gather(&mut queue, &mut batch, &end).await, "nothing more comes after the end");
    }

    #[tokio::test]
    async fn spans_wait_for_one_another_but_a_whole_batch_for_nobody() {
        let (tracer, mut queue, _) = waiting(QUEUE);
        let (mut batch, end) = (Vec::new(), CancellationToken::new());
        (0..3).for_each(|_| drop(tracer.start("one")));
        {
            let mut gathered = std::pin::pin!(gather(&mut queue, &mut batch, &end));
            assert!(futures::poll!(&mut gathered).is_pending());
            (0..BATCH).for_each(|_| drop(tracer.start("one")));
            assert!(futures::poll!(&mut gathered).is_ready());
        }
        assert_eq!((batch.len(), queue.len()), (BATCH, 3));
    }

    #[test]
    fn a_request_has_its_name_by_its_route() {
        let (tracer, mut queue, _) = waiting(1);
        drop(tracer.span_builder("POST").with_attributes([KeyValue::new("http.route", "/a/{b}")]).start(&tracer));
        assert_eq!(queue.try_recv().unwrap().name, "POST /a/{b}");
    }
}
