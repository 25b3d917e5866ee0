//! Messages of DHCPv6, each about an association of addresses, one of prefixes, or both.

use std::net::{IpAddr, Ipv6Addr};

use dhcp_user::wire::dhcpv6::{
    ALL_RELAYS_AND_SERVERS, CLIENT_PORT, IaKind, Iaid, MessageType, SERVER_PORT, Writer,
};
use dhcp_user::wire::frame::{Envelope, VlanTags};
use dhcp_user::wire::option::v6::code;
use dhcp_user::wire::{Full, Ipv6Prefix, MacAddr, Seconds};

use super::{Draft, Headers, Place, Stage, Value};
use crate::load::answer::Options6;
use crate::load::plan::{Access, Target, Wants};
use crate::state::v6::{ENTERPRISE, IAID, duid};

/// Ethernet, IPv6 and UDP headers.
pub(crate) const HEADERS_LEN: usize = 14 + 40 + 8;
const ETHERNET_SOURCE: usize = 6;
const IP_SOURCE: usize = 14 + 8;
const IP_END: usize = 14 + 40;
const UDP_CHECKSUM: usize = 14 + 40 + 6;
/// A relay's header: msg-type, hop-count, link-address, peer-address (RFC 8415 §9).
const RELAY_HEADER_LEN: usize = 34;
const LINK_ADDRESS: usize = 2;
const PEER_ADDRESS: usize = 18;
/// msg-type and transaction-id (RFC 8415 §8).
const HEADER_LEN: usize = 4;
/// DUID-type and hardware type (RFC 8415 §11.4); enterprise number (RFC 4649 §3).
const MAC_IN_OPTION: usize = 4;
/// IAID, T1 and T2 (RFC 8415 §21.4).
const IA_HEAD_LEN: usize = 12;
/// Lifetimes and length (RFC 8415 §21.22).
const PREFIX_IN_OPTION: usize = 9;
/// All_DHCP_Relay_Agents_and_Servers on Ethernet (RFC 2464 §7).
const TO_ALL: MacAddr = MacAddr([0x33, 0x33, 0, 1, 0, 2]);

/// The message, and through how many relays it comes.
pub(super) fn draft(
    stage: Stage,
    access: Access,
    target: &Target,
    wants: Wants,
    server: &[u8],
) -> (Draft, u32) {
    let relays = match access {
        Access::Relays(relays) => relays,
        Access::Direct => 0,
    };
    let is_relayed = relays > 0;
    let fits = "a message fits in a frame";
    let mut message = [0; 1_000];
    let len = write(stage, wants, server, &mut message).expect(fits);
    let message = &message[..len];
    let mut octets = vec![0; 1514];
    let payload = &mut octets[HEADERS_LEN..];
    let payload_len = if is_relayed {
        let unset = Ipv6Addr::UNSPECIFIED;
        Writer::forward(payload, 0, unset, unset, message, |options| {
            options.push(code::INTERFACE_ID, &[0; 4])?;
            options.push(code::REMOTE_ID, &[&ENTERPRISE.to_be_bytes()[..], &[0; 6]].concat())
        })
        .expect(fits)
    } else {
        payload[..len].copy_from_slice(message);
        len
    };
    let envelope = Envelope {
        source: if is_relayed { target.own_mac } else { MacAddr([0; 6]) },
        destination: if is_relayed { target.mac } else { TO_ALL },
        tags: VlanTags::NONE,
        source_ip: Ipv6Addr::UNSPECIFIED,
        destination_ip: match target.address {
            IpAddr::V6(address) if is_relayed => address,
            _ => ALL_RELAYS_AND_SERVERS,
        },
        source_port: if is_relayed { SERVER_PORT } else { CLIENT_PORT },
        destination_port: SERVER_PORT,
    };
    let len = envelope.seal(&mut octets, payload_len);
    octets.truncate(len);
    let end = HEADERS_LEN + payload_len;
    let places = places(&octets[..end], is_relayed);
    let headers =
        Headers { ip_checksum: None, addresses: IP_SOURCE..IP_END, udp_checksum: UDP_CHECKSUM };
    (Draft { octets, places, headers }, relays)
}

