//! A server without network, disk or clock, and clients that talk to it.

use std::io;
use std::net::Ipv6Addr;
use std::path::Path;
use std::sync::Arc;

use dhcproto::{Decodable, Decoder};

use super::{Arrival, Reconfigure, Replay, Reply, Service, World};
use crate::config::Config;
use crate::lease::{Binding, Layout, Limits, Resource, Table, Views, WriterId};
use crate::server::{Change, DropReason, InterfaceIndex, Workspace};
use crate::wire::dhcpv6::{
    ALL_RELAYS_AND_SERVERS, Datagram, Duid, Ia, IaKind, Iaid, Message, MessageType,
    OLD_HOP_COUNT_LIMIT, OptionWriter, StatusCode, Writer,
};
use crate::wire::option::v6::code;
use crate::wire::{Ipv6Prefix, Seconds, Stamp};

/// Who the server is.
pub(super) const SERVER: &[u8] = &[0, 3, 0, 1, 2, 0xff, 0, 0, 0, 1];

/// Sixteen addresses, 2001:db8:1::10 to ::1f, and sixteen /56, on `eth0`.
pub(super) const SMALL: &str = r#"
    [[interface]]
    name = "eth0"
    [[subnet6]]
    subnet = "2001:db8:1::/64"
    interfaces = ["eth0"]
    pools = ["2001:db8:1::10-2001:db8:1::1f"]
    prefix-pools = [{ prefix = "2001:db8:8000::/52", delegate = 56 }]
    lease-time = "2h"
    preferred-time = "1h"
    options = { 23 = "0x20010db8000000000000000000000053" }
"#;

/// What makes its subnet a pair's.
pub(super) const SHARED: &str = r#"
    [[failover]]
    name = "fo6"
    role = "primary"
    local = "2001:db8:ffff::1"
    peer = "2001:db8:ffff::2"
    subnets = ["2001:db8:1::/64"]
    insecure = true
"#;

pub(super) struct Server {
    pub(super) now: Stamp,
    pub(super) service: Service,
    pub(super) table: Table,
    pub(super) limits: Limits,
    pub(super) views: Views,
    work: Workspace,
    draws: u128,
}

pub(super) fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(super) fn prefix(text: &str, len: u8) -> Ipv6Prefix {
    Ipv6Prefix::new(ip(text), len).unwrap()
}

impl Server {
    pub(super) fn new(toml: &str) -> Self {
        let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
        let config = Config::parse(toml, Path::new("test.toml"), &read)
            .unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let table = Table::new(Layout::of_ipv6(&config, None).unwrap());
        let interfaces = vec![vec![ip("fe80::ff")]; config.interfaces.len()];
        let duid = Duid::new(SERVER).unwrap();
        let service = Service::new(&config, &table.layout(), duid, &interfaces);
        Self {
            now: Stamp(1_000_000),
            service,
            table,
            limits: Limits::new(),
            views: Views::default(),
            work: Workspace::new(WriterId(0)),
            draws: 1,
        }
    }

    /// SMALL with more top-level keys in front of it, or tables behind it.
    pub(super) fn small(front: &str, behind: &str) -> Self {
        Self::new(&format!("{front}\n{SMALL}\n{behind}"))
    }

    /// One that tells keys for Reconfigures by a secret of its own: the numbers from 0 up.
    pub(super) fn reconfiguring(self) -> Self {
        let replay = Replay::after(None);
        replay.reserve(Stamp(u32::MAX));
        let secret = std::array::from_fn(|at| at as u8);
        let shared = Arc::new(Reconfigure::new(secret, replay));
        Self { service: self.service.with_reconfigure(&shared), ..self }
    }

