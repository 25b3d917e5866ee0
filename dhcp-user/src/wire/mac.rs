//! Ethernet addresses.

use std::error::Error;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// An Ethernet address: six octets, written `02:00:00:00:00:01`.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// Everybody on the link.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether it means a group of stations, all of them included, and so cannot be a sender.
    #[must_use]
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Where a datagram to an IPv6 multicast group goes on an Ethernet: 33:33, and the group's last
    /// four octets (RFC 2464 §7).
    #[must_use]
    pub fn of_multicast(group: Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        Self([0x33, 0x33, a, b, c, d])
    }

    /// The six octets at `at`, which the caller has checked to be there.
    pub(super) fn read(octets: &[u8], at: usize) -> Self {
        let mut address = [0; 6];
        address.copy_from_slice(&octets[at..at + 6]);
        Self(address)
    }
}

/// Text that is not an Ethernet address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParseMacError;

impl FromStr for MacAddr {
    type Err = ParseMacError;

    /// Six octets of one or two hexadecimal digits between colons or between hyphens.
    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut digits = text.split(separator);
        let mut address = [0; 6];
        for octet in &mut address {
            let digits = digits.next().ok_or(ParseMacError)?;
            // `from_str_radix` alone would take a sign.
            if digits.len() > 2 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(ParseMacError);
            }
            *octet = u8::from_str_radix(digits, 16).map_err(|_| ParseMacError)?;
        }
        if digits.next().is_some() { Err(ParseMacError) } else { Ok(Self(address)) }
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacAddr({self})")
    }
}

impl fmt::Display for ParseMacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an Ethernet address is six octets, such as 02:00:00:00:00:01")
    }
}

impl Error for ParseMacError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_from_what_it_prints() {
        let address = MacAddr([0x02, 0, 0xab, 0xcd, 0xef, 0x01]);
        assert_eq!(address.to_string(), "02:00:ab:cd:ef:01");
        assert_eq!(address.to_string().parse(), Ok(address));
        assert_eq!("2-0-AB-cd-ef-1".parse(), Ok(address));
    }

    /// RFC 2464 §7, for the groups of RFC 8415 §7.1.
    #[test]
    fn a_multicast_group_has_an_ethernet_address() {
        let group: Ipv6Addr = "ff02::1:2".parse().unwrap();
        let address = MacAddr::of_multicast(group);
        assert_eq!(address.to_string(), "33:33:00:01:00:02");
        assert!(address.is_multicast());
    }

    #[test]
    fn text_that_is_no_address_is_refused() {
        for text in ["", "02:00:00:00:00", "02:00:00:00:00:01:02", "+2:0:0:0:0:1", "002:0:0:0:0:1"]
        {
            assert_eq!(text.parse::<MacAddr>(), Err(ParseMacError), "{text:?}");
        }
    }
}
