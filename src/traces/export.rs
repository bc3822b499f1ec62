//! Export of spans to a collector: OTLP over gRPC, in the background.
//!
//! OpenTelemetry provides the queue, its thread and the protocol. Two things are added here. A batch has one deadline
//! for connecting and the whole answer, which neither the batch processor nor the exporter has. A failing collector is
//! logged once a minute and not with every batch.

use std::{fmt, sync::Arc, time::Duration};

use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithTonicConfig};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanExporter as Export,
    },
};
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::spawn_blocking,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue},
    transport::{ClientTlsConfig, Endpoint},
};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{Layer, Registry, filter::FilterFn};

use super::TARGET;

/// Maximum number of spans that wait to be sent.
const MAX_QUEUED_SPANS: usize = 2048;
/// Maximum number of spans in one batch.
const MAX_BATCH_SPANS: usize = 512;
/// Maximum time that a span waits for its batch to fill.
const MAX_BATCH_DELAY: Duration = Duration::from_secs(1);
/// Timeout of a batch, including the connection.
const BATCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout for the last spans at the end of the process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// Minimum interval between two log lines about lost spans.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Settings of the export.
#[derive(Clone)]
pub struct Collector {
    /// Address of the collector, from [`endpoint`].
    pub endpoint: Endpoint,
    /// Headers that the collector requires, from [`headers`]. They may be secret.
    pub headers: MetadataMap,
    /// Fraction of requests that are sampled, from 0 to 1.
    pub sample: f64,
    /// Name of this node.
    pub node: String,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("endpoint", &self.endpoint.uri()).finish_non_exhaustive()
    }
}

/// Reads the address of a collector.
///
/// # Errors
/// Fails for a malformed address. The message leaves out the address, because it may contain a password.
pub fn endpoint(text: &str) -> Result<Endpoint, String> {
    const FORM: &str = "must be an address such as http://collector:4317 (OTLP over gRPC)";
    let secure = text.starts_with("https://");
    if !secure && !text.starts_with("http://") {
        return Err(FORM.into());
    }
    let endpoint = Endpoint::from_shared(text.to_owned()).map_err(|_| FORM)?.connect_timeout(BATCH_TIMEOUT);
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

/// Reads headers in the form `name=value, name=value`.
///
/// # Errors
/// Fails for a malformed header. The message contains no value, because values may be secret.
pub fn headers(text: &str) -> Result<MetadataMap, String> {
    let mut headers = MetadataMap::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or("must be name=value, comma-separated")?;
        let name = name.trim().to_ascii_lowercase();
        let name: MetadataKey<Ascii> = name.parse().map_err(|_| "contains an invalid header name")?;
        let value: MetadataValue<Ascii> =
            value.trim().parse().map_err(|_| format!("the value of header {} is invalid", name.as_str()))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The export of spans while the process runs.
#[derive(Debug)]
pub struct TraceExport {
    provider: SdkTracerProvider,
    give_up: CancellationToken,
}

impl TraceExport {
    /// Sends the remaining spans, for at most [`FLUSH_TIMEOUT`].
    pub async fn end(self) {
        // Blocks until the queue is empty. After `give_up`, each batch ends at once, so the thread ends too.
        let mut flushed = spawn_blocking(move || self.provider.shutdown_with_timeout(BATCH_TIMEOUT));
        if timeout(FLUSH_TIMEOUT, &mut flushed).await.is_err() {
            self.give_up.cancel();
            let _ = flushed.await;
        }
    }
}

/// Starts the export of spans to a collector, which may be unreachable. The tracer is for [`layer`].
///
/// # Panics
/// Panics outside of a Tokio runtime.
pub fn start(collector: &Collector) -> (SdkTracer, TraceExport) {
    super::set_sample_rate(collector.sample);
    let resource = Resource::builder_empty()
        .with_service_name("trimtab")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", collector.node.clone()))
        .build();
    let give_up = CancellationToken::new();
    let queue = BatchConfigBuilder::default()
        .with_max_queue_size(MAX_QUEUED_SPANS)
        .with_max_export_batch_size(MAX_BATCH_SPANS)
        .with_scheduled_delay(MAX_BATCH_DELAY)
        .build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::new(Exporter::new(collector.clone(), give_up.clone()), queue))
        // `request` decides about sampling. A sampler by trace id would let the caller decide.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource)
        .build();
    (provider.tracer("trimtab"), TraceExport { provider, give_up })
}

/// Returns a layer that passes the spans of [`super`], and nothing else, to the tracer.
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

/// OTLP exporter with a deadline for each batch and log lines about lost batches.
#[derive(Debug)]
struct Exporter {
    collector: Collector,
    resource: Resource,
    connection: Mutex<Arc<SpanExporter>>,
    give_up: CancellationToken,
    deadline: Duration,
    /// Runtime of the connection. The batch processor's thread is outside of it.
    runtime: Handle,
    lost: Mutex<Lost>,
}

#[derive(Debug, Default)]
struct Lost {
    /// Number of lost spans since the last log line.
    spans: usize,
    logged: Option<Instant>,
}

impl Exporter {
    fn new(collector: Collector, give_up: CancellationToken) -> Self {
        Self {
            connection: Mutex::new(Arc::new(connect(&collector))),
            collector,
            resource: Resource::builder_empty().build(),
            give_up,
            deadline: BATCH_TIMEOUT,
            runtime: Handle::current(),
            lost: Mutex::default(),
        }
    }

    /// Replaces the connection, because a half-open one would lose the next batches, too.
    fn reconnect(&self) {
        let _runtime = self.runtime.enter();
        let mut exporter = connect(&self.collector);
        exporter.set_resource(&self.resource);
        *self.connection.lock() = Arc::new(exporter);
    }

    fn report(&self, error: &OTelSdkError, spans: usize) {
        let mut lost = self.lost.lock();
        lost.spans += spans;
        if lost.logged.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
            tracing::warn!(%error, spans.lost = lost.spans, "could not send traces to the collector");
            *lost = Lost { spans: 0, logged: Some(Instant::now()) };
        }
    }
}

