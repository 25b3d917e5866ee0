//! DUID: who a client, a server or a relay is (RFC 8415 §11).
//!
//! ```text
//!  1 LLT: | 1 (2) | hardware type (2) | time (4) | link-layer address ... |
//!  2 EN:  | 2 (2) | enterprise-number (4) | identifier ... |
//!  3 LL:  | 3 (2) | hardware type (2) | link-layer address ... |
//!  4 UUID:| 4 (2) | UUID (16) |
//! ```

use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::wire::{HardwareAddress, Stamp, WireError, hex};

const LINK_LAYER_TIME: u16 = 1;
const LINK_LAYER: u16 = 3;
const UUID: u16 = 4;

/// A whole DUID. Nothing but whether two are equal may be read from one (RFC 8415 §11); what it was
/// made of is a hint for people, and for reservations by hardware address.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Duid {
    len: u8,
    // Those behind `len` are zero, so that equality can be derived.
    octets: [u8; Self::MAX_LEN],
}

impl Duid {
    /// A type, and at least one octet (RFC 8415 §11.1).
    pub const MIN_LEN: usize = 3;
    /// A type, and at most 128 octets (RFC 8415 §11.1).
    pub const MAX_LEN: usize = 130;

    /// `None` for a length that no DUID has.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        Self::parse(octets).ok()
    }

    /// The DUID in the data of an option.
    ///
    /// # Errors
    /// `Length` for a length that no DUID has.
    pub fn parse(octets: &[u8]) -> Result<Self, WireError> {
        Self::check(octets)?;
        let mut padded = [0; Self::MAX_LEN];
        padded[..octets.len()].copy_from_slice(octets);
        Ok(Self { len: octets.len() as u8, octets: padded })
    }

    /// DUID-LLT, made at `now` on a host with this address (RFC 8415 §11.2).
    #[must_use]
    pub fn link_layer_time(now: Stamp, hardware: &HardwareAddress) -> Self {
        let kind = u16::from(hardware.kind()).to_be_bytes();
        let time = now.seconds_since_2000().to_be_bytes();
        Self::of_parts(&[&LINK_LAYER_TIME.to_be_bytes(), &kind, &time, hardware.octets()])
    }

    /// DUID-LL (RFC 8415 §11.4).
    #[must_use]
    pub fn link_layer(hardware: &HardwareAddress) -> Self {
        let kind = u16::from(hardware.kind()).to_be_bytes();
        Self::of_parts(&[&LINK_LAYER.to_be_bytes(), &kind, hardware.octets()])
    }

    /// DUID-UUID (RFC 6355).
    #[must_use]
    pub fn uuid(uuid: [u8; 16]) -> Self {
        Self::of_parts(&[&UUID.to_be_bytes(), &uuid])
    }

    /// The whole DUID, its type included.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }

    /// The hardware address that a DUID-LLT or DUID-LL was made of. The host may have another one by
    /// now (RFC 8415 §11.2).
    #[must_use]
    pub fn hardware(&self) -> Option<HardwareAddress> {
        Self::hardware_in(self.octets())
    }

    /// The same of a whole DUID where it lies.
    #[must_use]
    pub fn hardware_in(octets: &[u8]) -> Option<HardwareAddress> {
        let (kind, address) = match octets {
            [0, 1, high, low, _, _, _, _, address @ ..] | [0, 3, high, low, address @ ..] => {
                (u16::from_be_bytes([*high, *low]), address)
            }
            _ => return None,
        };
        HardwareAddress::new(u8::try_from(kind).ok()?, address)
    }

    pub(super) fn check(octets: &[u8]) -> Result<(), WireError> {
        if (Self::MIN_LEN..=Self::MAX_LEN).contains(&octets.len()) {
            Ok(())
        } else {
            Err(WireError::Length { field: "DUID", value: octets.len() })
        }
    }

    /// Parts that are together no longer than a DUID, as the types above always are.
    fn of_parts(parts: &[&[u8]]) -> Self {
        let mut duid = Self { len: 0, octets: [0; Self::MAX_LEN] };
        for part in parts {
            let start = usize::from(duid.len);
            duid.octets[start..start + part.len()].copy_from_slice(part);
            duid.len += part.len() as u8;
        }
        duid
    }
}

