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

    /// The address as a number, its first octet the highest.
    fn number(self) -> u128;

    /// The address that a number stands for; bits past [`LEN`](Self::LEN) do not count.
    fn of_number(number: u128) -> Self;
}

impl Address for Ipv4Addr {
    const PROTOCOL: Protocol = Protocol::Dhcpv4;
    const LEN: u8 = 32;

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

    fn number(self) -> u128 {
        self.to_bits()
    }

    fn of_number(number: u128) -> Self {
        Self::from_bits(number)
    }
}
