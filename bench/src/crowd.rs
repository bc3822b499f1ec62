//! Many readers that wait, in one thread without a runtime: with server and client on one machine, a client that works
//! more than it must would be what is measured.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::figures::Result;

/// When all have to be answered.
const DEADLINE: Duration = Duration::from_secs(30);

/// How readers wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Asks again after each answer.
    Poll,
    /// Asks once.
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
    /// Bytes that its answer still lacks, once its head has come.
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

    /// Has every reader send another request. They are shorter than any socket's buffer.
    pub fn ask(&mut self, request: impl Fn(usize) -> String) -> Result<()> {
        for (number, reader) in self.readers.iter_mut().enumerate() {
            reader.stream.write_all(request(number).as_bytes())?;
        }
        Ok(())
    }

    /// Reads until every reader has a whole answer or event; gives when each had it.
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
    /// Takes what is there; true when an answer is whole.
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
            // Less than fits is all that there was.
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

    /// An event ends with a blank line and its chunk; a sign of life does too.
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
