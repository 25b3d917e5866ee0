//! What is to be done about a request.

use std::net::Ipv4Addr;

use super::DropReason;
use crate::config::model;
use crate::wire::HardwareAddress;

/// What is to be done about a request.
///
/// Whatever it is, the changes in [`Workspace::changes`](super::Workspace::changes) have already
/// been made in the lease table and must be journalled; a reply leaves only once they are durable,
/// and at once if there are none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Say nothing, and count why.
    Drop(DropReason),
    /// The request was carried out and wants no reply: RELEASE, DECLINE (RFC 2131 §4.3.3, §4.3.4).
    Done,
    /// Send what stands in the reply buffer.
    Reply(Reply),
    /// Ask the wire whether an address is in use, then call
    /// [`World::probed`](super::World::probed) with the same request.
    Probe(Probe),
}

/// A reply that stands in the reply buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reply {
    /// Octets of the DHCP message.
    pub len: usize,
    /// Our address: the source of the IP packet. Always from UDP port 67.
    pub from: Ipv4Addr,
    /// Whither.
    pub to: Destination,
    /// It tells a client again of an earlier grant of the same writer, whose record may not be
    /// durable yet: it leaves once all that the writer has appended so far is.
    pub confirms: bool,
}

/// Where a reply goes (RFC 2131 §4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Destination {
    /// To the relay agent at `giaddr`, by way of the link-layer address that the request came from.
    Relay {
        /// `giaddr`.
        address: Ipv4Addr,
        /// 67, or the source port of a relay that asked for it (RFC 8357 §5.4).
        port: u16,
    },
    /// To a client that has its address already, port 68, by way of the link-layer address that the
    /// request came from: its own, or its router's.
    Unicast {
        /// `ciaddr`.
        address: Ipv4Addr,
    },
    /// To a client on our own link that does not answer ARP for its address yet, port 68.
    Client {
        /// `yiaddr`.
        address: Ipv4Addr,
        /// `chaddr`.
        hardware: HardwareAddress,
    },
    /// To 255.255.255.255, port 68, all stations.
    Broadcast,
}

/// A question to the wire. The address is kept for the client meanwhile, by an offer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Probe {
    /// The address in question.
    pub address: Ipv4Addr,
    /// How to ask, and how long to wait.
    pub by: model::Probe,
    /// Our address: the source of the question.
    pub from: Ipv4Addr,
}

/// What the wire said to a [`Probe`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProbeOutcome {
    /// Nobody answered in time.
    Free,
    /// Somebody uses the address.
    InUse,
}
