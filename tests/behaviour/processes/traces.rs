//! Traces show where the time of a request goes, and no published content. No request waits for the collector.

use std::collections::HashMap;

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use reqwest::redirect::Policy;
use serde_json::{Value as Json, json};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use super::node::{Installation, Node, prepare};
use crate::support::LONG;

on_both! {
    trace_of_publish_reaches_from_request_to_channel
    traces_contain_no_content_of_requests
}

/// Text that must not be in a trace.
const CANARY: &str = "canary";
/// Trace and span of the caller, which is not sampled.
const CALLER: (&str, &str) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");

/// A collector that keeps all received spans.
struct Collector {
    url: String,
    received: mpsc::UnboundedReceiver<(Option<String>, ExportTraceServiceRequest)>,
    spans: Vec<Span>,
    /// All received requests, as text.
    all: String,
    authorized: bool,
}

struct Sink(mpsc::UnboundedSender<(Option<String>, ExportTraceServiceRequest)>);

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let key = request.metadata().get("api-key").map(|key| key.to_str().unwrap().to_owned());
        let _ = self.0.send((key, request.into_inner()));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> Self {
        let (sink, told) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(TraceServiceServer::new(Sink(sink)));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        Self { url, received: told, spans: Vec::new(), all: String::new(), authorized: true }
    }

    fn take(&mut self, (key, request): (Option<String>, ExportTraceServiceRequest)) {
        self.authorized &= key.as_deref() == Some("open sesame");
        self.all += &format!("{request:?}");
        for of in request.resource_spans {
            let resource = attributes(&of.resource.unwrap().attributes);
            assert_eq!(
                (resource["service.name"].as_str(), resource["service.instance.id"].as_str()),
                ("trimtab", "n1")
            );
            self.spans.extend(of.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }

    /// Waits for the span of the request with this id.
    async fn wait_for_request(&mut self, id: &str) {
        while !self.spans.iter().any(|span| attribute(span, "request.id") == id) {
            let told = timeout(LONG, self.received.recv()).await;
            self.take(told.unwrap_or_else(|_| panic!("no span of {id}")).unwrap());
        }
    }

    /// Takes all spans that a server sent before it ended.
    fn take_all(&mut self) {
        while let Ok(told) = self.received.try_recv() {
            self.take(told);
        }
    }

    /// Returns the span of the request with this id.
    fn request(&self, id: &str) -> &Span {
        self.spans.iter().find(|span| attribute(span, "request.id") == id).unwrap_or_else(|| panic!("no request {id}"))
    }

    /// Returns the only child span with this name.
    fn under(&self, parent: &Span, name: &str) -> &Span {
        let found: Vec<&Span> = self.below(parent).filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name} under {}: {:?}", parent.name, self.names_below(parent));
        assert!(found[0].start_time_unix_nano >= parent.start_time_unix_nano);
        found[0]
    }

    fn below<'a>(&'a self, parent: &Span) -> impl Iterator<Item = &'a Span> {
        self.spans.iter().filter(move |span| span.trace_id == parent.trace_id && span.parent_span_id == parent.span_id)
    }

    fn names_below(&self, parent: &Span) -> Vec<&str> {
        self.below(parent).map(|span| span.name.as_str()).collect()
    }
}

fn attributes(pairs: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|v| v.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.clone(), text(&pair.value))).collect()
}

