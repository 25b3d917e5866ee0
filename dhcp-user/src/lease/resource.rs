//! What can be leased, and what a table numbers.
//!
//! To the journal, partners and people a resource is an address or a prefix. The table is one engine
//! for all of them, and knows each by 32 bits. An IPv4 address is its own number, so that a pool is a
//! run of numbers and a slot is found by arithmetic.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::Ipv6Prefix;

/// One thing that can be leased.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Resource {
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address, of an IA_NA.
    Ipv6(Ipv6Addr),
    /// A delegated prefix, of an IA_PD.
    Prefix(Ipv6Prefix),
}

/// The number of one thing that can be leased, in one table.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ResourceId(pub u32);

impl Resource {
    /// The IPv4 address that it is.
    #[must_use]
    pub fn ipv4(self) -> Option<Ipv4Addr> {
        match self {
            Self::Ipv4(address) => Some(address),
            Self::Ipv6(_) | Self::Prefix(_) => None,
        }
    }
}

impl From<Ipv4Addr> for Resource {
    fn from(address: Ipv4Addr) -> Self {
        Self::Ipv4(address)
    }
}

impl From<Ipv6Addr> for Resource {
    fn from(address: Ipv6Addr) -> Self {
        Self::Ipv6(address)
    }
}

impl From<Ipv6Prefix> for Resource {
    fn from(prefix: Ipv6Prefix) -> Self {
        Self::Prefix(prefix)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(address) => address.fmt(f),
            Self::Ipv6(address) => address.fmt(f),
            Self::Prefix(prefix) => prefix.fmt(f),
        }
    }
}

impl ResourceId {
    /// The lowest of all.
    pub const FIRST: Self = Self(0);
    /// The highest of all.
    pub const LAST: Self = Self(u32::MAX);

    /// An IPv4 address.
    #[must_use]
    pub const fn of(address: Ipv4Addr) -> Self {
        Self(address.to_bits())
    }

    /// The IPv4 address that it is in a table of those.
    #[must_use]
    pub const fn ipv4(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.0)
    }
}

impl From<Ipv4Addr> for ResourceId {
    fn from(address: Ipv4Addr) -> Self {
        Self::of(address)
    }
}
