//! A server without network, disk or clock, and clients that talk to it.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use dhcproto::{Decodable, Decoder};

use crate::config::Config;
use crate::lease::{
    Binding, BindingStatus, Layout, Limits, ResourceId, Table, Told, View, Views, WriterId,
};
use crate::server::{
    Answer, Arrival, Change, Destination, DropReason, InterfaceAddress, InterfaceAddresses,
    InterfaceIndex, Probe, ProbeOutcome, Service, Workspace, World,
};
use crate::wire::dhcpv4::{BROADCAST_FLAG, Message, MessageType, Scratch, Writer};
use crate::wire::option::code;
use crate::wire::{HardwareAddress, Stamp};

/// The server's address on `eth0`, 10.0.0.0/24.
pub(in crate::server) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Ten addresses, 10.0.0.10 to 10.0.0.19, for clients on `eth0`.
pub(in crate::server) const SMALL: &str = r#"
    [[interface]]
    name = "eth0"
    [[subnet4]]
    subnet = "10.0.0.0/24"
    pools = ["10.0.0.10-10.0.0.19"]
    lease-time = "1h"
    options = { routers = ["10.0.0.1"], domain-name-servers = ["10.0.0.53"] }
"#;

pub(in crate::server) struct Server {
    pub(in crate::server) now: Stamp,
    pub(in crate::server) service: Service,
    pub(in crate::server) table: Table,
    pub(in crate::server) limits: Limits,
    pub(in crate::server) views: Views,
    work: Workspace,
}

impl Server {
    pub(in crate::server) fn new(toml: &str) -> Self {
        Self::of(&config(toml))
    }

    fn of(config: &Config) -> Self {
        Self {
            now: Stamp(1_000_000),
            service: service(config),
            table: Table::new(Layout::of(config)),
            limits: Limits::new(),
            views: Views::default(),
            work: Workspace::new(WriterId(0)),
        }
    }

    /// Every subnet is shared with one partner, as `view` has it.
    pub(in crate::server) fn partnered(toml: &str, view: View) -> Self {
        let mut config = config(toml);
        let subnets = config.networks.iter_mut().flat_map(|network| &mut network.subnets);
        subnets.for_each(|subnet| subnet.failover = Some(0));
        Self { views: Views(vec![view]), ..Self::of(&config) }
    }

    /// SMALL with more top-level keys in front of it, or tables behind it.
    pub(in crate::server) fn small(front: &str, behind: &str) -> Self {
        Self::new(&format!("{front}\n{SMALL}\n{behind}"))
    }

    /// Another worker has the next requests.
    pub(in crate::server) fn hand_to(&mut self, worker: u16) {
        self.work = Workspace::new(WriterId(worker));
    }

    pub(in crate::server) fn pass(&mut self, seconds: u32) {
        self.now = Stamp(self.now.0 + seconds);
    }

    /// Ends what is over; each as it is now.
    pub(in crate::server) fn sweep(&self, mut each: impl FnMut(Ipv4Addr, &Binding)) {
        let changed =
            &mut |resource: ResourceId, _: &Binding, new: &Binding| each(resource.ipv4(), new);
        self.table.expire(self.now, 100, WriterId::SWEEP, &self.views, changed);
    }

    pub(in crate::server) fn hear(&mut self, packet: &Packet) -> Heard {
        let mut reply = [0xa5; 1472];
        let answer = self.answer(&packet.arrival, &packet.octets(), &mut reply);
        self.heard(answer, &reply)
    }

    /// Any octets at all; the reply's.
    pub(in crate::server) fn hear_octets(
        &mut self,
        arrival: &Arrival,
        octets: &[u8],
    ) -> Option<Vec<u8>> {
        let mut reply = [0xa5; 1472];
        match self.answer(arrival, octets, &mut reply) {
            Answer::Reply(told) => Some(reply[..told.len].to_vec()),
            _ => None,
        }
    }

    fn answer(&mut self, arrival: &Arrival, octets: &[u8], reply: &mut [u8]) -> Answer {
        let Self { now, service, table, limits, views, work } = self;
        let world = World { now: *now, service, table, limits, views };
        world.answer(arrival, octets, work, reply)
    }

