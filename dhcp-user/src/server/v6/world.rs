//! What a request meets, the way in, and what comes out.

use std::net::Ipv6Addr;

use super::{Service, exchange};
use crate::lease::{Limits, Table, Views};
use crate::server::{DropReason, InterfaceIndex, Workspace};
use crate::wire::Stamp;

/// How a request came in, below DHCP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// On which interface.
    pub interface: InterfaceIndex,
    /// Source of the IP packet.
    pub source_ip: Ipv6Addr,
    /// UDP source port.
    pub source_port: u16,
    /// Destination of the IP packet.
    pub destination_ip: Ipv6Addr,
}

/// A reply that stands in the reply buffer. It leaves by the interface that the request came in by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reply {
    /// Octets of the DHCP message, relays' included.
    pub len: usize,
    /// Whom it goes to: where the request came from (RFC 8415 §18.3.10, §19.3).
    pub to: Ipv6Addr,
    /// UDP port there.
    pub port: u16,
}

/// All that an answer depends on, but for the request. A worker puts it together once a turn.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// When it is.
    pub now: Stamp,
    /// What the configuration says.
    pub service: &'a Service,
    /// Who has what: the table of IPv6.
    pub table: &'a Table,
    /// Leases by subscriber.
    pub limits: &'a Limits,
    /// What may be done with the addresses of each relationship.
    pub views: &'a Views,
}

impl World<'_> {
    /// Decides about one request: `octets` is what its UDP datagram carries. A reply is written to the
    /// front of `reply`. `draw` gives numbers that clients cannot foresee.
    ///
    /// Whatever the answer, [`Workspace::changes`] must be journalled, and a reply be held until they
    /// are durable; it leaves at once if there are none.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn answer(
        self,
        arrival: &Arrival,
        octets: &[u8],
        draw: &mut dyn FnMut() -> u128,
        work: &mut Workspace,
        reply: &mut [u8],
    ) -> Result<Reply, DropReason> {
        exchange::answer(self, arrival, octets, draw, work, reply)
    }
}
