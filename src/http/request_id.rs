//! Request ids. The id of a request is in its answer and in its log lines, so that reports can be traced.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};

use tracing::Instrument;

use super::problem::HttpProblem;

/// `X-Request-Id`, in requests and in answers.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: the client's, if it is valid, or else a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Returns the id of a request: the one that [`layer`] stored, or else the client's, or else a new one.
    pub fn of<B>(request: &axum::http::Request<B>) -> Self {
        Self::given(request).unwrap_or_else(Self::new)
    }

    /// Returns the id that [`layer`] stored, or else the client's if it is valid.
    pub fn given<B>(request: &axum::http::Request<B>) -> Option<Self> {
        if let Some(id) = request.extensions().get::<Self>() {
            return Some(id.clone());
        }
        let given = request.headers().get(HEADER).filter(|id| is_valid(id.as_bytes()))?;
        // Copied: the value is a slice of the connection's read buffer and would keep that alive.
        HeaderValue::from_bytes(given.as_bytes()).ok().map(Self)
    }

    /// Returns a random id.
    #[expect(clippy::new_without_default, reason = "each is different")]
    pub fn new() -> Self {
        let id = format!("{:016x}", rand::random::<u64>());
        Self(HeaderValue::try_from(id).expect("hexadecimal digits are a header value"))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Writes the id into the header of an answer, and into the body of an [`HttpProblem`].
    pub fn add_to(self, response: &mut Response) {
        if let Some(problem) = response.extensions_mut().remove::<HttpProblem>() {
            *response.body_mut() = problem.body(Some(self.as_str())).into();
        }
        response.headers_mut().entry(HEADER).or_insert(self.0);
    }
}

/// Returns the answer to a read. A refusal always has an id. A success has one only if the request had, because there
/// may be a hundred thousand per second and none is logged.
pub fn answer(given: Option<RequestId>, result: Result<Response, HttpProblem>) -> Response {
    answer_with_refusal(given, result, IntoResponse::into_response)
}

/// Returns the answer to a read, like [`answer`]. `refuse` writes refusals.
pub fn answer_with_refusal(
    given: Option<RequestId>,
    result: Result<Response, HttpProblem>,
    refuse: impl FnOnce(HttpProblem) -> Response,
) -> Response {
    let id = if result.is_err() { Some(given.unwrap_or_else(RequestId::new)) } else { given };
    let mut response = result.unwrap_or_else(refuse);
    if let Some(id) = id {
        id.add_to(&mut response);
    }
    response
}

/// Gives each request an id, which is also in all its log lines. For `axum::middleware::from_fn`.
pub async fn layer(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    let span = tracing::info_span!("request", id = id.as_str(), method = %request.method(), path = loggable_path(request.uri().path()));
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).instrument(span).await;
    id.add_to(&mut response);
    response
}

/// Returns a path for the log, without the secret at the end of set-up links.
fn loggable_path(path: &str) -> &str {
    if path.starts_with("/setup/") { "/setup/…" } else { path }
}

/// Returns whether a client's id is safe in logs and answers: 1 to 64 of `A-Z a-z 0-9 . _ : -`.
fn is_valid(id: &[u8]) -> bool {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
    (1..=64).contains(&id.len()) && id.iter().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(given: &str) -> RequestId {
        RequestId::of(&axum::http::Request::builder().header(HEADER, given).body(()).unwrap())
    }

    #[test]
    fn valid_request_ids_are_kept_and_others_replaced() {
        for good in ["a", "7f1c-22", "0190e0b2-7c1e-7d3e-9c55-0242ac120002"] {
            assert_eq!(id_for(good).as_str(), good);
        }
        for odd in ["", "two words", "<script>", &"a".repeat(65)] {
            assert_eq!(id_for(odd).as_str().len(), 16, "{odd:?}");
        }
    }

    #[test]
    fn codes_of_set_up_links_are_not_logged() {
        assert_eq!((loggable_path("/setup/3fz9"), loggable_path("/apps/setup")), ("/setup/…", "/apps/setup"));
    }

    #[test]
    fn request_ids_are_unique() {
        let all: std::collections::HashSet<_> = (0..1000).map(|_| RequestId::new().as_str().to_owned()).collect();
        assert_eq!(all.len(), 1000);
    }
}
