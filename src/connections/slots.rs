//! Connection slots, and which connection is closed when all are taken.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    activity::{Activity, ConnectionState},
    limits::Limits,
};
use crate::metrics::ConnectionMetrics;

/// Number of further connections, which are answered on the health paths alone.
pub(super) const HEALTH_SLOTS: usize = 16;

/// The slots of all connections of a listener.
pub(super) struct Slots {
    limits: Limits,
    /// Cancelled when all connections have to end.
    end: CancellationToken,
    meter: ConnectionMetrics,
    taken: Mutex<TakenSlots>,
    /// The log already says that all slots are taken.
    is_full: AtomicBool,
}

#[derive(Default)]
struct TakenSlots {
    next_id: u64,
    by_id: HashMap<u64, SlotHolder>,
    by_address: HashMap<IpAddr, usize>,
    /// Number of health slots.
    health: usize,
}

struct SlotHolder {
    address: IpAddr,
    is_health: bool,
    activity: Arc<Activity>,
    end: CancellationToken,
}

impl Slots {
    /// Returns free slots. Cancelling `end` ends all connections.
    pub fn new(limits: Limits, meter: ConnectionMetrics, end: CancellationToken) -> Self {
        Self { limits, end, meter, taken: Mutex::default(), is_full: AtomicBool::new(false) }
    }

    /// Acquires a slot, closing an idle or slow connection if needed. Returns `None` if all are active.
    pub fn acquire(self: &Arc<Self>, address: IpAddr, activity: Arc<Activity>) -> Option<ConnectionSlot> {
        let mut taken = self.taken.lock();
        let grace = self.limits.body_grace;
        let of_address = taken.by_address.get(&address).copied().unwrap_or_default();
        let address_limit = self.limits.of_address(address);
        let is_free = if of_address >= address_limit {
            taken.close_slowest(grace, |holder| !holder.is_health && holder.address == address)
        } else {
            taken.by_id.len() - taken.health < self.limits.connections
                || taken.close_slowest(grace, |holder| !holder.is_health)
        };
        if !is_free {
            drop(taken);
            self.meter.refused.inc();
            if !self.is_full.swap(true, Ordering::Relaxed) {
                let limit = self.limits.connections;
                tracing::warn!(%address, address_limit, limit, "too many connections are active, some are refused");
            }
            return None;
        }
        Some(self.take(&mut taken, address, activity, false))
    }

    /// Acquires a health slot, as [`Slots::acquire`] does.
    pub fn acquire_health(self: &Arc<Self>, address: IpAddr, activity: Arc<Activity>) -> Option<ConnectionSlot> {
        let mut taken = self.taken.lock();
        let is_free = taken.health < HEALTH_SLOTS || taken.close_slowest(self.limits.body_grace, |e| e.is_health);
        is_free.then(|| self.take(&mut taken, address, activity, true))
    }

    /// Closes connections whose head timeout or idle timeout has expired.
    pub fn close_expired(&self) {
        let Limits { head_timeout, idle_timeout, connections, .. } = self.limits;
        self.close_where(|state| match state {
            ConnectionState::Active | ConnectionState::ReceivingBody(_) => false,
            ConnectionState::ReceivingHead(elapsed) => elapsed >= head_timeout,
            ConnectionState::Idle(elapsed) => elapsed >= idle_timeout,
        });
        if self.taken.lock().by_id.len() < connections {
            self.is_full.store(false, Ordering::Relaxed);
        }
    }

    /// Closes connections without a request in flight.
    pub fn close_idle(&self) {
        self.close_where(|state| !state.is_in_flight());
    }

    fn close_where(&self, is_over: impl Fn(ConnectionState) -> bool) {
        let taken = self.taken.lock();
        taken.by_id.values().filter(|holder| is_over(holder.activity.state())).for_each(|holder| holder.end.cancel());
    }

    fn take(
        self: &Arc<Self>,
        taken: &mut TakenSlots,
        address: IpAddr,
        activity: Arc<Activity>,
        is_health: bool,
    ) -> ConnectionSlot {
        let (id, end) = (taken.next_id, self.end.child_token());
        taken.next_id += 1;
        taken.by_id.insert(id, SlotHolder { address, is_health, activity, end: end.clone() });
        if is_health {
            taken.health += 1;
        } else {
            *taken.by_address.entry(address).or_default() += 1;
        }
        self.meter.open.inc();
        ConnectionSlot { slots: Arc::clone(self), id, end }
    }
}

impl TakenSlots {
    /// Closes the connection that has been without a whole request for the longest. An incomplete head goes before an
    /// incomplete body. Returns false if there is none.
    fn close_slowest(&mut self, grace: Duration, among: impl Fn(&SlotHolder) -> bool) -> bool {
        let holders = self.by_id.iter().filter(|(_, holder)| among(holder));
        let slow = holders.filter_map(|(id, holder)| match holder.activity.state() {
            ConnectionState::ReceivingHead(elapsed) | ConnectionState::Idle(elapsed) => Some((true, elapsed, *id)),
            ConnectionState::ReceivingBody(elapsed) if elapsed >= grace => Some((false, elapsed, *id)),
            ConnectionState::Active | ConnectionState::ReceivingBody(_) => None,
        });
        let Some((_, _, id)) = slow.max() else { return false };
        self.remove(id);
        true
    }

    fn remove(&mut self, id: u64) {
        let Some(holder) = self.by_id.remove(&id) else { return };
        holder.end.cancel();
        if holder.is_health {
            self.health -= 1;
        } else if let Some(n) = self.by_address.get_mut(&holder.address) {
            *n -= 1;
            if *n == 0 {
                self.by_address.remove(&holder.address);
            }
        }
    }
}

/// A slot, until it is dropped.
pub(super) struct ConnectionSlot {
    slots: Arc<Slots>,
    id: u64,
    end: CancellationToken,
}

impl ConnectionSlot {
    /// Returns the limits of its connection.
    pub fn limits(&self) -> &Limits {
        &self.slots.limits
    }

    /// Returns whether its connection has to end.
    pub fn is_ended(&self) -> bool {
        self.end.is_cancelled()
    }

    /// Waits until its connection has to end.
    pub async fn ended(&self) {
        self.end.cancelled().await;
    }

    /// Waits until all connections have to end, even active ones.
    pub async fn all_ended(&self) {
        self.slots.end.cancelled().await;
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.slots.meter.open.dec();
        self.slots.taken.lock().remove(self.id);
    }
}
