//! From a request's octets to the reply's, with a million leases: all that a worker does but for
//! frames, rings and disk.

use std::net::Ipv4Addr;

use criterion::Criterion;
use dhcp_user::lease::{Layout, Limits, Table, Views, WriterId, in_turn};
use dhcp_user::server::{
    Answer, Arrival, InterfaceAddress, InterfaceAddresses, InterfaceIndex, Service, Workspace,
    World,
};
use dhcp_user::wire::Stamp;
use dhcp_user::wire::frame::Frame;

use super::requests::{LEASES, measure};
use crate::state::{self, Protocol};

/// A server without wire and disk.
pub(crate) struct Server {
    service: Service,
    table: Table,
    limits: Limits,
    views: Views,
    work: Workspace,
    now: Stamp,
    reply: Vec<u8>,
}

/// `server/v4`, in packets.
pub(super) fn benchmarks(criterion: &mut Criterion) {
    let mut server = Server::new(LEASES);
    let names = ["DISCOVER", "REQUEST, renewing"];
    measure(criterion, (Protocol::Dhcpv4, "server/v4"), names, |frame| {
        server.gives(frame).map(Into::into)
    });
}

impl Server {
    /// One that holds the leases of so many clients.
    pub(crate) fn new(leases: u32) -> Self {
        let config = state::config().expect("our own configuration");
        let own = InterfaceAddress { address: state::SERVER, prefix_len: 8 };
        let service = Service::new(
            &config,
            &[InterfaceAddresses { addresses: vec![own], ..Default::default() }],
        );
        let table = Table::new(Layout::of(&config));
        let now = state::now();
        for number in 0..leases {
            table.restore(state::address(number), state::lease(number, now));
        }
        table.finish_restore(&in_turn);
        let (limits, work, reply) =
            (Limits::new(), Workspace::new(WriterId::default()), vec![0; 1472]);
        let views = Views::default();
        Self { service, table, limits, views, work, now, reply }
    }

    /// Whether there is a reply to the request in `frame`.
    pub(crate) fn answers(&mut self, frame: &[u8]) -> bool {
        self.gives(frame).is_some()
    }

    /// The client's address (`yiaddr`) in the reply to the request in `frame`, if there is one.
    pub(crate) fn gives(&mut self, frame: &[u8]) -> Option<Ipv4Addr> {
        let Self { service, table, limits, views, work, now, reply } = self;
        let frame = Frame::parse(frame).ok()?;
        let arrival = Arrival {
            interface: InterfaceIndex(0),
            source_ip: frame.source_ip,
            source_port: frame.source_port,
            destination_ip: frame.destination_ip,
        };
        let world = World { now: *now, service, table, limits, views };
        let answer = world.answer(&arrival, frame.payload, work, reply);
        let octets = *reply.get(16..)?.first_chunk::<4>()?;
        matches!(answer, Answer::Reply(_)).then_some(octets.into())
    }
}
