//! What a table numbers: everything that can be leased.
//!
//! The table is one engine for all that is leased, and knows each thing by 32 bits. An IPv4 address
//! is its own number, so that a pool is a run of numbers and a slot is found by arithmetic.

use std::net::Ipv4Addr;

/// The number of one thing that can be leased, in one table.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ResourceId(pub u32);

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