/// The client's message, with zeros; its length.
fn write(stage: Stage, wants: Wants, server: &[u8], buffer: &mut [u8]) -> Result<usize, Full> {
    let kind = match stage {
        Stage::Discover | Stage::Rapid => MessageType::Solicit,
        Stage::Request => MessageType::Request,
        Stage::Renew => MessageType::Renew,
        Stage::Release => MessageType::Release,
    };
    let mut writer = Writer::message(buffer, kind, 0)?;
    let options = writer.options();
    let mut client = duid(0);
    client[MAC_IN_OPTION..].fill(0);
    options.push(code::CLIENT_ID, &client)?;
    if !stage.is_first() {
        options.push(code::SERVER_ID, server)?;
    }
    options.push_u16(code::ELAPSED_TIME, 0)?;
    if stage != Stage::Release {
        options.push_codes(code::OPTION_REQUEST, &[code::DNS_SERVERS, code::DOMAIN_SEARCH, 82])?;
    }
    if stage == Stage::Rapid {
        options.push(code::RAPID_COMMIT, &[])?;
    }
    let unset = [Seconds(0); 2];
    let names = !stage.is_first();
    if wants.addresses {
        options.ia(IaKind::Addresses, Iaid(IAID), unset, |inside| match names {
            true => inside.address(Ipv6Addr::UNSPECIFIED, unset, |_| Ok(())),
            false => Ok(()),
        })?;
    }
    if let Some(len) = wants.prefixes {
        let prefix = Ipv6Prefix::containing(Ipv6Addr::UNSPECIFIED, len);
        options.ia(IaKind::Prefixes, Iaid(IAID), unset, |inside| match names {
            true => inside.prefix(prefix, unset, |_| Ok(())),
            false => Ok(()),
        })?;
    }
    Ok(writer.finish())
}

