//! A request as octets, made once and then changed in the few places where clients differ.

use std::net::Ipv4Addr;

use dhcp_user::wire::dhcpv4::{MessageType, Writer};
use dhcp_user::wire::frame::{Envelope, VlanTags};
use dhcp_user::wire::option::code;
use dhcp_user::wire::relay::sub_option;
use dhcp_user::wire::{HardwareAddress, MacAddr};

use super::answer::Options;
use super::plan::{Access, Target};
use crate::state::{self, STRANGERS};

/// Ethernet, IPv4 and UDP headers.
pub(crate) const HEADERS_LEN: usize = 14 + 20 + 8;
const ETHERNET_SOURCE: usize = 6;
const IP_CHECKSUM: usize = 14 + 10;
const IP_SOURCE: usize = 14 + 12;
const IP_DESTINATION: usize = 14 + 16;
const UDP_CHECKSUM: usize = 14 + 20 + 6;
const XID: usize = HEADERS_LEN + 4;
const CIADDR: usize = HEADERS_LEN + 12;
const GIADDR: usize = HEADERS_LEN + 24;
const CHADDR: usize = HEADERS_LEN + 28;
const OPTIONS: usize = HEADERS_LEN + 240;

/// Which message of a client's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// DISCOVER.
    Discover,
    /// REQUEST of what was offered.
    Request,
    /// REQUEST for more time, by unicast (RFC 2131 §4.3.2, RENEWING).
    Renew,
    /// RELEASE.
    Release,
}

/// What differs from one request to the next; which of it a message has, its stage says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub(crate) client: u32,
    pub(crate) xid: u32,
    /// Offered to the client, or held by it.
    pub(crate) address: Ipv4Addr,
    /// Who offered or granted it.
    pub(crate) server: Ipv4Addr,
}

impl Fields {
    /// Those of a client that holds the lease of its number, in a transaction of the same.
    pub(crate) fn of(client: u32) -> Self {
        let address = if client < STRANGERS { state::address(client) } else { state::SERVER };
        Self { client, xid: client, address, server: state::SERVER }
    }
}

/// A whole frame with zeros where clients differ.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    octets: Vec<u8>,
    places: Vec<Place>,
    /// How many relays, and the first one's address.
    relays: (u32, u32),
    /// Sums of 16-bit words (RFC 1071) of all that never changes.
    ip_sum: u32,
    udp_sum: u32,
}

/// Where in the frame a field stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    value: Value,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Xid,
    Mac,
    Address,
    Server,
    Relay,
    Client,
}

impl Template {
    /// A client's message to `target`.
    pub(crate) fn new(stage: Stage, access: Access, target: Target) -> Self {
        let is_bound = matches!(stage, Stage::Renew | Stage::Release);
        let relays = match access {
            Access::Relays(relays) if !is_bound => relays,
            _ => 0,
        };
        let mut places =
            vec![Place { at: XID, value: Value::Xid }, Place { at: CHADDR, value: Value::Mac }];
        // Whoever is behind a relay comes from it, or later through the router beside it.
        if access == Access::Direct {
            places.push(Place { at: ETHERNET_SOURCE, value: Value::Mac });
        }
        let is_unicast = is_bound || relays > 0;
        if is_bound {
            places.push(Place { at: IP_SOURCE, value: Value::Address });
            places.push(Place { at: IP_DESTINATION, value: Value::Server });
            places.push(Place { at: CIADDR, value: Value::Address });
        } else if relays > 0 {
            places.push(Place { at: IP_SOURCE, value: Value::Relay });
            places.push(Place { at: GIADDR, value: Value::Relay });
        }
        let nobody = Ipv4Addr::UNSPECIFIED;
        let envelope = Envelope {
            source: if access == Access::Direct { MacAddr([0; 6]) } else { target.own_mac },
            destination: if is_unicast { target.mac } else { MacAddr::BROADCAST },
            tags: VlanTags::NONE,
            source_ip: nobody,
            destination_ip: match (is_bound, is_unicast) {
                (true, _) => nobody,
                (false, true) => target.address,
                (false, false) => Ipv4Addr::BROADCAST,
            },
            source_port: if relays > 0 { 67 } else { 68 },
            destination_port: 67,
        };
        let mut octets = vec![0; 1514];
        let payload_len = write(stage, relays > 0, &mut octets[HEADERS_LEN..]);
        let len = envelope.seal(&mut octets, payload_len);
        octets.truncate(len);
        places.extend(places_in_options(&octets));
        // What is left of a sum once a field of zeros is counted.
        let sum = |at: usize| u32::from(!u16::from_be_bytes([octets[at], octets[at + 1]]));
        let (ip_sum, udp_sum) = (sum(IP_CHECKSUM), sum(UDP_CHECKSUM));
        Self { octets, places, relays: (relays, target.relay.to_bits()), ip_sum, udp_sum }
    }

    /// Writes the request with these fields to `frame`, and says how long it is.
    pub(crate) fn fill(&self, frame: &mut [u8], fields: Fields) -> usize {
        let frame = &mut frame[..self.octets.len()];
        frame.copy_from_slice(&self.octets);
        let (mut ip, mut udp) = (self.ip_sum, self.udp_sum);
        for place in &self.places {
            let octets = self.value(place.value, fields);
            let octets = if matches!(place.value, Value::Mac) { &octets } else { &octets[..4] };
            frame[place.at..][..octets.len()].copy_from_slice(octets);
            let sum = sum_at(place.at, octets);
            match place.at {
                ..IP_CHECKSUM => {}
                // The pseudo header has both addresses too.
                IP_SOURCE | IP_DESTINATION => (ip, udp) = (ip + sum, udp + sum),
                _ => udp += sum,
            }
        }
        frame[IP_CHECKSUM..][..2].copy_from_slice(&finish(ip));
        frame[UDP_CHECKSUM..][..2].copy_from_slice(&finish(udp));
        self.octets.len()
    }

