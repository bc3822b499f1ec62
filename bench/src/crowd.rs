//! Many waiting readers in one thread without a runtime. Server and client share a machine, so work of the client would
//! distort the measurement.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::figures::Result;

/// Timeout for the answers to all readers.
const DEADLINE: Duration = Duration::from_secs(30);

/// Kind of a waiting reader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sends a new request after each answer.
    Poll,
    /// Sends one request.
    Stream,
}

/// Readers with a connection each.
pub struct Crowd {
    poll: Poll,
    kind: Kind,
    readers: Vec<Reader>,
}

struct Reader {
    stream: TcpStream,
    /// Missing bytes of the answer, once its head has come.
    lacks: Option<usize>,
    is_answered: bool,
}

impl Crowd {
    /// Connects so many readers, each of which sends its request at once.
    pub fn connect(kind: Kind, address: SocketAddr, many: usize, request: impl Fn(usize) -> String) -> Result<Self> {
        let poll = Poll::new()?;
        let mut readers = Vec::with_capacity(many);
        for number in 0..many {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.write_all(request(number).as_bytes())?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            readers.push(Reader { stream, lacks: None, is_answered: false });
        }
        Ok(Self { poll, kind, readers })
    }

    /// Sends another request from every reader. A request is shorter than a socket's buffer.
    pub fn ask(&mut self, request: impl Fn(usize) -> String) -> Result<()> {
        for (number, reader) in self.readers.iter_mut().enumerate() {
            reader.stream.write_all(request(number).as_bytes())?;
        }
        Ok(())
    }

    /// Reads until every reader has a whole answer or event. Returns the times of these answers.
    pub fn answered(&mut self) -> Result<Vec<Instant>> {
        let (mut events, mut bytes) = (Events::with_capacity(1024), vec![0; 1 << 16]);
        let (mut times, end) = (Vec::with_capacity(self.readers.len()), Instant::now() + DEADLINE);
        self.readers.iter_mut().for_each(|reader| (reader.lacks, reader.is_answered) = (None, false));
        while times.len() < self.readers.len() {
            if Instant::now() > end {
                return Err(format!("{} of {} readers were answered", times.len(), self.readers.len()).into());
            }
            self.poll.poll(&mut events, Some(Duration::from_millis(100)))?;
            for event in &events {
                let reader = &mut self.readers[event.token().0];
                if reader.read(self.kind, &mut bytes)? && !reader.is_answered {
                    reader.is_answered = true;
                    times.push(Instant::now());
                }
            }
        }
        Ok(times)
    }
}

impl Reader {
    /// Reads all available bytes. Returns true when an answer is complete.
    fn read(&mut self, kind: Kind, bytes: &mut [u8]) -> Result<bool> {
        let mut is_whole = false;
        loop {
            let n = match self.stream.read(bytes) {
                Ok(0) => return Err("a connection ended".into()),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(is_whole),
                Err(error) => return Err(error.into()),
            };
            is_whole |= match kind {
                Kind::Poll => self.poll_is_whole(&bytes[..n])?,
                Kind::Stream => self.event_is_whole(&bytes[..n]),
            };
            // A partly filled buffer means that no more bytes are available.
            if n < bytes.len() {
                return Ok(is_whole);
            }
        }
    }

    fn poll_is_whole(&mut self, came: &[u8]) -> Result<bool> {
        let lacks = match self.lacks {
            Some(lacks) => lacks.saturating_sub(came.len()),
            None => {
                let end = find(came, b"\r\n\r\n").ok_or("half a head")?;
                let head = std::str::from_utf8(&came[..end])?.to_ascii_lowercase();
                let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next());
                let (true, Some(length)) = (head.starts_with("http/1.1 200"), length) else { return Err(head.into()) };
                (end + 4 + length.trim().parse::<usize>()?).saturating_sub(came.len())
            }
        };
        self.lacks = Some(lacks);
        Ok(lacks == 0)
    }

    /// Returns whether an event is complete. Events and keep-alive comments end with a blank line and their chunk.
    fn event_is_whole(&mut self, came: &[u8]) -> bool {
        if find(&came[..came.len().min(600)], b"event: config").is_some() {
            self.lacks = Some(1);
        }
        self.lacks.is_some() && came.ends_with(b"\n\n\r\n")
    }
}

fn find(all: &[u8], what: &[u8]) -> Option<usize> {
    all.windows(what.len()).position(|part| part == what)
}
