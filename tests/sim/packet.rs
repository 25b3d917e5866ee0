//! What clients say and how they read what they hear, in either protocol.

use dhcp_user::config::model::Protocol;
use dhcp_user::lease::Resource;
use dhcp_user::server;

use super::client::Client;
use super::scenario::Side;
use super::{dhcpv4, dhcpv6};

/// A request on its way to one server.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) arrival: Arrival,
    pub(super) octets: Vec<u8>,
    /// Where its client is.
    pub(super) network: usize,
}

impl Request {
    pub(super) fn protocol(&self) -> Protocol {
        match self.arrival {
            Arrival::V4(_) => Protocol::Dhcpv4,
            Arrival::V6(_) => Protocol::Dhcpv6,
        }
    }
}

/// How it comes in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrival {
    V4(server::Arrival),
    V6(server::v6::Arrival),
}

/// What a client wants to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Act {
    /// DHCPDISCOVER, Solicit.
    Select,
    /// What this server has offered.
    Request(Side),
    /// INIT-REBOOT, Confirm: may it go on with what it had?
    Reboot,
    Renew(Side),
    Rebind,
    Release(Side),
    Decline(Side),
}

/// What a client says.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub(super) act: Act,
    pub(super) xid: u32,
    /// Seconds that it has been asking for.
    pub(super) secs: u16,
    /// What it is about.
    pub(super) leases: Vec<Resource>,
}

impl Words {
    /// The one server that it goes to; else both hear it, by relay or multicast.
    pub(super) fn to(&self, protocol: Protocol) -> Option<Side> {
        match (protocol, self.act) {
            (Protocol::Dhcpv4, Act::Renew(side) | Act::Release(side)) => Some(side),
            _ => None,
        }
    }

    /// As it comes in at a server.
    pub(super) fn request(&self, client: &Client, to: Side) -> Request {
        match client.protocol {
            Protocol::Dhcpv4 => dhcpv4::request(self, client, to),
            Protocol::Dhcpv6 => dhcpv6::request(self, client),
        }
    }
}

/// What a server says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Heard {
    pub(super) kind: Kind,
    pub(super) xid: u32,
    /// What it is about, and for how many seconds the client may have it; with none it has lost it.
    pub(super) leases: Vec<(Resource, u32)>,
    /// T1 and T2, in seconds.
    pub(super) renew: u32,
    pub(super) rebind: u32,
}

/// What a server means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// DHCPOFFER, Advertise.
    Offer,
    /// DHCPACK, Reply.
    Grant,
    /// Reply to a Confirm: what the client has is right, and no more is said of it.
    Stay,
    /// DHCPNAK, or a Reply that gives nothing.
    Refusal,
}

impl Heard {
    /// Reads a reply; the servers' own must be sound.
    pub(super) fn parse(protocol: Protocol, octets: &[u8]) -> Self {
        match protocol {
            Protocol::Dhcpv4 => dhcpv4::heard(octets),
            Protocol::Dhcpv6 => dhcpv6::heard(octets),
        }
    }

    /// What it lets the client have.
    pub(super) fn granted(&self) -> impl Iterator<Item = Resource> {
        let leases = self.leases.iter().filter(|_| self.kind == Kind::Grant);
        leases.filter(|(_, seconds)| *seconds > 0).map(|(resource, _)| *resource)
    }
}