    fn value(&self, value: Value, fields: Fields) -> [u8; 6] {
        let number = match value {
            Value::Mac => return state::mac(fields.client),
            Value::Xid => fields.xid,
            Value::Client => fields.client,
            Value::Address => fields.address.to_bits(),
            Value::Server => fields.server.to_bits(),
            Value::Relay => self.relays.1 + fields.client % self.relays.0,
        };
        let [a, b, c, d] = number.to_be_bytes();
        [a, b, c, d, 0, 0]
    }
}

/// The message itself, with zeros; its length.
fn write(stage: Stage, is_relayed: bool, buffer: &mut [u8]) -> usize {
    const FITS: &str = "a short option fits";
    let hardware =
        HardwareAddress::new(HardwareAddress::ETHERNET, &[0; 6]).expect("an Ethernet address fits");
    let mut writer = Writer::request(buffer, 0, &hardware);
    let kind = match stage {
        Stage::Discover => MessageType::Discover,
        Stage::Request | Stage::Renew => MessageType::Request,
        Stage::Release => MessageType::Release,
    };
    writer.push(code::MESSAGE_TYPE, &[kind as u8]).expect(FITS);
    if matches!(stage, Stage::Request) {
        writer.push(code::REQUESTED_ADDRESS, &[0; 4]).expect(FITS);
    }
    if matches!(stage, Stage::Request | Stage::Release) {
        writer.push(code::SERVER_IDENTIFIER, &[0; 4]).expect(FITS);
    }
    if stage != Stage::Release {
        let wanted = [1, 3, 6, 15, 28, 42, 51, 54, 58, 59];
        writer.push(code::MAX_MESSAGE_SIZE, &1500_u16.to_be_bytes()).expect(FITS);
        writer.push(code::PARAMETER_REQUEST_LIST, &wanted).expect(FITS);
    }
    let mut agent = [0; 14];
    agent[..2].copy_from_slice(&[sub_option::CIRCUIT_ID, 4]);
    agent[6..8].copy_from_slice(&[sub_option::REMOTE_ID, 6]);
    if is_relayed {
        writer.hops(1);
        writer.relay_information(&agent).expect(FITS);
    }
    writer.finish()
}

/// Where the client's fields are among the options of a whole frame.
fn places_in_options(frame: &[u8]) -> Vec<Place> {
    let mut places = Vec::new();
    let start = frame.as_ptr().addr();
    for (code, data) in Options(&frame[OPTIONS..]) {
        let at = data.as_ptr().addr() - start;
        match code {
            code::REQUESTED_ADDRESS => places.push(Place { at, value: Value::Address }),
            code::SERVER_IDENTIFIER => places.push(Place { at, value: Value::Server }),
            code::RELAY_AGENT_INFORMATION => {
                places.push(Place { at: at + 2, value: Value::Client });
                places.push(Place { at: at + 8, value: Value::Mac });
            }
            _ => {}
        }
    }
    places
}

/// What these octets add to a sum of 16-bit words, by where in the frame they begin: headers have an
/// even length, so that a word begins at every even place.
fn sum_at(at: usize, octets: &[u8]) -> u32 {
    let mut sum = 0;
    for (place, octet) in (at..).zip(octets) {
        sum += u32::from(*octet) << (8 * ((place + 1) % 2));
    }
    sum
}

fn finish(mut sum: u32) -> [u8; 2] {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    (!(sum as u16)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use dhcp_user::wire::dhcpv4::{Message, Scratch};
    use dhcp_user::wire::frame::Frame;

    use super::*;
    use crate::rig::TARGET;

    /// The server's own reader takes no frame with a wrong checksum.
    #[test]
    fn every_message_of_every_client_is_a_whole_frame_with_its_fields() {
        let stages = [Stage::Discover, Stage::Request, Stage::Renew, Stage::Release];
        for access in [Access::Direct, Access::Relays(1), Access::Relays(1_000)] {
            for (stage, client) in
                stages.into_iter().flat_map(|s| [0, 1, 77_777, 0xfffe].map(|c| (s, c)))
            {
                let template = Template::new(stage, access, TARGET);
                let mut octets = [0xaa; 1514];
                let fields = Fields { xid: 0xfedc_ba98, ..Fields::of(client) };
                let len = template.fill(&mut octets, fields);
                let frame = Frame::parse(&octets[..len]).unwrap();
                let mut scratch = Scratch::new();
                let message = Message::parse(frame.payload, &mut scratch).unwrap();
                assert_eq!(message.xid(), fields.xid);
                assert_eq!(message.hardware().octets(), state::mac(client));
                let is_bound = matches!(stage, Stage::Renew | Stage::Release);
                let wanted = if is_bound { fields.address } else { Ipv4Addr::UNSPECIFIED };
                assert_eq!(message.ciaddr(), wanted);
                let agent = message.option(code::RELAY_AGENT_INFORMATION);
                let giaddr = match access {
                    Access::Relays(relays) if !is_bound => {
                        Ipv4Addr::from_bits(TARGET.relay.to_bits() + client % relays)
                    }
                    _ => Ipv4Addr::UNSPECIFIED,
                };
                assert_eq!(message.giaddr(), giaddr);
                assert_eq!(agent.is_some(), !giaddr.is_unspecified());
                if let Some(agent) = agent {
                    assert_eq!(agent[2..6], client.to_be_bytes());
                    assert_eq!(agent[8..], state::mac(client));
                }
            }
        }
    }
}
