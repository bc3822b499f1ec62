//! One connection, from its first byte to its last.
//!
//! hyper reads the requests and writes the answers. Its buffers and its state take 16 KiB a connection, which is nothing
//! for a second and everything for ten thousand readers that wait for a minute. So a connection whose answer will take
//! long ([`Pulse::wait`]) is taken back from hyper when its request was read, and `slow` writes the answer; then, with the
//! first byte of the next request, hyper has it again.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
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

use super::{headers::Headers, refusal, serving::Place, slow, wire::Wire};
use crate::http::{
    bearer::{self, ClientAddr},
    body::Timely,
    host,
    listener::{Connection, Pulse, State, UnderWay},
    request_id::{self, RequestId},
};

/// What all requests of one connection share.
pub(super) struct Talk<S> {
    pub peer: SocketAddr,
    pub app: S,
    pub place: Place,
    pub headers: Headers,
    pub stop: CancellationToken,
}

/// An answer that takes long.
struct Later {
    answer: BoxFuture<'static, Result<Response, Infallible>>,
    under_way: UnderWay,
}

impl<S> Talk<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    /// Answers the requests that come.
    pub async fn run(self, mut connection: Connection) {
        loop {
            let heard = tokio::select! {
                biased;
                heard = connection.heard() => heard,
                () = self.place.ended() => false,
            };
            if !heard {
                return;
            }
            // In a box, so that nothing is left of hyper while somebody waits.
            let Some((taken, later)) = Box::pin(self.at_once(connection)).await else { return };
            let answered = async {
                let Later { answer, under_way } = later;
                slow::answer(taken, answer, under_way, &self.stop).await
            };
            tokio::select! {
                left = answered => match left {
                    Some(left) => connection = left,
                    None => return,
                },
                () = self.place.all_ended() => return,
            }
        }
    }

    /// Answers requests through hyper, until the answer to one will take long, or until the end: then there is none.
    async fn at_once(&self, connection: Connection) -> Option<(Connection, Later)> {
        let (pulse, later) = (connection.pulse(), Mutex::new(None));
        let service = service_fn(|request| self.call(request, &pulse, &later));
        // Heads are timed by the room, for all connections at once.
        let mut talk = http1::Builder::new()
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(Wire::new(connection)), service);
        let taken = || later.lock().take();
        let mut until = poll_fn(|cx| match Pin::new(&mut talk).poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Err(ended)),
            Poll::Pending => taken().map_or(Poll::Pending, |later| Poll::Ready(Ok(later))),
        });
        let told = async {
            tokio::select! {
                () = self.place.ended() => {}
                () = self.stop.cancelled() => {}
            }
        };
        // A request that came in the very moment in which its connection was to end is answered all the same.
        let over = async {
            self.place.ended().await;
            // One whose body still comes has ended to make room.
            if pulse.state() == State::Busy {
                self.place.all_ended().await;
            }
        };
        let ended = tokio::select! {
            ended = &mut until => ended,
            () = told => {
                Pin::new(&mut talk).graceful_shutdown();
                tokio::select! {
                    ended = &mut talk => Err(ended),
                    () = over => return None,
                }
            }
        };
        match ended {
            Ok(later) => {
                let parts = talk.into_parts();
                let (mut connection, _) = parts.io.into_inner().into_parts();
                connection.put_back(&parts.read_buf);
                Some((connection, later))
            }
            Err(ended) => {
                if let Err(error) = ended {
                    tracing::debug!(peer = %self.peer, %error, "a connection broke");
                }
                if let (connection, Some(status)) = talk.into_parts().io.into_inner().into_parts() {
                    refusal::unreadable(connection, self.headers, status).await;
                }
                None
            }
        }
    }

    /// Has a request answered; one that takes long is put into `later` instead.
    async fn call(
        &self,
        request: hyper::Request<Incoming>,
        pulse: &Arc<Pulse>,
        later: &Mutex<Option<Later>>,
    ) -> Result<hyper::Response<Answer>, Infallible> {
        let under_way = pulse.begin();
        let limits = self.place.limits();
        let mut request = request.map(|body| whole(body, limits.body, &self.stop, pulse));
        // Whatever is asked for, and before anybody looks at it.
        if let Err(refused) = host::check(&request) {
            let mut refused = request_id::answer(RequestId::given(&request), Err(refused));
            self.headers.put(refused.status(), refused.headers_mut());
            return Ok(refused.map(|body| Answer { body, _under_way: under_way }));
        }
        request.extensions_mut().insert(ConnectInfo(self.peer));
        if let Some(client) = bearer::forwarded(request.headers(), self.peer.ip(), &limits.proxies) {
            request.extensions_mut().insert(ClientAddr(client));
        }
        if slow::can_answer(&request) {
            request.extensions_mut().insert(Arc::clone(pulse));
        }
        let mut app = self.app.clone();
        let (answer, headers) = (app.ready().await?.call(request), self.headers);
        let answer = async move {
            let mut response = answer.await?;
            headers.put(response.status(), response.headers_mut());
            Ok(response)
        };
        // Whoever is told to go is answered by hyper, which knows that the connection ends.
        if pulse.is_waiting() && !self.stop.is_cancelled() && !self.place.is_ended() {
            let answer = Box::pin(answer);
            *later.lock() = Some(Later { answer, under_way });
            return pending().await;
        }
        Ok(answer.await?.map(|body| Answer { body, _under_way: under_way }))
    }
}

