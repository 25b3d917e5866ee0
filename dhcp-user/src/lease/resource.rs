//! What can be leased, and what a table numbers.
//!
//! To the journal, partners and people a resource is an address or a prefix. The table is one engine
//! for all of them, and knows each by 32 bits. An IPv4 address is its own number, so that a pool is a
//! run of numbers and a slot is found by arithmetic.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::layout::Owner;
use crate::wire::{Ipv6Prefix, failover6};

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

impl Resource {
    /// Whether a host may have it: an address of which the standards keep the interface identifier for
    /// something else is nobody's (RFC 8415 §13.1; RFC 5453, RFC 2526 §2).
    #[must_use]
    pub fn is_assignable(self) -> bool {
        const ANYCAST: RangeInclusive<u64> = 0xfdff_ffff_ffff_ff80..=0xfdff_ffff_ffff_ffff;
        const ETHERNET_BLOCK: RangeInclusive<u64> = 0x0200_5eff_fe00_0000..=0x0200_5eff_feff_ffff;
        match self {
            Self::Ipv6(address) => {
                let interface = address.to_bits() as u64;
                let is_kept = |kept: &RangeInclusive<u64>| kept.contains(&interface);
                interface != 0 && ![ANYCAST, ETHERNET_BLOCK].iter().any(is_kept)
            }
            Self::Ipv4(_) | Self::Prefix(_) => true,
        }
    }
}

impl Resource {
    /// The address itself or its neighbour, whichever is the owner's where addresses say whose they are
    /// (RFC 8156 §4.2.1.1).
    #[must_use]
    pub fn of_owner(self, owner: Owner) -> Self {
        let Self::Ipv6(address) = self else { return self };
        let bits = address.to_bits();
        Self::Ipv6(Ipv6Addr::from_bits(match owner {
            Owner::Primary => bits | 1,
            Owner::Secondary => bits & !1,
        }))
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

/// Text that is neither an address nor a prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoResource;

impl FromStr for Resource {
    type Err = NoResource;

    fn from_str(text: &str) -> Result<Self, NoResource> {
        match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => Ok(address.into()),
            Ok(IpAddr::V6(address)) => Ok(address.into()),
            Err(_) => text.parse::<Ipv6Prefix>().map(Self::from).map_err(|_| NoResource),
        }
    }
}

impl fmt::Display for NoResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is neither an address nor an IPv6 prefix")
    }
}

impl std::error::Error for NoResource {}

impl From<failover6::Resource> for Resource {
    fn from(resource: failover6::Resource) -> Self {
        match resource {
            failover6::Resource::Address(address) => address.into(),
            failover6::Resource::Prefix(prefix) => prefix.into(),
        }
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
