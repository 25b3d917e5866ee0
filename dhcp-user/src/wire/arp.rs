//! ARP over Ethernet (RFC 826), to ask the link whether somebody has an address.
//!
//! ```text
//!  0            2              4      5      6           8        14       18       24
//!  | hardware 1 | protocol IPv4 | hlen | plen | operation | sender | sender | target | target
//!                                 6      4                  MAC      IP       MAC      IP
//! ```

use std::net::Ipv4Addr;

use super::ethernet::{self, Ethernet, VlanTags};
use super::{MacAddr, WireError};

const LEN: usize = 28;
/// Hardware type, protocol type and the two lengths of everything that we understand.
const ETHERNET_AND_IPV4: [u8; 6] = [0, 1, 0x08, 0, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// The question who has an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Request {
    /// Our Ethernet address.
    pub source: MacAddr,
    /// VLAN tags of the link that is asked.
    pub tags: VlanTags,
    /// Our address; 0.0.0.0 makes it a probe that leaves no trace in the listeners' caches
    /// (RFC 5227 §2.1.1).
    pub sender_ip: Ipv4Addr,
    /// The address asked for.
    pub target_ip: Ipv4Addr,
}

impl Request {
    /// Writes the frame, to everybody on the link, and says how long it is.
    ///
    /// # Panics
    /// If `frame` is shorter than [`MIN_FRAME_LEN`](super::frame::MIN_FRAME_LEN).
    pub fn write(&self, frame: &mut [u8]) -> usize {
        let to = MacAddr::BROADCAST;
        let at = Ethernet::write(to, self.source, self.tags, ethernet::ARP, frame);
        let arp = &mut frame[at..at + LEN];
        arp[..6].copy_from_slice(&ETHERNET_AND_IPV4);
        arp[6..8].copy_from_slice(&REQUEST.to_be_bytes());
        arp[8..14].copy_from_slice(&self.source.0);
        arp[14..18].copy_from_slice(&self.sender_ip.octets());
        arp[18..24].fill(0);
        arp[24..28].copy_from_slice(&self.target_ip.octets());
        Ethernet::pad(frame, at + LEN)
    }
}

/// Somebody has an address: an answer, or a question of theirs, which says the same of its sender
/// (RFC 5227 §2.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Holder {
    /// Who has it.
    pub mac: MacAddr,
    /// What they have; never 0.0.0.0.
    pub ip: Ipv4Addr,
    /// VLAN tags of the link.
    pub tags: VlanTags,
}

impl Holder {
    /// What a frame says of its sender.
    ///
    /// # Errors
    /// `Value` for what is no ARP of IPv4 over Ethernet, or a sender with no address.
    pub fn parse(frame: &[u8]) -> Result<Self, WireError> {
        let link = Ethernet::parse(frame)?;
        if link.ethertype != ethernet::ARP {
            return Err(WireError::Value { field: "EtherType", value: link.ethertype.into() });
        }
        let arp = link.payload;
        WireError::at_least("ARP packet", LEN, arp)?;
        if arp[..6] != ETHERNET_AND_IPV4 {
            let kind = u32::from_be_bytes([arp[0], arp[1], arp[2], arp[3]]);
            return Err(WireError::Value { field: "ARP address types", value: kind });
        }
        let operation = u16::from_be_bytes([arp[6], arp[7]]);
        if !matches!(operation, REQUEST | REPLY) {
            return Err(WireError::Value { field: "ARP operation", value: operation.into() });
        }
        let ip = Ipv4Addr::new(arp[14], arp[15], arp[16], arp[17]);
        if ip.is_unspecified() {
            return Err(WireError::Value { field: "ARP sender address", value: 0 });
        }
        Ok(Self { mac: MacAddr::read(arp, 8), ip, tags: link.tags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::VlanTag;

    const SERVER: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const CLIENT: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    #[rustfmt::skip]
    const PROBE: [u8; 60] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06,
        0, 1, 0x08, 0, 6, 4, 0, 1,
        2, 0, 0, 0, 0, 1, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 192, 0, 2, 7,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    fn request(sender_ip: Ipv4Addr, tags: VlanTags) -> Request {
        Request { source: SERVER, tags, sender_ip, target_ip: Ipv4Addr::new(192, 0, 2, 7) }
    }

    #[test]
    fn a_probe_is_these_octets_whatever_the_buffer_held() {
        let mut frame = [0xa5; 64];
        assert_eq!(request(Ipv4Addr::UNSPECIFIED, VlanTags::NONE).write(&mut frame), 60);
        assert_eq!(frame[..60], PROBE);
        assert_eq!(frame[60..], [0xa5; 4]);
    }

    #[test]
    fn a_reply_names_the_holder() {
        let mut frame = PROBE;
        frame[21] = 2;
        frame[22..28].copy_from_slice(&CLIENT.0);
        frame[28..32].copy_from_slice(&[192, 0, 2, 7]);
        let holder = Holder { mac: CLIENT, ip: Ipv4Addr::new(192, 0, 2, 7), tags: VlanTags::NONE };
        assert_eq!(Holder::parse(&frame), Ok(holder));
    }

    #[test]
    fn a_tagged_question_of_somebody_who_has_an_address_names_them_too() {
        let tag = VlanTag { tpid: VlanTag::CUSTOMER, tci: 0x2064 };
        let tags = VlanTags::NONE.with_outer(tag).unwrap();
        let mut frame = [0; 64];
        let len = request(Ipv4Addr::new(192, 0, 2, 1), tags).write(&mut frame);
        let holder = Holder { mac: SERVER, ip: Ipv4Addr::new(192, 0, 2, 1), tags };
        assert_eq!(Holder::parse(&frame[..len]), Ok(holder));
    }

    #[test]
    fn a_probe_names_nobody() {
        assert!(matches!(Holder::parse(&PROBE), Err(WireError::Value { .. })));
    }

    #[test]
    fn what_is_cut_short_or_another_protocol_is_refused() {
        assert!(matches!(Holder::parse(&PROBE[..41]), Err(WireError::Truncated { .. })));
        for at in [13, 15, 17, 18, 19, 21] {
            let mut frame = PROBE;
            frame[31] = 9;
            assert!(Holder::parse(&frame).is_ok());
            frame[at] ^= 0x40;
            assert!(matches!(Holder::parse(&frame), Err(WireError::Value { .. })), "octet {at}");
        }
    }
}