    pub(super) fn world(&self) -> World<'_> {
        let Self { now, service, table, limits, views, .. } = self;
        World { now: *now, service, table, limits, views }
    }

    pub(super) fn pass(&mut self, seconds: u32) {
        self.now = Stamp(self.now.0 + seconds);
    }

    pub(super) fn hear(&mut self, packet: &Packet) -> Heard {
        self.hear_octets(&packet.arrival, &packet.octets())
    }

    pub(super) fn hear_octets(&mut self, arrival: &Arrival, octets: &[u8]) -> Heard {
        let mut reply = [0xa5; 1452];
        let Self { now, service, table, limits, views, work, draws } = self;
        let world = World { now: *now, service, table, limits, views };
        let mut draw = || {
            *draws = draws.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645) + 1;
            *draws ^ *draws >> 64
        };
        let answer = world.answer(arrival, octets, &mut draw, work, &mut reply);
        let octets = answer.map_or(Vec::new(), |told| reply[..told.len].to_vec());
        Heard { answer, octets, changes: self.work.changes().to_vec() }
    }

    /// A client goes through Solicit and Request; what its association has.
    pub(super) fn lease(&mut self, packet: &Packet) -> Vec<Resource> {
        let advertise = self.hear(&packet.clone().kind(MessageType::Solicit));
        assert_eq!(advertise.kind(), Some(MessageType::Advertise), "{:?}", advertise.answer);
        let offered = advertise.leases();
        let reply = self.hear(&packet.clone().kind(MessageType::Request).naming_server());
        assert_eq!(reply.kind(), Some(MessageType::Reply), "{:?}", reply.answer);
        assert_eq!(reply.leases(), offered);
        reply.leases().into_iter().map(|(resource, _)| resource).collect()
    }

    pub(super) fn binding(&self, resource: impl Into<Resource>) -> Option<Binding> {
        let guard = self.table.pin();
        self.table.seen(self.table.find(resource.into())?, &guard)?.binding().cloned()
    }
}

/// What the server did.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) answer: Result<Reply, DropReason>,
    pub(super) octets: Vec<u8>,
    pub(super) changes: Vec<Change>,
}

impl Heard {
    /// Reads the message, which another implementation must be able to read, too.
    fn read<T>(&self, read: impl FnOnce(&Datagram<'_>) -> T) -> T {
        let datagram = Datagram::parse(&self.octets, OLD_HOP_COUNT_LIMIT).expect("it is sound");
        dhcproto::v6::Message::decode(&mut Decoder::new(datagram.message.octets()))
            .expect("dhcproto reads it");
        read(&datagram)
    }

    pub(super) fn dropped(&self) -> Option<DropReason> {
        self.answer.err()
    }

    pub(super) fn kind(&self) -> Option<MessageType> {
        self.answer.ok().map(|_| self.read(|datagram| datagram.message.kind()))
    }

    pub(super) fn message<T>(&self, read: impl FnOnce(&Message<'_>) -> T) -> T {
        self.read(|datagram| read(&datagram.message))
    }

    pub(super) fn datagram<T>(&self, read: impl FnOnce(&Datagram<'_>) -> T) -> T {
        self.read(read)
    }

    pub(super) fn option(&self, code: u16) -> Option<Vec<u8>> {
        self.message(|message| message.options().get(code).map(<[u8]>::to_vec))
    }

    pub(super) fn status(&self) -> Option<StatusCode> {
        self.message(|message| message.status().map(|status| status.code))
    }

    /// What the first association is told, or the one of this kind.
    pub(super) fn ia<T>(&self, kind: IaKind, read: impl FnOnce(&Ia<'_>) -> T) -> T {
        self.message(|message| {
            read(&message.ias().find(|ia| ia.kind() == kind).expect("an association"))
        })
    }

    pub(super) fn ia_status(&self, kind: IaKind) -> Option<StatusCode> {
        self.ia(kind, |ia| ia.status().map(|status| status.code))
    }

    /// All leases of all associations, with preferred and valid lifetimes.
    pub(super) fn leases(&self) -> Vec<(Resource, [Seconds; 2])> {
        self.message(|message| {
            let of = |ia: Ia<'_>| {
                let addresses = ia.addresses();
                let addresses =
                    addresses.map(|it| (it.address().into(), [it.preferred(), it.valid()]));
                let prefixes =
                    ia.prefixes().map(|it| (it.prefix().into(), [it.preferred(), it.valid()]));
                addresses.chain(prefixes).collect::<Vec<_>>()
            };
            message.ias().flat_map(of).collect()
        })
    }

    /// The only lease.
    pub(super) fn only(&self) -> Resource {
        let [(resource, _)] = self.leases()[..] else { panic!("one lease: {:?}", self.leases()) };
        resource
    }
}

/// Codes and data.
type Options = Vec<(u16, Vec<u8>)>;

/// What a client sends.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) arrival: Arrival,
    kind: MessageType,
    ias: Vec<(IaKind, u32, Vec<Resource>)>,
    options: Options,
    /// link-address, and options of its own; the one next to the client first.
    relays: Vec<(Ipv6Addr, Options)>,
}

/// The DUID of a client.
pub(super) fn duid(n: u16) -> Vec<u8> {
    let [high, low] = n.to_be_bytes();
    vec![0, 3, 0, 1, 2, 0, 0, 0, high, low]
}

/// A client on `eth0` with a DUID of its own, and nothing to say yet.
pub(super) fn client(n: u16) -> Packet {
    Packet {
        arrival: Arrival {
            interface: InterfaceIndex(0),
            source_ip: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n),
            source_port: 546,
            destination_ip: ALL_RELAYS_AND_SERVERS,
        },
        kind: MessageType::Solicit,
        ias: Vec::new(),
        options: vec![(code::CLIENT_ID, duid(n))],
        relays: Vec::new(),
    }
}

impl Packet {
    pub(super) fn kind(self, kind: MessageType) -> Self {
        Self { kind, ..self }
    }

