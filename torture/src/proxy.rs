//! A proxy in front of a server that can simulate network faults.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::{sleep, timeout},
};

/// Behaviour of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forwards all bytes.
    Whole,
    /// Forwards all bytes with a delay.
    Slow(Duration),
    /// Holds all bytes back until the healing, and forwards them then.
    BlackHole,
    /// Resets open and new connections.
    Reset,
    /// Closes the server's side and never tells the client.
    HalfOpen,
    /// Closes the server's side, and the client's after this time.
    SlowClose(Duration),
    /// Resets each connection after so many bytes.
    CutAfter(u64),
    /// Forwards requests and drops answers. These connections are reset at the healing.
    DropAnswers,
    /// Holds the next delivery to etcd back until the healing, and forwards it then, long after its sender gave up.
    /// This is like the write of a lock holder that was paused at the worst moment. Everything else is forwarded.
    LateDelivery,
}

/// A delivery that was held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub config: String,
    pub seq: u64,
}

/// Changes the bytes of a delivery on its way to etcd. The length stays the same.
pub type Rewrite = fn(&mut [u8]);

/// A proxy from a free port to a server.
pub struct Proxy {
    /// Address for clients.
    pub address: SocketAddr,
    mode: watch::Sender<Mode>,
    kept: Arc<Mutex<Vec<Kept>>>,
}

impl Proxy {
    /// Starts a proxy to a local port.
    pub async fn to(target: u16) -> io::Result<Self> {
        Self::rewriting(target, None).await
    }

    /// Starts a proxy to a local port that rewrites deliveries.
    pub async fn rewriting(target: u16, rewrite: Option<Rewrite>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mode, seen) = watch::channel(Mode::Whole);
        let kept = Arc::<Mutex<Vec<Kept>>>::default();
        let target = SocketAddr::from(([127, 0, 0, 1], target));
        let way = Way { target, mode: seen, kept: Arc::clone(&kept), rewrite };
        tokio::spawn(async move {
            let mut gone = way.mode.clone();
            loop {
                tokio::select! {
                    Ok((client, _)) = listener.accept() => drop(tokio::spawn(way.clone().carry(client))),
                    // The proxy was dropped, so its port is closed.
                    () = async { while gone.changed().await.is_ok() {} } => return,
                }
            }
        });
        Ok(Self { address, mode, kept })
    }

    /// Sets the behaviour.
    pub fn set(&self, mode: Mode) {
        if *self.mode.borrow() != mode {
            self.mode.send_replace(mode);
        }
    }

    /// Takes the list of deliveries that were held back since the last call.
    pub fn kept(&self) -> Vec<Kept> {
        std::mem::take(&mut self.kept.lock())
    }
}

/// End of a connection.
enum End {
    Closed,
    Reset,
    /// The client's side stays open and silent.
    Forgotten,
}

#[derive(Clone)]
struct Way {
    target: SocketAddr,
    mode: watch::Receiver<Mode>,
    kept: Arc<Mutex<Vec<Kept>>>,
    rewrite: Option<Rewrite>,
}

impl Way {
    async fn carry(mut self, mut client: TcpStream) {
        loop {
            match *self.mode.borrow_and_update() {
                Mode::Reset => return drop(client.set_zero_linger()),
                Mode::BlackHole | Mode::HalfOpen | Mode::SlowClose(_) => {}
                _ => break,
            }
            if self.mode.changed().await.is_err() {
                return;
            }
        }
        let Ok(mut server) = TcpStream::connect(self.target).await else {
            return drop(client.set_zero_linger());
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let end = self.between(&mut client, &mut server).await;
        match end {
            End::Reset => {
                let _ = (client.set_zero_linger(), server.set_zero_linger());
            }
            End::Closed => {
                let both = async { tokio::join!(client.shutdown(), server.shutdown()) };
                let _ = timeout(Duration::from_secs(1), both).await;
            }
            End::Forgotten => {
                drop(server);
                forget(client, self.mode).await;
            }
        }
    }

    async fn between(&self, client: &mut TcpStream, server: &mut TcpStream) -> End {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let (count, holding) = (AtomicU64::new(0), AtomicBool::new(false));
        let pump = |mode, up| Pump {
            mode,
            up,
            count: &count,
            holding: &holding,
            kept: &self.kept,
            holds: None,
            rewrite: self.rewrite.filter(|_| up),
        };
        tokio::select! {
            end = pump(self.mode.clone(), true).run(from_client, to_server) => end,
            end = pump(self.mode.clone(), false).run(from_server, to_client) => end,
        }
    }
}

/// Keeps a silent connection open until the client closes it.
async fn forget(mut client: TcpStream, mode: watch::Receiver<Mode>) {
    let mut void = [0; 4096];
    let swallowing = async { while matches!(client.read(&mut void).await, Ok(read) if read > 0) {} };
    tokio::select! {
        () = swallowing => {}
        // Ends with the proxy at the latest.
        () = async { while mode.has_changed().is_ok() { sleep(Duration::from_secs(1)).await } } => {}
    }
}

/// One direction of a connection.
struct Pump<'a> {
    mode: watch::Receiver<Mode>,
    /// From the client to the server.
    up: bool,
    /// Bytes of both directions that were forwarded in [`Mode::CutAfter`].
    count: &'a AtomicU64,
    kept: &'a Mutex<Vec<Kept>>,
    /// Whether a delivery is held back. Then everything else on this connection is dropped.
    holding: &'a AtomicBool,
    /// Bytes of the delivery.
    holds: Option<Vec<u8>>,
    rewrite: Option<Rewrite>,
}