impl Hash for Duid {
    /// Of the octets that count: most DUIDs have fourteen of a hundred and thirty.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.octets().hash(state);
    }
}

impl PartialOrd for Duid {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Duid {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.octets().cmp(other.octets())
    }
}

/// Text that is no DUID.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParseDuidError {
    /// Not octets in hexadecimal.
    Digits,
    /// So many octets, which no DUID has.
    Length(usize),
}

impl FromStr for Duid {
    type Err = ParseDuidError;

    /// Octets of two hexadecimal digits, with colons between all of them or none.
    fn from_str(text: &str) -> Result<Self, ParseDuidError> {
        let octets = hex::read(text).ok_or(ParseDuidError::Digits)?;
        Self::new(&octets).ok_or(ParseDuidError::Length(octets.len()))
    }
}

impl fmt::Display for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.octets().iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Duid({self})")
    }
}

impl fmt::Display for ParseDuidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits => f.write_str(
                "a DUID is octets in hexadecimal, such as 00:03:00:01:02:00:00:00:00:01",
            ),
            Self::Length(len) => {
                write!(f, "a DUID has {} to {} octets, not {len}", Duid::MIN_LEN, Duid::MAX_LEN)
            }
        }
    }
}

impl Error for ParseDuidError {}

#[cfg(test)]
mod tests {
    use super::*;

    const ETHERNET: [u8; 6] = [2, 0, 0, 0, 0, 1];

    #[test]
    fn a_duid_has_a_type_and_one_to_a_hundred_and_twenty_eight_octets() {
        for len in 0..200 {
            let duid = Duid::new(&vec![7; len]);
            assert_eq!(duid.is_some(), (3..=130).contains(&len), "{len}");
            assert!(duid.is_none_or(|duid| duid.octets() == vec![7; len]));
        }
        let refused = WireError::Length { field: "DUID", value: 131 };
        assert_eq!(Duid::parse(&[7; 131]), Err(refused));
    }

    /// The DUID of the failover reference's messages, and RFC 8415 §11.2's picture.
    #[test]
    fn each_type_is_these_octets() {
        let hardware = HardwareAddress::new(1, &ETHERNET).unwrap();
        let ll = Duid::link_layer(&hardware);
        assert_eq!(ll.octets(), [0, 3, 0, 1, 2, 0, 0, 0, 0, 1]);
        // 2025-01-01 00:00:00 UTC.
        let llt = Duid::link_layer_time(Stamp(1_735_689_600), &hardware);
        assert_eq!(llt.octets(), [0, 1, 0, 1, 0x2f, 0x07, 0x42, 0, 2, 0, 0, 0, 0, 1]);
        assert_eq!(Duid::uuid([9; 16]).octets()[..4], [0, 4, 9, 9]);
        for duid in [ll, llt] {
            assert_eq!(duid.hardware(), Some(hardware));
        }
        assert_eq!(Duid::uuid([9; 16]).hardware(), None);
        assert_eq!(Duid::new(&[0, 3, 1, 1, 9]).unwrap().hardware(), None, "a type past htype");
        assert_eq!(Duid::new(&[0, 1, 0, 1, 9]).unwrap().hardware(), None, "cut short");
    }

    #[test]
    fn a_duid_reads_back_from_what_it_prints() {
        let duid = Duid::new(&[0, 2, 0, 0, 0xab, 0xcd]).unwrap();
        assert_eq!(duid.to_string(), "00:02:00:00:ab:cd");
        assert_eq!(duid.to_string().parse(), Ok(duid));
        assert_eq!("00020000ABCD".parse(), Ok(duid));
        assert_eq!("0:2".parse::<Duid>(), Err(ParseDuidError::Digits));
        assert_eq!("00:02".parse::<Duid>(), Err(ParseDuidError::Length(2)));
    }
}
