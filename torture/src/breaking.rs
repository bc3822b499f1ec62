//! Execution of each fault.

use std::time::Duration;

use etcd_client::{CompactionOptions, DeleteOptions, GetOptions, SortOrder, SortTarget, Txn, TxnOp};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{CONFIGS, Cluster},
    dice::Dice,
    faults::{Fault, Link, Server},
    process::Result,
    proxy::{Kept, Mode, Proxy},
    readers::sha256,
    state,
};

/// A foreign document in etcd.
pub const FOREIGN: &str = "{\"written\":\"by somebody else\"}";

/// Notes about executed faults.
#[derive(Clone, Debug, Default)]
pub struct FaultNotes {
    /// Deliveries that reached etcd when it already held a later release.
    pub stale: u64,
    /// The reason of each fault that was skipped.
    pub skipped: Vec<String>,
}

/// Executes faults.
pub struct Breaker<'a> {
    pub cluster: &'a mut Cluster,
    pub dice: Dice,
    pub made: FaultNotes,
}

impl Breaker<'_> {
    /// Executes a fault. Most faults last until the healing; some are over when this returns.
    pub async fn make(&mut self, fault: &Fault) -> Result<()> {
        match fault {
            Fault::Kill(who) => self.kill(*who).await,
            Fault::Pause(who) => self.process(*who).pause().await,
            Fault::PauseHolder => self.pause_holder().await,
            Fault::Link(link, mode) => {
                self.link(*link).set(*mode);
                Ok(())
            }
            Fault::LateDelivery => self.late_delivery().await,
            Fault::LockDeleted => self.lose_held_lock(false).await,
            Fault::LeaseRevoked => self.lose_held_lock(true).await,
            Fault::Compaction => self.compact().await,
            Fault::Wipe => self.wipe().await,
            // Both are executed after the writers have stopped.
            Fault::QuietWipe | Fault::ForeignWrite => Ok(()),
            Fault::Restore => self.restore().await,
            Fault::KillConnections => self.kill_connections().await,
            Fault::ReadOnly => self.cluster.database.read_only(true).await,
            Fault::BothDown => self.both_down().await,
            Fault::ReaderRestartOffline(n) => {
                self.both_down().await?;
                self.kill(Server::Reader(*n)).await?;
                sleep(Duration::from_millis(300)).await;
                self.process(Server::Reader(*n)).start()
            }
            Fault::DiskFull(Server::Etcd) => self.cluster.etcd.disk.fill(),
            Fault::DiskFull(_) => self.cluster.database.disk.fill(),
        }
    }

    fn process(&mut self, who: Server) -> &mut crate::process::Process {
        let consoles = self.cluster.consoles;
        match who {
            Server::Console(n) => &mut self.cluster.nodes[n].process,
            Server::Reader(n) => &mut self.cluster.nodes[consoles + n].process,
            Server::Etcd => &mut self.cluster.etcd.process,
            Server::Database => &mut self.cluster.database.process,
        }
    }

    fn link(&self, link: Link) -> &Proxy {
        match link {
            Link::Etcd(n) => &self.cluster.nodes[n].etcd,
            Link::Clients(n) => &self.cluster.nodes[n].clients,
            Link::Sql(n) => self.cluster.nodes[n].sql.as_ref().unwrap_or(&self.cluster.nodes[n].etcd),
        }
    }

    async fn kill(&mut self, who: Server) -> Result<()> {
        let process = self.process(who);
        process.kill().await?;
        // Half of the servers restart at once, the others at the healing.
        if self.dice.once_in(2) {
            let pause = self.dice.millis(0, 800);
            sleep(pause).await;
            self.process(who).start()?;
        }
        Ok(())
    }

    async fn both_down(&mut self) -> Result<()> {
        self.kill_for_good(Server::Etcd).await?;
        self.kill_for_good(Server::Database).await
    }

    async fn kill_for_good(&mut self, who: Server) -> Result<()> {
        self.process(who).kill().await
    }

    /// Finds a console that holds a lock, by the name in the lock.
    async fn holder(&mut self) -> Result<Option<usize>> {
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            let env = *self.dice.pick(&["blue", "red"]);
            if let Some((name, ..)) = self.lock(env).await? {
                let node = self.cluster.nodes.iter().position(|node| node.name() == name);
                if node.is_some() {
                    return Ok(node);
                }
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(None)
    }

    /// Returns the holder's name, the key and the lease of an environment's lock.
    async fn lock(&self, env: &str) -> Result<Option<(String, Vec<u8>, i64)>> {
        let oldest = GetOptions::new().with_prefix().with_sort(SortTarget::Create, SortOrder::Ascend).with_limit(1);
        let line = self.cluster.etcd.client().await?.get(format!("trimtab/locks/{env}/"), Some(oldest)).await?;
        let first = line.kvs().first();
        Ok(first.map(|key| (String::from_utf8_lossy(key.value()).into_owned(), key.key().to_vec(), key.lease())))
    }

    fn skip(&mut self, why: &str) {
        self.made.skipped.push(why.to_owned());
    }

    async fn pause_holder(&mut self) -> Result<()> {
        let Some(holder) = self.holder().await? else {
            self.skip("no console held a lock");
            return Ok(());
        };
        self.process(Server::Console(holder)).pause().await
    }

    async fn lose_held_lock(&mut self, with_lease: bool) -> Result<()> {
        if self.holder().await?.is_none() || self.lose_locks(with_lease).await? == 0 {
            self.skip("no lock was held");
        }
        Ok(())
    }

    /// Deletes the locks of all environments, or revokes their leases. Returns their number.
    async fn lose_locks(&mut self, with_lease: bool) -> Result<u64> {
        let mut lost = 0;
        for env in ["blue", "red"] {
            let Some((_, key, lease)) = self.lock(env).await? else { continue };
            lost += 1;
            let mut etcd = self.cluster.etcd.client().await?;
            if with_lease {
                // The lease may have expired meanwhile.
                let _ = etcd.lease_revoke(lease).await;
            } else {
                etcd.delete(key, None).await?;
            }
        }
        Ok(lost)
    }

    /// Holds a delivery back, takes the lock from its sender, waits until the other console has delivered, and then
    /// lets the first delivery arrive. This is like the write of a paused lock holder, without waiting for its lease.
    async fn late_delivery(&mut self) -> Result<()> {
        let (mut console, mut kept) = (0, Vec::new());
        let end = Instant::now() + Duration::from_secs(5);
        while kept.is_empty() && Instant::now() < end {
            // The lock may move to the other console before the next delivery.
            self.cluster.nodes[console].etcd.set(Mode::Whole);
            console = self.holder().await?.unwrap_or_else(|| self.dice.below(2));
            // Forgets deliveries of earlier turns and rounds, which have arrived.
            _ = self.cluster.nodes[console].etcd.kept();
            self.cluster.nodes[console].etcd.set(Mode::LateDelivery);
            let soon = Instant::now() + Duration::from_millis(500);
            while kept.is_empty() && Instant::now() < soon {
                sleep(Duration::from_millis(5)).await;
                kept = self.cluster.nodes[console].etcd.kept();
            }
        }
        if kept.is_empty() {
            self.cluster.nodes[console].etcd.set(Mode::Whole);
            self.skip("no delivery was under way");
            return Ok(());
        }
        let end = Instant::now() + Duration::from_secs(5);
        while !self.all_outdated(&kept).await? && Instant::now() < end {
            // The sender may have acquired the lock again.
            self.lose_locks(true).await?;
            sleep(Duration::from_millis(100)).await;
        }
        kept.extend(self.cluster.nodes[console].etcd.kept());
        self.made.stale += self.outdated(&kept).await?;
        self.cluster.nodes[console].etcd.set(Mode::Whole);
        // Time for the delivery to arrive.
        sleep(Duration::from_millis(400)).await;
        Ok(())
    }

    async fn all_outdated(&self, kept: &[Kept]) -> Result<bool> {
        Ok(self.outdated(kept).await? == kept.len() as u64)
    }

    /// Counts those of these deliveries that are older than etcd's release.
    async fn outdated(&self, kept: &[Kept]) -> Result<u64> {
        let channel = state::channel(self.cluster).await?;
        let later = |kept: &&Kept| channel.get(&kept.config).is_some_and(|lying| lying.seq > kept.seq);
        Ok(kept.iter().filter(later).count() as u64)
    }

    async fn compact(&self) -> Result<()> {
        let mut etcd = self.cluster.etcd.client().await?;
        let head = etcd.get("torture", None).await?.header().map_or(0, |header| header.revision());
        etcd.compact(head, Some(CompactionOptions::new().with_physical())).await?;
        Ok(())
    }

    /// Deletes all releases from etcd.
    pub async fn wipe(&self) -> Result<()> {
        let all = || Some(DeleteOptions::new().with_prefix());
        let mut etcd = self.cluster.etcd.client().await?;
        etcd.delete("trimtab/config/", all()).await?;
        etcd.delete("trimtab/meta/", all()).await?;
        Ok(())
    }

    /// Overwrites a document, half of the time with matching metadata and the highest possible number. Returns the
    /// config.
    pub async fn write_foreign(&mut self) -> Result<&'static str> {
        let config = *self.dice.pick(&CONFIGS);
        let mut etcd = self.cluster.etcd.client().await?;
        let mut puts = vec![TxnOp::put(format!("trimtab/config/{config}"), FOREIGN, None)];
        if self.dice.once_in(2) {
            let key = format!("trimtab/meta/{config}");
            let metadata = etcd.get(key.as_str(), None).await?;
            let metadata = metadata.kvs().first().ok_or_else(|| format!("{key} is not in etcd"))?;
            let mut metadata: Value = serde_json::from_slice(metadata.value())?;
            metadata["seq"] = u64::MAX.into();
            metadata["sha256"] = sha256(FOREIGN.as_bytes()).into();
            puts.push(TxnOp::put(key, metadata.to_string(), None));
        }
        etcd.txn(Txn::new().and_then(puts)).await?;
        Ok(config)
    }

    async fn restore(&mut self) -> Result<()> {
        let file = self.cluster.etcd.save().await?;
        // Long enough for publishes that are not in the snapshot.
        let pause = self.dice.millis(300, 1200);
        sleep(pause).await;
        self.cluster.etcd.restore(&file).await?;
        self.cluster.etcd.up().await
    }

    async fn kill_connections(&mut self) -> Result<()> {
        let mut killed = 0;
        for _ in 0..4 {
            killed += self.cluster.database.kill_connections().await?;
            let pause = self.dice.millis(50, 400);
            sleep(pause).await;
        }
        if killed == 0 {
            self.skip("no connection was open");
        }
        Ok(())
    }
}
