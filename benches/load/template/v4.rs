//! Messages of DHCPv4.

use std::net::{IpAddr, Ipv4Addr};

use dhcp_user::wire::dhcpv4::{MessageType, Writer};
use dhcp_user::wire::frame::{Envelope, VlanTags};
use dhcp_user::wire::option::code;
use dhcp_user::wire::relay::sub_option;
use dhcp_user::wire::{HardwareAddress, MacAddr};

use super::{Draft, Headers, Place, Stage, Value};
use crate::load::answer::Options4;
use crate::load::plan::{Access, Target};

/// Ethernet, IPv4 and UDP headers.
pub(crate) const HEADERS_LEN: usize = 14 + 20 + 8;
const ETHERNET_SOURCE: usize = 6;
const IP_CHECKSUM: usize = 14 + 10;
const IP_SOURCE: usize = 14 + 12;
const IP_END: usize = 14 + 20;
const UDP_CHECKSUM: usize = 14 + 20 + 6;
const XID: usize = HEADERS_LEN + 4;
const CIADDR: usize = HEADERS_LEN + 12;
const GIADDR: usize = HEADERS_LEN + 24;
const CHADDR: usize = HEADERS_LEN + 28;
const OPTIONS: usize = HEADERS_LEN + 240;

/// The message, and through how many relays it comes.
pub(super) fn draft(stage: Stage, access: Access, target: &Target, server: &[u8]) -> (Draft, u32) {
    let is_bound = stage.is_bound();
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
        places.push(Place { at: CIADDR, value: Value::Address });
    } else if relays > 0 {
        places.push(Place { at: IP_SOURCE, value: Value::Relay });
        places.push(Place { at: GIADDR, value: Value::Relay });
    }
    // A server of DHCPv4 names itself by its address.
    let named = <[u8; 4]>::try_from(server).unwrap_or_default();
    let envelope = Envelope {
        source: if access == Access::Direct { MacAddr([0; 6]) } else { target.own_mac },
        destination: if is_unicast { target.mac } else { MacAddr::BROADCAST },
        tags: VlanTags::NONE,
        source_ip: Ipv4Addr::UNSPECIFIED,
        destination_ip: match (is_bound, is_unicast, target.address) {
            (false, true, IpAddr::V4(address)) => address,
            (false, false, _) => Ipv4Addr::BROADCAST,
            _ => named.into(),
        },
        source_port: if relays > 0 { 67 } else { 68 },
        destination_port: 67,
    };
    let mut octets = vec![0; 1514];
    let payload_len = write(stage, relays > 0, named, &mut octets[HEADERS_LEN..]);
    let len = envelope.seal(&mut octets, payload_len);
    octets.truncate(len);
    places.extend(places_in_options(&octets));
    let headers = Headers {
        ip_checksum: Some(IP_CHECKSUM),
        addresses: IP_SOURCE..IP_END,
        udp_checksum: UDP_CHECKSUM,
    };
    (Draft { octets, places, headers }, relays)
}

/// The message itself, with zeros; its length.
fn write(stage: Stage, is_relayed: bool, server: [u8; 4], buffer: &mut [u8]) -> usize {
    const FITS: &str = "a short option fits";
    let hardware =
        HardwareAddress::new(HardwareAddress::ETHERNET, &[0; 6]).expect("an Ethernet address fits");
    let information = relay_information([0; 4], [0; 6]);
    let mut writer = Writer::request(buffer, 0, &hardware);
    let kind = match stage {
        Stage::Discover | Stage::Rapid => MessageType::Discover,
        Stage::Request | Stage::Renew => MessageType::Request,
        Stage::Release => MessageType::Release,
    };
    writer.push(code::MESSAGE_TYPE, &[kind as u8]).expect(FITS);
    if stage == Stage::Rapid {
        writer.push(code::RAPID_COMMIT, &[]).expect(FITS);
    }
    if matches!(stage, Stage::Request) {
        writer.push(code::REQUESTED_ADDRESS, &[0; 4]).expect(FITS);
    }
    if matches!(stage, Stage::Request | Stage::Release) {
        writer.push(code::SERVER_IDENTIFIER, &server).expect(FITS);
    }
    if stage != Stage::Release {
        let wanted = [1, 3, 6, 15, 28, 42, 51, 54, 58, 59];
        writer.push(code::MAX_MESSAGE_SIZE, &1500_u16.to_be_bytes()).expect(FITS);
        writer.push(code::PARAMETER_REQUEST_LIST, &wanted).expect(FITS);
    }
    if is_relayed {
        writer.hops(1);
        writer.relay_information(&information).expect(FITS);
    }
    writer.finish()
}

