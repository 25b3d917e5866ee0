//! DHCPv6: a request's frame becomes its reply's.

use std::net::Ipv6Addr;

use super::{ETHERNET_HEADER_LEN, Link, MTU, Outcome};
use crate::config::model::Protocol;
use crate::dataplane::chance::Chance;
use crate::dataplane::counters::Count;
use crate::server::v6::{Arrival, Reply, World};
use crate::server::{DropReason, Workspace};
use crate::wire::dhcpv6::{MessageType, SERVER_PORT};
use crate::wire::frame::{Envelope, Frame};

/// Answers `request`, of which `frame` may be written over to its end.
pub(super) fn answer(
    world: World<'_>,
    link: Link,
    request: &Frame<'_, Ipv6Addr>,
    (work, chance): (&mut Workspace, &mut Chance),
    frame: &mut [u8],
) -> Outcome {
    let refused = |reason| Outcome::Refused(Protocol::Dhcpv6, reason);
    let is_for_host = request.destination == link.mac || request.destination.is_multicast();
    if !is_for_host || request.destination_port != SERVER_PORT {
        return Outcome::Drop(Count::DroppedNotForUs);
    }
    let from = request.source_ip;
    // Where it came from is where the reply goes.
    if from.is_multicast() || from.is_unspecified() {
        return Outcome::Drop(Count::DroppedMalformedFrame);
    }
    if !world.service.is_addressed(request.destination_ip) {
        return refused(DropReason::NotForUs);
    }
    let Some(source_ip) = world.service.source(link.interface, request.destination_ip, from) else {
        return refused(DropReason::NoServerAddress);
    };
    let arrival = Arrival {
        interface: link.interface,
        source_ip: from,
        source_port: request.source_port,
        destination_ip: request.destination_ip,
    };
    let envelope = Envelope {
        source: link.mac,
        destination: request.source,
        tags: request.tags,
        source_ip,
        destination_ip: from,
        source_port: SERVER_PORT,
        destination_port: request.source_port,
    };
    let end = frame.len().min(ETHERNET_HEADER_LEN + request.tags.len() + longest(from));
    let Some(reply) = frame.get_mut(envelope.headers_len()..end) else {
        return Outcome::Drop(Count::DroppedUnsent);
    };
    let draw = &mut || chance.draw();
    match world.answer(&arrival, request.payload, draw, work, reply) {
        Err(reason) => refused(reason),
        Ok(Reply { len, kind, to, port }) => {
            let envelope = Envelope { destination_ip: to, destination_port: port, ..envelope };
            let len = envelope.seal(frame, len);
            Outcome::Send { len, sent: sent_as(kind), confirms: false }
        }
    }
}

/// What an IPv6 packet to there may have, in octets: beyond the link, what every path carries. Nobody here
/// would hear that it is too big (RFC 8200 §5).
fn longest(to: Ipv6Addr) -> usize {
    if to.is_unicast_link_local() { MTU } else { 1_280 }
}

fn sent_as(kind: MessageType) -> Count {
    match kind {
        MessageType::Advertise => Count::SentAdvertise,
        MessageType::Reply => Count::SentReply,
        _ => Count::SentOther,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_link_is_no_longer_than_every_path_carries() {
        assert_eq!(longest("fe80::1".parse().unwrap()), 1_500);
        assert_eq!(longest("2001:db8::1".parse().unwrap()), 1_280);
    }
}