    pub(in crate::server) fn world(&self) -> World<'_> {
        let Self { now, service, table, limits, views, work: _ } = self;
        World { now: *now, service, table, limits, views }
    }

    pub(in crate::server) fn probed(
        &mut self,
        packet: &Packet,
        probe: &Probe,
        outcome: ProbeOutcome,
    ) -> Heard {
        let mut reply = [0xa5; 1472];
        let octets = packet.octets();
        let Self { now, service, table, limits, views, work } = self;
        let world = World { now: *now, service, table, limits, views };
        let answer = world.probed((probe, outcome), &packet.arrival, &octets, work, &mut reply);
        self.heard(answer, &reply)
    }

    fn heard(&self, answer: Answer, reply: &[u8]) -> Heard {
        let changes = self.work.changes().to_vec();
        let octets = match answer {
            Answer::Reply(reply_told) => reply[..reply_told.len].to_vec(),
            _ => Vec::new(),
        };
        Heard { answer, octets, changes }
    }

    /// A client goes through DISCOVER and REQUEST; its address.
    pub(in crate::server) fn lease(&mut self, packet: &Packet) -> Ipv4Addr {
        let offer = self.hear(&packet.clone().kind(MessageType::Discover));
        assert_eq!(offer.kind(), Some(MessageType::Offer), "{:?}", offer.answer);
        let ack = self.hear(&packet.clone().selecting(offer.yiaddr()));
        assert_eq!(ack.kind(), Some(MessageType::Ack), "{:?}", ack.answer);
        assert_eq!(ack.yiaddr(), offer.yiaddr());
        ack.yiaddr()
    }

    pub(in crate::server) fn binding(&self, address: Ipv4Addr) -> Option<Binding> {
        let guard = self.table.pin();
        self.table.seen(address, &guard)?.binding().cloned()
    }

    /// Somebody else changes an address: the failover endpoint.
    pub(in crate::server) fn change(&self, address: Ipv4Addr, change: impl FnOnce(&mut Binding)) {
        let guard = self.table.pin();
        let seen = self.table.seen(address, &guard).expect("an address of ours");
        let fresh = || Binding::new(BindingStatus::Free, self.now);
        let mut binding = seen.binding().cloned().unwrap_or_else(fresh);
        change(&mut binding);
        self.table.replace(address, seen, binding, &guard).expect("nobody else is there");
    }

    /// The partner acknowledges all that it was told of an address.
    pub(in crate::server) fn acknowledge(&self, address: Ipv4Addr) {
        self.change(address, |binding| {
            binding.told = Told::Acknowledged;
            binding.acked_potential = binding.sent_potential;
        });
    }

    /// Leases every address that is left to clients from `first` on; how many there were.
    pub(in crate::server) fn exhaust(&mut self, first: u16) -> usize {
        for n in first..first + 300 {
            let offer = self.hear(&client(n).kind(MessageType::Discover));
            if offer.kind().is_none() {
                assert_eq!(offer.answer, Answer::Drop(DropReason::NoAddress));
                return usize::from(n - first);
            }
            self.hear(&client(n).selecting(offer.yiaddr()));
        }
        panic!("the pools have no end");
    }
}