/// What a relay says of a client: the port that it is behind, and its hardware address.
pub(in crate::load) fn relay_information(port: [u8; 4], hardware: [u8; 6]) -> [u8; 14] {
    let mut octets = [0; 14];
    octets[..2].copy_from_slice(&[sub_option::CIRCUIT_ID, 4]);
    octets[2..6].copy_from_slice(&port);
    octets[6..8].copy_from_slice(&[sub_option::REMOTE_ID, 6]);
    octets[8..].copy_from_slice(&hardware);
    octets
}

/// Where the client's fields are among the options of a whole frame.
fn places_in_options(frame: &[u8]) -> Vec<Place> {
    let mut places = Vec::new();
    let start = frame.as_ptr().addr();
    for (code, data) in Options4(&frame[OPTIONS..]) {
        let at = data.as_ptr().addr() - start;
        match code {
            code::REQUESTED_ADDRESS => places.push(Place { at, value: Value::Address }),
            code::RELAY_AGENT_INFORMATION => {
                places.push(Place { at: at + 2, value: Value::Client });
                places.push(Place { at: at + 8, value: Value::Mac });
            }
            _ => {}
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use dhcp_user::wire::dhcpv4::{Message, Scratch};
    use dhcp_user::wire::frame::Frame;

    use super::*;
    use crate::load::pool::nth_after;
    use crate::load::template::{Fields, Template};
    use crate::rig::target;
    use crate::state::{self, Protocol};

    /// The server's own reader takes no frame with a wrong checksum.
    #[test]
    fn every_message_of_every_client_is_a_whole_frame_with_its_fields() {
        let target = target(Protocol::Dhcpv4);
        for access in [Access::Direct, Access::Relays(1), Access::Relays(1_000)] {
            for (stage, client) in
                Stage::ALL.into_iter().flat_map(|s| [0, 1, 77_777, 0xfffe].map(|c| (s, c)))
            {
                let template = Template::new(stage, access, target);
                let mut octets = [0xaa; 1514];
                let fields = Fields { xid: 0xfedc_ba98, ..template.fields(client) };
                let len = template.fill(&mut octets, fields);
                let frame = Frame::parse(&octets[..len]).unwrap();
                let mut scratch = Scratch::new();
                let message = Message::parse(frame.payload, &mut scratch).unwrap();
                assert_eq!(message.xid(), fields.xid);
                assert_eq!(message.hardware().octets(), state::mac(client));
                let is_bound = matches!(stage, Stage::Renew | Stage::Release);
                let unset = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
                let wanted = if is_bound { fields.address } else { unset };
                assert_eq!(IpAddr::V4(message.ciaddr()), wanted);
                if is_bound {
                    assert_eq!(IpAddr::V4(frame.destination_ip), target.address);
                }
                let server = message.option(code::SERVER_IDENTIFIER);
                let is_named = matches!(stage, Stage::Request | Stage::Release);
                assert_eq!(server, is_named.then_some(&state::SERVER.octets()[..]));
                assert_eq!(message.option(code::RAPID_COMMIT).is_some(), stage == Stage::Rapid);
                let agent = message.option(code::RELAY_AGENT_INFORMATION);
                let giaddr = match access {
                    Access::Relays(relays) if !is_bound => nth_after(target.relay, client % relays),
                    _ => unset,
                };
                assert_eq!(IpAddr::V4(message.giaddr()), giaddr);
                assert_eq!(agent.is_some(), giaddr != unset);
                if let Some(agent) = agent {
                    assert_eq!(agent[2..6], client.to_be_bytes());
                    assert_eq!(agent[8..], state::mac(client));
                }
            }
        }
    }
}
