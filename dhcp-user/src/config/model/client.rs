//! Clients: what they have in common, what is kept for them, and what tells them apart.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Prefix, Scope};
use crate::wire::HardwareAddress;

/// `[[class]]`: clients that have something in common.
#[derive(Clone, Debug)]
pub struct Class {
    /// Unique.
    pub name: String,
    /// A client is in the class if every test of one alternative holds.
    pub alternatives: Vec<Vec<Test>>,
    /// Options and parameters for its clients.
    pub scope: Scope,
}

/// One thing to ask about a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Test {
    /// Vendor class identifier, option 60; in DHCPv6 any that follows the enterprise number in
    /// option 16.
    VendorClass(Pattern),
    /// Any of the user classes, option 77 (RFC 3004; also the bare text that many clients send); in
    /// DHCPv6 option 15.
    UserClass(Pattern),
    /// The hardware address begins with these octets; in DHCPv6 it is that of option 79, or of the
    /// DUID.
    HardwarePrefix(Vec<u8>),
    /// `giaddr` lies in this prefix; of no DHCPv6 client.
    Relay(Prefix),
    /// The link-address nearest to the client lies in this prefix; of no DHCPv4 client.
    LinkAddress(Prefix<Ipv6Addr>),
    /// Agent circuit ID; of no DHCPv6 client.
    CircuitId(Pattern),
    /// Agent remote ID; in DHCPv6 option 37 without its enterprise number.
    RemoteId(Pattern),
    /// Interface-Id of the relay nearest to the client; of no DHCPv4 client.
    InterfaceId(Pattern),
    /// DUID; of no DHCPv4 client.
    Duid(Pattern),
}

/// What octets are compared with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Pattern {
    /// Exactly these.
    Is(Vec<u8>),
    /// These first.
    Begins(Vec<u8>),
    /// These somewhere.
    Contains(Vec<u8>),
}

/// `[[reservation4]]`, or a row of a reservation file.
#[derive(Clone, Debug)]
pub struct Reservation {
    /// Whom it is for.
    pub client: ReservedFor,
    /// What it gets; `None` reserves options only. Unique; may lie in a pool, and nobody else gets
    /// it then.
    pub address: Option<Ipv4Addr>,
    /// Host name, option 12, told to the client.
    pub host_name: Option<String>,
    /// Options and parameters; `None`, as in most of a million rows, costs nothing.
    pub scope: Option<Box<Scope>>,
}

/// `[[reservation6]]`: what it keeps is all of one network.
#[derive(Clone, Debug)]
pub struct Reservation6 {
    /// Whom it is for.
    pub client: ReservedFor,
    /// Addresses that it gets; each of one reservation only.
    pub addresses: Vec<Ipv6Addr>,
    /// Prefixes that it gets; apart from all others, and in a prefix pool as long as what that
    /// delegates.
    pub prefixes: Vec<Prefix<Ipv6Addr>>,
    /// Host name, in option 39.
    pub host_name: Option<String>,
    /// Options and parameters.
    pub scope: Option<Box<Scope>>,
}

/// How a reservation knows its client.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ReservedFor {
    /// `htype` and `chaddr`.
    Hardware(HardwareAddress),
    /// Client identifier, option 61, or DUID, whole.
    Identifier(Box<[u8]>),
    /// Agent circuit ID, or Interface-Id.
    CircuitId(Box<[u8]>),
    /// Agent remote ID; in DHCPv6 without its enterprise number.
    RemoteId(Box<[u8]>),
}

/// `[[limit]]`: at most `leases` at a time for each value of `per`, of each protocol.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limit {
    /// Shown in status.
    pub name: String,
    /// Whose leases are counted together.
    pub per: LimitPer,
    /// How many; at least 1.
    pub leases: u32,
    /// Only for clients of this class, by index.
    pub class: Option<usize>,
}

/// What makes two clients one subscriber.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LimitPer {
    /// The same agent circuit ID behind the same relay. Limits no DHCPv6 client.
    CircuitId,
    /// The same agent remote ID.
    RemoteId,
    /// The same Interface-Id behind the same link-address. Limits no DHCPv4 client.
    InterfaceId,
    /// The same DUID, however many identity associations it has. Limits no DHCPv4 client.
    Duid,
    /// The same `giaddr`, or link-address.
    Relay,
    /// The limit's class as a whole.
    Class,
}

/// What tells one client from another, tried in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// First that the request has names the client; the hardware address always closes the list.
    pub order: Vec<IdentityBy>,
}

/// One way to tell a client.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IdentityBy {
    /// Option 61 (the default, with `Hardware` behind it; RFC 2131 §4.2).
    Identifier,
    /// Agent circuit ID: the port is the client.
    CircuitId,
    /// Agent remote ID: the modem is the client.
    RemoteId,
    /// `chaddr`.
    Hardware,
}
