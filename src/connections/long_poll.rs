//! Writes a late answer without hyper (see [`super::http1`]).
//!
//! It answers one kind of request: a `GET` without a body over HTTP/1.1 on a connection that stays open.

use std::{
    convert::Infallible,
    future::poll_fn,
    io::{self, IoSlice, Write},
    mem,
    pin::Pin,
    task::Poll,
    time::SystemTime,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderMap, Method, StatusCode, Version, header},
    response::Response,
};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::{
    activity::InFlight,
    io::{ByteStream, Connection},
};

/// Maximum number of body frames in one write.
const MAX_FRAMES: usize = 16;

/// Returns whether a late answer to `request` can be written here.
pub(super) fn can_answer(request: &Request) -> bool {
    let is_plain = request.method() == Method::GET && request.version() == Version::HTTP_11;
    is_plain && request.body().is_end_stream() && !has_close(request.headers())
}

/// Returns whether `Connection` asks for the end of the connection.
fn has_close(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONNECTION).iter();
    values.any(|value| value.to_str().is_ok_and(|value| value.to_ascii_lowercase().contains("close")))
}

/// Waits for the answer and writes it. Returns the connection if another request may follow.
pub(super) async fn answer<T: ByteStream>(
    mut connection: Connection<T>,
    answer: impl Future<Output = Result<Response, Infallible>>,
    in_flight: InFlight,
    closing: &CancellationToken,
) -> Option<Connection<T>> {
    let response = tokio::select! {
        biased;
        Ok(response) = answer => response,
        () = connection.closed() => return None,
    };
    let closes = has_close(response.headers());
    write(&mut connection, response, closing.is_cancelled() && !closes).await.ok()?;
    drop(in_flight);
    if closes || closing.is_cancelled() {
        // The connection ends even if this fails.
        let _ = connection.shutdown().await;
        return None;
    }
    Some(connection)
}

/// The rest of an answer.
struct Outgoing {
    /// Bytes of the next write.
    next: Vec<Bytes>,
    body: Body,
    /// The length of the body is unknown.
    is_chunked: bool,
    /// The body has no more frames.
    is_complete: bool,
}

impl Outgoing {
    /// Encodes the head, with `Connection: close` if `closes`.
    fn new(response: Response, closes: bool) -> Self {
        let (parts, body) = response.into_parts();
        let is_bare = parts.status == StatusCode::NOT_MODIFIED || parts.status == StatusCode::NO_CONTENT;
        let length = body.size_hint().exact();
        let mut head = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
        // The length is taken from the body.
        for (name, value) in parts.headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH) {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        let framing = match length {
            _ if is_bare => String::new(),
            Some(length) => format!("content-length: {length}\r\n"),
            None => "transfer-encoding: chunked\r\n".to_owned(),
        };
        let close = if closes { "connection: close\r\n" } else { "" };
        let date = match parts.headers.get(header::DATE) {
            Some(_) => String::new(),
            None => format!("date: {}\r\n", httpdate::fmt_http_date(SystemTime::now())),
        };
        // Writing to a vector cannot fail.
        let _ = write!(head, "{framing}{close}{date}\r\n");
        Self { next: vec![head.into()], body, is_chunked: length.is_none() && !is_bare, is_complete: is_bare }
    }

    /// Queues the frames that are ready. Waits for one if there is nothing else to send.
    async fn gather(&mut self) -> Result<(), axum::Error> {
        let mut data = Vec::new();
        poll_fn(|cx| {
            while !self.is_complete && data.len() < MAX_FRAMES {
                match Pin::new(&mut self.body).poll_frame(cx)? {
                    Poll::Ready(Some(frame)) => data.extend(frame.into_data().ok().filter(|data| !data.is_empty())),
                    Poll::Ready(None) => self.is_complete = true,
                    Poll::Pending if self.next.is_empty() && data.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            Poll::Ready(Ok::<_, axum::Error>(()))
        })
        .await?;
        let length: usize = data.iter().map(Bytes::len).sum();
        if !self.is_chunked {
            self.next.append(&mut data);
        } else if length > 0 {
            self.next.push(format!("{length:x}\r\n").into());
            self.next.append(&mut data);
            self.next.push(Bytes::from_static(b"\r\n"));
        }
        if self.is_chunked && self.is_complete {
            self.next.push(Bytes::from_static(b"0\r\n\r\n"));
        }
        Ok(())
    }
}

/// Writes a whole answer. With `closes` it also announces the end of the connection.
pub(super) async fn write<T: ByteStream>(
    connection: &mut Connection<T>,
    response: Response,
    closes: bool,
) -> io::Result<()> {
    let mut outgoing = Outgoing::new(response, closes);
    loop {
        tokio::select! {
            biased;
            gathered = outgoing.gather() => gathered.map_err(io::Error::other)?,
            () = connection.closed() => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
        send(&mut *connection, &mem::take(&mut outgoing.next)).await?;
        if outgoing.is_complete {
            return Ok(());
        }
    }
}

async fn send(mut stream: impl AsyncWrite + Unpin, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match stream.write_vectored(left).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => IoSlice::advance_slices(&mut left, n),
        }
    }
    Ok(())
}
