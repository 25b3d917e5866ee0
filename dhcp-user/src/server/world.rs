//! What a request meets, and the way in.

use super::v4;
use super::{Answer, Arrival, Probe, ProbeOutcome, Service, Workspace};
use crate::lease::{Limits, Table, Views};
use crate::wire::Stamp;

/// All that an answer depends on, but for the request. A worker puts it together once a turn.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// When it is.
    pub now: Stamp,
    /// What the configuration says.
    pub service: &'a Service,
    /// Who has what.
    pub table: &'a Table,
    /// Leases by subscriber.
    pub limits: &'a Limits,
    /// What may be done with the addresses of each relationship.
    pub views: &'a Views,
}

impl World<'_> {
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
