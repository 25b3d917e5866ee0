//! Prefix exclude, option 67 in an IA Prefix (RFC 6603 §4.2): the part of a delegated prefix that the
//! delegating router keeps for the link between the two.
//!
//! ```text
//!  | prefix-length of the part (1) | the part's bits behind the delegated prefix, left-justified ... |
//! ```

use std::net::Ipv6Addr;

use crate::wire::Ipv6Prefix;

/// The data of a prefix exclude option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PrefixExclude {
    len: u8,
    octets: [u8; Self::MAX_LEN],
}

impl PrefixExclude {
    /// A length, and at most all bits of an address.
    pub const MAX_LEN: usize = 17;

    /// What to write to exclude `part` from `delegated`; `None` if it is no part, or all of it.
    #[must_use]
    pub fn new(delegated: Ipv6Prefix, part: Ipv6Prefix) -> Option<Self> {
        if part.len() <= delegated.len() || !delegated.covers(part) {
            return None;
        }
        let bits = part.address().to_bits() << delegated.len();
        let mut octets = [0; Self::MAX_LEN];
        octets[0] = part.len();
        octets[1..].copy_from_slice(&bits.to_be_bytes());
        Some(Self { len: 1 + (part.len() - delegated.len()).div_ceil(8), octets })
    }

    /// The option's data.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.len.into()]
    }

    /// The part that `data` excludes from `delegated`; `None` if it is no part.
    #[must_use]
    pub fn read(delegated: Ipv6Prefix, data: &[u8]) -> Option<Ipv6Prefix> {
        let (len, subnet) = data.split_first()?;
        let significant = len.checked_sub(delegated.len()).filter(|bits| *bits > 0)?.div_ceil(8);
        if *len > Ipv6Prefix::MAX_LEN || subnet.len() != usize::from(significant) {
            return None;
        }
        let mut octets = [0; 16];
        octets[..subnet.len()].copy_from_slice(subnet);
        let bits = u128::from_be_bytes(octets) >> delegated.len();
        let address = Ipv6Addr::from_bits(delegated.address().to_bits() | bits);
        // Bits past the part's end are not looked at (RFC 6603 §4.2).
        Some(Ipv6Prefix::containing(address, *len))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> Ipv6Prefix {
        text.parse().unwrap()
    }

    /// RFC 6603 §4.2's own prefixes, and one whose bits cross an octet.
    #[test]
    fn a_part_is_the_bits_behind_the_delegated_prefix() {
        for (delegated, part, data) in [
            ("2001:db8:dead:bee0::/59", "2001:db8:dead:beef::/64", &[64, 0b0111_1000][..]),
            ("2001:db8::/32", "2001:db8:1:2::/64", &[64, 0, 1, 0, 2]),
            ("2001:db8::/32", "2001:db8:8000::/33", &[33, 0x80]),
            ("::/0", "::1/128", &[128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ] {
            let written = PrefixExclude::new(prefix(delegated), prefix(part)).unwrap();
            assert_eq!(written.octets(), data, "{part} of {delegated}");
            assert_eq!(PrefixExclude::read(prefix(delegated), data), Some(prefix(part)));
        }
    }

    #[test]
    fn what_is_no_part_is_refused() {
        let delegated = prefix("2001:db8::/32");
        for other in ["2001:db8::/32", "2001::/16", "2001:db9::/64"] {
            assert_eq!(PrefixExclude::new(delegated, prefix(other)), None, "{other}");
        }
        for data in [&[][..], &[64], &[64, 0, 0, 0], &[64, 0, 0, 0, 0, 0], &[32], &[129, 0], &[8]] {
            assert_eq!(PrefixExclude::read(delegated, data), None, "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn every_part_reads_back(address: u128, outer in 0..128_u8, more in 1..=128_u8) {
            let len = outer.saturating_add(more).min(128);
            let part = Ipv6Prefix::containing(Ipv6Addr::from_bits(address), len);
            let delegated = Ipv6Prefix::containing(part.address(), outer);
            let written = PrefixExclude::new(delegated, part).unwrap();
            prop_assert_eq!(PrefixExclude::read(delegated, written.octets()), Some(part));
        }
    }
}
