//! DHCPv6 as clients and their relays speak it (RFC 8415).

use std::net::Ipv6Addr;

use dhcp_user::lease::Resource;
use dhcp_user::server::InterfaceIndex;
use dhcp_user::server::v6::Arrival;
use dhcp_user::wire::Seconds;
use dhcp_user::wire::dhcpv6::{
    ALL_RELAYS_AND_SERVERS, ALL_SERVERS, CLIENT_PORT, Datagram, HOP_COUNT_LIMIT, Ia, IaKind, Iaid,
    MessageType, OptionWriter, SERVER_PORT, StatusCode, Writer,
};
use dhcp_user::wire::option::v6::code;

use super::client::Client;
use super::packet::{self, Act, Heard, Kind, Request, Words};
use super::places::{duid, link_address, server_duid};

/// As the client's relays hand it on, or as it comes from the link.
pub(super) fn request(words: &Words, client: &Client) -> Request {
    let number = client.plan.number;
    let mut octets = vec![0; 1_024];
    let mut writer = Writer::message(&mut octets, kind(words), words.xid).expect("there is room");
    write(words, client, writer.options());
    let len = writer.finish();
    octets.truncate(len);
    let local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number);
    for hops in 0..client.plan.relays {
        octets = forward(client, hops, if hops == 0 { local } else { RELAY }, &octets);
    }
    let is_direct = client.plan.relays == 0;
    let arrival = Arrival {
        interface: InterfaceIndex(if is_direct { client.network as u16 } else { 0 }),
        source_ip: if is_direct { local } else { RELAY },
        source_port: if is_direct { CLIENT_PORT } else { SERVER_PORT },
        destination_ip: if is_direct { ALL_RELAYS_AND_SERVERS } else { ALL_SERVERS },
    };
    Request { arrival: packet::Arrival::V6(arrival), octets, network: client.network }
}

/// Where relays are.
const RELAY: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);

/// The relay next to the client says on which link it is, and what it knows of it.
fn forward(client: &Client, hops: u8, peer: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 1_400];
    let link = if hops == 0 { link_address(client.network) } else { RELAY };
    let said = client.plan.said.relay_options6(client.plan.number);
    let add = |options: &mut OptionWriter<'_>| {
        let said = said.iter().filter(|_| hops == 0);
        said.clone().try_for_each(|(code, data)| options.push(*code, data))
    };
    let len = Writer::forward(&mut octets, hops, link, peer, message, add).expect("there is room");
    octets.truncate(len);
    octets
}

/// RFC 8415 §18.2.12: of a prefix no Confirm can be sent.
fn kind(words: &Words) -> MessageType {
    let has_prefix = words.leases.iter().any(|it| matches!(it, Resource::Prefix(_)));
    match words.act {
        Act::Select => MessageType::Solicit,
        Act::Request(_) => MessageType::Request,
        Act::Reboot if !has_prefix => MessageType::Confirm,
        Act::Reboot | Act::Rebind => MessageType::Rebind,
        Act::Renew(_) => MessageType::Renew,
        Act::Release(_) => MessageType::Release,
        Act::Decline(_) => MessageType::Decline,
    }
}

fn write(words: &Words, client: &Client, options: &mut OptionWriter<'_>) {
    let (plan, kind) = (&client.plan, kind(words));
    let mut push = |code, data: &[u8]| options.push(code, data).expect("there is room");
    push(code::CLIENT_ID, &duid(plan.number));
    push(code::ELAPSED_TIME, &words.secs.saturating_mul(100).to_be_bytes());
    if let Act::Request(server) | Act::Renew(server) | Act::Release(server) | Act::Decline(server) =
        words.act
    {
        push(code::SERVER_ID, &server_duid(server));
    }
    if plan.is_hasty && kind == MessageType::Solicit {
        push(code::RAPID_COMMIT, &[]);
    }
    for (code, data) in plan.said.options6(plan.number) {
        push(code, &data);
    }
    // What is only told about names what it tells.
    let names_all = !matches!(kind, MessageType::Solicit | MessageType::Request)
        && !matches!(kind, MessageType::Renew | MessageType::Rebind);
    for (ia, wanted) in [(IaKind::Addresses, plan.address), (IaKind::Prefixes, plan.prefix)] {
        let of_kind = |resource: &&Resource| match resource {
            Resource::Prefix(_) => ia == IaKind::Prefixes,
            _ => ia == IaKind::Addresses,
        };
        let its: Vec<_> = words.leases.iter().filter(of_kind).collect();
        if !wanted || names_all && its.is_empty() {
            continue;
        }
        let inside = |inside: &mut OptionWriter<'_>| {
            its.iter().try_for_each(|resource| match resource {
                Resource::Ipv6(it) => inside.address(*it, NO_TIMES, |_| Ok(())),
                Resource::Prefix(it) => inside.prefix(*it, NO_TIMES, |_| Ok(())),
                Resource::Ipv4(_) => Ok(()),
            })
        };
        let room = options.ia(ia, Iaid(1 + u32::from(ia == IaKind::Prefixes)), NO_TIMES, inside);
        room.expect("there is room");
    }
}

const NO_TIMES: [Seconds; 2] = [Seconds(0); 2];

/// Reads a reply.
pub(super) fn heard(octets: &[u8]) -> Heard {
    let datagram = Datagram::parse(octets, HOP_COUNT_LIMIT).expect("a server's reply is sound");
    let message = datagram.message;
    let leases: Vec<_> = message.ias().flat_map(|ia| leases_of(&ia)).collect();
    let has_some = leases.iter().any(|(_, seconds)| *seconds > 0);
    let is_right = message.status().is_none_or(|status| status.code == StatusCode::SUCCESS);
    let kind = match message.kind() {
        MessageType::Advertise if has_some => Kind::Offer,
        _ if has_some => Kind::Grant,
        MessageType::Reply if is_right && !message.has_ia() => Kind::Stay,
        _ => Kind::Refusal,
    };
    let shortest = leases.iter().map(|(_, seconds)| *seconds).filter(|it| *it > 0).min();
    let shortest = shortest.unwrap_or(0);
    let times = message.ias().filter(|ia| leases_of(ia).any(|(_, seconds)| seconds > 0));
    let times: Vec<_> = times.map(|ia| [ia.t1().0, ia.t2().0]).collect();
    let least = |which: usize, default: u32| {
        let set = times.iter().map(|times| times[which]).filter(|time| *time > 0);
        set.min().unwrap_or(default).min(shortest)
    };
    Heard {
        kind,
        xid: message.transaction_id(),
        renew: least(0, shortest / 2),
        rebind: least(1, shortest / 5 * 4),
        leases,
    }
}

/// What an association is told of, and its valid lifetimes in seconds.
fn leases_of<'a>(ia: &Ia<'a>) -> impl Iterator<Item = (Resource, u32)> + use<'a> {
    let addresses = ia.addresses().map(|it| (it.address().into(), it.valid().0));
    let prefixes = ia.prefixes().map(|it| (it.prefix().into(), it.valid().0));
    addresses.chain(prefixes)
}
