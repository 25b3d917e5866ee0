//! From the octets of a request's frame to the octets of its answer, in the same frame; one file a protocol.
//!
//! Every way in and out goes through [`Scratch::answer`], so that the modes cannot differ in what a
//! client sees.

mod v4;
mod v6;

use std::io;

use super::chance::Chance;
use super::counters::Count;
use super::port::BATCH;
use crate::config::model::Protocol;
use crate::lease::{Foresight, Guard, WriterId};
use crate::server::{Change, DropReason, InterfaceIndex, Probe, ProbeOutcome, Workspace, Worlds};
use crate::wire::MacAddr;
use crate::wire::frame::{AnyFrame, Payload, VlanTags};

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
    Refused(Protocol, DropReason),
    /// Nothing: the request was carried out.
    Done,
    /// It holds a reply now.
    Send {
        /// Its length.
        len: usize,
        /// What it counts as.
        sent: Count,
        /// See [`crate::server::Reply::confirms`].
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
    chance: Chance,
    /// Of DHCPv4, and of DHCPv6.
    foresight: [Foresight; 2],
}

impl Scratch {
    /// For the worker that journals as `writer`.
    ///
    /// # Errors
    /// There is no chance to be had.
    pub(super) fn new(writer: WriterId) -> io::Result<Self> {
        Ok(Self {
            request: Box::new([0; REQUEST_MAX_LEN]),
            work: Workspace::new(writer),
            chance: Chance::new()?,
            foresight: [(); 2].map(|()| Foresight::with_capacity(BATCH)),
        })
    }

    /// Looks ahead at a frame of the batch that is to be answered next.
    pub(super) fn foresee(&mut self, worlds: &Worlds<'_>, link: Link, frame: &[u8]) {
        let [foresight4, foresight6] = &mut self.foresight;
        match (Payload::glimpse(frame), worlds.ipv6) {
            (Some(Payload::V4(payload)), _) => {
                worlds.ipv4.foresee(link.interface, payload, foresight4);
            }
            (Some(Payload::V6(payload)), Some(world)) => {
                world.foresee(link.interface, payload, foresight6);
            }
            _ => {}
        }
    }

    /// Fetches what the frames that were looked at will want.
    pub(super) fn fetch(&mut self, worlds: &Worlds<'_>, guard: &Guard) {
        let [foresight4, foresight6] = &mut self.foresight;
        foresight4.fetch(worlds.ipv4.table, guard);
        if let Some(world) = worlds.ipv6 {
            foresight6.fetch(world.table, &world.table.pin());
        }
    }

    /// Lets each request make so many changes.
    pub(super) fn allow(&mut self, changes: usize) {
        self.work.allow(changes);
    }

    /// What the last answer changed and must be journalled.
    pub(super) fn changes(&self) -> &[Change] {
        self.work.changes()
    }