impl Pump<'_> {
    async fn run(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> End {
        let (mut bytes, mut spoiled) = (vec![0; 64 * 1024], false);
        loop {
            let mode = *self.mode.borrow_and_update();
            match mode {
                Mode::Reset => return End::Reset,
                Mode::HalfOpen => return End::Forgotten,
                Mode::SlowClose(after) => {
                    sleep(after).await;
                    return End::Closed;
                }
                // Bytes are missing in the middle, so the connection is useless.
                Mode::Whole if spoiled => return End::Reset,
                Mode::Whole if self.holds.is_some() => return self.arrive(&mut to).await,
                _ => {}
            }
            if mode == Mode::BlackHole {
                if self.mode.changed().await.is_err() {
                    return End::Closed;
                }
                continue;
            }
            let read = tokio::select! {
                read = from.read(&mut bytes) => read,
                changed = self.mode.changed() => match changed { Ok(()) => continue, Err(_) => return End::Closed },
            };
            let chunk = match read {
                Ok(0) | Err(_) if self.holds.is_some() => {
                    // The sender gave up, but its delivery still arrives at the healing.
                    let _ = self.mode.wait_for(|mode| *mode != Mode::LateDelivery).await;
                    continue;
                }
                Ok(0) => return End::Closed,
                Err(_) => return End::Reset,
                Ok(read) => &mut bytes[..read],
            };
            if let Some(rewrite) = self.rewrite.filter(|_| delivery(chunk).is_some()) {
                rewrite(chunk);
            }
            spoiled |= mode == Mode::DropAnswers && !self.up;
            match self.pass(mode, chunk, &mut to).await {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(_) if self.holds.is_none() => return End::Reset,
                Err(_) => {}
            }
        }
    }

    async fn pass(&mut self, mode: Mode, chunk: &[u8], to: &mut WriteHalf<'_>) -> io::Result<Option<End>> {
        match mode {
            Mode::DropAnswers if !self.up => return Ok(None),
            _ if !self.up && self.holding.load(Ordering::SeqCst) => return Ok(None),
            Mode::LateDelivery if self.up => {
                if self.holds.is_some() {
                    return Ok(None);
                }
                if let Some(kept) = delivery(chunk) {
                    self.holds = Some(chunk.to_vec());
                    self.holding.store(true, Ordering::SeqCst);
                    self.kept.lock().push(kept);
                    return Ok(None);
                }
            }
            Mode::Slow(by) => sleep(by).await,
            Mode::CutAfter(end) => {
                if self.count.fetch_add(chunk.len() as u64, Ordering::Relaxed) + chunk.len() as u64 > end {
                    return Ok(Some(End::Reset));
                }
            }
            // The mode may have changed during the read.
            _ => {
                let broken = *self.mode.borrow();
                if broken == Mode::BlackHole && self.mode.wait_for(|now| *now != Mode::BlackHole).await.is_err() {
                    return Ok(Some(End::Closed));
                }
            }
        }
        to.write_all(chunk).await?;
        Ok(None)
    }

    /// Forwards the delivery that was held back, and ignores its answer.
    async fn arrive(mut self, to: &mut WriteHalf<'_>) -> End {
        if let Some(late) = self.holds.take() {
            let _ = to.write_all(&late).await;
            sleep(Duration::from_millis(300)).await;
        }
        End::Reset
    }
}

/// Returns the first release in a delivery to etcd. A transaction that only reads names no document.
fn delivery(chunk: &[u8]) -> Option<Kept> {
    let text = String::from_utf8_lossy(chunk);
    let at = text.find("/config/")?;
    let (_, after) = text[at..].split_once("/meta/")?;
    let config: String =
        after.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.')).collect();
    let (_, number) = after.split_once("\"seq\":")?;
    let seq = number.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()?;
    Some(Kept { config, seq })
}

#[cfg(test)]
mod tests;
