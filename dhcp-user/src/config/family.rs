//! What the sections of the two protocols have otherwise than each other, in words and rules.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::model::{Address, Prefix};
use super::reader::Value;

/// A family of addresses as the file writes it.
pub(super) trait Family: Address {
    /// What its subnets are called, in the file and in KEYS.md.
    const SUBNET: &'static str;
    /// As KEYS.md heads the table of a pool.
    const POOL: &'static str;
    /// What an address, a prefix and a range look like, for whoever wrote something else.
    const EXPECTED_ADDRESS: &'static str;
    const EXPECTED_PREFIX: &'static str;
    const EXPECTED_RANGE: &'static str;
    /// Values that would be right.
    const A_SUBNET: &'static str;
    const A_RANGE: &'static str;
    const SOME_POOLS: &'static str;
    const SOME_RELAYS: &'static str;
    /// Where hosts have no addresses, and the RFC that says so.
    const NOT_FOR_HOSTS: &'static [(Self, u8)];
    const NOT_FOR_HOSTS_BY: &'static str;
    /// Whether a pool must not reach over [`ends`](Self::ends): where they are two of millions, they
    /// are left out in silence.
    const ENDS_COUNT_IN_POOLS: bool;

    /// The addresses of a subnet that no host may have, and what they are.
    fn ends(subnet: Prefix<Self>) -> Vec<(Self, &'static str)>;
}

impl Family for Ipv4Addr {
    const SUBNET: &'static str = "subnet4";
    const POOL: &'static str = "pool";
    const EXPECTED_ADDRESS: &'static str = "write an IPv4 address";
    const EXPECTED_PREFIX: &'static str =
        "a prefix is like \"10.0.0.0/8\", with no bit set past its length";
    const EXPECTED_RANGE: &'static str = "a range is like \"10.0.1.0-10.0.1.255\", low end first, \
                                          \"10.0.1.0/24\" or a single address";
    const A_SUBNET: &'static str = "10.0.0.0/8";
    const A_RANGE: &'static str = "10.0.1.0-10.0.1.255";
    const SOME_POOLS: &'static str = "[\"10.1.0.0-10.64.255.255\"]";
    const SOME_RELAYS: &'static str = "[\"192.0.2.1\", \"198.51.100.0/24\"]";
    /// This network, loopback, multicast and what lies above it.
    const NOT_FOR_HOSTS: &'static [(Self, u8)] =
        &[(Self::new(0, 0, 0, 0), 8), (Self::new(127, 0, 0, 0), 8), (Self::new(224, 0, 0, 0), 3)];
    const NOT_FOR_HOSTS_BY: &'static str = "RFC 6890";
    const ENDS_COUNT_IN_POOLS: bool = true;

    /// A /31 and a /32 have none (RFC 3021).
    fn ends(subnet: Prefix) -> Vec<(Self, &'static str)> {
        if subnet.len >= 31 {
            return Vec::new();
        }
        vec![(subnet.first(), "the network address"), (subnet.last(), "the broadcast address")]
    }
}

impl Family for Ipv6Addr {
    const SUBNET: &'static str = "subnet6";
    const POOL: &'static str = "pool6";
    const EXPECTED_ADDRESS: &'static str = "write an IPv6 address";
    const EXPECTED_PREFIX: &'static str =
        "a prefix is like \"2001:db8::/32\", with no bit set past its length";
    const EXPECTED_RANGE: &'static str = "a range is like \"2001:db8::1000-2001:db8::1fff\", low end first, \"2001:db8:0:1::/64\" \
         or a single address";
    const A_SUBNET: &'static str = "2001:db8:1::/48";
    const A_RANGE: &'static str = "2001:db8:1::1000-2001:db8:1::1fff";
    const SOME_POOLS: &'static str = "[\"2001:db8:1:1::/64\"]";
    const SOME_RELAYS: &'static str = "[\"2001:db8:2::1\", \"2001:db8:3::/64\"]";
    /// Unspecified, loopback and mapped; link-local; multicast.
    const NOT_FOR_HOSTS: &'static [(Self, u8)] = &[
        (Self::UNSPECIFIED, 8),
        (Self::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
        (Self::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
    ];
    const NOT_FOR_HOSTS_BY: &'static str = "RFC 4291";
    const ENDS_COUNT_IN_POOLS: bool = false;

    /// RFC 4291 §2.6.1; a /127 has none (RFC 6164), nor has a /128.
    fn ends(subnet: Prefix<Self>) -> Vec<(Self, &'static str)> {
        if subnet.len >= 127 {
            return Vec::new();
        }
        vec![(subnet.first(), "the anycast address of the routers")]
    }
}

/// Gives the prefix back if hosts may have addresses in it.
pub(super) fn for_hosts<A: Family>(value: Value<'_>, prefix: Prefix<A>) -> Option<Prefix<A>> {
    let block = |&(address, len): &(A, u8)| Prefix { address, len };
    match A::NOT_FOR_HOSTS.iter().map(block).find(|block| block.overlaps(prefix)) {
        Some(block) => {
            let by = A::NOT_FOR_HOSTS_BY;
            value.wrong(format!("hosts have no addresses in {block} ({by})"))
        }
        None => Some(prefix),
    }
}
