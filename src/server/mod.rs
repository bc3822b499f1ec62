//! One process: its settings, its parts, its routes, its end.

mod console;
pub mod data_dir;
mod health;
pub mod layers;
mod reader_node;
mod refresh;
pub mod serving;
pub mod settings;
pub mod telemetry;

use std::time::Duration;

use tokio::{net::TcpListener, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    channel::Channel,
    reader::{self, Reader},
    service::now,
};
use data_dir::DataDir;
use serving::Limits;
use settings::{Role, Settings};

/// How long what is under way may take when the server goes down.
const LAST_WORK: Duration = Duration::from_secs(25);

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// Why it does not start, in one line.
pub async fn serve(settings: Settings) -> Result<(), String> {
    let _held = DataDir::hold(&settings.data_dir)?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .map_err(|e| format!("listen = {}: {e}; another program may use the port", settings.listen))?;
    let stop = CancellationToken::new();
    let node = Node::start(settings, &listener, stop.clone()).await?;
    tokio::spawn(async move {
        wait_for_signal().await;
        tracing::info!("stopping");
        stop.cancel();
    });
    node.run(listener).await
}

/// A server that is ready to run.
pub struct Node {
    router: reader::Front,
    limits: Limits,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Node {
    /// Opens what its role needs, starts what works in the background and puts the routes together.
    ///
    /// # Errors
    /// Why it does not start, in one line.
    pub async fn start(settings: Settings, listener: &TcpListener, stop: CancellationToken) -> Result<Self, String> {
        let (limits, tasks) = (Limits::of_this_process(&settings.proxies), TaskTracker::new());
        let router = match settings.role {
            Role::Console => {
                let address = listener.local_addr().map_err(|e| e.to_string())?;
                console::start(&settings, address, &tasks, &stop).await?
            }
            Role::Reader => reader_node::start(&settings, &tasks, &stop).await?,
        };
        Ok(Self { router, limits, tasks, stop })
    }

    /// Serves until told to stop, then finishes what is under way, within a hard deadline.
    ///
    /// # Errors
    /// The listener's.
    pub async fn run(self, listener: TcpListener) -> Result<(), String> {
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        println!("listening on http://{address}");
        let (end, tasks) = (self.stop.clone(), self.tasks);
        tokio::select! {
            () = serving::serve(listener, self.router, self.limits, self.stop) => {}
            () = async { end.cancelled().await; tokio::time::sleep(LAST_WORK).await } => {}
        }
        tasks.close();
        // Releases that are accepted and not delivered go out at the next start, or from another node.
        let _ = timeout(LAST_WORK, tasks.wait()).await;
        Ok(())
    }
}

/// Feeds a reader from the channel until the server goes down.
fn feed(tasks: &TaskTracker, channel: &Channel, reader: &Reader, stop: &CancellationToken) {
    let (source, shelf, end) = (channel.clone(), reader.shelf.clone(), stop.clone());
    tasks.spawn(async move { reader::feed::run(&source, &shelf, now, reader::feed::RELIST, end).await });
}

async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    stop.run_until_cancelled(work).await;
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
