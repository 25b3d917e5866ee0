//! IPv6 prefixes.

use std::error::Error;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// An IPv6 prefix: no bit past its length is set.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ipv6Prefix {
    address: Ipv6Addr,
    len: u8,
}

impl Ipv6Prefix {
    /// Bits of an address.
    pub const MAX_LEN: u8 = 128;

    /// `None` for bits past the length, or a length over 128.
    #[must_use]
    pub fn new(address: Ipv6Addr, len: u8) -> Option<Self> {
        let prefix = Self::containing(address, len);
        (len <= Self::MAX_LEN && prefix.address == address).then_some(prefix)
    }

    /// The prefix of `len` bits, at most 128, that has `address` in it.
    #[must_use]
    pub fn containing(address: Ipv6Addr, len: u8) -> Self {
        let len = len.min(Self::MAX_LEN);
        Self { address: Ipv6Addr::from_bits(address.to_bits() & mask(len)), len }
    }

    /// Its first address.
    #[must_use]
    pub fn address(self) -> Ipv6Addr {
        self.address
    }

    /// Its last address.
    #[must_use]
    pub fn last(self) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.address.to_bits() | !mask(self.len))
    }

    /// Its length, in bits.
    #[expect(clippy::len_without_is_empty, reason = "no prefix is empty")]
    #[must_use]
    pub fn len(self) -> u8 {
        self.len
    }

    /// Whether the address is in it.
    #[must_use]
    pub fn contains(self, address: Ipv6Addr) -> bool {
        address.to_bits() & mask(self.len) == self.address.to_bits()
    }

    /// Whether all of the other prefix is in it.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        other.len >= self.len && self.contains(other.address)
    }
}

/// The first `len` bits, of which there are at most 128.
fn mask(len: u8) -> u128 {
    u128::MAX.checked_shl(u32::from(Ipv6Prefix::MAX_LEN - len)).unwrap_or(0)
}

/// Text that is no prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParsePrefixError {
    /// Not an IPv6 address, a slash and a length up to 128.
    Form,
    /// Bits past the length are set; this is the prefix that was meant.
    Bits(Ipv6Prefix),
}

impl FromStr for Ipv6Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let (address, len) = text.split_once('/').ok_or(ParsePrefixError::Form)?;
        let address: Ipv6Addr = address.parse().map_err(|_| ParsePrefixError::Form)?;
        // `parse` alone would take a sign.
        let is_number = len.bytes().all(|digit| digit.is_ascii_digit());
        let len = len.parse().ok().filter(|len| is_number && *len <= Self::MAX_LEN);
        let len = len.ok_or(ParsePrefixError::Form)?;
        Self::new(address, len)
            .ok_or_else(|| ParsePrefixError::Bits(Self::containing(address, len)))
    }
}

impl fmt::Display for Ipv6Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

impl fmt::Debug for Ipv6Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ipv6Prefix({self})")
    }
}

impl fmt::Display for ParsePrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => {
                f.write_str("an IPv6 prefix is an address and a length, such as 2001:db8::/32")
            }
            Self::Bits(prefix) => {
                write!(f, "there are bits past the length: {prefix} is the prefix")
            }
        }
    }
}

impl Error for ParsePrefixError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Ipv6Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_reads_back_from_what_it_prints() {
        for text in ["::/0", "2001:db8::/32", "2001:db8:ff00:100::/56", "::1/128"] {
            assert_eq!(prefix(text).to_string(), text);
        }
        for text in ["", "::", "::/129", "::/+1", "::/", "10.0.0.0/8", "::/0/0"] {
            assert_eq!(text.parse::<Ipv6Prefix>(), Err(ParsePrefixError::Form), "{text:?}");
        }
        let meant = ParsePrefixError::Bits(prefix("2001:db8::/32"));
        assert_eq!("2001:db8::1/32".parse::<Ipv6Prefix>(), Err(meant));
    }

    #[test]
    fn what_is_in_a_prefix_begins_with_its_bits() {
        let outer = prefix("2001:db8:ff00:100::/56");
        assert_eq!(
            outer.last(),
            "2001:db8:ff00:1ff:ffff:ffff:ffff:ffff".parse::<Ipv6Addr>().unwrap()
        );
        assert!(outer.contains(outer.address()) && outer.contains(outer.last()));
        assert!(!outer.contains("2001:db8:ff00:200::".parse().unwrap()));
        assert!(outer.covers(outer) && outer.covers(prefix("2001:db8:ff00:1fe::/63")));
        assert!(!outer.covers(prefix("2001:db8:ff00::/55")));
        assert!(prefix("::/0").covers(outer));
        assert_eq!(Ipv6Prefix::new(Ipv6Addr::UNSPECIFIED, 129), None);
    }
}
