//! Notifies the publisher of new releases in the outbox.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::domain::names::EnvName;

/// Notifies the publisher and its workers.
#[derive(Debug, Default)]
pub struct Notifier {
    notifications: watch::Sender<u64>,
    notified: Mutex<BTreeSet<EnvName>>,
}

impl Notifier {
    /// Notifies the publisher that the outbox has releases for these environments.
    pub fn notify<'a>(&self, envs: impl IntoIterator<Item = &'a EnvName>) {
        let mut notified = self.notified.lock();
        notified.extend(envs.into_iter().cloned());
        if notified.is_empty() {
            return;
        }
        drop(notified);
        self.notifications.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Takes the environments in the notifications since the last call.
    pub fn take_notified(&self) -> BTreeSet<EnvName> {
        std::mem::take(&mut *self.notified.lock())
    }

    /// Returns a receiver that changes with every notification from now on.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.notifications.subscribe()
    }
}