pub(in crate::server) fn config(toml: &str) -> Config {
    let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
    Config::parse(toml, Path::new("test.toml"), &read)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

pub(in crate::server) fn service(config: &Config) -> Service {
    let eth0 = InterfaceAddresses {
        addresses: vec![InterfaceAddress { address: SERVER, prefix_len: 24 }],
        ..InterfaceAddresses::default()
    };
    let others = InterfaceAddresses::default();
    let mut interfaces = vec![others; config.interfaces.len()];
    interfaces[0] = eth0;
    Service::new(config, &interfaces)
}

/// What the server did.
#[derive(Debug)]
pub(in crate::server) struct Heard {
    pub(in crate::server) answer: Answer,
    pub(in crate::server) octets: Vec<u8>,
    pub(in crate::server) changes: Vec<Change>,
}

impl Heard {
    /// Reads the reply, which another implementation must be able to read, too.
    fn read<T>(&self, read: impl FnOnce(&Message<'_>) -> T) -> T {
        dhcproto::v4::Message::decode(&mut Decoder::new(&self.octets))
            .expect("dhcproto reads the reply");
        let mut scratch = Scratch::new();
        read(&Message::parse(&self.octets, &mut scratch).expect("the reply is sound"))
    }

    /// Whether the reply rests on an earlier grant of the same worker.
    pub(in crate::server) fn confirms(&self) -> bool {
        matches!(self.answer, Answer::Reply(reply) if reply.confirms)
    }

    fn is_reply(&self) -> bool {
        matches!(self.answer, Answer::Reply(_))
    }

    /// `None` if there is no reply, or one to BOOTP.
    pub(in crate::server) fn kind(&self) -> Option<MessageType> {
        if self.is_reply() { self.read(|message| message.message_type()) } else { None }
    }

    pub(in crate::server) fn yiaddr(&self) -> Ipv4Addr {
        self.read(|message| message.yiaddr())
    }

    pub(in crate::server) fn ciaddr(&self) -> Ipv4Addr {
        self.read(|message| message.ciaddr())
    }

    pub(in crate::server) fn flags(&self) -> u16 {
        self.read(|message| message.flags())
    }

    pub(in crate::server) fn option(&self, code: u8) -> Option<Vec<u8>> {
        self.read(|message| message.option(code).map(<[u8]>::to_vec))
    }

    pub(in crate::server) fn number(&self, code: u8) -> Option<u32> {
        self.read(|message| message.option_u32(code))
    }

    /// Codes in the order in which they stand.
    pub(in crate::server) fn codes(&self) -> Vec<u8> {
        self.read(|message| message.options().map(|(code, _)| code).collect())
    }

    pub(in crate::server) fn to(&self) -> Destination {
        match self.answer {
            Answer::Reply(reply) => reply.to,
            other => panic!("no reply but {other:?}"),
        }
    }

    pub(in crate::server) fn dropped(&self) -> Option<DropReason> {
        match self.answer {
            Answer::Drop(reason) => Some(reason),
            _ => None,
        }
    }

    pub(in crate::server) fn probe(&self) -> Probe {
        match self.answer {
            Answer::Probe(probe) => probe,
            other => panic!("no probe but {other:?}"),
        }
    }
}

/// What a client sends.
#[derive(Clone, Debug)]
pub(in crate::server) struct Packet {
    pub(in crate::server) arrival: Arrival,
    pub(in crate::server) hardware: HardwareAddress,
    ciaddr: Ipv4Addr,
    giaddr: Ipv4Addr,
    secs: u16,
    flags: u16,
    sname: &'static str,
    options: Vec<(u8, Vec<u8>)>,
}

/// A client on `eth0` with a hardware address of its own, and nothing to say yet.
pub(in crate::server) fn client(n: u16) -> Packet {
    let [high, low] = n.to_be_bytes();
    Packet {
        arrival: Arrival {
            interface: InterfaceIndex(0),
            source_ip: Ipv4Addr::UNSPECIFIED,
            source_port: 68,
            destination_ip: Ipv4Addr::BROADCAST,
        },
        hardware: HardwareAddress::new(1, &[2, 0, 0, 0, high, low]).unwrap(),
        ciaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: Ipv4Addr::UNSPECIFIED,
        secs: 0,
        flags: 0,
        sname: "",
        options: Vec::new(),
    }
}

impl Packet {
    pub(in crate::server) fn kind(self, kind: MessageType) -> Self {
        self.option(code::MESSAGE_TYPE, &[kind as u8])
    }

    pub(in crate::server) fn discover(self) -> Self {
        self.kind(MessageType::Discover)
    }

    pub(in crate::server) fn selecting(self, address: Ipv4Addr) -> Self {
        self.rebooting(address).option(code::SERVER_IDENTIFIER, &SERVER.octets())
    }

    pub(in crate::server) fn rebooting(self, address: Ipv4Addr) -> Self {
        self.kind(MessageType::Request).option(code::REQUESTED_ADDRESS, &address.octets())
    }

    /// By unicast from the address it has.
    pub(in crate::server) fn renewing(self, address: Ipv4Addr) -> Self {
        self.kind(MessageType::Request).from(address)
    }

    pub(in crate::server) fn rebinding(self, address: Ipv4Addr) -> Self {
        Self { ciaddr: address, ..self.kind(MessageType::Request) }
    }

    pub(in crate::server) fn releasing(self, address: Ipv4Addr) -> Self {
        let release = self.kind(MessageType::Release).from(address);
        release.option(code::SERVER_IDENTIFIER, &SERVER.octets())
    }

    pub(in crate::server) fn declining(self, address: Ipv4Addr) -> Self {
        let decline =
            self.kind(MessageType::Decline).option(code::REQUESTED_ADDRESS, &address.octets());
        decline.option(code::SERVER_IDENTIFIER, &SERVER.octets())
    }

    pub(in crate::server) fn from(mut self, address: Ipv4Addr) -> Self {
        self.arrival.source_ip = address;
        self.arrival.destination_ip = SERVER;
        Self { ciaddr: address, ..self }
    }

    pub(in crate::server) fn to(mut self, address: Ipv4Addr) -> Self {
        self.arrival.destination_ip = address;
        self
    }

    /// Through a relay, which sends to the server's own address.
    pub(in crate::server) fn through(mut self, giaddr: impl Into<Ipv4Addr>) -> Self {
        self.giaddr = giaddr.into();
        self.arrival.source_ip = self.giaddr;
        self.arrival.source_port = 67;
        self.to(SERVER)
    }

    pub(in crate::server) fn through_port(mut self, port: u16) -> Self {
        self.arrival.source_port = port;
        self
    }

    pub(in crate::server) fn ciaddr(self, ciaddr: impl Into<Ipv4Addr>) -> Self {
        Self { ciaddr: ciaddr.into(), ..self }
    }

    pub(in crate::server) fn secs(self, secs: u16) -> Self {
        Self { secs, ..self }
    }

    pub(in crate::server) fn broadcast(self) -> Self {
        Self { flags: BROADCAST_FLAG, ..self }
    }

    pub(in crate::server) fn hardware(self, kind: u8, octets: &[u8]) -> Self {
        Self { hardware: HardwareAddress::new(kind, octets).unwrap(), ..self }
    }

    pub(in crate::server) fn sname(self, sname: &'static str) -> Self {
        Self { sname, ..self }
    }

    /// In place of one of this code that there may be.
    pub(in crate::server) fn option(mut self, code: u8, data: &[u8]) -> Self {
        self.options.retain(|(other, _)| *other != code);
        self.options.push((code, data.to_vec()));
        self
    }

    pub(in crate::server) fn without(mut self, code: u8) -> Self {
        self.options.retain(|(other, _)| *other != code);
        self
    }

    /// Option 82 of these sub-options.
    pub(in crate::server) fn relayed(self, sub_options: &[(u8, &[u8])]) -> Self {
        let mut data = Vec::new();
        for (code, sub) in sub_options {
            data.extend([*code, sub.len() as u8]);
            data.extend_from_slice(sub);
        }
        self.option(code::RELAY_AGENT_INFORMATION, &data)
    }

    pub(in crate::server) fn octets(&self) -> Vec<u8> {
        let mut octets = vec![0; 1472];
        let mut writer = Writer::request(&mut octets, 0x1234_5678, &self.hardware);
        writer
            .limit(1500)
            .secs(self.secs)
            .flags(self.flags)
            .ciaddr(self.ciaddr)
            .giaddr(self.giaddr);
        writer.sname(self.sname.as_bytes()).unwrap();
        for (code, data) in &self.options {
            match *code {
                code::RELAY_AGENT_INFORMATION => writer.relay_information(data).unwrap(),
                code => writer.push(code, data).unwrap(),
            }
        }
        let len = writer.finish();
        octets.truncate(len);
        octets
    }
}
