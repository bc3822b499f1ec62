//! Networks of addresses, the unit in which unknown clients are counted.

use std::net::{IpAddr, Ipv6Addr};

/// Returns the network of an address: an IPv4 address itself, including one that is mapped into IPv6, and the first 64
/// bits of an IPv6 address, because a single customer usually has all addresses with these bits.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_is_one_network() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:0:1:ffff::1"), "2001:db8:0:1::");
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