    /// An association for an address.
    pub(super) fn na(mut self, iaid: u32, named: &[Resource]) -> Self {
        self.ias.push((IaKind::Addresses, iaid, named.to_vec()));
        self
    }

    /// An association for a prefix.
    pub(super) fn pd(mut self, iaid: u32, named: &[Resource]) -> Self {
        self.ias.push((IaKind::Prefixes, iaid, named.to_vec()));
        self
    }

    pub(super) fn naming_server(self) -> Self {
        self.option(code::SERVER_ID, SERVER)
    }

    pub(super) fn to(mut self, address: &str) -> Self {
        self.arrival.destination_ip = ip(address);
        self
    }

    /// In place of one of this code that there may be.
    pub(super) fn option(mut self, code: u16, data: &[u8]) -> Self {
        self.options.retain(|(other, _)| *other != code);
        self.options.push((code, data.to_vec()));
        self
    }

    pub(super) fn without(mut self, code: u16) -> Self {
        self.options.retain(|(other, _)| *other != code);
        self
    }

    /// Wants these options.
    pub(super) fn wanting(self, codes: &[u16]) -> Self {
        let data: Vec<u8> = codes.iter().flat_map(|code| code.to_be_bytes()).collect();
        self.option(code::OPTION_REQUEST, &data)
    }

    /// Through one more relay.
    pub(super) fn through(mut self, link: &str, options: &[(u16, &[u8])]) -> Self {
        let options = options.iter().map(|(code, data)| (*code, data.to_vec())).collect();
        self.relays.push((ip(link), options));
        self.arrival.source_ip = ip("2001:db8:ffff::1");
        self.arrival.source_port = 547;
        self
    }

    pub(super) fn octets(&self) -> Vec<u8> {
        let mut octets = vec![0; 4096];
        let mut writer = Writer::message(&mut octets, self.kind, 0x0012_3456).unwrap();
        let options = writer.options();
        self.options.iter().for_each(|(code, data)| options.push(*code, data).unwrap());
        for (kind, iaid, named) in &self.ias {
            let inside = |inside: &mut OptionWriter<'_>| {
                named.iter().try_for_each(|resource| match resource {
                    Resource::Ipv6(it) => inside.address(*it, [Seconds(0); 2], |_| Ok(())),
                    Resource::Prefix(it) => inside.prefix(*it, [Seconds(0); 2], |_| Ok(())),
                    Resource::Ipv4(_) => Ok(()),
                })
            };
            options.ia(*kind, Iaid(*iaid), [Seconds(0); 2], inside).unwrap();
        }
        let len = writer.finish();
        octets.truncate(len);
        for (hops, (link, options)) in (0..).zip(&self.relays) {
            let mut outer = vec![0; 4096];
            let peer = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, hops.into());
            let add = |writer: &mut OptionWriter<'_>| {
                options.iter().try_for_each(|(code, data)| writer.push(*code, data))
            };
            let len = Writer::forward(&mut outer, hops, *link, peer, &octets, add).unwrap();
            outer.truncate(len);
            octets = outer;
        }
        octets
    }
}
