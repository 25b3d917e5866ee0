//! A client's hardware address as DHCPv4 carries it: htype and chaddr (RFC 2131 §2).

use std::fmt;

/// `htype`, `hlen` and the octets of `chaddr`.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HardwareAddress {
    kind: u8,
    len: u8,
    octets: [u8; Self::MAX_LEN],
}

impl HardwareAddress {
    /// `chaddr` has sixteen octets (RFC 2131 §2).
    pub const MAX_LEN: usize = 16;
    /// ARP hardware type of Ethernet.
    pub const ETHERNET: u8 = 1;

    /// `None` if there are more octets than `chaddr` holds.
    #[must_use]
    pub fn new(kind: u8, octets: &[u8]) -> Option<Self> {
        let mut padded = [0; Self::MAX_LEN];
        padded.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(Self { kind, len: octets.len() as u8, octets: padded })
    }

    /// ARP hardware type: `htype`.
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// The first `hlen` octets of `chaddr`.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

impl fmt::Display for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.octets().iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HardwareAddress({} {self})", self.kind)
    }
}