    /// Answers the request in the first `len` octets of `frame`, which may be written to its end.
    /// `heard` is what the wire said to the probe that an earlier answer asked for.
    pub(super) fn answer(
        &mut self,
        worlds: &Worlds<'_>,
        link: Link,
        heard: Option<(&Probe, ProbeOutcome)>,
        frame: &mut [u8],
        len: usize,
    ) -> Outcome {
        // A frame that the server never sees must not be answered for with what the last one changed.
        let Self { request, work, chance, .. } = self;
        work.forget();
        let (Some(copy), Some(octets)) = (request.get_mut(..len), frame.get(..len)) else {
            return Outcome::Drop(Count::DroppedOversized);
        };
        copy.copy_from_slice(octets);
        let outcome = match (AnyFrame::parse(copy), worlds.ipv6) {
            (Ok(AnyFrame::V4(request)), _) => {
                v4::answer(worlds.ipv4, link, heard, &request, work, frame)
            }
            (Ok(AnyFrame::V6(request)), Some(world)) => {
                v6::answer(world, link, &request, (work, chance), frame)
            }
            (Ok(AnyFrame::V6(_)), None) => Outcome::Drop(Count::DroppedNotForUs),
            (Err(_), _) => Outcome::Drop(Count::DroppedMalformedFrame),
        };
        if matches!(outcome, Outcome::Probe { .. }) {
            frame[..len].copy_from_slice(&request[..len]);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::lease::{Layouts, Limits, Tables, Views};
    use crate::server::{InterfaceAddress, InterfaceAddresses, Services};
    use crate::wire::Stamp;
    use crate::wire::dhcpv4::{self, Message, MessageType, Writer};
    use crate::wire::dhcpv6::Duid;
    use crate::wire::frame::{Envelope, Frame};
    use crate::wire::option::code;

    const US: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
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
            tags: VlanTags::default(),
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
        let (tables, limits) = (Tables::new(Layouts::of(&config).unwrap()), Limits::new());
        let addresses = [InterfaceAddresses { addresses, ..Default::default() }];
        let services = Services::new(&config, &tables, None, &addresses);
        let views = Views::default();
        let worlds = &services.worlds(Stamp(1_000), &tables, &limits, &views);
        let link = Link { interface: InterfaceIndex(0), mac: US };
        let mut scratch = Scratch::new(WriterId(0)).unwrap();
        let mut frame = [0; 2048];
        let len = request(MessageType::Request, Ipv4Addr::new(10, 0, 0, 12), &mut frame);
        let outcome = scratch.answer(worlds, link, None, &mut frame, len);
        assert!(matches!(outcome, Outcome::Send { .. }), "{outcome:?}");
        assert_eq!(scratch.changes().len(), 1);

        let outcome = scratch.answer(worlds, link, None, &mut [0xff; 60], 60);
        assert_eq!(outcome, Outcome::Drop(Count::DroppedMalformedFrame));
        assert_eq!(scratch.changes(), []);
    }

    /// A SOLICIT for one address, from a client on our own link.
    #[rustfmt::skip]
    const SOLICIT: [u8; 34] = [
        1, 0, 0, 7,
        0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 5,
        0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    #[test]
    fn a_request_of_dhcpv6_is_answered_in_its_frame_and_one_that_is_not_ours_is_not() {
        let text = r#"
            [[interface]]
            name = "eth0"
            [[subnet6]]
            subnet = "2001:db8::/64"
            interfaces = ["eth0"]
            pools = ["2001:db8::1000-2001:db8::1fff"]
        "#;
        let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
        let config = Config::parse(text, Path::new("test.toml"), &read).unwrap();
        let (tables, limits) = (Tables::new(Layouts::of(&config).unwrap()), Limits::new());
        let ip = |text: &str| -> Ipv6Addr { text.parse().unwrap() };
        let (ours, group, client) = (ip("fe80::1"), ip("ff02::1:2"), ip("fe80::5"));
        let addresses = [InterfaceAddresses { ipv6: vec![ours], ..Default::default() }];
        let duid = Duid::new(&[0, 4, 1]);
        let services = Services::new(&config, &tables, duid, &addresses);
        let views = Views::default();
        let worlds = &services.worlds(Stamp(1_000), &tables, &limits, &views);
        let link = Link { interface: InterfaceIndex(0), mac: US };
        let mut scratch = Scratch::new(WriterId(0)).unwrap();
        let mut frame = [0xa5; 2048];
        let mut ask = |source_ip, destination_ip, destination_port| {
            let envelope = Envelope {
                source: CLIENT,
                destination: MacAddr::of_multicast(group),
                tags: VlanTags::default(),
                source_ip,
                destination_ip,
                source_port: 546,
                destination_port,
            };
            frame[envelope.headers_len()..][..SOLICIT.len()].copy_from_slice(&SOLICIT);
            let len = envelope.seal(&mut frame, SOLICIT.len());
            let outcome = scratch.answer(worlds, link, None, &mut frame, len);
            (outcome, frame)
        };
        let (outcome, frame) = ask(client, group, 547);
        let Outcome::Send { len, sent: Count::SentAdvertise, confirms: false } = outcome else {
            panic!("{outcome:?}")
        };
        let reply = Frame::parse_v6(&frame[..len]).unwrap();
        assert_eq!((reply.source, reply.destination), (US, CLIENT));
        assert_eq!((reply.source_ip, reply.destination_ip), (ours, client));
        assert_eq!((reply.source_port, reply.destination_port), (547, 546));
        assert!(reply.payload.len() > SOLICIT.len());
        assert_eq!(reply.payload[..4], [2, 0, 0, 7]);
        let refused = |reason| Outcome::Refused(Protocol::Dhcpv6, reason);
        let strangers = ip("fe80::2");
        assert_eq!(ask(client, strangers, 547).0, refused(DropReason::NotForUs));
        assert_eq!(ask(client, group, 546).0, Outcome::Drop(Count::DroppedNotForUs));
        for nobody in [group, Ipv6Addr::UNSPECIFIED] {
            let outcome = ask(nobody, group, 547).0;
            assert_eq!(outcome, Outcome::Drop(Count::DroppedMalformedFrame));
        }
    }
}
