//! One HTTP/1.1 connection, from its first byte to its last.
//!
//! hyper reads the requests and writes the answers. Its buffers and its state take 16 KiB per connection, which is too
//! much for ten thousand readers that wait for a minute. So a connection whose answer was announced as late is taken
//! out of hyper once its request was read. [`long_poll`] writes that answer, and hyper gets the connection back with
//! the first byte of the next request.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{ConnectInfo, Request},
    response::Response,
};
use futures::future::BoxFuture;
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use super::{
    activity::{Activity, ConnectionState, DelayHint, InFlight},
    body_timeout::BodyTimeout,
    hyper_io::HyperIo,
    io::{ByteStream, Connection},
    long_poll, refusals,
    slots::ConnectionSlot,
};
use crate::http::{
    bearer::{self, ClientAddr},
    headers::Headers,
    host,
    request_id::{self, RequestId},
};

/// A connection's server, shared by all its requests.
pub(super) struct Http1<S> {
    pub peer: SocketAddr,
    pub app: S,
    pub slot: ConnectionSlot,
    pub headers: Headers,
    pub closing: CancellationToken,
}

/// A late answer.
struct LateAnswer {
    answer: BoxFuture<'static, Result<Response, Infallible>>,
    in_flight: InFlight,
}

/// The late answer of the request in flight, if it was announced.
type LateSlot = Mutex<Option<LateAnswer>>;

impl<S> Http1<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    /// Answers all requests of `connection`.
    pub async fn run<T: ByteStream>(self, mut connection: Connection<T>) {
        loop {
            let is_readable = tokio::select! {
                biased;
                is_readable = connection.readable() => is_readable,
                () = self.slot.ended() => false,
            };
            if !is_readable {
                return;
            }
            // Boxed, so that a waiting connection keeps nothing of hyper.
            let Some((taken, late)) = Box::pin(self.serve_with_hyper(connection)).await else { return };
            let answered = long_poll::answer(taken, late.answer, late.in_flight, &self.closing);
            tokio::select! {
                left = answered => match left {
                    Some(left) => connection = left,
                    None => return,
                },
                () = self.slot.all_ended() => return,
            }
        }
    }

    /// Answers requests through hyper. Returns the connection with the first late answer, or `None` at the end.
    async fn serve_with_hyper<T: ByteStream>(&self, connection: Connection<T>) -> Option<(Connection<T>, LateAnswer)> {
        let (activity, late) = (connection.activity(), LateSlot::default());
        let service = service_fn(|request| self.call(request, &activity, &late));
        // The slots time heads, for all connections at once.
        let mut http1 = http1::Builder::new()
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(HyperIo::new(connection)), service);
        let mut until_late = poll_fn(|cx| match Pin::new(&mut http1).poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Err(ended)),
            Poll::Pending => late.lock().take().map_or(Poll::Pending, |late| Poll::Ready(Ok(late))),
        });
        let ending = async {
            tokio::select! {
                () = self.slot.ended() => {}
                () = self.closing.cancelled() => {}
            }
        };
        let ended = tokio::select! {
            ended = &mut until_late => ended,
            () = ending => {
                Pin::new(&mut http1).graceful_shutdown();
                tokio::select! {
                    ended = &mut http1 => Err(ended),
                    () = self.cut_off(&activity) => return None,
                }
            }
        };
        match ended {
            Ok(late) => {
                let parts = http1.into_parts();
                let (mut connection, _) = parts.io.into_inner().into_parts();
                connection.put_back(&parts.read_buf);
                Some((connection, late))
            }
            Err(ended) => {
                if let Err(error) = ended {
                    tracing::debug!(peer = %self.peer, %error, "connection failed");
                }
                if let (connection, Some(status)) = http1.into_parts().io.into_inner().into_parts() {
                    refusals::unreadable(connection, self.headers, status).await;
                }
                None
            }
        }
    }

    /// Waits until the connection has to end without an answer.
    async fn cut_off(&self, activity: &Activity) {
        self.slot.ended().await;
        // A request that arrived as its connection was to end is still answered, unless its body is incomplete.
        if activity.state() == ConnectionState::Active {
            self.slot.all_ended().await;
        }
    }

    /// Calls the application. A late answer goes to `late` instead of hyper.
    async fn call(
        &self,
        request: hyper::Request<Incoming>,
        activity: &Arc<Activity>,
        late: &LateSlot,
    ) -> Result<hyper::Response<AnswerBody>, Infallible> {
        let in_flight = activity.begin();
        poll_fn(|_| if activity.is_unsent() { Poll::Pending } else { Poll::Ready(()) }).await;
        let mut request = request.map(|body| self.limit(body, activity));
        // Checked before any handler reads the request.
        if let Err(refused) = host::check(&request) {
            let mut refused = request_id::answer(RequestId::given(&request), Err(refused));
            self.headers.add_to(refused.status(), refused.headers_mut());
            return Ok(refused.map(|body| AnswerBody { body, _in_flight: in_flight }));
        }
        request.extensions_mut().insert(ConnectInfo(self.peer));
        if let Some(client) = bearer::forwarded_address(request.headers(), self.peer.ip(), &self.slot.limits().proxies)
        {
            request.extensions_mut().insert(ClientAddr(client));
        }
        if long_poll::can_answer(&request) {
            request.extensions_mut().insert(DelayHint(Arc::clone(activity)));
        }
        let mut app = self.app.clone();
        let (answer, headers) = (app.ready().await?.call(request), self.headers);
        let answer = async move {
            let mut response = answer.await?;
            headers.add_to(response.status(), response.headers_mut());
            Ok(response)
        };
        // On a connection that is about to end, hyper writes the answer, because it has begun the graceful shutdown.
        if activity.is_late() && !self.closing.is_cancelled() && !self.slot.is_ended() {
            let answer = Box::pin(answer);
            *late.lock() = Some(LateAnswer { answer, in_flight });
            return pending().await;
        }
        Ok(answer.await?.map(|body| AnswerBody { body, _in_flight: in_flight }))
    }

    fn limit(&self, body: Incoming, activity: &Arc<Activity>) -> Body {
        if body.is_end_stream() {
            return Body::empty();
        }
        let timeout = self.slot.limits().body_timeout;
        BodyTimeout::limit(body, timeout, self.closing.clone(), Some(activity.receive_body()))
    }
}

/// The body of an answer. Its request is in flight until it is written.
struct AnswerBody {
    body: Body,
    _in_flight: InFlight,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
