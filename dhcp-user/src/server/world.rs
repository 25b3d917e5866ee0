//! What a request meets, and the way in.

use super::{Answer, Arrival, InterfaceIndex, Probe, ProbeOutcome, Service, Workspace, v4, v6};
use crate::lease::{Foresight, Limits, Table, Views};
use crate::wire::Stamp;

/// All that an answer depends on, but for the request. A worker puts it together once a turn, for each
/// protocol by its service.
#[derive(Debug)]
pub struct World<'a, S = Service> {
    /// When it is.
    pub now: Stamp,
    /// What the configuration says.
    pub service: &'a S,
    /// Who has what: the table of the service's protocol.
    pub table: &'a Table,
    /// Leases by subscriber.
    pub limits: &'a Limits,
    /// What may be done with the addresses of each relationship.
    pub views: &'a Views,
}

/// What requests of either protocol meet.
#[derive(Clone, Copy, Debug)]
pub struct Worlds<'a> {
    /// DHCPv4.
    pub ipv4: World<'a>,
    /// DHCPv6, where it is served.
    pub ipv6: Option<World<'a, v6::Service>>,
}

// Derived they would ask the same of `S`.
impl<S> Clone for World<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for World<'_, S> {}

impl World<'_> {
    /// Adds what the request in `octets`, which came by `interface`, will want of the table, as far as
    /// one can tell by a glance: whoever takes requests by the batch can then fetch it for all at once.
    pub fn foresee(self, interface: InterfaceIndex, octets: &[u8], foresight: &mut Foresight) {
        v4::foresee(self, interface, octets, foresight);
    }

    /// Decides about one request: `octets` is what its UDP datagram carries. A reply is written to
    /// the front of `reply`, which should hold what an Ethernet frame can carry (1472 octets) and
    /// must hold 300.
    ///
    /// Whatever the answer, [`Workspace::changes`] must be journalled, and a reply be held until
    /// they are durable. Nothing is allocated unless something changes.
    pub fn answer(
        self,
        arrival: &Arrival,
        octets: &[u8],
        work: &mut Workspace,
        reply: &mut [u8],
    ) -> Answer {
        v4::answer(self, arrival, octets, None, work, reply)
    }

    /// Goes on with a request once the wire has been asked: `octets` is the same request again. An
    /// address in use is set aside and the next candidate looked for, which may ask the wire again.
    pub fn probed(
        self,
        (probe, outcome): (&Probe, ProbeOutcome),
        arrival: &Arrival,
        octets: &[u8],
        work: &mut Workspace,
        reply: &mut [u8],
    ) -> Answer {
        v4::answer(self, arrival, octets, Some((probe.address, outcome)), work, reply)
    }
}
