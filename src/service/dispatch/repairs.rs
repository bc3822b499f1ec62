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
    /// The config whose live release is written into the channel again. `None` compares all configs and delivers
    /// missing releases.
    pub config: Option<ConfigId>,
    /// Takes the outcome.
    pub done: oneshot::Sender<Result<()>>,
}

/// A reserved slot in the queue of repairs.
#[derive(Debug)]
pub struct RepairSlot(mpsc::OwnedPermit<Repair>);

impl RepairSlot {
    /// Requests that the live release of a config is written into the channel again, and waits for the outcome. Without
    /// a config, the channel is compared with SQL and missing releases are delivered.
    ///
    /// # Errors
    /// Errors of the publisher; [`Error::Unavailable`] if the repair is not done in time.
    pub async fn request(self, config: Option<ConfigId>) -> Result<()> {
        let (done, outcome) = oneshot::channel();
        self.0.send(Repair { config, done });
        match timeout(TIMEOUT, outcome).await {
            Ok(Ok(outcome)) => outcome,
            _ => Err(unavailable("the repair is not finished yet; reload the page in a moment")),
        }
    }
}

fn unavailable(detail: &str) -> Error {
    Error::Unavailable { part: Dependency::Channel, detail: detail.to_owned() }
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
    /// Reserves a slot in the queue before the repair is recorded, so that no repair is recorded and then refused.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the queue is full.
    pub fn reserve(&self) -> Result<RepairSlot> {
        let slot = self.requests.clone().try_reserve_owned();
        slot.map(RepairSlot).map_err(|_| unavailable("too many repairs wait already"))
    }

    /// Waits for the next repair. Dropping the future loses none.
    pub async fn next(&self) -> Option<Repair> {
        self.receiver.lock().await.recv().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_queue_refuses_until_a_slot_is_free() {
        let repairs = Repairs::default();
        let slots: Vec<_> = (0..MAX_WAITING).map(|_| repairs.reserve().unwrap()).collect();
        assert!(matches!(repairs.reserve(), Err(Error::Unavailable { part: Dependency::Channel, .. })));
        drop(slots);
        assert!(repairs.reserve().is_ok());
    }
}