impl Export for Exporter {
    /// Returns `Ok` for a lost batch, too: it is reported here, and the batch processor would log each of them.
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        batch.iter_mut().for_each(name_by_route);
        let connection = self.connection.lock().clone();
        let sent = {
            let _runtime = self.runtime.enter();
            timeout(self.deadline, connection.export(batch))
        };
        let error = match self.give_up.run_until_cancelled(sent).await {
            Some(Ok(Ok(()))) => return Ok(()),
            Some(Ok(Err(error))) => error,
            Some(Err(_)) => OTelSdkError::Timeout(self.deadline),
            None => OTelSdkError::Timeout(FLUSH_TIMEOUT),
        };
        self.reconnect();
        self.report(&error, spans);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
        self.reconnect();
    }
}

fn connect(collector: &Collector) -> SpanExporter {
    SpanExporter::builder()
        .with_tonic()
        .with_channel(collector.endpoint.connect_lazy())
        .with_metadata(collector.headers.clone())
        .with_retry_policy(RetryPolicy::disabled())
        .build()
        .expect("building an exporter over an existing channel cannot fail")
}

/// Adds the route to the name of a request's span. The route is known only after the answer.
fn name_by_route(span: &mut SpanData) {
    if let Some(route) = span.attributes.iter().find(|pair| pair.key.as_str() == "http.route") {
        span.name = format!("{} {}", span.name, route.value).into();
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::Tracer;
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    };
    use tokio::{net::TcpListener, sync::mpsc};
    use tonic::transport::{Server, server::TcpIncoming};

    use super::*;

    #[test]
    fn endpoint_accepts_only_server_addresses() {
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
    fn headers_are_read_and_errors_contain_no_value() {
        let read = headers("Authorization=Bearer a=b, x-team=one,").unwrap();
        assert_eq!(read.get("authorization").unwrap(), "Bearer a=b");
        assert_eq!(read.get("x-team").unwrap(), "one");
        assert!(headers("").unwrap().is_empty());
        for wrong in ["canary", "two words=canary", "a=canary\u{1}"] {
            assert!(!headers(wrong).unwrap_err().contains("canary"), "{wrong}");
        }
    }

    /// A collector that reports the names of the spans that it gets.
    struct Sink(mpsc::UnboundedSender<Vec<String>>);

    #[tonic::async_trait]
    impl TraceService for Sink {
        async fn export(
            &self,
            request: tonic::Request<ExportTraceServiceRequest>,
        ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
            let scopes = request.into_inner().resource_spans.into_iter().flat_map(|of| of.scope_spans);
            self.0.send(scopes.flat_map(|of| of.spans).map(|span| span.name).collect()).unwrap();
            Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
        }
    }

    fn request_span() -> SpanData {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let span = tracer.span_builder("POST").with_attributes([KeyValue::new("http.route", "/a/{b}")]);
        span.start(&tracer).exported_data().expect("the span is recorded")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn batch_on_hung_connection_times_out_and_next_batch_reconnects() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = Collector {
            endpoint: endpoint(&url).unwrap(),
            headers: MetadataMap::new(),
            sample: 1.0,
            node: "n1".to_owned(),
        };
        let mut exporter = Exporter::new(collector, CancellationToken::new());
        exporter.deadline = Duration::from_millis(200);
        let (_, hung) = tokio::join!(exporter.export(vec![request_span()]), listener.accept());
        assert!(exporter.lost.lock().logged.is_some());

        let (sink, mut names) = mpsc::unbounded_channel();
        let server = Server::builder().add_service(TraceServiceServer::new(Sink(sink)));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        exporter.deadline = BATCH_TIMEOUT;
        exporter.export(vec![request_span()]).await.unwrap();
        assert_eq!(names.recv().await.unwrap(), ["POST /a/{b}"], "the name of a request's span includes its route");
        assert_eq!(exporter.lost.lock().spans, 0);
        drop(hung);
    }
}
