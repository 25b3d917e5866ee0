//! From the octets of a request's frame to the octets of its answer, in the same frame.
//!
//! Every way in and out goes through [`Scratch::answer`], so that the modes cannot differ in what a
//! client sees.

use std::net::Ipv4Addr;

use super::counters::Count;
use crate::lease::WriterId;
use crate::server::{
    Answer, Arrival, Change, Destination, DropReason, InterfaceIndex, Probe, ProbeOutcome, Reply,
    Workspace, World,
};
use crate::wire::MacAddr;
use crate::wire::dhcpv4::MessageType;
use crate::wire::frame::{Envelope, Frame, VlanTags};

/// UDP ports of server and client (RFC 2131 §4.1).
const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// What an Ethernet link carries behind its header; no reply is longer in any mode.
const MTU: usize = 1500;
const ETHERNET_HEADER_LEN: usize = 14;
/// Longest request that is read, headers included.
pub(super) const REQUEST_MAX_LEN: usize = 4096;

/// An interface as answers need it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// Its place in the configuration.
    pub(super) interface: InterfaceIndex,
    /// Its link-layer address.
    pub(super) mac: MacAddr,
}

/// What becomes of the frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// Nothing: the frame is not one that we answer.
    Drop(Count),
    /// Nothing: the server says why.
    Refused(DropReason),
    /// Nothing: the request was carried out.
    Done,
    /// It holds a reply now.
    Send {
        /// Its length.
        len: usize,
        /// What the reply is; `None` for a BOOTP client's.
        kind: Option<MessageType>,
        /// See [`Reply::confirms`].
        confirms: bool,
    },
    /// It still holds the request: come back with what the wire says.
    Probe {
        /// What to ask.
        probe: Probe,
        /// The link to ask on.
        tags: VlanTags,
    },
}

/// What one worker keeps from packet to packet so that none of them allocates.
#[derive(Debug)]
pub(super) struct Scratch {
    /// The request, while its frame is written over.
    request: Box<[u8; REQUEST_MAX_LEN]>,
    work: Workspace,
}

impl Scratch {
    /// For the worker that journals as `writer`.
    pub(super) fn new(writer: WriterId) -> Self {
        Self { request: Box::new([0; REQUEST_MAX_LEN]), work: Workspace::new(writer) }
    }

    /// What the last answer changed and must be journalled.
    pub(super) fn changes(&self) -> &[Change] {
        self.work.changes()
    }

    /// Answers the request in the first `len` octets of `frame`, which may be written to its end.
    /// `heard` is what the wire said to the probe that an earlier answer asked for.
    pub(super) fn answer(
        &mut self,
        world: World<'_>,
        link: Link,
        heard: Option<(&Probe, ProbeOutcome)>,
        frame: &mut [u8],
        len: usize,
    ) -> Outcome {
        // A frame that the server never sees must not be answered for with what the last one changed.
        self.work.forget();
        let (Some(request), Some(octets)) = (self.request.get_mut(..len), frame.get(..len)) else {
            return Outcome::Drop(Count::DroppedOversized);
        };
        request.copy_from_slice(octets);
        let request = match Frame::parse(request) {
            Ok(request) => request,
            Err(_) => return Outcome::Drop(Count::DroppedMalformedFrame),
        };
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
        let (work, payload) = (&mut self.work, request.payload);
        let answer = match heard {
            None => world.answer(&arrival, payload, work, reply),
            Some(heard) => world.probed(heard, &arrival, payload, work, reply),
        };
        match answer {
            Answer::Drop(reason) => Outcome::Refused(reason),
            Answer::Done => Outcome::Done,
            Answer::Reply(answer) => {
                let kind = message_type(&reply[..answer.len]);
                let len = addressed(envelope, &answer).seal(frame, answer.len);
                Outcome::Send { len, kind, confirms: answer.confirms }
            }
            Answer::Probe(probe) => {
                let tags = request.tags;
                frame[..len].copy_from_slice(&self.request[..len]);
                Outcome::Probe { probe, tags }
            }
        }
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::lease::{Layout, Limits, Table, Views};
    use crate::server::{InterfaceAddress, InterfaceAddresses, Service};
    use crate::wire::dhcpv4::{self, Message, Writer};
    use crate::wire::option::code;
    use crate::wire::{HardwareAddress, Stamp};

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

    const CLIENT: MacAddr = MacAddr([2, 0, 0, 0, 0, 5]);

    /// A frame from `CLIENT`; how long it is.
    fn request(kind: MessageType, asked: Ipv4Addr, frame: &mut [u8]) -> usize {
        let envelope = Envelope {
            source: CLIENT,
            destination: MacAddr::BROADCAST,
            source_ip: Ipv4Addr::UNSPECIFIED,
            destination_ip: Ipv4Addr::BROADCAST,
            source_port: 68,
            destination_port: 67,
            ..back()
        };
        let mut model = [0; 240];
        model[..3].copy_from_slice(&[2, 1, 6]);
        model[28..34].copy_from_slice(&CLIENT.0);
        let mut scratch = dhcpv4::Scratch::new();
        let model = Message::parse(&model, &mut scratch).unwrap();
        let payload = &mut frame[envelope.headers_len()..];
        let mut writer = Writer::reply(payload, &model);
        writer.push(code::MESSAGE_TYPE, &[kind as u8]).unwrap();
        writer.push_address(code::SERVER_IDENTIFIER, OURS).unwrap();
        writer.push_address(code::REQUESTED_ADDRESS, asked).unwrap();
        let len = writer.finish();
        frame[envelope.headers_len()] = 1; // BOOTREQUEST
        envelope.seal(frame, len)
    }

    #[test]
    fn a_frame_that_is_none_of_ours_journals_nothing_of_the_one_before() {
        let config = r#"
            [[interface]]
            name = "eth0"
            [[subnet4]]
            subnet = "10.0.0.0/24"
            pools = ["10.0.0.10-10.0.0.19"]
        "#;
        let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
        let config = Config::parse(config, Path::new("test.toml"), &read).unwrap();
        let addresses = vec![InterfaceAddress { address: OURS, prefix_len: 24 }];
        let service =
            Service::new(&config, &[InterfaceAddresses { addresses, ..Default::default() }]);
        let (table, limits) = (Table::new(Layout::of(&config)), Limits::new());
        let (now, views) = (Stamp(1_000), Views::default());
        let world = World { now, service: &service, table: &table, limits: &limits, views: &views };
        let link = Link { interface: InterfaceIndex(0), mac: US };
        let mut scratch = Scratch::new(WriterId(0));
        let mut frame = [0; 2048];
        let len = request(MessageType::Request, Ipv4Addr::new(10, 0, 0, 12), &mut frame);
        let outcome = scratch.answer(world, link, None, &mut frame, len);
        assert!(matches!(outcome, Outcome::Send { .. }), "{outcome:?}");
        assert_eq!(scratch.changes().len(), 1);

        let outcome = scratch.answer(world, link, None, &mut [0xff; 60], 60);
        assert_eq!(outcome, Outcome::Drop(Count::DroppedMalformedFrame));
        assert_eq!(scratch.changes(), []);
    }
}