/// The body of a request, which has to come in time.
fn whole(body: Incoming, within: Duration, stop: &CancellationToken, pulse: &Arc<Pulse>) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(Timely::new(body, within, stop.clone()).receiving(pulse.receive()))
}

/// The body of an answer: the request is under way until it is sent.
struct Answer {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Answer {
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

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use futures::{StreamExt, stream};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        sync::mpsc,
        time::{sleep, timeout},
    };

    use super::*;
    use crate::{
        metrics::Connections,
        server::{accept::serve, serving::Limits},
    };

    const SOON: Duration = Duration::from_millis(100);

    /// Whoever is told of it, when it is dropped.
    struct Told(mpsc::UnboundedSender<()>);

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    fn waits(request: Request) -> Request {
        if request.uri().path() != "/" {
            request.extensions().get::<Arc<Pulse>>().unwrap().wait();
        }
        request
    }

    /// A server with an answer that comes late, one that comes bit by bit, and one that never comes.
    async fn server(stop: CancellationToken) -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
        let (dropped, told) = mpsc::unbounded_channel();
        let at_stop = stop.clone();
        let late = async || {
            sleep(SOON).await;
            "late"
        };
        let bits = async || {
            let bits = stream::iter(["one", "", "two"]).chain(stream::once(async {
                sleep(SOON).await;
                "three"
            }));
            Body::from_stream(bits.map(Ok::<_, Infallible>))
        };
        let never = async move || {
            let _told = Told(dropped.clone());
            at_stop.cancelled().await;
            "the end"
        };
        let app = Router::new()
            .route("/", get(async || "at once"))
            .route("/late", get(late))
            .route("/bits", get(bits))
            .route("/never", get(never))
            .map_request(waits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (limits, headers) = (Limits::of_this_process(&[]), Headers::of("http://localhost"));
        tokio::spawn(serve(listener, app, limits, headers, Connections::default(), stop));
        (address, told)
    }

    async fn sent(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    fn ask(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
    }

    async fn until(stream: &mut TcpStream, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let mut some = [0; 1024];
            let n = timeout(Duration::from_secs(5), stream.read(&mut some)).await.expect(&text).unwrap();
            assert!(n > 0, "{text}");
            text += std::str::from_utf8(&some[..n]).unwrap();
        }
        text
    }

