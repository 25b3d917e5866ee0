//! What IPv4 and IPv6 addresses have in common, so that prefixes, pools and networks are of either.

use std::fmt::{self, Debug, Display};
use std::hash::Hash;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// One of the two protocols that this server speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Protocol {
    /// RFC 2131.
    Dhcpv4,
    /// RFC 8415.
    Dhcpv6,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dhcpv4 => "DHCPv4",
            Self::Dhcpv6 => "DHCPv6",
        })
    }
}

/// An address of one of the two families.
pub trait Address: Copy + Debug + Display + FromStr + Hash + Ord + 'static {
    /// Who gives such addresses out.
    const PROTOCOL: Protocol;
    /// How long it is, in bits.
    const LEN: u8;
    /// The number that an address is, in so many bits.
    type Bits: Copy + Debug + Ord;

    /// The address as that number.
    fn bits(self) -> Self::Bits;

    /// The address as a number, its first octet the highest.
    fn number(self) -> u128;

    /// The address that a number stands for; bits past [`LEN`](Self::LEN) do not count.
    fn of_number(number: u128) -> Self;

    /// The address after this one; `None` after the last.
    fn next(self) -> Option<Self> {
        let next = self.number().checked_add(1).map(Self::of_number)?;
        (next > self).then_some(next)
    }
}

impl Address for Ipv4Addr {
    const PROTOCOL: Protocol = Protocol::Dhcpv4;
    const LEN: u8 = 32;
    type Bits = u32;

    fn bits(self) -> u32 {
        self.to_bits()
    }

    fn number(self) -> u128 {
        u128::from(self.to_bits())
    }

    fn of_number(number: u128) -> Self {
        Self::from_bits(number as u32) // the bits that count
    }
}

impl Address for Ipv6Addr {
    const PROTOCOL: Protocol = Protocol::Dhcpv6;
    const LEN: u8 = 128;
    type Bits = u128;

    fn bits(self) -> u128 {
        self.to_bits()
    }

    fn number(self) -> u128 {
        self.to_bits()
    }

    fn of_number(number: u128) -> Self {
        Self::from_bits(number)
    }
}