fn attribute(span: &Span, name: &str) -> String {
    attributes(&span.attributes).remove(name).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

/// Starts a server that sends traces to this collector, and prepares it for publishes.
async fn start_with_collector(place: Installation, url: &str) -> (Installation, Node, reqwest::Client, String) {
    let place = place
        .with_setting("TRIMTAB_NODE", "n1")
        .with_setting("TRIMTAB_OTLP__ENDPOINT", url)
        .with_setting("TRIMTAB_OTLP__HEADERS", "api-key=open sesame");
    let token = place.token().await;
    let node = place.start().await;
    let client = reqwest::Client::builder().timeout(LONG).redirect(Policy::none()).build().unwrap();
    prepare(&node.url(), &client, &token).await;
    (place, node, client, token)
}

async fn change(node: &Node, client: &reqwest::Client, token: &str, id: &str, edits: Json) -> u16 {
    let body = json!({"message": "canary-message", "edits": [edits], "publish": true});
    let request = client.post(format!("{}/api/v1/changes", node.url())).bearer_auth(token).json(&body);
    let traced = request.header("traceparent", format!("00-{}-{}-00", CALLER.0, CALLER.1)).header("x-request-id", id);
    traced.header("tracestate", "vendor=canary-state").send().await.unwrap().status().as_u16()
}

async fn trace_of_publish_reaches_from_request_to_channel(place: Installation) {
    let cluster = place.has_etcd();
    let mut collector = Collector::start().await;
    let (_place, node, client, token) = start_with_collector(place, &collector.url).await;
    let edits = json!({"config": "dev/shop/application", "set": {"canary-key": "canary-value"}});
    assert_eq!(change(&node, &client, &token, "publish-1", edits).await, 200);
    collector.wait_for_request("publish-1").await;
    node.shut_down().await;
    collector.take_all();
    assert!(collector.authorized, "every batch has the configured headers");

    let request = collector.request("publish-1");
    assert_eq!(request.name, "POST /api/v1/changes");
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (CALLER.0.to_owned(), CALLER.1.to_owned()));
    assert_eq!((request.kind(), request.trace_state.as_str()), (SpanKind::Server, ""));
    assert_eq!(attribute(request, "http.request.method"), "POST");
    assert_eq!(attribute(request, "http.response.status_code"), "200");
    assert!(!failed(request));

    let publish = collector.under(request, "save and publish");
    let transaction = collector.under(publish, "transaction");
    assert_eq!(attribute(transaction, "db.system.name"), if cluster { "mysql" } else { "sqlite" });
    let commit = collector.under(transaction, "sql commit");
    let told = attribute(commit, "db.query.summary");
    assert!(told.contains("insert releases") && told.ends_with("commit"), "{told}");
    assert!(commit.end_time_unix_nano <= transaction.end_time_unix_nano);
    collector.under(publish, "wait for connection");
    collector.under(request, "wait for delivery");

    let delivery = collector.under(publish, "deliver");
    assert!(delivery.start_time_unix_nano >= commit.start_time_unix_nano);
    assert_eq!(
        (attribute(delivery, "trimtab.env"), attribute(delivery, "trimtab.releases")),
        ("dev".into(), "1".into())
    );
    let lock = collector.under(publish, "lock");
    assert!(lock.end_time_unix_nano <= delivery.start_time_unix_nano);
    assert_eq!(collector.below(delivery).any(|span| span.name == "etcd"), cluster);
    assert_eq!(collector.below(lock).any(|span| span.name == "etcd"), cluster);
}

