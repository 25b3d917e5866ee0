//! Two hosts joined by one veth pair: the load on one, a server on the other.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use dhcp_user::wire::MacAddr;
use tandem_tests::lab::{Host, Namespace, Server, Settings};

use crate::load::{self, End, Generator, Target};
use crate::state::{self, Protocol};

/// Ethernet address of the clients' end, where a router or a relay speaks for them.
const GENERATOR_MAC: MacAddr = MacAddr([2, 0xee, 0, 0, 0, 1]);
/// Ethernet address of the server's end.
const SERVER_MAC: MacAddr = MacAddr([2, 0xee, 0, 0, 0, 2]);

/// The server, as the clients know it.
pub(crate) const TARGET: Target = Target {
    address: IpAddr::V4(state::SERVER),
    mac: SERVER_MAC,
    own_mac: GENERATOR_MAC,
    relay: IpAddr::V4(state::RELAY),
};

/// The same as clients of this protocol know it.
pub(crate) fn target(protocol: Protocol) -> Target {
    match protocol {
        Protocol::Dhcpv4 => TARGET,
        Protocol::Dhcpv6 => {
            Target { address: state::v6::SERVER.into(), relay: state::v6::RELAY.into(), ..TARGET }
        }
    }
}

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

/// The two hosts, on which one protocol is spoken.
pub(crate) struct Rig {
    protocol: Protocol,
    generator: Namespace,
    server: Namespace,
    divert: PathBuf,
}

impl Rig {
    /// Builds the pair with one queue each way; `divert` is the XDP object of its own ends.
    pub(crate) fn new(protocol: Protocol, divert: PathBuf) -> Self {
        Self::with_queues(protocol, divert, 1)
    }

    /// The same with more queues. The load arrives on the first, as that of one relay does.
    pub(crate) fn with_queues(protocol: Protocol, divert: PathBuf, queues: u32) -> Self {
        let (generator, server) = (Namespace::new("load"), Namespace::new("far"));
        let rig = Self { protocol, generator, server, divert };
        if protocol == Protocol::Dhcpv6 {
            // Before there is an interface, which then has its link-local address at once.
            rig.server.speak_ipv6();
        }
        rig.generator.join_by_queues(INTERFACE, &rig.server, INTERFACE, queues);
        for (host, mac) in [(&rig.generator, GENERATOR_MAC), (&rig.server, SERVER_MAC)] {
            host.ip(&["link", "set", INTERFACE, "address", &mac.to_string()]);
        }
        match protocol {
            Protocol::Dhcpv4 => {
                let address = format!("{}/8", state::SERVER);
                rig.server.ip(&["addr", "add", &address, "dev", INTERFACE]);
                rig.route(&state::ROUTER.into(), &BEHIND_THE_ROUTER);
            }
            Protocol::Dhcpv6 => {
                rig.server.add_ipv6(state::v6::SERVER, INTERFACE);
                rig.route(&state::v6::ROUTER.into(), &[state::v6::RELAYS, state::v6::CLIENTS]);
            }
        }
        rig
    }

    /// The generator answers no ARP and no solicitation, and a server that sends through the kernel would
    /// ask for each client: there is one neighbour, and it is known.
    fn route(&self, router: &IpAddr, prefixes: &[&str]) {
        let (router, mac) = (router.to_string(), GENERATOR_MAC.to_string());
        self.server.ip(&["neigh", "add", &router, "lladdr", &mac, "dev", INTERFACE]);
        for prefix in prefixes {
            self.server.ip(&["route", "add", prefix, "via", &router, "dev", INTERFACE]);
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
        Ok(Generator::new(end, target(self.protocol)))
    }

    /// Has the clients' end send `frame` so many times a second, or as many as their core manages beside
    /// them, until it is over.
    pub(crate) fn flood(&self, frame: &[u8], rate: f64, is_over: &AtomicBool) -> Result<()> {
        self.generator.inside(|| load::flood(INTERFACE, &self.divert, frame, rate, is_over))
    }

    /// What is spoken.
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
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
