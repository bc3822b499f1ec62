//! Compares SQL with the channel, on start and every 30 s: what the channel lost is delivered again.

use std::{collections::HashMap, time::Duration};

use tokio::time::sleep;

use super::Publisher;
use crate::{
    channel::{Entry, Fault},
    domain::{
        error::{Error, Part, Result},
        names::{ConfigId, EnvName},
    },
};

const EVERY: Duration = Duration::from_secs(30);
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Releases that go out again in one transaction; large ones go alone when they do not fit together.
const BATCH: usize = 50;

impl Publisher {
    /// Reconciles now and then every 30 s, for ever.
    pub async fn keep_reconciled(self) {
        loop {
            match self.reconcile().await {
                Ok(0) => {}
                Ok(n) => tracing::info!(releases = n, "delivered again what the channel did not have"),
                Err(error) => {
                    tracing::warn!(error = %error, "the channel cannot be compared with the database; trying again")
                }
            }
            sleep(EVERY).await;
        }
    }

    /// Delivers again what the channel has lost or is behind with. Gives how many releases that were.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when SQL or the channel does not answer.
    pub async fn reconcile(&self) -> Result<usize> {
        let listing = self.channel.list().await.map_err(channel)?;
        let there: HashMap<ConfigId, u64> = listing.entries.into_iter().map(|e| (e.config, e.meta.seq)).collect();
        let expected = self.db.read().await?.expected().await?;
        let behind = expected.into_iter().filter(|(id, seq, _)| there.get(id).is_none_or(|have| have < seq));
        let mut by_env: HashMap<EnvName, Vec<(ConfigId, u64)>> = HashMap::new();
        for (id, seq, _) in behind {
            by_env.entry(id.env.clone()).or_default().push((id, seq));
        }
        let mut delivered = 0;
        for (env, behind) in by_env {
            let lock = self.channel.lock(&env, LOCK_WAIT).await.map_err(channel)?;
            let mut outcome = Ok(());
            for chunk in behind.chunks(BATCH) {
                outcome = self.deliver_again(&lock, chunk).await;
                if outcome.is_err() {
                    break;
                }
                delivered += chunk.len();
            }
            lock.release().await;
            outcome?;
        }
        Ok(delivered)
    }

    async fn deliver_again(&self, lock: &crate::channel::Lock, releases: &[(ConfigId, u64)]) -> Result<()> {
        let mut entries = Vec::with_capacity(releases.len());
        {
            let mut db = self.db.read().await?;
            for (id, seq) in releases {
                entries.extend(db.entry(id, *seq).await?);
            }
        }
        match self.channel.deliver(lock, &entries).await {
            Err(Fault::TooLarge(_)) if entries.len() > 1 => self.one_by_one(lock, entries).await,
            other => other.map(|_| ()).map_err(channel),
        }
    }

    async fn one_by_one(&self, lock: &crate::channel::Lock, entries: Vec<Entry>) -> Result<()> {
        for entry in entries {
            self.channel.deliver(lock, &[entry]).await.map_err(channel)?;
        }
        Ok(())
    }
}

fn channel(fault: Fault) -> Error {
    Error::Unavailable { part: Part::Channel, detail: fault.to_string() }
}