async fn traces_contain_no_content_of_requests(place: Installation) {
    let mut collector = Collector::start().await;
    let (_place, node, client, token) = start_with_collector(place, &collector.url).await;
    let at = |path: &str| format!("{}{path}", node.url());
    let edits = json!({"config": "dev/shop/application", "set": {"canary-key": "canary-value"}});
    assert_eq!(change(&node, &client, &token, "kv", edits.clone()).await, 200);
    assert_eq!(change(&node, &client, &token, "refused", edits).await, 409, "the content is live already");
    change(&node, &client, &token, "text", json!({"config": "dev/shop/application", "text": "canary-text"})).await;
    assert_eq!(change(&node, &client, "canary-token", "unknown", json!({})).await, 401);
    let method = reqwest::Method::from_bytes(b"CANARY").unwrap();
    for (id, request) in [
        (
            "form",
            client
                .post(at("/fn/log-in?a=canary-query"))
                .form(&[("name", "canary-name"), ("password", "canary-password")]),
        ),
        ("function", client.post(at("/fn/canary-function")).form(&[("a", "canary")])),
        ("page", client.get(at("/setup/canary-code")).header("cookie", "trimtab=canary-session")),
        ("config", client.get(at("/apps/canary-app?q=canary")).header("referer", at("/canary"))),
        ("nowhere", client.get(at("/canary-page"))),
        ("endpoint", client.get(at("/api/v1/canary-endpoint")).bearer_auth(&token)),
        ("method", client.request(method, at("/api/v1/changes")).bearer_auth(&token)),
        ("read", client.get(at("/api/v1/configs/dev/shop/application")).bearer_auth(&token)),
        ("probe", client.get(at("/readyz"))),
    ] {
        let request = request.header("x-request-id", id).header("x-instance", "canary-instance");
        request.header("accept", "text/html").header("traceparent", "canary").send().await.unwrap();
    }
    node.shut_down().await;
    collector.take_all();

    let named = |id: &str| collector.request(id).name.as_str();
    assert_eq!((named("kv"), named("form")), ("POST /api/v1/changes", "POST /fn/log-in"));
    assert_eq!((named("function"), named("page"), named("nowhere")), ("POST", "GET /setup/{code}", "GET"));
    assert_eq!((named("endpoint"), named("method")), ("GET /api/v1/{*unknown}", "_OTHER /api/v1/changes"));
    let refused = collector.under(collector.request("refused"), "save and publish");
    assert!(failed(refused) && attribute(refused, "error.type") == "state");
    for id in ["read", "probe"] {
        assert!(!collector.spans.iter().any(|span| attribute(span, "request.id") == id), "{id} has a span");
    }
    let roots = collector.spans.iter().filter(|span| span.parent_span_id.is_empty());
    assert!(roots.clone().all(|span| span.kind() == SpanKind::Server), "all root spans are requests");
    assert!(roots.count() > 8);
    for secret in [CANARY.to_owned(), hex(CANARY.as_bytes()), token] {
        let found = collector.all.to_lowercase().find(&secret.to_lowercase());
        assert_eq!(found.map(|at| &collector.all[at.saturating_sub(200)..at + 20]), None, "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_trace_is_sent_with_sampling_off() {
    let mut collector = Collector::start().await;
    let place = Installation::embedded().with_setting("TRIMTAB_OTLP__SAMPLE", "0");
    let (_place, node, client, token) = start_with_collector(place, &collector.url).await;
    let edits = json!({"config": "dev/shop/application", "set": {"a": "1"}});
    assert_eq!(change(&node, &client, &token, "publish", edits).await, 200);
    node.shut_down().await;
    collector.take_all();
    assert!(collector.spans.is_empty(), "{:?}", collector.spans);
}

#[tokio::test(flavor = "multi_thread")]
async fn caller_does_not_decide_about_sampling() {
    let mut collector = Collector::start().await;
    let place = Installation::embedded().with_setting("TRIMTAB_OTLP__SAMPLE", "0.0001");
    let (_place, node, client, _) = start_with_collector(place, &collector.url).await;
    for n in 1..=100 {
        // A trace id that a sampler by trace id would always choose.
        let traced = format!("00-{n:016x}{:016x}-{}-01", 0, CALLER.1);
        client.get(format!("{}/login", node.url())).header("traceparent", traced).send().await.unwrap();
    }
    node.shut_down().await;
    collector.take_all();
    let told = collector.spans.iter().filter(|span| span.name == "GET /login").count();
    assert!(told < 5, "{told} of 100");
}

const PUBLISHES: usize = 30;

/// Publishes [`PUBLISHES`] times.
async fn publish_all(node: &Node, client: &reqwest::Client, token: &str) {
    for n in 0..PUBLISHES {
        let edits = json!({"config": "dev/shop/application", "set": {"a": n.to_string()}});
        assert_eq!(change(node, client, token, &format!("publish-{n}"), edits).await, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hung_collector_delays_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (place, node, client, token) = start_with_collector(Installation::embedded().with_log(), &url).await;
    // The collector accepts connections and never answers. Each batch makes a new one after the timeout of the last.
    let first = timeout(LONG, listener.accept()).await.expect("the server connects to the collector").unwrap();
    let mut batches = vec![first];
    tokio::select! {
        () = publish_all(&node, &client, &token) => {}
        () = async { loop { batches.push(listener.accept().await.unwrap()) } } => {}
    }
    assert!(batches.len() < PUBLISHES, "publishes wait for the collector");
    node.shut_down().await;
    let logged = place.logged();
    assert!(!logged.contains("cut off") && !logged.contains("open sesame"), "{logged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_collector_is_logged_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (place, node, client, token) = start_with_collector(Installation::embedded().with_log(), &url).await;
    publish_all(&node, &client, &token).await;
    node.shut_down().await;
    let logged = place.logged();
    assert_eq!(logged.matches("could not send traces to the collector").count(), 1, "{logged}");
    assert!(!logged.contains("open sesame") && !logged.contains("trimtab::span"), "{logged}");
}
