//! A request as octets, made once and then changed in the few places where clients differ.

use std::net::Ipv4Addr;

use dhcp_user::wire::dhcpv4::{MessageType, Writer};
use dhcp_user::wire::frame::{Envelope, VlanTags};
use dhcp_user::wire::option::code;
use dhcp_user::wire::{HardwareAddress, MacAddr};

use super::SERVER_MAC;
use crate::state;

/// Ethernet, IPv4 and UDP headers.
pub(crate) const HEADERS_LEN: usize = 14 + 20 + 8;
const ETHERNET_SOURCE: usize = 6;
const IP_CHECKSUM: usize = 14 + 10;
const IP_SOURCE: usize = 14 + 12;
const UDP_CHECKSUM: usize = 14 + 20 + 6;
const XID: usize = HEADERS_LEN + 4;
const CIADDR: usize = HEADERS_LEN + 12;
const CHADDR: usize = HEADERS_LEN + 28;

/// A whole frame of client 0 with a transaction of 0.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    octets: Vec<u8>,
    /// Whether `ciaddr` and the source of the IP packet are the client's address.
    bound: bool,
    /// Sums of 16-bit words (RFC 1071) of all that never changes.
    ip_sum: u32,
    udp_sum: u32,
}

impl Template {
    /// A client on the link that has nothing yet.
    pub(crate) fn discover() -> Self {
        Self::new(MessageType::Discover, false)
    }

    /// A client that asks for more time, by unicast (RFC 2131 §4.3.2, RENEWING).
    pub(crate) fn renewal() -> Self {
        Self::new(MessageType::Request, true)
    }

    fn new(kind: MessageType, bound: bool) -> Self {
        let mac = MacAddr(state::mac(0));
        let ciaddr = if bound { state::address(0) } else { Ipv4Addr::UNSPECIFIED };
        let envelope = Envelope {
            source: mac,
            destination: if bound { SERVER_MAC } else { MacAddr::BROADCAST },
            tags: VlanTags::NONE,
            source_ip: ciaddr,
            destination_ip: if bound { state::SERVER } else { Ipv4Addr::BROADCAST },
            source_port: 68,
            destination_port: 67,
        };
        let hardware = HardwareAddress::new(HardwareAddress::ETHERNET, &mac.0)
            .expect("an Ethernet address fits");
        let mut octets = vec![0; 1514];
        let mut writer = Writer::request(&mut octets[HEADERS_LEN..], 0, &hardware);
        writer.ciaddr(ciaddr);
        let wanted = [1, 3, 6, 15, 28, 42, 51, 54, 58, 59];
        for (code, data) in [
            (code::MESSAGE_TYPE, &[kind as u8][..]),
            (code::MAX_MESSAGE_SIZE, &1500_u16.to_be_bytes()),
            (code::PARAMETER_REQUEST_LIST, &wanted),
        ] {
            writer.push(code, data).expect("a short option fits");
        }
        let payload_len = writer.finish();
        let len = envelope.seal(&mut octets, payload_len);
        octets.truncate(len);

        let mut template = Self { octets, bound, ip_sum: 0, udp_sum: 0 };
        // What is to be added for a client is taken off for client 0.
        let own = template.changing(0, 0);
        let sum = |at: usize| {
            u32::from(!u16::from_be_bytes([template.octets[at], template.octets[at + 1]]))
        };
        let sums = (sum(IP_CHECKSUM) + less(own.0), sum(UDP_CHECKSUM) + less(own.1));
        (template.ip_sum, template.udp_sum) = sums;
        template
    }

    /// The octets to fill a frame with before the first [`patch`](Self::patch).
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Makes `frame`, which holds some client's request, that of `client`.
    pub(crate) fn patch(&self, frame: &mut [u8], client: u32, xid: u32) {
        let mac = state::mac(client);
        frame[ETHERNET_SOURCE..][..6].copy_from_slice(&mac);
        frame[XID..][..4].copy_from_slice(&xid.to_be_bytes());
        frame[CHADDR..][..6].copy_from_slice(&mac);
        let (ip, udp) = self.changing(client, xid);
        if self.bound {
            let address = state::address(client).octets();
            frame[IP_SOURCE..][..4].copy_from_slice(&address);
            frame[CIADDR..][..4].copy_from_slice(&address);
            frame[IP_CHECKSUM..][..2].copy_from_slice(&finish(self.ip_sum + ip));
        }
        frame[UDP_CHECKSUM..][..2].copy_from_slice(&finish(self.udp_sum + udp));
    }

    /// What the client's own fields add to the sums of IP header and UDP datagram.
    fn changing(&self, client: u32, xid: u32) -> (u32, u32) {
        let words = |number: u32| (number >> 16) + (number & 0xffff);
        let mac = state::mac(client);
        let [a, b, c, d, e, f] = mac.map(u32::from);
        let udp = words(xid) + (a << 8 | b) + (c << 8 | d) + (e << 8 | f);
        if self.bound {
            // Once in the pseudo header and once as `ciaddr`.
            let address = words(state::address(client).to_bits());
            (address, udp + 2 * address)
        } else {
            (0, udp)
        }
    }
}

fn fold(mut sum: u32) -> u32 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum
}

/// What takes `sum` off another one.
fn less(sum: u32) -> u32 {
    0xffff - fold(sum)
}

fn finish(sum: u32) -> [u8; 2] {
    (!(fold(sum) as u16)).to_be_bytes()
}
