//! Links, subnets and pools.

use std::net::Ipv4Addr;

use super::Scope;

/// Subnets on one link: an address of any of them suits a client there.
#[derive(Clone, Debug)]
pub struct Network {
    /// From the file, or the only subnet's prefix.
    pub name: String,
    /// Options and parameters of the shared network.
    pub scope: Scope,
    /// At least one.
    pub subnets: Vec<Subnet>,
    /// Interfaces, by name, whose direct clients are on this link beside what the interfaces' own
    /// addresses tell.
    pub interfaces: Vec<String>,
    /// Relay addresses (`giaddr`, RFC 3527 link selection) on this link beside those in its subnets.
    pub relays: Vec<Prefix>,
}

/// An IPv4 prefix; the address has no bit set past the length.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Prefix {
    /// First address.
    pub address: Ipv4Addr,
    /// 0..=32.
    pub len: u8,
}

/// `[[subnet4]]`
#[derive(Clone, Debug)]
pub struct Subnet {
    /// Where it lies; subnets never overlap.
    pub prefix: Prefix,
    /// Options and parameters.
    pub scope: Scope,
    /// Dynamic ranges, ascending, never overlapping.
    pub pools: Vec<Pool>,
    /// The relationship, by index, that serves it with a partner.
    pub failover: Option<u16>,
}

/// One range of addresses to lease from.
#[derive(Clone, Debug)]
pub struct Pool {
    /// First address of the range.
    pub first: Ipv4Addr,
    /// Last address of the range, itself included.
    pub last: Ipv4Addr,
    /// Options and parameters.
    pub scope: Scope,
    /// Classes, by index, of which a client must be in one to get an address here; empty lets
    /// everybody in.
    pub allow: Vec<usize>,
    /// Classes, by index, whose clients get no address here.
    pub deny: Vec<usize>,
}
