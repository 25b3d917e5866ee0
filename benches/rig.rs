//! Two hosts joined by one veth pair: the load on one, a server on the other.

use std::path::PathBuf;

use anyhow::Result;
use dhcp_user::wire::MacAddr;
use tandem_tests::lab::{Host, Namespace, Server, Settings};

use crate::load::{End, Generator, Target};
use crate::state;

/// Ethernet address of the clients' end, where a router or a relay speaks for them.
const GENERATOR_MAC: MacAddr = MacAddr([2, 0xee, 0, 0, 0, 1]);
/// Ethernet address of the server's end.
const SERVER_MAC: MacAddr = MacAddr([2, 0xee, 0, 0, 0, 2]);

/// The server, as the clients know it.
pub(crate) const TARGET: Target =
    Target { address: state::SERVER, mac: SERVER_MAC, own_mac: GENERATOR_MAC, relay: state::RELAY };

/// The interface on either side.
const INTERFACE: &str = "eth0";

/// Between the server and its partner.
const WIRE: &str = "eth1";

/// The core of the server's worker or the reflector; the generator has another one.
pub(crate) const SERVER_CORE: usize = 1;

/// The pool's addresses and the relays' are behind the router: more specific than the link's own prefix.
const BEHIND_THE_ROUTER: [&str; 8] = [
    "10.1.0.0/16",
    "10.2.0.0/15",
    "10.4.0.0/14",
    "10.8.0.0/13",
    "10.16.0.0/12",
    "10.32.0.0/11",
    "10.64.0.0/10",
    "10.128.0.0/9",
];

/// The two hosts.
pub(crate) struct Rig {
    generator: Namespace,
    server: Namespace,
    divert: PathBuf,
}

impl Rig {
    /// Builds the pair with one queue each way; `divert` is the XDP object of its own ends.
    pub(crate) fn new(divert: PathBuf) -> Self {
        Self::with_queues(divert, 1)
    }

    /// The same with more queues. The load arrives on the first, as that of one relay does.
    pub(crate) fn with_queues(divert: PathBuf, queues: u32) -> Self {
        let rig = Self { generator: Namespace::new("load"), server: Namespace::new("far"), divert };
        rig.generator.join_by_queues(INTERFACE, &rig.server, INTERFACE, queues);
        for (host, mac) in [(&rig.generator, GENERATOR_MAC), (&rig.server, SERVER_MAC)] {
            host.ip(&["link", "set", INTERFACE, "address", &mac.to_string()]);
        }
        rig.server.ip(&["addr", "add", &format!("{}/8", state::SERVER), "dev", INTERFACE]);
        rig.route_to_clients();
        rig
    }

    /// The generator answers no ARP, and a server that sends through the kernel would ask for each
    /// client: there is one neighbour, and it is known.
    fn route_to_clients(&self) {
        let (router, mac) = (state::ROUTER.to_string(), GENERATOR_MAC.to_string());
        self.server.ip(&["neigh", "add", &router, "lladdr", &mac, "dev", INTERFACE]);
        for prefix in BEHIND_THE_ROUTER {
            self.server.ip(&["route", "add", prefix, "via", &router]);
        }
    }

    /// A third host with this network on it, where nobody else is, and a wire of its own to the
    /// server's on which it is host B.
    pub(crate) fn partner(&self) -> Namespace {
        let partner = Namespace::new("partner");
        partner.join(INTERFACE, &partner, "nobody");
        partner.ip(&["addr", "add", &format!("{}/8", state::PARTNER), "dev", INTERFACE]);
        self.server.join(WIRE, &partner, WIRE);
        for (namespace, host) in [(&self.server, Host::A), (&partner, Host::B)] {
            let address = format!("{}/24", host.failover_address());
            namespace.ip(&["addr", "add", &address, "dev", WIRE]);
        }
        partner
    }

    /// The clients.
    pub(crate) fn generator(&self) -> Result<Generator> {
        let end = self.generator.inside(|| End::open(INTERFACE, &self.divert))?;
        Ok(Generator::new(end, TARGET))
    }

    /// The server's end of the wire, for whoever is none.
    pub(crate) fn server_end(&self) -> Result<End> {
        self.server.inside(|| End::open(INTERFACE, &self.divert))
    }

    /// Where a server runs.
    pub(crate) fn host(&self) -> &Namespace {
        &self.server
    }

    /// The server itself, answering; one worker on [`SERVER_CORE`].
    pub(crate) fn server(&self, settings: Settings) -> Server {
        Server::start(&self.server, settings)
    }

    /// The server, just started.
    pub(crate) fn launch(&self, settings: Settings) -> Server {
        Server::launch(&self.server, settings)
    }
}
