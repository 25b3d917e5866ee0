//! From a request's octets to the reply's in DHCPv6: see [`server`](super::server).

use std::net::IpAddr;

use criterion::Criterion;
use dhcp_user::lease::{Layout, Limits, Resource, Table, Views, WriterId, in_turn};
use dhcp_user::server::v6::{Arrival, Service, World};
use dhcp_user::server::{InterfaceIndex, Workspace};
use dhcp_user::wire::Stamp;
use dhcp_user::wire::dhcpv6::{Datagram, Duid, HOP_COUNT_LIMIT};
use dhcp_user::wire::frame::Frame;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::requests::{LEASES, measure};
use crate::state::{self, Protocol};

/// A server without wire and disk.
pub(crate) struct ServerV6 {
    service: Service,
    table: Table,
    limits: Limits,
    views: Views,
    work: Workspace,
    now: Stamp,
    random: SmallRng,
    reply: Vec<u8>,
}

/// `server/v6`, in packets.
pub(super) fn benchmarks(criterion: &mut Criterion) {
    let mut server = ServerV6::new(LEASES);
    let names = ["Solicit", "Renew"];
    measure(criterion, (Protocol::Dhcpv6, "server/v6"), names, |frame| server.gives(frame));
}

impl ServerV6 {
    /// One that holds the leases of so many clients.
    pub(crate) fn new(leases: u32) -> Self {
        let config = state::read(&state::configuration(Protocol::Dhcpv6));
        let config = config.expect("our own configuration");
        let table = Table::new(Layout::of_ipv6(&config, None).expect("our own pool has its place"));
        let duid = Duid::new(&state::v6::DUID).expect("our own DUID");
        let own = vec![vec![state::v6::SERVER]];
        let service = Service::new(&config, &table.layout(), duid, &own);
        let now = state::now();
        for number in 0..leases {
            let id = table.layout().place(Resource::Ipv6(state::v6::address(number)));
            let lease = state::lease_to(state::v6::client(number), now);
            table.restore(id.expect("it is in the pool"), lease);
        }
        table.finish_restore(&in_turn);
        Self {
            service,
            table,
            limits: Limits::new(),
            views: Views::default(),
            work: Workspace::new(WriterId::default()),
            now,
            random: SmallRng::seed_from_u64(1),
            reply: vec![0; 1452],
        }
    }

    /// Whether the request in `frame` gets a reply.
    pub(crate) fn answers(&mut self, frame: &[u8]) -> bool {
        self.answer(frame).is_some()
    }

    /// The client's address in the reply to the request in `frame`, if there is one.
    pub(crate) fn gives(&mut self, frame: &[u8]) -> Option<IpAddr> {
        let len = self.answer(frame)?;
        let told = Datagram::parse(&self.reply[..len], HOP_COUNT_LIMIT).ok()?;
        let given = told.message.ias().next()?.addresses().next()?.address();
        Some(given.into())
    }

    /// Octets of the reply, if there is one.
    fn answer(&mut self, frame: &[u8]) -> Option<usize> {
        let Self { service, table, limits, views, work, now, random, reply } = self;
        let frame = Frame::parse_v6(frame).ok()?;
        let arrival = Arrival {
            interface: InterfaceIndex(0),
            source_ip: frame.source_ip,
            source_port: frame.source_port,
            destination_ip: frame.destination_ip,
        };
        let world = World { now: *now, service, table, limits, views };
        let mut draw = || random.random();
        let answer = world.answer(&arrival, frame.payload, &mut draw, work, reply).ok()?;
        Some(answer.len)
    }
}
