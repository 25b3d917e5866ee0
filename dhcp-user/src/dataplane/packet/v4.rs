//! DHCPv4: a request's frame becomes its reply's.

use std::net::Ipv4Addr;

use super::{ETHERNET_HEADER_LEN, Link, MTU, Outcome};
use crate::config::model::Protocol;
use crate::dataplane::counters::Count;
use crate::server::{Answer, Arrival, Destination, Probe, ProbeOutcome, Reply, Workspace, World};
use crate::wire::MacAddr;
use crate::wire::dhcpv4::MessageType;
use crate::wire::frame::{Envelope, Frame};

/// UDP ports of server and client (RFC 2131 §4.1).
const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;

/// Answers `request`, of which `frame` may be written over to its end. `heard` is what the wire said to
/// the probe that an earlier answer asked for.
pub(super) fn answer(
    world: World<'_>,
    link: Link,
    heard: Option<(&Probe, ProbeOutcome)>,
    request: &Frame<'_>,
    work: &mut Workspace,
    frame: &mut [u8],
) -> Outcome {
    let for_us = request.destination == link.mac || request.destination.is_multicast();
    if !for_us || request.destination_port != SERVER_PORT {
        return Outcome::Drop(Count::DroppedNotForUs);
    }
    let arrival = Arrival {
        interface: link.interface,
        source_ip: request.source_ip,
        source_port: request.source_port,
        destination_ip: request.destination_ip,
    };
    let envelope = Envelope {
        source: link.mac,
        destination: request.source,
        tags: request.tags,
        source_ip: request.destination_ip,
        destination_ip: request.source_ip,
        source_port: SERVER_PORT,
        destination_port: request.source_port,
    };
    let end = frame.len().min(ETHERNET_HEADER_LEN + request.tags.len() + MTU);
    let Some(reply) = frame.get_mut(envelope.headers_len()..end) else {
        return Outcome::Drop(Count::DroppedUnsent);
    };
    let payload = request.payload;
    let answer = match heard {
        None => world.answer(&arrival, payload, work, reply),
        Some(heard) => world.probed(heard, &arrival, payload, work, reply),
    };
    match answer {
        Answer::Drop(reason) => Outcome::Refused(Protocol::Dhcpv4, reason),
        Answer::Done => Outcome::Done,
        Answer::Reply(answer) => {
            let sent = sent_as(message_type(&reply[..answer.len]));
            let len = addressed(envelope, &answer).seal(frame, answer.len);
            Outcome::Send { len, sent, confirms: answer.confirms }
        }
        Answer::Probe(probe) => Outcome::Probe { probe, tags: request.tags },
    }
}

/// Turns `envelope`, which leads back to where the request came from, to where `reply` goes
/// (RFC 2131 §4.1).
fn addressed(envelope: Envelope, reply: &Reply) -> Envelope {
    let (destination, destination_ip, destination_port) = match reply.to {
        Destination::Relay { address, port } => (envelope.destination, address, port),
        Destination::Unicast { address } => (envelope.destination, address, CLIENT_PORT),
        Destination::Client { address, hardware } => {
            // Hardware that is not Ethernet has no address that an Ethernet frame could carry.
            let mac = <[u8; 6]>::try_from(hardware.octets()).map_or(MacAddr::BROADCAST, MacAddr);
            (mac, address, CLIENT_PORT)
        }
        Destination::Broadcast => (MacAddr::BROADCAST, Ipv4Addr::BROADCAST, CLIENT_PORT),
    };
    Envelope { source_ip: reply.from, destination, destination_ip, destination_port, ..envelope }
}

/// Option 53 of a reply that we wrote ourselves (RFC 2132 §9.6).
fn message_type(reply: &[u8]) -> Option<MessageType> {
    const OPTIONS: usize = 240;
    const MESSAGE_TYPE: u8 = 53;
    let mut rest = reply.get(OPTIONS..)?;
    loop {
        match *rest {
            [MESSAGE_TYPE, 1, number, ..] => return MessageType::from_number(number),
            [0, ..] => rest = &rest[1..],
            [255, ..] => return None,
            [_, len, ..] => rest = rest.get(2 + usize::from(len)..)?,
            [] | [_] => return None,
        }
    }
}

fn sent_as(kind: Option<MessageType>) -> Count {
    match kind {
        None => Count::SentBootp,
        Some(MessageType::Offer) => Count::SentOffer,
        Some(MessageType::Ack) => Count::SentAck,
        Some(MessageType::Nak) => Count::SentNak,
        Some(_) => Count::SentOther,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::HardwareAddress;
    use crate::wire::frame::VlanTags;

    const ROUTER: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);
    const US: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 77);

    fn back() -> Envelope {
        Envelope {
            source: US,
            destination: ROUTER,
            tags: VlanTags::default(),
            source_ip: Ipv4Addr::BROADCAST,
            destination_ip: Ipv4Addr::UNSPECIFIED,
            source_port: 67,
            destination_port: 68,
        }
    }

    fn sent_to(to: Destination) -> (MacAddr, Ipv4Addr, u16) {
        let envelope = addressed(back(), &Reply { len: 300, from: OURS, to, confirms: false });
        assert_eq!((envelope.source, envelope.source_ip, envelope.source_port), (US, OURS, 67));
        (envelope.destination, envelope.destination_ip, envelope.destination_port)
    }

    /// RFC 2131 §4.1.
    #[test]
    fn a_reply_goes_where_its_destination_says() {
        let relay = Destination::Relay { address: THEIRS, port: 4067 };
        assert_eq!(sent_to(relay), (ROUTER, THEIRS, 4067));
        assert_eq!(sent_to(Destination::Unicast { address: THEIRS }), (ROUTER, THEIRS, 68));
        assert_eq!(sent_to(Destination::Broadcast), (MacAddr::BROADCAST, Ipv4Addr::BROADCAST, 68));
        let to = |octets: &[u8]| {
            let hardware = HardwareAddress::new(1, octets).unwrap();
            sent_to(Destination::Client { address: THEIRS, hardware })
        };
        assert_eq!(to(&[2, 0, 0, 0, 0, 5]), (MacAddr([2, 0, 0, 0, 0, 5]), THEIRS, 68));
        assert_eq!(to(&[7; 8]), (MacAddr::BROADCAST, THEIRS, 68));
    }

    #[test]
    fn the_type_of_a_reply_is_found_behind_other_options() {
        let mut reply = [0; 250];
        assert_eq!(message_type(&reply), None);
        reply[240..].copy_from_slice(&[0, 1, 2, 53, 1, 53, 1, 5, 255, 0]);
        assert_eq!(message_type(&reply), Some(MessageType::Ack));
        reply[242] = 200;
        assert_eq!(message_type(&reply), None);
        assert_eq!(message_type(&reply[..100]), None);
    }
}
