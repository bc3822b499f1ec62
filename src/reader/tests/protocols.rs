//! Tests of the shared part with other protocols than Trimtab's own: many configs in one long poll, answers without
//! documents, and no "not modified" or "not found".

use axum::{body::to_bytes, http::HeaderValue};
use futures::FutureExt;

use super::*;
use crate::{
    auth::tokens::Grant,
    http::{coding::AcceptedCodings, problem::HttpProblem},
    reader::{
        answer::{Coding, Layout, Render},
        poll::{ClientRelease, ReadRequest, ReadStep, RequestedConfig},
        snapshot::{Shape, Snapshot},
    },
};

/// Answers a long poll with the configs and numbers of new releases.
struct Notifications;

impl Render for Notifications {
    fn layout<'a>(&'a self, releases: &'a [Arc<Snapshot>]) -> Layout<'a> {
        let line = |release: &Arc<Snapshot>| format!("{} {}\n", release.entry.config, release.seq());
        let text: String = releases.iter().map(line).collect();
        Layout { begin: text.into(), releases: &[], shape: Shape::Document, end: Bytes::new() }
    }

    fn full(&self, _: &[Arc<Snapshot>], body: Body, _: Coding, _: Option<HeaderValue>) -> Response {
        Response::new(body)
    }

    fn unchanged(&self, _: &[Arc<Snapshot>], _: Coding, _: Option<HeaderValue>) -> Option<Response> {
        Some(not_modified())
    }

    fn absent(&self, _: HttpProblem) -> Result<Response, HttpProblem> {
        Ok(not_modified())
    }
}

/// Answers with an array of documents, even if nothing is new.
struct Documents;

impl Render for Documents {
    fn layout<'a>(&'a self, releases: &'a [Arc<Snapshot>]) -> Layout<'a> {
        Layout { begin: Bytes::from_static(b"["), releases, shape: Shape::Document, end: Bytes::from_static(b"]") }
    }

    fn full(&self, _: &[Arc<Snapshot>], body: Body, _: Coding, _: Option<HeaderValue>) -> Response {
        Response::new(body)
    }

    fn unchanged(&self, _: &[Arc<Snapshot>], _: Coding, _: Option<HeaderValue>) -> Option<Response> {
        None
    }
}

fn not_modified() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

const A: &str = "prod/shop/a";
const B: &str = "prod/shop/b";

impl TestReader {
    fn grant(&self) -> Grant {
        self.reader.tokens.authenticate(&self.token, now()).unwrap()
    }

    /// Polls for releases of A and B above these numbers.
    fn poll<R: Render>(&self, after: [u64; 2], wait: Option<Duration>, render: R) -> Result<ReadStep<R>, HttpProblem> {
        let (grant, request) = (self.grant(), Request::new(Body::empty()));
        let accepted = AcceptedCodings::parse(&HeaderMap::new()).unwrap();
        let mut wanted = [(A, after[0]), (B, after[1])].map(|(key, after)| RequestedConfig {
            key,
            held: self.reader.open(&grant, key).unwrap(),
            has: ClientRelease::Release(after),
        });
        let poll = ReadRequest { grant, instance: None, accepted, wait, render };
        self.reader.poll(&request, &mut wanted, poll, now())
    }
}

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn one_poll_waits_for_many_configs_and_answers_with_the_new_ones() {
    let test = TestReader::new();
    test.publish(A, 3);
    test.publish(B, 5);
    let wait = Some(Duration::from_secs(60));
    let Ok(ReadStep::Answer(at_once)) = test.poll([2, 4], wait, Notifications) else { panic!("both are new") };
    assert_eq!(text(at_once).await, "prod/shop/a 3\nprod/shop/b 5\n");
    let Ok(step) = test.poll([3, 5], wait, Notifications) else { panic!("it waits") };
    let mut answer = std::pin::pin!(step.finish(&test.reader));
    assert!(answer.as_mut().now_or_never().is_none());
    test.publish(B, 6);
    let Ok(answer) = answer.await else { panic!("it is answered") };
    assert_eq!(text(answer).await, "prod/shop/b 6\n");
}

#[tokio::test]
async fn a_poll_without_news_ends_as_its_protocol_says() {
    let test = TestReader::new();
    let wait = Some(Duration::from_millis(10));
    // Neither config has a release.
    let Ok(step) = test.poll([0, 0], wait, Notifications) else { panic!("it waits") };
    assert_eq!(step.finish(&test.reader).await.map(|answer| answer.status()).ok(), Some(StatusCode::NOT_MODIFIED));
    test.publish(A, 3);
    test.publish(B, 5);
    let Ok(step) = test.poll([3, 5], wait, Documents) else { panic!("it waits") };
    let Ok(answer) = step.finish(&test.reader).await else { panic!("it is answered") };
    assert_eq!(text(answer).await, r#"[{"n":"3"},{"n":"5"}]"#);
}
