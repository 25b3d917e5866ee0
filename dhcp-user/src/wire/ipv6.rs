//! The IPv6 header (RFC 8200 §3), as far as a DHCP server meets it.
//!
//! ```text
//!  0                                          4                6             7           8        24
//!  | version, traffic class, flow label (4)   | payload length | next header | hop limit | source | destination
//! ```

use std::net::Ipv6Addr;

use super::internet::{Datagram, Internet};
use super::{WireError, ethernet};

/// A header without extension headers, as all of ours are.
pub(super) const HEADER_LEN: usize = 40;

/// Next header of a fragment (RFC 8200 §4.5).
const FRAGMENT: u8 = 44;
const HOP_LIMIT: u8 = 64;

impl Internet for Ipv6Addr {
    const ETHERTYPE: u16 = ethernet::IPV6;
    const HEADER_LEN: usize = HEADER_LEN;
    const CHECKSUM_IS_OPTIONAL: bool = false;

    /// Extension headers are left to whoever asks what the payload is: the kernel walks them for us.
    fn parse(octets: &[u8]) -> Result<Datagram<'_, Self>, WireError> {
        WireError::at_least("IPv6 header", HEADER_LEN, octets)?;
        if octets[0] >> 4 != 6 {
            return Err(WireError::Value { field: "IP version", value: u32::from(octets[0] >> 4) });
        }
        let end = HEADER_LEN + usize::from(u16::from_be_bytes([octets[4], octets[5]]));
        WireError::at_least("IPv6 datagram", end, octets)?;
        if octets[6] == FRAGMENT {
            return Err(WireError::Fragment);
        }
        let address = |at: usize| {
            let mut address = [0; 16];
            address.copy_from_slice(&octets[at..at + 16]);
            Self::from_octets(address)
        };
        Ok(Datagram {
            source: address(8),
            destination: address(24),
            protocol: octets[6],
            payload: &octets[HEADER_LEN..end],
        })
    }

    fn write_header(
        source: Self,
        destination: Self,
        next_header: u8,
        // Routers take no IPv6 datagram to pieces (RFC 8200 §5).
        _identification: u16,
        payload_len: usize,
        octets: &mut [u8],
    ) {
        let payload_len = u16::try_from(payload_len).expect("a payload fits in IPv6");
        let header = &mut octets[..HEADER_LEN];
        header[..4].copy_from_slice(&[0x60, 0, 0, 0]);
        header[4..6].copy_from_slice(&payload_len.to_be_bytes());
        header[6] = next_header;
        header[7] = HOP_LIMIT;
        header[8..24].copy_from_slice(&source.octets());
        header[24..].copy_from_slice(&destination.octets());
    }

    fn network_octets(&self) -> impl AsRef<[u8]> {
        self.octets()
    }
}
