//! Where everything is, in either protocol: networks, what can be leased there, relays and servers.

use std::net::{Ipv4Addr, Ipv6Addr};

use dhcp_user::config::model::Protocol;
use dhcp_user::lease::Resource;
use dhcp_user::wire::Ipv6Prefix;

use super::scenario::Side;

/// How long the prefixes are that clients get.
pub(super) const DELEGATED: u8 = 56;
/// Where pools begin in their network.
const POOL_BEGIN: u32 = 0x10;

/// A server's own address.
pub(super) fn server_address(side: Side) -> Ipv4Addr {
    Ipv4Addr::new(10, 255, 0, 1 + side as u8)
}

/// Who a server is to clients of DHCPv6: a DUID-LL (RFC 8415 §11.4).
pub(super) fn server_duid(side: Side) -> [u8; 10] {
    [0, 3, 0, 1, 2, 0xff, 0, 0, 0, 1 + side as u8]
}

/// The relay of a network, which hands its clients' broadcasts to both servers.
pub(super) fn relay_address(network: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, network as u8, 0, 1)
}

/// The same in DHCPv6: its link-address.
pub(super) fn link_address(network: usize) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, network as u16, 0, 0, 0, 0, 1)
}

/// A client's hardware address.
pub(super) fn hardware(number: u16) -> [u8; 6] {
    let [high, low] = number.to_be_bytes();
    [2, 0, 0, 0, high, low]
}

/// A client's DUID, of its hardware address.
pub(super) fn duid(number: u16) -> [u8; 10] {
    let [a, b, c, d, e, f] = hardware(number);
    [0, 3, 0, 1, a, b, c, d, e, f]
}

/// An address of a network by its place: those of the pool first, then those that are reserved.
pub(super) fn address(protocol: Protocol, network: usize, place: u32) -> Resource {
    let host = POOL_BEGIN + place;
    match protocol {
        Protocol::Dhcpv4 => Ipv4Addr::new(10, network as u8, 0, host as u8).into(),
        Protocol::Dhcpv6 => {
            Ipv6Addr::new(0x2001, 0xdb8, network as u16, 0, 0, 0, 0, host as u16).into()
        }
    }
}

/// A prefix of a network's pool by its place.
pub(super) fn prefix(network: usize, place: u32) -> Resource {
    let link = 0x8000 | network as u16;
    let address = Ipv6Addr::new(0x2001, 0xdb8, link, (place as u16) << 8, 0, 0, 0, 0);
    Ipv6Prefix::containing(address, DELEGATED).into()
}

/// In which network it is.
pub(super) fn network_of(resource: Resource) -> usize {
    match resource {
        Resource::Ipv4(address) => usize::from(address.octets()[1]),
        Resource::Ipv6(address) => usize::from(address.segments()[2]),
        Resource::Prefix(prefix) => usize::from(prefix.address().segments()[2] & 0x7fff),
    }
}

/// Whether one who has the one has something of the other.
pub(super) fn overlap(one: Resource, other: Resource) -> bool {
    match (one, other) {
        (Resource::Prefix(one), Resource::Prefix(other)) => {
            let shorter = one.len().min(other.len());
            Ipv6Prefix::containing(one.address(), shorter)
                == Ipv6Prefix::containing(other.address(), shorter)
        }
        _ => one == other,
    }
}
