//! DHCPv4 as clients and their relay speak it.

use std::net::Ipv4Addr;

use dhcp_user::server::{Arrival, InterfaceIndex};
use dhcp_user::wire::HardwareAddress;
use dhcp_user::wire::dhcpv4::{Message, MessageType, Scratch, Writer};
use dhcp_user::wire::option::code;

use super::client::Client;
use super::packet::{self, Act, Heard, Kind, Request, Words};
use super::places::{hardware, relay_address, server_address};
use super::scenario::Side;

/// As the relay of the client's network hands it on, or as the client sends it to `to` itself.
pub(super) fn request(words: &Words, client: &Client, to: Side) -> Request {
    let number = client.plan.number;
    let (network, hardware) = (client.network, hardware(number));
    let its = words.leases.first().and_then(|resource| resource.ipv4());
    let is_unicast = matches!(words.act, Act::Renew(_) | Act::Release(_));
    let is_in_use = is_unicast || words.act == Act::Rebind;
    let ciaddr = its.filter(|_| is_in_use);
    let asked = its.filter(|_| !is_in_use && words.act != Act::Select);
    let server = match words.act {
        Act::Request(server) | Act::Release(server) | Act::Decline(server) => Some(server),
        _ => None,
    };
    let address = HardwareAddress::new(1, &hardware).expect("six octets fit");
    let mut octets = vec![0; 600];
    let mut writer = Writer::request(&mut octets, words.xid, &address);
    writer.limit(600).secs(words.secs).ciaddr(ciaddr.unwrap_or(Ipv4Addr::UNSPECIFIED));
    if !is_unicast {
        writer.giaddr(relay_address(network)).hops(1);
    }
    let mut push = |code, data: &[u8]| writer.push(code, data).expect("there is room");
    push(code::MESSAGE_TYPE, &[kind(words.act) as u8]);
    if let Some(asked) = asked {
        push(code::REQUESTED_ADDRESS, &asked.octets());
    }
    if let Some(server) = server {
        push(code::SERVER_IDENTIFIER, &server_address(server).octets());
    }
    for (code, data) in client.plan.said.options(number, client.reboots, !is_unicast) {
        push(code, &data);
    }
    let len = writer.finish();
    octets.truncate(len);
    let source = if is_unicast { ciaddr } else { Some(relay_address(network)) };
    let arrival = Arrival {
        interface: InterfaceIndex(0),
        source_ip: source.unwrap_or(Ipv4Addr::UNSPECIFIED),
        source_port: if is_unicast { 68 } else { 67 },
        destination_ip: server_address(to),
    };
    Request { arrival: packet::Arrival::V4(arrival), octets, network }
}

fn kind(act: Act) -> MessageType {
    match act {
        Act::Select => MessageType::Discover,
        Act::Request(_) | Act::Reboot | Act::Renew(_) | Act::Rebind => MessageType::Request,
        Act::Release(_) => MessageType::Release,
        Act::Decline(_) => MessageType::Decline,
    }
}

/// Reads a reply.
pub(super) fn heard(octets: &[u8]) -> Heard {
    let mut scratch = Scratch::new();
    let message = Message::parse(octets, &mut scratch).expect("a server's reply is sound");
    let number = |code| message.option_u32(code);
    let lease = number(code::LEASE_TIME).unwrap_or(0);
    Heard {
        kind: match message.message_type().expect("a reply has a type") {
            MessageType::Offer => Kind::Offer,
            MessageType::Ack => Kind::Grant,
            _ => Kind::Refusal,
        },
        xid: message.xid(),
        leases: vec![(message.yiaddr().into(), lease)],
        renew: number(code::RENEWAL_TIME).unwrap_or(lease / 2),
        rebind: number(code::REBINDING_TIME).unwrap_or(lease / 8 * 7),
    }
}