    #[tokio::test]
    async fn answers_come_in_the_order_of_requests_however_long_they_take() {
        let (address, _told) = server(CancellationToken::new()).await;
        let asked = [ask("/"), ask("/late"), ask("/late"), ask("/bits"), ask("/")].concat();
        let mut stream = sent(address, &asked).await;
        let mut got = until(&mut stream, "at once").await;
        while !got.contains("three") {
            got += &until(&mut stream, "at once").await;
        }
        let bodies: Vec<_> = got.split("HTTP/1.1 200 OK\r\n").map(|one| one.split_once("\r\n\r\n").unzip().1).collect();
        let bits = "6\r\nonetwo\r\n5\r\nthree\r\n0\r\n\r\n";
        assert_eq!(bodies[1..], ["at once", "late", "late", bits, "at once"].map(Some));
        assert_eq!(got.matches("\r\ncontent-length: 4\r\n").count(), 2, "{got}");
        assert_eq!(got.matches("\r\ntransfer-encoding: chunked\r\n").count(), 1, "{got}");
        assert_eq!(got.matches("\r\ndate: ").count(), 5, "{got}");
        stream.write_all(ask("/late").as_bytes()).await.unwrap();
        until(&mut stream, "late").await;
    }

    #[tokio::test]
    async fn who_goes_waits_for_nothing() {
        let (address, mut told) = server(CancellationToken::new()).await;
        let stream = sent(address, &ask("/never")).await;
        assert!(timeout(SOON, told.recv()).await.is_err());
        drop(stream);
        timeout(Duration::from_secs(5), told.recv()).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_waits_is_answered_when_the_server_ends() {
        let stop = CancellationToken::new();
        let (address, _told) = server(stop.clone()).await;
        let mut stream = sent(address, &ask("/never")).await;
        sleep(SOON).await;
        stop.cancel();
        let got = until(&mut stream, "the end").await;
        assert!(got.contains("\r\nconnection: close\r\n"), "{got}");
        assert_eq!(stream.read(&mut [0; 9]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_request_without_one_host_is_refused_on_every_path() {
        let (address, _told) = server(CancellationToken::new()).await;
        for path in ["/", "/late", "/bits", "/never", "/nothing", "http://x/"] {
            for hosts in ["", "host: x\r\nhost: x\r\n", "host: x\r\nHost: y\r\n", "host: x, y\r\n", "host:\r\n"] {
                let asked = format!("GET {path} HTTP/1.1\r\n{hosts}\r\n");
                let mut stream = sent(address, &(asked.clone() + &ask("/"))).await;
                let got = until(&mut stream, "at once").await;
                let (refused, next) = got.split_once("}HTTP/1.1 ").unwrap_or_else(|| panic!("{asked}: {got}"));
                assert!(refused.starts_with("HTTP/1.1 400") && next.starts_with("200"), "{asked}: {got}");
                assert!(refused.contains("\r\ncontent-type: application/problem+json\r\n"), "{got}");
                assert!(refused.contains("\r\ncontent-security-policy: "), "{got}");
            }
        }
        for asked in ["GET http://x/ HTTP/1.1\r\nhost: x\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", &ask("/late")] {
            let got =
                until(&mut sent(address, asked).await, if asked.contains("late") { "late" } else { "at once" }).await;
            assert!(got.contains(" 200 OK\r\n"), "{asked}: {got}");
        }
    }

    #[test]
    fn only_plain_requests_are_taken_from_hyper() {
        let request = |change: fn(axum::http::request::Builder) -> axum::http::request::Builder| {
            slow::can_answer(&change(Request::builder()).body(Body::empty()).unwrap())
        };
        assert!(request(|r| r.header("connection", "keep-alive")));
        assert!(!request(|r| r.header("connection", "Keep-Alive, Close")) && !request(|r| r.method("HEAD")));
        assert!(!request(|r| r.version(axum::http::Version::HTTP_10)));
        assert!(!slow::can_answer(&Request::new("body".into())));
    }
}
