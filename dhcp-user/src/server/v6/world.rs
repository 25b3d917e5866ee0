//! The way in, and what comes out.

use std::net::Ipv6Addr;

use super::{Service, exchange, foresee};
use crate::lease::Foresight;
use crate::server::{self, DropReason, InterfaceIndex, Workspace};
use crate::wire::dhcpv6::MessageType;

/// How a request came in, below DHCP.
pub type Arrival = server::Arrival<Ipv6Addr>;

/// What a request of DHCPv6 meets.
pub type World<'a> = server::World<'a, Service>;

/// A reply that stands in the reply buffer. It leaves by the interface that the request came in by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reply {
    /// Octets of the DHCP message, relays' included.
    pub len: usize,
    /// What it says to the client.
    pub kind: MessageType,
    /// Whom it goes to: where the request came from (RFC 8415 §18.3.10, §19.3).
    pub to: Ipv6Addr,
    /// UDP port there.
    pub port: u16,
}

impl World<'_> {
    /// Adds what the request in `octets`, which came by `interface`, will want of the table: whoever takes
    /// requests by the batch can then fetch it for all at once.
    pub fn foresee(self, interface: InterfaceIndex, octets: &[u8], foresight: &mut Foresight) {
        foresee::foresee(self, interface, octets, foresight);
    }

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
