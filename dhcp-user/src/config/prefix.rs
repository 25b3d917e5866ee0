//! IPv4 prefixes and ranges: read, compared, shown.

use std::fmt;
use std::net::Ipv4Addr;

use super::model::Prefix;

/// What a prefix looks like, for whoever wrote something else.
pub(super) const EXPECTED: &str =
    "a prefix is like \"10.0.0.0/8\", with no bit set past its length";

/// What a range looks like.
pub(super) const EXPECTED_RANGE: &str =
    "a range is like \"10.0.1.0-10.0.1.255\", low end first, \"10.0.1.0/24\" or a single address";

/// Reads a prefix that has no bit set past its length.
pub(super) fn parse(text: &str) -> Option<Prefix> {
    let (address, len) = text.split_once('/')?;
    let plain = len.bytes().all(|octet| octet.is_ascii_digit());
    let len = len.parse().ok().filter(|len| plain && *len <= 32)?;
    let prefix = Prefix::containing(address.parse().ok()?, len);
    (prefix.address == address.parse::<Ipv4Addr>().ok()?).then_some(prefix)
}

/// Reads a range by its first and last address, as a prefix or as one address.
pub(super) fn parse_range(text: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    if let Some((first, last)) = text.split_once('-') {
        let range = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        return (range.0 <= range.1).then_some(range);
    }
    match text.parse() {
        Ok(address) => Some((address, address)),
        Err(_) => parse(text).map(|prefix| (prefix.first(), prefix.last())),
    }
}

impl Prefix {
    /// The prefix of `len` bits that `address` lies in; a `len` over 32 is 32.
    #[must_use]
    pub fn containing(address: Ipv4Addr, len: u8) -> Self {
        let len = len.min(32);
        let address = Ipv4Addr::from_bits(address.to_bits() & Self::mask_bits(len));
        Self { address, len }
    }

    /// The first address: of the network itself where the prefix is a subnet.
    #[must_use]
    pub fn first(self) -> Ipv4Addr {
        self.address
    }

    /// The last address: to all of the subnet where the prefix is one.
    #[must_use]
    pub fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() | !Self::mask_bits(self.len))
    }

    /// The subnet mask (RFC 950).
    #[must_use]
    pub fn mask(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(Self::mask_bits(self.len))
    }

    /// Whether `address` lies in it.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & Self::mask_bits(self.len) == self.address.to_bits()
    }

    fn mask_bits(len: u8) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(len.min(32))).unwrap_or(0)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prefixes_are_read_and_bits_past_the_length_refused() {
        let whole = Prefix { address: Ipv4Addr::UNSPECIFIED, len: 0 };
        assert_eq!(parse("0.0.0.0/0"), Some(whole));
        assert_eq!(whole.last(), Ipv4Addr::BROADCAST);
        assert_eq!(parse("10.0.0.0/8").map(Prefix::mask), Some(Ipv4Addr::new(255, 0, 0, 0)));
        for text in ["", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "/8"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn ranges_are_read_in_three_forms() {
        let range = |first: [u8; 4], last: [u8; 4]| Some((first.into(), last.into()));
        assert_eq!(parse_range("10.0.0.1-10.0.0.9"), range([10, 0, 0, 1], [10, 0, 0, 9]));
        assert_eq!(parse_range("10.0.0.1 - 10.0.0.9"), range([10, 0, 0, 1], [10, 0, 0, 9]));
        assert_eq!(parse_range("10.0.0.0/30"), range([10, 0, 0, 0], [10, 0, 0, 3]));
        assert_eq!(parse_range("10.0.0.7"), range([10, 0, 0, 7], [10, 0, 0, 7]));
        assert_eq!(parse_range("10.0.0.9-10.0.0.1"), None);
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
        fn no_text_upsets_the_readers(text in "[0-9./ -]{0,40}|.{0,20}") {
            let _ = (parse(&text), parse_range(&text));
        }
    }
}
