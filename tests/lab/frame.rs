//! Ethernet frames around DHCPv4 requests, made without any of the server's code.

use std::net::Ipv4Addr;

/// What stands around a DHCP message.
#[derive(Clone, Debug)]
pub struct Headers {
    /// Link-layer addresses.
    pub source: [u8; 6],
    /// Broadcast, unless the server's own is known.
    pub destination: [u8; 6],
    /// VLAN tags, outermost first: tag protocol and tag.
    pub tags: Vec<(u16, u16)>,
    /// Addresses of the IP header.
    pub source_ip: Ipv4Addr,
    /// Broadcast, unless relayed.
    pub destination_ip: Ipv4Addr,
    /// IP options, a multiple of four octets.
    pub ip_options: Vec<u8>,
    /// UDP source port; the destination is 67.
    pub source_port: u16,
}

impl Headers {
    /// A direct client's, before it has an address.
    #[must_use]
    pub fn broadcast(source: [u8; 6]) -> Self {
        Self {
            source,
            destination: [0xff; 6],
            tags: Vec::new(),
            source_ip: Ipv4Addr::UNSPECIFIED,
            destination_ip: Ipv4Addr::BROADCAST,
            ip_options: Vec::new(),
            source_port: 68,
        }
    }

    /// One frame around `message`.
    #[must_use]
    pub fn frame(&self, message: &[u8]) -> Vec<u8> {
        self.datagram(&self.udp(message), 0x4000)
    }

    /// The same datagram in two IP fragments, the first with `first` octets, a multiple of eight.
    #[must_use]
    pub fn fragments(&self, message: &[u8], first: usize) -> [Vec<u8>; 2] {
        let udp = self.udp(message);
        let (head, tail) = udp.split_at(first);
        let offset = u16::try_from(first / 8).expect("an offset of 13 bits");
        [self.datagram(head, 0x2000), self.datagram(tail, offset)]
    }

    fn udp(&self, message: &[u8]) -> Vec<u8> {
        let length = u16::try_from(message.len() + 8).expect("a datagram");
        let mut udp = Vec::new();
        for word in [self.source_port, 67, length, 0] {
            udp.extend(word.to_be_bytes());
        }
        udp.extend(message);
        let mut pseudo = Vec::new();
        pseudo.extend(self.source_ip.octets());
        pseudo.extend(self.destination_ip.octets());
        pseudo.extend([0, 17]);
        pseudo.extend(length.to_be_bytes());
        pseudo.extend(&udp);
        let sum = checksum(&pseudo);
        udp[6..8].copy_from_slice(&sum.to_be_bytes());
        udp
    }

    fn datagram(&self, payload: &[u8], fragment: u16) -> Vec<u8> {
        let header_len = 20 + self.ip_options.len();
        let words = u8::try_from(header_len / 4).expect("at most fifteen words");
        let length = u16::try_from(header_len + payload.len()).expect("a datagram");
        let mut ip = vec![0x40 | words, 0];
        for word in [length, 0x1234, fragment, 0x4011, 0] {
            ip.extend(word.to_be_bytes());
        }
        ip.extend(self.source_ip.octets());
        ip.extend(self.destination_ip.octets());
        ip.extend(&self.ip_options);
        let sum = checksum(&ip);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());

        let mut frame = Vec::new();
        frame.extend(self.destination);
        frame.extend(self.source);
        for (protocol, tag) in &self.tags {
            frame.extend(protocol.to_be_bytes());
            frame.extend(tag.to_be_bytes());
        }
        frame.extend(0x0800_u16.to_be_bytes());
        frame.extend(ip);
        frame.extend(payload);
        frame.resize(frame.len().max(60), 0);
        frame
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> u16 {
    let words = octets
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded")
}
