//! Limits of all connections, and of each one.

use std::{net::IpAddr, sync::Arc, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Maximum number of connections, however many files the process may open.
const MAX_CONNECTIONS: usize = 65_536;
/// Minimum number of connections, so that a process that may open next to no files still serves.
const MIN_CONNECTIONS: usize = 16;
/// Number of files reserved for databases, etcd and assets.
const RESERVED_FILES: usize = 128;

/// Limits of connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum number of connections.
    pub connections: usize,
    /// Maximum number of connections of one address that is neither loopback nor a proxy.
    pub per_address: usize,
    /// Maximum time for the head of a request. The first one starts with the connection.
    pub head_timeout: Duration,
    /// Maximum time from the head of a request to the end of its body.
    pub body_timeout: Duration,
    /// Maximum time between two requests.
    pub idle_timeout: Duration,
    /// Maximum time for which a write may be blocked.
    pub stall_timeout: Duration,
    /// Minimum time of a body before its connection may be closed for another one.
    pub body_grace: Duration,
    /// Addresses whose `X-Forwarded-For` is trusted.
    pub proxies: Arc<[IpAddr]>,
}

impl Limits {
    /// Returns limits for the number of files that this process may open. Raises that number as far as possible.
    pub fn of_this_process(proxies: &[IpAddr]) -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        // A limit that cannot be raised still holds.
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
        let files = if raised { maximum } else { current };
        Self::of_files(files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX)), proxies)
    }

    pub(super) fn of_files(files: usize, proxies: &[IpAddr]) -> Self {
        let connections = files.saturating_sub(RESERVED_FILES.max(files / 8)).clamp(MIN_CONNECTIONS, MAX_CONNECTIONS);
        Self {
            connections,
            per_address: connections / 4,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(30),
            body_grace: Duration::from_secs(2),
            proxies: proxies.iter().map(IpAddr::to_canonical).collect(),
        }
    }

    /// Returns the maximum number of connections of `address`.
    pub(super) fn of_address(&self, address: IpAddr) -> usize {
        if address.is_loopback() || self.proxies.contains(&address) { self.connections } else { self.per_address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_gets_at_most_a_quarter() {
        let proxy = IpAddr::from([10, 0, 0, 1]);
        let limits = Limits::of_files(1024, &[proxy]);
        assert_eq!((limits.connections, limits.per_address), (896, 224));
        assert_eq!(limits.of_address([192, 0, 2, 1].into()), 224);
        assert_eq!((limits.of_address(proxy), limits.of_address([127, 0, 0, 1].into())), (896, 896));
        let connections = |files| Limits::of_files(files, &[]).connections;
        assert_eq!((connections(10), connections(usize::MAX)), (MIN_CONNECTIONS, MAX_CONNECTIONS));
    }
}