/// Where the client's fields are in a whole frame.
fn places(frame: &[u8], is_relayed: bool) -> Vec<Place> {
    let place = |at, value| Place { at, value };
    let start = frame.as_ptr().addr();
    let at_of = |octets: &[u8]| octets.as_ptr().addr() - start;
    let mut message = &frame[HEADERS_LEN..];
    let mut places = Vec::new();
    if is_relayed {
        places.push(place(IP_SOURCE, Value::Relay));
        places.push(place(HEADERS_LEN + LINK_ADDRESS, Value::Relay));
        places.push(place(HEADERS_LEN + PEER_ADDRESS, Value::LinkLocal));
        for (code, data) in Options6(&message[RELAY_HEADER_LEN..]) {
            match code {
                code::INTERFACE_ID => places.push(place(at_of(data), Value::Client)),
                code::REMOTE_ID => places.push(place(at_of(data) + MAC_IN_OPTION, Value::Mac)),
                code::RELAY_MESSAGE => message = data,
                _ => {}
            }
        }
    } else {
        places.push(place(ETHERNET_SOURCE, Value::Mac));
        places.push(place(IP_SOURCE, Value::LinkLocal));
    }
    places.push(place(at_of(message) + 1, Value::ShortXid));
    for (code, data) in Options6(&message[HEADER_LEN..]) {
        match code {
            code::CLIENT_ID => places.push(place(at_of(data) + MAC_IN_OPTION, Value::Mac)),
            code::IA_NA => {
                let addresses = Options6(&data[IA_HEAD_LEN..]);
                places.extend(addresses.map(|(_, data)| place(at_of(data), Value::Address)));
            }
            code::IA_PD => {
                let prefixes = Options6(&data[IA_HEAD_LEN..]);
                let at = |data| at_of(data) + PREFIX_IN_OPTION;
                places.extend(prefixes.map(|(_, data)| place(at(data), Value::Prefix)));
            }
            _ => {}
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use dhcp_user::wire::dhcpv6::{Datagram, HOP_COUNT_LIMIT};
    use dhcp_user::wire::frame::Frame;

    use super::*;
    use crate::load::pool::nth_after;
    use crate::load::template::{Fields, Template};
    use crate::rig::target;
    use crate::state::v6::{DUID, link_local, remote_id};
    use crate::state::{self, Protocol};

    #[test]
    fn a_message_is_about_what_its_client_wants() {
        let target = target(Protocol::Dhcpv6);
        for (addresses, prefixes) in [(true, None), (false, Some(60)), (true, Some(60))] {
            let wants = Wants { addresses, prefixes };
            for stage in Stage::ALL {
                let template = Template::naming(stage, Access::Relays(2), target, wants, &DUID);
                let mut octets = [0; 1514];
                let len = template.fill(&mut octets, template.fields(77_777));
                let frame = Frame::parse_v6(&octets[..len]).unwrap();
                let message = Datagram::parse(frame.payload, HOP_COUNT_LIMIT).unwrap().message;
                let kinds: Vec<_> = message.ias().map(|ia| ia.kind()).collect();
                let expected = [
                    addresses.then_some(IaKind::Addresses),
                    prefixes.is_some().then_some(IaKind::Prefixes),
                ];
                assert_eq!(kinds, expected.into_iter().flatten().collect::<Vec<_>>());
                let named: Vec<_> =
                    message.ias().flat_map(|ia| ia.prefixes().map(|it| it.prefix())).collect();
                let is_named = prefixes.is_some() && !stage.is_first();
                let expected: Vec<_> =
                    is_named.then(|| state::v6::prefix(77_777)).into_iter().collect();
                assert_eq!(named, expected, "{stage:?}");
            }
        }
    }

    /// The server's own reader takes no frame with a wrong checksum.
    #[test]
    fn every_message_of_every_client_is_a_whole_frame_with_its_fields() {
        let target = target(Protocol::Dhcpv6);
        for access in [Access::Direct, Access::Relays(1), Access::Relays(1_000)] {
            for (stage, client) in
                Stage::ALL.into_iter().flat_map(|s| [0, 1, 77_777, 0xfffe].map(|c| (s, c)))
            {
                let template = Template::new(stage, access, target);
                let mut octets = [0xaa; 1514];
                let fields = Fields { xid: 0xfedc_ba98, ..template.fields(client) };
                let len = template.fill(&mut octets, fields);
                let frame = Frame::parse_v6(&octets[..len]).unwrap();
                let datagram = Datagram::parse(frame.payload, HOP_COUNT_LIMIT).unwrap();
                let message = datagram.message;
                assert_eq!(message.transaction_id(), 0xdc_ba98);
                assert_eq!(message.client_id(), Some(&state::v6::duid(client)[..]));
                assert_eq!(message.has_rapid_commit(), stage == Stage::Rapid);
                let is_first = matches!(stage, Stage::Discover | Stage::Rapid);
                assert_eq!(message.server_id(), (!is_first).then_some(&DUID[..]));
                let ia = message.ias().next().unwrap();
                assert_eq!(ia.iaid(), Iaid(IAID));
                let asked = ia.addresses().next().map(|asked| IpAddr::V6(asked.address()));
                assert_eq!(asked, (!is_first).then_some(fields.address));
                let relay = datagram.relays.iter().next();
                let Access::Relays(relays) = access else {
                    assert_eq!(relay, None);
                    assert_eq!(frame.source_ip, link_local(client));
                    assert_eq!(frame.destination_ip, ALL_RELAYS_AND_SERVERS);
                    continue;
                };
                let relay = relay.unwrap();
                assert_eq!(
                    IpAddr::V6(relay.link_address()),
                    nth_after(target.relay, client % relays)
                );
                assert_eq!(frame.source_ip, relay.link_address());
                assert_eq!(IpAddr::V6(frame.destination_ip), target.address);
                assert_eq!(relay.peer_address(), link_local(client));
                assert_eq!(relay.interface_id(), Some(&client.to_be_bytes()[..]));
                assert_eq!(relay.options().get(code::REMOTE_ID), Some(&remote_id(client)[..]));
            }
        }
    }
}
