//! How a request came in.

use std::net::{Ipv4Addr, Ipv6Addr};

/// How a request came in, below DHCP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival<A = Ipv4Addr> {
    /// On which interface.
    pub interface: InterfaceIndex,
    /// Source of the IP packet.
    pub source_ip: A,
    /// UDP source port.
    pub source_port: u16,
    /// Destination of the IP packet.
    pub destination_ip: A,
}

/// An interface by its place in the configuration.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InterfaceIndex(pub u16);

/// The addresses of one interface as the kernel has them, in its order; the interfaces stand in the
/// configuration's order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InterfaceAddresses {
    /// The first is the server identifier, unless the configuration names another.
    pub addresses: Vec<InterfaceAddress>,
    /// Of IPv6, the link-local one among them.
    pub ipv6: Vec<Ipv6Addr>,
}

/// One address of an interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: Ipv4Addr,
    /// 0..=32: how much of it is the link's prefix.
    pub prefix_len: u8,
}
