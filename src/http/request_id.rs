//! The number under which one request is found again: in its answer, in the log, in a report to an administrator.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};

use tracing::Instrument;

use super::problem::Problem;

/// `X-Request-Id`, in requests and in answers.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// A request's number: the caller's own where it is a sensible one, else made here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The number of this request: as [`layer`] noted it, else as its header says, else a new one.
    #[must_use]
    pub fn of<B>(request: &axum::http::Request<B>) -> Self {
        Self::given(request).unwrap_or_else(Self::new)
    }

    /// The number that this request came with; none when it came without a sensible one.
    #[must_use]
    pub fn given<B>(request: &axum::http::Request<B>) -> Option<Self> {
        if let Some(id) = request.extensions().get::<Self>() {
            return Some(id.clone());
        }
        let given = request.headers().get(HEADER).filter(|id| sensible(id.as_bytes()))?;
        // Copied: the value is a slice of the connection's read buffer and would keep that alive.
        HeaderValue::from_bytes(given.as_bytes()).ok().map(Self)
    }

    /// A number that no other request of this process has.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        static START: LazyLock<u64> = LazyLock::new(rand::random);
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut n = scatter(START.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)));
        let mut text = [0; 16];
        for digit in text.iter_mut().rev() {
            *digit = b"0123456789abcdef"[(n & 15) as usize];
            n >>= 4;
        }
        Self(HeaderValue::from_bytes(&text).expect("hexadecimal digits are a header value"))
    }

    /// The number as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Writes the number into an answer: into its header, and into its body when it is a [`Problem`].
    pub fn finish(self, response: &mut Response) {
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            *response.body_mut() = problem.body(Some(self.as_str())).into();
        }
        response.headers_mut().entry(HEADER).or_insert(self.0);
    }
}

/// The answer of a read. One that went well carries a number only if the request did: nothing is noted of it, and it is
/// made a hundred thousand times a second. A refusal always has one.
#[must_use]
pub fn answer(given: Option<RequestId>, result: Result<Response, Problem>) -> Response {
    answer_by(given, result, IntoResponse::into_response)
}

/// Like [`answer`], with a refusal as `refuse` writes it.
#[must_use]
pub fn answer_by(
    given: Option<RequestId>,
    result: Result<Response, Problem>,
    refuse: impl FnOnce(Problem) -> Response,
) -> Response {
    let id = if result.is_err() { Some(given.unwrap_or_else(RequestId::new)) } else { given };
    let mut response = result.unwrap_or_else(refuse);
    if let Some(id) = id {
        id.finish(&mut response);
    }
    response
}

/// Numbers every request that passes, and each line of the log that it leads to. For `axum::middleware::from_fn`.
pub async fn layer(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    let span =
        tracing::info_span!("request", id = id.as_str(), method = %request.method(), path = told(request.uri().path()));
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).instrument(span).await;
    id.finish(&mut response);
    response
}

/// A path as it may stand in the log: one whose end is a secret has none.
fn told(path: &str) -> &str {
    if path.starts_with("/setup/") { "/setup/…" } else { path }
}

/// What may stand in logs and answers as it came: 1 to 64 of `A-Z a-z 0-9 . _ : -`.
fn sensible(id: &[u8]) -> bool {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
    (1..=64).contains(&id.len()) && id.iter().all(fits)
}

/// A bijection, so that numbers in a row do not look alike. Source: the finaliser of `SplitMix64` (S. Vigna, public domain).
fn scatter(mut n: u64) -> u64 {
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(given: &str) -> RequestId {
        RequestId::of(&axum::http::Request::builder().header(HEADER, given).body(()).unwrap())
    }

    #[test]
    fn a_sensible_number_is_kept_and_an_odd_one_replaced() {
        for good in ["a", "7f1c-22", "0190e0b2-7c1e-7d3e-9c55-0242ac120002"] {
            assert_eq!(id_for(good).as_str(), good);
        }
        for odd in ["", "two words", "<script>", &"a".repeat(65)] {
            assert_eq!(id_for(odd).as_str().len(), 16, "{odd:?}");
        }
    }

    #[test]
    fn the_code_of_a_set_up_link_is_not_told() {
        assert_eq!((told("/setup/3fz9"), told("/apps/setup")), ("/setup/…", "/apps/setup"));
    }

    #[test]
    fn no_two_requests_have_one_number() {
        let all: std::collections::HashSet<_> = (0..1000).map(|_| RequestId::new().as_str().to_owned()).collect();
        assert_eq!(all.len(), 1000);
    }
}
