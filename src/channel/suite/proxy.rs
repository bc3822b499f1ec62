//! A small TCP proxy that injects faults.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, watch},
    task::AbortHandle,
};

/// Fault of the first bytes from the client that contain the marked text.
#[derive(Clone, Copy, Debug)]
pub enum FaultKind {
    /// They arrive, but this connection returns no answer any more.
    Unanswered,
    /// The connection breaks before they arrive.
    Lost,
    /// They arrive at [`Proxy::forward_late`], and later bytes of this connection never do.
    Late,
}

/// A TCP proxy with faults.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: AbortHandle,
}

struct Shared {
    upstream: String,
    /// While false, no bytes are forwarded, and connections stay open.
    flowing: watch::Sender<bool>,
    /// Number of calls that broke all connections.
    cuts: watch::Sender<usize>,
    /// Number of calls that silenced all connections.
    silences: watch::Sender<usize>,
    marked: Mutex<Option<(Vec<u8>, FaultKind)>>,
    go: Notify,
    answered: Notify,
}

impl Proxy {
    pub async fn to(upstream: &str) -> Self {
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            flowing: watch::Sender::new(true),
            cuts: watch::Sender::new(0),
            silences: watch::Sender::new(0),
            marked: Mutex::new(None),
            go: Notify::new(),
            answered: Notify::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, listener: accept(listener, Arc::clone(&shared)), shared }
    }

    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// Forwards nothing from now on, as if the server were paused.
    pub fn stall(&self) {
        self.shared.flowing.send_replace(false);
    }

    /// Breaks all connections.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Silences all connections, as if the server were gone without closing them. New ones work.
    pub fn silence(&self) {
        self.shared.silences.send_modify(|forgets| *forgets += 1);
    }

    /// Breaks all connections and refuses new ones.
    pub async fn down(&self) {
        self.listener.abort();
        self.cut();
        super::eventually("the port is closed", async || TcpStream::connect(self.address).await.is_err()).await;
    }

    /// Listens again on the same port.
    pub async fn up(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.listener = accept(listener, Arc::clone(&self.shared));
    }

    pub fn mark(&self, bytes: &str, fault: FaultKind) {
        *self.shared.marked.lock() = Some((bytes.into(), fault));
    }

    /// Forwards the delayed bytes, and waits until etcd has answered them.
    pub async fn forward_late(&self) {
        let answered = self.shared.answered.notified();
        self.shared.go.notify_one();
        answered.await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
        self.cut();
    }
}

fn accept(listener: TcpListener, shared: Arc<Shared>) -> AbortHandle {
    let task = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(Arc::clone(&shared).serve(client));
        }
    });
    task.abort_handle()
}

impl Shared {
    async fn serve(self: Arc<Self>, client: TcpStream) {
        let (mut cuts, mut forgets) = (self.cuts.subscribe(), self.silences.subscribe());
        let Ok(server) = TcpStream::connect(&self.upstream).await else { return };
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let deaf = AtomicBool::new(false);
        let both = async {
            let mut up = pin!(self.requests(from_client, to_server, &deaf));
            let mut down = pin!(self.answers(from_server, to_client, &deaf));
            tokio::select! {
                _ = &mut up => return,
                _ = &mut down => return,
                _ = forgets.changed() => {}
            }
            // Both directions stay open and forward nothing.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = both => {}
            _ = cuts.changed() => {}
        }
    }

    async fn requests(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, deaf: &AtomicBool) -> Option<()> {
        let mut flowing = self.flowing.subscribe();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = from.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
            flowing.wait_for(|flowing| *flowing).await.ok()?;
            match self.fate(&buffer[..count]) {
                None => {}
                Some(FaultKind::Lost) => return None,
                Some(FaultKind::Unanswered) => deaf.store(true, Ordering::SeqCst),
                Some(FaultKind::Late) => {
                    self.go.notified().await;
                    to.write_all(&buffer[..count]).await.ok()?;
                    std::future::pending::<()>().await;
                }
            }
            to.write_all(&buffer[..count]).await.ok()?;
        }
    }

    async fn answers(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, deaf: &AtomicBool) -> Option<()> {
        let mut flowing = self.flowing.subscribe();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = from.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
            flowing.wait_for(|flowing| *flowing).await.ok()?;
            self.answered.notify_waiters();
            if !deaf.load(Ordering::SeqCst) {
                to.write_all(&buffer[..count]).await.ok()?;
            }
        }
    }

    fn fate(&self, bytes: &[u8]) -> Option<FaultKind> {
        let mut marked = self.marked.lock();
        let (mark, fate) = marked.as_ref()?;
        let fate = bytes.windows(mark.len()).any(|window| window == mark).then_some(*fate)?;
        *marked = None;
        Some(fate)
    }
}
