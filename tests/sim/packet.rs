//! What clients send and how they read what they hear.

use std::net::Ipv4Addr;

use dhcp_user::server::{Arrival, InterfaceIndex};
use dhcp_user::wire::HardwareAddress;
use dhcp_user::wire::dhcpv4::{Message, MessageType, Scratch, Writer};
use dhcp_user::wire::option::code;

use super::client::Client;
use super::scenario::Side;

/// A server's own address.
pub(super) fn server_address(side: Side) -> Ipv4Addr {
    Ipv4Addr::new(10, 255, 0, 1 + side as u8)
}

/// The relay of a network, which hands its clients' broadcasts to both servers.
pub(super) fn relay_address(network: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, network as u8, 0, 1)
}

/// The first address of a network's pool.
pub(super) fn pool_begin(network: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, network as u8, 0, 10)
}

/// A client's hardware address.
pub(super) fn hardware(number: u16) -> [u8; 6] {
    let [high, low] = number.to_be_bytes();
    [2, 0, 0, 0, high, low]
}

/// A request on its way to one server.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) arrival: Arrival,
    pub(super) octets: Vec<u8>,
}

/// What a client says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    pub(super) kind: MessageType,
    pub(super) xid: u32,
    pub(super) secs: u16,
    pub(super) ciaddr: Option<Ipv4Addr>,
    pub(super) asked: Option<Ipv4Addr>,
    pub(super) server: Option<Side>,
}

impl Words {
    pub(super) fn new(kind: MessageType, xid: u32, secs: u16) -> Self {
        Self { kind, xid, secs, ciaddr: None, asked: None, server: None }
    }

    /// As the relay of the client's network hands it on, or as the client sends it to `to` itself.
    pub(super) fn request(
        self,
        client: &Client,
        network: usize,
        to: Side,
        unicast: bool,
    ) -> Request {
        let number = client.plan.number;
        let hardware = hardware(number);
        let address = HardwareAddress::new(1, &hardware).expect("six octets fit");
        let mut octets = vec![0; 600];
        let mut writer = Writer::request(&mut octets, self.xid, &address);
        writer.limit(600).secs(self.secs).ciaddr(self.ciaddr.unwrap_or(Ipv4Addr::UNSPECIFIED));
        if !unicast {
            writer.giaddr(relay_address(network)).hops(1);
        }
        let mut push = |code, data: &[u8]| writer.push(code, data).expect("there is room");
        push(code::MESSAGE_TYPE, &[self.kind as u8]);
        if let Some(asked) = self.asked {
            push(code::REQUESTED_ADDRESS, &asked.octets());
        }
        if let Some(server) = self.server {
            push(code::SERVER_IDENTIFIER, &server_address(server).octets());
        }
        for (code, data) in client.plan.said.options(number, client.reboots, !unicast) {
            push(code, &data);
        }
        let len = writer.finish();
        octets.truncate(len);
        let source = if unicast { self.ciaddr } else { Some(relay_address(network)) };
        let arrival = Arrival {
            interface: InterfaceIndex(0),
            source_ip: source.unwrap_or(Ipv4Addr::UNSPECIFIED),
            source_port: if unicast { 68 } else { 67 },
            destination_ip: server_address(to),
        };
        Request { arrival, octets }
    }
}

/// What a server says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Heard {
    pub(super) kind: MessageType,
    pub(super) xid: u32,
    pub(super) address: Ipv4Addr,
    /// Option 51, in seconds.
    pub(super) lease: u32,
    /// Options 58 and 59.
    pub(super) renew: u32,
    pub(super) rebind: u32,
}

impl Heard {
    /// Reads a reply; the servers' own must be sound.
    pub(super) fn parse(octets: &[u8]) -> Self {
        let mut scratch = Scratch::new();
        let message = Message::parse(octets, &mut scratch).expect("a server's reply is sound");
        let number = |code| message.option_u32(code);
        let lease = number(code::LEASE_TIME).unwrap_or(0);
        Self {
            kind: message.message_type().expect("a reply has a type"),
            xid: message.xid(),
            address: message.yiaddr(),
            lease,
            renew: number(code::RENEWAL_TIME).unwrap_or(lease / 2),
            rebind: number(code::REBINDING_TIME).unwrap_or(lease / 8 * 7),
        }
    }
}
