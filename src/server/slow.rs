//! An answer that takes long, written without hyper: see `talk`. It knows the one kind of request that there is here, a
//! `GET` without a body over HTTP/1.1 whose connection stays.

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
    http::{Method, StatusCode, Version, header},
    response::Response,
};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use crate::http::listener::{Connection, UnderWay};

/// Pieces of a body that go out at once.
const PIECES: usize = 16;

/// Whether the answer to a request can be written here.
pub(super) fn can_answer(request: &Request) -> bool {
    let mut said = request.headers().get_all(header::CONNECTION).iter();
    let closes = said.any(|said| said.to_str().is_ok_and(|said| said.to_ascii_lowercase().contains("close")));
    let plain = request.method() == Method::GET && request.version() == Version::HTTP_11;
    plain && request.body().is_end_stream() && !closes
}

/// Waits for the answer and writes it. Gives the connection when another request may follow.
pub(super) async fn answer(
    mut connection: Connection,
    answer: impl Future<Output = Result<Response, Infallible>>,
    under_way: UnderWay,
    stop: &CancellationToken,
) -> Option<Connection> {
    let response = tokio::select! {
        biased;
        Ok(response) = answer => response,
        () = connection.gone() => return None,
    };
    write(&mut connection, Outgoing::new(response, stop.is_cancelled())).await.ok()?;
    drop(under_way);
    if stop.is_cancelled() {
        // It ends either way.
        let _ = connection.shutdown().await;
        return None;
    }
    Some(connection)
}

/// What is still to be sent.
struct Outgoing {
    /// At once.
    now: Vec<Bytes>,
    body: Body,
    /// Nobody knows yet how long the body will be.
    is_chunked: bool,
    is_over: bool,
}

impl Outgoing {
    fn new(response: Response, is_last: bool) -> Self {
        let (parts, body) = response.into_parts();
        let bare = parts.status == StatusCode::NOT_MODIFIED || parts.status == StatusCode::NO_CONTENT;
        let length = body.size_hint().exact();
        let mut head = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
        // The length is that of the body, said once.
        for (name, value) in parts.headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH) {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        let date = httpdate::fmt_http_date(SystemTime::now());
        let framing = match length {
            _ if bare => String::new(),
            Some(length) => format!("content-length: {length}\r\n"),
            None => "transfer-encoding: chunked\r\n".to_owned(),
        };
        let end = if is_last { "connection: close\r\n" } else { "" };
        // A vector takes whatever is written.
        let _ = write!(head, "{framing}{end}date: {date}\r\n\r\n");
        Self { now: vec![head.into()], body, is_chunked: length.is_none() && !bare, is_over: bare }
    }

    /// Lines up what there is of the body, or waits for more when there is nothing to send.
    async fn gather(&mut self) -> Result<(), axum::Error> {
        let mut data = Vec::new();
        poll_fn(|cx| {
            while !self.is_over && data.len() < PIECES {
                match Pin::new(&mut self.body).poll_frame(cx)? {
                    Poll::Ready(Some(frame)) => data.extend(frame.into_data().ok().filter(|data| !data.is_empty())),
                    Poll::Ready(None) => self.is_over = true,
                    Poll::Pending if self.now.is_empty() && data.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            Poll::Ready(Ok::<_, axum::Error>(()))
        })
        .await?;
        let length: usize = data.iter().map(Bytes::len).sum();
        if !self.is_chunked {
            self.now.append(&mut data);
        } else if length > 0 {
            self.now.push(format!("{length:x}\r\n").into());
            self.now.append(&mut data);
            self.now.push(Bytes::from_static(b"\r\n"));
        }
        if self.is_chunked && self.is_over {
            self.now.push(Bytes::from_static(b"0\r\n\r\n"));
        }
        Ok(())
    }
}

/// Writes an answer to its end.
async fn write(connection: &mut Connection, mut outgoing: Outgoing) -> io::Result<()> {
    loop {
        tokio::select! {
            biased;
            gathered = outgoing.gather() => gathered.map_err(io::Error::other)?,
            () = connection.gone() => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
        send(connection, &mem::take(&mut outgoing.now)).await?;
        if outgoing.is_over {
            return Ok(());
        }
    }
}

async fn send(connection: &mut Connection, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match connection.write_vectored(left).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => IoSlice::advance_slices(&mut left, n),
        }
    }
    Ok(())
}
