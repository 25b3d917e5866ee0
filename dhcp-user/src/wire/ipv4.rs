//! The IPv4 header (RFC 791 §3.1), as far as a DHCP server meets it.

use std::net::Ipv4Addr;

use super::checksum::Sum;
use super::internet::{Datagram, Internet};
use super::{WireError, ethernet};

/// A header without options, as all of ours are.
pub(super) const HEADER_LEN: usize = 20;
/// Protocol number of ICMP.
pub(super) const ICMP: u8 = 1;

const TTL: u8 = 64;

impl Internet for Ipv4Addr {
    const ETHERTYPE: u16 = ethernet::IPV4;
    const HEADER_LEN: usize = HEADER_LEN;
    const CHECKSUM_IS_OPTIONAL: bool = true;

    /// Any header length is taken, and options are skipped.
    fn parse(octets: &[u8]) -> Result<Datagram<'_, Self>, WireError> {
        WireError::at_least("IPv4 header", HEADER_LEN, octets)?;
        if octets[0] >> 4 != 4 {
            return Err(WireError::Value { field: "IP version", value: u32::from(octets[0] >> 4) });
        }
        let header_len = usize::from(octets[0] & 0x0f) * 4;
        if header_len < HEADER_LEN {
            return Err(WireError::Length { field: "IPv4 header", value: header_len });
        }
        let total_len = usize::from(u16::from_be_bytes([octets[2], octets[3]]));
        if total_len < header_len {
            return Err(WireError::Length { field: "IPv4 datagram", value: total_len });
        }
        WireError::at_least("IPv4 datagram", total_len, octets)?;
        if !Sum::default().add(&octets[..header_len]).is_whole() {
            return Err(WireError::Checksum { protocol: "IPv4" });
        }
        // More-fragments, or an offset.
        if u16::from_be_bytes([octets[6], octets[7]]) & 0x3fff != 0 {
            return Err(WireError::Fragment);
        }
        Ok(Datagram {
            source: Self::from_octets([octets[12], octets[13], octets[14], octets[15]]),
            destination: Self::from_octets([octets[16], octets[17], octets[18], octets[19]]),
            protocol: octets[9],
            payload: &octets[header_len..total_len],
        })
    }

    fn write_header(
        source: Self,
        destination: Self,
        protocol: u8,
        identification: u16,
        payload_len: usize,
        octets: &mut [u8],
    ) {
        let total_len = u16::try_from(HEADER_LEN + payload_len).expect("a datagram fits in IPv4");
        let header = &mut octets[..HEADER_LEN];
        header.fill(0);
        header[0] = 0x45;
        header[2..4].copy_from_slice(&total_len.to_be_bytes());
        header[4..6].copy_from_slice(&identification.to_be_bytes());
        header[8] = TTL;
        header[9] = protocol;
        header[12..16].copy_from_slice(&source.octets());
        header[16..20].copy_from_slice(&destination.octets());
        let checksum = Sum::default().add(header).finish();
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }

    fn network_octets(&self) -> impl AsRef<[u8]> {
        self.octets()
    }
}
