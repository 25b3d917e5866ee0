//! UDP over IPv4 or IPv6 over Ethernet, whole frames in and out.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::checksum::Sum;
use super::ethernet::{self, Ethernet};
use super::internet;
use super::{MacAddr, WireError, ipv6};

pub use super::ethernet::{MIN_FRAME_LEN, VlanTag, VlanTags};
pub use super::internet::Internet;

const UDP_HEADER_LEN: usize = 8;

/// One UDP datagram in the frame it arrived in, its checksums good.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a, A = Ipv4Addr> {
    /// Ethernet address of the last hop: the relay's router, or the client itself.
    pub source: MacAddr,
    /// Ethernet address it was sent to.
    pub destination: MacAddr,
    /// VLAN tags, outermost first.
    pub tags: VlanTags,
    /// IP source.
    pub source_ip: A,
    /// IP destination.
    pub destination_ip: A,
    /// UDP source port.
    pub source_port: u16,
    /// UDP destination port.
    pub destination_port: u16,
    /// What UDP carries.
    pub payload: &'a [u8],
}

/// A frame of either protocol.
#[derive(Clone, Copy, Debug)]
pub enum AnyFrame<'a> {
    /// Over IPv4.
    V4(Frame<'a, Ipv4Addr>),
    /// Over IPv6.
    V6(Frame<'a, Ipv6Addr>),
}

impl<'a> AnyFrame<'a> {
    /// Takes the headers off a frame without its check sequence.
    ///
    /// A UDP checksum of zero is none over IPv4 (RFC 768) and refused over IPv6 (RFC 8200 §8.1). The
    /// half-computed one of a local sender, the folded sum of the pseudo-header alone, is taken as
    /// good: such a frame has met no wire.
    ///
    /// # Errors
    /// `Fragment` for one, `Value` for another protocol or an IPv6 extension header, and the rest for
    /// damage.
    pub fn parse(frame: &'a [u8]) -> Result<Self, WireError> {
        let link = Ethernet::parse(frame)?;
        match link.ethertype {
            ethernet::IPV4 => Frame::read(link).map(Self::V4),
            ethernet::IPV6 => Frame::read(link).map(Self::V6),
            other => Err(WireError::Value { field: "EtherType", value: other.into() }),
        }
    }
}

impl<'a> Frame<'a, Ipv4Addr> {
    /// Takes the headers off a frame of IPv4, as [`AnyFrame::parse`] does.
    ///
    /// # Errors
    /// As [`AnyFrame::parse`]; `Value` for IPv6, too.
    pub fn parse(frame: &'a [u8]) -> Result<Self, WireError> {
        Self::read(Ethernet::parse(frame)?)
    }
}

/// What UDP carries in a frame, at first sight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Payload<'a> {
    /// Over IPv4.
    V4(&'a [u8]),
    /// Over IPv6.
    V6(&'a [u8]),
}

impl<'a> Payload<'a> {
    /// Nothing is checked but that it is there, so this is good for guesses alone.
    #[must_use]
    pub fn glimpse(frame: &'a [u8]) -> Option<Self> {
        let link = Ethernet::parse(frame).ok()?;
        match link.ethertype {
            ethernet::IPV4 => {
                let ip_len = 4 * usize::from(link.payload.first()? & 0x0f);
                link.payload.get(ip_len + UDP_HEADER_LEN..).map(Self::V4)
            }
            ethernet::IPV6 => {
                link.payload.get(Ipv6Addr::HEADER_LEN + UDP_HEADER_LEN..).map(Self::V6)
            }
            _ => None,
        }
    }
}

impl<'a> Frame<'a, Ipv6Addr> {
    /// Takes the headers off a frame of IPv6, as [`AnyFrame::parse`] does.
    ///
    /// # Errors
    /// As [`AnyFrame::parse`]; `Value` for IPv4, too.
    pub fn parse_v6(frame: &'a [u8]) -> Result<Self, WireError> {
        Self::read(Ethernet::parse(frame)?)
    }
}

impl<'a, A: Internet> Frame<'a, A> {
    fn read(link: Ethernet<'a>) -> Result<Self, WireError> {
        if link.ethertype != A::ETHERTYPE {
            return Err(WireError::Value { field: "EtherType", value: link.ethertype.into() });
        }
        let datagram = A::parse(link.payload)?;
        if datagram.protocol != internet::UDP {
            return Err(WireError::Value { field: "protocol", value: datagram.protocol.into() });
        }
        WireError::at_least("UDP header", UDP_HEADER_LEN, datagram.payload)?;
        let word = |at: usize| u16::from_be_bytes([datagram.payload[at], datagram.payload[at + 1]]);
        let (len, checksum) = (word(4), word(6));
        if usize::from(len) < UDP_HEADER_LEN {
            return Err(WireError::Length { field: "UDP datagram", value: len.into() });
        }
        WireError::at_least("UDP datagram", len.into(), datagram.payload)?;
        let udp = &datagram.payload[..usize::from(len)];
        let pseudo =
            Sum::of_pseudo_header(&datagram.source, &datagram.destination, internet::UDP, len);
        let is_good = match checksum {
            0 => A::CHECKSUM_IS_OPTIONAL,
            sum => pseudo.add(udp).is_whole() || sum == pseudo.folded(),
        };
        if !is_good {
            return Err(WireError::Checksum { protocol: "UDP" });
        }
        Ok(Self {
            source: link.source,
            destination: link.destination,
            tags: link.tags,
            source_ip: datagram.source,
            destination_ip: datagram.destination,
            source_port: word(0),
            destination_port: word(2),
            payload: &udp[UDP_HEADER_LEN..],
        })
    }
}

/// Whom a UDP datagram is from and for: everything in front of its payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Envelope<A = Ipv4Addr> {
    /// Our Ethernet address.
    pub source: MacAddr,
    /// Ethernet address of the next hop.
    pub destination: MacAddr,
    /// VLAN tags, outermost first.
    pub tags: VlanTags,
    /// IP source.
    pub source_ip: A,
    /// IP destination.
    pub destination_ip: A,
    /// UDP source port.
    pub source_port: u16,
    /// UDP destination port.
    pub destination_port: u16,
}

impl Envelope {
    /// Room to leave in front of the longest headers: two VLAN tags, and IPv6.
    pub const MAX_HEADERS_LEN: usize =
        ethernet::HEADER_LEN + 4 * VlanTags::MAX + ipv6::HEADER_LEN + UDP_HEADER_LEN;
}

impl<A: Internet> Envelope<A> {
    /// Octets in front of the payload.
    #[must_use]
    pub fn headers_len(&self) -> usize {
        ethernet::HEADER_LEN + self.tags.len() + A::HEADER_LEN + UDP_HEADER_LEN
    }

    /// Writes all headers in front of the payload, which stands at [`Self::headers_len`] already,
    /// with full checksums; says how long the frame is, padding included.
    ///
    /// # Panics
    /// If `frame` is shorter than headers, payload and padding, or the datagram longer than IP
    /// carries.
    pub fn seal(&self, frame: &mut [u8], payload_len: usize) -> usize {
        let link_len =
            Ethernet::write(self.destination, self.source, self.tags, A::ETHERTYPE, frame);
        let udp_at = link_len + A::HEADER_LEN;
        let end = udp_at + UDP_HEADER_LEN + payload_len;
        let checksum = self.write_udp(&mut frame[udp_at..end]);
        A::write_header(
            self.source_ip,
            self.destination_ip,
            internet::UDP,
            // As varied as the payload, so that the pieces of two datagrams do not mix (RFC 6864
            // asks for no more of what is sent seldom).
            checksum,
            UDP_HEADER_LEN + payload_len,
            &mut frame[link_len..],
        );
        Ethernet::pad(frame, end)
    }

    /// Writes the UDP header in front of the payload in `udp`, and says what its checksum is.
    fn write_udp(&self, udp: &mut [u8]) -> u16 {
        let len = u16::try_from(udp.len()).expect("a datagram fits in UDP");
        udp[0..2].copy_from_slice(&self.source_port.to_be_bytes());
        udp[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        udp[4..6].copy_from_slice(&len.to_be_bytes());
        udp[6..8].fill(0);
        let pseudo =
            Sum::of_pseudo_header(&self.source_ip, &self.destination_ip, internet::UDP, len);
        // Zero would mean that there is none (RFC 768).
        let checksum = match pseudo.add(udp).finish() {
            0 => 0xffff,
            checksum => checksum,
        };
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
        checksum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[rustfmt::skip]
    const FRAME: [u8; 60] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x08, 0x00,
        0x45, 0, 0, 32, 0x77, 0xb7, 0, 0, 64, 17, 0x03, 0x17,
        0, 0, 0, 0, 255, 255, 255, 255,
        0, 68, 0, 67, 0, 12, 0x77, 0xb7, b'D', b'H', b'C', b'P',
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    const ENVELOPE: Envelope = Envelope {
        source: MacAddr([2, 0, 0, 0, 0, 9]),
        destination: MacAddr::BROADCAST,
        tags: VlanTags::NONE,
        source_ip: Ipv4Addr::UNSPECIFIED,
        destination_ip: Ipv4Addr::BROADCAST,
        source_port: 68,
        destination_port: 67,
    };
    const IP: usize = 14;
    const UDP: usize = 34;

    fn sealed<A: Internet>(envelope: Envelope<A>, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0xa5; envelope.headers_len() + payload.len() + 60];
        frame[envelope.headers_len()..][..payload.len()].copy_from_slice(payload);
        let len = envelope.seal(&mut frame, payload.len());
        frame.truncate(len);
        frame
    }

    /// Changes an IPv4 header and makes its checksum good again.
    fn with_header(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut frame = FRAME.to_vec();
        change(&mut frame[IP..]);
        frame[IP + 10..IP + 12].fill(0);
        let checksum = Sum::default().add(&frame[IP..UDP]).finish();
        frame[IP + 10..IP + 12].copy_from_slice(&checksum.to_be_bytes());
        frame
    }

    #[test]
    fn a_sealed_frame_is_these_octets_whatever_the_buffer_held() {
        assert_eq!(sealed(ENVELOPE, b"DHCP"), FRAME);
    }

    #[test]
    fn a_frame_says_whom_it_is_from_and_for_and_its_padding_is_no_payload() {
        let frame = Frame::parse(&FRAME).unwrap();
        assert_eq!((frame.source, frame.destination), (ENVELOPE.source, MacAddr::BROADCAST));
        assert_eq!(
            (frame.source_ip, frame.destination_ip),
            (ENVELOPE.source_ip, ENVELOPE.destination_ip)
        );
        assert_eq!((frame.source_port, frame.destination_port), (68, 67));
        assert_eq!((frame.tags, frame.payload), (VlanTags::NONE, &b"DHCP"[..]));
    }

    #[test]
    fn a_frame_cut_anywhere_is_refused() {
        for end in 0..46 {
            let cut = Frame::parse(&FRAME[..end]);
            assert!(matches!(cut, Err(WireError::Truncated { .. })), "{end} octets: {cut:?}");
        }
        assert!(Frame::parse(&FRAME[..46]).is_ok());
    }

    #[test]
    fn damage_to_any_octet_behind_the_link_header_is_seen() {
        for at in IP..46 {
            let mut frame = FRAME;
            frame[at] ^= 0x20;
            assert!(Frame::parse(&frame).is_err(), "octet {at}");
        }
    }

    #[test]
    fn no_checksum_and_a_local_sender_s_half_computed_one_are_good() {
        let mut frame = FRAME;
        frame[UDP + 6..UDP + 8].fill(0);
        assert!(Frame::parse(&frame).is_ok());
        // 0xffff + 0xffff + 17 + 12, folded.
        frame[UDP + 6..UDP + 8].copy_from_slice(&[0, 29]);
        assert!(Frame::parse(&frame).is_ok());
        frame[UDP + 7] = 30;
        let refused = WireError::Checksum { protocol: "UDP" };
        assert_eq!(Frame::parse(&frame).map(|_| ()), Err(refused));
    }

    #[test]
    fn ip_options_are_skipped() {
        let mut frame = FRAME[..UDP].to_vec();
        frame.extend([1, 1, 1, 0]);
        frame.extend(&FRAME[UDP..46]);
        frame[IP] = 0x46;
        frame[IP + 3] += 4;
        frame[IP + 10..IP + 12].fill(0);
        let checksum = Sum::default().add(&frame[IP..UDP + 4]).finish();
        frame[IP + 10..IP + 12].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(Frame::parse(&frame).map(|frame| frame.payload), Ok(&b"DHCP"[..]));
    }

    #[test]
    fn a_fragment_is_refused_as_one() {
        for (at, octet) in [(6, 0x20), (6, 0x01), (7, 0x01)] {
            let frame = with_header(|header| header[at] = octet);
            assert_eq!(Frame::parse(&frame).map(|_| ()), Err(WireError::Fragment));
        }
        let dont_fragment = with_header(|header| header[6] = 0x40);
        assert!(Frame::parse(&dont_fragment).is_ok());
    }

    #[test]
    fn other_protocols_and_impossible_lengths_are_refused() {
        let mut ipv6 = FRAME;
        ipv6[12..14].copy_from_slice(&[0x86, 0xdd]);
        assert!(matches!(Frame::parse(&ipv6), Err(WireError::Value { field: "EtherType", .. })));
        let tcp = with_header(|header| header[9] = 6);
        assert!(matches!(Frame::parse(&tcp), Err(WireError::Value { field: "protocol", .. })));
        for (at, octet) in [(0, 0x44), (3, 19)] {
            let short = with_header(|header| header[at] = octet);
            assert!(matches!(Frame::parse(&short), Err(WireError::Length { .. })), "octet {at}");
        }
        let mut udp = FRAME;
        udp[UDP + 5] = 7;
        assert!(matches!(Frame::parse(&udp), Err(WireError::Length { .. })));
    }

    #[test]
    fn two_tags_are_read_and_a_third_is_not() {
        let outer = VlanTag { tpid: VlanTag::SERVICE, tci: 0xe064 };
        let inner = VlanTag { tpid: VlanTag::CUSTOMER, tci: 0x0007 };
        let tags =
            VlanTags::NONE.with_inner(outer).and_then(|tags| tags.with_inner(inner)).unwrap();
        assert_eq!(
            VlanTags::NONE.with_outer(inner).and_then(|tags| tags.with_outer(outer)),
            Some(tags)
        );
        assert_eq!((outer.id(), tags.with_outer(outer), tags.with_inner(inner)), (100, None, None));
        let frame = sealed(Envelope { tags, ..ENVELOPE }, b"DHCP");
        assert_eq!(frame[12..22], [0x88, 0xa8, 0xe0, 0x64, 0x81, 0, 0, 7, 8, 0]);
        assert_eq!(Frame::parse(&frame).map(|frame| frame.tags), Ok(tags));
        let third = [&frame[..12], &[0x81, 0, 0, 1], &frame[12..]].concat();
        assert!(matches!(Frame::parse(&third), Err(WireError::Value { .. })));
    }

    fn any_envelope() -> impl Strategy<Value = Envelope> {
        let tag = (any::<bool>(), any::<u16>()).prop_map(|(outer, tci)| VlanTag {
            tpid: if outer { VlanTag::SERVICE } else { VlanTag::CUSTOMER },
            tci,
        });
        let macs = any::<([u8; 6], [u8; 6])>();
        (macs, prop::collection::vec(tag, 0..=2), any::<(u32, u32, u16, u16)>()).prop_map(
            |((source, destination), tags, (source_ip, destination_ip, from, to))| Envelope {
                source: MacAddr(source),
                destination: MacAddr(destination),
                tags: tags
                    .into_iter()
                    .fold(VlanTags::NONE, |tags, tag| tags.with_inner(tag).expect("two at most")),
                source_ip: source_ip.into(),
                destination_ip: destination_ip.into(),
                source_port: from,
                destination_port: to,
            },
        )
    }

    /// A Solicit's first octets from a link-local address to ff02::1:2, behind a VLAN tag.
    #[rustfmt::skip]
    const FRAME_V6: [u8; 70] = [
        0x33, 0x33, 0, 1, 0, 2, 2, 0, 0, 0, 0, 9, 0x81, 0, 0, 7, 0x86, 0xdd,
        0x60, 0, 0, 0, 0, 12, 17, 64,
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
        0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2,
        // fe80 + 9 + ff02 + 1 + 2 + 12 + 17 + 546 + 547 + 12 + 0100 + 0007, folded and complemented.
        0x02, 0x22, 0x02, 0x23, 0, 12, 0xfc, 0xfa,
        1, 0, 0, 7,
    ];
    const UDP_V6: usize = 58;

    fn envelope_v6() -> Envelope<Ipv6Addr> {
        let tag = VlanTag { tpid: VlanTag::CUSTOMER, tci: 7 };
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
        Envelope {
            source: MacAddr([2, 0, 0, 0, 0, 9]),
            destination: MacAddr::of_multicast(group),
            tags: VlanTags::NONE.with_outer(tag).unwrap(),
            source_ip: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9),
            destination_ip: group,
            source_port: 546,
            destination_port: 547,
        }
    }

    #[test]
    fn a_frame_of_ipv6_is_these_octets_and_says_whom_it_is_from_and_for() {
        let envelope = envelope_v6();
        assert_eq!(sealed(envelope, &[1, 0, 0, 7]), FRAME_V6);
        let frame = Frame::parse_v6(&FRAME_V6).unwrap();
        assert_eq!(
            (frame.source, frame.destination, frame.tags),
            (envelope.source, envelope.destination, envelope.tags)
        );
        assert_eq!(
            (frame.source_ip, frame.destination_ip),
            (envelope.source_ip, envelope.destination_ip)
        );
        assert_eq!((frame.source_port, frame.destination_port), (546, 547));
        assert_eq!(frame.payload, [1, 0, 0, 7]);
        assert!(matches!(AnyFrame::parse(&FRAME_V6), Ok(AnyFrame::V6(_))));
        assert!(matches!(AnyFrame::parse(&FRAME), Ok(AnyFrame::V4(_))));
        assert!(matches!(Frame::parse_v6(&FRAME), Err(WireError::Value { .. })));
    }

    #[test]
    fn a_frame_of_ipv6_that_is_cut_or_damaged_is_refused() {
        for end in 0..FRAME_V6.len() {
            let cut = Frame::parse_v6(&FRAME_V6[..end]);
            assert!(matches!(cut, Err(WireError::Truncated { .. })), "{end} octets: {cut:?}");
        }
        // Traffic class, flow label and hop limit are under no checksum.
        for at in (22..25).chain(26..FRAME_V6.len()) {
            let mut frame = FRAME_V6;
            frame[at] ^= 0x20;
            assert!(Frame::parse_v6(&frame).is_err(), "octet {at}");
        }
    }

    /// RFC 8200 §8.1: a checksum there must be, and a local sender's is half of one.
    #[test]
    fn over_ipv6_no_checksum_is_refused_and_a_half_computed_one_is_good() {
        let mut frame = FRAME_V6;
        frame[UDP_V6 + 6..UDP_V6 + 8].fill(0);
        let refused = WireError::Checksum { protocol: "UDP" };
        assert_eq!(Frame::parse_v6(&frame).map(|_| ()), Err(refused));
        // fe80 + 9 + ff02 + 1 + 2 + 12 + 17, folded.
        frame[UDP_V6 + 6..UDP_V6 + 8].copy_from_slice(&[0xfd, 0xac]);
        assert!(Frame::parse_v6(&frame).is_ok());
    }

    #[test]
    fn fragments_and_extension_headers_of_ipv6_are_the_kernels() {
        let mut frame = FRAME_V6;
        frame[24] = 44;
        assert_eq!(Frame::parse_v6(&frame).map(|_| ()), Err(WireError::Fragment));
        frame[24] = 60;
        let refused = WireError::Value { field: "protocol", value: 60 };
        assert_eq!(Frame::parse_v6(&frame).map(|_| ()), Err(refused));
    }

    proptest! {
        #[test]
        fn what_was_sealed_is_parsed(
            envelope in any_envelope(),
            payload in prop::collection::vec(any::<u8>(), 0..1_500),
        ) {
            let octets = sealed(envelope, &payload);
            prop_assert!(octets.len() >= MIN_FRAME_LEN);
            let frame = Frame::parse(&octets).unwrap();
            let parsed = Envelope {
                source: frame.source,
                destination: frame.destination,
                tags: frame.tags,
                source_ip: frame.source_ip,
                destination_ip: frame.destination_ip,
                source_port: frame.source_port,
                destination_port: frame.destination_port,
            };
            prop_assert_eq!(parsed, envelope);
            prop_assert_eq!(frame.payload, payload);
        }

        #[test]
        fn what_was_sealed_over_ipv6_is_parsed(
            addresses: [u128; 2],
            payload in prop::collection::vec(any::<u8>(), 0..1_500),
        ) {
            let [source_ip, destination_ip] = addresses.map(Ipv6Addr::from_bits);
            let octets = sealed(Envelope { source_ip, destination_ip, ..envelope_v6() }, &payload);
            let frame = Frame::parse_v6(&octets).unwrap();
            prop_assert_eq!([frame.source_ip, frame.destination_ip], [source_ip, destination_ip]);
            prop_assert_eq!(frame.payload, payload);
        }
    }
}
