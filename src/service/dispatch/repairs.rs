//! Repairs that people request and the publisher does.

use std::time::Duration;

use tokio::{
    sync::{Mutex, mpsc, oneshot},
    time::timeout,
};

use crate::domain::{
    error::{Dependency, Error, Result},
    names::ConfigId,
};

/// Maximum number of repairs that wait.
const MAX_WAITING: usize = 64;
/// Timeout of the wait for a repair.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A repair that was requested.
#[derive(Debug)]
pub struct Repair {
    /// The config whose live release is written into the channel again. `None` compares everything and delivers what is
    /// missing.
    pub config: Option<ConfigId>,
    /// Takes the outcome.
    pub done: oneshot::Sender<Result<()>>,
}

/// The queue of repairs.
#[derive(Debug)]
pub struct Repairs {
    requests: mpsc::Sender<Repair>,
    receiver: Mutex<mpsc::Receiver<Repair>>,
}

impl Default for Repairs {
    fn default() -> Self {
        let (requests, receiver) = mpsc::channel(MAX_WAITING);
        Self { requests, receiver: Mutex::new(receiver) }
    }
}

impl Repairs {
    /// Requests that the live release of a config is written into the channel again, and waits for it.
    ///
    /// # Errors
    /// Errors of the publisher; [`Error::Unavailable`] if the repair is not done in time.
    pub async fn repair(&self, config: ConfigId) -> Result<()> {
        self.request(Some(config)).await
    }

    /// Requests that the channel is compared with SQL now and that what is missing is delivered, and waits for it.
    ///
    /// # Errors
    /// Those of [`Repairs::repair`].
    pub async fn compare(&self) -> Result<()> {
        self.request(None).await
    }

    async fn request(&self, config: Option<ConfigId>) -> Result<()> {
        let away = |detail: &str| Error::Unavailable { part: Dependency::Channel, detail: detail.to_owned() };
        let (done, outcome) = oneshot::channel();
        self.requests.try_send(Repair { config, done }).map_err(|_| away("too many repairs wait already"))?;
        match timeout(TIMEOUT, outcome).await {
            Ok(Ok(outcome)) => outcome,
            _ => Err(away("the repair takes longer than the answer waits; look again in a moment")),
        }
    }

    /// Waits for the next repair. Dropping the future loses none.
    pub async fn next(&self) -> Option<Repair> {
        self.receiver.lock().await.recv().await
    }
}
