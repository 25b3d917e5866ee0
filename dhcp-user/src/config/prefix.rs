//! Prefixes and ranges: read, compared, shown.

use std::fmt;
use std::net::Ipv4Addr;

use super::model::{Address, Prefix};

/// Reads a prefix that has no bit set past its length.
pub(super) fn parse<A: Address>(text: &str) -> Option<Prefix<A>> {
    let (address, len) = text.split_once('/')?;
    let plain = len.bytes().all(|octet| octet.is_ascii_digit());
    let len = len.parse().ok().filter(|len| plain && *len <= A::LEN)?;
    let address = address.parse().ok()?;
    let prefix = Prefix::containing(address, len);
    (prefix.address == address).then_some(prefix)
}

/// Reads a range by its first and last address, as a prefix or as one address.
pub(super) fn parse_range<A: Address>(text: &str) -> Option<(A, A)> {
    if let Some((first, last)) = text.split_once('-') {
        let range = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        return (range.0 <= range.1).then_some(range);
    }
    match text.parse() {
        Ok(address) => Some((address, address)),
        Err(_) => parse(text).map(|prefix| (prefix.first(), prefix.last())),
    }
}

impl<A: Address> Prefix<A> {
    /// The prefix of `len` bits that `address` lies in; a `len` over an address's is that.
    #[must_use]
    pub fn containing(address: A, len: u8) -> Self {
        let len = len.min(A::LEN);
        let address = A::of_number(address.number() & !Self::host_bits(len));
        Self { address, len }
    }

    /// The first address: of the network itself where the prefix is an IPv4 subnet.
    #[must_use]
    pub fn first(self) -> A {
        self.address
    }

    /// The last address: to all of the subnet where the prefix is an IPv4 subnet.
    #[must_use]
    pub fn last(self) -> A {
        A::of_number(self.address.number() | Self::host_bits(self.len))
    }

    /// Whether `address` lies in it.
    #[must_use]
    pub fn contains(self, address: A) -> bool {
        address.number() & !Self::host_bits(self.len) == self.address.number()
    }

    /// Whether the two have an address in common: one then holds the other.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.first()) || other.contains(self.first())
    }

    /// The bits past `len`, all set.
    fn host_bits(len: u8) -> u128 {
        let count = u32::from(A::LEN.saturating_sub(len));
        u128::MAX.checked_shl(count).map_or(u128::MAX, |above| !above)
    }
}

impl Prefix {
    /// The subnet mask (RFC 950).
    #[must_use]
    pub fn mask(self) -> Ipv4Addr {
        Ipv4Addr::of_number(!Self::host_bits(self.len))
    }
}

impl<A: fmt::Display> fmt::Display for Prefix<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prefixes_are_read_and_bits_past_the_length_refused() {
        let whole = Prefix { address: Ipv4Addr::UNSPECIFIED, len: 0 };
        assert_eq!(parse("0.0.0.0/0"), Some(whole));
        assert_eq!(whole.last(), Ipv4Addr::BROADCAST);
        assert_eq!(parse("10.0.0.0/8").map(Prefix::mask), Some(Ipv4Addr::new(255, 0, 0, 0)));
        for text in ["", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "/8"] {
            assert_eq!(parse::<Ipv4Addr>(text), None, "{text}");
        }
    }

    #[test]
    fn ranges_are_read_in_three_forms() {
        let ip = |octets: [u8; 4]| Ipv4Addr::from(octets);
        let range = |first, last| Some((ip(first), ip(last)));
        assert_eq!(parse_range("10.0.0.1-10.0.0.9"), range([10, 0, 0, 1], [10, 0, 0, 9]));
        assert_eq!(parse_range("10.0.0.1 - 10.0.0.9"), range([10, 0, 0, 1], [10, 0, 0, 9]));
        assert_eq!(parse_range("10.0.0.0/30"), range([10, 0, 0, 0], [10, 0, 0, 3]));
        assert_eq!(parse_range("10.0.0.7"), range([10, 0, 0, 7], [10, 0, 0, 7]));
        assert_eq!(parse_range::<Ipv4Addr>("10.0.0.9-10.0.0.1"), None);
    }

    proptest! {
        #[test]
        fn a_prefix_holds_what_lies_between_its_ends(bits: u32, len in 0u8..=32, other: u32) {
            let prefix = Prefix::containing(bits.into(), len);
            let other = Ipv4Addr::from(other);
            prop_assert_eq!(parse(&prefix.to_string()), Some(prefix));
            prop_assert_eq!(prefix.contains(other), (prefix.first()..=prefix.last()).contains(&other));
        }

        #[test]
        fn so_does_one_of_ipv6(bits: u128, len in 0u8..=128, other: u128) {
            let prefix = Prefix::containing(Ipv6Addr::from(bits), len);
            let other = Ipv6Addr::from(other);
            prop_assert_eq!(parse(&prefix.to_string()), Some(prefix));
            prop_assert_eq!(prefix.contains(other), (prefix.first()..=prefix.last()).contains(&other));
            prop_assert!(prefix.contains(prefix.last()));
        }

        #[test]
        fn no_text_upsets_the_readers(text in "[0-9a-f.:/ -]{0,40}|.{0,20}") {
            let _ = (parse::<Ipv4Addr>(&text), parse_range::<Ipv4Addr>(&text));
            let _ = (parse::<Ipv6Addr>(&text), parse_range::<Ipv6Addr>(&text));
        }
    }
}
