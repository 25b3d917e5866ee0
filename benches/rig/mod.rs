//! Two hosts joined by one veth pair: a load generator on one, on the other the server or, for the
//! limit, a reflector. All of them are on AF_XDP.

mod end;
mod generator;
mod reflector;
mod request;

pub(crate) use generator::{Expect, Generator, Outcome};
pub(crate) use reflector::Reflector;
pub(crate) use request::{HEADERS_LEN, Template};

use std::path::PathBuf;

use anyhow::Result;
use dhcp_user::wire::MacAddr;
use rustix::thread::{CpuSet, sched_setaffinity};
use tandem_tests::lab::{Host, Namespace, Server, Settings};

use crate::state;

/// Ethernet addresses of the two ends.
const GENERATOR_MAC: MacAddr = MacAddr([2, 0xee, 0, 0, 0, 1]);
/// See [`GENERATOR_MAC`].
pub(crate) const SERVER_MAC: MacAddr = MacAddr([2, 0xee, 0, 0, 0, 2]);

/// The interface on either side.
const INTERFACE: &str = "eth0";

/// Between the server and its partner.
const WIRE: &str = "eth1";

/// The core of the generator, and that of the server's worker or the reflector.
const GENERATOR_CORE: usize = 0;
/// See [`GENERATOR_CORE`].
pub(crate) const SERVER_CORE: usize = 1;

/// The two hosts.
pub(crate) struct Rig {
    generator: Namespace,
    server: Namespace,
    divert: PathBuf,
}

impl Rig {
    /// Builds the pair with one queue each way; `divert` is the XDP object of its own ends.
    pub(crate) fn new(divert: PathBuf) -> Self {
        let rig = Self { generator: Namespace::new("load"), server: Namespace::new("far"), divert };
        let queues = ["numrxqueues", "1", "numtxqueues", "1"];
        let here = [&["link", "add", INTERFACE][..], &queues, &["type", "veth"]].concat();
        let there = ["peer", "name", INTERFACE, "netns", rig.server.name()];
        rig.generator.ip(&[&here[..], &there, &queues].concat());
        for (host, mac) in [(&rig.generator, GENERATOR_MAC), (&rig.server, SERVER_MAC)] {
            host.ip(&["link", "set", INTERFACE, "address", &mac.to_string()]);
            host.ip(&["link", "set", INTERFACE, "up"]);
        }
        let own = format!("{}/8", state::SERVER);
        rig.server.ip(&["addr", "add", &own, "dev", INTERFACE]);
        rig
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

    /// A load generator on its host, for at most `window` requests under way.
    pub(crate) fn generator(&self, window: usize) -> Result<Generator> {
        let end = self.generator.inside(|| end::End::open(INTERFACE, &self.divert))?;
        Ok(Generator::new(end, window))
    }

    /// A reflector in the server's place, until it is dropped.
    pub(crate) fn reflector(&self) -> Result<Reflector> {
        let end = self.server.inside(|| end::End::open(INTERFACE, &self.divert))?;
        Ok(Reflector::start(end))
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

/// Has the calling thread run on this core alone.
fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    // On a machine with one core everything runs there anyway.
    let _ = sched_setaffinity(None, &cores);
}
